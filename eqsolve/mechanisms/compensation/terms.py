"""Output, performance and cost as sums of standard terms, or as functions of your own.

Effort is a matrix: row i is what department i does, column j what is done for department j. Every class has zero
coefficients by default, so one class covers the quadratic, square-root and logarithmic models of the literature, and
programs are compiled once for all of them.
"""

import abc
from collections.abc import Callable
from typing import Any, Self

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, PyTree

from eqsolve._checks import as_parameters, require_callable, require_finite, require_no_captured_arrays
from eqsolve._fields import as_fields, require_sized

Effort = Float[Array, "n n"]
NEAR_ZERO = 1e-9  # below this effort a square root continues along its chord to zero, where its slope is finite


class Standard(eqx.Module):
    """A sum of standard terms, whose coefficients may be written as one number for all."""

    @abc.abstractmethod
    def shapes(self, departments: int) -> dict[str, tuple[int, ...]]:
        """The shape of every coefficient for so many departments."""

    def __check_init__(self) -> None:
        owner, ranks = type(self).__name__, {name: len(shape) for name, shape in self.shapes(1).items()}
        require_sized(owner, ranks, **{name: getattr(self, name) for name in ranks})
        require_finite(self, owner)

    def sized(self, departments: int) -> Self:
        """The same terms with every coefficient written out; raises where a shape does not fit."""
        owner, full = type(self).__name__, {}
        for name, shape in self.shapes(departments).items():
            value = getattr(self, name)
            if value.shape not in ((), shape):
                raise ValueError(f"{owner}.{name} has shape {value.shape}; give one number or an array of {shape}.")
            full[name] = jnp.broadcast_to(value, shape)
        return type(self)(**full)


class StandardOutput(Standard):
    r"""The firm's output $f = f_0 + \sum_{ij} (l e - c e^2 + r \sqrt e + g \ln(1 + e))$ + synergy, with $e = e_{ij}$.

    Synergy is $\sum_{i<j} k_{ij} e_{ij} e_{ji} + \sum_{i<j} m_{ij} \sqrt{e_{ij} e_{ji}}$: help that is returned.

    **Arguments** (numbers, or arrays of shape `[n, n]` except for `base`):

    - `base` $f_0$ [money]: output without effort. `linear` $l$, `curve` $c$, `root` $r$, `log` $g$: the separable part.
    - `synergy` $k$, `root_synergy` $m$: read above the diagonal only.

    Square roots continue along a chord below 1e-9, so that slopes are finite at zero effort.

    **Errors:** `TypeError` and `ValueError` that name the field and the value.
    **Source:** Nam (paper 004), section 4, and the test models of square roots and logarithms.

    >>> output = StandardOutput(base=1.0, linear=2.0, curve=1.0)
    >>> float(output(jnp.array([[1.0, 0.0], [0.0, 1.0]])))
    3.0
    """

    base: Float[Array, ""]
    linear: Float[Array, "..."]
    curve: Float[Array, "..."]
    root: Float[Array, "..."]
    log: Float[Array, "..."]
    synergy: Float[Array, "..."]
    root_synergy: Float[Array, "..."]

    def __init__(
        self,
        base: Any = 0.0,
        linear: Any = 0.0,
        curve: Any = 0.0,
        root: Any = 0.0,
        log: Any = 0.0,
        synergy: Any = 0.0,
        root_synergy: Any = 0.0,
    ):
        given = {"base": base, "linear": linear, "curve": curve, "root": root, "log": log}
        given |= {"synergy": synergy, "root_synergy": root_synergy}
        for name, value in as_fields("StandardOutput", **given).items():
            setattr(self, name, value)

    def shapes(self, departments: int) -> dict[str, tuple[int, ...]]:
        """The shape of every coefficient for so many departments."""
        each = (departments, departments)
        matrices = ("linear", "curve", "root", "log", "synergy", "root_synergy")
        return {"base": ()} | dict.fromkeys(matrices, each)

    def __call__(self, effort: Effort) -> Float[Array, ""]:
        """Output at this effort [money]."""
        roots = square_root(effort)
        separable = self.linear * effort - self.curve * effort**2 + self.root * roots + self.log * jnp.log1p(effort)
        returned = self.synergy * effort * effort.T + self.root_synergy * roots * roots.T
        return self.base + jnp.sum(separable) + jnp.sum(jnp.triu(returned, k=1))


class StandardPerformance(Standard):
    r"""Each department's measure $V_j = v_j + \sum_i (l_{ij} e_{ij} + r_{ij} \sqrt{e_{ij}}) - c_j (\sum_i e_{ij})^2$.

    Only effort for department j (column j) counts.

    **Arguments:** `base` $v$, `curve` $c$: numbers or `[n]`. `linear` $l$, `root` $r$: numbers or `[n, n]`. The measure
    need not be money: its unit is undone by the rate that is paid for it.
    **Errors:** `TypeError` and `ValueError` that name the field and the value.
    **Source:** Nam (paper 004), section 2.

    >>> performance = StandardPerformance(linear=4.0, curve=1.0)
    >>> performance(jnp.array([[1.0, 0.0], [0.5, 1.0]])).tolist()
    [3.75, 3.0]
    """

    base: Float[Array, "..."]
    linear: Float[Array, "..."]
    root: Float[Array, "..."]
    curve: Float[Array, "..."]

    def __init__(self, base: Any = 0.0, linear: Any = 0.0, root: Any = 0.0, curve: Any = 0.0):
        for name, value in as_fields("StandardPerformance", base=base, linear=linear, root=root, curve=curve).items():
            setattr(self, name, value)

    def shapes(self, departments: int) -> dict[str, tuple[int, ...]]:
        """The shape of every coefficient for so many departments."""
        n = departments
        return {"base": (n,), "linear": (n, n), "root": (n, n), "curve": (n,)}

    def __call__(self, effort: Effort) -> Float[Array, " n"]:
        """Every department's measure at this effort."""
        received = jnp.sum(effort, axis=0)
        return (
            self.base
            + jnp.sum(self.linear * effort + self.root * square_root(effort), axis=0)
            - self.curve * received**2
        )


class StandardCost(Standard):
    r"""Each department's cost $C_i = c_i + \sum_j (u_{ij} e_{ij} + q_{ij} e_{ij}^2 / 2) + t_i (\sum_j e_{ij})^2 / 2$.

    Only department i's own effort (row i) counts. `total` alone gives costs of the sum of efforts.

    **Arguments:** `fixed` $c$ [money], `total` $t$: numbers or `[n]`. `unit` $u$, `slope` $q$: numbers or `[n, n]`.
    **Errors:** `TypeError` and `ValueError` that name the field and the value.
    **Source:** Nam (paper 004), section 2.

    >>> StandardCost(unit=1.0)(jnp.array([[1.0, 0.5], [0.0, 1.0]])).tolist()
    [1.5, 1.0]
    """

    fixed: Float[Array, "..."]
    unit: Float[Array, "..."]
    slope: Float[Array, "..."]
    total: Float[Array, "..."]

    def __init__(self, fixed: Any = 0.0, unit: Any = 0.0, slope: Any = 0.0, total: Any = 0.0):
        for name, value in as_fields("StandardCost", fixed=fixed, unit=unit, slope=slope, total=total).items():
            setattr(self, name, value)

    def shapes(self, departments: int) -> dict[str, tuple[int, ...]]:
        """The shape of every coefficient for so many departments."""
        n = departments
        return {"fixed": (n,), "unit": (n, n), "slope": (n, n), "total": (n,)}

    def __call__(self, effort: Effort) -> Float[Array, " n"]:
        """Every department's cost at this effort [money]."""
        spent = jnp.sum(effort, axis=1)
        separable = jnp.sum(self.unit * effort + self.slope * effort**2 / 2, axis=1)
        return self.fixed + separable + self.total * spent**2 / 2


class Custom(eqx.Module):
    """A function of your own, `(params, effort) -> array`, with the arrays that may be swept.

    **Arguments:** `function`: defined at module level, capturing no arrays; it returns a number for output, an array
    `[n]` for performance and cost. `params`: pytree of arrays, or None.
    **Errors:** `TypeError` and `ValueError` that name what is wrong.

    >>> def saturating(params, effort):
    ...     return params["scale"] * (1 - jnp.exp(-jnp.sum(effort)))
    >>> float(Custom(saturating, {"scale": 2.0})(jnp.zeros((2, 2))))
    0.0
    """

    params: PyTree
    function: Callable[..., Any] = eqx.field(static=True)

    def __init__(self, function: Callable[..., Any], params: PyTree = None):
        self.function, self.params = function, as_parameters(params)

    def __check_init__(self) -> None:
        require_callable(self.function, "Custom.function")
        require_no_captured_arrays(self.function, "Custom.function")
        require_finite(self.params, "Custom.params")

    def __call__(self, effort: Effort) -> Array:
        """The function's value at this effort."""
        return jnp.asarray(self.function(self.params, effort))


def square_root(effort: Array) -> Array:
    """Square root from `NEAR_ZERO` on; below it the chord to zero, which is exact at zero and has a finite slope."""
    large = effort >= NEAR_ZERO
    return jnp.where(large, jnp.sqrt(jnp.where(large, effort, 1.0)), effort / NEAR_ZERO**0.5)
