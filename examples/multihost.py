"""Trains the word model of ``text.py`` on many processes, each with its part of batch and state.

    python examples/multihost.py --processes 4     # four processes here, compared with a single one
    python examples/multihost.py                   # in every process of a cluster; or one process here

The engine is JAX's own. ``jax.distributed`` brings the processes together; an array may then lie on
the devices of all of them, and the training step is one ``jax.jit`` over such arrays. The parameters
are on every device, the batch is divided, and ``jos.sharding.zero1`` divides the optimizer's state and
its work.

Under Slurm, Open MPI, on Cloud TPU pods and wherever else ``jax.distributed.initialize`` detects a
cluster, start the second line once in every process.
"""

import argparse
import itertools
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import jax
import multihost_launch
import numpy as np
from jax.sharding import AxisType, NamedSharding, PartitionSpec
from text_options import at_least_one

import jaxopt_slides as jos

CLOSE = 1e-5  # relative: sums over several devices round in another order


def connect(options: argparse.Namespace) -> None:
    """Joins the other processes: those that the launcher started, or those of a cluster, if any."""
    jax.config.update("jax_cpu_collectives_implementation", "gloo")
    if options.coordinator:
        multihost_launch.end_with_the_launcher()
        rank, processes = map(int, options.rank.split("/"))
        if processes > 1:
            jax.distributed.initialize(options.coordinator, processes, rank)
        return
    try:
        jax.distributed.initialize()
    except ValueError as error:
        if "coordinator_address should be defined" not in str(error):
            raise  # a cluster, and something of it is missing
        print("no cluster was detected: this is one process alone")


def on_all(x: Any, where: NamedSharding) -> jax.Array:
    """One array over the devices of all processes, from a copy that each of them has."""
    x = np.asarray(x)
    return jax.make_array_from_callback(x.shape, where, lambda index: x[index])


def train(options: argparse.Namespace) -> tuple[list[float], str]:
    """The losses of all steps, the same in every process; and what this process holds of the state."""
    import text
    import text_data

    mesh = jax.make_mesh((jax.device_count(),), ("data",), axis_types=(AxisType.Auto,))
    everywhere, divided = (NamedSharding(mesh, PartitionSpec(*axes)) for axes in ((), ("data",)))
    tx = jos.chain(jos.clip_by_global_norm(1.0), jos.momentum(options.learning_rate))
    tx = jos.sharding.zero1(tx, mesh, "data")
    first = text.init_params(jax.random.key(options.seed))
    params = jax.tree.map(lambda x: on_all(x, everywhere), first)
    state = jax.jit(tx.init, out_shardings=jos.sharding.state_shardings(tx, params))(params)

    def one_step(tx, params, state, batch):
        loss, gradients = jax.value_and_grad(text.loss)(params, batch)
        updates, state = tx.update(gradients, state, params)
        return jos.apply_updates(params, updates), state, loss

    one_step = jax.jit(one_step, donate_argnums=(1, 2))
    # Every process draws the same examples, and gives its devices their part.
    key = jax.random.key(options.seed + 1)
    batches = jos.sample_batches(key, text_data.load().train, options.batch_size)
    losses = []
    for batch in itertools.islice(batches, options.steps):
        batch = jax.tree.map(lambda x: on_all(x, divided), batch)
        params, state, loss = one_step(tx, params, state, batch)
        losses.append(float(loss))
    return losses, held(state)


def held(state: Any) -> str:
    """What one of this process's devices holds of the state."""
    device, most = next(iter(jos.sharding.bytes_per_device(state).items()))
    every = sum(x.nbytes for x in jax.tree.leaves(state))
    return f"{device} holds {most:,} of the state's {every:,} bytes"


def work(options: argparse.Namespace) -> None:
    """One process: trains, and says so in a line."""
    connect(options)
    devices = jax.device_count()
    if options.batch_size % devices:
        sys.exit(f"--batch-size {options.batch_size} cannot be divided among {devices} devices")
    losses, state = train(options)
    who = f"process {jax.process_index()} of {jax.process_count()}"
    said = f"{who}: {state}; loss {losses[0]:.4f}, after {len(losses)} steps {losses[-1]:.4f}"
    print(f"{said}\n", end="", flush=True)  # in one piece, among those of the others
    if options.losses and jax.process_index() == 0:
        Path(options.losses).write_text(json.dumps(losses), encoding="utf-8")


def launch(options: argparse.Namespace, argv: list[str]) -> None:
    """So many processes, then a single one; their losses must agree."""
    found = []
    with tempfile.TemporaryDirectory() as folder:
        for processes in (options.processes, 1):
            path = Path(folder, f"{processes}.json")
            multihost_launch.run(__file__, processes, [*argv, "--losses", str(path)], options.timeout)
            found.append(np.array(json.loads(path.read_text(encoding="utf-8"))))
    many, one = found
    most = np.max(np.abs(many - one) / np.abs(one))
    print(f"losses of {options.processes} processes and of one: at most {most:.1e} apart, relatively")
    if not most <= CLOSE:
        sys.exit(f"multihost.py: the losses should be at most {CLOSE:.0e} apart, relatively")


def parse(argv: list[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
        description="Trains the word model of text.py in several processes, with the optimizer's state "
        "divided among them (ZeRO-1). Without --processes: in the cluster that jax.distributed "
        "detects, or alone.",
    )
    here = "start so many processes on this machine, and compare their losses with a single one's"
    parser.add_argument("--processes", type=at_least_one, metavar="N", help=here)
    parser.add_argument("--steps", type=at_least_one, default=200, metavar="N", help="training steps")
    batch = "examples in a minibatch, those of all processes together"
    parser.add_argument("--batch-size", type=at_least_one, default=128, metavar="N", help=batch)
    parser.add_argument("--learning-rate", type=float, default=0.3, metavar="A", help="of momentum")
    seed = "what the first params and the minibatches are drawn from"
    parser.add_argument("--seed", type=int, default=0, metavar="S", help=seed)
    timeout = "seconds that N processes may take, and then the single one, before they are ended"
    parser.add_argument("--timeout", type=float, default=600.0, metavar="S", help=timeout)
    for name in ("--coordinator", "--rank", "--losses"):  # what the launcher tells a child
        parser.add_argument(name, default="", help=argparse.SUPPRESS)
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> None:
    """Starts processes, or is one of them."""
    given = sys.argv[1:] if argv is None else argv
    options = parse(given)
    if not options.processes or options.coordinator:
        return work(options)
    try:
        return launch(options, given)
    except multihost_launch.FailedError as error:
        sys.exit(f"multihost: {error}")
    except KeyboardInterrupt:
        sys.exit("multihost: interrupted; all processes were ended")


if __name__ == "__main__":
    main()
