"""The papers' static propositions as checks: what they assume, what they claim, and by how much each holds."""

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from eqsolve._tabled import Tabled
from eqsolve.mechanisms.capacity.acquisition import CapacityResult, best_reply, renegotiated, result_at
from eqsolve.mechanisms.capacity.conditions import (
    PriceCurvature,
    interior_margin,
    limited_volatility,
    price_curvature,
    scarcity,
)
from eqsolve.mechanisms.capacity.environment import CapacityEnvironment
from eqsolve.mechanisms.capacity.expectations import expected_shadow_price
from eqsolve.mechanisms.capacity.first_best import dedicated_capacity, fungible_capacity
from eqsolve.mechanisms.capacity.gatekeeper import GatekeeperContract, gatekeeper_contract
from eqsolve.mechanisms.capacity.markup import CorrectivePrice, corrective_price
from eqsolve.mechanisms.capacity.renegotiation import CapacityGame, capacity_jacobian

Number = Float[Array, ""]
Each = Float[Array, " divisions"]
Truth = Bool[Array, ""]


class CapacityComparison(Tabled):
    """Shared against separate first-best capacity.

    **Fields:** `dedicated`: of every division; `fungible`: shared [units]. `price_gap`: E S at the sum of dedicated
    capacities, less c: the sign of `excess`, fungible capacity less that sum. `curvature`: of the shadow price in the
    shocks there. `limited_volatility`: of every division at its dedicated capacity; `interior`: margins at the sum
    [money/unit]. `flexibility`: what sharing adds to profit [money].
    """

    dedicated: Each
    fungible: Number
    price_gap: Number
    excess: Number
    curvature: PriceCurvature
    limited_volatility: Each
    interior: Each
    flexibility: Number

    def predicted(self, tolerance: float = 1e-9) -> Number:
        """What curvature says of the sign of `excess`; NaN where the hypotheses do not decide it.

        They are limited volatility, dedicated capacities above zero, and a shadow price that is concave (-1), convex
        (+1; fungible capacity is larger) or linear (0).
        """
        decided = jnp.all(self.limited_volatility >= -tolerance) & jnp.all(self.dedicated > 0)
        return jnp.where(decided & jnp.all(self.interior >= -tolerance), -self.curvature.sign(tolerance), jnp.nan)


def compare_capacity(environment: CapacityEnvironment) -> CapacityComparison:
    r"""Whether sharing calls for more capacity, or less, than the sum of what divisions need on their own.

    **Arguments:** `environment`: of two or more divisions.
    **Returns:** a `CapacityComparison`.
    **Source:** Dutta and Reichelstein (paper 001), Proposition 5; corners may reverse what curvature suggests
    (ERRATA.md).

    >>> from eqsolve.demand.joint import JointTable
    >>> from eqsolve.mechanisms.capacity import RootRevenue
    >>> shocks = JointTable([[0.5, 1.5], [1.5, 0.5]], [0.5, 0.5])
    >>> found = compare_capacity(CapacityEnvironment(RootRevenue([10.0, 10.0]), capacity_cost=1.0, shocks=shocks))
    >>> found.dedicated.round(2).tolist(), round(float(found.fungible), 2), float(found.predicted(1e-5))
    ([25.0, 25.0], 62.5, 1.0)
    """
    alone, shared = dedicated_capacity(environment), fungible_capacity(environment)
    total = jnp.sum(alone.capacity)
    return CapacityComparison(
        alone.capacity,
        shared.capacity,
        expected_shadow_price(environment, total) - environment.capacity_cost,
        shared.capacity - total,
        price_curvature(environment, total),
        limited_volatility(environment, alone.capacity),
        interior_margin(environment, total),
        shared.profit - jnp.sum(alone.profit),
    )


class EfficientRights(Tabled):
    """Whether dedicated capacities are an efficient equilibrium of the renegotiation game.

    **Fields:** `limited_volatility`, `interior`, `scarcity`: margins of the hypotheses [money/unit]; with `curvature`,
    which is zero where the shadow price is linear. `residual`: every division's marginal profit at its dedicated
    capacity [money/unit]. `outcome`: what these rights lead to. `hypotheses`: whether all hold; `holds`: whether the
    conclusion does, both to the tolerance.
    """

    limited_volatility: Each
    interior: Each
    scarcity: Number
    curvature: PriceCurvature
    residual: Each
    outcome: CapacityResult
    hypotheses: Truth
    holds: Truth


def efficient_rights(game: CapacityGame, tolerance: float = 1e-8) -> EfficientRights:
    r"""Check that rights charged at cost lead to efficient capacity, whatever the bargaining shares and correlation.

    Hypotheses: limited volatility, all divisions served in all states, and a shadow price that is linear in the shocks
    (as for quadratic revenue). The papers leave out the second one, which does not follow from the first.

    **Arguments:** `game`. `tolerance`: relative to the capacity cost.
    **Returns:** `EfficientRights`. The conclusion may hold where hypotheses fail, as at a share of 0 or 1.
    **Source:** Dutta and Reichelstein (paper 002), Proposition 2; (paper 001), Proposition 3 (ERRATA.md).

    >>> from eqsolve.demand.joint import JointTable
    >>> from eqsolve.mechanisms.capacity import QuadraticRevenue
    >>> shocks = JointTable([[0.75, 1.25], [1.25, 0.75]], [0.5, 0.5])
    >>> divisions = CapacityEnvironment(QuadraticRevenue([10.0, 8.0], 0.5), 3.0, shocks)
    >>> game = CapacityGame(divisions, share=0.5)
    >>> bool(efficient_rights(game, tolerance=1e-3).holds)
    True
    """
    environment = game.environment
    alone = dedicated_capacity(environment)
    total = jnp.sum(alone.capacity)
    small = tolerance * environment.capacity_cost
    volatility, interior = limited_volatility(environment, alone.capacity), interior_margin(environment, total)
    scarce, curvature = scarcity(environment, total), price_curvature(environment, total)
    residual = jnp.diagonal(capacity_jacobian(game, {"capacity": alone.capacity})["profit"]["capacity"])
    outcome = result_at(game, alone.capacity)
    linear = (curvature.highest <= small) & (curvature.lowest >= -small)
    efficient = jnp.abs(expected_shadow_price(environment, total) - environment.capacity_cost) <= small
    return EfficientRights(
        volatility,
        interior,
        scarce,
        curvature,
        residual,
        outcome,
        jnp.all(volatility >= -small) & jnp.all(interior >= -small) & (scarce >= -small) & linear,
        efficient & jnp.all(jnp.abs(residual) <= small),
    )


class InvestmentBias(Tabled):
    """How far equilibrium capacity is from the first best, and why.

    **Fields:** `comparison`: shared against separate first best. `outcome`: the Nash equilibrium. `between`: by how
    much its total lies inside the interval from fungible capacity to summed dedicated capacities; not negative where it
    does [units]. `correction`: the price that would make the total efficient.
    """

    comparison: CapacityComparison
    outcome: CapacityResult
    between: Number
    correction: CorrectivePrice


def investment_bias(game: CapacityGame) -> InvestmentBias:
    """Whether two divisions that buy rights at cost over- or under-invest.

    Equilibrium capacity lies between the fungible first best and the sum of dedicated ones; the bias is zero at a share
    of 0 or 1, where the fungible first best itself is an equilibrium.

    **Arguments:** `game` of two divisions, rights charged at capacity cost.
    **Source:** Dutta and Reichelstein (paper 001), Proposition 6, which leaves out these ends (ERRATA.md).

    >>> from eqsolve.demand.joint import JointTable
    >>> from eqsolve.mechanisms.capacity import QuadraticRevenue
    >>> shocks = JointTable([[0.75, 1.25], [1.25, 0.75]], [0.5, 0.5])
    >>> divisions = CapacityEnvironment(QuadraticRevenue([10.0, 8.0], 0.5), 3.0, shocks)
    >>> game = CapacityGame(divisions, share=0.5)
    >>> abs(float(investment_bias(game).outcome.loss)) < 1e-3
    True
    """
    comparison, outcome = compare_capacity(game.environment), renegotiated(game)
    total, separate = jnp.sum(outcome.capacity), jnp.sum(comparison.dedicated)
    low, high = jnp.minimum(separate, comparison.fungible), jnp.maximum(separate, comparison.fungible)
    return InvestmentBias(comparison, outcome, jnp.minimum(total - low, high - total), corrective_price(game))


class EfficientGatekeeper(Tabled):
    """Whether a gatekeeper's contract leads to efficient capacity that both agree to.

    **Fields:** `contract`. `residual`: what the gatekeeper would add to its own capacity, given the client's right
    [units]. `client_gain`, `owner_gain`: over no contract [money]. `determinate`: the owner's share of surpluses is
    below 1, so that the right is unique. `holds`: efficient capacity, both gains not negative, to rounding.
    """

    contract: GatekeeperContract
    residual: Number
    owner_gain: Number
    client_gain: Number
    determinate: Truth
    holds: Truth


def efficient_gatekeeper(game: CapacityGame, gatekeeper: int = 0, tolerance: float = 1e-7) -> EfficientGatekeeper:
    """Check that one division as gatekeeper installs the first best and that both gain, for any shares.

    **Arguments:** as for `gatekeeper_contract`. `tolerance`: relative to capacity and profit.
    **Source:** Dutta and Reichelstein (paper 002), Proposition 3 and its Corollary; (paper 001), Proposition 7.

    >>> from eqsolve.demand.joint import JointTable
    >>> from eqsolve.mechanisms.capacity import QuadraticRevenue
    >>> shocks = JointTable([[0.75, 1.25], [1.25, 0.75]], [0.5, 0.5])
    >>> divisions = CapacityEnvironment(QuadraticRevenue([10.0, 8.0], 0.5), 3.0, shocks)
    >>> game = CapacityGame(divisions, share=0.5)
    >>> bool(efficient_gatekeeper(game, tolerance=1e-3).holds)
    True
    """
    contract = gatekeeper_contract(game, gatekeeper)
    at_cost = CapacityGame(game.environment, game.share, names=game.names)
    residual = best_reply(at_cost, gatekeeper, contract.capacity) - contract.capacity[gatekeeper]
    gains = contract.profit - contract.default_profit
    small = tolerance * (1 + jnp.sum(jnp.abs(contract.profit)))
    efficient = jnp.abs(residual) <= tolerance * (1 + jnp.sum(contract.capacity))
    return EfficientGatekeeper(
        contract,
        residual,
        gains[gatekeeper],
        gains[1 - gatekeeper],
        ~contract.indeterminate,
        efficient & jnp.all(gains >= -small),
    )


def separate_loss(environment: CapacityEnvironment) -> Number:
    """What the firm loses per period where divisions never trade their capacities [money].

    With quadratic revenue, limited volatility and all divisions served it is Var(theta_1 e_1 - theta_2 e_2) / (4 (h_1 +
    h_2)).

    **Source:** Dutta and Reichelstein (paper 002), section 4, the case without renegotiation.

    >>> from eqsolve.demand.joint import JointTable
    >>> from eqsolve.mechanisms.capacity import QuadraticRevenue
    >>> shocks = JointTable([[0.75, 1.25], [1.25, 0.75]], [0.5, 0.5])
    >>> divisions = CapacityEnvironment(QuadraticRevenue([10.0, 8.0], 0.5), 3.0, shocks)
    >>> round(float(separate_loss(divisions)), 4)
    5.0625
    """
    return fungible_capacity(environment).profit - jnp.sum(dedicated_capacity(environment).profit)
