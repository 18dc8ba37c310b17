"""A study that is solved once for all tests, and the text it comes from."""

import sys
from pathlib import Path

import pytest

from eqsolve.study import parse_study, prepare, run_study

sys.path.insert(0, str(Path(__file__).parent))  # studies name the mechanisms of `markets` by import

DUOPOLY = """
title = "Two firms"
description = "A duopoly for tests."
mechanism = "markets:Duopoly"
chunk = 4

[parameters]
slope = 1.0
cost = [1.0, 1.0]

[sweep]
intercept = { from = 4.0, to = 10.0, points = 3, label = "Largest price", unit = "euro" }
"cost[1]" = [0.5, 2.0]

[report]
extras = ["markets:costs", "markets:twice_intercept"]

[figure]
title = "Two firms"

[[figure.panel]]
kind = "lines"
title = "Quantity sold"
x = "intercept"
each = { "cost[1]" = [0.5, 2.0] }
lines = [
    { variable = "left", at = { plan = "nash" }, label = "alone" },
    { variable = "left", at = { plan = "first best" }, label = "together", style = "dotted" },
]
bands = [{ low = { variable = "costs.mean" }, high = { variable = "twice_intercept" }, label = "between" }]

[[figure.panel]]
kind = "heatmap"
title = "Profit given away"
x = "intercept"
y = "cost[1]"
value = { variable = "relative efficiency loss", format = "percent" }
contours = [0.17, 0.5]
"""


SPILLOVER = """
title = "A player and a bystander"
mechanism = "markets:spillover"
chunk = 2
sweep = { harm = [0.0, 0.5, 1.0] }
"""


@pytest.fixture(scope="session")
def duopoly():
    return parse_study(DUOPOLY, "duopoly")


@pytest.fixture(scope="session")
def sweep(duopoly):
    return prepare(duopoly)


@pytest.fixture(scope="session")
def progress():
    return []


@pytest.fixture(scope="session")
def results(sweep, progress):
    return run_study(sweep, progress.append)


@pytest.fixture(scope="session")
def spillover():
    return parse_study(SPILLOVER, "spillover")


@pytest.fixture(scope="session")
def spillover_results(spillover):
    return run_study(spillover)
