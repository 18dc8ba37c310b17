"""What every demand distribution offers, and how each of its functions is differentiated.

A family writes plain formulas (`_cdf`, `_loss`, ...). The public methods add what all families share: the derivative in
the argument is the next function of the chain

    second-order loss -> -loss -> survival function -> -density,        overstock -> cdf -> density,

whatever the formula, and that of the quantile follows from the cdf; derivatives in the parameters come from the
formulas. Traced parameters outside their range give NaN, never a plausible number.
"""

import abc
from collections.abc import Callable
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, PRNGKeyArray

from eqsolve._fields import as_fields, require_broadcast, require_values
from eqsolve._tangents import pushed_forward
from eqsolve.demand import _random

Values = Float[Array, "*batch"]


class Distribution(eqx.Module):
    """The distribution of one demand: a frozen pytree of parameter arrays.

    Parameters may have any shapes that broadcast against each other and against the arguments of the methods, as in
    `scipy.stats`, whose names and parameters are used where it has them. Every method is elementwise and works under
    `jit`, `vmap` and `grad`.
    """

    discrete: ClassVar[bool] = False

    # ---- what a family writes: formulas without checks, for valid parameters ----

    @property
    @abc.abstractmethod
    def _valid(self) -> Bool[Array, "*batch"]:
        """Whether the parameters are in their range."""

    @abc.abstractmethod
    def _density(self, x: Values) -> Values:
        """The density, or the probability of the value `x` where the family is discrete."""

    @abc.abstractmethod
    def _cdf(self, x: Values) -> Values: ...

    @abc.abstractmethod
    def _sf(self, x: Values) -> Values: ...

    @abc.abstractmethod
    def _ppf(self, q: Values) -> Values: ...

    @abc.abstractmethod
    def _loss(self, y: Values) -> Values: ...

    @abc.abstractmethod
    def _overstock(self, y: Values) -> Values: ...

    @abc.abstractmethod
    def _second_loss(self, y: Values) -> Values: ...

    @abc.abstractmethod
    def _mean(self) -> Values: ...

    @abc.abstractmethod
    def _var(self) -> Values: ...

    @abc.abstractmethod
    def _support(self) -> tuple[Values, Values]: ...

    def _sample(self, key: PRNGKeyArray, shape: tuple[int, ...]) -> Values:
        """Draws of the given full shape; by default the quantile of uniform numbers."""
        return self._ppf(_random.uniform(key, shape, self.dtype))

    # ---- what a user calls ----

    @property
    def dtype(self) -> Any:
        """The precision of the parameters."""
        return jnp.result_type(*(leaf for leaf in jax.tree.leaves(self) if eqx.is_inexact_array(leaf)))

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the batch of distributions: that of all parameters broadcast together."""
        return jnp.shape(self._valid)

    def cdf(self, x: Any) -> Values:
        r"""The probability $P(X \le x)$."""
        return _cdf(self, self._argument(x))

    def sf(self, x: Any) -> Values:
        """The survival function $P(X > x)$, accurate where it is small."""
        return _sf(self, self._argument(x))

    def ppf(self, q: Any) -> Values:
        r"""The quantile: the smallest $x$ with $P(X \le x) \ge q$; NaN for $q$ outside [0, 1]."""
        return _ppf(self, self._argument(q))

    def loss(self, y: Any) -> Values:
        """The expected shortage $n(y) = E(X - y)^+$, accurate where it is small."""
        return _loss(self, self._argument(y))

    def overstock(self, y: Any) -> Values:
        """The expected leftover $E(y - X)^+$, accurate where it is small."""
        return _overstock(self, self._argument(y))

    def second_loss(self, y: Any) -> Values:
        r"""The second-order loss $\frac12 E[((X - y)^+)^2]$, the integral of `loss` from $y$ upwards."""
        return _second_loss(self, self._argument(y))

    def expected_min(self, y: Any) -> Values:
        r"""Expected sales $E \min(y, X)$."""
        y = self._argument(y)
        # either difference may cancel, but not both: the smaller subtrahend loses fewer digits
        loss, overstock = self.loss(y), self.overstock(y)
        return jnp.where(jnp.abs(loss) < jnp.abs(overstock), self.mean() - loss, y - overstock)

    def mean(self) -> Values:
        """The mean."""
        return self._checked(self._mean())

    def var(self) -> Values:
        """The variance."""
        return self._checked(self._var())

    def std(self) -> Values:
        """The standard deviation."""
        variance = self.var()
        return jnp.where(variance > 0, jnp.sqrt(jnp.where(variance > 0, variance, 1.0)), variance)

    def support(self) -> tuple[Values, Values]:
        """The smallest and the largest possible value; infinite where there is none."""
        low, high = self._support()
        return self._checked(low), self._checked(high)

    def sample(self, key: PRNGKeyArray, shape: tuple[int, ...] = ()) -> Values:
        """Independent draws.

        **Arguments:** `key`: a random key of `jax.random`. `shape`: how many, before the batch of parameters.
        **Returns:** an array of shape `shape + self.shape`.
        """
        return self._checked(self._sample(key, (*shape, *self.shape)))

    def _argument(self, value: Any) -> Values:
        return jnp.asarray(value, self.dtype)

    def _checked(self, value: Values) -> Values:
        return jnp.where(self._valid, value, jnp.nan)


class Continuous(Distribution):
    """A distribution with a density."""

    def pdf(self, x: Any) -> Values:
        """The density."""
        return self._checked(self._density(self._argument(x)))


class Discrete(Distribution):
    """A distribution on countably many values.

    Slopes in the argument are those for a rising argument: at a possible value, `overstock` rises with the cdf and
    `loss` falls with the survival function. The cdf itself has slope zero wherever it has one.
    """

    discrete: ClassVar[bool] = True

    def pmf(self, x: Any) -> Values:
        """The probability of the value `x`; zero between possible values."""
        return self._checked(self._density(self._argument(x)))


def parameters(owner: str, infinite: tuple[str, ...] = (), /, **given: Any) -> dict[str, Array]:
    """The parameters of a family as arrays of one precision.

    An error names the field where one is no number, or no finite one and not among those that may be `infinite`.
    """
    fields = as_fields(owner, **given)
    for name, value in fields.items():
        if isinstance(value, jax.Array) and name not in infinite:
            require_values(value, np.isfinite, f"{owner}.{name}", "give finite numbers")
    require_broadcast(owner, **{name: value.shape for name, value in fields.items() if isinstance(value, jax.Array)})
    return fields


Formula = Callable[[Any, Values], Values]


def _differentiable(name: str, slope: Formula) -> Formula:
    """A family's formula with a given slope in its argument, and its own derivatives in the parameters."""

    def formula(law: Distribution, y: Values) -> Values:
        return law._checked(getattr(law, name)(y))

    evaluate = eqx.filter_custom_jvp(formula)

    @evaluate.def_jvp
    def _rule(primals: tuple[Any, Values], tangents: tuple[Any, Values | None]) -> tuple[Values, Values]:
        law, y = primals
        law_tangent, y_tangent = tangents
        value = evaluate(law, y)
        tangent = jnp.zeros_like(value)
        if y_tangent is not None:
            tangent += slope(law, y) * y_tangent
        if jax.tree.leaves(law_tangent):
            tangent += pushed_forward(lambda law: formula(law, y), law, law_tangent)[0]
        return value, tangent

    return evaluate


def _density_slope(sign: float) -> Formula:
    def slope(law: Distribution, x: Values) -> Values:
        return jnp.zeros_like(x) if law.discrete else sign * law._checked(law._density(x))

    return slope


_cdf = _differentiable("_cdf", _density_slope(1.0))
_sf = _differentiable("_sf", _density_slope(-1.0))
_overstock = _differentiable("_overstock", _cdf)
_loss = _differentiable("_loss", lambda law, y: -_sf(law, y))
_second_loss = _differentiable("_second_loss", lambda law, y: -_loss(law, y))


@eqx.filter_custom_jvp
def _ppf(law: Distribution, q: Values) -> Values:
    inside = (q >= 0) & (q <= 1)
    return law._checked(jnp.where(inside, law._ppf(jnp.where(inside, q, 0.5)), jnp.nan))


@_ppf.def_jvp
def _ppf_rule(primals: tuple[Any, Values], tangents: tuple[Any, Values | None]) -> tuple[Values, Values]:
    """Along the quantile F(x; theta) = q: f dx + dF/dtheta dtheta = dq. Where the cdf has steps only values move."""
    law, q = primals
    law_tangent, q_tangent = tangents
    x = _ppf(law, q)
    moved = jnp.zeros_like(x) if q_tangent is None or law.discrete else jnp.broadcast_to(q_tangent, x.shape)
    if jax.tree.leaves(law_tangent) and law.discrete:
        moved += pushed_forward(lambda law: law._ppf(q), law, law_tangent)[0]
    elif jax.tree.leaves(law_tangent):
        moved -= pushed_forward(lambda law: _cdf(law, x), law, law_tangent)[0]
    return x, moved if law.discrete else moved / law._density(x)
