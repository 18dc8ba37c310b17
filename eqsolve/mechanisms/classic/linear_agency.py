r"""Principal and agent with linear pay, exponential utility and normal noise (LEN), for one task or several.

The agent's efforts $e$ (one per task) are worth $b \cdot e$ to the principal and cost $e' C e / 2$; what can be
measured of each is $e$ plus normal noise of covariance $\Sigma$. With pay $w + \beta \cdot (e + \varepsilon)$ and
constant risk aversion $r$ the agent's certainty equivalent is
$w + \beta \cdot e - e' C e / 2 - r \beta' \Sigma \beta / 2$.
"""

from collections.abc import Mapping
from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from eqsolve._checks import as_array, concrete, require_finite, require_kind
from eqsolve._fields import (
    all_nonnegative,
    as_fields,
    nan_unless,
    per_entry,
    require_nonnegative,
    require_scalar,
    require_vector,
)
from eqsolve._tabled import Tabled
from eqsolve.action import Action
from eqsolve.bounds import Box
from eqsolve.game import Game
from eqsolve.linalg import is_positive_definite, solve

Tasks = Float[Array, " tasks"]
Square = Float[Array, "tasks tasks"]


class LinearAgency(eqx.Module):
    r"""One principal, one agent, linear pay.

    **Arguments:**

    - `benefit` $b$ [money per unit of effort], a number or `[tasks]`.
    - `effort_cost` $C$: a number, one per task, or a positive definite matrix `[tasks, tasks]`; off its diagonal,
      effort in one task makes the other dearer (substitutes) or cheaper.
    - `noise` $\Sigma$ [units squared]: a variance, one per task, or a covariance matrix.
    - `risk_aversion` $r \ge 0$ [1/money]. `reservation`: the certainty equivalent that the agent has elsewhere [money].

    Rates and efforts may be negative: a task that should not be done can be fined.

    **Errors:** `TypeError` and `ValueError` that name the field, the value and the remedy.
    **Source:** Holmstrom and Milgrom (1987); (1991) for several tasks.

    >>> contract = best_linear_contract(LinearAgency(benefit=2.0, effort_cost=1.0, noise=3.0, risk_aversion=1.0))
    >>> contract.rate.tolist(), contract.effort.tolist()
    ([0.5], [0.5])
    """

    benefit: Tasks
    effort_cost: Square
    noise: Square
    risk_aversion: Float[Array, ""]
    reservation: Float[Array, ""]

    def __init__(self, benefit: Any, effort_cost: Any, noise: Any, risk_aversion: Any, reservation: Any = 0.0):
        fields = as_fields(
            "LinearAgency",
            benefit=benefit,
            effort_cost=effort_cost,
            noise=noise,
            risk_aversion=risk_aversion,
            reservation=reservation,
        )
        self.benefit = jnp.atleast_1d(fields["benefit"])
        require_vector(self.benefit, "LinearAgency.benefit")
        tasks = self.benefit.shape[0]
        self.effort_cost = _matrix(fields["effort_cost"], tasks, "LinearAgency.effort_cost")
        self.noise = _matrix(fields["noise"], tasks, "LinearAgency.noise")
        self.risk_aversion, self.reservation = fields["risk_aversion"], fields["reservation"]

    def __check_init__(self) -> None:
        for name in ("risk_aversion", "reservation"):
            require_scalar(getattr(self, name), f"LinearAgency.{name}")
        require_nonnegative(self.risk_aversion, "LinearAgency.risk_aversion")
        require_nonnegative(jnp.diagonal(self.noise), "LinearAgency.noise: variance")
        require_finite(self, "LinearAgency")
        if concrete(self.effort_cost) is not None and not bool(is_positive_definite(self.effort_cost)):
            raise ValueError(f"LinearAgency.effort_cost is {self.effort_cost}; give a positive definite matrix.")
        if concrete(self.noise) is not None and not bool(_is_covariance(self.noise)):
            raise ValueError(
                f"LinearAgency.noise is {self.noise}; give a covariance matrix, with no negative variance."
            )

    @property
    def _valid(self) -> Bool[Array, ""]:
        symmetric = jnp.allclose(self.effort_cost, self.effort_cost.T) & jnp.allclose(self.noise, self.noise.T)
        matrices = is_positive_definite(self.effort_cost) & _is_covariance(self.noise)
        return symmetric & matrices & all_nonnegative(self.risk_aversion)

    def game(self) -> Game:
        """Build the game in two stages: the principal offers the action "rate", then the agent chooses "effort".

        The fixed wage holds the agent at its reservation utility at the effort it will choose, so that the principal
        earns "surplus". The agent maximises "certainty equivalent", its own before the wage. Outcomes besides: "risk
        premium" and "profit before wage". Payoffs are quadratic on unbounded sets: solve with `Newton()` for both
        stages (compiling two stages takes a minute; `best_linear_contract` has the closed form).
        """
        tasks = self.benefit.shape[0]
        return Game(
            self,
            actions=[Action("rate", (tasks,), "principal"), Action("effort", (tasks,), "agent")],
            order=[["principal"], ["agent"]],
            bounds=Box({"rate": -jnp.inf, "effort": -jnp.inf}, {"rate": jnp.inf, "effort": jnp.inf}),
            outcomes=agency_outcomes,
            pay={"principal": {"surplus": 1.0}, "agent": {"certainty equivalent": 1.0}},
            total={"surplus": 1.0},
        )


class LinearContract(Tabled):
    r"""The best linear contract.

    **Fields:** `rate` $\beta$ and `effort` $e$ `[tasks]`; `wage` $w$ [money]; `risk_premium`
    $r \beta' \Sigma \beta / 2$; `profit` of the principal after pay; `surplus` of both; `first_best`: the surplus with
    effort observed; `loss` between them [money].
    """

    rate: Tasks
    effort: Tasks
    wage: Float[Array, ""]
    risk_premium: Float[Array, ""]
    profit: Float[Array, ""]
    surplus: Float[Array, ""]
    first_best: Float[Array, ""]

    @property
    def loss(self) -> Float[Array, ""]:
        """What hidden effort costs: the first-best surplus less this one [money]."""
        return self.first_best - self.surplus


def agency_outcomes(params: LinearAgency, actions: Mapping[str, Array], shock: None) -> dict[str, Array]:
    """Benefits, costs and risk at these rates and efforts."""
    del shock
    rate, effort = actions["rate"], actions["effort"]
    cost = effort @ params.effort_cost @ effort / 2
    premium = params.risk_aversion * (rate @ params.noise @ rate) / 2
    outcomes = {
        "surplus": params.benefit @ effort - cost - premium,
        "certainty equivalent": rate @ effort - cost - premium,
        "risk premium": premium,
        "profit before wage": (params.benefit - rate) @ effort,
    }
    return nan_unless(params._valid, outcomes)


def linear_agency_contract(agency: LinearAgency, rate: Any) -> LinearContract:
    r"""What a contract with given rates leads to: effort $C^{-1} \beta$, and the wage that just keeps the agent.

    **Arguments:** `rate` $\beta$, a number or `[tasks]`.
    **Returns:** a `LinearContract`; NaN where a traced parameter is out of range or a traced matrix not what it should
    be.
    **Errors:** `ValueError` for a rate of another shape; `TypeError` for no `LinearAgency`.
    **Source:** Holmstrom and Milgrom (1991), section 2.

    >>> sold = linear_agency_contract(LinearAgency(2.0, effort_cost=1.0, noise=3.0, risk_aversion=1.0), rate=2.0)
    >>> float(sold.surplus), float(sold.risk_premium)  # the whole benefit for the agent, at too much risk
    (-4.0, 6.0)
    """
    require_kind(agency, LinearAgency, "linear_agency_contract: agency")
    given = as_array(rate, agency.benefit.dtype, "linear_agency_contract: rate")
    return _contract(agency, per_entry(given, agency.benefit.shape[0], "linear_agency_contract: rate"))


@eqx.filter_jit
def _contract(agency: LinearAgency, beta: Tasks) -> LinearContract:
    effort = solve(agency.effort_cost, beta)
    best = solve(agency.effort_cost, agency.benefit)
    cost = effort @ agency.effort_cost @ effort / 2
    premium = agency.risk_aversion * (beta @ agency.noise @ beta) / 2
    surplus = agency.benefit @ effort - cost - premium
    contract = LinearContract(
        rate=beta,
        effort=effort,
        wage=agency.reservation - beta @ effort + cost + premium,
        risk_premium=premium,
        profit=surplus - agency.reservation,
        surplus=surplus,
        first_best=agency.benefit @ best / 2,
    )
    return nan_unless(agency._valid & jnp.all(jnp.isfinite(beta)) & jnp.isfinite(agency.reservation), contract)


def best_linear_contract(agency: LinearAgency) -> LinearContract:
    r"""The contract with rates $\beta = (I + r C \Sigma)^{-1} b$; for one task $b / (1 + r c \sigma^2)$.

    **Returns:** a `LinearContract`, differentiable and batched. Without risk aversion or noise the rate is the benefit,
    and nothing is lost.
    **Source:** Holmstrom and Milgrom (1991), equation (4).

    >>> best = best_linear_contract(LinearAgency(2.0, effort_cost=1.0, noise=3.0, risk_aversion=1.0))
    >>> float(best.rate[0]), float(best.surplus), float(best.loss)
    (0.5, 0.5, 1.5)
    """
    require_kind(agency, LinearAgency, "best_linear_contract: agency")
    return _contract(agency, _best_rate(agency))


@eqx.filter_jit
def _best_rate(agency: LinearAgency) -> Tasks:
    identity = jnp.eye(agency.benefit.shape[0], dtype=agency.benefit.dtype)
    return solve(identity + agency.risk_aversion * agency.effort_cost @ agency.noise, agency.benefit)


def _matrix(value: Array, tasks: int, what: str) -> Square:
    """A number or one number per task as a diagonal matrix; a matrix must be square and symmetric."""
    if value.shape in ((), (tasks,)):
        return jnp.diag(jnp.broadcast_to(value, (tasks,)))
    if value.shape != (tasks, tasks):
        raise ValueError(
            f"{what} has shape {value.shape}; give a number, {tasks} of them, or a {tasks} x {tasks} matrix."
        )
    symmetric = jnp.allclose(value, value.T, equal_nan=True)
    if concrete(symmetric) is not None and not symmetric:
        raise ValueError(f"{what} is {value}; give a symmetric matrix.")
    return jnp.where(symmetric, (value + value.T) / 2, jnp.nan)


def _is_covariance(matrix: Square) -> Bool[Array, ""]:
    """Whether no direction has a negative variance, to rounding."""
    info = jnp.finfo(matrix.dtype)
    rough = 16 * matrix.shape[0] * info.eps * jnp.max(jnp.abs(matrix)) + info.tiny
    return is_positive_definite(matrix + rough * jnp.eye(matrix.shape[0], dtype=matrix.dtype))
