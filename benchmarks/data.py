"""What every side of a comparison is given, torch's too: nothing here imports jax."""

import numpy as np

RULES = ("sgd", "momentum", "nesterov", "rmsprop", "adagrad")
RATE, DECAY, EPS = 0.01, 0.9, 1e-7
WARM_UP = 3  # steps that every way takes before it is timed, after which the params must agree
BATCH = 8  # rows of the batch of the memory's problem


def streams(rule: str) -> int:
    """How many arrays a step in place reads or writes: params twice, gradients, and a state twice."""
    return 3 if rule == "sgd" else 5


def arrays(count: int, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Params and gradients ``[count, size]``, float32, of both signs.

    All are from 0.5 to 1.5 in magnitude, so that it does not matter where a rule adds its epsilon.
    """
    draw = np.random.default_rng(0)

    def signed() -> np.ndarray:
        x = draw.random((count, size), np.float32)
        x *= 2
        x -= 1
        return np.copysign(np.abs(x) + np.float32(0.5), x)

    return signed(), signed()


def sample(leaves: list[np.ndarray]) -> list[float]:
    """Eight numbers of the first leaf and eight of the last: what two ways are compared by."""
    ends = [np.ravel(leaf) for leaf in (leaves[0], leaves[-1])]
    return [float(x) for leaf in ends for x in leaf[:: max(1, leaf.size // 8)][:8]]


def batch(size: int) -> np.ndarray:
    """The memory's problem: rows that a square matrix of about ``size`` params multiplies."""
    width = round(size**0.5)
    return np.random.default_rng(1).normal(size=(BATCH, width)).astype(np.float32)
