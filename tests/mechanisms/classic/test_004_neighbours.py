"""The worked cases of paper 004 for inventories, lots, discounts, teams and bargaining, and brute force beside them."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

import eqsolve as eqs
from eqsolve.demand import Gamma, Normal, Poisson, Uniform
from eqsolve.mechanisms.classic import (
    Channel,
    Cournot,
    DiscountChannel,
    DiscountSchedule,
    FiniteSerial,
    LinearAgency,
    LinearInverseDemand,
    LotTrade,
    SerialSystem,
    Team,
    backorder_quantity,
    bargain_over_lots,
    best_discounted_lot,
    best_linear_contract,
    best_wholesale_price,
    budget_breaker,
    buy_back_contract,
    coordinate_by_share,
    cournot_equilibrium,
    divide,
    economic_order_quantity,
    joint_lot,
    lattice_demand,
    linear_agency_contract,
    lot_cost,
    revenue_sharing_terms,
    solve_finite_serial,
    solve_serial,
    team_equilibrium,
    team_first_best,
    team_loss,
)
from eqsolve.mechanisms.newsvendor import AdditivePriceSetting, Newsvendor

# Expected values of the cases: independent computation.

SERIAL = {
    "serial3_snyder_shen_6_1": (
        ([3, 2, 2], [1, 1, 2], 37.12, 5.0, 1.0),
        [6.490880975286938, 12.017605731836541, 22.705497835376786],
        47.66014958366801,
    ),
    "serial3_b": (
        ([1.5, 1.0, 0.5], [1, 2, 1], 30.0, 8.0, 2.0),
        [11.381243259169796, 29.958104044348037, 38.93846467080864],
        37.481004536195236,
    ),
}


@functools.lru_cache
def normal_plans():
    """Both cases in one batch."""
    h, lead, p, mu, sd = (np.array(x, float) for x in zip(*[case[0] for case in SERIAL.values()], strict=True))
    solve = jax.jit(jax.vmap(lambda h, lead, p, mu, sd: solve_serial(SerialSystem(h, lead, p, Normal(mu, sd)))))
    return solve(h, lead, p, mu, sd)


@pytest.mark.parametrize("case", [0, 1], ids=list(SERIAL))
def test_serial_systems_with_normal_demand(case):
    _, levels, cost = list(SERIAL.values())[case]
    plan = jax.tree.map(lambda x: x[case], normal_plans())
    np.testing.assert_allclose(plan.echelon, levels, atol=5e-3)
    np.testing.assert_allclose(plan.cost, cost, atol=2e-3)
    np.testing.assert_allclose(np.cumsum(plan.local), levels, atol=5e-3)  # levels rise upstream here
    assert plan.induced_penalty(1, plan.echelon[0] + 1) == 0
    short = plan.induced_penalty(1, plan.echelon[0] - np.array([0.5, 1.0, 2.0]))
    assert np.all(np.diff(short) > 0)
    assert short[0] > 0


def test_serial_systems_as_printed_by_snyder_and_shen():
    """Fundamentals of Supply Chain Theory, 2nd ed. (2019), example 6.1: S = (6.49, 12.02, 22.71), cost 47.65."""
    plan = jax.tree.map(lambda x: x[0], normal_plans())
    np.testing.assert_allclose(plan.echelon, [6.49, 12.02, 22.71], atol=6e-3)
    np.testing.assert_allclose(plan.cost, 47.65, atol=0.02)


def test_lots_as_stockpyl_solves_them():
    lots = pytest.importorskip("stockpyl.eoq")
    lot, cost = lots.economic_order_quantity(fixed_cost=8, holding_cost=0.225, demand_rate=1300)
    found = economic_order_quantity(1300, 8, 0.225)
    np.testing.assert_allclose([found.quantity, found.cost], [lot, cost], rtol=1e-6)


def test_serial_systems_as_stockpyl_solves_them():
    """Numbers of stockpyl 1.0.2 (with NumPy 1.26; it fails under NumPy 2), which works on a grid of stocks."""
    plan = jax.tree.map(lambda x: x[0], normal_plans())
    np.testing.assert_allclose(plan.echelon, [6.484, 12.028, 22.72], atol=0.03)
    np.testing.assert_allclose(plan.cost, 47.66539, atol=0.03)


def poisson_reference(h, lead, p, rate, highest=120, lowest=-240):
    """The same recursion on a long lattice, without closed tails: mass and costs at every level."""
    levels = np.arange(lowest, highest + 1)
    entered = (p + sum(h)) * np.maximum(-levels, 0.0)
    found = []
    for holding, time in zip(h, lead, strict=True):
        demands = np.arange(0, 150)
        mass = stats.poisson.pmf(demands, rate * time)
        entered = entered + holding * levels
        cost = np.full(levels.shape, np.inf)
        for k in range(150, len(levels)):
            cost[k] = mass @ entered[k - demands]
        at = int(np.argmin(cost))
        found.append(levels[at])
        straight = np.where(np.isfinite(cost), cost, 0.0)
        # far below, costs are straight: continue them
        first = 150
        slope = straight[first + 1] - straight[first]
        below = np.arange(first)
        straight[below] = straight[first] + slope * (below - first)
        entered = straight[np.minimum(np.arange(len(levels)), at)]
        least = cost[at]
    return found, least


@pytest.mark.parametrize(
    ("h", "lead", "p", "rate"), [([1.0, 0.5], [1.0, 2.0], 9.0, 3.0), ([0.25, 0.25, 1.0], [0.5, 0.25, 1.0], 19.0, 8.0)]
)
def test_serial_systems_with_poisson_demand(h, lead, p, rate):
    plan = solve_serial(SerialSystem(h, lead, p, Poisson(rate)))
    levels, cost = poisson_reference(h, lead, p, rate)
    np.testing.assert_array_equal(plan.echelon, levels)
    np.testing.assert_allclose(plan.cost, cost, rtol=1e-10)
    assert plan.induced_penalty(1, -3.0) > plan.induced_penalty(1, -2.0) > 0


def test_a_serial_system_of_one_stage_is_a_newsvendor():
    system = SerialSystem([2.0], 4.0, penalty=18.0, demand=Normal(5.0, 1.5))
    plan = solve_serial(system)
    law = stats.norm(20.0, 3.0)
    np.testing.assert_allclose(plan.echelon[0], law.ppf(0.9), rtol=1e-9)
    z = stats.norm.ppf(0.9)
    np.testing.assert_allclose(plan.cost, 20.0 * 3.0 * stats.norm.pdf(z), rtol=1e-9)
    np.testing.assert_allclose(solve_serial(SerialSystem([2.0], 4.0, 18.0, Poisson(5.0))).echelon, [26])


def joint_dp(order_cost, holding, penalty, demand, discount, periods, most):
    """The least cost of all stages together, by recursion over joint states."""
    backorder = penalty + sum(holding)

    @functools.lru_cache(None)
    def value(n, stock):
        if n == 0:
            return 0.0
        best = np.inf
        fixed = sum(h * x for h, x in zip(holding[1:], stock[1:], strict=True))
        tops = (*stock[1:], most)
        for up in np.ndindex(*[top - x + 1 for x, top in zip(stock, tops, strict=True)]):
            moved = tuple(x + u for x, u in zip(stock, up, strict=True))
            cost = fixed + sum(c * u for c, u in zip(order_cost, up, strict=True))
            for t, mass in enumerate(demand):
                left = moved[0] - t
                cost += mass * (holding[0] * left + backorder * max(-left, 0))
                cost += mass * discount * value(n - 1, tuple(y - t for y in moved))
            best = min(best, cost)
        return best

    return value


@pytest.mark.parametrize(
    ("order_cost", "holding", "penalty", "demand", "discount", "periods", "states"),
    [
        ((1.0, 0.5), (1.0, 0.5), 6.0, (0.3, 0.4, 0.3), 0.9, 3, [(0, 0), (-1, 2), (1, 1), (2, 4)]),
        ((0.0, 1.0), (0.5, 1.0), 9.0, (0.2, 0.5, 0.3), 1.0, 3, [(0, 1), (-1, 0), (1, 5)]),
        ((0.5, 0.5, 0.5), (1.0, 0.5, 0.25), 8.0, (0.5, 0.5), 0.95, 3, [(0, 0, 0), (0, 1, 3), (-1, 1, 1)]),
    ],
)
def test_the_decomposition_of_clark_and_scarf_is_the_joint_dynamic_programme(
    order_cost, holding, penalty, demand, discount, periods, states
):
    system = FiniteSerial(order_cost, holding, penalty, demand, discount)
    plan = solve_finite_serial(system, periods, highest=12)
    value = joint_dp(order_cost, holding, penalty, demand, discount, periods, most=8)
    for stock in states:
        np.testing.assert_allclose(plan.cost(stock), value(periods, stock), rtol=1e-12)
    assert np.all(np.asarray(plan.penalty) >= 0)


def test_lattices_of_demand():
    law = lattice_demand(Normal(10.0, 2.0), highest=200, step=0.1)
    np.testing.assert_allclose(np.sum(law), 1, rtol=1e-12)
    np.testing.assert_allclose(np.sum(law * np.arange(201)) * 0.1, 10.0, atol=1e-3)
    np.testing.assert_allclose(lattice_demand(Poisson(2.0), 30)[:5], stats.poisson.pmf(np.arange(5), 2.0), rtol=1e-10)


def test_economic_lots():
    lot = economic_order_quantity(1300, 8, 0.225)  # Snyder and Shen, example 3.1: 304.0, 68.4
    np.testing.assert_allclose([lot.quantity, lot.cost], [304.0467800264368, 68.41052550594829], rtol=1e-9)
    line = np.linspace(100, 600, 50001)
    np.testing.assert_allclose(lot.cost, lot_cost(1300, 8, 0.225, line).min(), rtol=1e-8)
    quantity, late = np.meshgrid(np.linspace(300, 400, 401), np.linspace(0, 100, 401))
    h, b = 0.225, 0.9
    cost = 8 * 1300 / quantity + h * (quantity - late) ** 2 / (2 * quantity) + b * late**2 / (2 * quantity)
    found = backorder_quantity(1300, 8, h, b)
    np.testing.assert_allclose(found.cost, cost.min(), rtol=1e-5)
    assert joint_lot(1000.0, [20.0, 180.0], [2.0, 0.0]).quantity == economic_order_quantity(1000, 200, 2).quantity


def test_kohli_park_a():
    found = bargain_over_lots(LotTrade(1000.0, 20.0, 180.0, 2.0, 0.0, 10.0, 6.0, 14.0))
    expected = {
        "own_lot": 141.4213562373095,
        "joint_lot": 447.21359549995793,
        "status_quo_cost": 10282.84271247462,
        "status_quo_profit": 2727.207793864214,
        "highest_price": 9.790907757424666,
        "lowest_price": 9.129700029814176,
        "equal_price": 9.460303893619422,
        "gain": 661.2077276104902,
        "total": 7105.572809000085,
        "lowest_share": 0.38381251831096136,
        "highest_share": 0.47686732830080325,
        "share": 0.43033992330588244,
    }
    for name, value in expected.items():
        np.testing.assert_allclose(getattr(found, name), value, rtol=1e-9, err_msg=name)


def test_004_with_holding_costs_on_value_what_is_shared_depends_on_the_price():
    demand, order, setup, rate, cost, retail, lot = 1000.0, 20.0, 180.0, 0.3, 6.0, 14.0, 2 * np.sqrt(2 * 20 * 1000 / 3)

    def together(price):
        buyer = (retail - price) * demand - order * demand / lot - rate * price * lot / 2
        return buyer + (price - cost) * demand - setup * demand / lot

    own = np.sqrt(2 * order * demand / (rate * 10.0))
    before = 10 * demand + order * demand / own + rate * 10 * own / 2
    highest = (before - order * demand / lot) / (demand + rate * lot / 2)
    profit = 4 * demand - setup * demand / own
    lowest = (profit + setup * demand / lot) / demand + cost
    assert lowest < highest
    np.testing.assert_allclose([together(lowest), together(highest)], [6814.56, 6790.46], atol=0.01)


WENG = DiscountChannel(600.0, 12.0, 10.0, 40.0, 200.0, 2.0, 1.0)


def test_weng_b():
    found = coordinate_by_share(WENG, wholesale_price=26.0)
    np.testing.assert_allclose(found.separate.retail_price, 38.266498991246905, atol=1e-5)
    np.testing.assert_allclose(found.separate.lot, 75.04718838305327, atol=1e-3)
    np.testing.assert_allclose(found.separate.buyer, 1577.053362685866, atol=1e-5)
    np.testing.assert_allclose(found.separate.seller, 1840.0726575738013, atol=1e-4)
    np.testing.assert_allclose(found.together.retail_price, 30.622124858630123, atol=1e-5)
    np.testing.assert_allclose(found.together.lot, 192.88732532603112, atol=1e-3)
    np.testing.assert_allclose(found.together.joint, 4216.693551945199, atol=1e-5)
    np.testing.assert_allclose(found.lowest_share, 0.43637808508160597, atol=1e-7)
    np.testing.assert_allclose(found.highest_share, 0.6259976345783163, atol=1e-7)
    leader = coordinate_by_share(WENG)
    np.testing.assert_allclose(leader.wholesale_price, 30.369844678873985, atol=1e-3)
    np.testing.assert_allclose(leader.separate.seller, 1955.0781072646753, atol=1e-4)
    np.testing.assert_allclose(leader.separate.buyer, 1019.7865182911934, atol=0.02)
    np.testing.assert_allclose(leader.separate.retail_price, 40.480797906619834, atol=1e-3)
    np.testing.assert_allclose(
        [leader.lowest_share, leader.highest_share], [0.4636519308743174, 0.7581549368649859], atol=1e-4
    )


def test_004_the_printed_band_of_weng_is_the_buyer_s():
    found = coordinate_by_share(WENG, wholesale_price=26.0)
    joint = found.together.joint
    printed = np.array([found.separate.buyer / joint, 1 - found.separate.seller / joint])
    np.testing.assert_allclose(printed, [0.37400236542168375, 0.5636219149183941], atol=1e-7)
    assert printed[0] * joint < found.separate.seller - 260  # at the printed lower end the seller is worse off
    assert found.lowest_share * joint >= found.separate.seller - 1e-9
    assert (1 - found.highest_share) * joint >= found.separate.buyer - 1e-9


def test_weng_by_brute_force():
    a, b, c = 600.0, 12.0, 10.0
    rng = np.random.default_rng(3)
    for _ in range(5):
        sb, ss, hb, hs, w = rng.uniform([20, 50, 1, 0.2, 15], [80, 400, 4, 2, 35])
        channel = DiscountChannel(a, b, c, sb, ss, hb, hs)
        x = np.linspace(w, a / b, 200001)
        demand = a - b * x
        lots = np.sqrt(2 * sb * demand / hb)
        buyer = (x - w) * demand - np.sqrt(2 * sb * hb * demand)
        found = coordinate_by_share(channel, wholesale_price=w)
        np.testing.assert_allclose(found.separate.buyer, buyer.max(), rtol=1e-7)
        x = np.linspace(c, a / b, 200001)
        demand = a - b * x
        joint = (x - c) * demand - np.sqrt(2 * (sb + ss) * (hb + hs) * demand)
        np.testing.assert_allclose(found.together.joint, joint.max(), rtol=1e-7)
        # the leader: every demand and the wholesale price that makes the buyer choose it, where trade pays the buyer
        demand = np.linspace(0.01, 400, 400001)
        lots = np.sqrt(2 * sb * demand / hb)
        price = a / b - 2 * demand / b - np.sqrt(2 * sb * hb) / (2 * np.sqrt(demand))
        stays = (a / b - demand / b - price) * demand - np.sqrt(2 * sb * hb * demand) >= 0
        seller = np.where(stays, (price - c) * demand - ss * demand / lots - hs * lots / 2, -np.inf)
        np.testing.assert_allclose(coordinate_by_share(channel).separate.seller, seller.max(), rtol=1e-7)
    nothing = coordinate_by_share(WENG, wholesale_price=49.9).separate
    assert [float(v) for v in (nothing.demand, nothing.lot, nothing.buyer, nothing.seller)] == [0, 0, 0, 0]


@pytest.mark.parametrize("kind", ["all-units", "incremental"])
def test_quantity_discounts_by_brute_force(kind):
    rng = np.random.default_rng(7)
    lots = np.concatenate([np.linspace(0.5, 9000, 180000), [400.0, 900.0]])
    for _ in range(6):
        price = np.sort(rng.uniform(4, 6, 3))[::-1]
        order, rate = rng.uniform([5, 0.1], [120, 0.4])
        schedule = DiscountSchedule([0.0, 400.0, 900.0], price, kind)
        if kind == "all-units":
            bill = lots * np.where(lots >= 900, price[2], np.where(lots >= 400, price[1], price[0]))
        else:
            inside = [np.clip(lots, 0, 400), np.clip(lots - 400, 0, 500), np.maximum(lots - 900, 0)]
            bill = sum(p * q for p, q in zip(price, inside, strict=True))
        np.testing.assert_allclose(schedule.purchase(lots), bill, rtol=1e-9)
        cost = (bill + order) * 5000 / lots + rate * bill / 2
        found = best_discounted_lot(schedule, 5000.0, order, rate)
        assert found.cost <= cost.min() + 1e-9
        np.testing.assert_allclose(found.cost, cost.min(), rtol=1e-6)
        np.testing.assert_allclose(found.price, schedule.purchase(found.quantity) / found.quantity, rtol=1e-9)


def test_team_sharing():
    team = Team([3.0, 2.0, 1.0], cost=[1.0, 2.0, 0.5], share=[0.5, 0.3, 0.2])
    np.testing.assert_allclose(team_equilibrium(team), [1.5, 0.3, 0.4], atol=1e-7)
    np.testing.assert_allclose(team_first_best(team), [3, 1, 2], atol=1e-9)
    game = team.game()
    found = eqs.solve_nash(game)
    np.testing.assert_allclose(found.actions["effort"], [1.5, 0.3, 0.4], atol=1e-7)
    np.testing.assert_allclose(found.outcomes["surplus"], 4.245, atol=1e-7)
    np.testing.assert_allclose(found.outcomes["residual"], 0, atol=1e-9)
    np.testing.assert_allclose(game.expect({"effort": team_first_best(team)})["surplus"], 6.5, atol=1e-9)
    np.testing.assert_allclose(team_loss(team), 6.5 - 4.245, atol=1e-9)
    broken = budget_breaker(team)
    found = eqs.solve_nash(broken.game())
    np.testing.assert_allclose(found.outcomes["surplus"], 6.5, atol=1e-9)
    np.testing.assert_allclose(found.outcomes["residual"], 0, atol=1e-9)


def quadratic(x, matrix):
    return np.einsum("...i,ij,...j", x, matrix, x)


def test_linear_contracts():
    one = best_linear_contract(LinearAgency(2.0, 0.5, 3.0, 1.5, reservation=0.7))
    np.testing.assert_allclose(one.rate, 2 / (1 + 1.5 * 0.5 * 3.0), rtol=1e-12)
    np.testing.assert_allclose(one.effort, one.rate / 0.5, rtol=1e-12)
    # certainty equivalent of a normal wage: the agent is held at its reservation, by simulation of utility
    rng = np.random.default_rng(0)
    noise = np.sqrt(3.0) * rng.standard_normal(400_000)
    wage = one.wage + one.rate[0] * (one.effort[0] + noise) - 0.5 * one.effort[0] ** 2 / 2
    equivalent = -np.log(np.mean(np.exp(-1.5 * wage))) / 1.5
    np.testing.assert_allclose(equivalent, 0.7, atol=0.02)
    cost, covariance = np.array([[1.0, 0.6], [0.6, 1.5]]), np.array([[2.0, 0.3], [0.3, 0.5]])
    agency = LinearAgency([1.0, 0.8], cost, covariance, 2.0)
    best = best_linear_contract(agency)
    rates = np.stack(np.meshgrid(np.linspace(-1, 1, 401), np.linspace(-1, 1, 401)), axis=-1)
    effort = np.linalg.solve(cost, rates[..., None])[..., 0]
    surplus = effort @ [1.0, 0.8] - quadratic(effort, cost) / 2 - quadratic(rates, covariance)
    assert best.surplus >= surplus.max()
    np.testing.assert_allclose(best.surplus, surplus.max(), atol=5e-5)  # half a step squared, times the curvature
    other = linear_agency_contract(agency, [0.3, 0.1])
    np.testing.assert_allclose(
        other.surplus,
        effort[220, 260] @ [1.0, 0.8] - quadratic(effort[220, 260], cost) / 2 - quadratic(rates[220, 260], covariance),
        atol=1e-12,
    )
    safe = best_linear_contract(LinearAgency([1.0, 0.8], cost, covariance, 0.0))
    np.testing.assert_allclose(safe.rate, [1.0, 0.8], rtol=1e-12)
    np.testing.assert_allclose(safe.loss, 0, atol=1e-12)


@pytest.mark.slow
def test_the_linear_contract_is_the_equilibrium_of_offer_and_effort():
    agency = LinearAgency([1.0, 0.8], [[1.0, 0.6], [0.6, 1.5]], [[2.0, 0.3], [0.3, 0.5]], 2.0)
    found = eqs.solve_nash(agency.game(), solver=eqs.Newton())
    best = best_linear_contract(agency)
    np.testing.assert_allclose(found.actions["rate"], best.rate, atol=1e-6)
    np.testing.assert_allclose(found.actions["effort"], best.effort, atol=1e-6)
    np.testing.assert_allclose(found.objectives["principal"], best.surplus, atol=1e-9)


def linear(params, share):
    return share


def curved(params, share):
    return jnp.maximum(1 - share, 0.0) ** params["g"]


def test_bargain_curved():
    nash = divide(linear, curved, {"g": 0.5})
    np.testing.assert_allclose(nash.share, 0.6666666666666666, atol=1e-6)
    np.testing.assert_allclose(nash.utility, [0.6666666666666666, 0.5773502691896258], atol=1e-6)
    other = divide(linear, curved, {"g": 0.5}, solution="kalai-smorodinsky")
    np.testing.assert_allclose(other.share, 0.6180339887498949, atol=1e-6)
    np.testing.assert_allclose(other.utility, 0.6180339887498949, atol=1e-6)
    line = np.linspace(0, 1, 1_000_001)
    inner = divide(linear, curved, {"g": 0.7}, disagreement=[0.2, 0.3], weights=[2.0, 1.0])
    gains = np.stack([line - 0.2, (1 - line) ** 0.7 - 0.3])
    value = np.where(np.all(gains > 0, axis=0), 2 * np.log(np.maximum(gains[0], 1e-300)), -np.inf)
    value += np.log(np.maximum(gains[1], 1e-300))
    np.testing.assert_allclose(inner.share, line[np.argmax(value)], atol=2e-6)
    assert not divide(linear, curved, {"g": 1.0}, disagreement=[0.6, 0.6]).exists


def test_newsvendors_and_contracts_of_the_cases():
    vendor = Newsvendor(0.9, 0.3, Normal(50.0, 8.0), salvage=0.12, penalty=0.2)  # nv_normal_goodwill
    np.testing.assert_allclose(vendor.order(), 57.211632637389414, atol=1e-5)
    np.testing.assert_allclose(vendor.profit(vendor.order()), 27.91662208869541, atol=1e-6)
    np.testing.assert_allclose(vendor.critical_fractile(), 0.8163265306122449, atol=1e-12)
    vendor = Newsvendor(9.0, 3.0, Gamma(2.5, 12.0))  # nv_gamma
    np.testing.assert_allclose(vendor.order(), 34.38291115285496, atol=1e-5)
    np.testing.assert_allclose(vendor.profit(vendor.order()), 115.68207804396842, atol=1e-6)
    plan = AdditivePriceSetting(100.0, 2.0, 8.0, Uniform(0.0, 30.0), salvage=-1.0).solve()  # petruzzi_dada_b
    np.testing.assert_allclose(plan.price, 32.47899870545758, atol=1e-5)
    np.testing.assert_allclose([plan.order, plan.factor], [56.9772452653843, 21.935242676299456], atol=1e-4)
    np.testing.assert_allclose(plan.profit, 1126.269524553365, atol=1e-6)
    np.testing.assert_allclose(plan.riskless_price, 32.75, atol=1e-9)
    channel = Channel(20.0, 8.0, Normal(200.0, 50.0), salvage=3.0)  # buyback_phi0.5, revenue_share_phi0.8
    deal = buy_back_contract(channel, 11.5)
    np.testing.assert_allclose([deal.wholesale_price, deal.share], [14.0, 0.5], atol=1e-9)
    profits = [227.0697542564544, 1053.5628513982133, 1053.5628513982133]
    np.testing.assert_allclose([deal.order, deal.outlet, deal.manufacturer], profits, atol=1e-5)
    terms = revenue_sharing_terms(channel, 0.2)
    settled = channel.settle(terms)
    np.testing.assert_allclose(terms.wholesale_price, 6.4, atol=1e-9)
    np.testing.assert_allclose(
        [settled.order, settled.outlet, settled.manufacturer],
        [227.0697542564544, 1685.7005622371414, 421.42514055928524],
        atol=1e-5,
    )


@pytest.mark.slow
def test_wholesale_normal():
    found = best_wholesale_price(Channel(10.0, 4.0, Normal(100.0, 25.0)))
    settled = found.settlement
    np.testing.assert_allclose(found.wholesale_price, 8.958078880574933, atol=1e-4)
    np.testing.assert_allclose([settled.order, settled.outlet], [68.54947930152571, 58.986818890917334], atol=1e-3)
    np.testing.assert_allclose(settled.manufacturer, 339.8737255993031, atol=1e-5)
    np.testing.assert_allclose(settled.best_chain, 503.41436662578496, atol=1e-4)
    np.testing.assert_allclose(settled.efficiency, 0.7923106111644108, atol=1e-5)


def test_cournot_inactive():
    market = Cournot(LinearInverseDemand(60.0, 1.0), cost=[10.0, 15.0, 50.0])
    quantity = cournot_equilibrium(market)
    np.testing.assert_allclose(quantity, [18.333333333333332, 13.333333333333334, 0], atol=1e-8)
    profit = (28.333333333333336 - np.array([10.0, 15.0, 50.0])) * quantity
    np.testing.assert_allclose(profit, [336.11111111111114, 177.77777777777783, 0], atol=1e-6)


@pytest.mark.parametrize(
    ("make", "field"),
    [
        (lambda: SerialSystem([1.0, -1.0], 1.0, 9.0, Normal(5.0, 1.0)), "echelon_holding"),
        (lambda: SerialSystem([1.0], [1.0, 2.0], 9.0, Normal(5.0, 1.0)), "lead_time"),
        (lambda: FiniteSerial([1.0], [1.0], 9.0, [0.5, 0.6]), "sum"),
        (lambda: DiscountSchedule([0.0, 10.0], [4.0, 5.0]), "price"),
        (lambda: DiscountSchedule([0.0, 10.0], [5.0, 4.0], "some"), "kind"),  # pyright: ignore
        (lambda: economic_order_quantity(-1.0, 1.0, 1.0), "demand"),
        (lambda: LotTrade(1000.0, 20.0, 180.0, 0.0, 0.0, 10.0, 6.0, 14.0), "buyer_holding"),
        (lambda: LinearAgency([1.0, 1.0], [[1.0, 2.0], [2.0, 1.0]], 1.0, 1.0), "positive definite"),
        (lambda: Team([1.0], cost=0.0, share=1.0), "cost"),
    ],
)
def test_bad_values_are_named(make, field):
    with pytest.raises(ValueError, match=field):
        make()
