"""What capacity earns: revenue as a function of the quantity sold and of a shock, for one division or several."""

import abc
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, PyTree

from eqsolve._checks import as_parameters, require_callable, require_finite, require_no_captured_arrays
from eqsolve._fields import as_fields, require_broadcast, require_positive, require_scalar
from eqsolve.mechanisms._roots import bisected, polished

Values = Float[Array, "*batch"]


class Revenue(eqx.Module):
    """The revenue of a quantity at a shock, concave in the quantity.

    All methods are elementwise and broadcast. Parameters are numbers, or have one entry per division; then divisions
    are the last axis of quantities and shocks too. Negative quantities, and parameters out of their range that JAX
    traces, give NaN.
    """

    # ---- what a family writes: formulas without checks, for valid parameters ----

    @property
    @abc.abstractmethod
    def _valid(self) -> Bool[Array, "*batch"]:
        """Whether the parameters are in their range."""

    @abc.abstractmethod
    def _revenue(self, q: Values, shock: Values) -> Values: ...

    @abc.abstractmethod
    def _marginal(self, q: Values, shock: Values) -> Values: ...

    @abc.abstractmethod
    def _inverse(self, price: Values, shock: Values) -> Values: ...

    # ---- what a user calls ----

    def revenue(self, q: Any, shock: Any) -> Values:
        """Revenue [money] of the quantity `q` >= 0 [units] at this shock."""
        q, shock = self._arguments(q, shock)
        return self._checked(jnp.where(q >= 0, self._revenue(q, shock), jnp.nan))

    def marginal(self, q: Any, shock: Any) -> Values:
        """Marginal revenue [money/unit] of the quantity `q` >= 0; may be infinite at zero."""
        q, shock = self._arguments(q, shock)
        return self._checked(jnp.where(q >= 0, self._marginal(q, shock), jnp.nan))

    def inverse_marginal(self, price: Any, shock: Any) -> Values:
        """The largest quantity >= 0 with marginal revenue of `price` or more: what is sold at that marginal cost.

        Zero where even the first unit earns no more than `price`; infinite where marginal revenue never falls to it.
        """
        return self._checked(self._inverse(*self._arguments(price, shock)))

    def shock_at(self, q: Any, price: Any) -> Values:
        """The shock at which the marginal revenue of `q` is `price`, marginal revenue being affine in the shock.

        Zero where marginal revenue is infinite, whatever the shock; infinite for an infinite price; NaN where marginal
        revenue does not move with the shock.
        """
        q, price = self._arguments(q, price)
        at_zero, at_one = self._marginal(q, jnp.zeros_like(q)), self._marginal(q, jnp.ones_like(q))
        endless, out_of_reach = jnp.isinf(at_one), jnp.isinf(price)
        slope = jnp.where(endless, 1.0, at_one - jnp.where(endless, 0.0, at_zero))
        moves = slope != 0
        gap = jnp.where(out_of_reach | endless, 0.0, price) - jnp.where(endless, 0.0, at_zero)
        shock = jnp.where(moves, gap / jnp.where(moves, slope, 1.0), jnp.nan)
        return self._checked(jnp.where(out_of_reach & ~endless, jnp.inf, shock))

    def between(self, capacity: Values, cost: Values, shock: Values, active: Array) -> tuple[Values, Values]:
        """Two shadow prices between which the one lies at which active divisions want exactly `capacity` in all.

        Where there is a closed form, both are the same array.

        **Arguments:** `capacity`: > 0 [units], shape `[...]`. `shock`, `active`: one entry per division along the last
        axis, some active. `cost`: variable costs [money/unit], likewise, or one entry where all have the same. Marginal
        revenue at zero exceeds the price for active divisions and no others.
        """
        share = capacity[..., None] / jnp.sum(active, axis=-1, keepdims=True)
        least = self.marginal(jnp.broadcast_to(capacity[..., None], active.shape), shock) - cost
        most = self.marginal(jnp.broadcast_to(share, active.shape), shock) - cost
        return _largest(least, active), _largest(most, active)

    @property
    def nodes(self) -> int:
        """Gauss nodes that integrate the value of capacity between kinks, over evenly spread shocks."""
        return 16

    @property
    def divisions(self) -> int:
        """How many divisions the parameters have entries for; 1 where all are single numbers."""
        shape = np.broadcast_shapes(*(leaf.shape for leaf in jax.tree.leaves(self)))
        return shape[-1] if shape else 1

    def of(self, division: int) -> "Revenue":
        """The revenue of one division, counted from 0; where all have the same parameters, any number will do."""
        if self.divisions > 1:
            require_division(division, self.divisions, f"{type(self).__name__}.of")
        return jax.tree.map(lambda leaf: leaf[..., division] if leaf.ndim else leaf, self)

    def _arguments(self, *values: Any) -> tuple[Values, ...]:
        dtype = jnp.result_type(*(leaf for leaf in jax.tree.leaves(self)))
        return tuple(jnp.broadcast_arrays(*(jnp.asarray(value, dtype) for value in values)))

    def _checked(self, value: Values) -> Values:
        return jnp.where(self._valid, value, jnp.nan)


def require_division(division: Any, divisions: int, what: str) -> None:
    """Raise where `division` is not the number of one of `divisions`, counted from 0."""
    whole = isinstance(division, int | np.integer) and not isinstance(division, bool)
    if not whole or not 0 <= division < divisions:
        wanted = " or ".join(map(str, range(divisions))) if divisions < 3 else f"0 to {divisions - 1}"
        raise ValueError(f"{what}: division is {division!r}; divisions are counted from 0: give {wanted}.")


def _largest(price: Values, active: Array) -> Values:
    return jnp.max(jnp.where(active, price, -jnp.inf), axis=-1)


def fields_of(owner: str, **given: Any) -> dict[str, Any]:
    """The parameters of a family as arrays of one precision, all above zero; an error names the field."""
    fields = as_fields(owner, **given)
    for name, value in fields.items():
        if value.ndim > 1 or not value.size:
            raise ValueError(f"{owner}.{name} has shape {value.shape}; give one number, or one per division.")
        require_finite(value, f"{owner}.{name}")
        require_positive(value, f"{owner}.{name}")
    require_broadcast(owner, **{name: value.shape for name, value in fields.items()})
    return fields


class CustomRevenue(Revenue):
    """A revenue function of your own.

    **Arguments:**

    - `params`: pytree of arrays; numbers, or one entry per division along the last axis.
    - `function`: `(params, q, shock) -> revenue`, elementwise, concave in `q` and at least twice differentiable for
      `q` > 0; defined at module level. Marginal revenue should be affine in the shock where shocks are continuous.
    - `most`: > 0 [units], the quantity up to which marginal revenue is inverted; beyond it counts as infinite.

    **Derivatives:** revenue, marginal revenue and its inverse to second order, as far as `function` has them.
    **Errors:** `TypeError` and `ValueError` that name the field, the value and the remedy.
    **Source:** Dutta and Reichelstein (paper 002), the revenue function R_i(q, eps).

    >>> def root(params, q, shock):
    ...     return params["scale"] * shock * jnp.sqrt(q)
    >>> own = CustomRevenue({"scale": 6.0}, root, most=100.0)
    >>> round(float(own.marginal(4.0, 2.0)), 4), round(float(own.inverse_marginal(3.0, 2.0)), 4)
    (3.0, 4.0)
    """

    params: PyTree
    most: Float[Array, ""]
    function: Callable[..., Array] = eqx.field(static=True)

    def __init__(self, params: PyTree, function: Callable[..., Array], most: Any):
        self.params, self.function = as_parameters(params), function
        self.most = fields_of("CustomRevenue", most=most)["most"]
        require_scalar(self.most, "CustomRevenue.most")

    def __check_init__(self) -> None:
        require_finite(self.params, "CustomRevenue.params")
        require_callable(self.function, "CustomRevenue.function")
        require_no_captured_arrays(self.function, "CustomRevenue.function")

    @property
    def _valid(self) -> Bool[Array, ""]:
        return self.most > 0

    def _revenue(self, q: Values, shock: Values) -> Values:
        return self.function(self.params, q, shock)

    def _marginal(self, q: Values, shock: Values) -> Values:
        return jax.jvp(lambda q: self.function(self.params, q, shock), (q,), (jnp.ones_like(q),))[1]

    def _inverse(self, price: Values, shock: Values) -> Values:
        zero = jnp.zeros_like(self._marginal(price, shock))
        price, shock = price + zero, shock + zero  # one entry per division, where the parameters have one
        still = jax.lax.stop_gradient(self)
        held, at = jax.lax.stop_gradient((price, shock))
        low, _ = bisected(lambda q: still._marginal(q, at) - held, zero, zero + still.most)
        unsold, endless = still._marginal(zero, at) <= held, still._marginal(zero + still.most, at) >= held
        inner = jnp.where(unsold | endless, still.most / 2, low)
        missing = jnp.isnan(held) | jnp.isnan(at) | jnp.isnan(still._marginal(zero + still.most, at))
        found = polished(lambda q: self._marginal(q, shock) - price, inner)
        return jnp.where(missing, jnp.nan, jnp.where(unsold, 0.0, jnp.where(endless, jnp.inf, found)))


class MixedRevenue(Revenue):
    """Divisions whose revenue functions are of different families.

    **Arguments:** one `Revenue` of a single division per division.
    **Errors:** `TypeError` or `ValueError` for what is no revenue of one division.
    **Source:** Dutta and Reichelstein (paper 002), section 2: R_1 and R_2 may differ.
    """

    parts: tuple[Revenue, ...]

    def __init__(self, *parts: Revenue):
        if not parts:
            raise ValueError("MixedRevenue.parts is empty; give one revenue per division.")
        for i, part in enumerate(parts):
            if not isinstance(part, Revenue):
                raise TypeError(f"MixedRevenue.parts[{i}] is {part!r}; give a Revenue.")
            if any(leaf.ndim for leaf in jax.tree.leaves(part)):
                raise ValueError(f"MixedRevenue.parts[{i}] has parameters of several divisions; give those of one.")
        self.parts = as_fields("MixedRevenue", parts=_Parts(parts))["parts"].parts

    @property
    def _valid(self) -> Bool[Array, " divisions"]:
        return jnp.stack([part._valid for part in self.parts])

    def _revenue(self, q: Values, shock: Values) -> Values:
        return self._each("_revenue", q, shock)

    def _marginal(self, q: Values, shock: Values) -> Values:
        return self._each("_marginal", q, shock)

    def _inverse(self, price: Values, shock: Values) -> Values:
        return self._each("_inverse", price, shock)

    @property
    def divisions(self) -> int:
        """How many divisions there are."""
        return len(self.parts)

    def of(self, division: int) -> Revenue:
        """The revenue of one division, counted from 0."""
        require_division(division, len(self.parts), "MixedRevenue.of")
        return self.parts[division]

    def _each(self, name: str, first: Values, second: Values) -> Values:
        shape = jnp.broadcast_shapes(first.shape, (len(self.parts),))
        first, second = jnp.broadcast_to(first, shape), jnp.broadcast_to(second, shape)
        values = [getattr(part, name)(first[..., i], second[..., i]) for i, part in enumerate(self.parts)]
        return jnp.stack(values, axis=-1)


class _Parts(eqx.Module):
    parts: tuple[Revenue, ...]
