"""Gauss rules split at the kinks of the integrand, for one continuous demand.

The levels q of the quantile x(q) are integrated. Kinks, and one fixed level in the middle, cut [0, 1] into pieces. On
each piece the tail probability v on its side of the middle, v = q below it and v = 1 - q above it, is written as
exp(-s), so that polynomial and logarithmic ends (Gamma at zero, the tails of the normal) become smooth in s; and s is
quadratic in the Legendre node, which gathers nodes at the middle, where s would see the other end of [0, 1] come near.
At 32 nodes a piece is exact to rounding for normal, exponential, Gamma, Weibull, lognormal, Student and uniform demand
and polynomial growth. The classical rules for whole lines (Hermite, Laguerre) are no shorter, and wrong across a kink.

Levels at a kink y are cdf(y), so the cuts, and with them the nodes, move with y and with the law's parameters: this is
what makes second derivatives right.
"""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PyTree

from eqsolve._checks import require_callable, require_no_captured_arrays
from eqsolve.demand.distribution import Distribution
from eqsolve.expectation.law_rule import LawRule


class Gauss(LawRule):
    """Expectations over one continuous demand by a Gauss rule that is split where the integrand has kinks.

    **Arguments:**

    - `law`: function `params -> Distribution` of one continuous demand; None where the parameters are the distribution.
    - `nodes`: nodes per piece; at 32 a piece is exact to rounding for smooth integrands of moderate growth. With k
      kinks there are k + 2 pieces. Levels end one rounding unit below 1, so what heavy tails hold beyond is lost: of
      E(X^2) of a log-normal law 1e-5 for s = 2 and 1e-2 for s = 3 in 64 bit, 5e-4 for s = 1 in 32 bit.
    - `breakpoints`: function `(params, actions) -> kinks`, a number, an array or a tuple of them [units]: the demands
      at which the integrand has a kink or a jump, for instance the stock. Those outside the support do no harm.

    **Derivatives:** first and second, forward and reverse, in everything the integrand, the law and the breakpoints
    depend on. Second derivatives are right only where every kink is named; where two kinks that both move coincide
    exactly, only first derivatives are.

    **Errors:** `ValueError` for fewer than two nodes, a batch of distributions (use `jax.vmap`) or a discrete one
    (without a rule `expect` sums finite ones exactly). Invalid traced parameters and NaN kinks give NaN.

    **Source:** Davis and Rabinowitz, *Methods of Numerical Integration*, section 2.7 (Gauss-Legendre).

    >>> from eqsolve.demand.uniform import Uniform
    >>> rule = Gauss(lambda params: params["demand"], breakpoints=lambda params, actions: actions["stock"])
    >>> params, actions = {"demand": Uniform(10.0, 20.0)}, {"stock": 15.0}
    >>> round(float(rule.expect(lambda x: jnp.minimum(x, actions["stock"]), params, actions)), 4)
    14.375
    """

    nodes: int = eqx.field(static=True, default=32)
    breakpoints: Callable[[PyTree, PyTree], Any] | None = eqx.field(static=True, default=None)

    def __check_init__(self) -> None:
        super().__check_init__()  # Equinox would run it last, after checks that rely on it
        if not isinstance(self.nodes, int) or self.nodes < 2:
            raise ValueError(f"Gauss.nodes is {self.nodes!r}; give a whole number of at least 2.")
        require_callable(self.breakpoints, "Gauss.breakpoints")
        require_no_captured_arrays(self.breakpoints, "Gauss.breakpoints")

    def kinks_of(self, params: PyTree, actions: PyTree) -> Any:
        """The breakpoints at these parameters and actions."""
        return () if self.breakpoints is None else self.breakpoints(params, actions)

    def _integrate(self, function: Callable[[PyTree], PyTree], law: Distribution, kinks: Any) -> PyTree:
        _require_one_continuous(law)
        levels, weights = split_levels(law.cdf(_as_vector(kinks, law.dtype)), self.nodes)
        values = jax.vmap(function, out_axes=-1)(law.ppf(levels))
        return jax.tree.map(lambda value: jnp.sum(weights * value, axis=-1), values)


def _require_one_continuous(law: Distribution) -> None:
    name = type(law).__name__
    if not isinstance(law, Distribution):
        raise TypeError(
            f"Gauss integrates over {name}; give a Distribution of one demand, or for several demands the rule"
            " MonteCarlo or QuasiMonteCarlo."
        )
    if law.discrete:
        raise ValueError(
            f"Gauss: {name} is discrete; without a rule `expect` sums finite laws exactly, those with infinitely many"
            " values need MonteCarlo."
        )
    if law.shape != ():
        raise ValueError(f"Gauss: {name} has a batch of shape {law.shape}; use jax.vmap over single distributions.")


def _as_vector(kinks: Any, dtype: Any) -> Float[Array, " kinks"]:
    parts = [jnp.ravel(jnp.asarray(kink, dtype)) for kink in jax.tree.leaves(kinks)]
    return jnp.concatenate([jnp.zeros(0, dtype), *parts])


def split_levels(cuts: Float[Array, " kinks"], nodes: int) -> tuple[Float[Array, " nodes"], Float[Array, " nodes"]]:
    """The levels of all pieces in one row, and their weights, which sum to one."""
    dtype = cuts.dtype
    least = jnp.asarray(jnp.finfo(dtype).epsneg, dtype)  # the smallest level with a partner below one
    middle = _middle(cuts)
    edges = jnp.sort(jnp.clip(jnp.concatenate([jnp.stack([least, middle, 1 - least]), cuts]), least, 1 - least))
    low, high = edges[:-1, None], edges[1:, None]
    below = (low + high) / 2 < middle
    start = -jnp.log(jnp.where(below, high, 1 - low))
    stop = -jnp.log(jnp.where(below, low, 1 - high))
    legendre, shares = np.polynomial.legendre.leggauss(nodes)
    t = jnp.asarray((legendre + 1) / 2, dtype)
    shares = jnp.asarray(shares / 2, dtype)
    tail = jnp.exp(-(start + (stop - start) * t**2))
    weights = (stop - start) * 2 * t * shares * tail
    return jnp.ravel(jnp.where(below, tail, 1 - tail)), jnp.ravel(weights)


def _middle(cuts: Float[Array, " kinks"]) -> Float[Array, ""]:
    """A level in the middle away from all kinks: a piece of no width would put its nodes on a kink, between slopes."""
    candidates = jnp.linspace(0.4, 0.6, cuts.size + 2, dtype=cuts.dtype)
    if cuts.size == 0:
        return candidates[0]
    gaps = jnp.min(jnp.abs(candidates[:, None] - jax.lax.stop_gradient(cuts)), axis=1)
    return candidates[jnp.argmax(gaps)]
