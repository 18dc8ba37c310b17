import jax
import jax.numpy as jnp
import numpy as np
import pytest

from eqsolve.mechanisms.classic import (
    Cournot,
    IsoelasticInverseDemand,
    LinearInverseDemand,
    cournot_cartel,
    cournot_equilibrium,
    cournot_welfare_optimum,
)
from eqsolve.mechanisms.classic.cournot import cournot_jacobian, cournot_outcomes

LINEAR = LinearInverseDemand(12.0, 1.5)
ISOELASTIC = IsoelasticInverseDemand(5.0, 1.7)


def linear_payoff(cost, intercept=12.0, slope=1.5):
    return lambda q: (intercept - slope * q.sum(-1, keepdims=True) - cost) * q


def isoelastic_payoff(cost, scale=5.0, elasticity=1.7):
    def payoff(q):
        total = q.sum(-1, keepdims=True)
        price = np.where(total > 0, np.where(total > 0, total, 1) / scale, 1) ** (-1 / elasticity)
        return (price - cost) * q

    return payoff


def test_interior_equilibrium_is_the_textbook_formula():
    cost = np.array([1.0, 2.0, 3.0])
    textbook = (12.0 - 3 * cost + cost.sum() - cost) / (1.5 * 4)
    np.testing.assert_allclose(cournot_equilibrium(Cournot(LINEAR, cost)), textbook, rtol=1e-14)


@pytest.mark.parametrize("seed", range(12))
def test_no_firm_gains_in_linear_markets_with_idle_firms_and_full_capacities(seed, largest_gain):
    rng = np.random.default_rng(seed)
    firms = rng.integers(1, 7)
    cost, capacity = rng.uniform(0, 13, firms), rng.uniform(0, 3, firms)
    capacity[rng.random(firms) < 0.2] = 0.0
    market = Cournot(LINEAR, cost, capacity)
    quantity = cournot_equilibrium(market)
    assert np.all((quantity >= 0) & (quantity <= capacity))
    payoff = linear_payoff(np.asarray(market.cost))
    assert largest_gain(payoff, quantity, 0.0, np.asarray(market.capacity)) <= 1e-12
    if quantity.max() > 0.1:  # the search does find the gain where one firm errs by a little
        assert largest_gain(payoff, quantity - 0.05 * (quantity == quantity.max()), 0.0, capacity + 1) > 1e-4


def test_random_markets_cover_every_regime():
    seen = set()
    for seed in range(12):
        rng = np.random.default_rng(seed)
        firms = rng.integers(1, 7)
        cost, capacity = rng.uniform(0, 13, firms), rng.uniform(0, 3, firms)
        quantity = cournot_equilibrium(Cournot(LINEAR, cost, capacity))
        seen |= {"idle"} if np.any(quantity == 0) else set()
        seen |= {"full"} if np.any(quantity == capacity) else set()
        seen |= {"interior"} if np.any((quantity > 0) & (quantity < capacity)) else set()
    assert seen == {"idle", "full", "interior"}


@pytest.mark.parametrize("cost", [[1.0, 1.2], [1.0, 1.3, 9.0], [1.0, 1.0, 1.0], [2.0]])
def test_no_firm_gains_in_isoelastic_markets(cost, largest_gain):
    quantity = cournot_equilibrium(Cournot(ISOELASTIC, cost, capacity=50.0))
    assert largest_gain(isoelastic_payoff(np.array(cost)), quantity, 0.0, 50.0) <= 1e-12
    assert largest_gain(isoelastic_payoff(np.array(cost)), 0.8 * quantity, 0.0, 50.0) > 1e-3


def test_inelastic_demand_has_an_equilibrium_with_enough_firms(largest_gain):
    for cost in ([1.0, 1.0, 1.0], [0.0, 1.0, 1.0, 1.0]):
        quantity = cournot_equilibrium(Cournot(IsoelasticInverseDemand(5.0, 0.4), cost, capacity=50.0))
        assert largest_gain(isoelastic_payoff(np.array(cost), elasticity=0.4), quantity, 0.0, 50.0) <= 1e-12


def test_a_single_firm_is_a_monopolist():
    market = Cournot(LINEAR, [3.0])
    np.testing.assert_allclose(cournot_equilibrium(market), [(12.0 - 3.0) / 3.0])
    np.testing.assert_allclose(cournot_cartel(market), cournot_equilibrium(market))
    market = Cournot(ISOELASTIC, [3.0])
    np.testing.assert_allclose(cournot_cartel(market), cournot_equilibrium(market))


@pytest.mark.parametrize("demand", [LINEAR, ISOELASTIC], ids=["linear", "isoelastic"])
@pytest.mark.parametrize("objective", ["profit", "welfare"])
def test_plans_beat_every_point_of_a_grid(demand, objective):
    market = Cournot(demand, cost=[1.0, 2.0], capacity=[1.1, 9.0])
    plan = (cournot_cartel if objective == "profit" else cournot_welfare_optimum)(market)

    @jax.jit
    @jax.vmap
    def total(quantity):
        return jnp.sum(cournot_outcomes(market, {"quantity": quantity}, None)[objective])

    grid = jnp.stack(jnp.meshgrid(jnp.linspace(0, 1.1, 111), jnp.linspace(0, 9, 601)), -1).reshape(-1, 2)
    best, planned = jnp.max(total(grid)), total(jnp.asarray(plan)[None])[0]
    assert best <= planned * (1 + 1e-12)
    assert best >= planned * (1 - 1e-4)  # the grid comes close, so the plan is not credited with more than there is


def test_outcomes_in_plain_numpy():
    cost, quantity = np.array([1.0, 2.0]), np.array([2.0, 0.5])
    market = Cournot(LINEAR, cost, fixed_cost=[0.5, 0.25])
    found = market.game().expect({"quantity": jnp.asarray(quantity)})
    price = 12.0 - 1.5 * 2.5
    np.testing.assert_allclose(found["price"], price)
    np.testing.assert_allclose(found["profit"], (price - cost) * quantity - [0.5, 0.25])
    np.testing.assert_allclose(found["consumer surplus"], 1.5 * 2.5**2 / 2)
    np.testing.assert_allclose(found["welfare"], found["consumer surplus"] + found["profit"].sum())


@pytest.mark.parametrize("demand", [LINEAR, ISOELASTIC], ids=["linear", "isoelastic"])
def test_jacobian_is_the_derivative_of_the_outcomes(demand):
    market = Cournot(demand, cost=[1.0, 2.0, 0.0], capacity=8.0)
    automatically = jax.jit(jax.jacfwd(lambda q: cournot_outcomes(market, {"quantity": q}, None)))
    for quantity in (jnp.array([0.5, 1.0, 2.0]), jnp.zeros(3)):
        automatic = automatically(quantity)
        given = cournot_jacobian(market, {"quantity": quantity})
        assert given.keys() == automatic.keys()
        for name, row in given.items():
            np.testing.assert_allclose(row["quantity"], automatic[name], rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("isoelastic", [False, True])
def test_derivatives_are_finite_at_corners(isoelastic, derivatives, assert_finite):
    dtype = jnp.float32
    numbers = [jnp.asarray(x, dtype) for x in ((5.0, 0.6, 100.0) if isoelastic else (12.0, 1.5))]
    demand = (IsoelasticInverseDemand if isoelastic else LinearInverseDemand)(*numbers)
    game = Cournot(demand, cost=jnp.array([1.0, 2.0], dtype), capacity=jnp.array([0.0, 9.0], dtype)).game()
    lower, upper = game.limits()
    corners = jnp.stack([lower["quantity"], upper["quantity"]])
    assert_finite(derivatives(game, {"quantity": corners}), dtype)


def test_bounds_are_finite_and_contain_every_answer():
    for demand in (LINEAR, ISOELASTIC):
        market = Cournot(demand, cost=[1.0, 2.0])
        upper = market.game().limits()[1]["quantity"]
        for answer in (cournot_equilibrium, cournot_cartel, cournot_welfare_optimum):
            assert np.all(answer(market) < upper)
    np.testing.assert_array_equal(
        Cournot(LINEAR, [1.0, 1.0], capacity=[2.0, 99.0]).game().limits()[1]["quantity"], [2, 8]
    )


def test_costs_can_be_batched():
    def profits(cost):
        return Cournot(LINEAR, cost).game().expect({"quantity": jnp.ones(2)})["profit"]

    costs = jnp.array([[1.0, 2.0], [3.0, 4.0]])
    np.testing.assert_allclose(jax.jit(jax.vmap(profits))(costs), 12.0 - 1.5 * 2.0 - costs)


def test_the_planner_maximises_profit_unless_told_otherwise():
    market = Cournot(LINEAR, [1.0, 2.0])
    assert list(market.game().total) == ["profit"]
    assert list(market.game({"welfare": 1.0}).cooperative().pay["planner"]) == ["welfare"]


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"cost": [1.0, -2.0]}, ValueError, r"Cournot\.cost\[1\] is -2\.0; give numbers of zero or more"),
        ({"cost": 1.0}, ValueError, r"Cournot\.cost has shape \(\); give a vector"),
        ({"cost": [1.0, np.nan]}, ValueError, r"Cournot\.cost\[1\] is nan"),
        (
            {"capacity": [1.0, 2.0, 3.0]},
            ValueError,
            r"Cournot\.capacity has shape \(3,\); give one number, or 2 of them",
        ),
        ({"capacity": -1.0}, ValueError, r"Cournot\.capacity\[0\] is -1\.0"),
        ({"capacity": np.inf}, ValueError, r"Cournot\.capacity is inf at index \[0\].*missing limit as None"),
        ({"players": ["a", "a"]}, ValueError, r"Cournot\.players is \('a', 'a'\); give 2 different names"),
        ({"demand": 3.0}, TypeError, r"Cournot\.demand is 3\.0; give a LinearInverseDemand"),
        ({"demand": ISOELASTIC, "cost": [0.0, 1.0]}, ValueError, "a firm without costs needs a capacity"),
    ],
)
def test_impossible_markets_are_refused(change, error, message):
    with pytest.raises(error, match=message):
        Cournot(**({"demand": LINEAR, "cost": [1.0, 2.0]} | change))


@pytest.mark.parametrize(
    ("function", "market", "message"),
    [
        (cournot_equilibrium, Cournot(IsoelasticInverseDemand(1.0, 0.5), [1.0, 1.0]), "elasticity times firms above 1"),
        (cournot_equilibrium, Cournot(ISOELASTIC, [0.0, 1.0], capacity=1.0), "below 1 if only firms without costs"),
        (cournot_equilibrium, Cournot(ISOELASTIC, [1.0, 1.0], capacity=0.1), r"exceed Cournot\.capacity"),
        (cournot_equilibrium, Cournot(IsoelasticInverseDemand(1.0, 1.5, 1.1), [1.0, 1.0]), "raise price_limit"),
        (
            cournot_cartel,
            Cournot(IsoelasticInverseDemand(1.0, 1.0), [1.0, 1.0]),
            "joint profit has a maximum only above 1",
        ),
        (cournot_welfare_optimum, Cournot(IsoelasticInverseDemand(1.0, 1.0, 0.5), [1.0, 1.0]), "raise price_limit"),
    ],
)
def test_closed_forms_refuse_what_they_do_not_cover(function, market, message):
    with pytest.raises(ValueError, match=message):
        function(market)
