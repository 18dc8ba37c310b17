"""Errors of expectation rules for equal work, on smooth and kinked integrands, with one outlet and with two."""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from eqsolve.demand import Distribution, Normal
from eqsolve.demand.joint import MultivariateNormal
from eqsolve.expectation import Gauss, MonteCarlo, QuasiMonteCarlo, demand_itself, expect

Record = dict[str, Any]
PRICE, COST, ORDER = 10.0, 4.0, 110.0
MEANS, SPREADS, CORRELATION, SPILL, STOCKS = (100.0, 90.0), (25.0, 30.0), 0.3, 0.6, (115.0, 95.0)


def errors_for_work() -> list[Record]:
    """Root mean square relative errors of every rule, over 16 keys, at growing numbers of evaluations."""
    rows: list[Record] = []
    with jax.enable_x64(True):
        for problem, (fn, law, kinks) in _integrands().items():
            one = isinstance(law, Distribution)
            truth = float(expect(fn, law, Gauss(nodes=64), kinks)) if one else float(_two_outlets_exactly())
            rules: dict[str, Callable[[Any, int], Any]] = {
                "MC": lambda key, n: MonteCarlo(key=key, points=n),
                "MC, pairs": lambda key, n: MonteCarlo(key=key, points=n, antithetic=True),
                "MC, control": lambda key, n: MonteCarlo(key=key, points=n, control=demand_itself),
                "QMC, Sobol": lambda key, n: QuasiMonteCarlo(key=key, points=n // 8),
                "QMC, lattice": lambda key, n: QuasiMonteCarlo(key=key, points=n // 8, sequence="lattice"),
            }
            for name, make in rules.items():
                for n in (2**9, 2**13, 2**17):
                    error = _typical_error(fn, law, lambda key, n=n, make=make: make(key, n), truth)
                    rows.append({"problem": problem, "rule": name, "evaluations": n, "error": error})
            for nodes in (4, 8, 16, 32) if one else ():
                for split, name in ((kinks, "Gauss, split"), ((), "Gauss, not split")):
                    error = abs(float(expect(fn, law, Gauss(nodes=nodes), split)) - truth) / abs(truth)
                    work = nodes * (2 + len(split))
                    rows.append({"problem": problem, "rule": name, "evaluations": work, "error": error})
    return rows


def _integrands() -> dict[str, tuple[Callable[[jax.Array], jax.Array], Any, tuple[float, ...]]]:
    off = CORRELATION * SPREADS[0] * SPREADS[1]
    both = MultivariateNormal(MEANS, [[SPREADS[0] ** 2, off], [off, SPREADS[1] ** 2]])
    return {
        "one outlet, smooth": (lambda x: jnp.exp(x / 200), Normal(100.0, 20.0), ()),
        "one outlet, profit": (lambda x: PRICE * jnp.minimum(x, ORDER) - COST * ORDER, Normal(100.0, 20.0), (ORDER,)),
        "two outlets, profit": (two_outlets, both, ()),
        "two outlets, inner shock integrated": (inner_integrated, Normal(MEANS[1], SPREADS[1]), (STOCKS[1],)),
    }


def two_outlets(demand: jax.Array) -> jax.Array:
    """Profit of the first of two outlets, which some customers of the second try when that has sold out."""
    customers = demand[0] + SPILL * jnp.maximum(demand[1] - STOCKS[1], 0.0)
    return PRICE * jnp.minimum(customers, STOCKS[0]) - COST * STOCKS[0]


def inner_integrated(other: jax.Array) -> jax.Array:
    """The same given the second outlet's demand, over the law of the first one's: it is linear in pieces."""
    mean = MEANS[0] + CORRELATION * SPREADS[0] / SPREADS[1] * (other - MEANS[1])
    own = Normal(mean, SPREADS[0] * np.sqrt(1 - CORRELATION**2))
    extra = SPILL * jnp.maximum(other - STOCKS[1], 0.0)
    return PRICE * (extra + own.expected_min(STOCKS[0] - extra)) - COST * STOCKS[0]


def _two_outlets_exactly() -> jax.Array:
    return expect(inner_integrated, Normal(MEANS[1], SPREADS[1]), Gauss(nodes=64), STOCKS[1])


def points_needed(error: float) -> Record:
    """Evaluations for a relative error on the two-outlet payoff: QMC with the inner shock integrated, and plain MC.

    Plain Monte Carlo would need more draws than anyone has time for: its number follows from the standard error of a
    million draws, which falls with the square root.
    """
    with jax.enable_x64(True):
        truth = float(_two_outlets_exactly())
        law = _integrands()["two outlets, profit"][1]
        found = MonteCarlo(key=jax.random.key(0), points=10**6).estimate(two_outlets, law)
        plain = 10**6 * (float(found.standard_error) / (error * abs(truth))) ** 2
        other = Normal(MEANS[1], SPREADS[1])
        for bits in range(3, 21):
            rule = functools.partial(QuasiMonteCarlo, points=2**bits)
            if _typical_error(inner_integrated, other, lambda key, rule=rule: rule(key=key), truth) <= error:
                return {"relative error": error, "MC": plain, "QMC": 8 * 2**bits, "ratio": plain / (8 * 2**bits)}
    raise RuntimeError(f"quasi Monte Carlo did not reach a relative error of {error}")


def _typical_error(fn: Callable[..., Any], law: Any, make: Callable[[Any], Any], truth: float) -> float:
    """The root mean square relative error over 16 keys."""
    found = jax.jit(jax.vmap(lambda key: expect(fn, law, make(key))))(jax.random.split(jax.random.key(1), 16))
    return float(np.sqrt(np.mean((np.asarray(found) - truth) ** 2)) / abs(truth))
