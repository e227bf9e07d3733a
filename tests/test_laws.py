"""Every law of laws.py for every optimizer of cases.py."""

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxopt_slides as jos
from tests import laws
from tests.cases import CASES, PRESETS, WRAPPERS, Case

# What CI leaves to .ci/full: all laws of these,
LEFT = {"rows-sgd", "rows-nesterov", "rows-rmsprop", "rows-momentum-horizon", "nested-wrappers-read"}
# and the laws that compile most, of presets, and of what differs by a number or by the way it is
# written from a case of which they are asked.
VARIANTS = {"rows-momentum", "sgd-momentum", "sgd-nesterov", "rmsprop-nesterov", "rmsprop-eps_root"}
VARIANTS |= {"rmsprop-bias_correction", "rmsprop-initial", "rmsprop-centered-nesterov"}
VARIANTS |= {"adagrad-eps_root", "adagrad-initial", "rowwise_adagrad-initial", "adadelta-small_eps"}
VARIANTS |= {"adam-other_decays", "trace-nesterov", "ema-biased", "scale_by_rms", "scale_by_stddev"}
VARIANTS |= {"nested-chain", "momentum-as-chain", "nesterov-as-chain", "rmsprop-centered-as-chain"}
VARIANTS |= {"adagrad-as-chain", "rmsprop-momentum-as-chain", "clip_by_global_norm-loose"}
VARIANTS |= {"project-ball-tight", "zero_nans", "apply_if_finite-rmsprop", "masked-rmsprop"}
VARIANTS |= {
    "multi_steps-momentum",
    "average_params-momentum",
    "as_static-rmsprop",
    "as_arrays-momentum",
}
LONG = {
    "coasts_or_refuses",
    "hypergradient",
    "hypergradient_at_rest",
    "under_transformations",
    "dtypes",
}
LONG |= {"vmapped_constructor", "schedules_anywhere", "chain_is_associative", "three_ways"}
LONG |= {"fit_is_the_loop"}


def is_left(law, case):
    """Whether a law of a case is marked slow."""
    of_long = case in PRESETS or case.name in VARIANTS
    return case.name in LEFT or (of_long and laws.name_of(law) in LONG)


# The case outermost: its laws share what jax has traced and compiled.
PAIRS = [
    pytest.param(law, case, marks=[pytest.mark.slow] if is_left(law, case) else [])
    for case in CASES
    for law in laws.LAWS
    if law in laws.laws_of(case)
]


@pytest.mark.parametrize(
    ("law", "case"), PAIRS, ids=lambda x: x.name if isinstance(x, Case) else laws.name_of(x)
)
def test_law(law, case):
    law(case)


def test_names_of_cases_are_unique():
    names = [case.name for case in CASES]
    assert len(set(names)) == len(names)


def test_what_is_left_to_the_full_run_exists():
    assert {case.name for case in CASES} >= LEFT | VARIANTS
    assert set(map(laws.name_of, laws.LAWS)) >= LONG


def test_an_exemption_names_a_law_and_a_reason():
    known = set(map(laws.name_of, laws.LAWS))
    for case in CASES:
        assert set(case.exempt) <= known, case.name
        assert all(case.exempt.values()), case.name


# checked is no case: a law that traces would have to trace inside chex.chexify, and nothing else.
@pytest.mark.parametrize(
    "case",
    [pytest.param(c, marks=[pytest.mark.slow] if c.name in LEFT | VARIANTS else []) for c in WRAPPERS],
    ids=repr,
)
def test_checked_changes_nothing(case):
    tx, w = case.tx(), jnp.asarray([1.0, -2.0, 0.5], jnp.float32)
    checked = jos.checked(tx)
    state, plain = checked.init(w), tx.init(w)
    laws.require_equal(state.inner_state, plain, f"{case}: init")
    for t in range(2):
        expected, plain = laws.step(tx, w, plain, w, t)
        updates, state = laws.step(checked, w, state, w, t)
        laws.require_equal((updates, state.inner_state), (expected, plain), f"{case}: step {t}")
    assert int(state.count) == 2
    assert jos.hyperparams(checked) == jos.hyperparams(tx)


@pytest.mark.parametrize(
    "case", [c for c in WRAPPERS if c.name in {"reduce_on_plateau", "nested-wrappers"}], ids=repr
)
def test_checked_inside_chexify(case):
    checked, w = jos.checked(case.tx()), jnp.asarray([1.0, -2.0, 0.5], jnp.float32)
    expected = laws.step(checked, w, checked.init(w), w)
    step = chex.chexify(jax.jit(lambda w: laws.step(checked, w, checked.init(w), w)), async_check=False)
    got = step(w)
    chex.block_until_chexify_assertions_complete()
    assert jax.tree.structure(got) == jax.tree.structure(expected)
    for a, b in zip(jax.tree.leaves(got), jax.tree.leaves(expected), strict=True):
        np.testing.assert_allclose(a, b, rtol=4 * laws.ULP32)
