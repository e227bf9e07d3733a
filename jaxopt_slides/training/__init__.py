"""The slides' SGD main loop as functions: sample a batch, take a step, fit; and many fits at once."""

import typing as _typing

from jaxopt_slides._core.spelling import no_such_name as _no_such_name
from jaxopt_slides.training.batches import sample_batches as sample_batches
from jaxopt_slides.training.fit import fit as fit
from jaxopt_slides.training.step import make_step as make_step
from jaxopt_slides.training.sweep import sweep as sweep

if not _typing.TYPE_CHECKING:  # to a type checker a misspelt name stays an error

    def __getattr__(name: str) -> _typing.Any:
        """What is not there is answered with what was meant."""
        raise _no_such_name(__name__, name)
