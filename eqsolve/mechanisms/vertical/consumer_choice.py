r"""Demand from what two goods are worth to their customers: loyal ones, and shoppers who compare.

Shoppers have reservation prices $(r_1, r_2)$ with density $k$. Outlet 1 is the first choice of those in
$S_1 = \{r_1 - p_1 \ge r_2 - p_2,\ r_1 \ge p_1\}$, of whom $H_1 = \{r_1 - p_1 \ge r_2 - p_2 \ge 0\}$ would buy at outlet
2 if turned away, so that the spill share is $\lambda_1 = K(H_1) / K(S_1)$ over all customers.
"""

import abc
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, PyTree

from eqsolve._checks import as_parameters, require_callable, require_finite, require_no_captured_arrays
from eqsolve._fields import as_fields, per_entry, require_nonnegative, require_positive, require_scalar
from eqsolve.demand.distribution import Distribution
from eqsolve.demand.joint import JointDistribution
from eqsolve.mechanisms.vertical.demand import Pair, Parts, Surplus, VerticalDemand, common_law, own_shocks

Number = Float[Array, ""]
NODES = 16


class Choice(eqx.Module):
    """How shoppers divide at given prices, one entry per outlet.

    **Fields:** `first` $K(S)$ and `shared` $K(H)$ [units]. `gain`: what those in $S$ gain at their first choice,
    `rebound`: what those in $H$ gain at the other outlet [money].
    """

    first: Pair
    shared: Pair
    gain: Pair
    rebound: Pair


class Shoppers(eqx.Module):
    """A population of shoppers: reservation prices in the square from 0 to `top` [money/unit]."""

    top: eqx.AbstractVar[Number]

    @abc.abstractmethod
    def choice(self, price: Pair, common: Number | None) -> Choice:
        """How they divide at these prices and this common shock."""

    @property
    @abc.abstractmethod
    def _valid(self) -> Bool[Array, ""]: ...


class UniformShoppers(Shoppers):
    """Shoppers whose reservation prices are independent and uniform on [0, top], as many as the common shock says.

    **Arguments:** `top`: > 0 [money/unit]. `number`: >= 0, times the common shock [units].

    **Errors:** `ValueError` that names the field, the value and the remedy.
    **Source:** Krishnan and Winter (paper 003), section 3.1, sets S and H, in closed form.

    >>> found = UniformShoppers().choice(jnp.array([0.6, 0.6]), None)
    >>> [round(float(number), 4) for number in (found.first[0], found.shared[0])]
    [0.32, 0.08]
    """

    top: Number
    number: Number

    def __init__(self, top: Any = 1.0, number: Any = 1.0):
        fields = as_fields("UniformShoppers", top=top, number=number)
        self.top, self.number = fields["top"], fields["number"]

    def __check_init__(self) -> None:
        require_scalar(self.top, "UniformShoppers.top")
        require_positive(self.top, "UniformShoppers.top")
        require_scalar(self.number, "UniformShoppers.number")
        require_nonnegative(self.number, "UniformShoppers.number")

    def choice(self, price: Pair, common: Number | None) -> Choice:
        """How they divide at these prices and this common shock."""
        room = self.top - price
        room = jnp.where(room > 0, room, 0.0)
        other, below = room[::-1], self.top - room[::-1]
        least = jnp.where(room < other, room, other)
        density = self.number / self.top**2 * (1.0 if common is None else common)
        shared = least**2 / 2 + other * (room - least)
        gain = below * room**2 / 2 + least**3 / 3 + other * (room**2 - least**2) / 2
        rebound = least**3 / 6 + other**2 * (room - least) / 2
        return Choice(density * (below * room + shared), density * shared, density * gain, density * rebound)

    @property
    def _valid(self) -> Bool[Array, ""]:
        return (self.top > 0) & (self.number >= 0)


class DenseShoppers(Shoppers):
    r"""Shoppers with a density of reservation prices of your own.

    **Arguments:** `params`: pytree of arrays. `density`: function `(params, first, second, common) -> k` >= 0, shoppers
    per square of money at reservation prices `first` for outlet 1's good and `second` for outlet 2's, given the common
    shock (None without one); it is called with arrays and must be smooth inside the square. Define it at module level.
    `top`: > 0, above which nobody values either good [money/unit].

    Integrals are taken by Gauss-Legendre rules on the pieces into which prices cut the square, 16 nodes a side.

    **Errors:** `TypeError` and `ValueError` that name the field, the value and the remedy.
    **Source:** Krishnan and Winter (paper 003), section 3.1, sets S and H.

    >>> def tilted(params, first, second, common):
    ...     return 4.0 * first * second
    >>> found = DenseShoppers({}, tilted).choice(jnp.array([0.5, 0.5]), None)
    >>> [round(float(first), 3) for first in found.first]
    [0.469, 0.469]
    """

    params: PyTree
    top: Number
    density: Callable[..., Array] = eqx.field(static=True)

    def __init__(self, params: PyTree, density: Callable[..., Any], top: Any = 1.0):
        self.params = as_parameters(params)
        self.top = as_fields("DenseShoppers", top=top)["top"]
        self.density = density

    def __check_init__(self) -> None:
        require_callable(self.density, "DenseShoppers.density")
        require_no_captured_arrays(self.density, "DenseShoppers.density")
        require_scalar(self.top, "DenseShoppers.top")
        require_positive(self.top, "DenseShoppers.top")

    def choice(self, price: Pair, common: Number | None) -> Choice:
        """How they divide at these prices and this common shock."""
        price = jnp.where(price < self.top, price, self.top)

        def outlet_1(own: Array, other: Array) -> Array:
            return self.density(self.params, own, other, common)

        def outlet_2(own: Array, other: Array) -> Array:
            return self.density(self.params, other, own, common)

        sides = [_divide(density, price[i], price[1 - i], self.top) for i, density in enumerate((outlet_1, outlet_2))]
        return Choice(*(jnp.stack(pair) for pair in zip(*sides, strict=True)))

    @property
    def _valid(self) -> Bool[Array, ""]:
        return self.top > 0


def _divide(density: Callable[[Array, Array], Array], own: Number, other: Number, top: Number) -> tuple[Array, ...]:
    """K(S), K(H), the gain of S here and of H at the other outlet, by rules between the corners of both sets."""
    room, limit = top - own, top - other
    corner = jnp.where(room < limit, room, limit)
    u, weight = _rule(jnp.stack([jnp.zeros_like(room), corner, room]))
    ceiling = jnp.where(u < limit, u, limit)
    v, inner = jax.vmap(lambda high: _rule(jnp.stack([-other, jnp.zeros_like(high), high])))(ceiling)
    mass = weight[:, None] * inner * density(own + u[:, None], other + v)
    away = jnp.where(v > 0, v, 0.0)
    return jnp.sum(mass), jnp.sum(jnp.where(v > 0, mass, 0.0)), jnp.sum(mass * u[:, None]), jnp.sum(mass * away)


def _rule(ends: Float[Array, " ends"]) -> tuple[Array, Array]:
    """Nodes and weights of a Gauss-Legendre rule on every piece between rising ends."""
    legendre, shares = np.polynomial.legendre.leggauss(NODES)
    width = jnp.diff(ends)[:, None]
    points = ends[:-1, None] + width * jnp.asarray((legendre + 1) / 2, ends.dtype)
    return jnp.ravel(points), jnp.ravel(width * jnp.asarray(shares / 2, ends.dtype))


class ConsumerChoice(VerticalDemand):
    r"""Loyal customers of each outlet, and shoppers who buy where they gain most.

    Own demand is $\theta_i \ell_i (1 - p_i / \text{top})^+ + K(S_i)$: loyal reservation prices are uniform on [0, top].

    **Arguments:**

    - `shoppers`: `UniformShoppers` or `DenseShoppers`.
    - `shocks`: the joint law of both loyal groups' sizes $\theta_i$ >= 0; see `LinearDemand`. A `JointTable` may have
      the common shock as third column.
    - `common`: the law of the common shock $\theta_c$ on which shoppers depend; None without.
    - `loyal` $\ell$: >= 0, one number or one per outlet [units].

    **Errors:** `TypeError` and `ValueError` that name the field, the value and the remedy; traced values out of range
    give NaN.
    **Source:** Krishnan and Winter (paper 003), section 3.1.

    >>> from eqsolve.demand import Uniform
    >>> demand = ConsumerChoice(UniformShoppers(), shocks=Uniform(0.5, 1.0))
    >>> parts = demand.parts(jnp.array([0.6, 0.6]), None)
    >>> [round(float(part[0]), 4) for part in (parts.level, parts.slope, parts.mass)]
    [0.32, 0.4, 0.08]
    """

    shoppers: Shoppers
    loyal: Pair
    shocks: JointDistribution
    common: Distribution | None

    def __init__(self, shoppers: Shoppers, shocks: Any, common: Distribution | None = None, loyal: Any = 1.0):
        owner = "ConsumerChoice"
        if not isinstance(shoppers, Shoppers):
            raise TypeError(f"{owner}.shoppers is {shoppers!r}; give UniformShoppers() or DenseShoppers(...).")
        fields = as_fields(
            owner,
            shoppers=shoppers,
            loyal=loyal,
            shocks=own_shocks(owner, shocks),
            common=common_law(owner, common),
        )
        self.shoppers, self.shocks, self.common = fields["shoppers"], fields["shocks"], fields["common"]
        self.loyal = per_entry(fields["loyal"], 2, f"{owner}.loyal")

    def __check_init__(self) -> None:
        require_finite(self, "ConsumerChoice")
        require_nonnegative(self.loyal, "ConsumerChoice.loyal")

    def parts(self, price: Pair, common: Number | None) -> Parts:
        """Demand at these prices and this common shock."""
        choice = self.shoppers.choice(price, common)
        return Parts(choice.first, self.loyal * self._served(price), jnp.zeros_like(price), choice.shared)

    def surplus(self, price: Pair, common: Number | None) -> Surplus:
        """What customers gain at these prices."""
        choice = self.shoppers.choice(price, common)
        loyal = self.loyal * self.shoppers.top * self._served(price) ** 2 / 2
        return Surplus(choice.gain, loyal, choice.rebound)

    def _served(self, price: Pair) -> Pair:
        """The share of loyal customers who buy at these prices."""
        share = 1 - price / self.shoppers.top
        return jnp.where(share > 0, share, 0.0)

    @property
    def _valid(self) -> Bool[Array, ""]:
        return super()._valid & self.shoppers._valid & jnp.all(self.loyal >= 0)
