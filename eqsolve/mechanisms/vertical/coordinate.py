"""Contracts that make outlets choose the first best: found, checked against all deviations, and explained."""

import dataclasses
from collections.abc import Iterable
from typing import Any

import jax.numpy as jnp

from eqsolve._tables import number, table
from eqsolve.certify.certificate import Certificate, certify
from eqsolve.mechanisms.vertical.contract import Contract
from eqsolve.mechanisms.vertical.externality import require_no_goodwill
from eqsolve.mechanisms.vertical.first_best import FirstBest, first_best
from eqsolve.mechanisms.vertical.market import VerticalMarket
from eqsolve.mechanisms.vertical.propositions import (
    PROPOSITIONS,
    RESTRAINTS,
    Terms,
    require_instruments,
    terms,
)
from eqsolve.mechanisms.vertical.simple import SimpleContract, best_wholesale_price
from eqsolve.solvers.search import Search

FIELDS = ("wholesale_price", "fee", "buy_back", "royalty", "revenue_royalty", "floor", "ceiling")


@dataclasses.dataclass(frozen=True)
class Coordination:
    """What a set of instruments can do about the first best; `str()` tells it.

    **Fields:**

    - `implements`: whether both outlets choose the first best: nobody gains by any deviation from it.
    - `strict`: whether they lose by deviating in stock; if not, they are indifferent among many stocks.
    - `contract`, `plan`: the contract and the symmetric first best. Without implementation the contract is the best
      found with these instruments, and `reached` tells what it achieves.
    - `propositions`: the parts of the paper that name these instruments.
    - `binding`: the price restraint that outlets push against: "floor", "ceiling", or "none".
    - `price_slope`: an outlet's marginal profit in its price at the plan.
    - `rent`: expected profit of each outlet, and `manufacturer_profit`, both after fees [money].
    - `lowest`, `highest`: the range of the free instrument (see `terms`); NaN where none is free.
    - `certificate`: of the plan under the contract. `reason`: what stands in the way, or that nothing does.
    """

    implements: bool
    strict: bool
    contract: Contract
    plan: FirstBest
    propositions: tuple[str, ...]
    binding: str
    price_slope: float
    rent: float
    manufacturer_profit: float
    lowest: float
    highest: float
    certificate: Certificate
    reason: str
    reached: SimpleContract | None = None

    def __str__(self) -> str:
        given = [(name, getattr(self.contract, name)) for name in FIELDS]
        rows = [(name.replace("_", " "), number(value)) for name, value in given if value is not None]
        profits = [("outlet's profit", number(self.rent)), ("manufacturer's profit", number(self.manufacturer_profit))]
        first = f"First best: price {number(self.plan.price)}, stock {number(self.plan.stock)} at each outlet."
        return "\n".join([first, self.reason, table(("contract", "value"), rows + profits)])


def coordinate(
    market: VerticalMarket, instruments: Iterable[str], share: float = 0.5, search: Search | None = None
) -> Coordination:
    r"""The contract with these instruments under which both outlets choose the first best.

    **Arguments:**

    - `market`: outlets with exchangeable demand, without goodwill; its own contract plays no part.
    - `instruments`: names such as "wholesale price", "fee", "buy-back", or `PROPOSITIONS["3b"]`.
    - `share`: in [0, 1], where in its range a free instrument is put (see `terms`); at 1 outlets keep nothing and are
      indifferent.
    - `search`: how finely deviations are searched, as in `certify`.

    **Returns:** a `Coordination`. Where the instruments cannot implement the first best (a wholesale price alone, with
    a fee or with a revenue royalty, unless $dE t_2/dp_1 = 0$) it holds the best contract that they reach, and why.
    Whether an asymmetric plan would be better still, `asymmetry_gain` tells.
    **Errors:** `TypeError` and `ValueError` that name what is wrong; `ValueError` where no first best was found.
    **Source:** Krishnan and Winter (paper 003), propositions 1 to 5, corrected as in ERRATA.md.

    >>> from eqsolve.demand.joint import JointTable
    >>> from eqsolve.mechanisms.vertical import LinearDemand
    >>> shocks = JointTable([[-2.0, 2.0], [2.0, -2.0], [0.0, 0.0]], [0.25, 0.25, 0.5])
    >>> market = VerticalMarket(LinearDemand(10.0, 1.0, 0.5, 0.2, shocks), 2.0, Contract(2.0), highest_price=14.0)
    >>> found = coordinate(market, ["wholesale price", "fee", "price restraint"])
    >>> found.implements, found.binding
    (True, 'floor')
    """
    require_no_goodwill(market, "coordinate")
    used = require_instruments(instruments)
    if not 0 <= share <= 1:
        raise ValueError(f"coordinate: share is {share}; give a number from 0 to 1.")
    for name in ("cost", "salvage"):
        value = getattr(market, name)
        if bool(value[0] != value[1]):
            raise ValueError(f"coordinate: VerticalMarket.{name} is {value}; give outlets that are alike, one number.")
    plan = first_best(market)
    if not bool(plan.solved):
        raise ValueError(f"coordinate: no first best was found for this market: {plan}")
    salvage = market.salvage[0]
    found = terms(plan, used, salvage, jnp.asarray(share, plan.price.dtype))
    binding = _binding(found, plan)
    contract = _readable(found.contract, used, binding)
    bound = market.with_contract(contract)
    certificate = certify(_framed(bound).game(), plan.actions, search)
    implements = bool(certificate.certified)
    result = Coordination(
        implements=implements,
        strict=implements and bool(found.margin > _nothing(found.margin, plan.price)),
        contract=contract,
        plan=plan,
        propositions=tuple(name for name, needed in PROPOSITIONS.items() if _named(needed, used)),
        binding=binding if used & RESTRAINTS else "none",
        price_slope=float(found.price_slope),
        rent=float(found.rent),
        manufacturer_profit=float(bound.game().expect(plan.actions)["manufacturer profit"]),
        lowest=float(found.lowest),
        highest=float(found.highest),
        certificate=certificate,
        reason=_reason(plan, found, used, implements, binding),
    )
    return result if implements else _best_reached(market, result, used, share)


def _framed(market: VerticalMarket) -> VerticalMarket:
    """The market with both price limits, so that all contracts share a compiled program."""
    contract = market.contract
    floor = jnp.zeros_like(market.highest_price) if contract.floor is None else contract.floor
    ceiling = market.highest_price if contract.ceiling is None else contract.ceiling
    return market.with_contract(dataclasses.replace(contract, floor=floor, ceiling=ceiling))


def _named(needed: set[str], used: set[str]) -> bool:
    """Whether a proposition speaks of these instruments; "price restraint" stands for a floor and for a ceiling."""
    either = {"price restraint"} if used & {"floor", "ceiling"} else set[str]()
    return needed in (used, (used - {"floor", "ceiling"}) | either)


def _nothing(value: Any, size: Any) -> Any:
    """A difference of sizes that rounding and the solver's tolerance leave."""
    return float(jnp.finfo(jnp.asarray(value).dtype).eps) ** 0.5 * abs(size)


def _binding(found: Terms, plan: FirstBest) -> str:
    """The restraint that an outlet pushes against at the plan."""
    if abs(float(found.price_slope)) <= _nothing(found.price_slope, float(plan.sales)):
        return "none"
    return "ceiling" if float(found.price_slope) > 0 else "floor"


def _readable(contract: Contract, used: set[str], binding: str) -> Contract:
    """A contract with the one restraint that was chosen, in place of one beyond reach."""
    if "price restraint" not in used:
        return contract
    return dataclasses.replace(
        contract,
        floor=contract.floor if binding == "floor" else None,
        ceiling=contract.ceiling if binding == "ceiling" else None,
    )


def _reason(plan: FirstBest, found: Terms, used: set[str], implements: bool, binding: str) -> str:
    """In a sentence: why the first best is chosen, or is not."""
    if implements:
        if float(found.margin) <= _nothing(found.margin, float(plan.price)):
            return "Implemented only weakly: outlets keep nothing of a sale and are indifferent to their stock."
        if binding == "none" or "dictated price" in used:
            return "Implemented: no outlet gains by any other price or stock."
        return f"Implemented: the {binding} binds, and no outlet gains by any other price or stock."
    if bool(plan.kinked):
        return "Not implemented: a payoff has a kink at the first best, where these formulas use one side only."
    if not used & RESTRAINTS and not used & {"buy-back", "royalty"} and binding != "none":
        low = "low" if binding == "floor" else "high"
        return f"Not implemented: nothing corrects the price, and outlets price too {low} (propositions 1 and 4)."
    if binding != "none" and binding not in used and not used & {"dictated price", "price restraint"}:
        return f"Not implemented: outlets push the price the other way, so that a {binding} is needed."
    return (
        "Not implemented: the plan is stationary, but an outlet gains by a large deviation: payoffs have several peaks."
    )


def _best_reached(market: VerticalMarket, result: Coordination, used: set[str], share: float) -> Coordination:
    """The best contract of a simple form; others are left as they are, uncertified.

    A revenue royalty scales what outlets earn under a wholesale price that is lower by its share, so that choices stay
    and profits move. With salvage, which it does not scale, this is no longer so.
    """
    shared = "revenue royalty" in used
    if used & (RESTRAINTS | {"buy-back", "royalty"}) or (shared and bool(jnp.any(market.salvage != 0))):
        return result
    reached = best_wholesale_price(market, fee=shared or "fee" in used)
    contract, rent = reached.contract, reached.outlet_profit
    if shared:
        rent = (1 - share) * (rent + float(contract.fee))
        fee = rent if "fee" in used else 0.0
        contract = Contract((1 - share) * contract.wholesale_price, fee=fee, revenue_royalty=share)
        rent -= fee
    return dataclasses.replace(
        result,
        contract=contract,
        rent=rent,
        manufacturer_profit=reached.chain_profit - 2 * rent,
        certificate=reached.certificate,
        reached=reached,
    )
