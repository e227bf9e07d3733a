"""The rules of optax as plain NumPy loops. Each yields the parameters after every step."""

import numpy as np

from tests.goldens.problem import STEPS


def _at(rate, t):
    return rate(t) if callable(rate) else rate


def sgd(x, gradient, learning_rate, momentum=None, nesterov=False):
    b, mu = 0, momentum or 0
    for t in range(STEPS):
        g = gradient(t, x)
        b = mu * b + g
        x = x - _at(learning_rate, t) * (g + mu * b if nesterov else b)
        yield x


def rmsprop(
    x,
    gradient,
    learning_rate,
    decay=0.9,
    eps=1e-8,
    initial_scale=0.0,
    eps_in_sqrt=True,
    centered=False,
    momentum=None,
    nesterov=False,
    bias_correction=False,
):
    s, m, v, mu = initial_scale, 0, 0, momentum or 0
    for t in range(STEPS):
        g = gradient(t, x)
        s = decay * s + (1 - decay) * g * g
        m = decay * m + (1 - decay) * g
        debias = 1 - decay ** (t + 1) if bias_correction else 1
        square = s / debias - (m / debias) ** 2 if centered else s / debias
        root = np.sqrt(square + eps) if eps_in_sqrt else np.sqrt(square) + eps
        u = _at(learning_rate, t) * g / root
        v = mu * v + u
        x = x - (u + mu * v if nesterov else v)
        yield x


def adagrad(x, gradient, learning_rate, initial_accumulator_value=0.1, eps=1e-7):
    s = initial_accumulator_value
    for t in range(STEPS):
        g = gradient(t, x)
        s = s + g * g
        x = x - learning_rate * np.where(s > 0, g / np.sqrt(s + eps), 0)
        yield x


def adadelta(x, gradient, learning_rate=None, rho=0.9, eps=1e-6, weight_decay=0.0):
    """Without a learning rate optax leaves the sign as it is: the parameters climb."""
    s, d = 0, 0
    scale = 1 if learning_rate is None else -learning_rate
    for t in range(STEPS):
        g = gradient(t, x) + weight_decay * x
        s = rho * s + (1 - rho) * g * g
        u = np.sqrt(d + eps) / np.sqrt(s + eps) * g
        d = rho * d + (1 - rho) * u * u
        x = x + scale * u
        yield x


def adam(x, gradient, learning_rate, b1=0.9, b2=0.999, eps=1e-8, eps_root=0.0, nesterov=False):
    """Under Nesterov the old mean is corrected for a step later than the gradient."""
    m, v = 0, 0
    for t in range(STEPS):
        g = gradient(t, x)
        m = b1 * m + (1 - b1) * g
        v = b2 * v + (1 - b2) * g * g
        mean = m / (1 - b1 ** (t + 1))
        if nesterov:
            mean = b1 * m / (1 - b1 ** (t + 2)) + (1 - b1) * g / (1 - b1 ** (t + 1))
        x = x - learning_rate * mean / (np.sqrt(v / (1 - b2 ** (t + 1)) + eps_root) + eps)
        yield x
