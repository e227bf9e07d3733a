"""jax.example_libraries' rules as NumPy loops. Each yields the parameters after every step."""

import numpy as np

from tests.goldens.problem import STEPS


def _at(rate, t):
    return rate(t) if callable(rate) else rate


def sgd(x, gradient, step_size):
    return momentum(x, gradient, step_size, 0)


def momentum(x, gradient, step_size, mass):
    v = 0
    for t in range(STEPS):
        v = mass * v + gradient(t, x)
        x = x - _at(step_size, t) * v
        yield x


def nesterov(x, gradient, step_size, mass):
    v = 0
    for t in range(STEPS):
        g = gradient(t, x)
        v = mass * v + g
        x = x - step_size * (mass * v + g)
        yield x


def adagrad(x, gradient, step_size, momentum=0.9):
    s, m = 0, 0
    for t in range(STEPS):
        g = gradient(t, x)
        s = s + g * g
        m = momentum * m + (1 - momentum) * np.divide(g, np.sqrt(s), where=s > 0, out=np.zeros_like(x))
        x = x - step_size * m
        yield x


def rmsprop(x, gradient, step_size, gamma=0.9, eps=1e-8):
    return rmsprop_momentum(x, gradient, step_size, gamma, eps, 0)


def rmsprop_momentum(x, gradient, step_size, gamma=0.9, eps=1e-8, momentum=0.9):
    s, v = 0, 0
    for t in range(STEPS):
        g = gradient(t, x)
        s = gamma * s + (1 - gamma) * g * g
        v = momentum * v + step_size * g / np.sqrt(s + eps)
        x = x - v
        yield x


def adam(x, gradient, step_size, b1=0.9, b2=0.999, eps=1e-8):
    m, v = 0, 0
    for t in range(STEPS):
        g = gradient(t, x)
        m = b1 * m + (1 - b1) * g
        v = b2 * v + (1 - b2) * g * g
        mean, square = m / (1 - b1 ** (t + 1)), v / (1 - b2 ** (t + 1))
        x = x - step_size * mean / (np.sqrt(square) + eps)
        yield x
