"""Schedules: hyperparameters that follow the count of steps; the first update sees count 0."""

import typing as _typing

from jaxopt_slides._core.spelling import no_such_name as _no_such_name
from jaxopt_slides.schedules.cosines import cosine_decay_schedule as cosine_decay_schedule
from jaxopt_slides.schedules.cosines import warmup_cosine_decay_schedule as warmup_cosine_decay_schedule
from jaxopt_slides.schedules.decays import exponential_decay as exponential_decay
from jaxopt_slides.schedules.momenta import sutskever_schedule as sutskever_schedule
from jaxopt_slides.schedules.pieces import join_schedules as join_schedules
from jaxopt_slides.schedules.pieces import piecewise_constant_schedule as piecewise_constant_schedule
from jaxopt_slides.schedules.polynomials import constant_schedule as constant_schedule
from jaxopt_slides.schedules.polynomials import linear_schedule as linear_schedule
from jaxopt_slides.schedules.polynomials import polynomial_schedule as polynomial_schedule

if not _typing.TYPE_CHECKING:  # to a type checker a misspelt name stays an error

    def __getattr__(name: str) -> _typing.Any:
        """What is not there is answered with what was meant."""
        raise _no_such_name(__name__, name)
