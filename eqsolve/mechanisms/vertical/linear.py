"""Linear demand of two outlets, with shocks that are added or multiplied, and constant spill shares."""

from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from eqsolve._checks import require_finite
from eqsolve._fields import as_fields, per_entry, require_nonnegative, require_positive, require_values
from eqsolve.demand.distribution import Distribution
from eqsolve.demand.joint import JointDistribution
from eqsolve.mechanisms.vertical.demand import Pair, Parts, SteadyParts, VerticalDemand, own_shocks


class _Linear(VerticalDemand):
    """What both have in common: a - b p_i + g p_j, and a constant share of customers who try the other outlet."""

    intercept: Pair
    own_effect: Pair
    cross_effect: Pair
    spill: Pair
    shocks: JointDistribution

    def __init__(self, intercept: Any, own_effect: Any, cross_effect: Any, spill: Any, shocks: Any):
        owner = type(self).__name__
        given = {"intercept": intercept, "own_effect": own_effect, "cross_effect": cross_effect, "spill": spill}
        fields = as_fields(owner, **given, shocks=own_shocks(owner, shocks))
        for name in given:
            setattr(self, name, per_entry(fields[name], 2, f"{owner}.{name}"))
        self.shocks = fields["shocks"]

    def __check_init__(self) -> None:
        owner = type(self).__name__
        require_finite(self, owner)
        require_positive(self.own_effect, f"{owner}.own_effect")
        require_nonnegative(self.cross_effect, f"{owner}.cross_effect")
        require_values(self.spill, lambda s: (s >= 0) & (s <= 1), f"{owner}.spill", "give shares between 0 and 1")

    @property
    def common(self) -> Distribution | None:  # pyright: ignore[reportIncompatibleVariableOverride]
        """No shock is shared; give the own shocks a joint law."""
        return None

    def mean_demand(self, price: Pair) -> Pair:
        """The mean a - b p_i + g p_j, negative where prices are too high [units]."""
        return self.intercept - self.own_effect * price + self.cross_effect * price[::-1]

    @property
    def _valid(self) -> Bool[Array, ""]:
        shares = jnp.all((self.spill >= 0) & (self.spill <= 1))
        effects = jnp.all((self.own_effect > 0) & (self.cross_effect >= 0))
        return super()._valid & shares & effects


class LinearDemand(_Linear):
    r"""Linear demand with added shocks: $q_i = (a_i - b_i p_i + g_i p_j + \theta_i)^+$, cut at zero.

    **Arguments** (one number, or one per outlet):

    - `intercept` $a$ [units]. `own_effect` $b$ > 0 and `cross_effect` $g$ >= 0 of the own and of the other price
      [units²/money].
    - `spill` $\lambda$: in [0, 1], the share of an outlet's unserved customers who try the other one.
    - `shocks`: the joint law of both shocks [units]: a `Distribution` (independent shocks of that law), `Independent`,
      `MultivariateNormal`, `JointTable` or `EmpiricalPairs`.

    With $g$ near $b$ joint profit keeps rising with both prices; the market's highest price then binds.

    **Errors:** `TypeError` and `ValueError` that name the field, the value and the remedy; traced values out of range
    give NaN.
    **Source:** Krishnan and Winter (paper 003), section 3.1 with linear demand and constant spill shares.

    >>> from eqsolve.demand import Uniform
    >>> demand = LinearDemand(10.0, 1.0, 0.5, 0.2, shocks=Uniform(-3.0, 6.0))
    >>> demand.parts(jnp.array([4.0, 6.0]), None).level.tolist()
    [9.0, 6.0]
    """

    def __init__(self, intercept: Any, own_effect: Any, cross_effect: Any, spill: Any, shocks: Any):
        super().__init__(intercept, own_effect, cross_effect, spill, shocks)

    def parts(self, price: Pair, common: Float[Array, ""] | None = None) -> Parts:
        """Demand at these prices."""
        del common
        return SteadyParts(self.mean_demand(price), None, self.spill)


class MultiplicativeLinearDemand(_Linear):
    r"""Linear demand times a shock: $q_i = (a_i - b_i p_i + g_i p_j)^+ \theta_i$.

    **Arguments:** as for `LinearDemand`, with shocks that are not negative (and of mean one, if $a - b p_i + g p_j$ is
    to be mean demand).

    **Errors:** `TypeError` and `ValueError` that name the field, the value and the remedy; traced values out of range
    give NaN.
    **Source:** Krishnan and Winter (paper 003), section 3.1 with linear demand and constant spill shares.

    >>> from eqsolve.demand import Uniform
    >>> demand = MultiplicativeLinearDemand(10.0, 1.0, 0.5, 0.2, shocks=Uniform(0.5, 1.0))
    >>> demand.parts(jnp.array([4.0, 6.0]), None).slope.tolist()
    [9.0, 6.0]
    """

    def __init__(self, intercept: Any, own_effect: Any, cross_effect: Any, spill: Any, shocks: Any):
        super().__init__(intercept, own_effect, cross_effect, spill, shocks)

    def parts(self, price: Pair, common: Float[Array, ""] | None = None) -> Parts:
        """Demand at these prices."""
        del common
        mean = self.mean_demand(price)
        return Parts(jnp.zeros_like(mean), jnp.where(mean > 0, mean, 0.0), self.spill)
