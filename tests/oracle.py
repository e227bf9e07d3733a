"""The suite's independent reference: every rule as a plain NumPy float64 loop.

Imports neither jax nor the package. A rule takes a sequence of gradients, one array per step, and
returns the list of updates, what is added to the weights: float64, or complex128 for complex
gradients, whose square is |g|^2. A hyperparameter that is not a bool is a number or a callable of
the step count, 0 at the first update. The `slide_*` functions run the code cells of the lecture
(Patrocínio Jr, *Momentum* and *RMSProp / Adagrad*); schedules are functions of `(count, ...)`.
"""

import math

import numpy as np


def _array(x):
    """Returns a fresh float64 copy of x, or complex128 if x is complex."""
    x = np.asarray(x)
    return x.astype(np.complex128 if np.iscomplexobj(x) else np.float64)


def _at(hyperparameter, t):
    """Resolves a number or a callable of the count at step t."""
    return float(hyperparameter(t) if callable(hyperparameter) else hyperparameter)


def _square(g):
    """Returns |g|^2, always real."""
    return np.real(g * np.conj(g))


def _divide(g, denominator):
    """Returns g / denominator, with 0/0 = 0; g/0 and NaNs stay what they are."""
    return np.divide(g, denominator, out=np.zeros_like(g), where=(g != 0) | (denominator != 0))


def _row_means(x):
    """Returns the means over the last axis, kept; a scalar's is itself, an empty row's 0."""
    return x if x.ndim == 0 else np.sum(x, axis=-1, keepdims=True) / max(x.shape[-1], 1)


# --- Rules


def sgd(gradients, learning_rate, momentum=None, nesterov=False):
    """Updates u = -alpha g; with momentum p <- mu p - alpha g and u = p, or mu p - alpha g."""
    p, updates = 0.0, []
    for t, g in enumerate(map(_array, gradients)):
        alpha = _at(learning_rate, t)
        u = -alpha * g
        if momentum is not None:
            mu = _at(momentum, t)
            p = mu * p - alpha * g
            u = mu * p - alpha * g if nesterov else p
        updates.append(_array(u))
    return updates


def momentum(gradients, learning_rate, mu):
    """Updates p <- mu p - alpha g, u = p: the learning rate is inside the velocity."""
    return sgd(gradients, learning_rate, mu)


def nesterov(gradients, learning_rate, mu, true_lookahead=False):
    """Updates p <- mu p - alpha g, u = mu p - alpha g: the same mu twice, as frameworks do.

    With true_lookahead, literally y <- y - mu(t) p_old + (1 + mu(t + 1)) p_new.
    """
    if not true_lookahead:
        return sgd(gradients, learning_rate, mu, nesterov=True)
    p, updates = 0.0, []
    for t, g in enumerate(map(_array, gradients)):
        old, p = p, _at(mu, t) * p - _at(learning_rate, t) * g
        updates.append(_array(-_at(mu, t) * old + (1 + _at(mu, t + 1)) * p))
    return updates


def rmsprop(
    gradients,
    learning_rate,
    decay,
    eps=1e-7,
    centered=False,
    momentum=None,
    nesterov=False,
    bias_correction=False,
    eps_root=0.0,
    initial_accumulator_value=0.0,
):
    """Updates u = -alpha g / (sqrt(s + eps_root) + eps) with the fresh s <- beta s + (1 - beta) g^2."""
    s, m, v, updates = _at(initial_accumulator_value, 0), 0.0, 0.0, []
    for t, g in enumerate(map(_array, gradients)):
        alpha, beta = _at(learning_rate, t), _at(decay, t)
        s = beta * s + (1 - beta) * _square(g)
        m = beta * m + (1 - beta) * g
        # The correction is for this division only; the moments themselves stay uncorrected.
        correction = 1 - beta ** (t + 1) if bias_correction else 1.0
        second = s / correction
        if centered:  # a variance, which rounding can make negative
            second = np.maximum(second - _square(m / correction), 0.0)
        scaled = _divide(g, np.sqrt(second + _at(eps_root, t)) + _at(eps, t))
        u = -alpha * scaled
        if momentum is not None:
            mu = _at(momentum, t)
            v = mu * v - alpha * scaled
            u = mu * v - alpha * scaled if nesterov else v
        updates.append(_array(u))
    return updates


def adagrad(gradients, learning_rate, eps=1e-7, eps_root=0.0, initial_accumulator_value=0.0):
    """Updates u = -alpha g / (sqrt(c + eps_root) + eps) with the fresh c <- c + g^2."""
    c, updates = _at(initial_accumulator_value, 0), []
    for t, g in enumerate(map(_array, gradients)):
        c = c + _square(g)
        scaled = _divide(g, np.sqrt(c + _at(eps_root, t)) + _at(eps, t))
        updates.append(_array(-_at(learning_rate, t) * scaled))
    return updates


def rowwise_adagrad(gradients, learning_rate, eps=1e-7, eps_root=0.0, initial_accumulator_value=0.0):
    """Updates as adagrad with c <- c + the mean of g^2 over the last axis, one c for each row."""
    c, updates = _at(initial_accumulator_value, 0), []
    for t, g in enumerate(map(_array, gradients)):
        c = c + _row_means(_square(g))
        scaled = _divide(g, np.sqrt(c + _at(eps_root, t)) + _at(eps, t))
        updates.append(_array(-_at(learning_rate, t) * scaled))
    return updates


def adadelta(gradients, learning_rate, rho, eps=1e-6):
    """Updates u = -alpha p, p = g sqrt(d + eps) / sqrt(s + eps) with the fresh s and the old d."""
    s, d, updates = 0.0, 0.0, []
    for t, g in enumerate(map(_array, gradients)):
        decay, epsilon = _at(rho, t), _at(eps, t)
        s = decay * s + (1 - decay) * _square(g)
        p = _divide(g * np.sqrt(d + epsilon), np.sqrt(s + epsilon))
        d = decay * d + (1 - decay) * _square(p)
        updates.append(_array(-_at(learning_rate, t) * p))
    return updates


def adam(gradients, learning_rate, b1, b2, eps=1e-8, eps_root=0.0, nesterov=False):
    """Updates u = -alpha M / (sqrt(S) + eps), where M and S are m and s over 1 - beta^(t+1)."""
    m, s, updates = 0.0, 0.0, []
    for t, g in enumerate(map(_array, gradients)):
        first, second = _at(b1, t), _at(b2, t)
        m = first * m + (1 - first) * g
        s = second * s + (1 - second) * _square(g)
        root = np.sqrt(s / (1 - second ** (t + 1)) + _at(eps_root, t))
        corrected = m / (1 - first ** (t + 1))
        if nesterov:
            ahead, now = m / (1 - first ** (t + 2)), g / (1 - first ** (t + 1))
            corrected = first * ahead + (1 - first) * now
        updates.append(_array(-_at(learning_rate, t) * _divide(corrected, root + _at(eps, t))))
    return updates


def adam_eps_hat(gradients, learning_rate, b1, b2, eps=1e-8, eps_root=0.0):
    """Updates u = -alpha sqrt(C) m / (1 - b1^(t+1)) / (sqrt(s + C e) + eps), C = 1 - b2^(t+1)."""
    m, s, updates = 0.0, 0.0, []
    for t, g in enumerate(map(_array, gradients)):
        first, second = _at(b1, t), _at(b2, t)
        m = m + (g - m) * (1 - first)
        s = s + (_square(g) - s) * (1 - second)
        correction = 1 - second ** (t + 1)
        rate = _at(learning_rate, t) * np.sqrt(correction) / (1 - first ** (t + 1))
        root = np.sqrt(s + correction * _at(eps_root, t))
        updates.append(_array(-rate * _divide(m, root + _at(eps, t))))
    return updates


# --- Parts. Where one is a rule without -alpha, it is that rule at alpha = -1: exact in floating point.


def identity(gradients):
    """Returns the gradients."""
    return [_array(g) for g in gradients]


def set_to_zero(gradients):
    """Returns zeros."""
    return [np.zeros_like(_array(g)) for g in gradients]


def scale(gradients, step_size):
    """Returns step_size g."""
    return [_array(_at(step_size, t) * _array(g)) for t, g in enumerate(gradients)]


def scale_by_learning_rate(gradients, learning_rate):
    """Returns -alpha g."""
    return [_array(-_at(learning_rate, t) * _array(g)) for t, g in enumerate(gradients)]


def add_decayed_weights(gradients, weight_decay, params):
    """Returns g + weight_decay w, where params lists the weights w of each step."""
    pairs = enumerate(zip(gradients, params, strict=True))
    return [_array(_array(g) + _at(weight_decay, t) * _array(w)) for t, (g, w) in pairs]


def trace(gradients, decay, nesterov=False):
    """Returns v <- decay v + g, or g + decay v with the fresh v."""
    return sgd(gradients, -1.0, decay, nesterov)


def ema(gradients, decay, debias=True):
    """Returns m <- beta m + (1 - beta) g, divided by 1 - beta^(t+1) on the way out if debiased."""
    m, updates = 0.0, []
    for t, g in enumerate(map(_array, gradients)):
        beta = _at(decay, t)
        m = beta * m + (1 - beta) * g
        updates.append(_array(m / (1 - beta ** (t + 1)) if debias else m))
    return updates


def scale_by_rms(
    gradients, decay, eps=1e-7, eps_root=0.0, initial_accumulator_value=0.0, bias_correction=False
):
    """Returns g over the root of its running mean square."""
    return rmsprop(
        gradients,
        -1.0,
        decay,
        eps,
        bias_correction=bias_correction,
        eps_root=eps_root,
        initial_accumulator_value=initial_accumulator_value,
    )


def scale_by_stddev(
    gradients, decay, eps=1e-7, eps_root=0.0, initial_accumulator_value=0.0, bias_correction=False
):
    """Returns g over its running standard deviation."""
    return rmsprop(
        gradients,
        -1.0,
        decay,
        eps,
        True,
        bias_correction=bias_correction,
        eps_root=eps_root,
        initial_accumulator_value=initial_accumulator_value,
    )


def scale_by_rss(gradients, eps=1e-7, eps_root=0.0, initial_accumulator_value=0.0):
    """Returns g over the root of its sum of squares."""
    return adagrad(gradients, -1.0, eps, eps_root, initial_accumulator_value)


# --- Parts that look at more than their own element


def clip(gradients, max_delta):
    """Returns min(max(g, -delta), delta), of a complex number its real and imaginary part each."""
    updates = []
    for t, g in enumerate(map(_array, gradients)):
        d = _at(max_delta, t)
        parts = [np.clip(part, -d, d) for part in (np.real(g), np.imag(g))]
        updates.append(_array(parts[0] + 1j * parts[1] if np.iscomplexobj(g) else parts[0]))
    return updates


def clip_by_global_norm(gradients, max_norm):
    """Returns g min(1, max_norm / |g|), with |g| the norm over all elements."""
    updates = []
    for t, g in enumerate(map(_array, gradients)):
        norm = math.sqrt(np.sum(_square(g)))
        updates.append(_array(g * min(1.0, _at(max_norm, t) / norm) if norm > 0 else g))
    return updates


def project_on_box(gradients, low, high, params):
    """Returns min(max(w + g, low), high) - w, where params lists the weights w of each step."""
    updates = []
    for t, (g, w) in enumerate(zip(gradients, params, strict=True)):
        least, most = _at(low, t) - _array(w), _at(high, t) - _array(w)
        updates.append(_array(np.minimum(np.maximum(_array(g), least), most)))
    return updates


def project_on_ball(gradients, radius, params):
    """Returns (w + g) min(1, radius / |w + g|) - w, with the norm over all elements."""
    updates = []
    for t, (g, w) in enumerate(zip(gradients, params, strict=True)):
        end = _array(g) + _array(w)
        norm = math.sqrt(np.sum(_square(end)))
        outside = norm > _at(radius, t)
        updates.append(_array(end * (_at(radius, t) / norm) - w if outside else g))
    return updates


def zero_nans(gradients):
    """Returns 0 for NaN, g otherwise."""
    return [np.where(np.isnan(g), 0.0, g) for g in map(_array, gradients)]


def reduce_on_plateau(gradients, values, factor, rtol, atol, min_scale, patience, cooldown):
    """Returns scale g; the scale is cut after `patience` steps without a better value."""
    scale, best, waited, rest, updates = 1.0, math.inf, 0, 0, []
    for t, (g, value) in enumerate(zip(gradients, values, strict=True)):
        better = math.isinf(best) or value < best - (_at(rtol, t) * abs(best) + _at(atol, t))
        best = value if better else best
        if rest > 0:  # while it rests no step counts
            rest, waited = rest - 1, 0
        else:
            waited = 0 if better else waited + 1
            if waited >= patience:
                scale = max(scale * _at(factor, t), _at(min_scale, t))
                waited, rest = 0, cooldown
        updates.append(_array(scale * _array(g)))
    return updates


# --- Wrappers: functions around a rule, which maps a list of gradients to the list of updates


def multi_steps(gradients, rule, every_k):
    """Gives the mean of every k gradients to the rule; k is a number or a callable of the updates."""
    means, complete, waiting, updates = [], [], [], []
    for t, g in enumerate(map(_array, gradients)):
        waiting.append(g)
        updates.append(np.zeros_like(g))
        if len(waiting) >= round(_at(every_k, len(means))):
            means.append(sum(waiting) / len(waiting))
            complete.append(t)
            waiting = []
    for t, u in zip(complete, rule(means), strict=True):
        updates[t] = u
    return updates


def apply_if_finite(gradients, rule, max_consecutive_errors):
    """Leaves out gradients that are not finite, unless more than so many came in a row."""
    in_a_row, taken, updates = 0, [], []
    for t, g in enumerate(map(_array, gradients)):
        in_a_row = 0 if np.isfinite(g).all() else in_a_row + 1
        updates.append(np.zeros_like(g))
        if in_a_row == 0 or in_a_row > max_consecutive_errors:
            taken.append(t)
    for t, u in zip(taken, rule([gradients[t] for t in taken]), strict=True):
        updates[t] = u
    return updates


def partition(gradients, labels, rules):
    """Runs a rule of its own on the columns of each label."""
    updates, labels = [np.zeros_like(_array(g)) for g in gradients], np.asarray(labels)
    for label, rule in rules.items():
        columns = labels == label
        for u, part in zip(updates, rule([g[columns] for g in gradients]), strict=True):
            u[columns] = part
    return updates


def masked(gradients, mask, rule):
    """Runs a rule on the columns where the mask is True; the others pass."""
    return partition(gradients, mask, {True: rule, False: identity})


def freeze(gradients, mask):
    """Returns 0 where the mask is True; the others pass."""
    return partition(gradients, mask, {True: set_to_zero, False: identity})


def average_params(params, decay):
    """Returns the means of the iterates so far: each weighs (1 - beta) times all later betas."""
    total, weight, averages = 0.0, 0.0, []
    for t, w in enumerate(map(_array, params)):
        beta = _at(decay, t)
        total, weight = beta * total + (1 - beta) * w, beta * weight + (1 - beta)
        averages.append(_array(total / weight))
    return averages


def rounded_momentum(gradients, learning_rate, mu, dtype):
    """Momentum whose velocity is rounded to a narrower dtype between steps; the update is not."""
    p, updates = 0.0, []
    for t, g in enumerate(map(_array, gradients)):
        u = _at(mu, t) * p - _at(learning_rate, t) * g
        p = u.astype(dtype).astype(np.float64)
        updates.append(u)
    return updates


# --- The slides' code cells: the loop bodies are theirs; each returns the position after every step.


def slide_sgd(x, gradients, learning_rate):
    """Runs the cell "Gradient descent update"."""
    x, positions = _array(x), []
    for dx in map(_array, gradients):
        x += -learning_rate * dx
        positions.append(x.copy())
    return positions


def slide_momentum(x, gradients, mu, learning_rate):
    """Runs the cell "Momentum update"."""
    x, v, positions = _array(x), 0.0, []
    for dx in map(_array, gradients):
        v = mu * v - learning_rate * dx  # integrate velocity
        x += v  # integrate position
        positions.append(x.copy())
    return positions


def slide_rmsprop(x, gradients, decay_rate, learning_rate):
    """Runs the cell "RMSProp"."""
    x, cache, positions = _array(x), 0.0, []
    for dx in map(_array, gradients):
        cache = decay_rate * cache + (1 - decay_rate) * dx**2
        x += -learning_rate * dx / (np.sqrt(cache) + 1e-7)
        positions.append(x.copy())
    return positions


def slide_adagrad(x, gradients, learning_rate):
    """Runs the cell "Adagrad update"."""
    x, cache, positions = _array(x), 0.0, []
    for dx in map(_array, gradients):
        cache += dx**2
        x += -learning_rate * dx / (np.sqrt(cache) + 1e-7)
        positions.append(x.copy())
    return positions


@np.errstate(divide="ignore", invalid="ignore")
def slide_rmsprop_formula(x, gradients, beta, alpha):
    """Runs the slide's formula, which divides by the old s: g/0 at t = 0, NaN where g = 0."""
    x, s, positions = _array(x), 0.0, []
    for g in map(_array, gradients):
        x = x - alpha * (g / np.sqrt(s))
        s = beta * s + (1 - beta) * g**2
        positions.append(_array(x))
    return positions


# --- Schedules, with optax 0.2.8's meanings


def linear_schedule(count, init_value, end_value, transition_steps, transition_begin=0):
    """Moves in a straight line, holding its ends."""
    return polynomial_schedule(count, init_value, end_value, 1, transition_steps, transition_begin)


def polynomial_schedule(count, init_value, end_value, power, transition_steps, transition_begin=0):
    """Closes the gap to end_value as (1 - progress)^power; no transition steps, no movement."""
    if transition_steps <= 0:
        return float(init_value)
    elapsed = min(max(count - max(transition_begin, 0), 0), transition_steps)
    return float((init_value - end_value) * (1 - elapsed / transition_steps) ** power + end_value)


def exponential_decay(
    count, init_value, transition_steps, decay_rate, transition_begin=0, staircase=False, end_value=None
):
    """Multiplies by decay_rate every transition_steps; end_value bounds it on the far side."""
    if transition_steps <= 0 or decay_rate == 0:
        return float(init_value)
    periods = max(count - max(transition_begin, 0), 0) / transition_steps
    value = init_value * decay_rate ** (math.floor(periods) if staircase else periods)
    bound = max if decay_rate < 1 else min
    return float(value if end_value is None else bound(value, end_value))


def piecewise_constant_schedule(count, init_value, boundaries_and_scales=None):
    """Multiplies by each scale from its boundary on, the boundary included."""
    scales = (boundaries_and_scales or {}).items()
    return float(init_value * math.prod(scale for boundary, scale in scales if count >= boundary))


def cosine_decay_schedule(count, init_value, decay_steps, alpha=0.0, exponent=1.0):
    """Falls along half a cosine from init_value to alpha init_value, then stays."""
    cosine = 0.5 * (1 + math.cos(math.pi * min(count, decay_steps) / decay_steps))
    return float(init_value * ((1 - alpha) * cosine**exponent + alpha))


def warmup_cosine_decay_schedule(
    count, init_value, peak_value, warmup_steps, decay_steps, end_value=0.0, exponent=1.0
):
    """Rises linearly to peak_value, then falls as a cosine; decay_steps includes the warmup."""
    if count < warmup_steps:
        return linear_schedule(count, init_value, peak_value, warmup_steps)
    alpha = end_value / peak_value if peak_value else 0.0
    steps = decay_steps - warmup_steps
    return cosine_decay_schedule(count - warmup_steps, peak_value, steps, alpha, exponent)


def join_schedules(count, schedules, boundaries):
    """Follows the last schedule whose boundary is reached, counting from that boundary."""
    starts = [0, *boundaries]
    last = max(i for i, start in enumerate(starts) if i == 0 or count >= start)
    return float(schedules[last](count - starts[last]))


def sutskever_schedule(count, max_value=0.99):
    """Raises momentum as 1 - 2^(-1 - log2(floor(count/250) + 1)), capped (Sutskever et al. 2013)."""
    return min(1 - 2 ** (-1 - math.log2(math.floor(count / 250) + 1)), max_value)


def awkward_gradients(seed, steps, size=24):
    """Returns gradients whose coordinates, 1e-12 to 1e6 in size, cycle through six behaviours."""
    rng, i = np.random.default_rng(seed), np.arange(size)
    magnitude = 10.0 ** np.linspace(-12, 6, size) * rng.choice([-1, 1], size)
    constant = np.where(i == 3, 11.0, np.where(i == 9, 13.0, magnitude))
    gradients = []
    for t in range(steps):
        flipping, drifting = magnitude * (-1) ** t, magnitude * np.cos(t / 50)
        noise = magnitude * rng.choice([-1, 1], size) * rng.uniform(0.2, 1, size)
        sparse = np.where(t % (i // 6 + 2) == 1, noise, 0.0)  # every second, third, ... step
        gradients.append(np.choose(i % 6, [flipping, sparse, 0.0, constant, noise, drifting]))
    return gradients
