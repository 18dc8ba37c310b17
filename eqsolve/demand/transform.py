"""Shifted, rescaled and mixed demand."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, PRNGKeyArray

from eqsolve._fields import require_nonnegative, require_positive, require_values
from eqsolve.demand._random import without_slope
from eqsolve.demand.distribution import Continuous, Discrete, Distribution, Values, parameters


class Affine(Distribution):
    """The law of `loc + scale * X`; built by `affine`, which says more."""

    base: Distribution
    loc: Float[Array, "*batch"]
    scale: Float[Array, "*batch"]

    def __init__(self, base: Distribution, loc: Any = 0.0, scale: Any = 1.0):
        fields: dict[str, Any] = parameters("affine", base=base, loc=loc, scale=scale)
        self.base, self.loc, self.scale = fields["base"], fields["loc"], fields["scale"]
        require_positive(self.scale, "affine.scale")

    @property
    def _valid(self) -> Bool[Array, "*batch"]:
        return self.base._valid & jnp.isfinite(self.loc) & (self.scale > 0) & jnp.isfinite(self.scale)

    def _standard(self, x: Values) -> Values:
        """The value of the base law that becomes `x`."""
        return (x - self.loc) / self.scale

    def _density(self, x: Values) -> Values:
        return self.base._density(self._standard(x)) / self.scale

    def _cdf(self, x: Values) -> Values:
        return self.base.cdf(self._standard(x))

    def _sf(self, x: Values) -> Values:
        return self.base.sf(self._standard(x))

    def _ppf(self, q: Values) -> Values:
        return self.loc + self.scale * self.base.ppf(q)

    def _loss(self, y: Values) -> Values:
        return self.scale * self.base.loss(self._standard(y))

    def _overstock(self, y: Values) -> Values:
        return self.scale * self.base.overstock(self._standard(y))

    def _second_loss(self, y: Values) -> Values:
        return self.scale**2 * self.base.second_loss(self._standard(y))

    def _mean(self) -> Values:
        return self.loc + self.scale * self.base.mean()

    def _var(self) -> Values:
        return jnp.broadcast_to(self.scale**2 * self.base.var(), jnp.shape(self._valid))

    def _support(self) -> tuple[Values, Values]:
        low, high = self.base.support()
        return self.loc + self.scale * low, self.loc + self.scale * high

    def _sample(self, key: PRNGKeyArray, shape: tuple[int, ...]) -> Values:
        return self.loc + self.scale * self.base._sample(key, shape)


class ContinuousAffine(Affine, Continuous):
    """A shifted and rescaled law with a density; built by `affine`."""


class DiscreteAffine(Affine, Discrete):
    """A shifted and rescaled law on countably many values; built by `affine`."""

    def _standard(self, x: Values) -> Values:
        z = (x - self.loc) / self.scale
        # subtracting and dividing need not give back the value that was multiplied and added: where a value of the base
        # law becomes x but for rounding, it is the one that was meant. The largest value up to just above z is tried.
        size = jnp.abs(x) + jnp.abs(self.loc)
        slack = 4 * jnp.finfo(x.dtype).eps * jnp.where(jnp.isfinite(size), size, 0.0) / self.scale
        above = z + slack
        nearest = jax.lax.stop_gradient(self.base.ppf(self.base.cdf(above)))
        whole = jnp.round(z)  # counts far out, where the cdf no longer tells neighbours apart
        snapped = jnp.where(jnp.abs(whole - z) <= slack, whole, jnp.where(jnp.abs(nearest - z) <= slack, nearest, z))
        # the move is rounding, so it has no slope
        return z + jax.lax.stop_gradient(snapped - z)

    def _density(self, x: Values) -> Values:
        return self.base._density(self._standard(x))


def affine(base: Distribution, loc: Any = 0.0, scale: Any = 1.0) -> Affine:
    r"""Demand $loc + scale \cdot X$ where $X$ has the law `base`.

    **Arguments:** `base`: any distribution. `loc`: the shift [units]. `scale`: the factor, > 0. Both broadcast against
    the parameters of `base`.

    **Returns:** a `ContinuousAffine` or a `DiscreteAffine`, as `base` is. All derivatives of `base`, and those in `loc`
    and `scale`, to second order. Where `base` is discrete, an argument within rounding of a possible value counts as
    that value.

    **Source:** the `loc` and `scale` of every `scipy.stats` distribution.

    >>> from eqsolve.demand.exponential import Exponential
    >>> demand = affine(Exponential(1.0), loc=5.0, scale=10.0)
    >>> round(float(demand.loss(25.0)), 4), float(demand.mean())
    (1.3534, 15.0)
    """
    _require_distribution(base, "affine.base")
    return (DiscreteAffine if base.discrete else ContinuousAffine)(base, loc, scale)


class Mixture(Distribution):
    """The law of one of several demands, drawn by chance; built by `mixture`, which says more."""

    components: tuple[Distribution, ...]
    weights: Float[Array, "*batch components"]

    def __init__(self, components: tuple[Distribution, ...], weights: Any):
        names = [f"components[{i}]" for i in range(len(components))]
        laws = dict(zip(names, components, strict=True))
        fields: dict[str, Any] = parameters("mixture", weights=weights, **laws)
        self.components, self.weights = tuple(fields[name] for name in names), fields["weights"]
        if self.weights.ndim == 0 or self.weights.shape[-1] != len(self.components):
            raise ValueError(
                f"mixture.weights has shape {self.weights.shape} for {len(self.components)} components;"
                " give one weight per component along the last axis."
            )
        require_nonnegative(self.weights, "mixture.weights")
        total, wanted = jnp.sum(self.weights, axis=-1), "divide the weights by their sum"
        require_values(total, lambda x: abs(x - 1) <= 2e-6, "the sum of mixture.weights", wanted)

    @property
    def _valid(self) -> Bool[Array, "*batch"]:
        valid = jnp.all(self.weights >= 0, axis=-1) & (jnp.abs(jnp.sum(self.weights, axis=-1) - 1) <= 2e-6)
        for component in self.components:
            valid &= component._valid
        return valid

    def _average(self, of: Callable[[Distribution], Values]) -> Values:
        """The weighted sum; a component without weight counts nothing, even where it is infinite."""
        total: Any = 0.0
        for i, component in enumerate(self.components):
            weight, value = self.weights[..., i], of(component)
            total += weight * jnp.where(weight > 0, value, jnp.where(jnp.isinf(value), 0.0, value))
        return total

    def _density(self, x: Values) -> Values:
        return self._average(lambda law: law._density(x))

    def _cdf(self, x: Values) -> Values:
        return self._average(lambda law: law.cdf(x))

    def _sf(self, x: Values) -> Values:
        return self._average(lambda law: law.sf(x))

    def _loss(self, y: Values) -> Values:
        return self._average(lambda law: law.loss(y))

    def _overstock(self, y: Values) -> Values:
        return self._average(lambda law: law.overstock(y))

    def _second_loss(self, y: Values) -> Values:
        return self._average(lambda law: law.second_loss(y))

    def _mean(self) -> Values:
        return self._average(lambda law: law.mean())

    def _var(self) -> Values:
        mean = self._mean()
        return self._average(lambda law: law.var() + (law.mean() - mean) ** 2)

    def _extreme(self, of: Callable[[Distribution], Values], ignored: float) -> Values:
        """The least value over the components with weight, or the greatest where `ignored` is minus infinity."""
        pick = jnp.minimum if ignored > 0 else jnp.maximum
        found: Any = ignored
        for i, component in enumerate(self.components):
            found = pick(found, jnp.where(self.weights[..., i] > 0, of(component), ignored))
        return found

    def _support(self) -> tuple[Values, Values]:
        low = self._extreme(lambda law: law.support()[0], jnp.inf)
        return low, self._extreme(lambda law: law.support()[1], -jnp.inf)

    def _ppf(self, q: Values) -> Values:
        # the quantile lies between the least and the greatest of the components' quantiles
        low = self._extreme(lambda law: law.ppf(q), jnp.inf)
        high = self._extreme(lambda law: law.ppf(q), -jnp.inf)
        low, high = (jax.lax.stop_gradient(end) for end in jnp.broadcast_arrays(low, high))
        return jnp.where(self._reaches(low, q), low, self._bisected(q, low, high))

    def _bisected(self, q: Values, low: Values, high: Values) -> Values:
        """The least number whose cdf reaches `q`: halved until no number lies between, or the ends are one."""

        def halve(state: tuple[Values, Values, Array]) -> tuple[Values, Values, Array]:
            low, high, steps = state
            middle = low / 2 + high / 2
            reached = self._reaches(middle, q)
            open_ = (low < middle) & (middle < high)
            return jnp.where(open_ & ~reached, middle, low), jnp.where(open_ & reached, middle, high), steps + 1

        def unfinished(state: tuple[Values, Values, Array]) -> Array:
            low, high, steps = state
            middle = low / 2 + high / 2
            return jnp.any((low < middle) & (middle < high)) & (steps < 200)

        low, high, _ = jax.lax.while_loop(unfinished, halve, (low, high, jnp.asarray(0)))
        return high

    def _reaches(self, x: Values, q: Values) -> Array:
        """Whether the cdf at `x` is `q` or more, by whichever tail is the smaller."""
        return jnp.where(q < 0.5, self._cdf(x) >= q, self._sf(x) <= 1 - q)

    def _sample(self, key: PRNGKeyArray, shape: tuple[int, ...]) -> Values:
        which, *keys = jax.random.split(key, len(self.components) + 1)
        chosen = jax.random.categorical(which, jnp.log(self.weights), shape=shape)
        drawn = [law._sample(part, shape) for law, part in zip(self.components, keys, strict=True)]
        return without_slope(jnp.choose(chosen, drawn, mode="clip"), self.weights)


class ContinuousMixture(Mixture, Continuous):
    """A mixture of laws with densities; built by `mixture`."""


class DiscreteMixture(Mixture, Discrete):
    """A mixture of laws on countably many values; built by `mixture`."""

    def _ppf(self, q: Values) -> Values:
        # the greatest possible value up to the number found: exact, and it moves with the parameters
        found = jax.lax.stop_gradient(super()._ppf(q))
        value = self._extreme(lambda law: _last_value(law, found), -jnp.inf)
        return jnp.where(self._reaches(value, q), value, found)


def _last_value(law: Distribution, x: Values) -> Values:
    """The greatest possible value up to `x`; minus infinity where there is none or the cdf cannot tell."""
    value = law.ppf(jax.lax.stop_gradient(law.cdf(x)))
    return jnp.where((law.cdf(x) > 0) & (value <= x), value, -jnp.inf)


def mixture(components: tuple[Distribution, ...], weights: Any) -> Mixture:
    r"""Demand with the law of one of several `components`, drawn with probabilities `weights`.

    **Arguments:** `components`: distributions, all continuous or all discrete. `weights`: shape `[..., components]`,
    not negative, summing to one; leading axes broadcast against the parameters of the components.

    **Returns:** a `ContinuousMixture` or a `DiscreteMixture`. All derivatives of the components and those in the
    weights (each by itself: their sum is not held at one), to second order. The quantile is found by halving an
    interval, some 60 evaluations of the cdf in float64.

    **Errors:** a `TypeError` where continuous and discrete components are mixed.

    **Source:** `scipy.stats.Mixture`.

    >>> from eqsolve.demand.exponential import Exponential
    >>> demand = mixture((Exponential(10.0), Exponential(30.0)), [0.75, 0.25])
    >>> float(demand.mean()), round(float(demand.loss(30.0)), 3), round(float(demand.ppf(0.5)), 3)
    (15.0, 3.132, 8.734)
    """
    if isinstance(components, Distribution):
        raise TypeError(f"mixture.components is one {type(components).__name__}; give a list of distributions.")
    for i, component in enumerate(components):
        _require_distribution(component, f"mixture.components[{i}]")
    kinds = {component.discrete for component in components}
    if len(kinds) != 1:
        raise TypeError("mixture.components: give one or more distributions, all continuous or all discrete.")
    return (DiscreteMixture if kinds == {True} else ContinuousMixture)(tuple(components), weights)


def _require_distribution(value: Any, what: str) -> None:
    if not isinstance(value, Distribution):
        raise TypeError(f"{what} is a {type(value).__name__}; give a distribution of eqsolve.demand.")
