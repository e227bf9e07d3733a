r"""The rules of ``jax.example_libraries.optimizers``, whose Adagrad has a hidden momentum.

There an optimizer is a triple that holds the parameters in its state; here it is a transformation
like any other, with the same arguments.
"""

from jaxopt_slides.presets.jax_example._rules import adagrad as adagrad
from jaxopt_slides.presets.jax_example._rules import adam as adam
from jaxopt_slides.presets.jax_example._rules import momentum as momentum
from jaxopt_slides.presets.jax_example._rules import nesterov as nesterov
from jaxopt_slides.presets.jax_example._rules import rmsprop as rmsprop
from jaxopt_slides.presets.jax_example._rules import rmsprop_momentum as rmsprop_momentum
from jaxopt_slides.presets.jax_example._rules import sgd as sgd
