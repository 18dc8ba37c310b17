"""Departments that work for themselves and for each other: technology, bounds, and the game that a pay scheme makes."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from eqsolve._checks import as_array, require_finite, require_kind, require_whole
from eqsolve._fields import as_fields, player_names, require_values
from eqsolve.action import Action
from eqsolve.game import Game
from eqsolve.mechanisms._pay import own_entry
from eqsolve.mechanisms.compensation.pay import CustomPay, Pay
from eqsolve.mechanisms.compensation.terms import Custom, Effort, Standard

Term = Callable[[Effort], Array]


class Measures(eqx.Module):
    """What effort leads to: `output` [money], `performance` `[n]`, `cost` `[n]` [money]."""

    output: Float[Array, ""]
    performance: Float[Array, " n"]
    cost: Float[Array, " n"]

    @property
    def welfare(self) -> Float[Array, ""]:
        """Output less everybody's cost [money]."""
        return self.output - jnp.sum(self.cost)


class EffortModel(eqx.Module):
    r"""Departments $i = 1..n$ choose efforts $e_{ij}$ for themselves ($j = i$) and for each other.

    **Arguments:**

    - `output` $f$, `performance` $V$, `cost` $C$: each a `StandardOutput`, `StandardPerformance`, `StandardCost`, any
      other Equinox module called with the effort matrix `[n, n]`, or a function `(params, effort)` (of params None; see
      `Custom`). $f$ is a number, $V_j$ may depend on column j only, $C_i$ on row i only.
    - `lower`, `upper`: bounds of effort, numbers or `[n, n]`; by default 0 and 1.
    - `departments`: how many, or their names; by default two.

    `check_assumptions` says where in the box the paper's assumptions fail.

    **Errors:** `TypeError` and `ValueError` that name the field, the value and the remedy.
    **Source:** Nam (paper 004), section 2.

    >>> from eqsolve.mechanisms.compensation.terms import StandardCost, StandardOutput, StandardPerformance
    >>> firm = EffortModel(StandardOutput(linear=2.0), StandardPerformance(linear=1.0), StandardCost(unit=1.0))
    >>> float(firm.measures(jnp.ones((2, 2))).welfare)
    4.0
    """

    output: Term
    performance: Term
    cost: Term
    lower: Effort
    upper: Effort
    departments: tuple[str, ...] = eqx.field(static=True)

    def __init__(
        self,
        output: Callable[..., Any],
        performance: Callable[..., Any],
        cost: Callable[..., Any],
        lower: Any = 0.0,
        upper: Any = 1.0,
        departments: int | Iterable[str] = 2,
    ):
        terms = {"output": output, "performance": performance, "cost": cost}
        self.departments = _names(departments)
        count = len(self.departments)
        modules = {name: _as_module(term, count, f"EffortModel.{name}") for name, term in terms.items()}
        fields = as_fields("EffortModel", **modules, lower=lower, upper=upper)
        self.output, self.performance, self.cost = fields["output"], fields["performance"], fields["cost"]
        shape = (count, count)
        for name in ("lower", "upper"):
            if fields[name].shape not in ((), shape):
                raise ValueError(
                    f"EffortModel.{name} has shape {fields[name].shape}; give one number or an array of shape {shape}."
                )
            setattr(self, name, jnp.broadcast_to(fields[name], shape))

    def __check_init__(self) -> None:
        if len(self.departments) < 2:
            raise ValueError(f"EffortModel.departments is {self.departments}; give at least two.")
        require_values(self.upper - self.lower, lambda room: room > 0, "EffortModel.upper - lower", "leave some room")
        require_finite((self.lower, self.upper), "EffortModel: bounds")
        n = len(self.departments)
        for name, shape in (("output", ()), ("performance", (n,)), ("cost", (n,))):
            found = eqx.filter_eval_shape(getattr(self, name), self.lower).shape
            if found != shape:
                raise ValueError(f"EffortModel.{name} returns the shape {found}; for {n} departments return {shape}.")

    def measures(self, effort: Any) -> Measures:
        """Output, performance and cost at an effort matrix `[n, n]`, in the box or not.

        **Errors:** `ValueError` for another shape.
        """
        effort = as_array(effort, self.lower.dtype, "measures: effort")
        if effort.shape != self.lower.shape:
            raise ValueError(f"measures: effort has shape {effort.shape}; give a matrix of shape {self.lower.shape}.")
        return Measures(self.output(effort), self.performance(effort), self.cost(effort))

    def game(self, pay: Pay | CustomPay) -> Game:
        """The game that this pay makes: one action "effort" of shape `[n, n]`, row i decided by department i.

        Outcomes: "net pay" (what each department maximises), "output", "performance", "cost", "reward", "residual"
        (what pay leaves of output) and "welfare" (output less costs, what a planner maximises).

        **Errors:** `ValueError` where the pay is for another number of departments; `TypeError` for no pay.
        """
        require_kind(pay, (Pay, CustomPay), "EffortModel.game: pay")
        n = len(self.departments)
        return Game(
            Employment(self, pay.sized(n)),
            actions=[Action("effort", (n, n), self.departments)],
            bounds=effort_bounds,
            outcomes=effort_outcomes,
            pay=own_entry("net pay", self.departments),
            total={"welfare": 1.0},
        )


class Employment(eqx.Module):
    """A model and the pay of its departments: the parameters of its game."""

    model: EffortModel
    pay: Pay | CustomPay


def effort_bounds(params: Employment, earlier: Mapping[str, Array]) -> tuple[dict[str, Array], dict[str, Array]]:
    """The box of efforts."""
    del earlier
    return {"effort": params.model.lower}, {"effort": params.model.upper}


def effort_outcomes(params: Employment, actions: Mapping[str, Array], shock: None) -> dict[str, Array]:
    """Everything that follows from effort under this pay."""
    del shock
    found = params.model.measures(actions["effort"])
    reward = params.pay.rewards(found.output, found.performance)
    return {
        "net pay": reward - found.cost,
        "output": found.output,
        "performance": found.performance,
        "cost": found.cost,
        "reward": reward,
        "residual": found.output - jnp.sum(reward),
        "welfare": found.welfare,
    }


def _names(departments: int | Iterable[str]) -> tuple[str, ...]:
    what = "EffortModel.departments"
    if isinstance(departments, Iterable):
        names = tuple(departments)
        return player_names(names, len(names), what, "department")
    require_whole(departments, what, least=1)
    return player_names(None, departments, what, "department")


def _as_module(term: Callable[..., Any], departments: int, what: str) -> eqx.Module:
    """Standard terms with all coefficients written out, so that models of one size share their programs."""
    if not callable(term):
        raise TypeError(f"{what} is {term!r}; give standard terms or a function.")
    if isinstance(term, Standard):
        return term.sized(departments)
    return term if isinstance(term, eqx.Module) else Custom(term)
