r"""Exact equilibria of competing newsvendors on finitely many demand scenarios, without any search over payoffs.

An outlet's profit is concave in its stock, so its best replies are the quantiles at its margin of the customers it
gets: one stock, or an interval [low_i(y_j), high_i(y_j)] where the margin is a cumulative probability. Both ends fall
in y_j, never faster than $\lambda_j$. Hence $T = high_1 \circ low_2$ rises with a slope between 0 and
$\lambda_1 \lambda_2 \le 1$, and its largest fixed point a is outlet 1's largest equilibrium stock: in any equilibrium
(y_1, y_2), y_2 >= low_2(y_1), so y_1 <= high_1(y_2) <= T(y_1), which holds at no point above the largest fixed point
(Tarski). Against a, outlet 2 holds low_2(a), its smallest equilibrium stock, because y_2 >= low_2(y_1) >= low_2(a). The
mirror image gives the other extreme. With $\lambda_1 \lambda_2 < 1$ and no interval, T contracts and the equilibrium is
unique.

Solvers see the game as payoffs and marginal payoffs and share no code with this.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from eqsolve._checks import unknown_name
from eqsolve._tabled import Tabled
from eqsolve.mechanisms.newsvendor.competing import CompetingNewsvendors, most_customers


class ReplyInterval(eqx.Module):
    """All best replies of one outlet: every stock from `lowest` to `highest` [units] earns the same, the most."""

    lowest: Float[Array, ""]
    highest: Float[Array, ""]


class EquilibriumEnds(Tabled):
    """The smallest and largest stocks in equilibrium.

    **Fields** (a batch puts its axis in front):

    - `lowest`, `highest`: bounds [units] on every equilibrium, one entry per outlet. They are attained crosswise: in
      one equilibrium outlet 1 holds its highest and outlet 2 its lowest stock, in another it is the other way round.
      NaN where a traced parameter is out of its range.
    - `unique`: whether both ends agree up to rounding, so that there is one equilibrium.
    - `steps`: evaluations of the composed best reply.
    """

    lowest: Float[Array, "... outlets"]
    highest: Float[Array, "... outlets"]
    unique: Bool[Array, "..."]
    steps: Int[Array, "..."]

    @property
    def extremes(self) -> Float[Array, "... equilibria outlets"]:
        """The two extreme equilibria: outlet 1's largest stock first, outlet 2's largest second."""
        low, high = self.lowest, self.highest
        return jnp.stack([jnp.stack([high[..., 0], low[..., 1]], -1), jnp.stack([low[..., 0], high[..., 1]], -1)], -2)


def reply_interval(market: CompetingNewsvendors, outlet: str, other_stock: Float[Array, ""] | float) -> ReplyInterval:
    """All best replies of an outlet to the other's stock.

    The stocks y with P(R < y) <= margin <= P(R <= y) for the number R of customers. At margin 0 an outlet earns nothing
    on what it sells, and any stock from 0 to the least number of customers will do.

    Whether the margin is a cumulative probability is decided with a tolerance, since neither is stored exactly (0.55
    times 760 scenarios is 418 only on paper). Probabilities are summed as integers, which is exact in any order. What
    remains is the rounding of the margin, a few units in the last place of 1 where it was computed as 1 - c/p, and of
    probabilities that are given: 8 units in the last place, and half an integer unit per scenario, count as equal.

    **Arguments:** `outlet`: its name. `other_stock`: of the other outlet, >= 0 [units].
    **Returns:** a `ReplyInterval`; both ends agree where the best reply is unique.
    **Errors:** `ValueError` for an unknown outlet.
    **Source:** the newsvendor quantile y = G^-1(1 - c/p), for customers as in equation (6) of paper 003.

    >>> market = CompetingNewsvendors(price=10.0, margin=0.5, spill=0.5, demand=[[4.0, 8.0], [8.0, 4.0]])
    >>> reply = reply_interval(market, "outlet 1", 6.0)
    >>> float(reply.lowest), float(reply.highest)
    (5.0, 8.0)
    """
    if outlet not in market.outlets:
        raise ValueError(unknown_name("reply_interval: outlet", outlet, market.outlets))
    return _interval(market, jnp.asarray(market.outlets.index(outlet)), jnp.asarray(other_stock, market.demand.dtype))


def equilibrium_ends(market: CompetingNewsvendors) -> EquilibriumEnds:
    r"""The smallest and largest equilibrium stock of each outlet, exact up to rounding.

    Works under `jit` and `vmap`; `jax.grad` raises, as the ends jump in the margins. The error is a few units in the
    last place of the most customers, over $1 - \lambda_1 \lambda_2$; with full spill-over both ways, where equilibria
    can be a continuum, replies that differ by less than eight such units count as equal.

    The fixed point is bracketed: what T misses at one stock bounds its distance on both sides, because the slope of T
    lies between 0 and $\lambda_1 \lambda_2$. Two of three steps go to these bounds, one of which is the fixed point
    itself as soon as T is linear in between; every third halves the bracket. So it ends after 3 (mantissa bits + 2)
    steps at the latest, in practice after ten or so.

    **Returns:** an `EquilibriumEnds`. At least one equilibrium always exists.
    **Source:** Lippman and McCardle (1997) for existence; Netessine and Rudi (2003) for uniqueness with continuous
    demand; Topkis, *Supermodularity and Complementarity* (1998), for extreme equilibria by monotone best replies.

    >>> market = CompetingNewsvendors(price=10.0, margin=0.5, spill=0.5, demand=[[4.0, 8.0], [8.0, 4.0]])
    >>> ends = equilibrium_ends(market)
    >>> ends.lowest.tolist(), ends.highest.tolist(), bool(ends.unique)
    ([4.0, 4.0], [8.0, 8.0], False)
    """
    return _ends(market)


@eqx.filter_jit
def _interval(market: CompetingNewsvendors, own: Int[Array, ""], other_stock: Float[Array, ""]) -> ReplyInterval:
    game = _counted(market)
    ends = jnp.stack([_reply(game, own, other_stock, needed) for needed in (game.lowest, game.highest)])
    lowest, highest = jnp.where(_is_valid(market) & (other_stock >= 0), ends, jnp.nan)
    return ReplyInterval(lowest, highest)


@eqx.filter_jit
def _ends(market: CompetingNewsvendors) -> EquilibriumEnds:
    game = _counted(market)
    valid = _is_valid(market)
    largest, smallest, steps = jax.vmap(lambda own: _extreme(game, own))(jnp.arange(2))
    # both searches round on their own: the two ends of a unique equilibrium may cross by a unit in the last place
    lowest = jnp.minimum(smallest[::-1], largest)
    eps = jnp.finfo(largest.dtype).eps
    rounding = 64 * eps * game.most / jnp.maximum(1 - game.slope, eps**0.5)
    return EquilibriumEnds(
        lowest=jnp.where(valid, lowest, jnp.nan),
        highest=jnp.where(valid, largest, jnp.nan),
        unique=valid & jnp.all(largest - lowest <= rounding),
        steps=jnp.max(steps),
    )


class _Counted(eqx.Module):
    """The market with probabilities as integers, and how many of these a best reply must cover."""

    demand: Float[Array, "scenarios outlets"]
    spill: Float[Array, " outlets"]
    mass: Int[Array, " scenarios"]
    lowest: Int[Array, " outlets"]
    highest: Int[Array, " outlets"]
    most: Float[Array, ""]

    @property
    def resolution(self) -> Float[Array, ""]:
        """Numbers of customers closer to each other than this are equal up to rounding."""
        return 2 * jnp.finfo(self.most.dtype).eps * self.most

    @property
    def slope(self) -> Float[Array, ""]:
        """The largest slope of the composed best reply."""
        return self.spill[0] * self.spill[1]


def _is_valid(market: CompetingNewsvendors) -> Bool[Array, ""]:
    """What construction checks where it can, for values that were traced then."""
    shares = jnp.all((market.margin >= 0) & (market.margin < 1) & (market.spill >= 0) & (market.spill <= 1))
    weights = market.weights
    slack = jnp.finfo(weights.dtype).eps ** 0.5
    likely = jnp.all(weights >= 0) & (jnp.abs(jnp.sum(weights) - 1) <= slack)
    return jnp.all(market.price > 0) & shares & likely & jnp.all((market.demand >= 0) & jnp.isfinite(market.demand))


def _counted(market: CompetingNewsvendors) -> _Counted:
    # invalid lanes compute with harmless numbers, so that no loop runs on NaN, and are overwritten at the end
    valid = _is_valid(market)
    market = jax.tree.map(lambda leaf: jnp.where(valid, leaf, 0), market)
    dtype = market.demand.dtype
    scenarios = market.demand.shape[0]
    if market.probabilities is None:
        integer, blur = jnp.int32, 0.0
        mass = jnp.ones(scenarios, integer)
    else:
        integer = jnp.int64 if jnp.finfo(dtype).bits == 64 else jnp.int32
        unit, blur = 2.0 ** (jnp.iinfo(integer).bits - 2), 0.5 * scenarios
        mass = jnp.round(market.probabilities * unit).astype(integer)
    total = jnp.sum(mass, dtype=integer)
    level = market.margin * total.astype(dtype)
    slack = 8 * jnp.finfo(dtype).eps * total.astype(dtype) + blur
    return _Counted(
        demand=market.demand,
        spill=market.spill,
        mass=mass,
        lowest=jnp.ceil(level - slack).astype(integer),
        # above the last cumulative probability there is nothing: a margin within rounding of 1 asks for everybody
        highest=jnp.minimum(jnp.floor(level + slack).astype(integer) + 1, total),
        most=jnp.max(most_customers(market)),
    )


def _reply(game: _Counted, own: Int[Array, ""], other_stock: Float[Array, ""], needed: Array) -> Float[Array, ""]:
    """The least stock that covers `needed[own]` of the probability; 0 where that is none."""
    other = 1 - own
    unserved = jnp.maximum(game.demand[:, other] - other_stock, 0.0)
    customers = game.demand[:, own] + game.spill[other] * unserved
    return jnp.where(needed[own] > 0, _smallest_covering(customers, game.mass, needed[own], game.resolution), 0.0)


def _smallest_covering(
    values: Array, mass: Array, needed: Int[Array, ""], resolution: Float[Array, ""]
) -> Float[Array, ""]:
    """The smallest of `values` such that those up to it have at least the mass `needed`, or one within `resolution`.

    Halves the interval and moves its ends to the nearest values, which in a batch is several times faster than sorting.
    """

    def halve(ends: tuple[Array, Array]) -> tuple[Array, Array]:
        low, high = ends
        below = values <= low + 0.5 * (high - low)
        covers = jnp.sum(jnp.where(below, mass, 0), dtype=mass.dtype) >= needed
        next_low = jnp.min(jnp.where(below, jnp.inf, values))
        next_high = jnp.max(jnp.where(below, values, -jnp.inf))
        return jnp.where(covers, low, next_low), jnp.where(covers, next_high, high)

    ends = (jnp.min(values), jnp.max(values))
    return jax.lax.while_loop(lambda ends: ends[1] - ends[0] > resolution, halve, ends)[1]


class _Bracket(eqx.Module):
    low: Float[Array, ""]
    high: Float[Array, ""]
    at: Float[Array, ""]
    steps: Int[Array, ""]


def _extreme(game: _Counted, own: Int[Array, ""]) -> tuple[Float[Array, ""], Float[Array, ""], Int[Array, ""]]:
    """The largest equilibrium stock of outlet `own`, the smallest of the other, and the steps taken."""
    room = 1 - game.slope
    diagonal = room <= jnp.finfo(room.dtype).eps ** 0.5
    # with full spill-over T runs along the diagonal where there is a continuum, and rounding must not end it early
    slack = jnp.where(diagonal, 4 * game.resolution, 0.0)
    tolerance = jnp.where(diagonal, game.resolution, 4 * game.resolution / jnp.where(diagonal, 1.0, room))

    other_then_own = (jnp.stack([1 - own, own]), jnp.stack([game.lowest, game.highest]))

    def replies(stock: Array) -> Float[Array, " two"]:
        """The other outlet's least reply to `stock`, and the largest reply to that: low_2 and T of the file's head."""

        def reply(stock: Array, mover: tuple[Array, Array]) -> tuple[Array, Array]:
            answer = _reply(game, mover[0], stock, mover[1])
            return answer, answer

        return jax.lax.scan(reply, stock, other_then_own)[1]  # a scan compiles the search for a reply once

    def step(state: _Bracket) -> _Bracket:
        excess = state.at - replies(state.at)[1] - slack
        above = excess > 0
        near = state.at - excess  # the fixed point if T is flat from here to there
        unbounded = jnp.where(above, -jnp.inf, jnp.inf)
        far = jnp.where(room > 0, state.at - excess / jnp.where(room > 0, room, 1.0), unbounded)  # if T is steepest
        low = jnp.maximum(state.low, jnp.where(above, far, near))
        high = jnp.minimum(state.high, jnp.where(above, near, far))
        turn = state.steps % 3
        guess = jnp.where(turn == 0, high - slack, jnp.where(turn == 1, low, low + 0.5 * (high - low)))
        return _Bracket(low, high, guess, state.steps + 1)

    first = _Bracket(jnp.zeros_like(game.most), game.most, game.most, jnp.asarray(0))
    limit = 3 * (jnp.finfo(game.most.dtype).nmant + 2)
    end = jax.lax.while_loop(lambda s: (s.high - s.low > tolerance) & (s.steps < limit), step, first)
    largest = replies(end.high)[1]  # one more application lands on a scenario's number of customers
    return largest, replies(largest)[0], end.steps
