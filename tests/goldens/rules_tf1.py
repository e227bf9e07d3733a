"""The rules of tf.compat.v1.train as plain NumPy loops. Each yields the parameters after every step."""

import numpy as np

from tests.goldens.problem import STEPS


def sgd(x, gradient, learning_rate):
    for t in range(STEPS):
        x = x - learning_rate * gradient(t, x)
        yield x


def momentum(x, gradient, learning_rate, momentum, use_nesterov=False):
    b = 0
    for t in range(STEPS):
        g = gradient(t, x)
        b = momentum * b + g
        x = x - learning_rate * (g + momentum * b if use_nesterov else b)
        yield x


def rmsprop(x, gradient, learning_rate, decay=0.9, momentum=0.0, epsilon=1e-10, centered=False):
    s, m, v = 1, 0, 0
    for t in range(STEPS):
        g = gradient(t, x)
        s = decay * s + (1 - decay) * g * g
        m = decay * m + (1 - decay) * g
        v = momentum * v + learning_rate * g / np.sqrt((s - m * m if centered else s) + epsilon)
        x = x - v
        yield x


def adagrad(x, gradient, learning_rate, initial_accumulator_value=0.1):
    s = initial_accumulator_value
    for t in range(STEPS):
        g = gradient(t, x)
        s = s + g * g
        x = x - learning_rate * g / np.sqrt(s)
        yield x


def adadelta(x, gradient, learning_rate=0.001, rho=0.95, epsilon=1e-8):
    s, d = 0, 0
    for t in range(STEPS):
        g = gradient(t, x)
        s = rho * s + (1 - rho) * g * g
        u = np.sqrt(d + epsilon) / np.sqrt(s + epsilon) * g
        d = rho * d + (1 - rho) * u * u
        x = x - learning_rate * u
        yield x


def adam(x, gradient, learning_rate=0.001, beta1=0.9, beta2=0.999, epsilon=1e-8):
    m, v = 0, 0
    for t in range(STEPS):
        g = gradient(t, x)
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g * g
        rate = learning_rate * np.sqrt(1 - beta2 ** (t + 1)) / (1 - beta1 ** (t + 1))
        x = x - rate * m / (np.sqrt(v) + epsilon)
        yield x
