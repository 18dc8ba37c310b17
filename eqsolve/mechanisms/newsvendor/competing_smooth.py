r"""Competing newsvendors with continuous demand: smooth expected profits, which Newton's method solves.

The market of `competing.py`, with a Gaussian copula of two continuous laws in place of scenarios. Let $A = y_i - D_i$
be what outlet $i$ has left of its stock after its own customers, and $B = D_j - y_j$ how many its rival turns away.
Spilled sales are $\lambda_j M$ with $M = \min(A / \lambda_j, B)$ where both are positive. The density of $M$ has one
part for days on which all spilled customers find stock, and one for days on which they empty the shelves,

$$g(v) = f_j(y_j + v) P(D_i \le y_i - \lambda_j v | D_j = y_j + v), \quad
h(v) = \lambda_j f_i(y_i - \lambda_j v) P(D_j > y_j + v | D_i = y_i - \lambda_j v),$$

and three integrals of them give values and slopes:

$$S_i = E \min(y_i, D_i) + \lambda_j \int v (g + h) dv, \quad
\frac{dS_i}{dy_i} = P(R_i > y_i) = P(D_i > y_i) + \int h dv, \quad
\frac{dS_i}{dy_j} = -\lambda_j P(D_j > y_j, R_i \le y_i) = -\lambda_j \int g dv.$$

All terms are positive, so nothing cancels, and all use the same points: each law is evaluated once, at all of them.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import ndtr, ndtri
from jax.scipy.stats import norm
from jaxtyping import Array, Bool, Float

from eqsolve._fields import as_fields, per_entry, player_names, require_positive, require_values
from eqsolve.action import Action
from eqsolve.demand.distribution import Continuous
from eqsolve.demand.joint.copula import GaussianCopula
from eqsolve.demand.lognormal import LogNormal
from eqsolve.demand.normal import Normal
from eqsolve.game import Game
from eqsolve.mechanisms._pay import own_entry

# Every integral is split at the demands with these normal scores: densities of very different widths and tails, and
# correlations near one, need nodes where either demand varies. On each piece the nodes crowd towards both ends, as
# normal scores have an infinite slope at an end of a law's support.
SCORES = (-3.5, -1.2, 0.0, 1.2, 3.5)
MEDIAN = 1 + SCORES.index(0.0)  # among the cuts, of which there are two more at the ends
STRONGEST = 0.95


def _rule(count: int) -> tuple[np.ndarray, np.ndarray]:
    """A rule on [0, 1]: Gauss-Legendre after the substitution 3 u^2 - 2 u^3."""
    node, weight = np.polynomial.legendre.leggauss(count)
    u = (1 + node) / 2
    return u**2 * (3 - 2 * u), 3 * u * (1 - u) * weight


NODES, WEIGHTS = _rule(14)


class SmoothCompetingNewsvendors(eqx.Module):
    r"""Two outlets with substitutable products, given prices and continuous demand.

    With own demands $D_i$, outlet $i$ faces $R_i = D_i + \lambda_j (D_j - y_j)^+$ customers, sells $\min(y_i, R_i)$ and
    earns $p_i \min(y_i, R_i) - c_i y_i$ with $c_i = p_i (1 - m_i)$.

    **Arguments:**

    - `price` $p$: > 0 [money/unit], one number or one per outlet.
    - `margin` $m = 1 - c/p$: in [0, 1), one number or one per outlet.
    - `spill` $\lambda$: in [0, 1], the share of an outlet's unserved customers who try the other outlet; one number, or
      one per outlet they leave.
    - `demand`: the joint law of both own demands [units], a `GaussianCopula` of two continuous laws with bounded
      densities and a correlation of normal scores within [-0.95, 0.95].
    - `outlets`: the players' names.

    Outcomes are those of `CompetingNewsvendors`, one entry per outlet: "profit" [money]; "sales", "leftover" and "own
    demand served" [units]; "stockout probability" and "fill rate". A law that gives negative demand a probability, such
    as `Normal`, counts it as negative sales.

    **Tested range:** in 64 bit, expected sales have a relative error below 1e-9 for normal, lognormal, gamma and
    Weibull demand of shape 2 or more and correlations up to 0.6 in size; below 1e-7 for other bounded densities; and
    below 1e-5 for correlations up to 0.95.

    **Derivatives:** all, to second order, in both stocks and all parameters.

    **Errors:** `TypeError` and `ValueError` that name the field, the value and the remedy; traced values out of range
    give NaN.
    **Source:** Krishnan and Winter (paper 003), equations (6) to (9), for given prices and constant spill shares;
    Netessine and Rudi, Centralized and competitive inventory models with demand substitution (2003).

    >>> from eqsolve.demand import Uniform
    >>> independent = GaussianCopula([Uniform(0.0, 10.0), Uniform(0.0, 20.0)], [[1.0, 0.0], [0.0, 1.0]])
    >>> market = SmoothCompetingNewsvendors(price=10.0, margin=0.6, spill=0.0, demand=independent)
    >>> market.game().expect({"stock": jnp.array([5.0, 10.0])})["sales"].round(3).tolist()
    [3.75, 7.5]
    """

    price: Float[Array, " outlets"]
    margin: Float[Array, " outlets"]
    spill: Float[Array, " outlets"]
    demand: GaussianCopula
    outlets: tuple[str, ...] = eqx.field(static=True)

    def __init__(
        self,
        price: Any,
        margin: Any,
        spill: Any,
        demand: GaussianCopula,
        outlets: Iterable[str] = ("outlet 1", "outlet 2"),
    ):
        what = "SmoothCompetingNewsvendors."
        fields = as_fields("SmoothCompetingNewsvendors", price=price, margin=margin, spill=spill, demand=demand)
        for name in ("price", "margin", "spill"):
            setattr(self, name, per_entry(fields[name], 2, what + name))
        self.demand = fields["demand"]
        self.outlets = player_names(outlets, 2, what + "outlets", "outlet")

    def __check_init__(self) -> None:
        what = "SmoothCompetingNewsvendors."
        require_positive(self.price, what + "price")
        wanted = "give 1 - cost/price, at least 0 and below 1 (a product without cost has no largest sensible stock)"
        require_values(self.margin, lambda m: (m >= 0) & (m < 1), what + "margin", wanted)
        require_values(self.spill, lambda s: (s >= 0) & (s <= 1), what + "spill", "give shares between 0 and 1")
        if not isinstance(self.demand, GaussianCopula):
            raise TypeError(f"{what}demand is {self.demand!r}; give a GaussianCopula of two continuous laws.")
        laws = self.demand.marginals
        if len(laws) != 2:
            raise ValueError(f"{what}demand has {len(laws)} components; give one per outlet, two in all.")
        for i, law in enumerate(laws):
            if not isinstance(law, Continuous):
                raise TypeError(
                    f"{what}demand.marginals[{i}] is {type(law).__name__}, which is discrete; give a continuous law, or"
                    " scenarios to CompetingNewsvendors."
                )
            require_values(
                _start_density(law),
                np.isfinite,
                f"The density of {what}demand.marginals[{i}] at its lowest value",
                "give a law with a bounded density (a shape of 1 or more)",
            )
        require_values(
            self.demand.scores[0, 1],
            lambda rho: np.abs(rho) <= STRONGEST,
            what + "demand.scores[0, 1]",
            f"give a correlation from {-STRONGEST} to {STRONGEST} (demands that move as one are scenarios for"
            " CompetingNewsvendors)",
        )

    @property
    def cost(self) -> Float[Array, " outlets"]:
        """Unit costs $c = p (1 - m)$ [money/unit]."""
        return self.price * (1 - self.margin)

    @property
    def _laws(self) -> tuple[Continuous, Continuous]:
        first, second = self.demand.marginals
        assert isinstance(first, Continuous)
        assert isinstance(second, Continuous)
        return first, second

    @property
    def _valid(self) -> Bool[Array, ""]:
        """What construction checks where it can, for values that were traced then."""
        shares = jnp.all((self.margin >= 0) & (self.margin < 1) & (self.spill >= 0) & (self.spill <= 1))
        moderate = jnp.abs(self.demand.scores[0, 1]) <= STRONGEST
        bounded = jnp.all(jnp.stack([jnp.isfinite(_start_density(law)) for law in self._laws]))
        return jnp.all(self.price > 0) & shares & moderate & bounded & self.demand._valid

    def game(self) -> Game:
        """The game of stocks, one action "stock" with an entry per outlet; the first best maximises joint profit.

        Stocks are bounded by 0 and by a stock that is enough with more than half the cost share: beyond every best
        reply, and beyond every first best.
        """
        valid = self._valid
        return Game(
            jax.tree.map(lambda leaf: jnp.where(valid, leaf, jnp.nan), self),
            actions=[Action("stock", (2,), self.outlets)],
            bounds=smooth_bounds,
            expected=smooth_outcomes,
            jacobian=smooth_jacobian,
            pay=own_entry("profit", self.outlets),
            total={"profit": 1.0},
        )


def smooth_bounds(
    params: SmoothCompetingNewsvendors, earlier: Mapping[str, Array]
) -> tuple[dict[str, Array], dict[str, Array]]:
    r"""From nothing to more than any best reply: a last unit pays only if it sells with probability $1 - m_i$.

    Customers are more than $t_i + \lambda_j t_j^+$ with at most half that probability, if each demand exceeds its part
    $t$ with a quarter of it. To 1 where that stock is not above zero.
    """
    del earlier
    level = jnp.minimum(1 - (1 - params.margin) / 4, 1 - jnp.finfo(params.margin.dtype).epsneg)
    quantile = jnp.stack([law.ppf(level) for law in params.demand.marginals])  # [law, outlet]
    own, rival = jnp.diagonal(quantile), jnp.diagonal(quantile[::-1])
    top = own + params.spill[::-1] * jnp.maximum(rival, 0.0)
    return {"stock": jnp.zeros_like(top)}, {"stock": jnp.where(top > 0, top, 1.0)}


def smooth_outcomes(params: SmoothCompetingNewsvendors, actions: Mapping[str, Array]) -> dict[str, Array]:
    """Expected outcomes at these stocks."""
    stock, laws = actions["stock"], params.demand.marginals
    meeting = _meeting(params, stock)
    served = jnp.stack([law.expected_min(y) for law, y in zip(laws, stock, strict=True)])
    sales = served + meeting.spilled_sales
    mean = params.demand.mean()
    return {
        "profit": params.price * sales - params.cost * stock,
        "sales": sales,
        "leftover": stock - sales,
        "own demand served": served,
        "stockout probability": _exceeding(params, stock) + meeting.emptied,
        "fill rate": jnp.where(mean > 0, served / jnp.where(mean > 0, mean, 1.0), jnp.nan),
    }


def smooth_jacobian(params: SmoothCompetingNewsvendors, actions: Mapping[str, Array]) -> dict[str, dict[str, Array]]:
    r"""The derivatives of profit, sales, leftover and own demand served in both stocks.

    With expected sales $S_i$: $dS_i/dy_i = P(R_i > y_i)$ and $dS_i/dy_j = -\lambda_j P(D_j > y_j, R_i \le y_i)$.

    **Source:** Krishnan and Winter (paper 003), the terms of equation (9).
    """
    stock = actions["stock"]
    meeting, exceeding = _meeting(params, stock), _exceeding(params, stock)
    one = jnp.eye(2, dtype=stock.dtype)
    cross = -params.spill[::-1] * meeting.absorbed
    sales = (exceeding + meeting.emptied)[:, None] * one + cross[:, None] * one[::-1]
    return {
        "profit": {"stock": params.price[:, None] * sales - params.cost[:, None] * one},
        "sales": {"stock": sales},
        "leftover": {"stock": one - sales},
        "own demand served": {"stock": exceeding[:, None] * one},
    }


def _start_density(law: Continuous) -> Array:
    return law.pdf(law.support()[0])


def _exceeding(params: SmoothCompetingNewsvendors, stock: Array) -> Float[Array, " outlets"]:
    """The probability that an outlet's own customers alone are more than its stock."""
    return jnp.stack([law.sf(y) for law, y in zip(params.demand.marginals, stock, strict=True)])


class _Meeting(eqx.Module):
    """What happens where an outlet has stock left and its rival turns customers away, one entry per outlet.

    **Fields:** `spilled_sales`: expected sales to the rival's customers. `emptied`: the probability that they are more
    than the stock that is left; `absorbed`: that they are not.
    """

    spilled_sales: Float[Array, " outlets"]
    emptied: Float[Array, " outlets"]
    absorbed: Float[Array, " outlets"]


def _meeting(params: SmoothCompetingNewsvendors, stock: Float[Array, " outlets"]) -> _Meeting:
    """The integrals of g and h in the file's head."""
    share = params.spill[::-1]  # of the rival's unserved customers
    quantile = _quantiles(params)
    v, weight = _points(stock, share, quantile)
    # [law, role, point]: each law as the own demand of its outlet, and as the rival of the other one
    at = jnp.stack([stock[:, None] - share[:, None] * v, stock[:, None] + v[::-1]], axis=1)
    used = jnp.stack([weight, weight[::-1]], axis=1) > 0
    at = jnp.where(used, at, quantile[:, MEDIAN, None, None])  # empty pieces may lie where a density is infinite
    score = jnp.stack([_score(law, x) for law, x in zip(params._laws, at, strict=True)])
    density = jnp.stack([law.pdf(x) for law, x in zip(params._laws, at, strict=True)])
    own, rival = score[:, 0], score[::-1, 1]
    rho = params.demand.scores[0, 1]
    rest = (1 - rho) * (1 + rho)
    spread = jnp.sqrt(jnp.where(rest > 0, rest, 1.0))
    g = density[::-1, 1] * ndtr((own - rho * rival) / spread)
    h = share[:, None] * density[:, 0] * ndtr((rho * own - rival) / spread)
    return _Meeting(
        spilled_sales=share * jnp.sum(weight * v * (g + h), axis=1),
        emptied=jnp.sum(weight * h, axis=1),
        absorbed=jnp.sum(weight * g, axis=1),
    )


def _quantiles(params: SmoothCompetingNewsvendors) -> Float[Array, "outlets cuts"]:
    """The demands at which integrals are split, between the two beyond which probabilities are of rounding size."""
    eps = float(jnp.finfo(params.price.dtype).eps)
    levels = ndtr(jnp.asarray(SCORES, params.price.dtype))
    levels = jnp.pad(levels, 1, constant_values=(eps, 1 - eps))
    return jnp.stack([law.ppf(levels) for law in params.demand.marginals])


def _points(stock: Array, share: Array, quantile: Array) -> tuple[Array, Array]:
    """Nodes v and weights for both outlets, from zero to where no stock is left or no customer unserved."""
    spills = (share > 0)[:, None]
    own = (stock[:, None] - quantile) / jnp.where(spills, share[:, None], 1.0)
    own = jnp.where(spills, own, jnp.inf)
    rival = quantile[::-1] - stock[::-1, None]
    end = jnp.maximum(jnp.minimum(own[:, :1], rival[:, -1:]), 0.0)
    inner = jnp.clip(jnp.concatenate([own[:, 1:], rival[:, :-1]], axis=1), 0.0, end)
    cuts = jnp.concatenate([jnp.zeros_like(end), jnp.sort(inner, axis=1), end], axis=1)
    width = jnp.diff(cuts, axis=1)[..., None]
    v = cuts[:, :-1, None] + width * jnp.asarray(NODES, stock.dtype)
    return v.reshape(2, -1), (width * jnp.asarray(WEIGHTS, stock.dtype)).reshape(2, -1)


def _score(law: Continuous, x: Array) -> Array:
    """The normal score of a demand: the standard normal number with the same probability below it."""
    if isinstance(law, Normal):
        return (x - law.loc) / law.scale
    if isinstance(law, LogNormal):
        return jnp.log(jnp.maximum(x, jnp.finfo(x.dtype).tiny) / law.scale) / law.s
    return _score_between(law.cdf(x), law.sf(x))


@jax.custom_jvp
def _score_between(below: Array, above: Array) -> Array:
    """The normal score with these probabilities below and above, from the smaller one; finite at zero."""
    left = below < above
    tail = jnp.maximum(jnp.where(left, below, above), jnp.finfo(below.dtype).tiny)
    return jnp.where(left, 1, -1) * ndtri(tail)


@_score_between.defjvp
def _score_slope(primals: tuple[Array, Array], tangents: tuple[Array, Array]) -> tuple[Array, Array]:
    """One over the normal density: far fewer operations than differentiating the approximation of `ndtri`."""
    score = _score_between(*primals)
    left = primals[0] < primals[1]
    move = jnp.where(left, tangents[0], -tangents[1])
    density = norm.pdf(score)
    there = density > 0
    return score, jnp.where(there, move / jnp.where(there, density, 1.0), 0.0)
