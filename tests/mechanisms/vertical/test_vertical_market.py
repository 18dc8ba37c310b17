"""The game of prices and stocks under a contract: trusted equilibria and first bests, kinks, batches, edits."""

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import eqsolve as eqs
from eqsolve.demand import DiscreteTable, Uniform
from eqsolve.demand.joint import JointTable
from eqsolve.mechanisms.vertical import (
    ConsumerChoice,
    Contract,
    LinearDemand,
    ScaledDemand,
    SpatialDemand,
    UniformShoppers,
    VerticalMarket,
    dictated_price,
)

LINEAR = LinearDemand(10.0, 1.0, 0.5, 0.2, Uniform(-3.0, 6.0))
CHOICE = ConsumerChoice(UniformShoppers(), Uniform(0.5, 1.0), DiscreteTable([0.6, 1.0, 1.4], [0.3, 0.4, 0.3]))
TWO = DiscreteTable([1.0, 3.0], [0.5, 0.5])
ROWS = [[a, b, c] for a in (0.2, 0.8) for b in (0.2, 0.8) for c in (1.0, 3.0)]
SMOOTH = eqs.Newton(sweeps=0)  # payoffs without kinks: compiles in half the time


def at(price, stock):
    return {"price": jnp.asarray(price, float), "stock": jnp.asarray(stock, float)}


@eqx.filter_jit
def expect(game, actions):
    return game.expect(actions)


# sources of all numbers: independent computation


def test_linear_market_without_a_contract_that_coordinates():
    game = VerticalMarket(LINEAR, cost=2.0, contract=Contract(2.0), highest_price=14.0).game()
    found = eqs.solve_nash(game, solver=SMOOTH)
    assert bool(found.status == eqs.Status.converged)
    np.testing.assert_allclose(found.actions["price"], 7.993527937961877, rtol=1e-9)
    np.testing.assert_allclose(found.actions["stock"], 7.537812632468695, rtol=1e-9)
    np.testing.assert_allclose(found.outcomes["outlet profit"], 31.692487235249462, rtol=1e-12)
    np.testing.assert_allclose(found.outcomes["chain profit"], 63.384974470498925, rtol=1e-12)
    np.testing.assert_allclose(found.outcomes["stockout probability"], 0.25020241569455803, rtol=1e-8)


@pytest.mark.slow
def test_consumer_choice_market():
    game = VerticalMarket(CHOICE, cost=0.2, contract=Contract(0.2), highest_price=1.0).game()
    found = eqs.solve_nash(game, solver=SMOOTH)
    np.testing.assert_allclose(found.actions["price"], 0.5960893005962412, rtol=1e-8)
    np.testing.assert_allclose(found.actions["stock"], 0.7964613675165569, rtol=1e-8)
    np.testing.assert_allclose(found.outcomes["outlet profit"], 0.25435137962580323, rtol=1e-10)
    np.testing.assert_allclose(found.outcomes["chain profit"], 0.5087027592516065, rtol=1e-10)
    np.testing.assert_allclose(found.outcomes["stockout probability"], 0.33552019772867764, rtol=1e-7)


@pytest.mark.slow
def test_first_best_of_the_linear_market():
    game = VerticalMarket(LINEAR, cost=2.0, contract=Contract(2.0), highest_price=14.0).game()
    plan = eqs.solve_first_best(game)
    np.testing.assert_allclose(plan.actions["price"], 10.88634975164335, rtol=1e-8)
    np.testing.assert_allclose(plan.actions["stock"], 6.2865295296348425, rtol=1e-8)
    np.testing.assert_allclose(plan.outcomes["chain profit"], 71.59379329327913, rtol=1e-12)
    np.testing.assert_allclose(plan.outcomes["sales"], 4.443174875821675, rtol=1e-8)
    np.testing.assert_allclose(plan.outcomes["stockout probability"], 0.21619829602812657, rtol=1e-8)


def test_every_outcome_in_every_scenario_of_the_line():
    demand = SpatialDemand(10.0, 6.0, JointTable(ROWS, [0.125] * 8))
    market = VerticalMarket(demand, cost=2.0, contract=Contract(3.0, buy_back=1.0), highest_price=10.0)
    found = expect(market.game(), at([3.0, 4.5], [5.0, 3.0]))
    np.testing.assert_allclose(found["sales"], [3.906692272156547, 2.505579564635353], rtol=1e-13)
    np.testing.assert_allclose(found["outlet profit"], [-2.1866154556869057, 2.7695284762237358], rtol=1e-12)
    np.testing.assert_allclose(found["chain profit"], 6.99518485732873, rtol=1e-12)
    np.testing.assert_allclose(found["consumer surplus"], 22.891652893405645, rtol=1e-13)
    np.testing.assert_allclose(found["welfare"], 29.886837750734376, rtol=1e-13)
    parts = demand.parts(jnp.array([3.0, 4.5]), jnp.asarray(3.0))
    np.testing.assert_allclose(parts.mass / (parts.level + 0.2 * parts.slope), [0.49618320610687, 0.50561797752809])


def spatial(travel_cost, wholesale=2.0):
    demand = SpatialDemand(10.0, travel_cost, Uniform(0.0, 1.0), TWO)
    return VerticalMarket(demand, cost=2.0, contract=Contract(wholesale), highest_price=10.0).game()


@pytest.mark.slow
def test_first_best_and_equilibrium_on_the_line():
    plan, found = eqs.solve_first_best(spatial(5.0)), eqs.solve_nash(spatial(5.0))
    np.testing.assert_allclose(plan.actions["price"], 7.360213645177986, rtol=1e-8)
    np.testing.assert_allclose(plan.actions["stock"], 2.9169697018114595, rtol=1e-8)
    expected = {"chain profit": 20.35389385041933, "consumer surplus": 5.866515316671362, "welfare": 26.220409167090697}
    for name, value in expected.items():
        np.testing.assert_allclose(plan.outcomes[name], value, rtol=1e-9)
    np.testing.assert_allclose(plan.outcomes["stockout probability"], 0.2750457455921245, rtol=1e-8)
    np.testing.assert_allclose(found.actions["price"], 6.609817449873626, rtol=1e-8)
    np.testing.assert_allclose(found.actions["stock"], 3.385732611442451, rtol=1e-8)
    expected = {"chain profit": 19.786535846953697, "consumer surplus": 9.332717060007333, "welfare": 29.11925290696103}
    for name, value in expected.items():
        np.testing.assert_allclose(found.outcomes[name], value, rtol=1e-9)


@pytest.mark.slow
def test_markets_that_just_touch_are_a_kink():
    plan, found = eqs.solve_first_best(spatial(7.0)), eqs.solve_nash(spatial(7.0))
    for solution in (plan, found):  # with the wholesale price at cost the first best is an equilibrium
        assert bool(solution.status == eqs.Status.kinked)
        np.testing.assert_allclose(solution.actions["price"], 6.5, rtol=1e-7)
        np.testing.assert_allclose(solution.actions["stock"], 3.423076923076923, rtol=1e-6)
    np.testing.assert_allclose(plan.outcomes["chain profit"], 19.439560439560438, rtol=1e-9)
    assert bool(eqs.certify(spatial(7.0), found.actions).certified)
    # the profit of the chain rises up to the kink and falls beyond it
    prices = (6.5 - 1e-6, 6.5, 6.5 + 1e-6)
    before, here, after = (expect(spatial(7.0), at([p, p], [3.423076923076923] * 2))["chain profit"] for p in prices)
    assert before < here
    assert here > after


@pytest.mark.slow
def test_discrete_shocks_make_the_stock_a_kink_for_a_range_of_wholesale_prices():
    demand = SpatialDemand(10.0, 5.0, JointTable(ROWS, [0.125] * 8))
    market = VerticalMarket(demand, cost=2.0, contract=dictated_price(7.0, 2.0), highest_price=10.0)
    plan = eqs.solve_first_best(market.game())
    np.testing.assert_allclose(plan.actions["price"], 7.0)
    np.testing.assert_allclose(plan.actions["stock"], 2.9, rtol=1e-7)
    np.testing.assert_allclose(plan.outcomes["chain profit"], 20.034615384615385, rtol=1e-9)


def test_contracts_move_money_between_the_parties_alone():
    market = VerticalMarket(
        CHOICE,
        cost=[0.2, 0.25],
        contract=Contract([0.3, 0.35], fee=0.01, buy_back=0.1, royalty=0.02, revenue_royalty=[0.1, 0.2]),
        highest_price=1.0,
        salvage=0.05,
        goodwill=0.1,
    )
    actions = at([0.55, 0.62], [0.7, 0.6])
    found = expect(market.game(), actions)
    p, y, t = np.array([0.55, 0.62]), np.array([0.7, 0.6]), np.asarray(found["sales"])
    short = t / np.asarray(found["fill rate"]) - t
    mu, w = np.array([0.1, 0.2]), np.array([0.3, 0.35])
    pay = (1 - mu) * p * t - 0.02 * t + (0.1 + 0.05) * (y - t) - w * y - 0.01 - 0.1 * short
    np.testing.assert_allclose(found["outlet profit"], pay, rtol=1e-12)
    both = jnp.sum(found["outlet profit"]) + found["manufacturer profit"]
    np.testing.assert_allclose(both, found["chain profit"], rtol=1e-12)
    # a royalty r under wholesale price w is a buy-back r under w + r
    royalty, back = Contract(0.2, royalty=0.1), Contract(0.3, buy_back=0.1)
    one, other = (expect(market.with_contract(c).game(), actions)["outlet profit"] for c in (royalty, back))
    np.testing.assert_allclose(one, other, rtol=1e-13)


@pytest.mark.parametrize("goodwill", [None, pytest.param(0.1, marks=pytest.mark.slow)])
def test_the_supplied_jacobian(goodwill):
    market = VerticalMarket(
        CHOICE, 0.2, Contract(0.3, 0.01, 0.1, 0.02, [0.1, 0.2]), 1.0, salvage=0.05, goodwill=goodwill
    )
    game, actions = market.game(), at([0.55, 0.62], [0.7, 0.6])
    given = eqx.filter_jit(game.slopes)(actions)
    found = eqx.filter_jit(jax.jacfwd(lambda a: {name: game.expect(a)[name] for name in given}))(actions)
    for name, row in given.items():
        for action, slopes in row.items():
            np.testing.assert_allclose(slopes, found[name][action], atol=1e-13)


@pytest.mark.slow
def test_a_larger_market_has_the_same_prices():
    found = [
        eqs.solve_nash(VerticalMarket(ScaledDemand(LINEAR, size), 2.0, Contract(2.0), 14.0).game())
        for size in (1.0, 3.7)
    ]
    np.testing.assert_allclose(found[1].actions["price"], found[0].actions["price"], rtol=1e-8)
    np.testing.assert_allclose(found[1].actions["stock"], 3.7 * found[0].actions["stock"], rtol=1e-8)
    np.testing.assert_allclose(found[1].outcomes["chain profit"], 3.7 * found[0].outcomes["chain profit"], rtol=1e-10)


def linear_game(params):
    demand = LinearDemand(10.0, 1.0, params["cross"], params["spill"], Uniform(-3.0, 6.0))
    return VerticalMarket(demand, 2.0, Contract(params["wholesale"]), 14.0).game()


@pytest.mark.slow
def test_a_batch_equals_a_loop():
    params = {
        "cross": np.array([0.5, 0.3, 0.4]),
        "spill": np.array([0.2, 0.0, 1.0]),
        "wholesale": np.array([2.0, 3.0, 2.5]),
    }
    many = eqs.batch(linear_game, block=3)(params)
    for i in range(3):
        one = eqs.solve_nash(linear_game({name: jnp.asarray(value[i]) for name, value in params.items()}))
        np.testing.assert_allclose(many.actions["price"][i], one.actions["price"], rtol=1e-9)
        np.testing.assert_allclose(many.actions["stock"][i], one.actions["stock"], rtol=1e-9)


def test_bounds_follow_the_contract():
    market = VerticalMarket(LINEAR, 2.0, Contract(2.0, floor=3.0, ceiling=[9.0, 20.0]), 14.0)
    lower, upper = market.game().limits()
    assert lower["price"].tolist() == [3.0, 3.0]
    assert upper["price"].tolist() == [9.0, 14.0]
    # own demand is largest at the lowest own and the highest other price; everybody whom that outlet loses may come
    rng = np.random.default_rng(0)
    price = rng.uniform([3.0, 3.0], [9.0, 14.0], (2000, 2))
    own = np.maximum(10 - price + 0.5 * price[:, ::-1] + 3.0, 0.0)
    assert np.all(upper["stock"] > (own + 0.2 * own[:, ::-1]).max(axis=0))


def test_misuse_is_named():
    with pytest.raises(ValueError, match=r"Contract.revenue_royalty is 1.5"):
        Contract(2.0, revenue_royalty=1.5)
    with pytest.raises(ValueError, match=r"Contract.floor is 5.0 and ceiling 4.0"):
        Contract(2.0, floor=5.0, ceiling=4.0)
    with pytest.raises(ValueError, match=r"Contract.wholesale_price has shape \(3,\)"):
        Contract([1.0, 2.0, 3.0])
    with pytest.raises(TypeError, match=r"VerticalMarket.contract is 2.0"):
        VerticalMarket(LINEAR, 2.0, 2.0, 14.0)  # pyright: ignore[reportArgumentType]
    with pytest.raises(ValueError, match=r"VerticalMarket.cost.* is -1.0"):
        VerticalMarket(LINEAR, -1.0, Contract(2.0), 14.0)
    market = VerticalMarket(LINEAR, 2.0, Contract(2.0), 14.0)
    assert dataclasses.replace(market, cost=jnp.array([3.0, 3.0])).cost.tolist() == [3.0, 3.0]
