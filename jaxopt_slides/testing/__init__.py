"""The laws for everyone: what any optax-style transform should hold, as functions and as a command.

``python -m jaxopt_slides.testing optax:rmsprop learning_rate=0.1`` prints every law with ok, fault
and its counterexample, or not applicable and why. :func:`judge` does the same in Python and
:func:`check` raises; a law is a function of a :class:`Subject`. Two of the laws search for their
counterexamples with hypothesis: ``pip install 'jaxopt_slides[testing]'``.

A law finds a fault where a user gets a wrong number, a NaN, a broadcast or a crash that does not say
what is wrong. What cannot be asked of a black box: how parameters are updated (18), how schedules
treat bad arguments and how one reads what a step used (12, 15), wrappers' promises (21, 25, 34), what
a restored checkpoint looks like (28), and how a project tests itself (26, 31, 37, 40).
"""

from jaxopt_slides.testing._judge import Verdict as Verdict
from jaxopt_slides.testing._judge import check as check
from jaxopt_slides.testing._judge import judge as judge
from jaxopt_slides.testing._laws import LAWS as LAWS
from jaxopt_slides.testing._laws import Law as Law
from jaxopt_slides.testing._subject import Fault as Fault
from jaxopt_slides.testing._subject import NotApplicable as NotApplicable
from jaxopt_slides.testing._subject import Subject as Subject
from jaxopt_slides.testing.dtypes import complex_gradients_turn as complex_gradients_turn
from jaxopt_slides.testing.dtypes import narrow_follows_float32 as narrow_follows_float32
from jaxopt_slides.testing.dtypes import precision_is_kept as precision_is_kept
from jaxopt_slides.testing.dtypes import small_float16_is_not_lost as small_float16_is_not_lost
from jaxopt_slides.testing.dtypes import state_is_a_scan_carry as state_is_a_scan_carry
from jaxopt_slides.testing.hyperparameters import counts_saturate as counts_saturate
from jaxopt_slides.testing.hyperparameters import (
    decay_above_one_is_refused as decay_above_one_is_refused,
)
from jaxopt_slides.testing.hyperparameters import hypergradients_are_finite as hypergradients_are_finite
from jaxopt_slides.testing.hyperparameters import (
    hyperparameters_may_be_traced as hyperparameters_may_be_traced,
)
from jaxopt_slides.testing.hyperparameters import nan_is_refused as nan_is_refused
from jaxopt_slides.testing.hyperparameters import optimizers_are_arguments as optimizers_are_arguments
from jaxopt_slides.testing.hyperparameters import schedules_are_taken as schedules_are_taken
from jaxopt_slides.testing.hyperparameters import schedules_start_at_zero as schedules_start_at_zero
from jaxopt_slides.testing.hyperparameters import stacks_need_vmap as stacks_need_vmap
from jaxopt_slides.testing.hyperparameters import (
    vmapped_constructor_is_a_loop as vmapped_constructor_is_a_loop,
)
from jaxopt_slides.testing.mistakes import another_tree_is_an_error as another_tree_is_an_error
from jaxopt_slides.testing.mistakes import asks_for_params as asks_for_params
from jaxopt_slides.testing.mistakes import integers_are_not_truncated as integers_are_not_truncated
from jaxopt_slides.testing.mistakes import nothing_is_broadcast as nothing_is_broadcast
from jaxopt_slides.testing.mistakes import tree_errors_are_readable as tree_errors_are_readable
from jaxopt_slides.testing.numerics import any_gradient_is_finite as any_gradient_is_finite
from jaxopt_slides.testing.numerics import (
    constant_gradients_stay_finite as constant_gradients_stay_finite,
)
from jaxopt_slides.testing.numerics import huge_gradients_do_not_erase as huge_gradients_do_not_erase
from jaxopt_slides.testing.numerics import zero_gradients_are_finite as zero_gradients_are_finite
from jaxopt_slides.testing.transformations import eager_is_jit as eager_is_jit
from jaxopt_slides.testing.transformations import gradient_through_steps as gradient_through_steps
from jaxopt_slides.testing.transformations import inputs_are_not_changed as inputs_are_not_changed
from jaxopt_slides.testing.transformations import lowers_everywhere as lowers_everywhere
from jaxopt_slides.testing.transformations import state_follows_sharding as state_follows_sharding
from jaxopt_slides.testing.transformations import state_may_be_donated as state_may_be_donated
from jaxopt_slides.testing.transformations import state_pickles as state_pickles
from jaxopt_slides.testing.transformations import vmap_is_a_loop as vmap_is_a_loop
from jaxopt_slides.testing.trees import callable_trees_are_params as callable_trees_are_params
from jaxopt_slides.testing.trees import elements_are_independent as elements_are_independent
from jaxopt_slides.testing.trees import empty_trees_work as empty_trees_work
from jaxopt_slides.testing.trees import leaves_keep_their_names as leaves_keep_their_names
from jaxopt_slides.testing.trees import none_is_no_leaf as none_is_no_leaf
from jaxopt_slides.testing.trees import python_floats_are_leaves as python_floats_are_leaves
from jaxopt_slides.testing.trees import runs as runs
from jaxopt_slides.testing.trees import small_leaves_work as small_leaves_work
from jaxopt_slides.testing.trees import tree_is_kept as tree_is_kept
