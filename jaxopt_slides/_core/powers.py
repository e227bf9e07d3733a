r"""Powers of one idle step, a linear map of (weight, state...).

Of the weight the *change* is kept: a decay of 1e-7 a step would lose its digits in :math:`1 - 10^{-7}`.
Of the state the factor is kept: a velocity falls to :math:`\mu^k`, whose digits would be lost in
:math:`\mu^k - 1`. Only the entries that can differ from the identity's are stored.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

BITS, LEVELS = 8, 4  # digits of k, an int32 of at least 0: 256 powers a level
Entries = tuple[jax.Array, ...]  # one for every pair of a Pattern
WEIGHT = (-1, -1)


class Pattern(NamedTuple):
    """The entries of an idle step that can differ from the identity's, closed under products.

    Attributes:
      size: how many coordinates there are, the weight first.
      pairs: row and column of each entry; WEIGHT is the factor of the weight beside its change, where
        other coordinates come from the weight and fall with it.
    """

    size: int
    pairs: tuple[tuple[int, int], ...]

    @property
    def triangular(self) -> bool:
        """Whether no two coordinates move each other."""
        return not any((j, i) in self.pairs for i, j in self.pairs if i != j)

    def identity(self, like: Entries, shape: tuple[int, ...]) -> Entries:
        """The step that changes nothing, with entries of a shape."""
        pairs = zip(self.pairs, like, strict=True)
        return tuple(jnp.full(shape, _of_identity(*pair), x.dtype) for pair, x in pairs)

    def entries(self, change: jax.Array) -> Entries:
        """The entries of one idle step whose change is ``[size, size]``."""
        return tuple(change[max(i, 0), max(j, 0)] + _of_identity(i, j) for i, j in self.pairs)

    def compose(self, later: Entries, earlier: Entries) -> Entries:
        """What both steps do together."""
        a, b = (dict(zip(self.pairs, x, strict=True)) for x in (later, earlier))
        return tuple(self._entry(a, b, i, j) for i, j in self.pairs)

    def _entry(self, a: Any, b: Any, i: int, j: int) -> Any:
        """Row i of the later step times column j of the earlier one."""
        if i == j == 0:
            return b[0, 0] + self._added(a, b, 0, 0)
        return self._product(lambda m: _factor(a, max(i, 0), m), b, max(j, 0))

    def _added(self, a: Any, b: Any, i: int, j: int) -> Any:
        """What the later step adds to entry (i, j) of the earlier one."""
        return self._product(lambda m: _change(a, i, m), b, j)

    def _product(self, row: Callable[[int], Any], b: Any, j: int) -> Any:
        pairs = [(row(m), _factor(b, m, j)) for m in range(self.size)]
        terms = [x * y for x, y in pairs if x is not None and y is not None]
        return sum(terms[1:], terms[0])

    def additions(self, later: Entries, earlier: Entries) -> list[Any]:
        """What the later step adds to each entry of the earlier one; None for WEIGHT, a product."""
        a, b = (dict(zip(self.pairs, x, strict=True)) for x in (later, earlier))
        return [None if pair == WEIGHT else self._added(a, b, *pair) for pair in self.pairs]

    def powers(self, entries: Entries, k: jax.Array) -> Entries:
        """K idle steps, each entry ``[*k.shape]``, for integers ``k >= 0``.

        Digit by digit, to the base 256: a table of the first powers is built by doubling and looked
        up for every k. A level that no k reaches is left out, unless ``vmap`` makes it run. Where
        the map is triangular, the states' own factors have plain powers, which are taken directly:
        doubling would double their relative error every time.
        """

        def level(carry, _):
            return jax.lax.cond(jnp.any(carry[2] > 0), self._level, lambda *same: same, *carry), None

        start = (self.identity(entries, k.shape), entries, k)
        (total, _, _), _ = jax.lax.scan(level, start, None, length=LEVELS)
        if not self.triangular:
            return total
        triples = zip(self.pairs, entries, total, strict=True)
        return tuple(x ** k.astype(x.dtype) if i == j > 0 else found for (i, j), x, found in triples)

    def _level(self, total: Entries, step: Entries, rest: jax.Array):
        table = self.identity(step, (1,))
        for _ in range(BITS):
            doubled = self.compose(step, table)
            table = tuple(map(jnp.concatenate, zip(table, doubled, strict=True)))
            step = self.compose(step, step)
        digit = rest % 2**BITS
        return self.compose(tuple(x[digit] for x in table), total), step, rest // 2**BITS

    def apply(self, total: Entries, coordinates: list[jax.Array]) -> list[jax.Array]:
        """The displacement of the weight, then the other coordinates as they became."""
        moved: list[list[jax.Array]] = [[] for _ in range(self.size)]
        for (i, j), e in zip(self.pairs, total, strict=True):
            if (i, j) == WEIGHT:
                continue
            x = coordinates[j]
            moved[i].append(e.reshape(e.shape + (1,) * (x.ndim - e.ndim)).astype(x.dtype) * x)
        for i, x in enumerate(coordinates[1:], start=1):
            moved[i] += [] if (i, i) in self.pairs else [x]
        return [
            sum(terms[1:], terms[0]) if terms else jnp.zeros_like(coordinates[0]) for terms in moved
        ]


def _of_identity(i: int, j: int) -> float:
    return float(i == j != 0)


def _factor(entries: dict[tuple[int, int], jax.Array], i: int, j: int) -> Any:
    """An entry as a factor: 1 or None (for 0) where none is stored."""
    if i == j == 0:
        change = entries.get((0, 0))
        if change is None or WEIGHT not in entries:
            return 1.0 if change is None else 1 + change
        return jnp.where(change < -0.5, entries[WEIGHT], 1 + change)  # whichever has more digits
    return entries.get((i, j), 1.0 if i == j else None)


def _change(entries: dict[tuple[int, int], jax.Array], i: int, j: int) -> Any:
    """An entry less the identity's; None for 0."""
    found = entries.get((i, j))
    return found - 1 if found is not None and i == j > 0 else found


def pattern_of(change: np.ndarray) -> Pattern:
    """The pattern of one idle step whose entries are generic."""
    reached = change != 0
    for _ in range(len(reached)):
        reached = reached | (reached.astype(int) @ reached.astype(int) > 0)
    pattern = Pattern(len(reached), tuple((int(i), int(j)) for i, j in np.argwhere(reached)))
    return pattern if pattern.triangular else pattern._replace(pairs=(*pattern.pairs, WEIGHT))
