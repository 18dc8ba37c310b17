"""What Monte Carlo and quasi Monte Carlo share: points that are generated, averaged and forgotten."""

import abc
import numbers
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, PRNGKeyArray, PyTree

from eqsolve._checks import require_whole
from eqsolve.demand._random import without_slope
from eqsolve.demand.distribution import Distribution
from eqsolve.demand.joint.joint import JointDiscrete, JointDistribution
from eqsolve.demand.joint.marginals import Coupled
from eqsolve.expectation.estimate import Estimate
from eqsolve.expectation.law_rule import LawRule
from eqsolve.expectation.streaming import Devices

Law = Distribution | JointDistribution


def default_chunk() -> int:
    """Points at a time: few enough for a processor's cache, many enough to keep other devices busy."""
    return 2**16 if jax.default_backend() == "cpu" else 2**22


def whole(value: Any) -> Any:
    """Whole numbers of any library as Python's; all else as it is."""
    return int(value) if isinstance(value, numbers.Integral) and not isinstance(value, bool) else value


class SampledRule(LawRule):
    """A rule that averages over generated points, and says how far off the average may be."""

    key: PRNGKeyArray = eqx.field(kw_only=True)
    points: int = eqx.field(static=True, kw_only=True, default=2**16, converter=whole)
    chunk: int = eqx.field(static=True, kw_only=True, default_factory=default_chunk, converter=whole)
    devices: Devices = eqx.field(static=True, kw_only=True, default=None)

    def __check_init__(self) -> None:
        name = type(self).__name__
        for what, value in (("points", self.points), ("chunk", self.chunk)):
            require_whole(value, f"{name}.{what}", least=1)
        _require_key(self.key, f"{name}.key")
        if self.devices is not None and not (isinstance(self.devices, tuple) and self.devices):
            raise ValueError(f"{name}.devices is {self.devices!r}; give a tuple such as tuple(jax.devices()), or None.")

    @abc.abstractmethod
    def estimate(self, function: Callable[[PyTree], PyTree], law: Law) -> Estimate:
        """E[function(X)] for X of the given law, with its standard error."""

    def _integrate(self, function: Callable[[PyTree], PyTree], law: Any, kinks: Any) -> PyTree:
        del kinks
        return self.estimate(function, law).mean


def _require_key(key: Any, what: str) -> None:
    given = f"of type {type(key).__name__}"
    if isinstance(key, jax.Array):
        if jnp.issubdtype(key.dtype, jax.dtypes.prng_key) and key.shape == ():
            return
        given = f"an array of shape {key.shape} and type {key.dtype}"
    raise TypeError(f"{what} is {given}; give one random key, such as jax.random.key(0).")


def require_law(law: Any, owner: str) -> None:
    """Raise for what has no points to generate."""
    name = type(law).__name__
    if not isinstance(law, (Distribution, JointDistribution)):
        raise TypeError(f"{owner} draws from {name}; give a Distribution or a joint distribution of demands.")
    if isinstance(law, Distribution) and law.shape != ():
        raise ValueError(f"{owner}: {name} has a batch of shape {law.shape}; use jax.vmap over single distributions.")


def dimension(law: Law) -> int:
    """How many uniform numbers make a point."""
    return 1 if isinstance(law, Distribution) else law.size


def transported(law: Law, u: Array) -> Array:
    """Points from uniforms of shape `[points, dimension]`."""
    return law.ppf(u[:, 0]) if isinstance(law, Distribution) else law.transport(u)


def values_at(function: Callable[[PyTree], PyTree], points: Array, dtype: Any) -> PyTree:
    """The function at every point, points last: sums then run along memory."""
    values = jax.vmap(function, out_axes=-1)(points)
    return jax.tree.map(lambda value: jnp.asarray(value, jnp.result_type(value, dtype)), values)


def moving(law: Law, points: Array) -> Array:
    """The points, with derivatives in the law's parameters only where a parameter moves every point."""
    return without_slope(points, law) if _has_steps(law) else points


def _has_steps(law: Law) -> bool:
    if isinstance(law, Coupled):
        return any(marginal.discrete for marginal in law.marginals)
    return isinstance(law, JointDiscrete) or (isinstance(law, Distribution) and law.discrete)
