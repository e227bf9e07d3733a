"""What the compiler makes of an update."""

from jaxopt_slides._core import one_pass as _one_pass
from jaxopt_slides._core.one_pass import OnePass
from jaxopt_slides._core.spelling import public


@public
def one_pass() -> OnePass:
    """Whether updates on CPU are made in one pass over memory, and why.

    A step of momentum, Nesterov, RMSProp or Adagrad has to read parameters, gradient and state and to
    write parameters and state: 20 bytes a parameter in float32. XLA:CPU makes two loops of it, 24 to 28
    bytes. One line before Python starts lets it make one, and this library then writes its updates so
    that it does::

        export XLA_FLAGS=--xla_backend_extra_options=xla_cpu_use_multi_output_fusion

    That holds for optimizers that update element by element and have one array of state, in float32 or
    wider, chains of theirs included. The others are compiled as without the flag, and so is everything
    on GPU and TPU, where one loop is made anyway.

    The flag is the whole process's. What else is computed from the updates in the same program, such as
    their norm, can cost a copy of the state with it. Before jaxlib 0.12 writing rows of tables
    (:mod:`jaxopt_slides.rows`) is an error under it, because the compiler would end the process.

    Returns:
      A :class:`OnePass`, true where it is on. Its ``because`` says why, or what to do: the flag is
      tried on a small program, since XLA reads flags once and forgives none that it does not know.

    Example:
      >>> jos.diagnostics.one_pass().on
      False

    Note:
      optax under jit has the two loops. torch has fused kernels of its own, but none of RMSProp.
    """
    return _one_pass.one_pass()
