"""Every framework's rules under its own argument names, in its order, with its defaults.

A preset is a short composition of this library's rules and parts. What a framework has and no part
expresses is refused, with the reason. Each module is named after its framework and imports none of it:

    presets.slides  presets.torch  presets.keras  presets.tf1  presets.optax  presets.jax_example
"""

import typing as _typing

from jaxopt_slides._core.spelling import no_such_name as _no_such_name
from jaxopt_slides.presets import jax_example as jax_example
from jaxopt_slides.presets import keras as keras
from jaxopt_slides.presets import optax as optax
from jaxopt_slides.presets import slides as slides
from jaxopt_slides.presets import tf1 as tf1
from jaxopt_slides.presets import torch as torch

if not _typing.TYPE_CHECKING:  # to a type checker a misspelt name stays an error

    def __getattr__(name: str) -> _typing.Any:
        """What is not there is answered with what was meant."""
        raise _no_such_name(__name__, name)
