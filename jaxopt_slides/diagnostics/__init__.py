"""Numbers about a run: effective learning rates, spreads, zig-zag, overshoot, regret and its bound.

They take what :func:`fit` records, or an optimizer's state, and return NumPy or jax arrays; nothing
here changes a run. :func:`one_pass` is about what the compiler makes of an update.
"""

import typing as _typing

from jaxopt_slides._core.one_pass import OnePass as OnePass
from jaxopt_slides._core.spelling import no_such_name as _no_such_name
from jaxopt_slides.diagnostics._compiled import one_pass as one_pass
from jaxopt_slides.diagnostics._paths import overshoot as overshoot
from jaxopt_slides.diagnostics._paths import progress as progress
from jaxopt_slides.diagnostics._paths import sign_flips as sign_flips
from jaxopt_slides.diagnostics._rates import effective_learning_rate as effective_learning_rate
from jaxopt_slides.diagnostics._rates import spread as spread
from jaxopt_slides.diagnostics._regret import adagrad_bound as adagrad_bound
from jaxopt_slides.diagnostics._regret import regret as regret

if not _typing.TYPE_CHECKING:  # to a type checker a misspelt name stays an error

    def __getattr__(name: str) -> _typing.Any:
        """What is not there is answered with what was meant."""
        raise _no_such_name(__name__, name)
