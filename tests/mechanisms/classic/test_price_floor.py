import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import eqsolve as eqs
from eqsolve.mechanisms.classic.price_floor import CompetitiveOutlets, trade_stock


@pytest.fixture(autouse=True)
def sixty_four_bit():
    with jax.enable_x64(True):
        yield


# intercepts, slopes, probabilities, cost
MARKETS = [
    ((1.0, 2.0), (1.0, 2.0), (0.5, 0.5), 0.0),
    ((4.0, 10.0), (1.0, 1.0), (0.6, 0.4), 1.0),
    ((3.0, 6.0), (2.0, 1.0), (0.3, 0.7), 0.5),
    ((10.0, 10.1), (1.0, 1.0), (0.5, 0.5), 6.0),
    ((1.0, 20.0), (1.0, 2.0), (0.95, 0.05), 0.3),
]


def states_of(numbers):
    return (np.array(part) for part in numbers[:3])


def sell(numbers, stock, floor):
    """Each state's price and sales, found by lowering the price step by step; floor and stock are numbers."""
    a, b, _ = states_of(numbers)
    found = []
    for i in range(len(a)):
        prices = np.append(np.linspace(a[i] / b[i], floor, 200_001)[:-1], floor) if a[i] / b[i] > floor else [floor]
        demand = np.maximum(a[i] - b[i] * np.asarray(prices), 0)
        cleared = np.flatnonzero(demand >= stock - 1e-12)
        at = cleared[0] if len(cleared) else -1  # the first price that sells everything, else the floor
        found.append((prices[at], min(demand[at], stock)))
    return np.array(found).T


def profits(numbers, stock, floor):
    """The manufacturer's profit on arrays of stocks and floors."""
    a, b, chance = states_of(numbers)
    total = -numbers[3] * stock
    for i in range(len(a)):
        price = np.maximum(np.maximum((a[i] - stock) / b[i], floor), 0)
        total = total + chance[i] * price * np.minimum(stock, np.maximum(a[i] - b[i] * price, 0))
    return total


@eqx.filter_jit
def solved(table):
    def one(intercept, slope, chance, cost):
        market = CompetitiveOutlets(intercept, slope, cost, chance)
        return eqs.solve_first_best(market.game()), eqs.solve_first_best(market.game_without_floor())

    return jax.vmap(one)(*table)


@pytest.fixture(scope="module")
def plans():
    with jax.enable_x64(True):
        table = [jnp.array(column) for column in zip(*MARKETS, strict=True)]
        return jax.device_get(solved(table))


def test_the_best_floor_and_stock_beat_a_grid(plans):
    with_floor, without = plans
    for i, numbers in enumerate(MARKETS):
        a, b, _ = states_of(numbers)
        stock = np.linspace(0, a.max(), 1501)
        floor = np.linspace(0, (a / b).max(), 1501)
        grid = profits(numbers, stock[:, None], floor[None])
        found = float(with_floor.outcomes["manufacturer profit"][i])
        assert found >= grid.max() - 1e-9
        np.testing.assert_allclose(found, grid.max(), rtol=1e-4, atol=1e-9)
        at = {name: float(with_floor.actions[name][i]) for name in ("stock", "floor")}
        np.testing.assert_allclose(profits(numbers, at["stock"], at["floor"]), found, rtol=1e-12, atol=1e-12)
        alone = float(without.outcomes["manufacturer profit"][i])
        fine = profits(numbers, np.linspace(0, a.max(), 400_001), 0.0)
        np.testing.assert_allclose(alone, fine.max(), rtol=1e-9, atol=1e-12)
        assert found >= alone - 1e-12


def test_without_cost_a_floor_earns_the_monopoly_profit_of_each_state(plans):
    # demand 1 - p and 2 (1 - p): every state wants a price of 1/2, and stock costs nothing
    with_floor, without = plans
    at = lambda plan, name: float(plan.outcomes[name][0])  # noqa: E731
    np.testing.assert_allclose(at(with_floor, "manufacturer profit"), 3 / 8, rtol=1e-9)
    np.testing.assert_allclose(at(without, "manufacturer profit"), 1 / 3, rtol=1e-9)
    np.testing.assert_allclose(with_floor.outcomes["price"][0], 0.5, rtol=1e-6)
    np.testing.assert_allclose(without.actions["stock"][0], 2 / 3, rtol=1e-6)
    np.testing.assert_allclose(without.outcomes["price"][0], [1 / 3, 2 / 3], rtol=1e-6)
    # and the consumers gain as well: the floor raises the stock from 2/3 to 1
    np.testing.assert_allclose(at(with_floor, "consumer surplus"), 3 / 16, rtol=1e-6)
    np.testing.assert_allclose(at(without, "consumer surplus"), 1 / 6, rtol=1e-6)


@pytest.mark.parametrize(("stock", "floor"), [(3.0, 0.0), (3.0, 2.5), (7.0, 0.0), (7.0, 1.5), (12.0, 6.0), (5.0, 9.5)])
def test_prices_and_sales_against_an_auction_that_lowers_the_price(stock, floor):
    numbers = MARKETS[1]
    a, b, chance = states_of(numbers)
    market = CompetitiveOutlets(a, b, 1.0, chance)
    found = market.game().expect({"stock": jnp.array(stock), "floor": jnp.array(floor)})
    price, sold = sell(numbers, stock, floor)
    np.testing.assert_allclose(found["price"], price, atol=2e-4)
    np.testing.assert_allclose(found["sold"], sold, atol=2e-4)
    np.testing.assert_allclose(found["wholesale price"], chance @ (price * sold) / stock, atol=2e-4)
    # what buyers would have paid less what they pay, by adding up the demand above the price
    surplus = 0.0
    for i in range(2):
        above = np.linspace(price[i], max(a[i] / b[i], price[i]), 20_001)
        surplus += chance[i] * np.trapezoid(np.maximum(a[i] - b[i] * above, 0), above)
    np.testing.assert_allclose(found["consumer surplus"], surplus, atol=2e-3)
    np.testing.assert_allclose(found["unsold"], stock - chance @ sold, atol=2e-4)


def test_free_entry_orders_until_a_unit_earns_its_price():
    market = CompetitiveOutlets([4.0, 10.0], 1.0, 1.0, [0.6, 0.4])

    @jax.jit
    @jax.vmap
    def ordered(wholesale, floor):
        stock, slope = jax.value_and_grad(lambda w: trade_stock(market, w, floor))(wholesale)
        return stock, slope, market.worth(stock, floor)

    wholesale, floor = (np.ravel(x) for x in np.meshgrid([0.2, 1.0, 3.0, 5.0], [0.0, 1.0, 3.5, 6.0]))
    stock, _, worth = ordered(jnp.asarray(wholesale), jnp.asarray(floor))
    first = [float(market.worth(0.0, f)) for f in floor]
    sells = wholesale < first
    np.testing.assert_allclose(np.asarray(worth)[sells], wholesale[sells], rtol=1e-10)
    np.testing.assert_array_equal(np.asarray(stock)[~sells], 0.0)
    assert not sells.all()
    assert (np.asarray(stock) > 10).any()  # a floor pays for more than anybody takes
    step = 1e-6
    moved = (ordered(jnp.asarray(wholesale + step), jnp.asarray(floor))[0] - stock) / step
    np.testing.assert_allclose(ordered(jnp.asarray(wholesale), jnp.asarray(floor))[1], moved, rtol=1e-4, atol=1e-6)
    assert np.isnan(ordered(jnp.array([-1.0, 1.0]), jnp.array([0.0, -1.0]))[0]).all()


def test_more_states_and_another_unit_of_money():
    one = CompetitiveOutlets([2.0, 5.0, 9.0], [1.0, 0.5, 2.0], 0.4, [0.2, 0.5, 0.3])
    cents = CompetitiveOutlets([2.0, 5.0, 9.0], [0.01, 0.005, 0.02], 40.0, [0.2, 0.5, 0.3])
    for stock, floor in ((1.0, 0.3), (6.0, 1.0), (8.0, 7.0)):
        a = one.game().expect({"stock": jnp.array(stock), "floor": jnp.array(floor)})
        b = cents.game().expect({"stock": jnp.array(stock), "floor": jnp.array(100 * floor)})
        np.testing.assert_allclose(b["manufacturer profit"], 100 * a["manufacturer profit"], rtol=1e-12)
        np.testing.assert_allclose(b["sold"], a["sold"], rtol=1e-12)
    np.testing.assert_allclose(one.worth(1e-9, 3.0), one.worth(0.0, 3.0), rtol=1e-6)
    assert np.isnan(one.market(-1.0)[0]).all()
    assert np.isnan(one.market(1.0, -1.0)[1]).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"intercept": 3.0}, r"CompetitiveOutlets.intercept has shape \(\)"),
        ({"intercept": [1.0, 0.0]}, r"CompetitiveOutlets.intercept\[1\] is 0.0"),
        ({"slope": [1.0, -2.0]}, r"CompetitiveOutlets.slope\[1\] is -2.0"),
        ({"slope": [1.0, 2.0, 3.0]}, r"CompetitiveOutlets.slope has shape \(3,\)"),
        ({"cost": -1.0}, r"CompetitiveOutlets.cost is -1.0"),
        ({"probabilities": [0.5, 0.6]}, r"sum of CompetitiveOutlets.probabilities is 1.1"),
    ],
)
def test_bad_input_is_named(change, message):
    with pytest.raises(ValueError, match=message):
        CompetitiveOutlets(**({"intercept": [1.0, 2.0], "slope": 1.0, "cost": 0.1} | change))


def test_a_free_good_has_no_limit():
    with pytest.raises(ValueError, match=r"wholesale_price is 0.0"):
        trade_stock(CompetitiveOutlets([1.0, 2.0], 1.0, 0.1), 0.0)
