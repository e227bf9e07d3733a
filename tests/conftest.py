"""The suite's house rules: eight devices, strict promotion, float64 only where a test asks for it."""

import os

# Before jax is imported. The threads of eight host devices would otherwise fight over one or two cores.
os.environ["XLA_FLAGS"] = " ".join(
    [
        os.environ.get("XLA_FLAGS", ""),
        "--xla_force_host_platform_device_count=8",
        "--xla_cpu_multi_thread_eigen=false",
    ]
).strip()
os.environ.setdefault("JAX_PLATFORMS", "cpu")

import chex
import hypothesis
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxopt_slides as jos

jax.config.update("jax_numpy_dtype_promotion", "strict")
jax.config.update("jax_numpy_rank_promotion", "raise")

# Deterministic: the same examples in every run and on every machine; compiling makes deadlines flaky.
hypothesis.settings.register_profile(
    "deterministic", derandomize=True, deadline=None, database=None, print_blob=True
)
hypothesis.settings.load_profile("deterministic")


@pytest.fixture
def x64():
    """Float64 inside one test, whatever the test does; the default comes back after it."""
    with jax.enable_x64(True):
        yield
    assert not jax.config.jax_enable_x64


@pytest.fixture(autouse=True)
def _restored():
    """No test leaves a global switch or a trace counter behind."""
    watched = ("jax_enable_x64", "jax_numpy_dtype_promotion", "jax_numpy_rank_promotion")
    before = {name: getattr(jax.config, name) for name in watched}
    chex.clear_trace_counter()
    yield
    after = {name: getattr(jax.config, name) for name in watched}
    assert after == before, f"a test changed a global switch: {before} became {after}"


TESTS_TO_A_CACHE = 200


@pytest.fixture(autouse=True)
def _bounded_caches(_tests_so_far=[0]):  # noqa: B006 (one counter a process)
    """Thousands of programs in one process overflow jax's caches, and take gigabytes."""
    yield
    _tests_so_far[0] += 1
    if _tests_so_far[0] % TESTS_TO_A_CACHE == 0:
        jax.clear_caches()


@pytest.fixture(autouse=True)
def _names_for_doctests(doctest_namespace):
    """Docstrings use the public names as they are, and jos, jax, jnp, np."""
    public = {name: getattr(jos, name) for name in dir(jos) if not name.startswith("_")}
    doctest_namespace.update(public, jos=jos, jax=jax, jnp=jnp, np=np)
