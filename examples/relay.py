"""One model, trained by torch, Keras, optax and this library in turn as if by one of them alone.

After every 100 steps the weights and the velocity go on to the next framework, and the learning rate lr
is halved. The velocities are not the same thing: torch and optax keep b = mu b + g and step by -lr b,
Keras and the slides keep v = mu v - lr g and step by v. So v = -lr b, with the lr of the next step.
``jaxopt_slides.presets`` convert them; beside them runs a naive copy of the buffers, which jumps.

Only momentum races, since with it all four take the same steps. RMSProp has its epsilon outside the
root in torch and inside it in Keras and optax: converting states cannot make these one rule.
"""

import argparse
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from relay_runners import MU, OUTSIDE, RUNNERS, Arrays, Runner, load_framework

import jaxopt_slides as jos

LEGS, FIRST_RATE = "torch,keras,optax,jaxopt_slides,torch", 0.16
LIMIT = 1e-9
HIDDEN = 16
PRESETS: dict[str, Any] = {
    "torch": jos.presets.torch,
    "keras": jos.presets.keras,
    "optax": jos.presets.optax,
    "jaxopt_slides": jos.presets.torch,  # its runner saves in PyTorch's words
}


class Leg(NamedTuple):
    """A part of the race."""

    framework: str
    rate: float


class Run(NamedTuple):
    """A run from before its first step to after its last."""

    losses: np.ndarray  # [steps + 1]
    weights: np.ndarray  # [steps + 1, weights]


class Race(NamedTuple):
    """The three runs."""

    legs: list[Leg]
    single: Run
    relay: Run
    naive: Run


def two_moons(count: int = 100) -> tuple[np.ndarray, np.ndarray]:
    """Points on two half circles that reach into each other, ``[2 count, 2]``, and which is which."""
    angle = np.linspace(0, np.pi, count)
    upper = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    lower = np.stack([1 - np.cos(angle), 0.5 - np.sin(angle)], axis=1)
    return np.concatenate([upper, lower]), np.repeat([1.0, -1.0], count)


def first_weights() -> Arrays:
    """The weights of a network with one hidden layer."""
    rng = np.random.default_rng(0)
    return [rng.normal(size=(2, HIDDEN)), np.zeros(HIDDEN), rng.normal(size=HIDDEN) / 4]


@jax.jit
def loss(weights: list[jax.Array]) -> jax.Array:
    """The logistic loss on all points; the same function in every leg."""
    points, sign = two_moons()
    inner, bias, outer = weights
    score = jnp.tanh(points @ inner + bias[None]) @ outer
    return jnp.mean(jnp.logaddexp(0, -sign * score))


gradients = jax.jit(jax.grad(loss))


def start(leg: Leg) -> tuple[Runner, list[Arrays]]:
    """The first runner, and the weights so far."""
    weights = first_weights()
    return RUNNERS[leg.framework](weights, leg.rate), [weights]


def train(runner: Runner, steps: int, so_far: list[Arrays]) -> None:
    """Some steps in one framework, the weights after each added to those so far."""
    for _ in range(steps):
        runner.step([np.array(g) for g in gradients(so_far[-1])])
        so_far.append(runner.weights())


def measured(so_far: list[Arrays]) -> Run:
    """The losses with those weights."""
    flat = [np.concatenate([w.ravel() for w in weights]) for weights in so_far]
    return Run(np.array([float(loss(weights)) for weights in so_far]), np.stack(flat))


def stay(legs: list[Leg], steps: int) -> Run:
    """All legs in the framework of the first."""
    runner, so_far = start(legs[0])
    for leg in legs:
        runner.set_rate(leg.rate)
        train(runner, steps, so_far)
    return measured(so_far)


def pass_on(legs: list[Leg], steps: int, hand_over: Callable[..., None]) -> Run:
    """Each leg in its framework."""
    runner, so_far = start(legs[0])
    train(runner, steps, so_far)
    for last, leg in pairwise(legs):
        follower = RUNNERS[leg.framework](so_far[-1], leg.rate)
        hand_over(last, runner, leg, follower, len(so_far) - 1)
        runner = follower
        train(runner, steps, so_far)
    return measured(so_far)


def copy_buffers(_last: Leg, runner: Runner, _leg: Leg, follower: Runner, _count: int) -> None:
    """The naive way: a velocity is a velocity."""
    follower.set_velocity(runner.velocity())


def convert(last: Leg, runner: Runner, leg: Leg, follower: Runner, count: int) -> None:
    """Out of one framework into a state of this library, and out of that into the next framework."""
    weights = runner.weights()
    state = state_from(last, weights, runner.save(), count)
    follower.load(PRESETS[leg.framework].to_state_dict(baton(leg), weights, state))


def baton(leg: Leg) -> jos.GradientTransformation:
    """The rule whose state is handed over: a learning rate outside the velocity may be halved."""
    return jos.presets.torch.sgd(leg.rate, momentum=MU)


def state_from(leg: Leg, weights: Arrays, saved: Any, count: int) -> Any:
    """The baton's state after a leg. Keras counts its steps, the others have to be told."""
    told = {} if leg.framework == "keras" else {"count": count}
    return PRESETS[leg.framework].load_state(baton(leg), weights, saved, **told)


def run_race(legs: list[Leg], steps: int) -> Race:
    """The relay, the run that stays in one framework and the naive copy, in float64."""
    with jax.enable_x64(True):
        single, relay = stay(legs, steps), pass_on(legs, steps, convert)
        return Race(legs, single, relay, pass_on(legs, steps, copy_buffers))


def distance(a: Run, b: Run) -> np.ndarray:
    """The largest difference in any weight, before each step and after the last."""
    return np.abs(a.weights - b.weights).max(axis=1)


def table(race: Race, steps: int) -> str:
    """What each leg ends with, and the worst of the naive copy on the way."""
    apart = distance(race.relay, race.single)
    head = f"{'leg':>3}  {'framework':14} {'rate':>6} {'loss at its end':>16} {'in one framework':>17}"
    lines = [f"{head} {'distance':>9} {'worst loss, naive copy':>23}"]
    for i, leg in enumerate(race.legs):
        end = (i + 1) * steps
        row = f"{i + 1:3}  {leg.framework:14} {leg.rate:6g} {race.relay.losses[end]:16.12f}"
        worst = race.naive.losses[end - steps + 1 : end + 1].max()
        lines.append(f"{row} {race.single.losses[end]:17.12f} {apart[end]:9.1e} {worst:23.4f}")
    return "\n".join(lines)


def at_least_one(text: str) -> int:
    """A whole number from the command line."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least 1")
    return int(text)


def leg_names(text: str) -> list[str]:
    """Frameworks from the command line."""
    names = text.split(",")
    for name in names:
        if name not in RUNNERS:
            raise argparse.ArgumentTypeError(f"unknown {name!r}; known are {', '.join(RUNNERS)}")
    if names[0] not in OUTSIDE:
        raise argparse.ArgumentTypeError(f"the first leg must be {' or '.join(OUTSIDE)}")
    return names


def parse(argv: list[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
        description="Trains one model with momentum, handed from framework to framework, and compares "
        "it with a run that stays in the first of them and with a naive copy of the velocities.",
    )
    legs = f"who runs, in order and with commas between: {', '.join(RUNNERS)}"
    parser.add_argument("--legs", type=leg_names, default=LEGS, metavar="A,B", help=legs)
    parser.add_argument("--steps", type=at_least_one, default=100, metavar="N", help="steps a leg")
    out = "where the picture goes"
    parser.add_argument("--out", type=Path, default=Path("relay.png"), metavar="PATH", help=out)
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> Race:
    """Races, prints the table, saves the picture; fails if the relay left the single run."""
    options = parse(argv)
    for name in dict.fromkeys(["matplotlib", *options.legs]):
        load_framework(name)  # say what is missing before anything runs
    import relay_picture

    legs = [Leg(name, FIRST_RATE / 2**i) for i, name in enumerate(options.legs)]
    race = run_race(legs, options.steps)
    apart = distance(race.relay, race.single).max()
    print(table(race, options.steps))
    print(f"\nNo weight of the relay is ever farther than {apart:.1e} from {legs[0].framework} alone.")
    relay_picture.save(race, options.steps, LIMIT, options.out)
    print(f"picture: {options.out}")
    if not apart <= LIMIT:
        raise SystemExit(f"The relay left the run in one framework: {apart:.1e} is above {LIMIT:g}.")
    return race


if __name__ == "__main__":
    main()
