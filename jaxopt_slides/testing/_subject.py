"""What is judged: a constructor of an optax-style transform and the numbers that it may vary."""

import dataclasses
import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

PyTree = Any
SHAPES = ((3, 2), (3,))


class Fault(AssertionError):  # noqa: N818 (a verdict, like the other one)
    """A law does not hold: what was expected, what came, and the smallest counterexample found.

    Example:
      >>> from jaxopt_slides import testing
      >>> issubclass(testing.Fault, AssertionError)
      True
    """


class NotApplicable(Exception):  # noqa: N818 (no error: it says why a law asks nothing here)
    """A law asks nothing of this subject; the text says why.

    Example:
      >>> from jaxopt_slides import testing
      >>> try:
      ...     testing.schedules_start_at_zero(testing.Subject.of(identity()))
      ... except testing.NotApplicable as reason:
      ...     print(reason)
      no hyperparameter is known
    """


@dataclasses.dataclass(frozen=True)
class Subject:
    """One transform on trial: how to make it, and what may be varied.

    Most are made by :meth:`of`, from a transform or from a constructor.

    Attributes:
      name: how it is called in the verdicts.
      make: the constructor; takes the hyperparameters by keyword and returns ``(init, update)``.
      hyperparameters: the real numbers that may be varied, with the values at which it is judged.
      shapes: the shapes of the leaves it is judged on, float32 or narrower. The laws of zero-size
        leaves, scalars and arbitrary trees ask nothing of a subject with shapes of its own.
      elementwise: that every element is updated as if it were alone. An undeclared transform may
        couple leaves, as a clip by the global norm does.
      follows_params: that its updates lead from the parameters it is given to a copy that it keeps, so
        that a run in which they stand still says nothing.
      extra: what ``update`` is given by keyword, if it takes any keyword: of a plane with the given
        gradient, the ``value``, the ``grad``, and the function, as ``value_fn`` or ``obj_fn``.

    Example:
      >>> from jaxopt_slides import testing
      >>> subject = testing.Subject.of(rmsprop, learning_rate=0.1, centered=True)
      >>> sorted(subject.hyperparameters)
      ['decay', 'eps', 'eps_root', 'initial_accumulator_value', 'learning_rate']
      >>> subject.tx(decay=0.5)
      rmsprop(learning_rate=0.1, decay=0.5, eps=1e-07, eps_root=0.0,
              initial_accumulator_value=0.0, centered=True)
    """

    name: str
    make: Callable[..., Any]
    hyperparameters: Mapping[str, float] = dataclasses.field(default_factory=dict)
    shapes: tuple[tuple[int, ...], ...] = SHAPES
    elementwise: bool = False
    follows_params: bool = False
    extra: tuple[str, ...] = ("value", "grad", "value_fn")

    @classmethod
    def of(cls, what: Any, /, **arguments: Any) -> "Subject":
        """A subject from a transform, or from a constructor and its arguments.

        Args:
          what: an ``(init, update)`` pair, of which laws that vary hyperparameters ask nothing; or a
            constructor of one. A Subject is returned as it is.
          **arguments: the constructor's. Floats among them, and floats among the other defaults, are
            hyperparameters; everything else is fixed.

        Returns:
          The subject.

        Raises:
          TypeError: ``what`` is neither a constructor nor an ``(init, update)`` pair.
        """
        if isinstance(what, cls):
            return what
        if is_transform(what):
            return cls(type(what).__name__, lambda: what)
        if not callable(what):
            raise TypeError(
                f"expected an (init, update) pair or a constructor of one, got {what!r:.80}."
            )
        parameters = inspect.signature(what).parameters.values()
        defaults = {p.name: p.default for p in parameters if isinstance(p.default, float)}
        real = {n: v for n, v in arguments.items() if is_real(v, n in {*defaults, "learning_rate"})}
        options = {n: v for n, v in arguments.items() if n not in real}
        values = {n: float(v) for n, v in {**defaults, **real}.items() if n not in options}
        name = getattr(what, "__name__", repr(what))
        return cls(name, functools.partial(what, **options), values)

    def __repr__(self) -> str:
        return self.name

    def tx(self, **changes: Any) -> Any:
        """The transform at the subject's hyperparameters, some of them changed."""
        return self.make(**{**self.hyperparameters, **changes})

    def params(self, dtype: Any = "float32") -> dict[str, jax.Array]:
        """Ordinary parameters."""
        return {
            k: jnp.asarray(numbers(s, 3), dtype) for k, s in zip("abcdef", self.shapes, strict=False)
        }

    def gradients(self, step: int = 0, dtype: Any = "float32") -> dict[str, jax.Array]:
        """Ordinary gradients; none is zero, and signs change from step to step."""
        return {
            k: jnp.asarray(numbers(s, 5 + 4 * step), dtype)
            for k, s in zip("abcdef", self.shapes, strict=False)
        }

    def update(self, tx: Any, gradients: PyTree, state: PyTree, params: PyTree) -> Any:
        """``tx.update`` with the parameters and whatever extra arguments it asks for."""
        return tx.update(gradients, state, params, **self.extras(tx, gradients, params))

    def extras(self, tx: Any, gradients: PyTree, params: PyTree) -> dict[str, Any]:
        """The keyword arguments that ``tx.update`` takes beyond the protocol."""
        wanted = inspect.signature(tx.update).parameters
        anything = any(p.kind is p.VAR_KEYWORD for p in wanted.values())
        names = [n for n in ("value", "grad", "value_fn", "obj_fn") if n in wanted]
        names = self.extra if anything else names
        return {n: v for n, v in plane(gradients, params).items() if n in names} if names else {}

    def random(self) -> bool:
        """Whether the state holds a random key: then equal inputs need not mean equal updates."""
        state = jax.tree.leaves(jax.eval_shape(lambda p: self.tx().init(p), self.params()))
        dtypes = [x.dtype for x in state]
        return any(d == jnp.uint32 or jnp.issubdtype(d, jax.dtypes.prng_key) for d in dtypes)

    def require_no_noise(self) -> None:
        """Raises NotApplicable for a transform that draws random numbers."""
        if self.random():
            raise NotApplicable("it draws random numbers")

    def require_own_path(self) -> None:
        """Raises NotApplicable where updates at parameters that stand still say nothing."""
        self.require_no_noise()
        if self.follows_params:
            raise NotApplicable("its updates lead to a copy of the parameters that it keeps")


def is_real(value: Any, or_int: bool) -> bool:
    """Whether an argument is a real number; an int is one only where a float could stand."""
    return isinstance(value, float) or (
        or_int and isinstance(value, int) and not isinstance(value, bool)
    )


def is_transform(what: Any) -> bool:
    """Whether it is an ``(init, update)`` pair."""
    if isinstance(what, tuple):
        return len(what) == 2 and all(map(callable, what)) and hasattr(what, "update")
    return callable(getattr(what, "init", None)) and callable(getattr(what, "update", None))


def numbers(shape: tuple[int, ...], offset: int = 0) -> np.ndarray:
    """Numbers of order 1, none of them zero, exact in every float dtype."""
    n = int(np.prod(shape))
    return ((((np.arange(n) * 5 + offset) % 13) - 6.5) / 4).reshape(shape)


def plane(gradients: PyTree, params: PyTree) -> dict[str, Any]:
    """An objective with this gradient everywhere: value, gradient and function agree."""

    def objective(w: PyTree, *_: Any, **__: Any) -> jax.Array:
        return 10 + sum(map(_dot, jax.tree.leaves(gradients), jax.tree.leaves(w)), jnp.zeros(()))

    return {
        "value": objective(params),
        "grad": gradients,
        "value_fn": objective,
        "obj_fn": objective,
    }


def _dot(g: Any, w: Any) -> jax.Array:
    """Their inner product in float32; nothing where the shapes differ."""
    if jnp.shape(g) != jnp.shape(w):
        return jnp.zeros(())
    product = jnp.asarray(g).conj() * jnp.asarray(w, jnp.result_type(g))
    return jnp.sum(product.real, dtype=jnp.zeros(()).dtype)
