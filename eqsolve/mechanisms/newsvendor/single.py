r"""The single-period newsvendor: one order before demand is known.

Realised profit from ordering $y$ under demand $D$ is

$$\pi(y, D) = p \min(y, D) + s (y - D)^+ - g (D - y)^+ - (c + t) y
            = (p - c - t) D - u (D - y)^+ - o (y - D)^+,$$

with the underage cost $u = p + g - c - t$ of a unit short and the overage cost $o = c + t - s$ of a unit left over, so
everything in expectation is a loss function of the demand, and the order is a quantile.
"""

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from eqsolve._checks import concrete, named, require_finite
from eqsolve._fields import as_fields, require_nonnegative
from eqsolve._tables import is_traced, shown, table
from eqsolve.action import Action
from eqsolve.demand.distribution import Distribution
from eqsolve.game import Game

Values = Float[Array, "*batch"]


class Sensitivities(eqx.Module):
    """Derivatives of the optimal order and of the profit it earns, by parameter name; `str()` prints a table.

    Names are the newsvendor's fields and, for demand, "demand." and the family's parameter. In a batch each derivative
    is in the newsvendor's own entry; a parameter with several entries per newsvendor (a sample) is moved as a whole.
    """

    order: OrderedDict[str, Values]
    profit: OrderedDict[str, Values]

    def __str__(self) -> str:
        if is_traced(self):
            return repr(self)
        rows = [(name, shown(self.order[name]), shown(self.profit[name])) for name in self.order]
        return table(("parameter", "order", "profit"), rows)


class Newsvendor(eqx.Module):
    r"""A risk-neutral firm that orders once, sells what is demanded and salvages the rest.

    **Arguments** (scalars, or arrays that broadcast to a batch of newsvendors):

    - `price` $p$: revenue per unit sold, >= 0 [money/unit].
    - `cost` $c$: paid per unit ordered, >= 0 [money/unit].
    - `demand`: a `Distribution`, continuous or discrete [units].
    - `salvage` $s$: revenue per unit left over [money/unit]; negative where disposal costs money.
    - `penalty` $g$: goodwill lost per unit of demand not served, >= 0 [money/unit].
    - `tax` $t$: paid to the state per unit *ordered*, sold or not [money/unit]; negative for a subsidy.

    The order is not negative. It is the smallest optimal one:

    - where leftovers earn money ($o < 0$) profit has no maximum: the order is `inf`;
    - otherwise, where a unit short costs nothing or less ($u \le 0$): 0;
    - otherwise the smallest quantity whose cdf reaches the critical fractile $u / (u + o)$, at least 0. At $o = 0$ the
      fractile is 1 and that is the largest possible demand, `inf` for unbounded demand.

    So a price below cost gives 0 unless the penalty makes up for it. What a negative order would bring is NaN.

    **Errors:** `TypeError` and `ValueError` that name the field, the value and the remedy; traced values out of range
    give NaN.
    **Source:** Arrow, Harris and Marschak, Optimal inventory policy, *Econometrica* 19 (1951); Porteus, *Foundations of
    Stochastic Inventory Theory* (2002), section 1.2.

    >>> from eqsolve.demand.uniform import Uniform
    >>> vendor = Newsvendor(price=10.0, cost=4.0, demand=Uniform(0.0, 100.0), salvage=2.0)
    >>> float(vendor.order()), round(float(vendor.profit(75.0)), 3)
    (75.0, 225.0)
    """

    price: Values
    cost: Values
    demand: Distribution
    salvage: Values
    penalty: Values
    tax: Values

    def __init__(
        self, price: Any, cost: Any, demand: Distribution, salvage: Any = 0.0, penalty: Any = 0.0, tax: Any = 0.0
    ):
        if not isinstance(demand, Distribution):
            raise TypeError(f"Newsvendor.demand is {demand!r}; give a Distribution such as Uniform(0.0, 100.0).")
        fields = as_fields(
            "Newsvendor", price=price, cost=cost, demand=demand, salvage=salvage, penalty=penalty, tax=tax
        )
        for name, value in fields.items():
            setattr(self, name, value)

    def __check_init__(self) -> None:
        require_finite(self, "Newsvendor")
        for name in ("price", "cost", "penalty"):
            require_nonnegative(getattr(self, name), f"Newsvendor.{name}")

    # ---- what a unit too little and a unit too much cost ----

    @property
    def underage(self) -> Values:
        """The cost $u = p + g - c - t$ of a unit short [money/unit]."""
        return self.price + self.penalty - self.cost - self.tax

    @property
    def overage(self) -> Values:
        """The cost $o = c + t - s$ of a unit left over [money/unit]."""
        return self.cost + self.tax - self.salvage

    def critical_fractile(self) -> Values:
        """The service level $u / (u + o)$; NaN where $u + o = p + g - s$ is not positive and no level is meant."""
        both = self.underage + self.overage
        return self._checked(jnp.where(both > 0, self.underage / jnp.where(both > 0, both, 1.0), jnp.nan))

    # ---- the decision ----

    def order(self) -> Values:
        """The smallest optimal order [units]; see the class for the corners."""
        quantile = self.demand.ppf(jnp.where(self._interior, self._level(), 0.5))
        return self._decided(quantile)

    def is_bounded(self) -> Bool[Array, "*batch"]:
        """Whether profit has a maximum: an optimal order that is finite."""
        return jnp.isfinite(self.order())

    def sensitivities(self) -> Sensitivities:
        """Derivatives of the optimal order and of its profit in every parameter.

        Of the order by implicit differentiation of F(y) = fractile, of the profit through the order (the envelope
        theorem makes the order's own share zero where it is interior). For discrete demand the order moves only with
        the demand values; at a tie the derivatives are one-sided.

        >>> from eqsolve.demand.uniform import Uniform
        >>> found = Newsvendor(10.0, 4.0, Uniform(0.0, 100.0), salvage=2.0).sensitivities()
        >>> [round(float(found.order[name]), 3) for name in ("cost", "demand.loc", "demand.scale")]
        [-12.5, 1.0, 0.75]
        """
        return _sensitivities(self)

    # ---- what an order brings, in expectation; NaN for a negative order ----

    def profit(self, order: Any) -> Values:
        """Expected profit [money] of an order [units]; `inf` is the limit of ever larger orders, NaN for negative."""
        margin = self.price - self.cost - self.tax
        return self._checked(margin * self.demand.mean() - self.cost_of(order))

    def cost_of(self, order: Any) -> Values:
        """Expected cost $u E(D - y)^+ + o E(y - D)^+$ of the mismatch [money], against ordering demand exactly."""
        order = self._order(order)
        none = (self.overage == 0) & jnp.isinf(order)
        leftover = jnp.where(none, 0.0, self.overage * self.leftover(jnp.where(none, 0.0, order)))
        return self._checked(self.underage * self.shortage(order) + leftover)

    def sales(self, order: Any) -> Values:
        """Expected sales [units]."""
        return self._checked(self.demand.expected_min(self._order(order)))

    def leftover(self, order: Any) -> Values:
        """Expected units left over."""
        return self._checked(self.demand.overstock(self._order(order)))

    def shortage(self, order: Any) -> Values:
        """Expected demand not served [units]."""
        return self._checked(self.demand.loss(self._order(order)))

    def fill_rate(self, order: Any) -> Values:
        """Expected sales as a share of expected demand; 1 where nobody is expected, NaN for a negative mean."""
        return _share_served(self.sales(order), self.demand.mean())

    def stockout_probability(self, order: Any) -> Values:
        """The probability that demand exceeds the order."""
        return self._checked(self.demand.sf(self._order(order)))

    # ---- the game ----

    def game(self, total: Mapping[str, Any] | None = None) -> Game:
        """Build the game of one player "newsvendor" with one action "order" [units].

        Outcomes: "profit", "sales", "leftover", "shortage", "stockout probability", "tax" (paid to the state; negative
        for a subsidy) and "fill rate". The order is bounded by 0 and a quarter more than the demand quantile halfway
        between the critical fractile and 1. For discrete demand, whose profits have kinks, solve with `BestReply()`.

        **Arguments:** `total`: what a planner maximises, outcome name -> coefficient; by default profit before tax,
        because a tax only changes hands.
        **Errors:** `ValueError` for a batch (build games inside `eqsolve.batch`) and where profit has no maximum.
        """
        shape = jnp.shape(self._valid)
        if shape != ():
            raise ValueError(
                f"Newsvendor.game: the parameters form a batch of shape {shape}; give numbers, or `batch`."
            )
        best = concrete(self.order())
        if best is not None and not jnp.isfinite(best):
            raise ValueError(
                f"Newsvendor.game: the optimal order is {best}, as a leftover unit costs {self.overage}; give a cost"
                " and tax above the salvage value."
            )
        return Game(
            self,
            actions=[Action("order", (), "newsvendor")],
            bounds=newsvendor_bounds,
            expected=newsvendor_expected,
            derived=newsvendor_fill_rate,
            pay={"newsvendor": {"profit": 1.0}},
            total={"profit": 1.0, "tax": 1.0} if total is None else total,
        )

    # ---- corners and checks ----

    @property
    def _interior(self) -> Bool[Array, "*batch"]:
        """Whether the order is a quantile, rather than nothing or without limit."""
        return (self.underage > 0) & (self.overage >= 0)

    def _level(self) -> Values:
        """The critical fractile where the order is a quantile, one half elsewhere."""
        both = jnp.where(self._interior, self.underage + self.overage, 1.0)
        return jnp.where(self._interior, self.underage / both, 0.5)

    def _decided(self, quantile: Values) -> Values:
        """An order that is `quantile` in the interior, with the corners put in."""
        corner = jnp.where(self.overage < 0, jnp.inf, 0.0)
        return self._checked(jnp.where(self._interior, jnp.maximum(quantile, 0.0), corner))

    def _order(self, order: Any) -> Values:
        """An order as an array, NaN where it is negative."""
        order = jnp.asarray(order, self.price.dtype)
        return jnp.where(order < 0, jnp.nan, order)

    @property
    def _valid(self) -> Bool[Array, "*batch"]:
        in_range = (self.price >= 0) & (self.cost >= 0) & (self.penalty >= 0)
        return in_range & jnp.isfinite(self.underage) & jnp.isfinite(self.overage) & self.demand._valid

    def _checked(self, value: Values) -> Values:
        return jnp.where(self._valid, value, jnp.nan)


def newsvendor_bounds(params: Newsvendor, earlier: Mapping[str, Array]) -> tuple[dict[str, Array], dict[str, Array]]:
    """From nothing to beyond the optimal order; to 1 where demand does not reach above zero."""
    del earlier
    far = params.demand.ppf((1 + params._level()) / 2)
    return {"order": jnp.zeros_like(far)}, {"order": jnp.where(far > 0, 1.25 * far, jnp.ones_like(far))}


def newsvendor_expected(params: Newsvendor, actions: Mapping[str, Array]) -> dict[str, Array]:
    """The expectation of every outcome, in closed form."""
    order = actions["order"]
    return {
        "profit": params.profit(order),
        "sales": params.sales(order),
        "leftover": params.leftover(order),
        "shortage": params.shortage(order),
        "stockout probability": params.stockout_probability(order),
        "tax": params.tax * order,
    }


def newsvendor_fill_rate(params: Newsvendor, expected: Mapping[str, Array]) -> dict[str, Array]:
    """Expected sales as a share of expected demand."""
    return {"fill rate": _share_served(expected["sales"], params.demand.mean())}


def _share_served(sales: Values, mean: Values) -> Values:
    share = sales / jnp.where(mean > 0, mean, 1.0)
    return jnp.where(mean > 0, share, jnp.where(mean == 0, 1.0, jnp.nan))


@eqx.filter_jit
def _sensitivities(vendor: Newsvendor) -> Sensitivities:
    varied, rest = eqx.partition(vendor, eqx.is_inexact_array)

    def best(varied: Any) -> tuple[Values, Values]:
        vendor = eqx.combine(varied, rest)
        order = vendor.order()
        return order, vendor.profit(order)

    move = jax.linearize(best, varied)[1]
    paths, leaves = zip(*jax.tree_util.tree_leaves_with_path(varied), strict=True)
    structure = jax.tree.structure(varied)
    found: list[OrderedDict[str, Values]] = [OrderedDict(), OrderedDict()]
    for i, path in enumerate(paths):
        unit = [jnp.full_like(leaf, float(i == j)) for j, leaf in enumerate(leaves)]
        for derivatives, value in zip(found, move(jax.tree.unflatten(structure, unit)), strict=True):
            derivatives[named(path).lstrip(".")] = value
    return Sensitivities(*found)
