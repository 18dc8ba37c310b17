"""Shared constraints as prices: a constrained game laid out as an ordinary box problem.

Every constraint gets one more entry, its shadow price: at least zero, or free for an equality. A price that stays
put neither exceeds its limit nor leaves some of it unused at a cost, which is complementarity of price and slack; every
player's marginal payoff loses what its action uses times the price, over the player's weight. A solution is the
normalised equilibrium, whose players all face the same price; with equal weights, the variational one.

**Source:** Rosen (1965), sections 2 and 3; Facchinei, Fischer and Piccialli (2007), On generalized Nash games and
variational inequalities.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from eqsolve.game import Game
from eqsolve.problem import Problem, problem_of
from eqsolve.solvers.ascent import Ascent
from eqsolve.solvers.base import action_scale, default_tolerance
from eqsolve.solvers.rows import Rows, rows_of


class PricedProblem(Problem):
    """A problem whose vector holds the actions, then one price per row of the shared constraints.

    `inner` is the problem without constraints, `push[k, i]` what one unit of price k takes from the marginal payoff of
    action entry i, and `felt` the smallest price of each row that matters to some action. Constraints may give way:
    `give` is the excess per unit by which a price leaves `anchor`, zero for constraints as they are.
    """

    inner: Problem
    rows: Rows
    push: Float[Array, "m n"]
    felt: Float[Array, " m"]
    anchor: Float[Array, " m"]
    give: Float[Array, " m"]

    @property
    def size(self) -> int:
        """The number of action entries and prices."""
        return self.decisions + len(self.rows.equality)

    @property
    def typical(self) -> Float[Array, " n"]:
        """Prices are at least as large as one that is felt."""
        return jnp.concatenate([jnp.zeros_like(self.inner.lower), self.felt])

    @property
    def owners(self) -> np.ndarray:
        """The player who owns each entry; every price has an owner of its own, numbered after the players."""
        prices = np.arange(len(self.rows.equality)) + len(self.game.players)
        return np.concatenate([self.inner.owners, prices])

    def split(self, z: Float[Array, " n"]) -> tuple[Array, Array]:
        """The actions and the prices."""
        return z[: self.decisions], z[self.decisions :]

    def walls(self, x: Float[Array, " n"]) -> Float[Array, "m n"]:
        """The constraints that hold actions back: equalities, and limits with a price above zero."""
        stops = self.rows.is_equality | (self.split(x)[1] > 0)
        return jnp.where(stops[:, None], jnp.pad(self.rows.matrix, ((0, 0), (0, len(self.rows.equality)))), 0.0)

    def terms(self, x: Float[Array, " n"]) -> Float[Array, " n"]:
        """What each action pays, and the numbers that are added up in each constraint.

        Enlarged so that a judge who forgives roundings of these terms forgives what solvers leave of a constraint.
        """
        actions, prices = self.split(x)
        forgiven = default_tolerance(x.dtype) / (64 * float(jnp.finfo(x.dtype).eps))
        return forgiven * jnp.concatenate([jnp.abs(prices) @ jnp.abs(self.push), self.rows.terms(actions)])

    def adjusted(self, x: Float[Array, " n"]) -> Float[Array, " n"]:
        """Prices as they follow from the actions, for constraints that give way."""
        actions, prices = self.split(x)
        soft = self.give > 0
        raised = self.anchor - self.rows.slack(actions) / jnp.where(soft, self.give, 1.0)
        raised = jnp.where(self.rows.is_equality, raised, jnp.maximum(raised, 0.0))
        return jnp.concatenate([actions, jnp.where(soft, raised, prices)])

    def consistent(self) -> Bool[Array, ""]:
        """Whether some point of the box keeps all shared constraints."""
        return ~is_contradictory(self.rows, self.inner.lower, self.inner.upper)

    @eqx.filter_jit
    def payoffs(self, x: Float[Array, " n"]) -> Float[Array, " owners"]:
        """Every player's objective less what the constraints cost; then what each price earns.

        Prices that maximise what they earn follow the actions, and by the envelope theorem the first part is then right
        as a function of own actions too.
        """
        actions, prices = self.split(x)
        earned = -prices * self.rows.slack(actions) - 0.5 * self.give * (prices - self.anchor) ** 2
        cost = jnp.sum(earned) / player_weights(self.game)
        return jnp.concatenate([self.inner.payoffs(actions) - cost, earned])

    @eqx.filter_jit
    def marginal(self, x: Float[Array, " n"]) -> Float[Array, " n"]:
        """Each action's marginal payoff less the prices it pays; each price's excess demand."""
        return self._net(self.inner.marginal(self.split(x)[0]), x)

    @eqx.filter_jit
    def marginal_and_jacobian(self, x: Float[Array, " n"]) -> tuple[Float[Array, " n"], Float[Array, "n n"]]:
        """The same and its derivative in actions and prices."""
        marginal, jacobian = self.inner.marginal_and_jacobian(self.split(x)[0])
        blocks = [[jacobian, -self.push.T], [self.rows.matrix, -jnp.diag(self.give)]]
        return self._net(marginal, x), jnp.block(blocks)

    def _net(self, marginal: Array, x: Array) -> Array:
        actions, prices = self.split(x)
        excess = -self.rows.slack(actions) - self.give * (prices - self.anchor)
        return jnp.concatenate([marginal - prices @ self.push, excess])


def priced(problem: Problem, reference: Float[Array, " n"]) -> Problem:
    """`problem` with prices for its shared constraints, or itself where it has none.

    **Arguments:** `reference`: actions at which to measure what size of a price matters.
    """
    rows = rows_of(problem)
    constraint = problem.game.constraint
    if rows is None or constraint is None:
        return problem
    push = rows.matrix / player_weights(problem.game)[problem.owners]
    lowest = jnp.where(rows.is_equality, -jnp.inf, 0.0).astype(reference.dtype)
    return PricedProblem(
        game=problem.game,
        lower=jnp.concatenate([problem.lower, lowest]),
        upper=jnp.concatenate([problem.upper, jnp.full_like(lowest, jnp.inf)]),
        weights=problem.weights,
        inner=problem,
        rows=rows,
        push=push,
        felt=jax.lax.stop_gradient(_felt(problem, push, reference)),
        anchor=jnp.zeros_like(lowest),
        give=jnp.zeros_like(lowest),
    )


def problem_at(game: Game, x: Float[Array, " n"]) -> Problem:
    """What a solver sees of a game at a point: actions, then prices of shared constraints."""
    problem = problem_of(game)
    return priced(problem, x[: problem.size])


def player_weights(game: Game) -> Float[Array, " players"]:
    """The players' weights in the normalisation of prices."""
    assert game.constraint is not None
    return jnp.stack([game.constraint.weight(player) for player in game.players])


def at_zero_prices(problem: Problem, actions: Float[Array, " n"]) -> Float[Array, " m"]:
    """Actions as a point of a problem that may have prices: all zero."""
    return jnp.pad(actions, (0, problem.size - problem.decisions))


def _felt(problem: Problem, push: Array, reference: Array) -> Float[Array, " m"]:
    """Per row, the smallest price that would offset the terms of some action's marginal payoff; zero where none would.

    It has the right units whatever those of payoffs, actions and constraints, and makes no player's payoff look small
    beside another's.
    """
    marginal, jacobian = problem.marginal_and_jacobian(reference)
    size = jnp.abs(marginal) + jnp.abs(jacobian) @ action_scale(problem, reference, reference)
    counts = (push != 0) & (size > 0) & jnp.isfinite(size)
    price = jnp.where(counts, size / jnp.abs(jnp.where(counts, push, 1.0)), jnp.inf)
    smallest = jnp.min(price, axis=1)
    return jnp.where(jnp.isfinite(smallest), smallest, 0.0)


def is_contradictory(rows: Rows, lower: Array, upper: Array) -> Bool[Array, ""]:
    """Whether no point of the box keeps all rows, proved by a combination of rows that fails everywhere in the box.

    The point of the box that violates the rows least yields the combination: its weights are the violations.

    **Source:** Farkas' lemma, for instance Rockafellar (1970), Convex Analysis, theorem 22.1.
    """
    unit = jnp.max(jnp.abs(rows.matrix), axis=1)
    unit = jnp.where(unit > 0, unit, 1.0)
    scaled = Rows(rows.matrix / unit[:, None], rows.limit / unit, rows.equality)

    def closeness(x: Array) -> Array:
        return -0.5 * jnp.sum(scaled.violation(x) ** 2)

    start = jnp.clip(jnp.zeros_like(lower), lower, upper)
    nearest, _, _ = Ascent().climb(closeness, start, lower, upper)
    weights = scaled.violation(nearest)
    slope = weights @ scaled.matrix
    tolerance = default_tolerance(lower.dtype)
    noise = tolerance * (jnp.abs(weights) @ jnp.abs(scaled.matrix))
    # where the box is infinite, a slope that is zero but for rounding must not make the combination unbounded
    end = jnp.where(slope > 0, lower, upper)
    least = jnp.where((jnp.abs(slope) <= noise) & ~jnp.isfinite(end), 0.0, slope * jnp.where(slope == 0, 0.0, end))
    size = jnp.sum(jnp.abs(least)) + jnp.sum(jnp.abs(weights * scaled.limit))
    return jnp.sum(least) > weights @ scaled.limit + tolerance * size


class Fit(eqx.Module):
    """Prices at which players would stay where they are, as nearly as possible.

    `misfit` is what remains of each action's marginal payoff, relative to the size of its terms.
    """

    prices: Float[Array, " m"]
    misfit: Float[Array, " n"]


def fitted_prices(problem: PricedProblem, actions: Float[Array, " n"]) -> Fit:
    """The prices of the binding constraints that explain `actions` best: least squares over all players."""
    inner, push = problem.inner, problem.push
    marginal, jacobian = inner.marginal_and_jacobian(actions)
    scale = action_scale(inner, actions, actions)
    size = jnp.abs(marginal) + jnp.abs(jacobian) @ scale
    size = jnp.where(size > 0, size, 1.0)
    at_lower, at_upper = actions <= inner.lower, actions >= inner.upper
    binding = problem.rows.binding(actions)
    unit = jnp.where(problem.felt > 0, problem.felt, 1.0)

    def misfit(prices: Array) -> Array:
        net = (marginal - (prices * unit) @ push) / size
        net = jnp.where(at_lower & (net < 0), 0.0, net)
        return jnp.where(at_upper & (net > 0), 0.0, net)

    low = jnp.where(binding & problem.rows.is_equality, -jnp.inf, 0.0).astype(actions.dtype)
    high = jnp.where(binding, jnp.inf, 0.0).astype(actions.dtype)
    prices, _, _ = Ascent().climb(lambda p: -0.5 * jnp.sum(misfit(p) ** 2), jnp.zeros_like(low), low, high)
    return Fit(prices * unit, misfit(prices))
