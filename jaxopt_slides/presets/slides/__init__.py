r"""The slides' rules under the names of their code: ``learning_rate``, ``mu``, ``decay_rate``.

These are this library's own rules; the module is there so that every convention has one.
"""

from jaxopt_slides.presets.slides._rules import adagrad as adagrad
from jaxopt_slides.presets.slides._rules import momentum as momentum
from jaxopt_slides.presets.slides._rules import rmsprop as rmsprop
from jaxopt_slides.presets.slides._rules import sgd as sgd
