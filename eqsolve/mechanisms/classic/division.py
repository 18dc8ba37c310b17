"""Dividing something when utility is not money: Nash and Kalai-Smorodinsky on a curved frontier."""

from collections.abc import Callable
from typing import Any, Literal

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from eqsolve._checks import as_parameters
from eqsolve._fields import as_fields, require_positive
from eqsolve.mechanisms._roots import bisected

Utility = Callable[[Any, Array], Array]


class Division(eqx.Module):
    """An agreed division: the `share` of the first, both `utility` `[2]`, the `ideal` ones, and whether it `exists`."""

    share: Float[Array, ""]
    utility: Float[Array, " 2"]
    ideal: Float[Array, " 2"]
    exists: Bool[Array, ""]


def divide(
    first: Utility,
    second: Utility,
    params: Any = None,
    *,
    solution: Literal["nash", "kalai-smorodinsky"] = "nash",
    weights: Any = (1.0, 1.0),
    disagreement: Any = (0.0, 0.0),
) -> Division:
    r"""Divide one unit between two: $u_1(x)$ rises in the first's share $x$, $u_2(x)$ falls.

    Nash: $w_1 u_1' / (u_1 - d_1) + w_2 u_2' / (u_2 - d_2) = 0$. Kalai-Smorodinsky: gains in proportion to the ideal
    ones, each of which leaves the other at disagreement.

    **Arguments:** `first`, `second`: functions `(params, share) -> utility`, with gains that are log-concave for
    "nash" (concave utility is). `params`: pytree of arrays. `weights` > 0, for "nash". `disagreement` $d$.
    **Returns:** a `Division`; NaN with `exists` False where no share gives both more than disagreement.
    **Errors:** `ValueError` for an unknown solution or weights that are not positive.
    **Source:** Nash (1950); Kalai and Smorodinsky (1975); cited by Nam (paper 004), section 3.5.

    >>> def linear(params, share):
    ...     return share
    >>> def risk_averse(params, share):
    ...     return jnp.sqrt(1 - share)
    >>> round(float(divide(linear, risk_averse).share), 4)  # 2/3
    0.6667
    """
    if solution not in ("nash", "kalai-smorodinsky"):
        raise ValueError(f"divide: solution is {solution!r}; give 'nash' or 'kalai-smorodinsky'.")
    params = as_parameters(params)
    given = as_fields("divide", weights=weights, disagreement=disagreement)
    weight, least = given["weights"], given["disagreement"]
    for name, value in given.items():
        if value.shape != (2,):
            raise ValueError(f"divide: {name} has shape {value.shape}; give two numbers.")
    require_positive(weight, "divide: weights")
    zero, one = jnp.zeros_like(least[0]), jnp.ones_like(least[0])

    def gains(x: Array) -> Array:
        return jnp.stack([first(params, x) - least[0], second(params, x) - least[1]])

    # the shares between which both gain
    low = bisected(lambda x: -gains(x)[0], zero, one)[1]
    low = jnp.where(gains(zero)[0] >= 0, zero, low)
    high = bisected(lambda x: gains(x)[1], zero, one)[0]
    high = jnp.where(gains(one)[1] >= 0, one, high)
    ideal = jnp.stack([gains(high)[0], gains(low)[1]])

    def pull(x: Array) -> Array:
        """Positive where the first should have more."""
        value = gains(x)
        if solution == "nash":
            slope = jax.jvp(gains, (x,), (one,))[1]
            return weight[0] * slope[0] * value[1] + weight[1] * slope[1] * value[0]
        return ideal[0] * value[1] - ideal[1] * value[0]

    share = bisected(pull, low, high)[0]
    exists = (high > low) & jnp.all(ideal > 0)
    utility = jnp.where(exists, gains(share) + least, jnp.nan)
    return Division(jnp.where(exists, share, jnp.nan), utility, ideal + least, exists)
