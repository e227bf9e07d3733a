"""optax's aliases, drop-in: ``presets.optax.sgd`` takes what ``optax.sgd`` takes, and does the same.

The defaults are optax's: RMSProp's and Adagrad's eps inside the root, Adagrad's sum from 0.1, SGD's
learning rate outside the velocity. What differs is what this library is for: the result is a pytree
of its hyperparameters, mistakes raise, and steps are computed in float32 or wider: with a narrow
``accumulator_dtype`` or ``mu_dtype`` optax also multiplies in that dtype.
"""

import typing as _typing

from jaxopt_slides._core.spelling import no_such_name as _no_such_name
from jaxopt_slides.presets.optax._adaptive import adadelta as adadelta
from jaxopt_slides.presets.optax._adaptive import adagrad as adagrad
from jaxopt_slides.presets.optax._adaptive import adam as adam
from jaxopt_slides.presets.optax._adaptive import rmsprop as rmsprop
from jaxopt_slides.presets.optax._sgd import sgd as sgd
from jaxopt_slides.presets.optax._state import load_state as load_state
from jaxopt_slides.presets.optax._state import to_state as to_state
from jaxopt_slides.presets.optax._state import to_state_dict as to_state_dict

if not _typing.TYPE_CHECKING:  # to a type checker a misspelt name stays an error

    def __getattr__(name: str) -> _typing.Any:
        """What is not there is answered with what was meant."""
        raise _no_such_name(__name__, name)
