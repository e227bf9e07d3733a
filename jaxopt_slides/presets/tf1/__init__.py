r"""TensorFlow 1's ``tf.train`` optimizers: eps inside the root, RMSProp from :math:`s^{(0)} = 1`.

``use_locking``, ``name`` and ``use_own_namescope_for_non_slot_vars`` concern TensorFlow's graph; here
they change nothing. A plain 0 for RMSProp's ``momentum`` leaves the velocity out.
"""

from jaxopt_slides.presets.tf1._rules import adadelta as adadelta
from jaxopt_slides.presets.tf1._rules import adagrad as adagrad
from jaxopt_slides.presets.tf1._rules import adam as adam
from jaxopt_slides.presets.tf1._rules import momentum as momentum
from jaxopt_slides.presets.tf1._rules import rmsprop as rmsprop
from jaxopt_slides.presets.tf1._rules import sgd as sgd
