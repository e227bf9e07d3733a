"""The rules of Keras 3 as plain NumPy loops. Each yields the parameters after every step."""

import numpy as np

from tests.goldens.problem import STEPS


def _at(rate, t):
    return rate(t) if callable(rate) else rate


def _clipped(g, clipvalue, global_clipnorm):
    if global_clipnorm is not None:
        return g * min(1, global_clipnorm / np.sqrt(np.sum(g * g)))
    return g if clipvalue is None else np.clip(g, -clipvalue, clipvalue)


def _run(
    x,
    gradient,
    update,
    learning_rate,
    weight_decay=0,
    clipvalue=None,
    global_clipnorm=None,
    loss_scale_factor=1,
    gradient_accumulation_steps=1,
):
    """What every optimizer does around its own ``update(t, g, rate)``, t the number of updates."""
    total, every = 0, gradient_accumulation_steps
    for t in range(STEPS):
        total = total + gradient(t, x) / loss_scale_factor
        if (t + 1) % every == 0:
            g = _clipped(total / every, clipvalue, global_clipnorm)
            rate = _at(learning_rate, t)
            x = x * (1 - weight_decay * rate) - update(t // every, g, rate)
            total = 0
        yield x


def sgd(x, gradient, learning_rate=0.01, momentum=0.0, nesterov=False, **options):
    v = 0

    def update(t, g, rate):
        nonlocal v
        v = momentum * v - rate * g
        return rate * g - momentum * v if nesterov else -v

    return _run(x, gradient, update, learning_rate, **options)


def rmsprop(
    x,
    gradient,
    learning_rate=0.001,
    rho=0.9,
    momentum=0.0,
    epsilon=1e-7,
    centered=False,
    **options,
):
    s, m, v = 0, 0, 0

    def update(t, g, rate):
        nonlocal s, m, v
        s = rho * s + (1 - rho) * g * g
        m = rho * m + (1 - rho) * g
        v = momentum * v + rate * g / np.sqrt((s - m * m if centered else s) + epsilon)
        return v

    return _run(x, gradient, update, learning_rate, **options)


def adagrad(x, gradient, learning_rate=0.001, initial_accumulator_value=0.1, epsilon=1e-7, **options):
    s = initial_accumulator_value

    def update(t, g, rate):
        nonlocal s
        s = s + g * g
        return rate * g / np.sqrt(s + epsilon)

    return _run(x, gradient, update, learning_rate, **options)


def adadelta(x, gradient, learning_rate=0.001, rho=0.95, epsilon=1e-7, **options):
    s, d = 0, 0

    def update(t, g, rate):
        nonlocal s, d
        s = rho * s + (1 - rho) * g * g
        u = np.sqrt(d + epsilon) / np.sqrt(s + epsilon) * g
        d = rho * d + (1 - rho) * u * u
        return rate * u

    return _run(x, gradient, update, learning_rate, **options)


def adam(
    x,
    gradient,
    learning_rate=0.001,
    beta_1=0.9,
    beta_2=0.999,
    epsilon=1e-7,
    beta_1_power=None,
    beta_2_power=None,
    **options,
):
    """Keras rounds the betas of the bias correction, but not those of the moments."""
    m, v = 0, 0
    b1, b2 = beta_1_power or beta_1, beta_2_power or beta_2

    def update(t, g, rate):
        nonlocal m, v
        m = beta_1 * m + (1 - beta_1) * g
        v = beta_2 * v + (1 - beta_2) * g * g
        scale = rate * np.sqrt(1 - b2 ** (t + 1)) / (1 - b1 ** (t + 1))
        return scale * m / (np.sqrt(v) + epsilon)

    return _run(x, gradient, update, learning_rate, **options)
