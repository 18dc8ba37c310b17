r"""The best wholesale price, alone or with a fee, against outlets that play the equilibrium it leads to.

An equilibrium moves with the wholesale price by jumps and kinks, so the price is searched on a grid that is narrowed
around the best point, and no derivative is used. The kinked equilibria count like all others that are solved.
"""

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from eqsolve._tables import number
from eqsolve.certify.certificate import Certificate, certify
from eqsolve.equilibrium import Equilibrium
from eqsolve.mechanisms.vertical.contract import Contract
from eqsolve.mechanisms.vertical.market import VerticalMarket
from eqsolve.solve import solve_nash
from eqsolve.solvers.base import Solver

POINTS = 33  # prices per grid
NARROWING = 8.0  # by how much a grid is narrower than the one before
ROUNDS = 9


@dataclasses.dataclass(frozen=True)
class SimpleContract:
    """A manufacturer's best wholesale price and the equilibrium it leads to.

    **Fields:** `contract`; `fee`: whether a fee collects the outlets' profits; `nash`; `certificate` of it;
    `outlet_profit` of outlet 1, `manufacturer_profit` and `chain_profit` [money].
    """

    contract: Contract
    fee: bool
    nash: Equilibrium
    certificate: Certificate
    outlet_profit: float
    manufacturer_profit: float
    chain_profit: float

    def __str__(self) -> str:
        with_fee = f" and the fee {number(self.contract.fee)}" if self.fee else ""
        found = f"Best wholesale price {number(self.contract.wholesale_price)}{with_fee}."
        return f"{found} The chain earns {number(self.chain_profit)}.\n{self.nash}"


def best_wholesale_price(market: VerticalMarket, fee: bool = True, solver: Solver | None = None) -> SimpleContract:
    """The wholesale price that is best for the manufacturer when outlets play the equilibrium it leads to.

    **Arguments:** `market`: its own contract plays no part. `fee`: whether a fixed fee collects the outlets' profits,
    so that the chain's profit counts; without one the manufacturer's own does. `solver`: for the equilibria, as in
    `solve_nash`.
    **Returns:** a `SimpleContract`; prices between 0 and the highest price are searched, and equilibria of any solved
    status count. Look at its certificate: an equilibrium may fail a large deviation.
    **Errors:** `ValueError` where no wholesale price leads to an equilibrium that the solver finds.
    **Source:** Krishnan and Winter (paper 003), sections 3.2 and 3.4; Lariviere and Porteus, Selling to the newsvendor
    (2001), for the case without a fee.
    """
    low, high = 0.0, float(market.highest_price)
    best = (-np.inf, np.nan)
    for _ in range(ROUNDS):
        grid = np.linspace(low, high, POINTS)
        values = np.asarray(_earned(market, jnp.asarray(grid, market.cost.dtype), fee, solver))
        top = int(np.argmax(np.where(np.isfinite(values), values, -np.inf)))
        best = max(best, (float(values[top]), float(grid[top])) if np.isfinite(values[top]) else best)
        if not np.isfinite(best[0]):
            raise ValueError("best_wholesale_price: no wholesale price on the grid leads to a solved equilibrium.")
        half = (high - low) / NARROWING / 2
        low, high = max(best[1] - half, 0.0), min(best[1] + half, float(market.highest_price))
    return under_wholesale_price(market, best[1], fee, solver)


def under_wholesale_price(
    market: VerticalMarket, wholesale: float, fee: bool, solver: Solver | None = None
) -> SimpleContract:
    """The equilibrium under a wholesale price; a fee takes what the outlet that earns less can pay."""
    before = market.with_contract(Contract(wholesale))
    found = solve_nash(before.game(), solver=solver)
    charge = float(jnp.min(found.outcomes["outlet profit"])) if fee else 0.0
    bound = market.with_contract(Contract(wholesale, fee=charge))
    nash = solve_nash(bound.game(), solver=solver)
    return SimpleContract(
        contract=bound.contract,
        fee=fee,
        nash=nash,
        certificate=certify(bound.game(), nash.actions),
        outlet_profit=float(nash.outcomes["outlet profit"][0]),
        manufacturer_profit=float(nash.outcomes["manufacturer profit"]),
        chain_profit=float(nash.outcomes["chain profit"]),
    )


@eqx.filter_jit
def _earned(market: VerticalMarket, wholesale: Float[Array, " prices"], fee: bool, solver: Solver | None) -> Array:
    """What counts for the manufacturer at every wholesale price; NaN without an equilibrium."""

    def earned(price: Array) -> Array:
        nash = solve_nash(market.with_contract(Contract(price)).game(), solver=solver)
        value = nash.outcomes["chain profit" if fee else "manufacturer profit"]
        return jnp.where(nash.solved, value, jnp.nan)

    return jax.vmap(earned)(wholesale)
