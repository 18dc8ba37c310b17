"""Shared constraints as a search sees them: rows over the vector of actions, and what they leave to one player."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from eqsolve.problem import Problem

PROJECTIONS = 30


class Rows(eqx.Module):
    """Constraints as rows: `matrix @ x <= limit`, or `==` where `equality`."""

    matrix: Float[Array, "m n"]
    limit: Float[Array, " m"]
    equality: tuple[bool, ...] = eqx.field(static=True)

    @property
    def is_equality(self) -> np.ndarray:
        """Which rows are equalities, shape `[m]`."""
        return np.array(self.equality, bool)

    def slack(self, x: Float[Array, " n"]) -> Float[Array, " m"]:
        """What is left of each limit; negative where it is exceeded."""
        return self.limit - self.matrix @ x

    def violation(self, x: Float[Array, " n"]) -> Float[Array, " m"]:
        """How far each row is from being kept, signed as `matrix @ x - limit`; zero where it is kept."""
        excess = -self.slack(x)
        return jnp.where(self.is_equality | (excess > 0) | jnp.isnan(excess), excess, 0.0)

    def terms(self, x: Float[Array, " n"]) -> Float[Array, " m"]:
        """The size of the numbers that are added up in each row: its rounding errors grow with them."""
        return jnp.abs(self.matrix) @ jnp.abs(x) + jnp.abs(self.limit)

    def kept(self, x: Float[Array, " n"]) -> Bool[Array, " m"]:
        """Whether each row is kept, up to what certificates count as nothing (solvers are six times as accurate)."""
        return jnp.abs(self.violation(x)) <= _negligible(x) * self.terms(x)

    def binding(self, x: Float[Array, " n"]) -> Bool[Array, " m"]:
        """Whether nothing is left of each limit, up to the same."""
        return jnp.abs(self.slack(x)) <= _negligible(x) * self.terms(x)

    def room(self, x: Float[Array, " n"], entries: Array) -> "Rows":
        """What `x` leaves to the owner of `entries`: the same constraints on these entries alone.

        A point that keeps a constraint up to rounding may use it up to where it stands: its rounding error is neither a
        gain nor a loss.
        """
        own, slack = self.matrix[:, entries], self.slack(x)
        left = jnp.where(self.is_equality, 0.0, jnp.maximum(slack, 0.0))
        return Rows(own, jnp.where(self.kept(x), left, slack) + own @ x[entries], self.equality)

    def interval(self, lower: Array, upper: Array, present: Array) -> tuple[Array, Array]:
        """The part of a single entry's interval that keeps every row; it contains `present` if that is kept.

        A row without this entry leaves nothing where it is not kept anyway.
        """
        slope = self.matrix[:, 0]
        end = self.limit / jnp.where(slope == 0, 1.0, slope)
        below = (slope < 0) | (self.is_equality & (slope != 0))
        above = (slope > 0) | (self.is_equality & (slope != 0))
        low = jnp.maximum(lower, jnp.max(jnp.where(below, end, -jnp.inf)))
        high = jnp.minimum(upper, jnp.min(jnp.where(above, end, jnp.inf)))
        inside = jnp.all(self.kept(present[None])) & (present >= lower) & (present <= upper)
        low = jnp.where(inside, jnp.minimum(low, present), low)
        high = jnp.where(inside, jnp.maximum(high, present), high)
        lost = jnp.any((slope == 0) & ~self.kept(jnp.zeros_like(present)[None]))
        return jnp.where(lost, jnp.nan, low), jnp.where(lost, jnp.nan, high)

    def nearest(self, y: Float[Array, " k"], lower: Array, upper: Array) -> Float[Array, " k"]:
        """A point of the box near `y` that nearly keeps the rows: projections on one row after the other.

        **Source:** Agmon (1954), The relaxation method for linear inequalities.
        """
        width = upper - lower
        unit = jnp.where(jnp.isfinite(width), width, 1.0) ** 2
        length = jnp.sum(self.matrix**2 * unit, axis=1)

        def project(step: Array, y: Array) -> Array:
            k = step % len(self.equality)
            excess = self.violation(y)[k] / jnp.where(length[k] > 0, length[k], 1.0)
            return jnp.clip(y - unit * self.matrix[k] * excess, lower, upper)

        return jax.lax.fori_loop(0, PROJECTIONS * len(self.equality), project, y)


def _negligible(x: Array) -> float:
    return float(jnp.finfo(x.dtype).eps) ** 0.6


def rows_of(problem: Problem) -> Rows | None:
    """The shared constraints of a problem's game over its actions; None where it has none."""
    constraint = problem.game.constraint
    if constraint is None:
        return None
    return Rows(constraint.matrix(problem.game.actions), constraint.vector(), constraint.equality)
