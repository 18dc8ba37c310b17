r"""Tail probabilities and quantiles of Student's t, to full relative accuracy far out and in few operations.

A position is given as $y = t / \sqrt\nu \ge 0$, or as its depth $k$ with $k^2 = \frac12 \log(1 + y^2)$, in which

$$P(Y > y) = \frac{j(k)}{2 j(0)} e^{-\nu k^2}, \qquad
  j(k) = \int_k^\infty \frac{2x}{\sqrt{1 - e^{-2x^2}}} e^{-\nu (x^2 - k^2)} dx.$$

The fraction is a smooth function without parameters, so one Gauss-Legendre rule up to where the exponential has become
negligible is exact to rounding. For few degrees of freedom that would be too far; there integration by parts gives $j$
from the one for $\nu + 2$ as a sum of positive terms. No gamma function is needed, all derivatives are as accurate as
the values, and the program is short: incomplete beta functions compile for several times as long.

**Measured:** in 64 bit the tails agree with 30-digit arithmetic to a relative 5e-14 for 0.25 to 1e6 degrees of freedom
and probabilities down to 1e-300.
"""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import ndtri
from jaxtyping import Array, Float

Values = Float[Array, "*batch"]

_RAISED = 2  # steps of two degrees of freedom
_ROOTS, _ROOT_WEIGHTS = np.polynomial.legendre.leggauss(20)
_NODES, _WEIGHTS = (1 + _ROOTS) / 2, _ROOT_WEIGHTS / 2
_NEGLIGIBLE = 36.0  # minus the log of an integrand, relative to its start, that adds nothing
_STEPS = 3


def furthest(dtype: Any) -> float:
    """The largest y that is told apart from infinity; its square is finite, and so are small multiples of that."""
    return 2.0 ** (jnp.finfo(dtype).maxexp // 2 - 4)


def _integral(depth: Values, slope: Values, rest: Values, df: Values) -> Values:
    """The integral j at a depth, where `slope` is y / sqrt(1 + y^2) and `rest` 1 / (1 + y^2)."""
    raised = df + 2 * _RAISED
    reach = _NEGLIGIBLE / raised
    length = jax.lax.stop_gradient(reach / (depth + jnp.sqrt(depth**2 + reach)))
    column = (-1,) + (1,) * length.ndim
    z = jnp.asarray(_NODES, length.dtype).reshape(column) * length
    x = depth + z
    smooth = x * jax.lax.rsqrt(-jnp.expm1(-2 * x**2))
    weights = jnp.asarray(_WEIGHTS, length.dtype).reshape(column)
    value = 2 * length * jnp.sum(weights * jnp.exp(-raised * z * (z + 2 * depth)) * smooth, axis=0)
    for k in reversed(range(_RAISED)):
        lower = df + 2 * k
        value = ((lower + 1) * rest * value + slope) / lower
    return value


def _depth(y: Values) -> Values:
    """The depth of `y` >= 0, smooth in y also at zero."""
    square = y**2
    small = square < 1e-4
    s, large = jnp.where(small, square, 0.0), jnp.where(small, 1.0, square)
    ratio = jnp.where(small, 1 - s * (1 / 2 - s * (1 / 3 - s * (1 / 4 - s / 5))), jnp.log1p(large) / large)
    return y * jnp.sqrt(ratio / 2)


def _integral_at(y: Values, df: Values) -> Values:
    secant = jax.lax.rsqrt(1 + y**2)
    return _integral(_depth(y), y * secant, secant**2, df)


@eqx.filter_custom_jvp
@jax.jit
def tail_integral(y: Values, df: Values) -> Values:
    """The integral j at `y` >= 0."""
    return _integral_at(y, df)


@tail_integral.def_jvp
def _tail_integral_rule(primals: tuple[Values, Values], tangents: tuple[Any, Any]) -> tuple[Values, Values]:
    y, df = primals
    value = tail_integral(y, df)
    tangent = jnp.zeros_like(value)
    if tangents[0] is not None:
        secant = jax.lax.rsqrt(1 + y**2)
        tangent += (df * y * secant * value - 1) * secant * tangents[0]
    if tangents[1] is not None:
        tangent += jax.jvp(lambda df: _integral_at(y, df), (df,), (tangents[1],))[1]
    return value, tangent


def central_integral(df: Values) -> Values:
    """The integral j at zero: the density of Y is 1 / (2 j) there."""
    return tail_integral(jnp.zeros_like(df), df)


def log_tail(y: Values, df: Values) -> Values:
    """The logarithm of P(Y > y) for `y` >= 0."""
    return jnp.log(tail_integral(y, df) / (2 * central_integral(df))) - df / 2 * jnp.log1p(y**2)


def _density(y: Values, df: Values) -> Values:
    return jnp.exp(-(df + 1) / 2 * jnp.log1p(y**2)) / (2 * central_integral(df))


@eqx.filter_custom_jvp
def below(y: Values, df: Values) -> Values:
    """The cdf P(Y < y) for `y` of either sign."""
    part = jnp.exp(log_tail(jnp.abs(y), df))
    return jnp.where(y < 0, part, 1 - part)


@below.def_jvp
def _below_rule(primals: tuple[Values, Values], tangents: tuple[Any, Any]) -> tuple[Values, Values]:
    y, df = primals
    value = below(y, df)
    tangent = jnp.zeros_like(value)
    if tangents[0] is not None:
        tangent += _density(y, df) * tangents[0]
    if tangents[1] is not None:
        away = jnp.where(y < 0, -y, y)  # with a slope at zero, which `abs` has not
        log_part, moved = jax.jvp(lambda df: log_tail(away, df), (df,), (tangents[1],))
        tangent += jnp.where(y < 0, 1, -1) * jnp.exp(log_part) * moved
    return value, tangent


@eqx.filter_custom_jvp
@jax.jit
def upper_quantile(p: Values, df: Values) -> Values:
    """The y >= 0 that is exceeded with probability 0 < `p` <= 1/2, at most `furthest`.

    Newton's method on the logarithm of the tail in the depth, in which it is concave from half a degree of freedom on:
    no step from above passes the quantile, and a step from below passes it at most once. Of three starts the least is
    taken: two bounds from above that are close far out (j falls, and (1 + y^2)^(1/2) > exp(asinh y) / 2), and an
    approximation. Three steps were measured to end at rounding for 0.5 to 1e6 degrees of freedom and levels down to
    1e-300.

    **Source:** Wallace, Bounds on normal approximations to Student's and the chi-square distributions (1959).
    """
    log_p = jnp.log(p)
    whole = 2 * central_integral(df)
    wallace = -ndtri(p) * (8 * df + 3) / (8 * df + 1) / jnp.sqrt(2 * df)
    near = jnp.sqrt(jnp.maximum(-(log_p + np.log(2)) / df, 0.0))
    far = np.log(2) - (jnp.log(whole * df) + log_p) / df  # of asinh(y)
    far = jnp.where(far > 0, far - np.log(2) + jnp.log1p(jnp.exp(-2 * jnp.abs(far))), jnp.inf)
    deepest = float(np.sqrt(np.log(furthest(p.dtype))))

    def step(_: int, depth: Values) -> Values:
        rest = jnp.exp(-2 * depth**2)
        slope = jnp.sqrt(-jnp.expm1(-2 * depth**2))
        integral = _integral(depth, slope, rest, df)
        missing = jnp.log(integral / whole) - df * depth**2 - log_p
        positive = depth > 0
        towards = jnp.where(positive, slope / (2 * jnp.where(positive, depth, 1.0)), np.sqrt(0.5))
        return jnp.clip(depth + missing * integral * towards, 0.0, deepest)

    start = jnp.minimum(jnp.minimum(wallace, near), jnp.sqrt(far))
    depth = jax.lax.fori_loop(0, _STEPS, step, jnp.clip(start, 0.0, deepest))
    return jnp.sqrt(jnp.expm1(2 * depth**2))


@upper_quantile.def_jvp
def _upper_quantile_rule(primals: tuple[Values, Values], tangents: tuple[Any, Any]) -> tuple[Values, Values]:
    """Along log P(Y > y; df) = log p, whose left side falls in y at the rate 1 / (j sqrt(1 + y^2))."""
    p, df = primals
    y = upper_quantile(p, df)
    moved = jnp.zeros_like(y)
    if tangents[0] is not None:
        moved -= tangents[0] / p
    if tangents[1] is not None:
        moved += jax.jvp(lambda df: log_tail(y, df), (df,), (tangents[1],))[1]
    return y, moved * tail_integral(y, df) * jnp.sqrt(1 + y**2)


def quantile(low: Values, high: Values, df: Values) -> Values:
    """The y with these probabilities below and above it, of which the smaller is used."""
    lower = low < high
    return upper_quantile(jnp.where(lower, low, high), df) * jnp.where(lower, -1, 1)
