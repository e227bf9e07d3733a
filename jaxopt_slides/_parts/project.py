"""Keeping the parameters in a convex set: a box, or a ball over the whole tree."""

import functools
import operator
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.core import Tracer

from jaxopt_slides._core.checks import require_no_complex, where
from jaxopt_slides._core.dtypes import dtypes_of, promote, real
from jaxopt_slides._core.lift import Whole, next_count
from jaxopt_slides._core.node import Context
from jaxopt_slides._core.pair import transformation
from jaxopt_slides._core.pytree import pytree
from jaxopt_slides._core.rule import Rule, hyperparameter, rule
from jaxopt_slides._core.spelling import public
from jaxopt_slides._core.types import GradientTransformation, Hyperparameter, PyTree
from jaxopt_slides._parts.clipping import ClipByGlobalNorm
from jaxopt_slides._parts.inside import Dtypes, Leaf, arrival, between, toward


class ProjectState(NamedTuple):
    """State of :func:`project`: the count, for schedules."""

    count: int | jax.Array  # [], int32: steps taken


class ConvexSet(Rule):
    """All arrays: u = P(w + u) - w, with P the projection onto the set."""

    name = "project"
    State = ProjectState
    idle = "stops the weights at a boundary, and so is no linear map of them"

    def require(self, what: str, tree: PyTree) -> None:
        """Raises TypeError for a leaf that the set cannot hold."""

    def moves(self, leaves: list[Leaf], count: Any) -> list[jax.Array]:
        """The updates that end in the set."""
        raise NotImplementedError


@rule
class Box(ConvexSet):
    """All arrays: u = min(max(w + u, low), high) - w."""

    low: Any = hyperparameter(optional=True, default=None)
    high: Any = hyperparameter(optional=True, default=None)

    def require_consistent(self) -> None:
        bounds = (self.low, self.high)
        if any(x is None or callable(x) or isinstance(x, Tracer) for x in bounds):
            return
        if self.low > self.high:
            low, high = map(float, bounds)
            raise ValueError(f"project: low must be at most high, got low {low!r} and high {high!r}.")

    def require(self, what: str, tree: PyTree) -> None:
        for path, leaf in jax.tree_util.tree_leaves_with_path(tree):
            if jnp.iscomplexobj(leaf):
                raise TypeError(
                    f"project: {where(path)} of the {what} has dtype {jnp.result_type(leaf)}; complex "
                    f"numbers have no order, so neither low nor high. A ball (radius) takes them."
                )

    def moves(self, leaves: list[Leaf], count: Any) -> list[jax.Array]:
        bounds = {d: self.at(count, d) for d in {x.dtypes.computed for x in leaves}}
        at = [bounds[x.dtypes.computed] for x in leaves]
        return [between(x[:2], (b.low, b.high), x.dtypes) for x, b in zip(leaves, at, strict=True)]


@rule
class Ball(ConvexSet):
    """All arrays: u = (w + u) min(1, radius / |w + u|) - w."""

    radius: Any = hyperparameter(0)

    def moves(self, leaves: list[Leaf], count: Any) -> list[jax.Array]:
        dtype = functools.reduce(promote, (x.dtypes.computed for x in leaves))
        radius = self.at(count, dtype).radius
        given, ends = zip(*(arrival(*x) for x in leaves), strict=True)
        same = (jnp.all(a == b) for a, b in zip(ends, _in_ball(ends, radius), strict=True))
        inside = functools.reduce(operator.and_, same)
        shorter = radius * (1 - 4 * jnp.finfo(dtype).eps)  # so that rounding does not end outside
        targets = _in_ball([x.w + x.u for x in leaves], shorter)
        back = [toward(x.w, t, x.dtypes) for x, t in zip(leaves, targets, strict=True)]
        return [jnp.where(inside, u, v) for u, v in zip(given, back, strict=True)]


def _in_ball(leaves: Any, radius: jax.Array) -> list[jax.Array]:
    """The nearest point of the ball: clipping by the global norm is the projection onto it."""
    return ClipByGlobalNorm(radius).step([*leaves], None)[0]


@pytree(repr=False)
class Projection(Whole):
    """A convex set over trees: it sees the parameters, and the dtypes in which all is stored."""

    rule: Any

    def init(self, params: PyTree) -> PyTree:
        self.rule.require("params", params)
        return super().init(params)

    def update(self, updates: PyTree, state: PyTree, context: Context) -> tuple[PyTree, PyTree]:
        self.require_state(state)
        new = state._replace(count=next_count(state.count))
        gradients, treedef = jax.tree.flatten(updates)
        if not gradients:
            return updates, new
        if context.params is None:
            raise ValueError(f"{self.name} needs the parameters: call update(updates, state, params).")
        require_no_complex(self.name, "params", context.params, "updates", updates)
        self.rule.require("updates", updates)
        dtypes = map(Dtypes, map(real, dtypes_of(context.params)), map(real, context.dtypes))
        triples = zip(gradients, jax.tree.leaves(context.params), dtypes, strict=True)
        leaves = [_parts(u, w, d) for u, w, d in triples]
        with jax.numpy_dtype_promotion("standard"):  # leaves of several dtypes meet in one number
            moves = iter(self.rule.moves([x for parts in leaves for x in parts], state.count))
        whole = [_whole(u, [next(moves) for _ in p]) for u, p in zip(gradients, leaves, strict=True)]
        return treedef.unflatten(whole), new


def _parts(u: jax.Array, w: Any, dtypes: Dtypes) -> list[Leaf]:
    """A leaf in one real dtype; of a complex leaf both parts."""
    of = (jnp.real, jnp.imag) if jnp.iscomplexobj(u) else (jnp.asarray,)
    pairs = [[f(x).astype(dtypes.computed) for x in (u, w)] for f in of]
    return [Leaf(part, here, dtypes) for part, here in pairs]


def _whole(u: jax.Array, parts: list[jax.Array]) -> jax.Array:
    """The parts of a leaf as one array of its dtype."""
    parts = [x.astype(real(u.dtype)) for x in parts]
    return jax.lax.complex(*parts) if len(parts) == 2 else parts[0]


@public
def project(
    *,
    low: Hyperparameter | None = None,
    high: Hyperparameter | None = None,
    radius: Hyperparameter | None = None,
) -> GradientTransformation:
    r"""Keeps the parameters in a convex set :math:`K`: a box, or a ball.

    Last in a chain, it makes of every update the one that ends in the nearest point of the set,

    .. math::
        u' = P_K(w + u) - w, \qquad
        P_{[l, h]}(x) = \min(\max(x, l), h), \qquad
        P_r(x) = x \, \min\bigl(1,\, r / \lVert x \rVert\bigr).

    Args:
      low: :math:`l`, a bound of every element, scalar or schedule; None for none.
      high: :math:`h \ge l`, likewise.
      radius: :math:`r \ge 0`, scalar or schedule, instead of bounds: of the ball around 0 in which the
        norm over all elements of all leaves stays.

    Returns:
      A transformation without state but its count, whose ``update`` needs ``params``.

      What holds after :func:`apply_updates`, if the parameters were inside and updates are no narrower
      than them: every parameter is in the box, whatever was rounded, in bfloat16 too, bounds taken in
      float32 or wider (if the parameter's dtype has a number between them); and the norm is at most
      the radius, up to the rounding of its own sum. A parameter can stop one unit of the *update's*
      last place short of a bound, to reach it with the next, and a ball in a narrow dtype is as much
      smaller. Elements of updates that stay inside a
      box, and all updates that stay inside a ball, come back as they are. A NaN stays NaN in a box,
      and makes, as an infinity does, *every* update of a ball NaN.

    Raises:
      ValueError: concrete bounds out of order, a concrete ``radius`` below 0; or, from ``update``, no
        ``params``.
      TypeError: neither a bound nor a radius, or both; or complex leaves in a box: they have no order.

    Example:
      >>> tx = chain(sgd(1.0), project(low=0.0))
      >>> w = jnp.array([0.5, 2.0])
      >>> updates, state = tx.update(jnp.array([1.0, 1.0]), tx.init(w), w)
      >>> apply_updates(w, updates)
      Array([0., 1.], dtype=float32)

      >>> tx = project(radius=1.0)
      >>> updates, state = tx.update(jnp.array([6.0, 8.0]), tx.init(w), jnp.zeros(2))
      >>> updates.round(3)
      Array([0.6, 0.8], dtype=float32)

    Note:
      optax has projections as functions of the parameters (``optax.projections``), to be called after
      ``apply_updates``. It coasts nowhere: a weight at a boundary moves otherwise than elsewhere.
      Inside :func:`mixed_precision` it keeps the float32 weights in the set; the narrow ones follow,
      rounded to nearest, and so may leave a box whose bounds they cannot hold.

    References:
      Zinkevich, *Online convex programming and generalized infinitesimal gradient ascent*, 2003;
      Reddi, Kale and Kumar, *On the convergence of Adam and beyond*, 2018, whose counterexample lives
      in the box [-1, 1].
    """
    if (radius is None) == (low is None and high is None):
        raise TypeError(
            f"project: expected a box (low, high or both) or a ball (radius), got "
            f"{'neither' if radius is None else 'both'}."
        )
    rule = (Box(low, high) if radius is None else Ball(radius)).prepared()
    return transformation(Projection(rule.half("init")), Projection(rule.half("update")))
