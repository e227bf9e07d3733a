"""Orbax: a checkpoint that holds the optimizer, so that a resumed run keeps its learning rate.

Orbax takes an empty dict for a leaf, and a ``jax.tree_util.Partial``, which the members of an optimizer
are, has one inside. What is saved is therefore ``jos.hyperparams(tx)``: plain numbers by name.
"""

import tempfile
from pathlib import Path

import jax
import jax.numpy as jnp
import orbax.checkpoint as ocp

import jaxopt_slides as jos

X = jnp.linspace(-1.0, 1.0, 16)
Y = 2 * X + 1


def train(tx, params, state, steps):
    """Least squares for so many steps."""

    @jax.jit
    def step(tx, params, state):
        loss = lambda params: jnp.mean((params["slope"] * X + params["intercept"] - Y) ** 2)  # noqa: E731
        updates, state = tx.update(jax.grad(loss)(params), state, params)
        return jos.apply_updates(params, updates), state

    for _ in range(steps):
        params, state = step(tx, params, state)
    return params, state


def main(steps: int = 20) -> dict[str, float]:
    """Trains, saves, restores into an optimizer made anew, and trains on; returns both runs' slopes."""
    params = {"slope": jnp.zeros(()), "intercept": jnp.zeros(())}
    tx = jos.rmsprop(0.1, decay=0.8)
    params, state = train(tx, params, tx.init(params), steps)
    tx = jos.with_hyperparams(tx, learning_rate=0.01)  # what the script does not know when it resumes
    with tempfile.TemporaryDirectory() as folder, ocp.StandardCheckpointer() as checkpointer:
        saved = {"optimizer": jos.hyperparams(tx), "params": params, "state": state}
        checkpointer.save(Path(folder) / "step", saved)
        checkpointer.wait_until_finished()
        anew = jos.rmsprop(0.1, decay=0.8)
        like = {"optimizer": jos.hyperparams(anew), "params": params, "state": anew.init(params)}
        found = checkpointer.restore(Path(folder) / "step", like)
    restored = jos.with_hyperparams(anew, **found["optimizer"])
    resumed, _ = train(restored, found["params"], found["state"], steps)
    straight, _ = train(tx, params, state, steps)
    rate, slopes = jos.hyperparams(restored)["learning_rate"], [resumed["slope"], straight["slope"]]
    print("orbax: slope {:.6f} after the stop, {:.6f} without a stop".format(*slopes))
    print(f"learning rate {rate}")
    return {"resumed": slopes[0].item(), "straight": slopes[1].item(), "learning_rate": rate}


if __name__ == "__main__":
    main()
