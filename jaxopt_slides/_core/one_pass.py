"""One pass over memory on CPU: an update as one loop, where XLA was told to make such loops.

XLA:CPU computes the new state in one loop and the parameters in a second, which reads state and
gradient again: 24 to 28 bytes a parameter where 20 would do. With its flag for fusions of several
outputs it can do both in one, but only if neither result is read by the other. So the updates are
computed from a second reading: gradient and hyperparameters come through a barrier, behind which the
compiler takes them for other numbers. Without the flag that would cost a copy of the state, and on GPU
and TPU one loop is made anyway, so there, and by default, an update is computed once.
"""

import dataclasses
import functools
import os

import jax
import jax.numpy as jnp
import jaxlib.version

from jaxopt_slides._core.dtypes import wide
from jaxopt_slides._core.node import Context, Node
from jaxopt_slides._core.types import PyTree

OPTION = "xla_cpu_use_multi_output_fusion"
FLAG = f"--xla_backend_extra_options={OPTION}"


@dataclasses.dataclass(frozen=True)
class OnePass:
    """Whether updates are made in one pass over memory; true where they are.

    Attributes:
      on: whether what is compiled now is made so by this library.
      because: why, in a sentence.

    Example:
      >>> answer = jos.diagnostics.OnePass(False, "XLA_FLAGS lacks the flag.")
      >>> bool(answer), answer.because
      (False, 'XLA_FLAGS lacks the flag.')
    """

    on: bool
    because: str

    def __bool__(self) -> bool:
        return self.on


def one_pass() -> OnePass:
    """Whether the flag is there and does what is expected of it."""
    if (backend := jax.default_backend()) != "cpu":
        return OnePass(False, f"On {backend} XLA makes one pass by itself.")
    if OPTION not in os.environ.get("XLA_FLAGS", ""):
        return OnePass(False, f"XLA_FLAGS lacks {FLAG}, which must be there when Python starts.")
    if not _is_obeyed():
        return OnePass(
            False,
            f"XLA_FLAGS has {FLAG}, but this XLA makes no fusion of several outputs: it read its flags "
            f"before that one was set, or its version knows it no more.",
        )
    return OnePass(True, f"XLA_FLAGS has {FLAG}, and XLA obeys.")


@functools.cache
def _is_obeyed() -> bool:
    """A small step is compiled, and must be one fusion."""

    def step(w, v, g, a):
        again, a_again = jax.lax.optimization_barrier((g, a))
        return w + (v * a_again + again), v * a + g

    shapes = [jax.ShapeDtypeStruct(shape, jnp.float32) for shape in ((64,), (64,), (64,), ())]
    compiled = jax.jit(step, donate_argnums=(0, 1)).lower(*shapes).compile()
    return str(compiled.as_text()).count(" fusion(") == 1


def require_scatters() -> None:
    """Raises where the compiler would end the process: it merges two scatters and cannot emit them."""
    flagged = OPTION in os.environ.get("XLA_FLAGS", "") and jax.default_backend() == "cpu"
    if flagged and jaxlib.version.__version_info__ < (0, 12) and _is_obeyed():
        raise RuntimeError(
            f"rows: with {OPTION} in XLA_FLAGS, jaxlib {jaxlib.version.__version__} ends the process "
            f"when it compiles a step that writes rows. Take it out of XLA_FLAGS, or use jaxlib 0.12 "
            f"or newer."
        )


def update(node: Node, updates: PyTree, state: PyTree, context: Context) -> tuple[PyTree, PyTree]:
    """``node.update``; the updates from a second reading where one loop can then make all.

    That is so where an element's update needs no other element, all arrays of a leaf have one dtype,
    and the state has one array a leaf: of two, the second may be computed from the first.
    """
    new_updates, new_state = node.update(updates, state, context)
    if node.elementwise and one_pass() and _is_one_loop(node, updates, new_state, context):
        node, updates = jax.lax.optimization_barrier((node, updates))
        new_updates, _ = node.update(updates, state, context)
    return new_updates, new_state


def _is_one_loop(node: Node, updates: PyTree, state: PyTree, context: Context) -> bool:
    gradients = [x.dtype for x in jax.tree.leaves(updates)] == [*context.dtypes]
    weights = all(wide(d) == d for d in map(jnp.result_type, jax.tree.leaves(context.params)))
    return gradients and weights and len(_columns(node, state)) == 1


def _columns(node: Node, state: PyTree) -> list[PyTree]:
    """The fields of the members' states that have an array a leaf."""
    if not node.children():
        return [column for column in state[1:] if column is not None]
    pairs = zip(node.children(), node.substates(state), strict=True)
    return [column for (_, member), s in pairs for column in _columns(member, s)]
