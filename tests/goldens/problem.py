"""The problem that all golden runs solve: a noisy quadratic of 24 parameters.

Only NumPy is needed. The framework and our replay both ask ``gradient`` for the gradient at their own
parameters (a closed loop), so that an error feeds back into the run.
"""

import numpy as np

SHAPES = ((5, 4), (4,))
SIZE = 24
STEPS = 200


def _uniform(seed, shape):
    """Numbers in [-1, 1), the same in every NumPy, exact in float32."""
    raw = np.random.PCG64(seed).random_raw(int(np.prod(shape)))
    return ((raw >> np.uint64(40)).astype(float) / 2.0**23 - 1).reshape(shape)


_INDEX = np.arange(SIZE)
START = ((7 * _INDEX) % 33 - 16) / 8
TARGET = ((11 * _INDEX + 5) % 33 - 16) / 8
CURVATURE = np.geomspace(0.05, 5, SIZE).astype(np.float32).astype(float)
NOISE_SCALE = np.full(SIZE, 0.5)
# Gradients of 1e-6 to 1e-4, which the place of epsilon decides about.
TINY = np.array([3, 9, 15, 21])
CURVATURE[TINY] = [2.0**-20, 2.0**-17, 2.0**-15, 2.0**-13]
NOISE_SCALE[TINY] = CURVATURE[TINY] / 2
START[TINY] = [0, 1, 0, -1]
TARGET[TINY] = [-1, 2, 1, -2]
# The gradient of one parameter is exactly zero at first.
SILENT, SILENT_STEPS = 11, 20
NOISE = NOISE_SCALE * _uniform(20, (STEPS, SIZE))


def gradient(t, x, dtype):
    """The gradient of step t = 0, 1, … at the flat parameters, computed in the dtype."""
    a, target, noise = (v.astype(dtype) for v in (CURVATURE, TARGET, NOISE[t]))
    g = a * (np.asarray(x, dtype) - target) + noise
    if t < SILENT_STEPS:
        g[SILENT] = 0
    return g


def split(vector):
    """The flat parameters as leaves of SHAPES."""
    return [vector[:20].reshape(SHAPES[0]), vector[20:].reshape(SHAPES[1])]


def join(leaves):
    """The leaves as one flat vector."""
    return np.concatenate([np.asarray(leaf).ravel() for leaf in leaves])
