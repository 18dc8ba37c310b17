r"""What every demand model of two competing outlets tells the rest of the chapter.

Given prices $p$ and a common shock, the own demand of outlet $i$ is affine in its own shock and cut at zero, and the
customers whom it turns away try the other outlet in a given share and mass:

$$q_i = (\text{level}_i + \text{slope}_i \theta_i)^+, \qquad
o_i = (\text{share}_i\, q_i + \text{mass}_i) (1 - y_i / q_i)^+, \qquad D_i = q_i + o_j.$$

So expected sales are loss functions of the own shock, integrated over the shock of the rival alone.
"""

import abc
from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from eqsolve._fields import as_fields, require_positive, require_scalar
from eqsolve.demand.distribution import Distribution
from eqsolve.demand.joint import Independent, JointDistribution

Pair = Float[Array, "2"]


class Parts(eqx.Module):
    """Demand at given prices and a given common shock: what is left to know are the own shocks.

    **Fields** (one entry per outlet):

    - `level` [units] and `slope` >= 0 [units per unit of shock] of own demand; None for a slope of one.
    - `share`: of an outlet's own customers, who try the other outlet when turned away, in [0, 1].
    - `mass`: further customers who do so, however large own demand is [units]; None for nobody.
    """

    level: Pair
    slope: Pair | None
    share: Pair
    mass: Pair | None = None


class SteadyParts(Parts):
    """Demand with added shocks (a slope of one), shares that no price moves, and no mass.

    Expected sales then take a tenth of the time.
    """


class Surplus(eqx.Module):
    """What customers gain if all are served, at given prices and a given common shock.

    **Fields** (one entry per outlet): own customers gain `level + slope * theta` [money]. `rebound`: what those who
    prefer this outlet, but would try the other one if turned away, would gain there [money].
    """

    level: Pair
    slope: Pair
    rebound: Pair


class VerticalDemand(eqx.Module):
    """Base of the demand models: a frozen pytree with the laws of its shocks.

    A model has a field `shocks`, the joint law of both own shocks (see `own_shocks`), and a field `common`, the law of
    a shock that both outlets share, or None.
    """

    shocks: eqx.AbstractVar[JointDistribution]
    common: eqx.AbstractVar[Distribution | None]

    @abc.abstractmethod
    def parts(self, price: Pair, common: Float[Array, ""] | None) -> Parts:
        """Demand at these prices and this common shock (None without one)."""

    def at_shocks(self, price: Pair, shock: Pair, common: Float[Array, ""] | None) -> Parts:
        """Demand at these prices and shocks: levels only, whatever the slopes."""
        parts = self.parts(price, common)
        level = parts.level + (shock if parts.slope is None else parts.slope * shock)
        return Parts(level, jnp.zeros_like(level), parts.share, parts.mass)

    def surplus(self, price: Pair, common: Float[Array, ""] | None) -> Surplus | None:
        """What customers gain at these prices, or None where the model has no consumers behind its demand."""
        del price, common
        return None

    @property
    def _valid(self) -> Bool[Array, ""]:
        """Whether the parameters are in their range, for values that were traced at construction."""
        shared = jnp.asarray(True) if self.common is None else self.common._valid
        return self.shocks._valid & shared


def own_shocks(owner: str, shocks: Any) -> JointDistribution:
    """The joint law of both own shocks; a single law means independent shocks of that law at both outlets."""
    if isinstance(shocks, Distribution):
        return Independent(shocks, shocks)
    if not isinstance(shocks, JointDistribution):
        raise TypeError(
            f"{owner}.shocks is {shocks!r}; give a law such as Uniform(-3.0, 6.0) for both outlets, Independent(law,"
            " law), a MultivariateNormal, or scenarios as a JointTable."
        )
    return shocks


def common_law(owner: str, common: Any) -> Distribution | None:
    """The law of the common shock, or None."""
    if common is None or isinstance(common, Distribution):
        return common
    raise TypeError(f"{owner}.common is {common!r}; give a law such as DiscreteTable([1.0, 3.0], [0.5, 0.5]), or None.")


class ScaledDemand(VerticalDemand):
    r"""A demand model in a market of another size: $\alpha q_i(p, \theta)$.

    **Arguments:** `base`: the model. `size` $\alpha$: > 0.

    Shares stay, everything counted in units is multiplied: stocks and profits scale, prices and probabilities do not.

    **Errors:** `TypeError` and `ValueError` that name the field, the value and the remedy; traced sizes out of range
    give NaN.
    **Source:** Krishnan and Winter (paper 003), section 3.3 (demand whose size only the outlets know).

    >>> from eqsolve.demand import Uniform
    >>> from eqsolve.mechanisms.vertical.linear import LinearDemand
    >>> base = LinearDemand(10.0, 1.0, 0.5, 0.2, shocks=Uniform(-3.0, 6.0))
    >>> ScaledDemand(base, 2.0).parts(jnp.array([4.0, 4.0]), None).level.tolist()
    [16.0, 16.0]
    """

    base: VerticalDemand
    size: Float[Array, ""]

    def __init__(self, base: VerticalDemand, size: Any):
        if not isinstance(base, VerticalDemand):
            raise TypeError(f"ScaledDemand.base is {base!r}; give a demand model such as LinearDemand.")
        fields = as_fields("ScaledDemand", base=base, size=size)
        self.base, self.size = fields["base"], fields["size"]
        require_scalar(self.size, "ScaledDemand.size")
        require_positive(self.size, "ScaledDemand.size")

    @property
    def shocks(self) -> JointDistribution:  # pyright: ignore[reportIncompatibleVariableOverride]
        """Those of the base."""
        return self.base.shocks

    @property
    def common(self) -> Distribution | None:  # pyright: ignore[reportIncompatibleVariableOverride]
        """That of the base."""
        return self.base.common

    def parts(self, price: Pair, common: Float[Array, ""] | None) -> Parts:
        """Demand at these prices and this common shock."""
        parts = self.base.parts(price, common)
        slope = jnp.ones_like(parts.level) if parts.slope is None else parts.slope
        mass = None if parts.mass is None else self.size * parts.mass
        return Parts(self.size * parts.level, self.size * slope, parts.share, mass)

    def surplus(self, price: Pair, common: Float[Array, ""] | None) -> Surplus | None:
        """What customers gain at these prices."""
        surplus = self.base.surplus(price, common)
        if surplus is None:
            return None
        return Surplus(self.size * surplus.level, self.size * surplus.slope, self.size * surplus.rebound)

    @property
    def _valid(self) -> Bool[Array, ""]:
        return self.base._valid & (self.size > 0) & jnp.isfinite(self.size)
