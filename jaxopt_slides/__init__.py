"""The slides' weight-update rules as optimizers that are data: ``import jaxopt_slides as jos``."""

import importlib as _importlib
import typing as _typing

if _typing.TYPE_CHECKING:
    from jaxopt_slides import diagnostics as diagnostics
    from jaxopt_slides import landscapes as landscapes
    from jaxopt_slides import presets as presets
    from jaxopt_slides import sharding as sharding
    from jaxopt_slides import viz as viz

# modules
from jaxopt_slides import rows as rows

# protocol
from jaxopt_slides._core.apply import apply_updates as apply_updates
from jaxopt_slides._core.chain import chain as chain
from jaxopt_slides._core.chain import identity as identity
from jaxopt_slides._core.chain import named_chain as named_chain
from jaxopt_slides._core.hyperparams import hyperparams as hyperparams
from jaxopt_slides._core.hyperparams import with_hyperparams as with_hyperparams
from jaxopt_slides._core.spelling import no_such_name as _no_such_name
from jaxopt_slides._core.types import GradientTransformation as GradientTransformation

# wrappers
from jaxopt_slides._parts.accumulation import multi_steps as multi_steps
from jaxopt_slides._parts.averaging import ema as ema
from jaxopt_slides._parts.averaging import trace as trace
from jaxopt_slides._parts.checked import checked as checked

# parts
from jaxopt_slides._parts.clipping import clip as clip
from jaxopt_slides._parts.clipping import clip_by_global_norm as clip_by_global_norm
from jaxopt_slides._parts.clipping import zero_nans as zero_nans
from jaxopt_slides._parts.decay import add_decayed_weights as add_decayed_weights
from jaxopt_slides._parts.finiteness import apply_if_finite as apply_if_finite
from jaxopt_slides._parts.masking import freeze as freeze
from jaxopt_slides._parts.masking import masked as masked
from jaxopt_slides._parts.masking import partition as partition
from jaxopt_slides._parts.normalizing import scale_by_rms as scale_by_rms
from jaxopt_slides._parts.normalizing import scale_by_rss as scale_by_rss
from jaxopt_slides._parts.normalizing import scale_by_stddev as scale_by_stddev
from jaxopt_slides._parts.parameter_average import average_params as average_params
from jaxopt_slides._parts.plateau import reduce_on_plateau as reduce_on_plateau
from jaxopt_slides._parts.precision import accumulator_dtype as accumulator_dtype
from jaxopt_slides._parts.precision import mixed_precision as mixed_precision
from jaxopt_slides._parts.project import project as project
from jaxopt_slides._parts.scaling import scale as scale
from jaxopt_slides._parts.scaling import scale_by_learning_rate as scale_by_learning_rate
from jaxopt_slides._parts.scaling import scale_by_schedule as scale_by_schedule
from jaxopt_slides._parts.scaling import set_to_zero as set_to_zero
from jaxopt_slides._parts.static import as_arrays as as_arrays
from jaxopt_slides._parts.static import as_static as as_static

# rules
from jaxopt_slides._rules.adadelta import adadelta as adadelta
from jaxopt_slides._rules.adagrad import adagrad as adagrad
from jaxopt_slides._rules.adam import adam as adam
from jaxopt_slides._rules.momentum import momentum as momentum
from jaxopt_slides._rules.nesterov import nesterov as nesterov
from jaxopt_slides._rules.rmsprop import rmsprop as rmsprop
from jaxopt_slides._rules.rowwise_adagrad import rowwise_adagrad as rowwise_adagrad
from jaxopt_slides._rules.sgd import sgd as sgd

# schedules
from jaxopt_slides.schedules import constant_schedule as constant_schedule
from jaxopt_slides.schedules import cosine_decay_schedule as cosine_decay_schedule
from jaxopt_slides.schedules import exponential_decay as exponential_decay
from jaxopt_slides.schedules import join_schedules as join_schedules
from jaxopt_slides.schedules import linear_schedule as linear_schedule
from jaxopt_slides.schedules import piecewise_constant_schedule as piecewise_constant_schedule
from jaxopt_slides.schedules import polynomial_schedule as polynomial_schedule
from jaxopt_slides.schedules import sutskever_schedule as sutskever_schedule
from jaxopt_slides.schedules import warmup_cosine_decay_schedule as warmup_cosine_decay_schedule

# training
from jaxopt_slides.training.batches import sample_batches as sample_batches
from jaxopt_slides.training.fit import fit as fit
from jaxopt_slides.training.step import make_step as make_step
from jaxopt_slides.training.sweep import sweep as sweep

__version__ = "0.1.0"


_MODULES = ("diagnostics", "landscapes", "presets", "sharding", "viz")


if not _typing.TYPE_CHECKING:  # to a type checker a misspelt name stays an error

    def __getattr__(name: str) -> _typing.Any:
        """Imports the modules that not every program needs when they are first asked for."""
        if name in _MODULES:
            return _importlib.import_module(f"jaxopt_slides.{name}")
        raise _no_such_name(__name__, name)


def __dir__() -> list[str]:
    """The public names, those of the modules that are not imported yet among them."""
    return sorted({*globals(), *_MODULES})
