"""torch's rules as plain NumPy loops. Each yields the parameters after every step."""

import numpy as np

from tests.goldens.problem import STEPS


def _ascended(g, x, maximize, weight_decay):
    """torch turns the gradient around first and then decays the weights."""
    return (-g if maximize else g) + weight_decay * x


def sgd(x, gradient, lr=1e-3, momentum=0, dampening=0, weight_decay=0, nesterov=False, maximize=False):
    b = 0
    for t in range(STEPS):
        g = _ascended(gradient(t, x), x, maximize, weight_decay)
        b = momentum * b + (g if t == 0 else (1 - dampening) * g)
        u = g + momentum * b if nesterov else b
        x = x - (lr(t) if callable(lr) else lr) * (u if momentum else g)
        yield x


def rmsprop(
    x,
    gradient,
    lr=0.01,
    alpha=0.99,
    eps=1e-8,
    weight_decay=0,
    momentum=0,
    centered=False,
    maximize=False,
):
    s, m, b = 0, 0, 0
    for t in range(STEPS):
        g = _ascended(gradient(t, x), x, maximize, weight_decay)
        s = alpha * s + (1 - alpha) * g * g
        m = alpha * m + (1 - alpha) * g
        b = momentum * b + g / (np.sqrt(s - m * m if centered else s) + eps)
        x = x - lr * b
        yield x


def adagrad(
    x,
    gradient,
    lr=0.01,
    lr_decay=0,
    weight_decay=0,
    initial_accumulator_value=0,
    eps=1e-10,
    maximize=False,
):
    s = initial_accumulator_value
    for t in range(STEPS):
        g = _ascended(gradient(t, x), x, maximize, weight_decay)
        s = s + g * g
        x = x - lr / (1 + t * lr_decay) * g / (np.sqrt(s) + eps)
        yield x


def adadelta(x, gradient, lr=1.0, rho=0.9, eps=1e-6, weight_decay=0, maximize=False):
    s, d = 0, 0
    for t in range(STEPS):
        g = _ascended(gradient(t, x), x, maximize, weight_decay)
        s = rho * s + (1 - rho) * g * g
        u = np.sqrt(d + eps) / np.sqrt(s + eps) * g
        d = rho * d + (1 - rho) * u * u
        x = x - lr * u
        yield x


def adam(
    x,
    gradient,
    lr=1e-3,
    betas=(0.9, 0.999),
    eps=1e-8,
    weight_decay=0,
    maximize=False,
    decoupled_weight_decay=False,
):
    m, v, (b1, b2) = 0, 0, betas
    for t in range(STEPS):
        g = _ascended(gradient(t, x), x, maximize, 0 if decoupled_weight_decay else weight_decay)
        if decoupled_weight_decay:
            x = x * (1 - lr * weight_decay)
        m = b1 * m + (1 - b1) * g
        v = b2 * v + (1 - b2) * g * g
        mean, square = m / (1 - b1 ** (t + 1)), v / (1 - b2 ** (t + 1))
        x = x - lr * mean / (np.sqrt(square) + eps)
        yield x
