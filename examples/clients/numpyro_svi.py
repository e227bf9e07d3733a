"""NumPyro: variational inference with an optimizer of this library."""

import jax
import jax.numpy as jnp
import numpyro
import numpyro.distributions as dist
from numpyro.infer import SVI, Trace_ELBO
from numpyro.optim import optax_to_numpyro

import jaxopt_slides as jos

DATA = jnp.array([1.0, 2.0, 3.0, 6.0])


def model(data: jax.Array) -> None:
    """Heights around an unknown mean, which is a priori around 0."""
    mean = numpyro.sample("mean", dist.Normal(0.0, 2.0))
    numpyro.sample("data", dist.Normal(mean, 1.0), obs=data)


def guide(data: jax.Array) -> None:  # noqa: ARG001 (NumPyro calls it as it calls the model)
    """One value for the mean: the best one is the mode of the posterior."""
    numpyro.sample("mean", dist.Delta(numpyro.param("mode", 0.0)))


def main(steps: int = 100) -> dict[str, float]:
    """Finds the mode; returns it, and the last loss."""
    tx = jos.chain(jos.clip(5.0), jos.momentum(jos.linear_schedule(0.05, 0.01, steps), mu=0.5))
    svi = SVI(model, guide, optax_to_numpyro(tx), Trace_ELBO())
    result = svi.run(jax.random.key(0), steps, DATA, progress_bar=False)
    mode, loss = result.params["mode"].item(), result.losses[-1].item()
    print(f"numpyro: mode {mode:.4f}, loss {loss:.4f}")
    return {"mode": mode, "loss": loss}


if __name__ == "__main__":
    main()
