r"""The rules of ``jax.example_libraries.optimizers``, whose Adagrad has a hidden momentum.

There an optimizer is a triple that holds the parameters in its state; here it is a transformation
like any other, with the same arguments.
"""

import typing as _typing

from jaxopt_slides._core.spelling import no_such_name as _no_such_name
from jaxopt_slides.presets.jax_example._rules import adagrad as adagrad
from jaxopt_slides.presets.jax_example._rules import adam as adam
from jaxopt_slides.presets.jax_example._rules import momentum as momentum
from jaxopt_slides.presets.jax_example._rules import nesterov as nesterov
from jaxopt_slides.presets.jax_example._rules import rmsprop as rmsprop
from jaxopt_slides.presets.jax_example._rules import rmsprop_momentum as rmsprop_momentum
from jaxopt_slides.presets.jax_example._rules import sgd as sgd

if not _typing.TYPE_CHECKING:  # to a type checker a misspelt name stays an error

    def __getattr__(name: str) -> _typing.Any:
        """What is not there is answered with what was meant."""
        raise _no_such_name(__name__, name)
