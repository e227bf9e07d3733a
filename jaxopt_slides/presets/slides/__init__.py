r"""The slides' rules under the names of their code: ``learning_rate``, ``mu``, ``decay_rate``.

These are this library's own rules; the module is there so that every convention has one.
"""

import typing as _typing

from jaxopt_slides._core.spelling import no_such_name as _no_such_name
from jaxopt_slides.presets.slides._rules import adagrad as adagrad
from jaxopt_slides.presets.slides._rules import momentum as momentum
from jaxopt_slides.presets.slides._rules import rmsprop as rmsprop
from jaxopt_slides.presets.slides._rules import sgd as sgd

if not _typing.TYPE_CHECKING:  # to a type checker a misspelt name stays an error

    def __getattr__(name: str) -> _typing.Any:
        """What is not there is answered with what was meant."""
        raise _no_such_name(__name__, name)
