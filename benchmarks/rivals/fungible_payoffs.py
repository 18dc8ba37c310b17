"""Both divisions' expected payoffs in JAX, as a user without eqsolve writes them down; all derivatives are automatic.

`fungible.py` explains the game. The same two rules: sums over 16 x 16 nodes, and 16 nodes of the first shock with the
second one in closed form.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

Params = dict[str, jax.Array]
Payoffs = Callable[[Params, jax.Array], jax.Array]
NEAR_ZERO = 1e-30  # under the root, whose slope at zero is infinite
_POINTS, _SHARES = np.polynomial.legendre.leggauss(16)
NODES, WEIGHTS = (_POINTS + 1) / 2, _SHARES / 2


def upper_bound(params: Params) -> jax.Array:
    """A unit more than both divisions could ever sell."""
    best = jnp.maximum(params["theta"] * params["high"] - params["w"], 0.0)
    return jnp.sum(best / (2 * params["h"])) + 1.0


def conditions(payoffs: Payoffs, params: Params, k: jax.Array) -> jax.Array:
    """Fischer and Burmeister's function of each capacity and its marginal payoff s: sqrt(k^2 + s^2) - k + s.

    Zero exactly where s is, or where k is zero and s is not positive. Unlike s alone it has a slope where capacity is
    never scarce, as at the start, where a step on s would be 0 / 0. The upper bound never binds.
    """
    slope = jnp.diag(jax.jacfwd(lambda k: payoffs(params, k))(k))
    return jnp.sqrt(k**2 + slope**2 + NEAR_ZERO) - k + slope


def on_grid(params: Params, k: jax.Array) -> jax.Array:
    """Both payoffs, summed over 16 x 16 states."""
    h, total = params["h"], jnp.sum(k)
    shocks = params["low"][:, None] + (params["high"] - params["low"])[:, None] * NODES
    margins = params["theta"][:, None] * shocks - params["w"][:, None]
    a1, a2 = margins[0][:, None], margins[1][None]
    shared = (h[1] * a1 + h[0] * a2 - 2 * h[0] * h[1] * total) / (h[0] + h[1])
    price = jnp.maximum(jnp.maximum(a1 - 2 * h[0] * total, a2 - 2 * h[1] * total), jnp.maximum(shared, 0.0))
    # `maximum` and `clip` halve the slope at a tie, as where capacity is zero: Newton would find false equilibria there
    q1 = jnp.where(a1 >= price, a1 - price, 0.0) / (2 * h[0])
    q2 = jnp.where(a2 >= price, a2 - price, 0.0) / (2 * h[1])
    joint = WEIGHTS @ (_value(a1, q1, h[0]) + _value(a2, q2, h[1])) @ WEIGHTS
    wanted = jnp.maximum(margins, 0.0) / (2 * h[:, None])
    own = _value(margins, jnp.where(wanted > k[:, None], k[:, None], wanted), h[:, None]) @ WEIGHTS
    return _split(params, k, own, joint)


def by_parts(params: Params, k: jax.Array) -> jax.Array:
    """Both payoffs, the second shock integrated in closed form."""
    h, total = params["h"], jnp.sum(k)
    low, high = params["theta"] * params["low"] - params["w"], params["theta"] * params["high"] - params["w"]

    def squared_excess(i: int | slice, t: jax.Array) -> jax.Array:
        """E ((a_i - t)^+)^2 of a uniform margin."""
        above, below = jnp.maximum(high[i] - t, 0.0), jnp.maximum(low[i] - t, 0.0)
        return (above**3 - below**3) / (3 * (high[i] - low[i]))

    a1 = jnp.maximum(low[0] + (high[0] - low[0]) * NODES, 0.0)
    alone = a1 - 2 * h[0] * total  # what division 1 alone would pay for the last unit
    first = jnp.where(alone > 0, alone, -alone * h[1] / h[0])
    second = a1 + 2 * h[1] * total
    kept = (h[0] * squared_excess(1, first) + h[1] * squared_excess(1, second)) / (h[0] + h[1])
    served = (squared_excess(1, jnp.maximum(alone, 0.0)) - kept) / (4 * h[1])
    joint = WEIGHTS @ (_value(a1, jnp.minimum(a1 / (2 * h[0]), total), h[0]) + served)
    both = slice(None)
    own = (squared_excess(both, jnp.zeros(2)) - squared_excess(both, 2 * h * k)) / (4 * h)
    return _split(params, k, own, joint)


def _value(a: jax.Array, q: jax.Array, h: jax.Array) -> jax.Array:
    return a * q - h * q**2


def _split(params: Params, k: jax.Array, own: jax.Array, joint: jax.Array) -> jax.Array:
    share = jnp.stack([params["delta"], 1 - params["delta"]])
    return (1 - share) * own + share * (joint - own[::-1]) - params["c"] * k
