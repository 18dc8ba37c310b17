r"""The contracts of propositions 1 to 5, as formulas of the first best.

All are members of one family. With salvage value $v$, so that a sale is worth $m = p^* - v$ more than a leftover, a
contract with buy-back price $b$ (or, what is the same, a royalty) and a revenue royalty $\mu$ makes $y^*$ the best
stock if

$$w = (p^* (1 - \mu) - v - b) s^* + v + b,$$

and leaves the outlet $(p^* (1 - \mu) - v - b)(E t - s^* y^*)$ before the fee, positive unless the first bracket is
zero. Its marginal profit in price at $p^*$ is then $(1 - \mu)(E t + p^* E_1) - (v + b) E_1$ with $E_1 = dEt_1/dp_1$:
zero at $b^* = -m E_2 / E_1$ with $E_2 = dEt_2/dp_1$, where no restraint is needed, positive beyond, where a ceiling
binds, and negative below, where a floor does.
"""

from collections.abc import Iterable

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from eqsolve._checks import unknown_name
from eqsolve._tabled import Tabled
from eqsolve.mechanisms.vertical.contract import Contract
from eqsolve.mechanisms.vertical.first_best import FirstBest

Scalar = Float[Array, ""]

INSTRUMENTS = (
    "wholesale price",
    "fee",
    "dictated price",
    "floor",
    "ceiling",
    "price restraint",
    "buy-back",
    "royalty",
    "revenue royalty",
)
RESTRAINTS = {"dictated price", "floor", "ceiling", "price restraint"}
PROPOSITIONS = {
    "1": {"wholesale price", "fee"},
    "2a": {"wholesale price", "fee", "dictated price"},
    "2b": {"wholesale price", "buy-back", "dictated price"},
    "2c": {"wholesale price", "royalty", "dictated price"},
    "3a": {"wholesale price", "fee", "price restraint"},
    "3b": {"wholesale price", "fee", "buy-back"},
    "3c": {"wholesale price", "buy-back", "ceiling"},
    "3d": {"wholesale price", "fee", "royalty"},
    "3e": {"wholesale price", "royalty", "ceiling"},
    "4a": {"wholesale price", "revenue royalty", "dictated price"},
    "4b": {"wholesale price", "revenue royalty", "price restraint"},
    "5a": {"wholesale price", "buy-back", "ceiling"},
    "5b": {"wholesale price", "royalty", "ceiling"},
}


class Terms(Tabled):
    r"""A contract that makes the first best stationary for every outlet, and what it leaves them.

    **Fields:** `contract`. `price_slope`: an outlet's marginal profit in its price at the plan: negative where a floor
    binds, positive where a ceiling does [money/(money/unit)]. `rent`: an outlet's expected profit, after the fee
    [money]. `margin`: what an outlet keeps of a sale over a leftover [money/unit]; at zero it is indifferent to its
    stock. `lowest`, `highest`: the ends of the range from which a free instrument was chosen, NaN where none is free.
    """

    contract: Contract
    price_slope: Scalar
    rent: Scalar
    margin: Scalar
    lowest: Scalar
    highest: Scalar

    @property
    def strict(self) -> Bool[Array, ""]:
        """Whether outlets lose by other stocks, rather than being indifferent."""
        return self.margin > 0


def matching_buy_back(plan: FirstBest, salvage: Scalar) -> Scalar:
    r"""The buy-back price (or royalty) at which outlets choose the price themselves, $b^* = -m E_2 / E_1$ [money/unit].

    **Arguments:** `plan`: from `first_best`. `salvage` $v$: value of a leftover [money/unit].
    **Returns:** $b^*$, below $p^* - v$; negative, a charge for leftovers, where a higher price takes sales from the
    rival. NaN where sales do not fall in the own price.
    **Source:** Krishnan and Winter (paper 003), proposition 3(b).

    >>> plan = FirstBest(*map(jnp.asarray, (8.0, 5.0, 4.0, 0.2, 0.2, -1.0, 0.25, -0.1, 50.0, False, True)))
    >>> float(matching_buy_back(plan, jnp.asarray(0.0)))
    2.0
    """
    falls = plan.own < 0
    return jnp.where(falls, -(plan.price - salvage) * plan.cross / jnp.where(falls, plan.own, -1.0), jnp.nan)


def terms(plan: FirstBest, instruments: Iterable[str], salvage: Scalar, share: Scalar) -> Terms:
    r"""The contract that makes a first-best plan stationary, with these instruments.

    **Arguments:**

    - `plan`: from `first_best`.
    - `instruments`: names out of `INSTRUMENTS`, "wholesale price" among them; see `PROPOSITIONS`. With "price
      restraint" the sign of the marginal profit in price chooses between floor and ceiling.
    - `salvage` $v$: value of a leftover [money/unit].
    - `share`: in [0, 1], where in its range a free instrument is put: a buy-back price or royalty in $[0, m]$ under a
      dictated price, in $[b^*, m]$ under a ceiling; a revenue royalty in $[0, m / p^*]$. At 1 outlets keep no margin.

    **Returns:** `Terms`, differentiable and batched in everything. Whether the plan is an equilibrium is for
    `coordinate`.
    **Errors:** `ValueError` for instruments that are unknown, contradict each other or lack a wholesale price.
    **Source:** Krishnan and Winter (paper 003), propositions 2 to 5 with the corrected (13); ERRATA.md.

    >>> plan = FirstBest(*map(jnp.asarray, (8.0, 5.0, 4.0, 0.25, 0.25, -1.0, 0.25, -0.1, 50.0, False, True)))
    >>> found = terms(plan, PROPOSITIONS["2a"], jnp.asarray(0.0), jnp.asarray(0.5))
    >>> float(found.contract.wholesale_price), float(found.contract.fee)
    (2.0, 22.0)
    """
    used = require_instruments(instruments)
    value = plan.price - salvage
    zero, none = jnp.zeros_like(value), jnp.full_like(value, jnp.nan)
    returned, royalty, lowest, highest = zero, zero, none, none
    matching = matching_buy_back(plan, salvage)
    if used & {"buy-back", "royalty"}:
        free = used & RESTRAINTS
        lowest = jnp.where("dictated price" in used, zero, matching) if free else none
        highest = value if free else none
        returned = lowest + share * (highest - lowest) if free else matching
    elif "revenue royalty" in used:
        lowest, highest = zero, value / plan.price
        royalty = share * highest
    margin = plan.price * (1 - royalty) - salvage - returned
    slope = (1 - royalty) * (plan.sales + plan.price * plan.own) - (salvage + returned) * plan.own
    # where stock meets a possible demand every probability in between will do: the middle is taken
    wholesale = margin * (plan.sells_out + plan.stockout) / 2 + salvage + returned
    rent = margin * plan.sales - (wholesale - salvage - returned) * plan.stock
    fee = rent if "fee" in used else zero
    low, high = _limits(used, plan, slope)
    contract = Contract(
        wholesale_price=wholesale - returned if "royalty" in used else wholesale,
        fee=fee,
        buy_back=zero if "royalty" in used else returned,
        royalty=returned if "royalty" in used else zero,
        revenue_royalty=royalty,
        floor=low,
        ceiling=high,
    )
    return Terms(contract, slope, rent - fee, margin, lowest, highest)


def _limits(used: set[str], plan: FirstBest, slope: Scalar) -> tuple[Scalar | None, Scalar | None]:
    """Floor and ceiling; a restraint that may be either is the one that binds."""
    if "dictated price" in used:
        return plan.price, plan.price
    if "price restraint" in used:
        binds_below = slope < 0
        highest = jnp.finfo(plan.price.dtype).max  # finite, as parameters are
        return jnp.where(binds_below, plan.price, 0.0), jnp.where(binds_below, highest, plan.price)
    return plan.price if "floor" in used else None, plan.price if "ceiling" in used else None


def require_instruments(instruments: Iterable[str]) -> set[str]:
    """The instruments as a set; raises where they are unknown, contradict each other or lack a wholesale price."""
    if isinstance(instruments, str):
        raise TypeError(f"instruments is the text {instruments!r}; give a list such as ['wholesale price', 'fee'].")
    used = set(instruments)
    for name in sorted(used - set(INSTRUMENTS)):
        raise ValueError(unknown_name("instruments", name, INSTRUMENTS))
    if "wholesale price" not in used:
        raise ValueError(f"instruments is {sorted(used)}; every contract needs a 'wholesale price'.")
    for group in (RESTRAINTS, {"buy-back", "royalty", "revenue royalty"}):
        if len(used & group) > 1:
            raise ValueError(f"instruments has {sorted(used & group)}, which do one thing; give one of them.")
    if "floor" in used and used & {"buy-back", "royalty"}:
        raise ValueError("instruments has a 'floor' with a buy-back or royalty, which needs a 'ceiling'; give that.")
    return used
