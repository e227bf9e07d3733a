"""torch's side, in a process of its own without jax: requests and answers as ``child.py`` has them."""

import gc
import json
import sys
import time
from collections.abc import Callable
from typing import Any

import torch

from benchmarks.data import DECAY, EPS, RATE, WARM_UP, arrays, batch, sample
from benchmarks.machine import cores
from benchmarks.resident import peak_of

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
RULES: dict[str, tuple[Callable[..., Any], dict[str, Any]]] = {
    "sgd": (torch.optim.SGD, {}),
    "momentum": (torch.optim.SGD, {"momentum": DECAY}),
    "nesterov": (torch.optim.SGD, {"momentum": DECAY, "nesterov": True}),
    "rmsprop": (torch.optim.RMSprop, {"alpha": DECAY, "eps": EPS}),
    "adagrad": (torch.optim.Adagrad, {"eps": EPS}),
}
KINDS: dict[str, dict[str, bool]] = {
    "torch, fused": {"fused": True},
    "torch, foreach": {"foreach": True},
    "torch, loop": {"foreach": False},
}


def wait() -> None:
    """For what the device has been given."""
    if DEVICE == "cuda":
        torch.cuda.synchronize()


def make(rule: str, kind: str, params: list[torch.Tensor]) -> Any:
    """The optimizer, or None where torch has no such kind.

    Its foreach Nesterov overwrites the gradients, so that no second step can be taken with them.
    """
    if (rule, kind) == ("nesterov", "torch, foreach"):
        return None
    maker, options = RULES[rule]
    try:
        return maker(params, lr=RATE, **options, **KINDS[kind])
    except (TypeError, RuntimeError):
        if kind != "torch, fused":
            raise
        return None


class Stepping:
    """One optimizer at work with gradients that are given."""

    def __init__(self, optimizer: Any, params: list[torch.Tensor]):
        """Takes the first steps."""
        self.optimizer, self.params = optimizer, params
        self.take(WARM_UP)

    def take(self, steps: int) -> None:
        """So many steps, waited for."""
        for _ in range(steps):
            self.optimizer.step()
        wait()

    def block(self, steps: int) -> float:
        """The milliseconds of each of ``steps``, after one that is not counted."""
        self.take(1)
        began = time.perf_counter()
        self.take(steps)
        return (time.perf_counter() - began) * 1e3 / steps

    def found(self) -> list[float]:
        """Some of the params."""
        return sample([x.detach().cpu().numpy() for x in (self.params[0], self.params[-1])])


def steps(plan: dict[str, Any]) -> dict[str, Stepping]:
    """Every kind that torch has of the plan's rule, with params of its own."""
    values, gradients = arrays(plan["count"], plan["size"])
    gradients = [torch.tensor(g, device=DEVICE) for g in gradients]
    found = {}
    for kind in KINDS:
        params = [torch.nn.Parameter(torch.tensor(w, device=DEVICE)) for w in values]
        for w, g in zip(params, gradients, strict=True):
            w.grad = g
        optimizer = make(plan["rule"], kind, params)
        if optimizer:
            found[kind] = Stepping(optimizer, params)
    return found


def peak(plan: dict[str, Any]) -> float:
    """The most memory in MiB that training takes beyond what there was before the params."""
    x = torch.tensor(batch(plan["size"]))

    def train() -> None:
        w = torch.nn.Parameter(torch.zeros(x.shape[1], x.shape[1]))
        maker, options = RULES[plan["rule"]]
        kind = {} if plan["rule"] == "rmsprop" else {"fused": True}
        optimizer = maker([w], lr=RATE, **options, **kind)
        for _ in range(plan["steps"]):
            optimizer.zero_grad()
            ((x @ w - 1) ** 2).mean().backward()
            optimizer.step()

    train()
    gc.collect()
    return peak_of(train)


def main() -> None:
    """Answers every line of standard input."""
    torch.set_num_threads(cores())
    print(json.dumps({"version": torch.__version__, "threads": torch.get_num_threads()}), flush=True)
    ways: dict[str, Callable[[], float]] = {}
    for line in sys.stdin:
        request = json.loads(line)
        if "time" in request:
            reply: Any = ways[request["time"]]()
        elif "kind" in request["start"]:
            plan, reply = request["start"], {"torch": []}
            ways = {"torch": lambda plan=plan: peak(plan)}
        else:
            plan = request["start"]
            ways = {}
            gc.collect()
            made = steps(plan)
            ways = {kind: lambda s=s, plan=plan: s.block(plan["steps"]) for kind, s in made.items()}
            reply = {kind: s.found() for kind, s in made.items()}
        print(json.dumps(reply), flush=True)


if __name__ == "__main__":
    main()
