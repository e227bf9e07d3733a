r"""Keras 3's optimizers: the learning rate inside the velocity, epsilon inside the root.

Adam's epsilon alone is outside, of the uncorrected root.

Weight decay is decoupled: :math:`-\alpha \lambda w` is part of every update and enters no state.
Every rule takes, after its own arguments, those that Keras's optimizers share:

- ``weight_decay``: :math:`\lambda`; None or 0 is none.
- ``clipvalue``: :func:`clip`; ``global_clipnorm``: :func:`clip_by_global_norm`. One of them at most.
  ``clipnorm`` is refused: it bounds the norm of each leaf alone, and no part does.
- ``use_ema``, ``ema_momentum``, ``ema_overwrite_frequency``: refused; see :func:`average_params`.
- ``loss_scale_factor``: the gradients are divided by it.
- ``gradient_accumulation_steps``: :func:`multi_steps`; a schedule sees the count of gradients, as in
  Keras.
- ``name``: no effect.

A plain 0 for ``momentum`` leaves the velocity out. A learning rate that is a function takes the count.
"""

import typing as _typing

from jaxopt_slides._core.spelling import no_such_name as _no_such_name
from jaxopt_slides.presets.keras._adaptive import adadelta as adadelta
from jaxopt_slides.presets.keras._adaptive import adagrad as adagrad
from jaxopt_slides.presets.keras._adaptive import adam as adam
from jaxopt_slides.presets.keras._adaptive import rmsprop as rmsprop
from jaxopt_slides.presets.keras._sgd import sgd as sgd
from jaxopt_slides.presets.keras._state import load_state as load_state
from jaxopt_slides.presets.keras._state import to_state_dict as to_state_dict

if not _typing.TYPE_CHECKING:  # to a type checker a misspelt name stays an error

    def __getattr__(name: str) -> _typing.Any:
        """What is not there is answered with what was meant."""
        raise _no_such_name(__name__, name)
