"""A family seen as a model to estimate: which parameters are free, their ranges, and where a search may start."""

import inspect
import itertools
from collections.abc import Mapping

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from eqsolve._checks import unknown_name
from eqsolve.demand.distribution import Distribution
from eqsolve.demand.fitting.data import Data

REAL, POSITIVE, SHARE = "real", "positive", "share"
PROBE = 0.5  # in the range of locations, scales, shapes and probabilities alike
WIDE = 20.0  # how far logarithms and log-odds may go: factors of 5e8


class Model(eqx.Module):
    """The free parameters of a family with their ranges; all others are held."""

    family: type[Distribution] = eqx.field(static=True)
    names: tuple[str, ...] = eqx.field(static=True)
    ranges: tuple[str, ...] = eqx.field(static=True)
    held: tuple[tuple[str, float], ...] = eqx.field(static=True)

    def law(self, theta: Float[Array, " k"]) -> Distribution:
        """The law with these free parameters."""
        return self.family(**dict(zip(self.names, theta, strict=True)), **dict(self.held))

    def natural(self, y: Float[Array, " k"]) -> Float[Array, " k"]:
        """Parameters from unbounded coordinates: logarithms where positive, log-odds where shares."""
        maps = {REAL: lambda y: y, POSITIVE: jnp.exp, SHARE: jax.nn.sigmoid}
        return jnp.stack([maps[kind](y) for kind, y in zip(self.ranges, y, strict=True)])

    def starts(self, data: Data) -> Float[np.ndarray, "starts k"]:
        """Coordinates worth trying: all combinations of sizes seen in the data and of usual shapes."""
        mean, var, low = data.mean, data.var, data.values.min()
        with np.errstate(divide="ignore", invalid="ignore"):
            ratios = np.array([mean**2, var, mean**2]) / np.array([var, mean, var - mean])
        sizes = np.abs([mean, np.sqrt(var), mean - low, *ratios])
        sizes = [*sizes[np.isfinite(sizes) & (sizes > 0)], 0.5, 1.0, 2.0, 5.0]
        logs = np.log(data.values[data.values > 0])
        spreads = [np.std(logs)] if logs.size > 1 and np.std(logs) > 0 else []
        scales = [float(np.exp(np.mean(logs)))] if logs.size else []
        with np.errstate(divide="ignore"):
            shares = np.array([mean, mean / var, *np.divide(1.0, [mean, 1 + mean])])
        shares = np.array([0.1, 0.3, 0.5, 0.7, 0.9, *shares[(shares > 0) & (shares < 1)]])
        values = {
            REAL: np.array([mean, np.median(data.values), low]),
            POSITIVE: np.log(np.array([*sizes, *spreads, *scales])),
            SHARE: np.log(shares) - np.log1p(-shares),
        }
        return np.array(list(itertools.product(*(values[kind] for kind in self.ranges))))

    def box(self, data: Data) -> tuple[np.ndarray, np.ndarray]:
        """Bounds of the coordinates, wide enough that an estimate on one of them means that there is none."""
        reach = 1e3 * np.sqrt(data.var) + abs(data.mean)
        middle = np.array([data.mean if kind == REAL else 0.0 for kind in self.ranges])
        width = np.array([reach if kind == REAL else WIDE for kind in self.ranges])
        return middle - width, middle + width


def model_of(family: type[Distribution], fixed: Mapping[str, float] | None) -> Model:
    """The model of a family.

    Parameters that move an end of the support are held at their defaults: the likelihood has no smooth maximum in them.
    """
    if not (isinstance(family, type) and issubclass(family, Distribution)):
        raise TypeError(f"fit: family is {family!r}; give a class of distributions, such as `Uniform`.")
    known = inspect.signature(family).parameters
    for name in fixed or {}:
        if name not in known:
            raise ValueError(unknown_name(f"fit: fixed parameter of {family.__name__}", name, known))
    # an infinite default is a bound that is absent
    absent = {name: each.default for name, each in known.items() if isinstance(each.default, float)}
    held = {name: value for name, value in absent.items() if np.isinf(value)}
    held |= {name: float(value) for name, value in (fixed or {}).items()}
    free = [name for name in known if name not in held]
    middle = dict.fromkeys(free, PROBE) | held
    if not _allowed(family, middle):
        raise ValueError(
            f"fit cannot vary the parameters {', '.join(free)} of {family.__name__}; hold those that are counts or ends"
            ' of the support with `fixed`, such as fixed={"n": 10}.'
        )
    for name in list(free):
        if _moves_an_end(family, middle, name):
            default = known[name].default
            if not isinstance(default, (int, float)):
                raise ValueError(
                    f"fit: {family.__name__}.{name} moves an end of the support, so its likelihood has no smooth"
                    f' maximum; give its value with fixed={{"{name}": ...}}.'
                )
            held[name] = float(default)
            free.remove(name)
    middle = dict.fromkeys(free, PROBE) | held
    return Model(family, tuple(free), tuple(_range(family, middle, name) for name in free), tuple(held.items()))


def _allowed(family: type[Distribution], given: Mapping[str, float]) -> bool:
    try:
        return bool(family(**given)._valid)
    except (ValueError, TypeError):
        return False


def _range(family: type[Distribution], middle: Mapping[str, float], name: str) -> str:
    if _allowed(family, {**middle, name: -1.0}):
        return REAL
    return POSITIVE if _allowed(family, {**middle, name: 2.0}) else SHARE


def _moves_an_end(family: type[Distribution], middle: Mapping[str, float], name: str) -> bool:
    ends = np.asarray(family(**middle).support())
    moved = np.asarray(family(**{**middle, name: PROBE + 0.1}).support())
    return bool(np.any(np.isfinite(ends) & (ends != moved)))
