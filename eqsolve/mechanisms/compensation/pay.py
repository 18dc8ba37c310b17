"""What departments are paid for: schemes 1 to 4, pay out of an excess, and pay of your own."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, PyTree

from eqsolve._checks import as_parameters, require_callable, require_finite, require_no_captured_arrays
from eqsolve._fields import as_fields, require_scalar, require_sized, require_vector


class Pay(eqx.Module):
    r"""Pay $R_i = m_i + \alpha_i f + \sum_j B_{ij} V_j + s_i [f - F]^+$.

    **Arguments** (numbers, or one per department):

    - `share` $\alpha$: of output. `rate` $B$: pay per unit of each department's performance, a number or `[n, n]`, row
      i for what department i is paid.
    - `fixed` $m$ [money]. `excess_share` $s$: of the output beyond `threshold` $F$ [money], one number for all.

    Coefficients may be negative. The functions `output_shares`, `own_performance`, `output_and_own` and
    `all_performances` build the paper's schemes 1 to 4.

    **Errors:** `TypeError` and `ValueError` that name the field and the value.
    **Source:** Nam (paper 004), sections 3.2 to 3.5; section 6 for the excess.

    >>> pay = Pay(share=0.25, rate=[[1.0, 0.0], [0.0, 1.0]])
    >>> pay.rewards(jnp.asarray(12.0), jnp.array([3.0, 2.0])).tolist()
    [6.0, 5.0]
    """

    share: Float[Array, "..."]
    rate: Float[Array, "..."]
    fixed: Float[Array, "..."]
    excess_share: Float[Array, "..."]
    threshold: Float[Array, ""]

    def __init__(
        self, share: Any = 0.0, rate: Any = 0.0, fixed: Any = 0.0, excess_share: Any = 0.0, threshold: Any = 0.0
    ):
        fields = as_fields("Pay", share=share, rate=rate, fixed=fixed, excess_share=excess_share, threshold=threshold)
        for name, value in fields.items():
            setattr(self, name, value)
        require_scalar(self.threshold, "Pay.threshold")
        ranks = {"share": 1, "rate": 2, "fixed": 1, "excess_share": 1}
        require_sized("Pay", ranks, **{name: fields[name] for name in ranks})

    def __check_init__(self) -> None:
        require_finite(self, "Pay")

    def sized(self, departments: int) -> "Pay":
        """The same pay with every field written out for so many departments; raises where a shape does not fit."""
        n = departments
        shapes = {"share": (n,), "rate": (n, n), "fixed": (n,), "excess_share": (n,)}
        full: dict[str, Array] = {}
        for name, shape in shapes.items():
            value = getattr(self, name)
            if value.shape not in ((), shape):
                raise ValueError(f"Pay.{name} has shape {value.shape}; give one number or an array of shape {shape}.")
            full[name] = jnp.broadcast_to(value, shape)
        return Pay(**full, threshold=self.threshold)

    def rewards(self, output: Float[Array, ""], performance: Float[Array, " n"]) -> Float[Array, " n"]:
        """Every department's pay at this output and these performances [money]."""
        excess = jnp.maximum(output - self.threshold, 0.0)
        measured = jnp.sum(jnp.broadcast_to(self.rate, (performance.shape[0],) * 2) * performance, axis=1)
        return self.fixed + self.share * output + measured + self.excess_share * excess


class CustomPay(eqx.Module):
    """Pay of your own: a function `(params, output, performance) -> pay of shape [n]`.

    **Arguments:** `function`: defined at module level, capturing no arrays. `params`: pytree of arrays, or None.
    **Errors:** `TypeError` and `ValueError` that name what is wrong.

    >>> def capped(params, output, performance):
    ...     return jnp.minimum(0.4 * output * jnp.ones(2), params["cap"])
    >>> CustomPay(capped, {"cap": 3.0}).rewards(jnp.asarray(10.0), jnp.zeros(2)).tolist()
    [3.0, 3.0]
    """

    params: PyTree
    function: Callable[..., Any] = eqx.field(static=True)

    def __init__(self, function: Callable[..., Any], params: PyTree = None):
        self.function, self.params = function, as_parameters(params)

    def __check_init__(self) -> None:
        require_callable(self.function, "CustomPay.function")
        require_no_captured_arrays(self.function, "CustomPay.function")
        require_finite(self.params, "CustomPay.params")

    def sized(self, departments: int) -> "CustomPay":
        """The same pay: how many departments it is for, its function knows."""
        del departments
        return self

    def rewards(self, output: Float[Array, ""], performance: Float[Array, " n"]) -> Float[Array, " n"]:
        """Every department's pay at this output and these performances [money]."""
        return jnp.asarray(self.function(self.params, output, performance))


def output_shares(share: Any) -> Pay:
    r"""Scheme 1: department i is paid $\alpha_i f$.

    **Arguments:** `share` $\alpha$, one per department.
    **Source:** Nam (paper 004), section 3.2.

    >>> output_shares([0.5, 0.5]).rewards(jnp.asarray(11.0), jnp.zeros(2)).tolist()
    [5.5, 5.5]
    """
    return Pay(share=share)


def own_performance(rate: Any) -> Pay:
    r"""Scheme 2: department i is paid $\delta_i V_i$.

    **Arguments:** `rate` $\delta$, shape `[n]`.
    **Errors:** `ValueError` for another shape.
    **Source:** Nam (paper 004), section 3.3.

    >>> own_performance([2.0, 1.0]).rewards(jnp.asarray(0.0), jnp.array([3.0, 3.0])).tolist()
    [6.0, 3.0]
    """
    return output_and_own(0.0, rate)


def output_and_own(share: Any, rate: Any) -> Pay:
    r"""Scheme 3: department i is paid $\alpha_i f + \beta_i V_i$.

    **Arguments:** `share` $\alpha$: a number or `[n]`. `rate` $\beta$: shape `[n]`.
    **Errors:** `ValueError` for another shape.
    **Source:** Nam (paper 004), section 3.4.

    >>> output_and_own(0.25, [1.0, 1.0]).rewards(jnp.asarray(13.0), jnp.array([3.0, 3.0])).tolist()
    [6.25, 6.25]
    """
    rates = as_fields("own rate", rate=rate)["rate"]
    require_vector(rates, "own rate")
    return Pay(share=share, rate=jnp.diag(rates))


def all_performances(share: Any, rate: Any) -> Pay:
    r"""Scheme 4: department i is paid $\alpha_i f + \sum_j B_{ij} V_j$, for its own and for the others' performance.

    **Arguments:** `share` $\alpha$: a number or `[n]`. `rate` $B$: a number or `[n, n]`; for two departments
    $B = [[\beta_1, \gamma_1], [\gamma_2, \beta_2]]$.
    **Source:** Nam (paper 004), section 3.5.

    >>> all_performances(0.0, 1.0).rewards(jnp.asarray(15.0), jnp.array([3.0, 4.0])).tolist()
    [7.0, 7.0]
    """
    return Pay(share=share, rate=rate)
