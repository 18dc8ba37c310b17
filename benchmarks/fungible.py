"""The fungible-capacity game: two divisions buy capacity, learn their demands, and share what they have.

Division i pays c_i per unit of capacity k_i. Then shocks e_i are drawn and the divisions renegotiate: all capacity goes
where it earns most, and the gain over keeping one's own is split, a share delta of it to division 1. With revenue
theta_i e_i q - h_i q^2 and unit cost w_i the margin of the first unit is a_i = theta_i e_i - w_i, and

    own value    M_i(k) = max over 0 <= q <= k of a_i q - h_i q^2,              M_i'(k) = max(a_i - 2 h_i k, 0)
    joint value  M(k) = max over q_1 + q_2 <= k, q >= 0 of both margins,         M'(k) = S, the shadow price
    division 1   (1 - delta) E M_1(k_1) + delta [E M(k_1 + k_2) - E M_2(k_2)] - c_1 k_1, and so on.

Source: Dutta and Reichelstein, capacity rights and full cost transfer pricing, equations (18) and (19). The game comes
twice, with the same outcomes under two rules: `on_grid` sums over 16 x 16 Gauss-Legendre nodes, as every rival can;
`by_parts` integrates the second shock in closed form, so that 16 nodes are more accurate than 256.
"""

from typing import Any

import fungible_truth
import jax
import jax.numpy as jnp
import numpy as np

import eqsolve as eqs

Params = dict[str, Any]
NODES = 16
DIVISIONS = ("division 1", "division 2")
games = fungible_truth.games
_POINTS, _SHARES = np.polynomial.legendre.leggauss(NODES)
UNIT_NODES, UNIT_WEIGHTS = (_POINTS + 1) / 2, _SHARES / 2


def shared_price(a1: jax.Array, a2: jax.Array, k: jax.Array, h: jax.Array) -> jax.Array:
    """S: the margin at which both divisions together want exactly k, zero where they want less."""
    b1, b2 = 0.5 / h[0], 0.5 / h[1]
    inner = (b1 * a1 + b2 * a2 - k) / (b1 + b2)
    return jnp.maximum(jnp.maximum(jnp.maximum(a1 - k / b1, a2 - k / b2), inner), 0.0)


def _grid_margins(params: Params) -> tuple[jax.Array, jax.Array]:
    """Margins of the first unit at the nodes: `[16, 1]` and `[1, 16]`."""
    nodes = jnp.asarray(UNIT_NODES, params["low"].dtype)
    shocks = params["low"][:, None] + (params["high"] - params["low"])[:, None] * nodes
    margins = params["theta"][:, None] * shocks - params["w"][:, None]
    return margins[0][:, None], margins[1][None, :]


def grid_values(params: Params, actions: dict[str, jax.Array]) -> dict[str, jax.Array]:
    """Expected outcomes by the grid rule, value functions written out."""
    k, h, total = actions["capacity"], params["h"], jnp.sum(actions["capacity"])
    a1, a2 = _grid_margins(params)
    weights = jnp.asarray(UNIT_WEIGHTS, k.dtype)
    price = shared_price(a1, a2, total, h)
    sold = [jnp.maximum(a - price, 0.0) * 0.5 / h_i for a, h_i in ((a1, h[0]), (a2, h[1]))]
    joint = sum(a * q - h_i * q**2 for a, q, h_i in ((a1, sold[0], h[0]), (a2, sold[1], h[1])))
    own = [_own_value(a, k_i, h_i) for a, k_i, h_i in ((a1[:, 0], k[0], h[0]), (a2[0], k[1], h[1]))]
    return {
        "own value": jnp.stack([jnp.sum(weights * value) for value in own]),
        "joint value": jnp.sum(weights[:, None] * weights * joint),
        "cost": params["c"] * k,
    }


def _own_value(a: jax.Array, k: jax.Array, h: jax.Array) -> jax.Array:
    q = jnp.clip(0.5 * a / h, 0.0, k)
    return a * q - h * q**2


def grid_slopes(params: Params, actions: dict[str, jax.Array]) -> dict[str, dict[str, jax.Array]]:
    """The same outcomes' derivatives, by the envelope theorem."""
    k, h = actions["capacity"], params["h"]
    a1, a2 = _grid_margins(params)
    weights = jnp.asarray(UNIT_WEIGHTS, k.dtype)
    price = jnp.sum(weights[:, None] * weights * shared_price(a1, a2, jnp.sum(k), h))
    own = [jnp.maximum(a - 2 * h_i * k_i, 0.0) for a, k_i, h_i in ((a1[:, 0], k[0], h[0]), (a2[0], k[1], h[1]))]
    return _slopes(params, price, jnp.stack([jnp.sum(weights * slope) for slope in own]))


def _slopes(params: Params, price: jax.Array, own: jax.Array) -> dict[str, dict[str, jax.Array]]:
    return {
        "own value": {"capacity": jnp.diag(own)},
        "joint value": {"capacity": jnp.stack([price, price])},
        "cost": {"capacity": jnp.diag(params["c"])},
    }


class _Margin:
    """The margin of a division's first unit, uniform between two numbers: E of powers of what it exceeds `t` by."""

    def __init__(self, params: Params, division: int):
        theta, w = params["theta"][division], params["w"][division]
        self.low, self.high = theta * params["low"][division] - w, theta * params["high"][division] - w
        self.density = 1 / (self.high - self.low)

    def exceeds(self, t: jax.Array) -> jax.Array:
        """P(a > t), the slope of `excess` with the opposite sign."""
        return self.density * (self._above(self.high, t) - self._above(self.low, t))

    def excess(self, t: jax.Array) -> jax.Array:
        """E (a - t)^+."""
        return self.density * 0.5 * (self._above(self.high, t) ** 2 - self._above(self.low, t) ** 2)

    def excess_squared(self, t: jax.Array) -> jax.Array:
        """E ((a - t)^+)^2."""
        return self.density * (1 / 3) * (self._above(self.high, t) ** 3 - self._above(self.low, t) ** 3)

    @staticmethod
    def _above(end: jax.Array, t: jax.Array) -> jax.Array:
        return jnp.maximum(end - t, 0.0)


class _Sharing:
    """With a_1 known, S = floor + share_2 (a_2 - first)^+ + share_1 (a_2 - second)^+; divisions are done beforehand."""

    def __init__(self, params: Params, total: jax.Array):
        h1, h2 = params["h"][0], params["h"][1]
        self.share_1, self.share_2 = h2 / (h1 + h2), h1 / (h1 + h2)
        self.steep_1, self.steep_2 = 2 * h1, 2 * h2
        self.steep_both = 2 * h1 * self.share_1
        self.ratio, self.use_1, self.use_2 = h2 / h1, 2 * h1 * total, 2 * h2 * total

    def breaks(self, a1: jax.Array) -> tuple[jax.Array, ...]:
        """What division 1 alone would pay for the last unit (negative: it leaves some), and first and second."""
        wanted = jnp.maximum(a1, 0.0)
        alone = wanted - self.use_1
        return alone, jnp.where(alone > 0, alone, -alone * self.ratio), wanted + self.use_2


def _over_first_shock(params: Params, function: Any) -> Any:
    """The weighted sum over the nodes of a_1, one after the other: many games at once then stay in registers."""
    margin, dtype = _Margin(params, 0), params["low"].dtype

    def add(sums: Any, node: tuple[jax.Array, jax.Array]) -> tuple[Any, None]:
        values = function(margin.low + (margin.high - margin.low) * node[0])
        return jax.tree.map(lambda total, value: total + node[1] * value, sums, values), None

    nodes = (jnp.asarray(UNIT_NODES, dtype), jnp.asarray(UNIT_WEIGHTS, dtype))
    zeros = jax.tree.map(jnp.zeros_like, jax.eval_shape(function, margin.low))
    return jax.lax.scan(add, zeros, nodes)[0]


def part_values(params: Params, actions: dict[str, jax.Array]) -> dict[str, jax.Array]:
    """Expected outcomes, the second shock integrated in closed form."""
    k, total = actions["capacity"], jnp.sum(actions["capacity"])
    margins, sharing = (_Margin(params, 0), _Margin(params, 1)), _Sharing(params, total)
    squares = margins[1].excess_squared

    def joint(a1: jax.Array) -> jax.Array:
        alone, first, second = sharing.breaks(a1)
        both = sharing.share_2 * squares(first) + sharing.share_1 * squares(second)
        served = squares(jnp.maximum(alone, 0.0)) - both
        return _own_value(a1, total, params["h"][0]) + served / (2 * sharing.steep_2)

    b, zero = 0.5 / params["h"], jnp.zeros((), k.dtype)
    own = [
        0.5 * b[i] * (margin.excess_squared(zero) - margin.excess_squared(k[i] / b[i]))
        for i, margin in enumerate(margins)
    ]
    return {
        "own value": jnp.stack(own),
        "joint value": _over_first_shock(params, joint),
        "cost": params["c"] * k,
    }


@eqs.envelope
def expected_price(params: Params, total: jax.Array) -> tuple[jax.Array, jax.Array]:
    """E S and its slope in the total capacity."""
    margin, sharing = _Margin(params, 1), _Sharing(params, total)

    def price(a1: jax.Array) -> tuple[jax.Array, jax.Array]:
        alone, first, second = sharing.breaks(a1)
        scarce = jnp.maximum(alone, 0.0)
        value = scarce + sharing.share_2 * margin.excess(first) + sharing.share_1 * margin.excess(second)
        beyond_first, beyond_second = margin.exceeds(first), sharing.share_1 * margin.exceeds(second)
        scarce_slope = sharing.steep_1 * (sharing.share_2 * beyond_first - 1)
        slope = jnp.where(alone > 0, scarce_slope, -sharing.steep_both * beyond_first)
        return value, slope - sharing.steep_2 * beyond_second

    return _over_first_shock(params, price)


def part_slopes(params: Params, actions: dict[str, jax.Array]) -> dict[str, dict[str, jax.Array]]:
    """The same outcomes' derivatives, by the envelope theorem."""
    k = actions["capacity"]
    own = [_Margin(params, i).excess(2 * params["h"][i] * k[i]) for i in (0, 1)]
    return _slopes(params, expected_price(params, jnp.sum(k)), jnp.stack(own))


def capacity_limits(params: Params, earlier: dict[str, jax.Array]) -> tuple[dict[str, Any], dict[str, Any]]:
    """No division wants more than what it could sell at no cost in its best state, together with the other's."""
    best = jnp.maximum(params["theta"] * params["high"] - params["w"], 0.0)
    return {"capacity": 0.0}, {"capacity": jnp.sum(best * 0.5 / params["h"]) + 1.0}


def on_grid(params: Params) -> eqs.Game:
    """The game under the 16 x 16 rule."""
    return _game(params, grid_values, grid_slopes)


def by_parts(params: Params) -> eqs.Game:
    """The game with the second shock integrated in closed form."""
    return _game(params, part_values, part_slopes)


def _game(params: Params, values: Any, slopes: Any) -> eqs.Game:
    delta = params["delta"]
    pay = {
        name: {"own value": own, "joint value": share, "cost": cost}
        for name, own, share, cost in (
            (DIVISIONS[0], jnp.stack([1 - delta, -delta]), delta, jnp.asarray([-1.0, 0.0])),
            (DIVISIONS[1], jnp.stack([delta - 1, delta]), 1 - delta, jnp.asarray([0.0, -1.0])),
        )
    }
    return eqs.Game(
        params,
        actions=[eqs.Action("capacity", (2,), DIVISIONS)],
        bounds=capacity_limits,
        expected=values,
        jacobian=slopes,
        pay=pay,
        total={"joint value": 1.0, "cost": -1.0},
    )
