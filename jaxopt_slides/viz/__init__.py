"""Pictures of optimizers: races on a landscape, losses, sensitivities and effective learning rates.

What runs (:func:`race`, :func:`sensitivity`, :func:`effective_rates`) returns arrays and needs no
plotting library; what draws needs matplotlib (``pip install "jaxopt_slides[viz]"``), which is imported
when something is drawn. Every picture is for colour-blind readers too, and in English or Portuguese.

Example:
  >>> from jaxopt_slides import landscapes, viz
  >>> paths = viz.race(landscapes.saddle, {"sgd": sgd(0.02), "adagrad": adagrad(0.1)}, steps=20)
  >>> paths["adagrad"].shape
  (21, 2)
"""

import typing as _typing

from jaxopt_slides._core.spelling import no_such_name as _no_such_name
from jaxopt_slides.viz._curves import effective_rate_curves as effective_rate_curves
from jaxopt_slides.viz._curves import loss_curves as loss_curves
from jaxopt_slides.viz._curves import sensitivity_curves as sensitivity_curves
from jaxopt_slides.viz._races import contour_race as contour_race
from jaxopt_slides.viz._races import surface_race as surface_race
from jaxopt_slides.viz._runs import effective_rates as effective_rates
from jaxopt_slides.viz._runs import heights as heights
from jaxopt_slides.viz._runs import race as race
from jaxopt_slides.viz._runs import score as score
from jaxopt_slides.viz._runs import sensitivity as sensitivity
from jaxopt_slides.viz._usual import RULES as RULES
from jaxopt_slides.viz._usual import usual_optimizers as usual_optimizers
from jaxopt_slides.viz._usual import usual_rates as usual_rates
from jaxopt_slides.viz._words import LANGUAGES as LANGUAGES

if not _typing.TYPE_CHECKING:  # to a type checker a misspelt name stays an error

    def __getattr__(name: str) -> _typing.Any:
        """What is not there is answered with what was meant."""
        raise _no_such_name(__name__, name)
