r"""TensorFlow 1's ``tf.train`` optimizers: eps inside the root, RMSProp from :math:`s^{(0)} = 1`.

``use_locking``, ``name`` and ``use_own_namescope_for_non_slot_vars`` concern TensorFlow's graph; here
they change nothing. A plain 0 for RMSProp's ``momentum`` leaves the velocity out.
"""

import typing as _typing

from jaxopt_slides._core.spelling import no_such_name as _no_such_name
from jaxopt_slides.presets.tf1._rules import adadelta as adadelta
from jaxopt_slides.presets.tf1._rules import adagrad as adagrad
from jaxopt_slides.presets.tf1._rules import adam as adam
from jaxopt_slides.presets.tf1._rules import momentum as momentum
from jaxopt_slides.presets.tf1._rules import rmsprop as rmsprop
from jaxopt_slides.presets.tf1._rules import sgd as sgd

if not _typing.TYPE_CHECKING:  # to a type checker a misspelt name stays an error

    def __getattr__(name: str) -> _typing.Any:
        """What is not there is answered with what was meant."""
        raise _no_such_name(__name__, name)
