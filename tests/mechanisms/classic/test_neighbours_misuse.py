"""Bad input to serial systems, lots, channels, teams and agencies: errors by name, and NaN where it is traced."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from eqsolve.demand import Normal, Poisson
from eqsolve.mechanisms.classic import (
    DiscountChannel,
    DiscountSchedule,
    FiniteSerial,
    LinearAgency,
    LotTrade,
    SerialSystem,
    Team,
    backorder_quantity,
    bargain_over_lots,
    best_discounted_lot,
    best_linear_contract,
    budget_breaker,
    coordinate_by_share,
    economic_order_quantity,
    joint_lot,
    lattice_demand,
    linear_agency_contract,
    lot_cost,
    solve_finite_serial,
    solve_serial,
    team_equilibrium,
    team_first_best,
    team_loss,
)

FINITE = FiniteSerial([1.0, 1.0], [1.0, 1.0], 9.0, [0.2, 0.3, 0.3, 0.2])
SERIAL = SerialSystem([1.0, 0.5], [1.0, 2.0], 9.0, Poisson(3.0))
TRADE = LotTrade(1000.0, 20.0, 180.0, 2.0, 0.0, 10.0, 6.0, 14.0)
CHANNEL = DiscountChannel(600.0, 12.0, 10.0, 40.0, 200.0, 2.0, 1.0)
SCHEDULE = DiscountSchedule([0.0, 500.0, 1000.0], [5.0, 4.8, 4.75])
AGENCY = LinearAgency([2.0, 1.0], 1.0, 3.0, 1.0)


@pytest.mark.parametrize(
    ("make", "kind", "message"),
    [
        (lambda: FiniteSerial(1.0, [1.0], 9.0, Poisson(2.0)), TypeError, "lattice_demand"),
        (lambda: solve_finite_serial(FINITE, 1.5, 20), ValueError, "periods is 1.5"),
        (lambda: solve_finite_serial(FINITE, True, 20), ValueError, "periods is True"),
        (lambda: solve_finite_serial(FINITE, 2, 20, lowest=-1.5), ValueError, "lowest is -1.5"),
        (lambda: solve_finite_serial(3, 2, 20), TypeError, "system is 3"),
        (lambda: lattice_demand(Poisson(3.0), 2.5), ValueError, "highest is 2.5"),
        (lambda: lattice_demand(Normal(3.0, 1.0), np.nan), ValueError, "highest is nan"),
        (lambda: lattice_demand(3.0, 1), TypeError, "law is 3.0"),
        (lambda: solve_serial(SERIAL, highest=-5), ValueError, "highest is -5"),
        (lambda: solve_serial(SERIAL, highest=2.5), ValueError, "highest is 2.5"),
        (lambda: solve_serial(SERIAL, highest="x"), ValueError, "highest is 'x'"),
        (lambda: solve_serial(3), TypeError, "system is 3"),
        (lambda: economic_order_quantity(None, 20.0, 2.0), TypeError, "demand is None"),
        (lambda: economic_order_quantity([1.0, 2.0], [1.0, 2.0, 3.0], 2.0), ValueError, "do not fit together"),
        (lambda: economic_order_quantity([], 20.0, 2.0), ValueError, "demand is empty"),
        (lambda: economic_order_quantity(np.inf, 20.0, 2.0), ValueError, "demand is inf"),
        (lambda: joint_lot(1000.0, [20.0, 180.0], [2.0]), ValueError, "one of each per party"),
        (lambda: joint_lot(1000.0, 20.0, 2.0), ValueError, "one of each per party"),
        (lambda: joint_lot(1000.0, [], []), ValueError, "order_costs is empty"),
        (lambda: joint_lot(1000.0, [1.0, 1.0], [0.0, 0.0]), ValueError, "joint_lot: holding is 0.0"),
        (lambda: lot_cost(-1000.0, 20.0, 2.0, 100.0), ValueError, "demand is -1000"),
        (lambda: lot_cost(1000.0, -20.0, 2.0, 100.0), ValueError, "order_cost is -20"),
        (lambda: bargain_over_lots(3), TypeError, "trade is 3"),
        (lambda: bargain_over_lots(TRADE, 1.5), ValueError, "seller_weight is 1.5"),
        (lambda: best_discounted_lot(SCHEDULE, -5.0, 49.0, 0.2), ValueError, "demand is -5"),
        (lambda: best_discounted_lot(3, 5.0, 49.0, 0.2), TypeError, "schedule is 3"),
        (lambda: coordinate_by_share(CHANNEL, -26.0), ValueError, "wholesale_price is -26"),
        (lambda: coordinate_by_share(3), TypeError, "channel is 3"),
        (lambda: LinearAgency([2.0, 1.0], 1.0, [[1.0, 2.0], [2.0, 1.0]], 1.0), ValueError, "covariance"),
        (lambda: linear_agency_contract(AGENCY, [1.0]), ValueError, "rate has shape"),
        (lambda: linear_agency_contract(AGENCY, [1.0, 2.0, 3.0]), ValueError, "rate has shape"),
        (lambda: best_linear_contract(3), TypeError, "agency is 3"),
        (lambda: Team([1.0, 2.0], 1.0, 0.5, members=5), TypeError, "Team.members is 5"),
        (lambda: team_loss(3), TypeError, "team is 3"),
        (lambda: budget_breaker(3), TypeError, "team is 3"),
    ],
)
def test_bad_values_are_named_by_classic_mechanisms(make, kind, message):
    with pytest.raises(kind, match=message):
        make()


def check_lanes(function, good, bad):
    """The first lane, of good numbers, is finite; every other, with one number changed, is NaN in all results."""
    rows = [good] + [{**good, name: np.asarray(value, float)} for name, value in bad]
    stacked = {name: np.array([np.broadcast_to(row[name], np.shape(good[name])) for row in rows]) for name in good}
    found = jax.jit(jax.vmap(function))(stacked)
    numbers = [x for x in jax.tree.leaves(found) if jnp.issubdtype(x.dtype, jnp.floating)]
    assert all(np.all(np.isfinite(x[0])) for x in numbers)
    for lane, change in enumerate(bad, start=1):
        assert all(np.all(np.isnan(x[lane])) for x in numbers), change


@pytest.mark.parametrize("law", ["poisson", "normal"])
def test_serial_systems_pass_nan_on(law):
    def plan(x):
        demand = Poisson(x["mean"]) if law == "poisson" else Normal(x["mean"], x["spread"])
        system = SerialSystem(x["holding"], x["lead"], x["penalty"], demand)
        return solve_serial(system, highest=30 if law == "poisson" else None)

    good = {"holding": np.ones(1), "lead": 1.0, "penalty": 9.0, "mean": 3.0, "spread": 1.0}
    bad = [("holding", [-1.0]), ("holding", [np.nan]), ("lead", -3.0), ("lead", np.nan), ("penalty", -1.0)]
    bad += [("penalty", np.nan), ("mean", np.nan)]
    check_lanes(plan, good, [*bad, ("mean", -3.0) if law == "poisson" else ("spread", -1.0)])


def test_finite_serial_systems_pass_nan_on():
    def plan(x):
        system = FiniteSerial(x["order"], x["holding"], x["penalty"], x["demand"], x["discount"])
        return solve_finite_serial(system, 2, 12)

    good = {"order": np.ones(2), "holding": np.ones(2), "penalty": 9.0, "demand": np.full(4, 0.25), "discount": 0.9}
    bad = [("order", [1.0, -1.0]), ("order", [1.0, np.nan]), ("holding", [-1.0, 1.0]), ("holding", [np.nan, 1.0])]
    bad += [("penalty", -1.0), ("penalty", np.nan), ("discount", 2.0), ("discount", 0.0), ("discount", np.nan)]
    bad += [("demand", row) for row in ([0.25, 0.25, 0.25, np.nan], [0.5, 0.5, 0.5, 0.5], [1.0, -0.5, 0.25, 0.25])]
    check_lanes(plan, good, bad)


def test_what_a_finite_plan_costs():
    plan = solve_finite_serial(FINITE, 2, 12)
    assert np.isfinite(plan.cost([2.0, 5.0]))
    assert np.isnan(plan.cost([2.5, 5.0]))
    for stock in ([3.0], 3.0):
        with pytest.raises(ValueError, match="stock has shape"):
            plan.cost(stock)
    serial = solve_serial(SERIAL)
    with pytest.raises(ValueError, match=r"stage is 1.5"):
        serial.induced_penalty(1.5, 3.0)
    with pytest.raises(ValueError, match="stage is 3"):
        serial.induced_penalty(3, 3.0)


def test_lots_pass_nan_on():
    def lots(x):
        demand, order, holding = x["demand"], x["orders"][0], x["holdings"][0]
        joint = joint_lot(demand, x["orders"], x["holdings"])
        return joint, lot_cost(demand, order, holding, 100.0), economic_order_quantity(demand, order, holding).cost

    good = {"demand": 1000.0, "orders": np.array([20.0, 180.0]), "holdings": np.array([2.0, 1.0])}
    bad = [("demand", -1.0), ("demand", np.nan), ("orders", [-20.0, 180.0]), ("holdings", [-1.0, 5.0])]
    check_lanes(lots, good, bad)
    check_lanes(lambda x: lots(x)[0], good, [("orders", [20.0, -1.0]), ("holdings", [2.0, -1.0])])
    assert lot_cost(1000.0, 0.0, 2.0, 0.0) == 0
    assert lot_cost(1000.0, 1.0, 2.0, 0.0) == np.inf
    assert np.isnan(lot_cost(1000.0, 1.0, 2.0, -1.0))
    plain, without = economic_order_quantity(1000.0, 20.0, 2.0), backorder_quantity(1000.0, 20.0, 2.0, np.inf)
    np.testing.assert_allclose(jax.tree.leaves(without), jax.tree.leaves(plain), rtol=1e-12)


def test_bargaining_over_lots_passes_nan_on():
    good = {name: float(value) for name, value in vars(TRADE).items()} | {"weight": 0.3}
    bad = [("seller_setup", -1.0), ("demand", np.nan), ("buyer_holding", 0.0), ("price", -1.0), ("weight", 1.5)]

    def agreed(x):
        return bargain_over_lots(LotTrade(**{name: x[name] for name in vars(TRADE)}), x["weight"])

    check_lanes(agreed, good, [*bad, ("weight", np.nan)])
    weighted = jax.jit(agreed)(good)
    np.testing.assert_allclose(weighted.equal_price, bargain_over_lots(TRADE, 0.3).equal_price, rtol=1e-12)
    assert np.isnan(TRADE.buyer_cost(10.0, -5.0))
    assert np.isnan(TRADE.seller_profit(10.0, -5.0))


def test_discounts_pass_nan_on():
    def best(x):
        schedule = DiscountSchedule(x["start"], x["price"], "incremental")
        return best_discounted_lot(schedule, x["demand"], x["order"], x["rate"]), schedule.purchase(600.0)

    good = {"start": np.array([0.0, 500.0]), "price": np.array([5.0, 4.8])}
    bad = [("start", [1.0, 500.0]), ("start", [0.0, -1.0]), ("price", [4.0, 5.0]), ("price", [np.nan, 4.0])]
    numbers = {"demand": 5000.0, "order": 49.0, "rate": 0.2}
    check_lanes(best, good | numbers, bad)
    worse = [("demand", -1.0), ("demand", np.nan), ("order", -1.0), ("order", np.nan), ("rate", 0.0)]
    check_lanes(lambda x: best(x)[0], good | numbers, worse)


@pytest.mark.parametrize("price", [None, 26.0], ids=["leader", "given"])
def test_discount_channels_pass_nan_on(price):
    good = {name: float(value) for name, value in vars(CHANNEL).items()} | {"w": 26.0}
    bad = [("intercept", -600.0), ("slope", -12.0), ("seller_setup", -1.0), ("cost", np.nan), ("buyer_order", -1.0)]

    def shared(x):
        channel = DiscountChannel(**{name: x[name] for name in vars(CHANNEL)})
        return coordinate_by_share(channel, None if price is None else x["w"])

    check_lanes(shared, good, bad if price is None else [*bad, ("w", -26.0), ("w", np.nan)])


def test_teams_pass_nan_on():
    def everything(x):
        team = Team(x["a"], x["k"], x["s"])
        effort = team_equilibrium(team)
        outcomes = team.game().expect({"effort": jnp.ones(2)})
        return effort, team_first_best(team), team_loss(team), team_first_best(budget_breaker(team)), dict(outcomes)

    good = {"a": np.array([3.0, 2.0]), "k": np.array([1.0, 2.0]), "s": np.array([0.5, 0.5])}
    bad = [("a", [3.0, -2.0]), ("a", [np.nan, 1.0]), ("k", [1.0, 0.0]), ("k", [1.0, -1.0]), ("s", [np.nan, 0.5])]
    check_lanes(everything, good, bad)


def test_linear_agencies_pass_nan_on():
    def contracts(x):
        agency = LinearAgency(x["b"], x["cost"], x["noise"], x["r"])
        return best_linear_contract(agency), linear_agency_contract(agency, x["rate"])

    good = {"b": np.array([1.0, 0.8]), "cost": np.array([[1.0, 0.6], [0.6, 1.5]]), "r": 2.0, "rate": np.ones(2)}
    good["noise"] = np.array([[2.0, 0.3], [0.3, 0.5]])
    bad = [("noise", [[1.0, 2.0], [2.0, 1.0]]), ("noise", [[1.0, 0.2], [0.0, 1.0]]), ("noise", np.full((2, 2), np.nan))]
    bad += [("cost", [[1.0, 2.0], [2.0, 1.0]]), ("cost", [[1.0, 0.2], [0.0, 1.0]]), ("r", -1.0), ("r", np.nan)]
    check_lanes(contracts, good, bad)
    one_source = LinearAgency([1.0, 0.8], 1.0, [[1.0, 1.0], [1.0, 1.0]], 1.0)  # perfectly correlated: a covariance
    assert np.all(np.isfinite(best_linear_contract(one_source).rate))
    assert best_linear_contract(LinearAgency(2.0, 1.0, 0.0, 1.0)).loss == 0
