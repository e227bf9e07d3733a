"""Exact lazy updates of embedding tables: work for the rows that a step touches, and no others.

Example:
  >>> from jaxopt_slides import rows
  >>> tx = rows.lazy(chain(clip_by_global_norm(1.0), rmsprop(0.01)))
  >>> params = {"embed": rows.table(jnp.ones((1000, 4)), "embed"), "w": jnp.ones(4)}
  >>> def loss(params, ids):  # the line is the same for an array
  ...     return jnp.mean(params["embed"][ids] @ params["w"])
  >>> def step(params, state, ids):
  ...     view = rows.read(tx, params, state, {"embed": ids})
  ...     value, gradients = rows.value_and_grad(loss)(view, ids)
  ...     updates, state = tx.update(gradients, state, view)
  ...     return apply_updates(params, updates), state, value
  >>> step = jax.jit(step, donate_argnums=(0, 1))
  >>> params, state, value = step(params, tx.init(params), jnp.array([7, 7, 999]))
  >>> value
  Array(4., dtype=float32)
"""

import typing as _typing

from jaxopt_slides._core.spelling import no_such_name as _no_such_name
from jaxopt_slides.rows._lazy import lazy as lazy
from jaxopt_slides.rows._reading import read as read
from jaxopt_slides.rows._reading import value_and_grad as value_and_grad
from jaxopt_slides.rows._table import Table as Table
from jaxopt_slides.rows._table import View as View
from jaxopt_slides.rows._table import table as table
from jaxopt_slides.rows._whole import current as current
from jaxopt_slides.rows._whole import flush as flush

if not _typing.TYPE_CHECKING:  # to a type checker a misspelt name stays an error

    def __getattr__(name: str) -> _typing.Any:
        """What is not there is answered with what was meant."""
        raise _no_such_name(__name__, name)
