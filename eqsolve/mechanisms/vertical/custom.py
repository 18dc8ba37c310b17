"""Demand systems of your own."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, PyTree

from eqsolve._checks import as_parameters, require_callable, require_no_captured_arrays
from eqsolve._fields import as_fields
from eqsolve.demand.distribution import Distribution
from eqsolve.demand.joint import JointDiscrete, JointDistribution
from eqsolve.mechanisms.vertical.demand import Pair, Parts, Surplus, VerticalDemand, common_law, own_shocks

Number = Float[Array, ""]


class CustomDemand(VerticalDemand):
    """Demand that is affine in each outlet's own shock, as a function of prices and the common shock.

    **Arguments:**

    - `params`: pytree of arrays. `system`: function `(params, price, common) -> Parts`, defined at module level;
      `common` is None without a common shock.
    - `shocks`, `common`: as for `SpatialDemand`.
    - `gains`: function `(params, price, common) -> Surplus`; None where nothing is known about consumers.

    **Errors:** `TypeError` and `ValueError` that name the field, the value and the remedy.
    **Source:** Krishnan and Winter (paper 003), equation (6) with q and the spill share left open.

    >>> from eqsolve.demand import Uniform
    >>> def isoelastic(params, price, common):
    ...     return Parts(jnp.zeros(2), price**-params["elasticity"], jnp.full(2, 0.3))
    >>> demand = CustomDemand({"elasticity": 2.0}, isoelastic, shocks=Uniform(0.5, 1.0))
    >>> demand.parts(jnp.array([2.0, 1.0]), None).slope.tolist()
    [0.25, 1.0]
    """

    params: PyTree
    shocks: JointDistribution
    common: Distribution | None
    system: Callable[..., Parts] = eqx.field(static=True)
    gains: Callable[..., Surplus] | None = eqx.field(static=True)

    def __init__(
        self,
        params: PyTree,
        system: Callable[..., Parts],
        shocks: Any,
        common: Distribution | None = None,
        gains: Callable[..., Surplus] | None = None,
    ):
        owner = "CustomDemand"
        laws = as_fields(owner, shocks=own_shocks(owner, shocks), common=common_law(owner, common))
        self.params, self.shocks, self.common = as_parameters(params), laws["shocks"], laws["common"]
        self.system, self.gains = system, gains

    def __check_init__(self) -> None:
        for name in ("system", "gains"):
            require_callable(getattr(self, name), f"CustomDemand.{name}")
            require_no_captured_arrays(getattr(self, name), f"CustomDemand.{name}")

    def parts(self, price: Pair, common: Number | None) -> Parts:
        """Demand at these prices and this common shock."""
        return self.system(self.params, price, common)

    def surplus(self, price: Pair, common: Number | None) -> Surplus | None:
        """What customers gain at these prices, if known."""
        return None if self.gains is None else self.gains(self.params, price, common)


class ScenarioDemand(VerticalDemand):
    r"""Any demand $q(p, \theta)$ and spill shares $\lambda(p, \theta)$ over finitely many joint shocks.

    **Arguments:**

    - `params`: pytree of arrays. `system`: function `(params, price, shock, common) -> (q, share)`, both of shape
      `[2]`, for own shocks `shock` of shape `[2]`; defined at module level. Negative demand counts as zero.
    - `shocks`: a `JointTable` or `EmpiricalPairs` of own shocks, with the common shock as third column if there is one.
    - `common`: the law of an independent common shock, or None.

    **Errors:** `TypeError` and `ValueError` that name the field, the value and the remedy.
    **Source:** Krishnan and Winter (paper 003), equation (6).

    >>> from eqsolve.demand.joint import JointTable
    >>> def system(params, price, shock, common):
    ...     return shock * jnp.exp(-price), jnp.full(2, 0.5)
    >>> demand = ScenarioDemand({}, system, JointTable([[1.0, 2.0], [2.0, 1.0]], [0.5, 0.5]))
    >>> demand.at_shocks(jnp.zeros(2), jnp.array([1.0, 2.0]), None).level.tolist()
    [1.0, 2.0]
    """

    params: PyTree
    shocks: JointDistribution
    common: Distribution | None
    system: Callable[..., tuple[Array, Array]] = eqx.field(static=True)

    def __init__(
        self,
        params: PyTree,
        system: Callable[..., tuple[Array, Array]],
        shocks: JointDiscrete,
        common: Distribution | None = None,
    ):
        owner = "ScenarioDemand"
        if not isinstance(shocks, JointDiscrete):
            raise TypeError(
                f"{owner}.shocks is {shocks!r}; give a JointTable or EmpiricalPairs, or write the demand as a"
                " CustomDemand, which is affine in the own shock, for continuous laws."
            )
        laws = as_fields(owner, shocks=shocks, common=common_law(owner, common))
        self.params, self.shocks, self.common = as_parameters(params), laws["shocks"], laws["common"]
        self.system = system

    def __check_init__(self) -> None:
        require_callable(self.system, "ScenarioDemand.system")
        require_no_captured_arrays(self.system, "ScenarioDemand.system")

    def parts(self, price: Pair, common: Number | None) -> Parts:
        """Not known without the shocks: see `at_shocks`."""
        raise TypeError("ScenarioDemand.parts: demand is not affine in shocks; use at_shocks(price, shock, common).")

    def at_shocks(self, price: Pair, shock: Pair, common: Number | None) -> Parts:
        """Demand at these prices and shocks."""
        demand, share = self.system(self.params, price, shock, common)
        return Parts(jnp.asarray(demand), jnp.zeros_like(price), jnp.asarray(share))
