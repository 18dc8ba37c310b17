"""The expectation of a function of demand."""

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, PyTree

from eqsolve.demand.finite import FiniteDemand
from eqsolve.demand.joint.joint import JointDiscrete
from eqsolve.demand.transform import Affine, Mixture
from eqsolve.expectation.gauss import Gauss
from eqsolve.expectation.law_rule import LawRule, where_valid
from eqsolve.expectation.scenarios import Scenarios


def expect(fn: Callable[[Any], PyTree], demand: Any, rule: LawRule | None = None, kinks: Any = ()) -> PyTree:
    """E[fn(X)] for X of the law `demand`.

    **Arguments:**

    - `fn`: function of one realised demand [units]; returns a number, an array or a pytree of them.
    - `demand`: a `Distribution`; for `MonteCarlo` and `QuasiMonteCarlo` also a joint law, of which `fn` gets one number
      per component.
    - `rule`: how the expectation is taken; by default an exact sum for finite laws (tables, samples, two points,
      shifts and mixtures of them) and `Gauss()` for all others. Its own `law` and `breakpoints` are not used.
      `MonteCarlo(...).estimate(fn, demand)` also gives the standard error.
    - `kinks`: the demands at which `fn` has a kink or a jump [units], a number, an array or a tuple; `Gauss` splits
      there and is exact to rounding only if all are named. They may be traced and carry derivatives.

    **Returns:** the expectation, leaf by leaf of what `fn` returns. Works under `jit`, `vmap` and `grad`.
    **Errors:** those of the rule.

    >>> import jax
    >>> import jax.numpy as jnp
    >>> from eqsolve.demand.uniform import Uniform
    >>> demand = Uniform(10.0, 20.0)
    >>> round(float(expect(lambda x: x**2, demand)), 2)
    433.33
    >>> def sales(stock):
    ...     return expect(lambda x: jnp.minimum(x, stock), demand, kinks=stock)
    >>> value, slope = jax.jit(jax.value_and_grad(sales))(15.0)
    >>> round(float(value), 3), round(float(slope), 3)
    (14.375, 0.75)
    """
    if rule is not None and not isinstance(rule, LawRule):
        raise TypeError(
            f"expect: rule is {rule!r}; give Gauss(), MonteCarlo(key=...), QuasiMonteCarlo(key=...), or None, which"
            " sums finite laws exactly."
        )
    if rule is None and _is_finite(demand):
        return where_valid(demand, SUM.expect(fn, demand))
    return (Gauss() if rule is None else rule).integrate(fn, demand, kinks)


def _is_finite(law: Any) -> bool:
    """Whether a single law has finitely many values."""
    if isinstance(law, Mixture):
        return all(map(_is_finite, law.components))
    if isinstance(law, Affine):
        return _is_finite(law.base)
    if isinstance(law, FiniteDemand) and law.shape != ():
        name = type(law).__name__
        raise ValueError(f"expect: {name} has a batch of shape {law.shape}; use jax.vmap over single distributions.")
    return isinstance(law, (FiniteDemand, JointDiscrete))


def _scenarios(law: Any) -> tuple[Array, Array]:
    """All values of a finite law and their probabilities."""
    if isinstance(law, Affine):
        values, probabilities = _scenarios(law.base)
        return law.loc + law.scale * values, probabilities
    if isinstance(law, Mixture):
        tables = [_scenarios(component) for component in law.components]
        shares = [weight * probabilities for weight, (_, probabilities) in zip(law.weights, tables, strict=True)]
        return jnp.concatenate([values for values, _ in tables]), jnp.concatenate(shares)
    return law.scenarios()


SUM = Scenarios(_scenarios)
