"""The worked cases of papers 001 and 002 on reallocation, first best, renegotiation and the gatekeeper."""

import functools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from capacity_cases import OVERLAPPING, RIGHTS, close, near, overlapping, padded, rights, stacked

from eqsolve import Status, solve_nash
from eqsolve.demand import Uniform
from eqsolve.demand.joint import Independent, JointTable
from eqsolve.mechanisms.capacity import (
    CapacityEnvironment,
    CapacityGame,
    QuadraticRevenue,
    RootRevenue,
    best_reply,
    corrective_price,
    dedicated_capacity,
    expected_shadow_price,
    expected_shared_value,
    fungible_capacity,
    gatekeeper_contract,
    negotiate,
    only_one_acquires,
    reaction_curve,
    reallocate,
    renegotiated,
    shared_value,
)
from eqsolve.mechanisms.capacity.acquisition import result_at
from eqsolve.mechanisms.capacity.renegotiation import capacity_jacobian


@pytest.fixture(autouse=True)
def _in_64_bit():
    with jax.enable_x64(True):
        yield


@eqx.filter_jit
def both_plans(environment):
    return dedicated_capacity(environment), fungible_capacity(environment)


def _solved(environment, share, nash):
    """All that is said about two divisions of an environment with this share; Nash capacities are verified."""
    game = CapacityGame(environment, share)
    buying = result_at(game, nash)
    return {
        "nash": buying,
        "slopes": jnp.diagonal(game.game().slopes({"capacity": nash})["profit"]["capacity"]),
        "corrective": corrective_price(game),
        "contract": gatekeeper_contract(game),
        "beside buying": gatekeeper_contract(game, default=buying.profit),
        "alone": only_one_acquires(game),
        "replies": reaction_curve(game, 0, GRID),
    }


GRID = np.asarray([0.0, 2.0, 4.0, 5.0, 6.0, 8.0, 9.0])
SOLVED = {
    "quadratic": ("C6", "D2", "E1", "gatekeeper_quadratic"),
    "root": ("D5", "E4", "nash_sqrt_corr", "unilateral_underinvestment_sqrt"),
}


@functools.cache
def solved(name):
    """The results of a case, one entry per share; all cases of a family are solved by one program."""
    members = next(names for names in SOLVED.values() if name in names)
    environments, shares, nash, owners = [], [], [], []
    for member in members:
        environment, case = rights(member) if member in RIGHTS else overlapping(member)
        for i, share in enumerate(shares_of(case)):
            environments.append(padded(environment))
            shares.append(share)
            nash.append(nash_of(case)[i])
            owners.append(member)
    found = _all_solved(members)(stacked(environments), np.asarray(shares), np.asarray(nash))
    return {member: jax.tree.map(lambda x, m=member: x[np.asarray(owners) == m], found) for member in members}[name]


@functools.cache
def _all_solved(members):
    return jax.jit(jax.vmap(_solved))


def nash_of(case):
    """The Nash capacities of a case, one row per share; ones where it has none."""
    want = case["expected"]
    if "nash_k1" in want:
        return np.stack([want["nash_k1"]["value"], want["nash_k2"]["value"]], axis=1)
    rows = want.get("rows", [{}] * len(shares_of(case)))
    return [row.get("k", row.get("alt_default_nash_k", [1.0, 1.0])) for row in map(_only_pairs, rows)]


def _only_pairs(row):
    return {name: value for name, value in row.items() if isinstance(value, list)}


def shares_of(case):
    """The shares for which a case has numbers."""
    given, want = case["inputs"], case["expected"]
    if "rows" in want:
        return [row["delta"] for row in want["rows"]]
    return given["delta"] if "delta" in given else want["nash_delta"]["value"]


@pytest.mark.parametrize("name", ["B1", "B4", "B7", "B10"])
def test_dedicated_first_best(name):
    environment, case = rights(name)
    plan = eqx.filter_jit(dedicated_capacity)(environment)
    fields = {"k_o": plan.capacity, "profit_per_period": plan.profit, "expected_output": plan.output}
    for field, found in (fields | {"prob_full_utilisation": plan.full}).items():
        if field in case["expected"]:
            close(found[0], case["expected"][field], field)


@pytest.mark.parametrize("name", ["C4", pytest.param("C4d", marks=pytest.mark.slow), "C6"])
def test_fungible_first_best(name):
    environment, case = rights(name)
    alone, shared = both_plans(environment)
    want = case["expected"]
    found = {
        "k_star": shared.capacity,
        "profit": shared.profit,
        "prob_q2_zero": shared.unserved[1],
        "prob_slack": shared.idle,
        "expected_q1": shared.output[0],
        "expected_q2": shared.output[1],
        "k1_o": alone.capacity[0],
        "k2_o": alone.capacity[1],
    }
    for field in found.keys() & want.keys():
        close(found[field], want[field], field)


def test_fungible_first_best_at_five_correlations():
    given, want = RIGHTS["C1"]["inputs"], RIGHTS["C1"]["expected"]
    points = [[1.6, 1.6], [1.6, 0.4], [0.4, 1.6], [0.4, 0.4]]
    revenue = QuadraticRevenue([10.0, 8.0], [0.5, 0.4])

    def plan(rho):
        shocks = JointTable(points, jnp.stack([1 + rho, 1 - rho, 1 - rho, 1 + rho]) / 4)
        return fungible_capacity(CapacityEnvironment(revenue, 3.0, shocks, [2.0, 1.5]))

    found = jax.jit(jax.vmap(plan))(jnp.asarray(given["shocks"]["rho"]))
    close(found.capacity, want["k_star"])
    close(found.profit, want["profit"])
    use = reallocate(revenue, jnp.asarray([2.0, 1.5]), want["k_star"]["value"][2], jnp.asarray(points))
    close(use.quantity[:, 0], want["alloc_rho0_states_hh_hl_lh_ll_q1"])
    close(use.quantity[:, 1], want["alloc_rho0_q2"])
    close(use.price, want["shadow_price_rho0"])


@pytest.mark.parametrize("name", ["D2", *(pytest.param(name, marks=pytest.mark.slow) for name in ("C6", "D5"))])
def test_renegotiation(name):
    found, want = solved(name), RIGHTS[name]["expected"]
    np.testing.assert_allclose(found["slopes"], 0.0, atol=1e-8)
    found = found["nash"]
    fields = {
        "loss": found.loss,
        "nash_loss": found.loss,
        "k_star": found.first_best[0],
        "U1": found.profit[:, 0],
        "U2": found.profit[:, 1],
        "first_best_profit": (found.firm_profit + found.loss)[0],
    }
    for field in fields.keys() & want.keys():
        close(fields[field], want[field], field)


def test_renegotiation_is_solved():
    environment, case = rights("D2")
    found = eqx.filter_jit(solve_nash)(CapacityGame(environment, 0.75).game())
    assert bool(found.status == Status.converged)
    np.testing.assert_allclose(found.actions["capacity"], nash_of(case)[3], rtol=1e-8)


ALL_SOLVED = ("C6", "D2", "D5", "D10", "nash_log1p", "nash_power03", "nash_sqrt_corr", "gatekeeper_quadratic")


@pytest.mark.slow
@pytest.mark.parametrize("name", ALL_SOLVED)
def test_renegotiation_is_solved_for_all_shares(name):
    environment, case = rights(name) if name in RIGHTS else overlapping(name)
    found = jax.jit(jax.vmap(lambda share: renegotiated(CapacityGame(environment, share))))(np.asarray(shares_of(case)))
    assert bool(jnp.all(found.status == Status.converged))
    np.testing.assert_allclose(found.capacity, nash_of(case), rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("name", ["E1", pytest.param("E4", marks=pytest.mark.slow)])
def test_gatekeeper_of_paper_002(name):
    case = RIGHTS[name]
    want, found = case["expected"], solved(name)["contract"]
    on_grid = np.searchsorted(GRID, case["inputs"]["k2_grid"])
    close(solved(name)["replies"][:, on_grid], want["r1_curve"])
    close(found.default_capacity[:, 0], want["khat"])
    close(found.default_profit[:, 0], want["Pi1_default"])
    close(found.default_profit[:, 1], want["Pi2_default"])
    close(found.gain, want["delta_Pi"])
    close(found.payment, want["p"])
    close(found.profit[:, 0], want["payoff1"])
    close(found.profit[:, 1], want["payoff2"])
    for i, field in enumerate(("k1_star", "k2_star")):
        np.testing.assert_allclose(found.capacity[:, i], want[field]["value"], rtol=1e-6)
    assert not np.any(found.indeterminate)


def _compare_gatekeeper(case, found, other):
    for i, row in enumerate(case["expected"]["rows"]):
        near(found.capacity[i], [row["k1"], row["k2"]], case, "k")
        near(found.default_capacity[i, 0], row["default_k1"], case, "default_k1")
        near(found.default_profit[i], row["default_payoffs"], case, "default_payoffs")
        near(found.gain[i], row["joint_gain"], case, "joint_gain")
        near(found.payment[i], row["TP"], case, "TP")
        near(found.profit[i], row["final_payoffs"], case, "final_payoffs")
        near(other.payment[i], row["alt_TP"], case, "alt_TP")
        near(other.gain[i], row["alt_joint_gain"], case, "alt_joint_gain")
        near(other.profit[i], row["alt_final_payoffs"], case, "alt_final_payoffs")
    assert np.asarray(found.indeterminate).tolist() == [False] * 4 + [True]


def test_gatekeeper_of_paper_001():
    found = solved("gatekeeper_quadratic")
    case = OVERLAPPING["gatekeeper_quadratic"]
    _compare_gatekeeper(case, found["contract"], found["beside buying"])
    np.testing.assert_allclose(found["slopes"], 0.0, atol=1e-7)


@pytest.mark.slow
def test_gatekeeper_with_power_revenue():
    environment, case = overlapping("gatekeeper_power03")
    rows = case["expected"]["rows"]
    nash = jnp.asarray([row["alt_default_nash_k"] for row in rows])

    def one(share, nash):
        game = CapacityGame(environment, share)
        buying = result_at(game, nash)
        slopes = jnp.diagonal(game.game().slopes({"capacity": nash})["profit"]["capacity"])
        return gatekeeper_contract(game), gatekeeper_contract(game, default=buying.profit), slopes

    found, other, slopes = jax.jit(jax.vmap(one))(jnp.asarray(shares_of(case)), nash)
    _compare_gatekeeper(case, found, other)
    np.testing.assert_allclose(slopes, 0.0, atol=1e-8)


@pytest.mark.parametrize("name", ["firstbest_log", "firstbest_power2", "firstbest_multquad"])
def test_first_best_of_paper_001(name):
    environment, case = overlapping(name)
    want = case["expected"]
    alone, shared = both_plans(environment)
    use = reallocate(environment.revenue, 0.0, shared.capacity, environment.shocks.scenarios()[0])
    total = want["kbar_total"]
    found = {
        "kbar": alone.capacity,
        "ko": shared.capacity,
        "q1_star": use.quantity[:, 0],
        "q2_star": use.quantity[:, 1],
        "shadow_prices": use.price,
        "expected_shadow_at_kbar": expected_shadow_price(environment, total),
        "value_dedicated": jnp.sum(alone.profit),
        "value_fungible_at_ko": shared.profit,
        "value_fungible_at_kbar": expected_shared_value(environment, total) - environment.capacity_cost * total,
        "flexibility_value": shared.profit - jnp.sum(alone.profit),
    }
    for field, value in found.items():
        near(value, want[field], case, field)


@pytest.mark.slow
def test_nash_of_paper_001():
    case = OVERLAPPING["nash_sqrt_corr"]
    found = solved("nash_sqrt_corr")
    _compare_nash(case, found["nash"], found["corrective"])
    np.testing.assert_allclose(found["slopes"], 0.0, atol=1e-8)


@pytest.mark.parametrize("name", ["nash_log1p", pytest.param("nash_power03", marks=pytest.mark.slow)])
def test_nash_of_paper_001_is_stationary(name):
    environment, case = overlapping(name)
    nash = jnp.asarray([row["k"] for row in case["expected"]["rows"]])

    def one(share, nash):
        game = CapacityGame(environment, share)
        slopes = jnp.diagonal(game.game().slopes({"capacity": nash})["profit"]["capacity"])
        return result_at(game, nash), corrective_price(game), slopes

    found, fixed, slopes = jax.jit(jax.vmap(one))(jnp.asarray(shares_of(case)), nash)
    _compare_nash(case, found, fixed)
    np.testing.assert_allclose(slopes, 0.0, atol=1e-8)


def _compare_nash(case, found, fixed):
    for i, row in enumerate(case["expected"]["rows"]):
        near(found.profit[i], [row["payoff1"], row["payoff2"]], case, "payoff")
        near(found.firm_profit[i], row["firm_value"], case, "firm_value")
        near(found.loss[i], row["efficiency_loss"], case, "efficiency_loss")
        near(found.excess[i], row["over_investment"], case, "over_investment")
        if "corrective_price" in row:
            near(fixed.price[i], row["corrective_price"], case, "corrective_price")
            near(fixed.capacity[i], row["k_at_corrective_price"], case, "k_at_corrective_price")
            near(fixed.markup[i], row["markup"], case, "markup")


def test_nash_with_a_division_at_zero_dedicated_capacity():
    environment, case = overlapping("nash_corner_zero_demand")
    want = case["expected"]
    game = CapacityGame(environment, case["inputs"]["delta"])
    alone, shared = both_plans(environment)
    near(alone.capacity, want["kbar"], case, "kbar")
    near(shared.capacity, want["ko"], case, "ko")
    near(eqx.filter_jit(result_at)(game, want["k"]).loss, want["efficiency_loss"], case, "efficiency_loss")
    for division in (0, 1):
        reply = eqx.filter_jit(best_reply)(game, division, jnp.asarray(want["k"]))
        near(reply, want["k"][division], case, "k")


def root_with_uniform_shocks():
    case = OVERLAPPING["nash_sqrt_uniform"]
    given, want = case["inputs"], case["expected"]
    laws = [Uniform(given[name][0], given[name][1] - given[name][0]) for name in ("eps1", "eps2")]
    return CapacityEnvironment(RootRevenue(given["theta"]), want["c"], Independent(*laws), use="literal"), case


@pytest.mark.slow
def test_nash_with_continuous_shocks():
    environment, case = root_with_uniform_shocks()
    want = case["expected"]
    game = CapacityGame(environment, case["inputs"]["delta"])
    slopes = eqx.filter_jit(capacity_jacobian)(game, {"capacity": jnp.asarray(want["k"])})["profit"]["capacity"]
    np.testing.assert_allclose(jnp.diagonal(slopes), 0.0, atol=1e-9)
    found = eqx.filter_jit(result_at)(game, want["k"])
    alone, _ = both_plans(environment)
    near(alone.capacity, want["kbar"], case, "kbar")
    near(found.first_best, want["ko"], case, "ko")
    near(found.loss, want["efficiency_loss"], case, "efficiency_loss")
    near(found.firm_profit + found.loss, want["firm_value_at_ko"], case, "firm_value_at_ko")
    norm = 2 * np.sqrt(want["ko"]) * expected_shadow_price(environment, want["ko"])
    near(norm, want["expected_norm"], case, "expected_norm")


@pytest.mark.slow
def test_nash_with_continuous_shocks_is_solved():
    environment, case = root_with_uniform_shocks()
    found = eqx.filter_jit(solve_nash)(CapacityGame(environment, case["inputs"]["delta"]).game())
    near(found.actions["capacity"], case["expected"]["k"], case, "k")


def test_allocation_with_corners_and_disposal():
    case = OVERLAPPING["alloc_quadratic_corners_disposal"]
    rows = case["expected"]["rows"]
    revenue = QuadraticRevenue([10.0, 6.0], 0.5)
    k = jnp.asarray([row["k"] for row in rows])[:, None]
    use = jax.jit(reallocate)(revenue, 0.0, k, jnp.asarray(case["inputs"]["states"], float)[None])
    for field, found in (
        ("q1", use.quantity[..., 0]),
        ("q2", use.quantity[..., 1]),
        ("S", use.price),
        ("M", use.value),
    ):
        near(found, [row[field] for row in rows], case, field)


def test_negotiation_state_by_state():
    environment, case = overlapping("negotiation_sqrt")
    given = case["inputs"]
    rights_held = jnp.asarray([given["k1"], given["k2"]])
    shares = jnp.asarray([row["delta"] for row in case["expected"]["rows"]])
    states = environment.shocks.scenarios()[0]

    def one(share):
        game = CapacityGame(environment, share)
        return negotiate(game, rights_held, states), game.game().expect({"capacity": rights_held})["profit"]

    found, profit = jax.jit(jax.vmap(one))(shares)
    for i, row in enumerate(case["expected"]["rows"]):
        fields = {
            "q1": found.quantity[i, :, 0],
            "q2": found.quantity[i, :, 1],
            "shadow": found.price[i],
            "M": found.value[i],
            "surplus": found.surplus[i],
            "delta_tp": found.payment[i, :, 0],
            "total_transfer": given["c"] * given["k2"] + found.payment[i, :, 0],
            "revenue1": found.margin[i, :, 0],
            "revenue2": found.margin[i, :, 1],
            "expected_payoff1": profit[i, 0],
            "expected_payoff2": profit[i, 1],
        }
        for field, value in fields.items():
            near(value, row[field], case, field)


@pytest.mark.slow
def test_one_division_that_acquires_alone():
    case, found = OVERLAPPING["unilateral_underinvestment_sqrt"], solved("unilateral_underinvestment_sqrt")["alone"]
    rows = case["expected"]["rows"]
    near(found.capacity[:, 0], [row["k1_alone"] for row in rows], case, "k1_alone")
    near(found.first_best, [row["ko"] for row in rows], case, "ko")
    near(-found.excess, [row["shortfall"] for row in rows], case, "shortfall")
    near(found.loss, [row["loss"] for row in rows], case, "loss")


def test_value_and_price_do_not_move_where_the_shadow_price_is_linear_along_a_ray():
    environment, case = overlapping("sqrt_comonotone_no_bias")
    alone, shared = both_plans(environment)
    near(shared.capacity, case["expected"]["ko"], case, "ko")
    near(jnp.sum(alone.capacity), case["expected"]["kbar_total"], case, "kbar_total")
    ray = shared_value(environment.revenue, 0.0, 41.0, jnp.asarray([[0.5, 0.5], [1.0, 1.0], [1.5, 1.5]]))
    np.testing.assert_allclose(ray[0] + ray[2], 2 * ray[1], rtol=1e-12)
