"""The same rules in this library and in optax, and one jitted step of either."""

import functools
import importlib.util
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

import jaxopt_slides as jos
from benchmarks.data import DECAY, EPS, RATE, WARM_UP, sample

HAS_OPTAX = importlib.util.find_spec("optax") is not None


def _ours(rule: str, rate: Any) -> Any:
    makers = {
        "sgd": lambda: jos.sgd(rate),
        "momentum": lambda: jos.momentum(rate, mu=DECAY),
        "nesterov": lambda: jos.nesterov(rate, mu=DECAY),
        "rmsprop": lambda: jos.rmsprop(rate, decay=DECAY, eps=EPS),
        "adagrad": lambda: jos.adagrad(rate, eps=EPS),
        # In an order in which every part shows in the updates.
        "ten parts": lambda: jos.chain(
            jos.zero_nans(),
            jos.scale_by_rms(DECAY, eps=EPS),
            jos.clip(2.0),
            jos.add_decayed_weights(0.1),
            jos.clip_by_global_norm(5.0),
            jos.scale(2.0),
            jos.trace(DECAY),
            jos.ema(DECAY, debias=False),
            jos.scale_by_schedule(lambda count: 1 / (1 + count)),
            jos.scale_by_learning_rate(rate),
        ),
    }
    return makers[rule]()


def _optax(rule: str, rate: Any) -> Any:
    import optax

    makers = {
        "sgd": lambda: optax.sgd(rate),
        "momentum": lambda: optax.sgd(rate, momentum=DECAY),
        "nesterov": lambda: optax.sgd(rate, momentum=DECAY, nesterov=True),
        "rmsprop": lambda: optax.rmsprop(rate, decay=DECAY, eps=EPS, eps_in_sqrt=False),
        "adagrad": lambda: optax.adagrad(rate, initial_accumulator_value=0.0, eps=EPS),
        "ten parts": lambda: optax.chain(
            optax.zero_nans(),
            optax.scale_by_rms(DECAY, eps=EPS, eps_in_sqrt=False),
            optax.clip(2.0),
            optax.add_decayed_weights(0.1),
            optax.clip_by_global_norm(5.0),
            optax.scale(2.0),
            optax.trace(DECAY),
            optax.ema(DECAY, debias=False),
            optax.scale_by_schedule(lambda count: 1 / (1 + count)),
            optax.scale_by_learning_rate(rate),
        ),
    }
    return makers[rule]()


class Side(NamedTuple):
    """A rule of one library: its transformation, and how that library adds updates."""

    tx: Any
    apply: Callable[[Any, Any], Any]
    is_data: bool  # the transformation is a pytree, so that it can be an argument

    @classmethod
    def of(cls, who: str, rule: str, rate: float = RATE) -> "Side":
        """``who`` is jos or optax."""
        if who == "optax":
            import optax

            return cls(_optax(rule, rate), optax.apply_updates, False)
        return cls(_ours(rule, rate), jos.apply_updates, True)

    def step(self, params: Any, state: Any, gradients: Any) -> tuple[Any, Any]:
        """Update and addition."""
        updates, state = self.tx.update(gradients, state, params)
        return self.apply(params, updates), state

    @property
    def argument(self) -> tuple[Any, ...]:
        """What the compiled programs take first: our transformation; optax's is a constant in them."""
        return (self.tx,) if self.is_data else ()

    def program(self, step: Callable[..., Any], *, donate: bool = True) -> Any:
        """``step(side, params, state, ...)`` jitted, to be called with ``argument`` first."""
        first = len(self.argument)

        def run(*arguments: Any) -> Any:
            side = self._replace(tx=arguments[0]) if first else self
            return step(side, *arguments[first:])

        return jax.jit(run, donate_argnums=(first, first + 1) if donate else ())

    def jitted(self, step: Callable[..., Any], *, donate: bool = True) -> Callable[..., Any]:
        """The same, called without ``argument``."""
        return functools.partial(self.program(step, donate=donate), *self.argument)


def leaves(values: np.ndarray) -> list[jax.Array]:
    """One leaf a row, each with memory of its own."""
    return [jnp.array(x) for x in values]


class Stepping:
    """One optimizer at work with gradients that are given: what is timed is the optimizer alone."""

    def __init__(self, side: Side, values: np.ndarray, gradients: Any, *, donate: bool = True):
        """Compiles, and takes the first steps."""
        self.params, self.gradients = leaves(values), gradients
        self.state, self.step = side.tx.init(self.params), side.jitted(Side.step, donate=donate)
        self.take(WARM_UP)

    def take(self, steps: int) -> None:
        """So many steps, waited for."""
        for _ in range(steps):
            self.params, self.state = self.step(self.params, self.state, self.gradients)
        jax.block_until_ready((self.params, self.state))

    def block(self, steps: int) -> float:
        """The milliseconds of a step: of so many, after one that fills the caches again."""
        return timed(self.take, steps)

    def found(self) -> list[float]:
        """Some of the params."""
        return sample([np.asarray(x) for x in (self.params[0], self.params[-1])])


def timed(take: Callable[[int], Any], steps: int) -> float:
    """The milliseconds of each of ``steps``, after one that is not counted."""
    take(1)
    began = time.perf_counter()
    take(steps)
    return (time.perf_counter() - began) * 1e3 / steps
