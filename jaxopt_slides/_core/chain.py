"""Composition: one transformation after another, ours or any library's."""

from typing import Any

from jaxopt_slides._core.foreign import as_halves
from jaxopt_slides._core.node import Context, Node, Several
from jaxopt_slides._core.pair import step_of, transformation
from jaxopt_slides._core.pytree import pytree, static
from jaxopt_slides._core.spelling import public
from jaxopt_slides._core.types import GradientTransformation, PyTree


@pytree(repr=False)
class Chain(Several):
    """Members in order; each sees the updates of the one before. ``names`` makes the state a dict."""

    members: tuple[Node, ...]
    names: tuple[str, ...] | None = static(default=None)

    @property
    def name(self) -> str:
        return "chain" if self.names is None else "named_chain"

    @property
    def keeps_wide(self) -> bool:
        return bool(self.members) and self.members[-1].keeps_wide

    @property
    def any_dtype(self) -> bool:
        return any(m.any_dtype for m in self.members)

    @property
    def elementwise(self) -> bool:
        return all(m.elementwise for m in self.members)

    @property
    def inert(self) -> bool:
        return all(m.inert for m in self.members)

    def init(self, params: PyTree) -> PyTree:
        return self.pack([m.init(params) for m in self.members])

    def update(self, updates: PyTree, state: PyTree, context: Context) -> tuple[PyTree, PyTree]:
        states = []
        for member, s in zip(self.members, self.substates(state), strict=True):
            updates, s = step_of(member, updates, s, context)
            states.append(s)
        return updates, self.pack(states)

    def along(
        self, state: PyTree, params: PyTree = None, path: tuple[Any, ...] = ()
    ) -> list[tuple[Node, PyTree]]:
        states = [None] * len(self.members) if state is None else self.substates(state)
        pairs = zip(self.members, states, strict=True)
        return [found for m, s in pairs for found in m.along(s, params, path)]

    def children(self) -> tuple[tuple[str, Node], ...]:
        labels = self.names or tuple(str(i) for i in range(len(self.members)))
        return tuple(zip(labels, self.members, strict=True))

    def with_children(self, children: list[Node]) -> "Chain":
        return Chain(tuple(children), self.names)

    def pack(self, states: list[PyTree]) -> PyTree:
        """The members' states as the chain's."""
        return tuple(states) if self.names is None else dict(zip(self.names, states, strict=True))

    def require_state(self, state: PyTree) -> None:
        self.substates(state)

    def substates(self, state: PyTree) -> list[PyTree]:
        expected: type = tuple if self.names is None else dict
        fits = type(state) is expected and len(state) == len(self.members)
        if not fits or (self.names is not None and set(state) != set(self.names)):
            raise TypeError(
                f"{self.name}: expected a {expected.__name__} of {len(self.members)} states, one for "
                f"each of {[label if self.names else m.name for label, m in self.children()]}, "
                f"got {_describe(state)}. Was this state made by another optimizer?"
            )
        return list(state) if self.names is None else [state[n] for n in self.names]

    def __repr__(self) -> str:
        if self.names is None:
            return f"chain({', '.join(map(repr, self.members))})"
        return f"named_chain({', '.join(map(repr, self.children()))})"


def _describe(state: Any) -> str:
    kind = type(state).__name__
    if isinstance(state, dict):
        return f"{kind} with the keys {sorted(map(str, state))!s:.200}"
    return f"{kind} of {len(state)}" if isinstance(state, tuple | list) else kind


def _halves_of_all(transforms: dict[str, Any]) -> tuple[tuple[Node, ...], tuple[Node, ...]]:
    """The halves of labelled members."""
    pairs = [as_halves(label, tx) for label, tx in transforms.items()]
    return tuple(i for i, _ in pairs), tuple(u for _, u in pairs)


@public
def chain(*transforms: Any) -> GradientTransformation:
    """Applies transformations in order, each to the updates of the one before.

    Narrow updates are widened to float32 once on entry and narrowed once at the end, so that
    float16 values too small for float16 live between members.

    Args:
      *transforms: transformations, ours or optax-style ``(init, update)`` pairs; none at all is the
        identity. Another library's members are static: they add no hyperparameters.

    Returns:
      A transformation whose state is the tuple of its members' states.

    Raises:
      TypeError: a member is not a pair of functions.

    Example:
      >>> tx = chain(scale_by_rms(decay=0.75), scale_by_learning_rate(0.1))
      >>> updates, state = tx.update(jnp.array([3.0, -3.0]), tx.init(jnp.zeros(2)))
      >>> updates.round(3)
      Array([-0.2,  0.2], dtype=float32)

    Note:
      Keyword arguments of ``update`` reach the members that take them, as in optax.
    """
    inits, updates = _halves_of_all({f"chain: member {i}": tx for i, tx in enumerate(transforms)})
    return transformation(Chain(inits), Chain(updates))


@public
def named_chain(*transforms: tuple[str, Any]) -> GradientTransformation:
    """A :func:`chain` of ``(name, transformation)`` pairs, whose state is a dict by name.

    Args:
      *transforms: pairs of a unique name and a transformation.

    Returns:
      A transformation; :func:`hyperparams` qualifies ambiguous hyperparameters by these names.

    Raises:
      TypeError: an argument is not a (string, transformation) pair.
      ValueError: a name occurs twice, is empty, or has a dot.

    Example:
      >>> tx = named_chain(("first", scale(2.0)), ("second", scale(3.0)))
      >>> hyperparams(tx)
      {'first.step_size': 2.0, 'second.step_size': 3.0}
    """
    for i, pair in enumerate(transforms):
        if not (isinstance(pair, tuple) and len(pair) == 2 and isinstance(pair[0], str)):
            raise TypeError(
                f"named_chain: member {i} is {pair!r:.80}; expected a (name, transformation) pair."
            )
    names = tuple(name for name, _ in transforms)
    if twice := [n for n in names if names.count(n) > 1]:
        raise ValueError(f"named_chain: the name {twice[0]!r} occurs twice; names must be unique.")
    if bad := [n for n in names if not n or "." in n]:
        raise ValueError(
            f"named_chain: the name {bad[0]!r} is empty or has a dot; dots separate the parts of a "
            f"hyperparameter's name."
        )
    inits, updates = _halves_of_all({f"named_chain: member {n!r}": tx for n, tx in transforms})
    return transformation(Chain(inits, names), Chain(updates, names))


@public
def identity() -> GradientTransformation:
    """Leaves updates as they are: the empty :func:`chain`.

    Example:
      >>> tx = identity()
      >>> tx.update({"w": 2.0}, tx.init({"w": 1.0}))
      ({'w': Array(2., dtype=float32)}, ())
    """
    return chain()
