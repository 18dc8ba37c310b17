"""What expectations of newsvendor profits cost: in closed form, by Monte Carlo, quasi Monte Carlo and Gauss rules.

    python benchmarks/newsvendor_expectations.py [--draws 100_000_000] [--most 1_000_000_000]

Three tables: (1) expected cost and its derivative at a million (distribution, order) points, beside SciPy and stockpyl
(where it is installed), whose loops run a stated subset; (2) streamed Monte Carlo beside NumPy and beside drawing the
same numbers and only adding them up; (3) errors of the rules for equal work, against nested Gauss rules or closed
forms. They go to the terminal and to `benchmarks/results/newsvendor_expectations.json`.
"""

import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from common import options, save, table, timed
from rule_errors import errors_for_work, points_needed
from scipy import stats

from eqsolve.demand import Distribution, Exponential, Gamma, LogNormal, Normal, Uniform
from eqsolve.expectation import MonteCarlo, expect
from eqsolve.mechanisms.newsvendor import Newsvendor

try:
    from stockpyl.newsvendor import newsvendor_normal_cost
except ImportError:
    newsvendor_normal_cost = None

Record = dict[str, Any]
LEFTOVER, SHORT = 2.0, 6.0  # the cost of a unit too much and of a unit too little
PRICE, COST, ORDER = 10.0, 4.0, 110.0


# ---- (1) closed forms ----


def closed_forms(points: int, subset: int) -> list[Record]:
    """Expected cost and its derivative in the order, by everything that can compute them."""
    rng = np.random.default_rng(20240501)
    mean, sd = rng.uniform(80, 120, points), rng.uniform(5, 30, points)
    order = mean + sd * rng.uniform(-2, 2, points)
    rows: list[Record] = []
    for bits in (32, 64):
        with jax.enable_x64(bits == 64):
            for law in (Normal(mean, sd), Uniform(mean - sd, 2 * sd)):
                seconds, core = _eqsolve_closed(law, jnp.asarray(order, law.dtype))
                name = f"eqsolve, {type(law).__name__.lower()}, float{bits}"
                rows.append(_per_point(name, points, points, seconds, core))
    seconds, _ = timed(lambda: _scipy_cost(order, mean, sd), repeats=3)
    rows.append(_per_point("SciPy on arrays, normal, float64", points, points, seconds))
    part = list(zip(order[:subset], mean[:subset], sd[:subset], strict=True))
    seconds, _ = timed(lambda: [_scipy_cost(*point) for point in part])
    rows.append(_per_point("SciPy loop, normal", points, subset, seconds))
    if newsvendor_normal_cost is not None:
        cost = newsvendor_normal_cost
        seconds, _ = timed(lambda: [cost(y, LEFTOVER, SHORT, mu, sigma) for y, mu, sigma in part])
        rows.append(_per_point("stockpyl loop, normal, cost only", points, subset, seconds))
    return rows


def _eqsolve_closed(law: Distribution, order: jax.Array) -> tuple[float, float]:
    """Wall-clock seconds, and processor seconds of all cores together."""

    def cost(order: jax.Array, law: Distribution) -> jax.Array:
        return Newsvendor(PRICE, COST, law, salvage=COST - LEFTOVER).cost_of(order)

    run = jax.jit(lambda order, law: jax.jvp(lambda y: cost(y, law), (order,), (jnp.ones_like(order),)))
    jax.block_until_ready(run(order, law))
    start, repeats = time.process_time(), 20
    seconds, _ = timed(lambda: run(order, law), repeats)
    return seconds, (time.process_time() - start) / repeats


def _scipy_cost(order: Any, mean: Any, sd: Any) -> tuple[Any, Any]:
    z = (order - mean) / sd
    density, below = stats.norm.pdf(z), stats.norm.cdf(z)
    short = sd * (density - z * (1 - below))
    return LEFTOVER * (short + order - mean) + SHORT * short, LEFTOVER * below - SHORT * (1 - below)


def _per_point(method: str, points: int, done: int, seconds: float, core: float | None = None) -> Record:
    each = seconds / done
    rate = 1 / (each if core is None else core / done)
    return {"method": method, "points": points, "timed": done, "seconds": each * points, "per core and second": rate}


# ---- (2) streamed Monte Carlo ----


FEWER = {"lognormal": 10, "exponential": 10, "gamma": 100}  # draws are timed of laws that take longer or matter less


def monte_carlo(draws: int) -> list[Record]:
    """Generate and average: eqsolve, NumPy on one and on two threads, and the bare draws of both."""
    rows: list[Record] = []
    with ThreadPoolExecutor(2) as pool:
        for bits in (32, 64):
            with jax.enable_x64(bits == 64):
                dtype = np.dtype(f"float{bits}")
                for name, (law, numpy_draws) in _laws(dtype).items():
                    count = draws // FEWER.get(name, 1)
                    rows.append({"law": f"{name}, float{bits}", "draws": count, **_ways(law, numpy_draws, count, pool)})
    return rows


def _laws(dtype: Any) -> dict[str, tuple[Distribution, Callable[[np.random.Generator, int], np.ndarray]]]:
    """Laws with mean near 100, and NumPy's own way of drawing from them in this precision."""
    f = dtype.type
    return {
        "normal": (Normal(100.0, 20.0), lambda g, n: f(100) + f(20) * g.standard_normal(n, dtype)),
        "uniform": (Uniform(50.0, 100.0), lambda g, n: f(50) + f(100) * g.random(n, dtype)),
        "lognormal": (LogNormal(0.2, 98.0), lambda g, n: f(98) * np.exp(f(0.2) * g.standard_normal(n, dtype))),
        "exponential": (Exponential(100.0), lambda g, n: f(100) * g.standard_exponential(n, dtype)),
        "gamma": (Gamma(4.0, 25.0), lambda g, n: f(25) * g.standard_gamma(f(4), n, dtype)),
    }


Contender = tuple[Callable[[], Any], int]  # a run, and how many draws it makes


def _ways(law: Distribution, numpy_draws: Callable[..., np.ndarray], count: int, pool: ThreadPoolExecutor) -> Record:
    rule = MonteCarlo(key=jax.random.key(0), points=count)
    contenders = _by_eqsolve(law, rule) | _by_numpy(numpy_draws, np.dtype(law.dtype), count, pool)
    times: dict[str, float] = {}
    for turn in range(4):  # in turn, so that a busy moment of the machine does not meet one of them only
        for name, (run, draws) in contenders.items():
            seconds = timed(run)[0]
            if turn:  # the first compiles
                times[name] = min(times.get(name, np.inf), seconds / draws * 1e9)
    found = contenders["and its error"][0]()
    exact = PRICE * law.expected_min(ORDER) - COST * ORDER
    return {"nanoseconds per draw": times, "standard errors off": float(abs(found.mean - exact) / found.standard_error)}


def _by_eqsolve(law: Distribution, rule: MonteCarlo) -> dict[str, Contender]:
    def profit(x: jax.Array, order: jax.Array) -> jax.Array:
        return PRICE * jnp.minimum(x, order) - COST * order

    mean = jax.jit(lambda order: expect(lambda x: profit(x, order), law, rule))
    estimate = jax.jit(lambda order: rule.estimate(lambda x: profit(x, order), law))
    bare = jax.jit(lambda start: expect(lambda x: x - start, law, rule))  # nobody draws what nobody adds up
    order, none = jnp.asarray(ORDER, law.dtype), jnp.asarray(0.0, law.dtype)
    return {
        "eqsolve": (lambda: mean(order), rule.points),
        "and its error": (lambda: estimate(order), rule.points),
        "JAX, bare": (lambda: bare(none), rule.points),
    }


def _by_numpy(
    draws: Callable[..., np.ndarray], dtype: Any, count: int, pool: ThreadPoolExecutor
) -> dict[str, Contender]:
    chunk, order = 2**16, dtype.type(ORDER)  # chunks that stay in the cache were fastest
    chunks = max(1, count // chunk // 2)
    first, second = (np.random.default_rng(seed) for seed in (0, 1))

    def average(generator: np.random.Generator) -> float:
        parts = (draws(generator, chunk) for _ in range(chunks))
        return sum(float(np.mean(PRICE * np.minimum(x, order) - COST * ORDER)) for x in parts) / chunks

    def draw() -> None:
        for _ in range(chunks):
            draws(first, chunk)

    return {
        "NumPy": (lambda: average(first), chunks * chunk),
        "NumPy, 2 threads": (lambda: list(pool.map(average, (first, second))), 2 * chunks * chunk),
        "NumPy, bare": (draw, chunks * chunk),
    }


def peak_memory(draws: int) -> Record:
    """The largest memory of a process that averages so many draws."""
    code = (
        "import jax, jax.numpy as jnp, resource\n"
        "from eqsolve.demand import Normal\nfrom eqsolve.expectation import MonteCarlo\n"
        f"rule = MonteCarlo(key=jax.random.key(0), points={draws})\n"
        "run = jax.jit(lambda y: rule.estimate(lambda x: jnp.minimum(x, y), Normal(100.0, 20.0)))\n"
        "jax.block_until_ready(run(110.0))\nprint(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    )
    seconds, done = timed(lambda: subprocess.run([sys.executable, "-c", code], capture_output=True, check=True))
    kilobytes = int(done.stdout) / (1024 if sys.platform == "darwin" else 1)
    return {"draws": draws, "seconds with start and compiling": seconds, "peak MB": kilobytes / 1024}


# ---- the report ----


def main(arguments: Sequence[str] | None = None) -> None:
    """Run everything, print the tables, save them."""
    parser = options(__doc__)
    parser.add_argument("--points", type=int, help="points of the closed-form sweep [default: 1,000,000]")
    parser.add_argument("--subset", type=int, help="points that loops are timed on [default: 2,000]")
    parser.add_argument("--draws", type=int, help="Monte Carlo draws [default: 100,000,000]")
    parser.add_argument("--most", type=int, help="draws whose memory is measured [default: 1,000,000,000]")
    given = parser.parse_args(arguments)
    usual = (10_000, 100, 1_000_000, 1_000_000) if given.quick else (1_000_000, 2_000, 100_000_000, 1_000_000_000)
    chosen = (given.points, given.subset, given.draws, given.most)
    points, subset, draws, most = (u if c is None else c for c, u in zip(chosen, usual, strict=True))

    closed = closed_forms(points, subset)
    print(f"(1) Expected cost and its derivative at {points:,} points")
    fastest = closed[2]["seconds"]  # normal demand in float64, as the rivals
    print(table(
        ("method", "timed on", "seconds for all", "points per core and second", "times eqsolve float64"),
        [
            (r["method"], f"{r['timed']:,}", f"{r['seconds']:.3g}", f"{r['per core and second']:.3g}",
             f"{r['seconds'] / fastest:.3g}") for r in closed
        ],
    ))  # fmt: skip

    streamed = monte_carlo(draws)
    names = list(streamed[0]["nanoseconds per draw"])
    print("\n(2) Nanoseconds per draw: generated and averaged; bare: generated and added up (JAX), generated (NumPy)")
    print(table(
        ("law", "draws", *names, "eqsolve / JAX, bare", "NumPy / eqsolve"),
        [
            (r["law"], f"{r['draws']:,}", *(f"{t[name]:.3g}" for name in names),
             f"{t['eqsolve'] / t['JAX, bare']:.2f}", f"{t['NumPy'] / t['eqsolve']:.2f}")
            for r in streamed for t in [r["nanoseconds per draw"]]
        ],
    ))  # fmt: skip
    memory = [peak_memory(draws) for draws in (most // 1000, most)]
    for used in memory:
        print(
            f"{used['draws']:,} draws: {used['peak MB']:.0f} MB at most,"
            f" {used['seconds with start and compiling']:.3g} s with start and compiling"
        )

    errors = errors_for_work()
    print("\n(3) Relative errors for work (root mean square over 16 keys)")
    print(table(
        ("problem", "rule", "evaluations", "error"),
        [(r["problem"], r["rule"], f"{r['evaluations']:,}", f"{r['error']:.1e}") for r in errors],
    ))  # fmt: skip
    needed = points_needed(1e-6)
    print(
        f"For a relative error of 1e-6 on two outlets: {needed['QMC']:,} evaluations by QMC with the inner shock"
        f" integrated, about {needed['MC']:.1e} by plain MC: {needed['ratio']:.1e} times as many"
    )
    save(
        "newsvendor_expectations",
        given.output,
        measured={r["method"]: r["seconds"] for r in closed}
        | {
            f"{r['law']}, {way}": t * 1e-9 * r["draws"]
            for r in streamed
            for way, t in r["nanoseconds per draw"].items()
        },
        closed=closed,
        monte_carlo=streamed,
        memory=memory,
        errors=errors,
        needed=needed,
    )


if __name__ == "__main__":
    main()
