r"""PyTorch's optimizers: the learning rate outside the velocity, eps outside the root.

Adadelta's eps alone is inside both roots. Weight decay is coupled, :math:`g \leftarrow g + \lambda w`
before everything else, and ``maximize`` turns the gradient's sign before that. A plain 0 for
``momentum``, ``dampening``, ``weight_decay`` or ``lr_decay`` leaves the part out, so that it is no
hyperparameter. ``foreach``, ``fused``, ``capturable`` and ``differentiable`` say how PyTorch executes a
rule; here they change nothing. Complex leaves have one mean of :math:`|g|^2` here; PyTorch takes real
and imaginary parts apart.
"""

import typing as _typing

from jaxopt_slides._core.spelling import no_such_name as _no_such_name
from jaxopt_slides.presets.torch._adadelta import adadelta as adadelta
from jaxopt_slides.presets.torch._adagrad import adagrad as adagrad
from jaxopt_slides.presets.torch._adam import adam as adam
from jaxopt_slides.presets.torch._rmsprop import rmsprop as rmsprop
from jaxopt_slides.presets.torch._sgd import sgd as sgd
from jaxopt_slides.presets.torch._state import load_state as load_state
from jaxopt_slides.presets.torch._state import to_state_dict as to_state_dict

if not _typing.TYPE_CHECKING:  # to a type checker a misspelt name stays an error

    def __getattr__(name: str) -> _typing.Any:
        """What is not there is answered with what was meant."""
        raise _no_such_name(__name__, name)
