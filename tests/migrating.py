"""docs/migrating.md against the frameworks: ``python -m tests.migrating``, with the ``relay`` extra.

Each call of the table's first column trains in its own framework. The call beside it must take the same
steps, and the slides' rule too where the page says so, and nowhere else. The suite cannot ask torch and
Keras, which are not in the `test` extra.
"""

import os
import pathlib
import re
import sys

import jax
import jax.numpy as jnp
import numpy as np

import jaxopt_slides as jos

os.environ.setdefault("KERAS_BACKEND", "jax")  # jax is here anyway
PAGE = (pathlib.Path(__file__).parent.parent / "docs/migrating.md").read_text(encoding="utf-8")
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in PAGE.splitlines()
    if line.startswith("| `")
]
CALL = re.compile(r"`(jos\.[^`]*\))`")
START = np.array([1.0, -2.0], np.float32)
# The first so small that every eps shows, the last without a gradient.
GRADIENTS = np.array([[1e-6, -0.02], [1e-3, 4.0], [-0.5, 0.1], [0.2, 0.2], [0.0, 0.0]], np.float32)
RTOL = 3e-5  # of a parameter's change: optax's Adam takes 1 - b2 in float32, 1e-5 off


def ours(tx):
    """The parameters after each step."""
    w, found = jnp.array(START), []
    state = tx.init(w)
    for g in GRADIENTS:
        with jax.numpy_dtype_promotion("standard"):  # optax's Adam needs it
            updates, state = tx.update(jnp.array(g), state, w)
        w = jos.apply_updates(w, updates)
        found.append(w)
    return np.array(found)


def in_optax(call):
    import optax

    return ours(eval(call, {"optax": optax}))


def in_torch(call):
    import torch

    w = torch.nn.Parameter(torch.tensor(START))
    optimizer, found = eval(call, {**vars(torch.optim), "ps": [w]}), []
    for g in GRADIENTS:
        w.grad = torch.tensor(g)
        optimizer.step()
        found.append(w.detach().numpy().copy())
    return np.array(found)


def in_keras(call):
    import keras

    w = keras.Variable(START)
    optimizer, found = eval(call, vars(keras.optimizers)), []
    for g in GRADIENTS:
        optimizer.apply([keras.ops.convert_to_tensor(g)], [w])
        found.append(np.array(w.value))
    return np.array(found)


THERE = {"optax": in_optax, "torch": in_torch, "keras": in_keras}


def rules(cell):
    """The calls of a cell that make a transformation by themselves."""
    return [c for c in CALL.findall(cell) if "tx" not in c]


def same(remark):
    """Whether the last column says that the slides' rule does the same, at a constant rate."""
    return "the same" in remark or "inside the velocity" in remark


def pairs():
    """Framework, its call, ours, and whether they must agree: each preset, and the slides' rule."""
    for there, here, remark in ROWS:
        if found := re.search(r"presets\.(\w+)\.\w+\(", here):
            yield found[1], there.strip("`"), rules(here)[0], True
            for plain in rules(remark):
                yield found[1], there.strip("`"), plain, same(remark)


def apart(theirs, mine):
    """The largest difference of a step, 1 being what is allowed."""
    # Parameters near 2 are 2.4e-7 apart: what rounding can change of a step, in both.
    one, other = (
        np.diff(np.concatenate([START[None], w]).astype(float), axis=0) for w in (theirs, mine)
    )
    return np.max(np.abs(one - other) / (RTOL * np.abs(one) + 4.8e-7))


def main():
    """One line a pair; the exit status is how many are not as the page says."""
    wrong = 0
    for framework, there, here, agree in pairs():
        distance = apart(THERE[framework](there), ours(eval(here, {"jos": jos})))
        as_said = (distance <= 1) == agree
        wrong += not as_said
        words = f"{distance:8.2g} {'<=' if agree else '> '} 1: {there}, {here}"
        print(f"{'ok' if as_said else 'WRONG':5}", words)
    return wrong


if __name__ == "__main__":
    sys.exit(main())
