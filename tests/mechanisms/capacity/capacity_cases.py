"""Worked cases of papers 001 and 002 and the environments they describe.

The numbers come from an independent computation: NumPy, SciPy and exact arithmetic, by code that shares nothing with
eqsolve.
"""

import json
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from eqsolve.demand import Uniform
from eqsolve.demand.joint import GaussianCopula, Independent, JointTable
from eqsolve.mechanisms.capacity import (
    CapacityEnvironment,
    LogRevenue,
    PowerRevenue,
    QuadraticRevenue,
    RootRevenue,
    SaturatingRevenue,
    ScaledQuadraticRevenue,
    ShiftedLogRevenue,
)

_FILE = json.loads((Path(__file__).parent / "capacity_cases.json").read_text())
RIGHTS = {case["id"]: case for case in _FILE["paper 002"]}
OVERLAPPING = {case["id"]: case for case in _FILE["paper 001"]}

FAMILIES = {
    "quad": lambda d: QuadraticRevenue(d["theta"], d["h"]),
    "quadratic": lambda d: QuadraticRevenue(d["theta"], d["h"]),
    "multquad": lambda d: ScaledQuadraticRevenue(d["theta"], d["h"]),
    "sqrt": lambda d: RootRevenue(d["theta"]),
    "power": lambda d: PowerRevenue(d["theta"], d["eta"][0]),
    "expo": lambda d: SaturatingRevenue(d["theta"]),
    "log1p": lambda d: ShiftedLogRevenue(d["theta"], 1.0),
}


def _both(parts):
    """The parameters of several divisions, name by name."""
    return {name: [part[name] for part in parts] for name in parts[0]}


def rights(case_id):
    """The environment of a case of paper 002, and its case."""
    case = RIGHTS[case_id]
    given = case["inputs"]
    parts = [given[name] for name in ("R", "R1", "R2") if name in given]
    kind = parts[0]["kind"]
    both = _both(parts)
    revenue = ShiftedLogRevenue(both["theta"], both["s"]) if kind == "log" else FAMILIES[kind](both)
    w = given["w"] if "w" in given else [given["w1"], given["w2"]]
    cost = given["c"] if "c" in given else case["expected"]["c"]["value"]
    w = 0.0 if kind == "sqrt" else w  # one number for all has a closed form
    return CapacityEnvironment(revenue, cost, _shocks(given["shocks"]), w), case


def _uniform(given):
    return Uniform(given["lo"], given["hi"] - given["lo"])


def _shocks(given):
    kind = given["kind"]
    if kind == "uniform":
        return Independent(_uniform(given))
    if kind == "discrete":
        return JointTable(np.asarray(given["values"])[:, None], given["probs"])
    if kind == "discrete_joint":
        return JointTable(np.stack([given["e1"], given["e2"]], axis=1), given["p"])
    laws = [_uniform(given["d1"]), _uniform(given["d2"])]
    if kind == "product":
        return Independent(*laws)
    rho = given["gaussian_copula_rho"]
    return GaussianCopula(laws, [[1.0, rho], [rho, 1.0]])


def overlapping(case_id):
    """The environment of a case of paper 001 with finitely many shocks, and its case."""
    case = OVERLAPPING[case_id]
    given = case["inputs"]
    family = given["div1"]["family"]
    both = _both([{k: v for k, v in given[name].items() if k != "family"} for name in ("div1", "div2")])
    revenue = LogRevenue(both["theta"]) if family == "log" else FAMILIES[family](both)
    shocks = JointTable(given["shock_points"], given["shock_probs"])
    return CapacityEnvironment(revenue, given["c"], shocks, use="literal"), case


def padded(environment, rows=6):
    """The same environment with rows of no probability, so that cases of one family are one program."""
    points, weights = environment.shocks.scenarios()
    more = rows - points.shape[0]
    shocks = JointTable(jnp.pad(points, ((0, more), (0, 0)), mode="edge"), jnp.pad(weights, (0, more)))
    w = environment.variable_costs if isinstance(environment.revenue, QuadraticRevenue) else environment.variable_cost
    return CapacityEnvironment(environment.revenue, environment.capacity_cost, shocks, w)


def stacked(environments):
    """Environments of one structure with an axis in front of every array."""
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *environments)


def close(found, entry, name=""):
    """Compare with an entry of paper 002's cases, which carries its tolerance."""
    want = np.asarray(entry["value"], float)
    np.testing.assert_allclose(np.asarray(found), want, rtol=entry.get("rtol", 0.0), atol=entry["atol"], err_msg=name)


def near(found, want, case, name):
    """Compare with a number of paper 001's cases, whose tolerance is the case's."""
    tolerance = case["tolerance"]
    chosen = {**tolerance, **tolerance.get("overrides", {}).get(name, {})}
    rtol, atol = chosen.get("rtol", 0.0), chosen.get("atol", 0.0)
    np.testing.assert_allclose(np.asarray(found), np.asarray(want, float), rtol=rtol, atol=atol, err_msg=name)
