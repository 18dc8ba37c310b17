r"""Transfer pricing rules: what the downstream division pays the upstream one for capacity $k$ and output $q_t$.

Most rules of practice are tariffs, $TP_t = p_t + a_t k + u_t q_t$ (`tariffs.py` has them). A mark-up multiplies a rule,
dual pricing credits the seller by another rule than the buyer pays by, and `OwnRule` (`own_rule.py`) is any function.
"""

import abc
from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from eqsolve._checks import require_finite
from eqsolve._fields import as_fields, per_entry, require_broadcast, require_nonnegative, require_scalar
from eqsolve.mechanisms.capacity.accounting import whole_periods
from eqsolve.mechanisms.capacity.lifetime import ExpectedUse, LifetimeDivision, best_capacity, use_of

Scalar = Float[Array, ""]
PerPeriod = Float[Array, " periods"]


class TransferRule(eqx.Module):
    """What a buying division pays for its capacity and its output, and how it decides under that rule."""

    @property
    def periods(self) -> int | None:
        """How many periods the rule is for; None where for any number."""
        return None

    @abc.abstractmethod
    def payment(self, capacity: Any, quantity: Any) -> PerPeriod:
        """What the buyer pays in each period [money] for a capacity and the outputs `[..., T]`.

        NaN for negative capacity or output.
        """

    def receipt(self, capacity: Any, quantity: Any) -> PerPeriod:
        """What the seller is credited with in each period [money]."""
        return self.payment(capacity, quantity)

    @abc.abstractmethod
    def chosen(self, division: LifetimeDivision, weights: PerPeriod) -> Scalar:
        """The smallest capacity that is best for the buyer, who weights its periods like this [units]."""

    @abc.abstractmethod
    def use(self, division: LifetimeDivision, capacity: Any) -> tuple[ExpectedUse, PerPeriod, PerPeriod]:
        """What the buyer makes of a capacity, what it pays and what the seller gets, expected."""


class Tariff(TransferRule):
    r"""$TP_t(k, q_t) = p_t + a_t k + u_t q_t$.

    **Arguments:** `capacity_charge` $a_t$ and `unit_charge` $u_t$ >= 0 [money/unit], `lump_sum` $p_t$ [money]: one
    number each, or one per period. Charges for capacity may be negative, as those of unusual depreciation rules are: no
    capacity is enough for who counts such a period alone. `right`: capacity that was agreed beforehand [units]; None
    where the buyer chooses it. `periods`: needed where all charges are single numbers.

    **Errors:** `ValueError` that names the field.
    **Source:** Dutta and Reichelstein (paper 002), sections 3 to 5.

    >>> rule = Tariff(capacity_charge=3.0, unit_charge=[1.5, 2.0])
    >>> rule.payment(5.0, jnp.array([4.0, 5.0])).tolist()
    [21.0, 25.0]
    """

    capacity_charge: PerPeriod
    unit_charge: PerPeriod
    lump_sum: PerPeriod
    right: Scalar | None

    def __init__(
        self,
        capacity_charge: Any,
        unit_charge: Any,
        lump_sum: Any = 0.0,
        right: Any = None,
        periods: int | None = None,
    ):
        given = {"capacity_charge": capacity_charge, "unit_charge": unit_charge, "lump_sum": lump_sum}
        fields = as_fields("Tariff", **given, right=right)
        lengths = {fields[name].shape[0] for name in given if fields[name].ndim}
        if periods is None and not lengths:
            raise ValueError(f"Tariff: {', '.join(given)} are single numbers; give `periods`, or one per period.")
        length = max(lengths) if periods is None else whole_periods(periods, "Tariff.periods")
        for name in given:
            setattr(self, name, per_entry(fields[name], length, f"Tariff.{name}"))
        self.right = fields["right"]

    def __check_init__(self) -> None:
        require_finite(self, "Tariff")
        require_nonnegative(self.unit_charge, "Tariff.unit_charge")
        if self.right is not None:
            require_scalar(self.right, "Tariff.right")
            require_nonnegative(self.right, "Tariff.right")

    @property
    def periods(self) -> int:
        """How many periods the charges are for."""
        return self.unit_charge.shape[0]

    def payment(self, capacity: Any, quantity: Any) -> PerPeriod:
        """What the buyer pays in each period [money]; capacity without a charge costs nothing however much it is."""
        capacity, quantity = as_paths(capacity, quantity, self.unit_charge.dtype, self.periods)
        return self.lump_sum + _bill(self.capacity_charge, capacity) + _bill(self.unit_charge, quantity)

    def chosen(self, division: LifetimeDivision, weights: PerPeriod) -> Scalar:
        """The agreed right, or the smallest best capacity: one root, as what capacity earns is concave."""
        if self.right is not None:
            return self.right
        return best_capacity(division, weights, self.unit_charge, jnp.sum(weights * self.capacity_charge))

    def use(self, division: LifetimeDivision, capacity: Any) -> tuple[ExpectedUse, PerPeriod, PerPeriod]:
        """Output up to where its charge no longer pays; the payment is linear in it."""
        use = use_of(division, capacity, self.unit_charge)
        paid = self.payment(capacity, use.output)
        return use, paid, paid


class MarkUp(TransferRule):
    """Every payment of another rule, raised by a share of it: cost-plus pricing.

    **Arguments:** `rule`: a `Tariff`, such as a cost-based one. `share` >= -1: 0.1 for ten percent on top.
    **Errors:** `ValueError` that names the field.

    >>> MarkUp(Tariff(0.0, [2.0]), 0.5).payment(9.0, jnp.array([4.0])).tolist()
    [12.0]
    """

    rule: Tariff
    share: Scalar

    def __init__(self, rule: Tariff, share: Any):
        if not isinstance(rule, Tariff):
            raise TypeError(f"MarkUp.rule is {rule!r}; give a Tariff, such as naive_full_cost(division).")
        fields = as_fields("MarkUp", rule=rule, share=share)
        self.rule, self.share = fields["rule"], fields["share"]
        require_scalar(self.share, "MarkUp.share")
        require_nonnegative(1 + self.share, "1 + MarkUp.share")

    @property
    def periods(self) -> int:
        """Those of the rule."""
        return self.rule.periods

    @property
    def tariff(self) -> Tariff:
        """The tariff that results."""
        parts = lambda rule: (rule.capacity_charge, rule.unit_charge, rule.lump_sum)  # noqa: E731
        return eqx.tree_at(parts, self.rule, [(1 + self.share) * part for part in parts(self.rule)])

    def payment(self, capacity: Any, quantity: Any) -> PerPeriod:
        """What the buyer pays in each period [money]."""
        return self.tariff.payment(capacity, quantity)

    def chosen(self, division: LifetimeDivision, weights: PerPeriod) -> Scalar:
        """The smallest best capacity under the raised tariff."""
        return self.tariff.chosen(division, weights)

    def use(self, division: LifetimeDivision, capacity: Any) -> tuple[ExpectedUse, PerPeriod, PerPeriod]:
        """As under the raised tariff."""
        return self.tariff.use(division, capacity)


class DualPricing(TransferRule):
    """The buyer pays by one rule, the seller is credited by another, and the centre bears the difference.

    **Arguments:** `buyer`, `seller`: rules of the same number of periods. The buyer decides by its own.
    **Errors:** `TypeError` for what is no rule, `ValueError` for different numbers of periods.

    >>> rule = DualPricing(buyer=Tariff(0.0, [2.0]), seller=Tariff(0.0, [5.0]))
    >>> rule.payment(9.0, jnp.array([4.0])).tolist(), rule.receipt(9.0, jnp.array([4.0])).tolist()
    ([8.0], [20.0])
    """

    buyer: TransferRule
    seller: TransferRule

    def __check_init__(self) -> None:
        for name in ("buyer", "seller"):
            if not isinstance(getattr(self, name), TransferRule):
                raise TypeError(f"DualPricing.{name} is {getattr(self, name)!r}; give a TransferRule.")
        if not isinstance(self.seller, Tariff | MarkUp):
            raise TypeError("DualPricing.seller must be linear in output, as its expectation is taken; give a Tariff.")
        if None not in (self.buyer.periods, self.seller.periods) and self.buyer.periods != self.seller.periods:
            raise ValueError(
                f"DualPricing.buyer is for {self.buyer.periods} periods, seller for {self.seller.periods}; give rules"
                " of the same number."
            )

    @property
    def periods(self) -> int | None:
        """Those of the seller's rule."""
        return self.seller.periods

    def payment(self, capacity: Any, quantity: Any) -> PerPeriod:
        """What the buyer pays in each period [money]."""
        return self.buyer.payment(capacity, quantity)

    def receipt(self, capacity: Any, quantity: Any) -> PerPeriod:
        """What the seller is credited with in each period [money]."""
        return self.seller.payment(capacity, quantity)

    def chosen(self, division: LifetimeDivision, weights: PerPeriod) -> Scalar:
        """What the buyer chooses by its own rule."""
        return self.buyer.chosen(division, weights)

    def use(self, division: LifetimeDivision, capacity: Any) -> tuple[ExpectedUse, PerPeriod, PerPeriod]:
        """What the buyer makes by its own rule, and what the seller is credited with for it."""
        use, paid, _ = self.buyer.use(division, capacity)
        return use, paid, self.seller.payment(capacity, use.output)


def require_rule(rule: object, division: LifetimeDivision) -> None:
    """Raise where `rule` is no transfer pricing rule for the periods of this division."""
    if not isinstance(rule, TransferRule):
        raise TypeError(f"rule is {rule!r}; give a TransferRule, such as two_part(division).")
    if rule.periods not in (None, division.periods):
        raise ValueError(
            f"rule is for {rule.periods} periods, the division's capacity lasts {division.periods}; give one for as"
            " many."
        )


def as_paths(capacity: Any, quantity: Any, dtype: Any, periods: int | None = None) -> tuple[Array, Array]:
    """A capacity and outputs `[..., periods]`, NaN where negative."""
    capacity, quantity = (jnp.asarray(value, dtype) for value in (capacity, quantity))
    if periods is not None and quantity.ndim and quantity.shape[-1] != periods:
        raise ValueError(
            f"payment: quantity has {quantity.shape[-1]} entries along its last axis; the rule is for {periods}"
            " periods: give one output per period."
        )
    require_broadcast("payment", capacity=capacity.shape, quantity=quantity.shape)
    return jnp.where(capacity >= 0, capacity, jnp.nan), jnp.where(quantity >= 0, quantity, jnp.nan)


def _bill(charge: PerPeriod, amount: Array) -> Array:
    """A charge per unit times an amount, which may be infinite where it is free."""
    free = charge == 0
    return jnp.where(free & ~jnp.isnan(amount), 0.0, charge * jnp.where(free & jnp.isinf(amount), 0.0, amount))
