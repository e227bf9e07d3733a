"""torch's side of ``rows.py``, in a process of its own: an embedding with ``sparse=True``.

Reads a plan on the command line as JSON, and prints the milliseconds a step of every block.
"""

import json
import sys
import time
import warnings

import numpy as np
import torch


def main() -> None:
    """Times one rule with so many threads."""
    plan = json.loads(sys.argv[1])
    warnings.filterwarnings("ignore", "Sparse invariant checks")
    torch.set_num_threads(plan["threads"])
    data = np.load(plan["data"])
    ids, g = torch.from_numpy(data["ids"]), torch.from_numpy(data["g"])
    embed = torch.nn.Embedding(plan["rows"], g.shape[1], sparse=True)
    optimizers = {"adagrad": torch.optim.Adagrad, "sgd": torch.optim.SGD}
    optimizer = optimizers[plan["rule"]](embed.parameters(), lr=0.1)

    def step(batch: torch.Tensor) -> None:
        optimizer.zero_grad()
        (embed(batch) * g).sum().backward()
        optimizer.step()

    milliseconds = []
    for block in range(plan["blocks"] + 1):  # the first warms up
        began = time.perf_counter()
        for k in range(plan["steps"]):
            step(ids[(block * plan["steps"] + k) % len(ids)])
        milliseconds.append((time.perf_counter() - began) * 1e3 / plan["steps"])
    print(json.dumps(milliseconds[1:]))


if __name__ == "__main__":
    main()
