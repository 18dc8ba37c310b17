"""Where one player with several actions searches: its box, or what shared constraints leave of it.

In a polyhedron points are moved to the constraints before they are compared, climbs follow the constraints by the
method of multipliers, and only ends that keep them to rounding count. (A player with one action has an interval.)
"""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from eqsolve.solvers.ascent import Ascent, Payoff
from eqsolve.solvers.ellipsoid import ellipsoid_climb
from eqsolve.solvers.rows import Rows

MULTIPLIER_STEPS = 20


class Ground(eqx.Module):
    """A box."""

    lower: Float[Array, " k"]
    upper: Float[Array, " k"]

    def allowed(self, y: Float[Array, " k"]) -> Bool[Array, ""]:
        """Whether `y` keeps the shared constraints to rounding."""
        return jnp.asarray(True)

    def climb(self, ascent: Ascent, payoff: Payoff, start: Float[Array, " k"]) -> tuple[Array, Array]:
        """A local maximum near `start`, and its payoff."""
        end, value, _ = ascent.climb(payoff, start, self.lower, self.upper)
        return end, value

    def polish(self, payoff: Payoff, start: Float[Array, " k"], radius: Float[Array, " k"]) -> Float[Array, " k"]:
        """The best point that the ellipsoid method finds around `start`, kinks included."""
        return ellipsoid_climb(payoff, start, radius, self.lower, self.upper)[0]


class Polyhedron(Ground):
    """A box and the rows that limit a player's own actions; by how much the payoff and each row vary there."""

    rows: Rows
    varies: Float[Array, ""]
    use: Float[Array, " m"]

    def allowed(self, y: Float[Array, " k"]) -> Bool[Array, ""]:
        """Whether `y` keeps every row to rounding."""
        return jnp.all(jnp.abs(self.rows.violation(y)) <= 64 * jnp.finfo(y.dtype).eps * self.rows.terms(y))

    def climb(self, ascent: Ascent, payoff: Payoff, start: Float[Array, " k"]) -> tuple[Array, Array]:
        """A local maximum within the rows, and its payoff, by the method of multipliers; -inf if it left the rows.

        **Source:** Bertsekas (1982), Constrained Optimization and Lagrange Multiplier Methods, chapter 2.
        """

        def price(y: Array, prices: Array, stiffness: Array) -> Array:
            raised = prices - stiffness * self.rows.slack(y)
            return jnp.where(self.rows.is_equality, raised, jnp.maximum(raised, 0.0))

        def step(state: _Climb) -> _Climb:
            def augmented(y: Array) -> Array:
                return payoff(y) - 0.5 * jnp.sum(price(y, state.prices, state.stiffness) ** 2 / state.stiffness)

            y, _, _ = ascent.climb(augmented, state.y, self.lower, self.upper)
            prices = price(y, state.prices, state.stiffness)
            off = jnp.abs(prices - state.prices) / state.stiffness  # a violation, or slack that still has a price
            stiffness = jnp.where(off > 0.1 * state.off, 10.0, 1.0) * state.stiffness
            return _Climb(y, prices, stiffness, off, state.count + 1)

        def unfinished(state: _Climb) -> Bool[Array, ""]:
            close = jnp.all(state.off <= 8 * jnp.finfo(start.dtype).eps * self.rows.terms(state.y))
            return ~close & (state.count < MULTIPLIER_STEPS)

        none = jnp.zeros_like(self.use)
        stiffness = 10 * self.varies / self.use**2
        first = _Climb(start, none, stiffness, jnp.full_like(none, jnp.inf), jnp.asarray(0))
        end = jax.lax.while_loop(unfinished, step, first).y
        return end, jnp.where(self.allowed(end), payoff(end), -jnp.inf)

    def polish(self, payoff: Payoff, start: Float[Array, " k"], radius: Float[Array, " k"]) -> Float[Array, " k"]:
        """The same with a kink at every row, so steep that the maximum keeps the rows."""

        def penalised(y: Array) -> Array:
            return payoff(y) - 100 * self.varies * jnp.sum(jnp.abs(self.rows.violation(y)) / self.use)

        best, _ = ellipsoid_climb(penalised, start, radius, self.lower, self.upper)
        return self.rows.nearest(best, self.lower, self.upper)


class _Climb(eqx.Module):
    y: Float[Array, " k"]
    prices: Float[Array, " m"]
    stiffness: Float[Array, " m"]
    off: Float[Array, " m"]
    count: Int[Array, ""]


def within(rows: Rows, lower: Array, upper: Array, values: Float[Array, " points"]) -> Polyhedron:
    """What `rows` leave of a box; `values` are the payoffs at points all over it."""
    finite = jnp.isfinite(values)
    varies = jnp.max(values, where=finite, initial=-jnp.inf) - jnp.min(values, where=finite, initial=jnp.inf)
    width = upper - lower
    use = jnp.abs(rows.matrix) @ jnp.where(jnp.isfinite(width), width, 1.0)
    varies = jnp.where(jnp.isfinite(varies) & (varies > 0), varies, 1.0)
    return Polyhedron(lower, upper, rows, varies, jnp.where(use > 0, use, 1.0))
