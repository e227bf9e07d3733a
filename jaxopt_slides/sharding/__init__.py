"""States on many devices: where they lie, ZeRO-1, and what each device holds.

A state lies as its parameters do; :func:`state_shardings` says so before there is a state. With
:func:`zero1` the devices that share the parameters divide the state among them.

Example:
  >>> mesh = jax.make_mesh((jax.device_count(),), ("data",))
  >>> everywhere = jax.NamedSharding(mesh, jax.P())
  >>> params = jax.device_put({"w": jnp.ones((16 * jax.device_count(), 3))}, everywhere)
  >>> tx = jos.sharding.zero1(adam(0.1), mesh, "data")
  >>> shardings = jos.sharding.state_shardings(tx, params)
  >>> state = jax.jit(tx.init, out_shardings=shardings)(params)
  >>> jos.sharding.assert_bytes_per_device(state, at_most=2 * 16 * 3 * 4 + 4)
"""

import typing as _typing

from jaxopt_slides._core.spelling import no_such_name as _no_such_name
from jaxopt_slides.sharding._bytes import assert_bytes_per_device as assert_bytes_per_device
from jaxopt_slides.sharding._bytes import bytes_per_device as bytes_per_device
from jaxopt_slides.sharding._bytes import report as report
from jaxopt_slides.sharding._state import state_shardings as state_shardings
from jaxopt_slides.sharding._zero1 import zero1 as zero1

if not _typing.TYPE_CHECKING:  # to a type checker a misspelt name stays an error

    def __getattr__(name: str) -> _typing.Any:
        """What is not there is answered with what was meant."""
        raise _no_such_name(__name__, name)
