r"""Incomplete gamma and beta integrals whose every derivative is as accurate as their value.

For a density $f$ the families need its repeated integrals from both sides, of order $k$ = 1, 2, 3:

    below = E((x - X)^+)^(k-1) / (k-1)!        above = E((X - x)^+)^(k-1) / (k-1)!

that is the cdf and the survival function, overstock and loss, and the second-order pair. The integral on the side of
`x` away from the mean is computed by quadrature of a positive integrand, so it stays accurate where it is tiny; the
one on the other side follows without cancellation from the moments. The rule has fixed nodes, so JAX differentiates
under the integral in every argument, which its own `gammaincc` and `betainc` do not offer (no second derivative in the
shape, no derivative in the shapes).

**Source:** H. Takahasi and M. Mori, Double exponential formulas for numerical integration (1974), the rule for
integrands that decay like $e^{-u}$; the scaled densities follow C. Loader, Fast and accurate computation of binomial
probabilities (2000).
"""

import functools
import math
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from eqsolve._fields import require_values

Values = Float[Array, "*batch"]

# u = exp(v - exp(-v)) on evenly spaced v: measured to leave 1e-12 for shapes from 0.01 and 1e-10 from this one
SMALLEST_SHAPE = 1e-3
_GRID = np.linspace(-3.5, 4.4, 72)
_NODES = np.exp(_GRID - np.exp(-_GRID))
_WEIGHTS = (_GRID[1] - _GRID[0]) * _NODES * (1 + np.exp(-_GRID))


def require_shape(value: Array, what: str) -> None:
    """Raise where a concrete shape parameter is too small for the rule."""
    require_values(value, lambda a: a >= SMALLEST_SHAPE, what, f"give numbers of {SMALLEST_SHAPE} or more")


def valid_shape(value: Values) -> Bool[Array, "*batch"]:
    """Whether a shape parameter is in the range of the rule."""
    return (value >= SMALLEST_SHAPE) & jnp.isfinite(value)


def half_line(integrand: Callable[[Values], Values], scale: Values) -> Values:
    """The integral over u > 0 of a smooth `integrand` that starts near one and has decayed after a few `scale`.

    `scale` has the full shape of the batch; the integrand sees one more axis, in front. The result does not depend on
    `scale`, so nothing is differentiated through it.
    """
    scale = jax.lax.stop_gradient(scale)
    column = (-1,) + (1,) * scale.ndim
    nodes = jnp.asarray(_NODES, scale.dtype).reshape(column) * scale
    weights = jnp.asarray(_WEIGHTS, scale.dtype).reshape(column)
    return scale * jnp.sum(weights * integrand(nodes), axis=0)


def _log(x: Values) -> Values:
    """The logarithm, with second derivatives however small `x` is: those of `jnp.log` form 1 / x^2, which overflows."""
    size = jax.lax.stop_gradient(1 / x)
    return jnp.log(x * size) - jnp.log(size)


def log_ratio_remainder(x: Values, a: Values) -> Values:
    r"""$\log(x/a) - (x - a)/a \le 0$ for positive `x` and `a`, without cancellation near $x = a$."""
    excess = (x - a) / a
    near = jnp.abs(excess) < 0.1
    r = jnp.where(near, (x - a) / (x + a), 0.0)
    # log(x/a) = 2 artanh(r), and 2 r - excess = -r excess
    odd = r**2 * _polynomial(r**2, [1 / (2 * j + 3) for j in range(7)])
    return jnp.where(near, r * (2 * odd - jnp.where(near, excess, 0.0)), _log(x / a) - excess)


def stirling_remainder(a: Values) -> Values:
    r"""$\log \Gamma(a) - (a - \frac12) \log a + a - \frac12 \log 2\pi$ for `a` > 0."""
    shift = 10
    small = a < shift
    large = jnp.where(small, a + shift, a)
    coefficients = [1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188, -691 / 360360, 1 / 156]
    series = _polynomial(1 / large**2, coefficients) / large
    low = jnp.where(small, a, 1.0)
    rising = jnp.log(math.prod(low + j for j in range(shift)))
    descent = (low + shift - 0.5) * jnp.log(low + shift) - shift - rising - (low - 0.5) * jnp.log(low)
    return series + jnp.where(small, descent, 0.0)


def _polynomial(x: Values, coefficients: list[float]) -> Values:
    """Constant first, by Horner's rule."""
    value = jnp.full_like(x, coefficients[-1])
    for coefficient in coefficients[-2::-1]:
        value = value * x + coefficient
    return value


def log_gamma_density(a: Values, x: Values) -> Values:
    r"""$\log(x^a e^{-x} / \Gamma(a))$: the log density of $\log X$ for a gamma variable of shape `a`."""
    return jnp.log(a / (2 * jnp.pi)) / 2 - stirling_remainder(a) + a * log_ratio_remainder(x, a)


def log_beta_density(a: Values, b: Values, x: Values, rest: Values) -> Values:
    r"""$\log(x^a (1-x)^b / B(a, b))$ with `rest` = 1 - x: the log density of the logit of a beta variable."""
    total = a + b
    scale = jnp.log(a * (b / total) / (2 * jnp.pi)) / 2
    remainders = stirling_remainder(total) - stirling_remainder(a) - stirling_remainder(b)
    deviance = a * log_ratio_remainder(x, a / total) + b * log_ratio_remainder(rest, b / total)
    return scale + remainders + deviance


# one program: op by op the rule takes long to start outside jit
@functools.partial(jax.jit, static_argnums=0)
def gamma_integrals(order: int, a: Values, x: Values) -> tuple[Values, Values]:
    """The integrals of `order` 1, 2 or 3 below and above `x` for a gamma variable of shape `a` > 0."""
    a, x = jnp.broadcast_arrays(a, x)
    left = x < a
    near = jnp.where(_positive(x) & left, x, a / 2)
    far = jnp.where(left | jnp.isinf(x), 2 * a, x)
    below = jnp.where(_positive(x), _gamma_below(order, a, near), 0.0)
    above = jnp.where(jnp.isinf(x), 0.0, _gamma_above(order, a, far))
    return _both_sides(order, left, jnp.where(left, below, above), a - x, a, x)


def _gamma_below(order: int, a: Values, x: Values) -> Values:
    """At 0 < `x` < `a`, with t = x exp(-u)."""

    def integrand(u: Values) -> Values:
        fall = -jnp.expm1(-u)
        return jnp.exp(x * fall - a * u) * fall ** (order - 1)

    scale = 1 / (a - x + 1.5 * jnp.minimum(jnp.sqrt(x), a))
    size = jnp.exp(log_gamma_density(a, x)) * x ** (order - 1) / math.factorial(order - 1)
    return size * half_line(integrand, scale)


def _gamma_above(order: int, a: Values, x: Values) -> Values:
    """At `x` >= `a`, with t = x + u."""

    def integrand(u: Values) -> Values:
        return jnp.exp((a - 1) * jnp.log1p(u / x) - u) * u ** (order - 1)

    scale = 1 / ((x - a) / x + 1.5 / jnp.sqrt(x + 1))
    size = jnp.exp(log_gamma_density(a, x)) / (x * math.factorial(order - 1))
    return size * half_line(integrand, scale)


# one program: op by op the rule takes long to start outside jit
@functools.partial(jax.jit, static_argnums=0)
def beta_integrals(order: int, a: Values, b: Values, x: Values, rest: Values) -> tuple[Values, Values]:
    """The integrals of `order` 1, 2 or 3 below and above `x` for a beta variable of shapes `a` and `b`.

    `rest` is 1 - x, given apart so that it is accurate where it is small.
    """
    a, b, x, rest = jnp.broadcast_arrays(a, b, x, rest)
    total = a + b
    ahead = (a * rest - b * x) / total
    left = ahead > 0
    # the integral above x is the one below 1 - x with the shapes exchanged
    shape, other = jnp.where(left, a, b), jnp.where(left, b, a)
    near, far = jnp.where(left, x, rest), jnp.where(left, rest, x)
    inside = ~(near < jnp.finfo(near.dtype).tiny)  # true of NaN, which passes through
    near, far = jnp.where(inside, near, shape / total / 2), jnp.where(inside, far, 1 - shape / total / 2)
    part = jnp.where(inside, _beta_below(order, shape, other, near, far), 0.0)
    variance = (a / total) * (b / total) / (total + 1)
    return _both_sides(order, left, part, ahead, variance, x)


def _beta_below(order: int, a: Values, b: Values, x: Values, rest: Values) -> Values:
    """At 0 < `x` up to the mean, with t = x exp(-u)."""

    def integrand(u: Values) -> Values:
        fall = -jnp.expm1(-u)
        return jnp.exp((b - 1) * jnp.log1p(fall * x / rest) - a * u) * fall ** (order - 1)

    slope = jnp.clip(a - (b - 1) * x / rest, 0.0, a)
    bend = jnp.sqrt(jax.lax.stop_gradient(jnp.abs(b - 1) * x)) / rest
    scale = 1 / (slope + 1.5 * jnp.minimum(bend, a))
    size = jnp.exp(log_beta_density(a, b, x, rest)) / rest * x ** (order - 1) / math.factorial(order - 1)
    return size * half_line(integrand, scale)


def _positive(x: Values) -> Values:
    return x >= jnp.finfo(x.dtype).tiny


def _both_sides(
    order: int, left: Values, part: Values, ahead: Values, variance: Values, x: Values
) -> tuple[Values, Values]:
    """(below, above) from the one that is known, which is `below` where `left`; the mean is `ahead` of `x`."""
    if order == 2:
        return jnp.where(left, part, part - ahead), jnp.where(left, part + ahead, part)
    whole = jnp.ones_like(x) if order == 1 else (ahead**2 + variance) / 2
    return jnp.where(left, part, whole - part), jnp.where(left, whole - part, part)
