"""The table of laws, in the order in which they are reported."""

from collections.abc import Callable
from typing import NamedTuple

from jaxopt_slides.testing import dtypes as d
from jaxopt_slides.testing import hyperparameters as h
from jaxopt_slides.testing import mistakes as m
from jaxopt_slides.testing import numerics as n
from jaxopt_slides.testing import transformations as t
from jaxopt_slides.testing import trees
from jaxopt_slides.testing._subject import Subject


class Law(NamedTuple):
    """A law of the table.

    Attributes:
      function: ``function(subject)`` raises :class:`Fault` or :class:`NotApplicable`, or returns.
      pitfalls: the ways of going wrong, by number, that it catches.

    Example:
      >>> from jaxopt_slides import testing
      >>> testing.LAWS[0].name, testing.LAWS[0].sentence
      ('runs', 'Two eager updates of ordinary float32 leaves run and are finite.')
    """

    function: Callable[[Subject], None]
    pitfalls: tuple[int, ...] = ()

    @property
    def name(self) -> str:
        """The function's name."""
        return getattr(self.function, "__name__", "?")

    @property
    def sentence(self) -> str:
        """What it says, the first line of its docstring."""
        return (self.function.__doc__ or "").split("\n")[0]


LAWS = (
    Law(trees.runs),
    Law(trees.tree_is_kept, (7, 9)),
    Law(trees.none_is_no_leaf, (3,)),
    Law(trees.python_floats_are_leaves, (3,)),
    Law(trees.empty_trees_work, (5,)),
    Law(trees.small_leaves_work, (9,)),
    Law(trees.callable_trees_are_params, (7,)),
    Law(trees.leaves_keep_their_names, (2,)),
    Law(trees.elements_are_independent, ()),
    Law(m.nothing_is_broadcast, (1,)),
    Law(m.another_tree_is_an_error, (2,)),
    Law(m.tree_errors_are_readable, (2,)),
    Law(m.integers_are_not_truncated, (4,)),
    Law(m.asks_for_params, (6,)),
    Law(d.precision_is_kept, (33,)),
    Law(d.state_is_a_scan_carry, (8, 9)),
    Law(n.zero_gradients_are_finite, (17, 20)),
    Law(n.any_gradient_is_finite, (20, 22)),
    Law(n.huge_gradients_do_not_erase, (20, 22)),
    Law(n.constant_gradients_stay_finite, (19,)),
    Law(d.narrow_follows_float32, (17,)),
    Law(d.small_float16_is_not_lost, (17, 35)),
    Law(d.complex_gradients_turn, (23,)),
    Law(h.nan_is_refused, (10,)),
    Law(h.decay_above_one_is_refused, (10,)),
    Law(h.schedules_start_at_zero, (13,)),
    Law(h.schedules_are_taken, (11,)),
    Law(h.hyperparameters_may_be_traced, (14,)),
    Law(h.optimizers_are_arguments, (14, 33)),
    Law(h.stacks_need_vmap, (36,)),
    Law(h.vmapped_constructor_is_a_loop, (39,)),
    Law(h.hypergradients_are_finite, (32,)),
    Law(h.counts_saturate, (16,)),
    Law(t.eager_is_jit),
    Law(t.inputs_are_not_changed, (24,)),
    Law(t.vmap_is_a_loop),
    Law(t.gradient_through_steps, (32,)),
    Law(t.state_may_be_donated, (29, 38)),
    Law(t.state_pickles, (30,)),
    Law(t.lowers_everywhere),
    Law(t.state_follows_sharding, (27,)),
)
