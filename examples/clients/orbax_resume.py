"""Orbax: checkpoints that hold the optimizer, so that a resumed run keeps its learning rate.

Orbax takes an empty dict for a leaf, and a ``jax.tree_util.Partial``, which the members of an optimizer
are, has one inside. What is saved is therefore ``jos.hyperparams(tx)``: plain numbers by name.
"""

import tempfile

import jax
import jax.numpy as jnp
import orbax.checkpoint as ocp

import jaxopt_slides as jos


def words_of(tx):
    """The optimizer, and its rule without the numbers."""
    return {"optimizer": repr(tx), "rule": repr(jax.tree.map(lambda _: 0.0, tx))}


def save(manager, step, tx, params, state):
    """Saves the three together, and the optimizer in words beside them."""
    saved = {"optimizer": jos.hyperparams(tx), "params": params, "state": state}
    args = {"words": ocp.args.JsonSave(words_of(tx)), "saved": ocp.args.StandardSave(saved)}
    manager.save(step, args=ocp.args.Composite(**args))


def restore(manager, tx, params):
    """The newest three, placed as ``params`` are; ``tx`` must be of the rule that was saved."""
    step = manager.latest_step()
    words = manager.restore(step, args=ocp.args.Composite(words=ocp.args.JsonRestore())).words
    if words["rule"] != words_of(tx)["rule"]:
        raise TypeError(f"step {step} was saved with {words['optimizer']}, another rule than {tx!r}")
    state = jax.jit(tx.init)(params)  # jitted: the count, too, lies on all devices of the params
    like = {"optimizer": jos.hyperparams(tx), "params": params, "state": state}
    args = ocp.args.Composite(saved=ocp.args.StandardRestore(like))
    saved = manager.restore(step, args=args).saved
    return jos.with_hyperparams(tx, **saved["optimizer"]), saved["params"], saved["state"]


def main(steps: int = 20) -> dict[str, float]:
    """Trains, saves, restores into an optimizer made anew, and trains on; returns both runs' slopes."""
    x, start = jnp.linspace(-1.0, 1.0, 16), {"slope": jnp.zeros(()), "intercept": jnp.zeros(())}
    loss = lambda line: jnp.mean((line["slope"] * x + line["intercept"] - 2 * x - 1) ** 2)  # noqa: E731
    fit = lambda tx, params, state: jos.fit(loss, tx, params, state=state, steps=steps)  # noqa: E731
    run = fit(jos.rmsprop(0.1, decay=0.8), start, None)
    tx = jos.rmsprop(0.01, decay=0.8)  # what the script does not know when it resumes
    with tempfile.TemporaryDirectory() as folder, ocp.CheckpointManager(folder) as manager:
        save(manager, steps, tx, run.params, run.state)
        manager.wait_until_finished()
        restored, *found = restore(manager, jos.rmsprop(0.1, decay=0.8), start)
    slopes = [fit(restored, *found).params["slope"], fit(tx, run.params, run.state).params["slope"]]
    rate = jos.hyperparams(restored)["learning_rate"]
    print("orbax: slope {:.6f} after the stop, {:.6f} without; rate {}".format(*slopes, rate))
    return {"resumed": slopes[0].item(), "straight": slopes[1].item(), "learning_rate": rate}


if __name__ == "__main__":
    main()
