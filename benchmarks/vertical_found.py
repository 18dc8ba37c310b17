"""How many random games of prices and stocks are solved and certified, of those that have an equilibrium.

    python benchmarks/vertical_found.py [--games 10000]

Demand is (a - b p + g p' + shock)^+, so negative demand counts as none; prices lie between 0 and a / (b - g). Drawn
evenly: a from 5 to 15, b from 0.5 to 2, g from 0.05 b to 0.8 b, a spill share from 0 to 0.95, a cost from 0.2 to 6 that
is also the wholesale price, and independent shocks, uniform with a half-width from 0.3 to 5. What has an equilibrium is
decided by `rivals/vertical_search.py`, which shares no code with eqsolve. Needs Numba.

Where the cost is above 60 % of a / b, the price at which an outlet alone sells nothing, there is little to trade: many
equilibria are lopsided, one outlet idle or nearly so. The games below and above are counted apart.
"""

import time
from collections.abc import Sequence

import jax
import numpy as np
from common import options, save, table
from rivals.vertical_search import equilibria
from vertical import solved_and_certified, uniform

import eqsolve as eqs

GAIN = 1e-7  # relative: below it, a point counts as an equilibrium
QUICK = 50


def draws(games: int) -> dict[str, np.ndarray]:
    """Random parameters, reproducible."""
    rng = np.random.default_rng(20261122)
    ranges = {"a": (5, 15), "b": (0.5, 2), "g": (0.05, 0.8), "spill": (0, 0.95), "cost": (0.2, 6), "width": (0.3, 5)}
    params = {name: rng.uniform(low, high, games) for name, (low, high) in ranges.items()}
    return params | {"g": params["g"] * params["b"]}


def main(arguments: Sequence[str] | None = None) -> None:
    """Solve, certify, search independently, and compare."""
    parser = options(__doc__)
    parser.add_argument("--games", type=int, default=10_000)
    given = parser.parse_args(arguments)
    params = draws(QUICK if given.quick else given.games)
    start = time.perf_counter()
    found, certificate = eqs.batch(uniform, task=solved_and_certified)(params)
    middle = time.perf_counter()
    prices, _, gains = equilibria(params)
    end = time.perf_counter()
    certified = np.asarray(found.solved & certificate.certified)
    exists = gains < GAIN
    worth_trading = params["cost"] < 0.6 * params["a"] / params["b"]
    counts = {
        "equilibrium by the wide search, certified": exists & certified,
        "equilibrium by the wide search, not certified": exists & ~certified,
        "none found by the wide search, certified": ~exists & certified,
        "none found by the wide search, flagged": ~exists & ~certified,
    }
    groups = {"cost below 60 %": worth_trading, "above": ~worth_trading}
    rows = [(name, *(f"{int((which & group).sum()):,}" for group in groups.values())) for name, which in counts.items()]
    shares = [f"{100 * certified[exists & group].mean():.2f} %" for group in groups.values()]
    rows.append(("share of existing equilibria certified", *shares))
    same = np.abs(np.asarray(found.actions["price"]) - prices).max(-1) < 1e-3 * params["a"]
    rows.append(
        ("the same point as the wide search's", *(f"{int((same & exists & g).sum()):,}" for g in groups.values()))
    )
    print(table((f"{len(gains):,} games", *groups), rows))
    save(
        "vertical_found", given.output,
        measured={"solve and certify": middle - start, "wide search": end - middle},
        counts={name: int(which.sum()) for name, which in counts.items()},
        unsettled=np.flatnonzero(exists & ~certified).tolist()[:50],
    )  # fmt: skip


if __name__ == "__main__":
    jax.config.update("jax_enable_x64", True)
    main()
