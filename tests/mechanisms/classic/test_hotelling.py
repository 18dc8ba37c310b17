import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import integrate

from eqsolve.mechanisms.classic import (
    Hotelling,
    hotelling_equilibrium,
    hotelling_first_order_prices,
    hotelling_has_equilibrium,
)

FAR = {"locations": [0.1, 0.8], "transport_cost": 2.0}


def shopping(city, price, consumers=20_001):
    """Demands and transport cost by asking every consumer in turn."""
    x = (np.arange(consumers) + 0.5) / consumers * float(city.length)
    distance = np.abs(x[:, None] - np.asarray(city.locations))
    travel = float(city.transport_cost) * distance ** (2 if city.transport == "quadratic" else 1)
    chosen = np.argmin(travel + np.asarray(price), axis=1)
    demand = np.bincount(chosen, minlength=2) / consumers * float(city.length)
    return demand, np.take_along_axis(travel, chosen[:, None], 1).mean() * float(city.length)


def payoff(city):
    """Profits in plain NumPy, the exact border from the indifferent consumer."""
    (left, right), length = np.asarray(city.locations), float(city.length)
    t, cost = float(city.transport_cost), np.asarray(city.cost)

    def profit(price):
        gap = price[:, 1] - price[:, 0]
        if city.transport == "quadratic":
            border = np.clip((gap / t + right**2 - left**2) / (2 * (right - left)), 0, length)
        else:
            border = (left + right + gap / t) / 2
            border = np.where(gap > t * (right - left), length, np.where(gap < -t * (right - left), 0, border))
        return (price - cost) * np.stack([border, length - border], 1)

    return profit


@pytest.mark.parametrize("transport", ["linear", "quadratic"])
@pytest.mark.parametrize("price", [[2.0, 2.2], [1.0, 3.5], [3.5, 1.0], [2.0, 2.0]])
def test_outcomes_are_what_consumers_choose(transport, price):
    city = Hotelling(**FAR, cost=[0.5, 1.0], length=1.2, transport=transport)
    found = city.game().expect({"price": jnp.asarray(price)})
    demand, travel = shopping(city, price)
    np.testing.assert_allclose(found["demand"], demand, atol=2e-4)
    np.testing.assert_allclose(found["profit"], (np.array(price) - [0.5, 1.0]) * found["demand"])
    np.testing.assert_allclose(found["social cost"], travel + np.array([0.5, 1.0]) @ demand, atol=2e-4)
    np.testing.assert_allclose(found["profit"], payoff(city)(np.array([price]))[0])


@pytest.mark.parametrize("cost", [[0.0, 0.0], [1.0, 0.0], [0.0, 3.0], [0.0, 9.0], [9.0, 0.0]])
def test_no_firm_gains_with_quadratic_costs(cost, largest_gain):
    city = Hotelling(**FAR, cost=cost, length=1.2, transport="quadratic")
    price, (lower, upper) = hotelling_equilibrium(city), city.game().limits()
    assert np.all((price >= lower["price"]) & (price <= upper["price"]))
    assert largest_gain(payoff(city), price, lower["price"], upper["price"], 20_001) <= 1e-12


def test_the_cheap_firm_can_serve_everybody():
    city = Hotelling(**FAR, cost=[0.0, 9.0], length=1.2, transport="quadratic")
    price = hotelling_equilibrium(city)
    np.testing.assert_allclose(city.game().expect({"price": jnp.asarray(price)})["demand"], [1.2, 0.0], atol=1e-12)
    assert price[1] == 9.0


def test_textbook_prices_with_quadratic_costs():
    # Tirole, chapter 7: p1 = c + t (1 - a - b) (1 + (a - b) / 3)
    a, b, t, c = 0.1, 0.3, 2.0, 0.7
    city = Hotelling([a, 1 - b], t, c, transport="quadratic")
    expected = [c + t * (1 - a - b) * (1 + (a - b) / 3), c + t * (1 - a - b) * (1 + (b - a) / 3)]
    np.testing.assert_allclose(hotelling_equilibrium(city), expected)


@pytest.mark.parametrize("a", [0.0, 0.1, 0.2, 0.3, 0.45])
@pytest.mark.parametrize("b", [0.0, 0.15, 0.25, 0.4])
def test_existence_with_linear_costs(a, b, largest_gain):
    length, t = 1.0, 1.5
    city = Hotelling([a, length - b], t)
    published = (length + (a - b) / 3) ** 2 >= 4 / 3 * length * (a + 2 * b)
    published &= (length + (b - a) / 3) ** 2 >= 4 / 3 * length * (b + 2 * a)
    assert hotelling_has_equilibrium(city) == published
    price, (lower, upper) = hotelling_first_order_prices(city), city.game().limits()
    np.testing.assert_allclose(price, [t * (length + (a - b) / 3), t * (length + (b - a) / 3)])
    gain = largest_gain(payoff(city), price, lower["price"], upper["price"], 20_001)
    assert (gain <= 1e-12) == published


@pytest.mark.parametrize("cost", [[0.0, 0.4], [0.6, 0.0], [0.0, 2.0]])
@pytest.mark.parametrize("locations", [[0.0, 1.0], [0.1, 0.9], [0.2, 0.8]])
def test_existence_with_unequal_costs(cost, locations, largest_gain):
    city = Hotelling(locations, 1.0, cost)
    price, (lower, upper) = hotelling_first_order_prices(city), city.game().limits()
    gain = largest_gain(payoff(city), price, lower["price"], upper["price"], 20_001)
    border = (sum(locations) + price[1] - price[0]) / 2
    assert hotelling_has_equilibrium(city) == bool(gain <= 1e-12 and locations[0] <= border <= locations[1])


def test_no_pure_profile_of_a_grid_is_an_equilibrium_when_firms_are_close(largest_gain):
    city = Hotelling([0.4, 0.6])
    (lower, upper), profit = city.game().limits(), payoff(city)
    for price in np.stack(np.meshgrid(*[np.linspace(0, 2, 21)] * 2), -1).reshape(-1, 2):
        assert largest_gain(profit, price, lower["price"], upper["price"], 801) > 1e-3


def test_the_first_order_prices_without_equilibrium_are_stationary():
    city = Hotelling([0.4, 0.6])
    game, price = city.game(), jnp.asarray(hotelling_first_order_prices(city))
    slopes = jax.jit(jax.jacfwd(lambda p: game.expect({"price": p})["profit"]))(price)
    np.testing.assert_allclose(jnp.diagonal(slopes), 0.0, atol=1e-14)


def test_social_cost_is_least_where_prices_differ_like_costs():
    city = Hotelling(**FAR, cost=[0.5, 1.0], transport="quadratic")
    cost_of = jax.jit(jax.vmap(lambda gap: city.game().expect({"price": jnp.array([2.0, 2.0 + gap])})["social cost"]))
    gaps = jnp.linspace(-1, 2, 301)
    assert abs(gaps[jnp.argmin(cost_of(gaps))] - 0.5) <= 0.005 + 1e-9


def test_social_cost_counts_linear_travel_exactly():
    city = Hotelling([0.2, 0.7], 2.0, length=1.1)
    found = city.game().expect({"price": jnp.array([1.0, 1.0])})["social cost"]
    area, _ = integrate.quad(lambda x: 2.0 * min(abs(x - 0.2), abs(x - 0.7)), 0, 1.1, points=[0.2, 0.45, 0.7])
    np.testing.assert_allclose(found, area, rtol=1e-12)


@pytest.mark.parametrize("transport", ["linear", "quadratic"])
def test_derivatives_are_finite_at_corners(transport, derivatives, assert_finite):
    dtype = jnp.float32
    city = Hotelling(jnp.array([0.0, 1.0], dtype), *(jnp.asarray(x, dtype) for x in (1.0, [0.0, 0.5], 1.0)), transport)
    (lower, upper) = (bound["price"] for bound in city.game().limits())
    profiles = jnp.stack([lower, upper, jnp.array([lower[0], upper[1]]), jnp.array([upper[0], lower[1]])])
    assert_finite(derivatives(city.game(), {"price": profiles}), dtype)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"locations": [0.5, 0.5]}, r"Hotelling\.locations: the gap\[0\] is 0\.0; give two different places in order"),
        ({"locations": [0.7, 0.5]}, r"Hotelling\.locations: the gap"),
        ({"locations": [-0.1, 0.5]}, r"Hotelling\.locations\[0\] is -0\.1"),
        ({"locations": [0.1, 1.5]}, r"the space to the right is -0\.5"),
        ({"locations": [0.1, 0.5, 0.7]}, r"Hotelling\.locations has shape \(3,\); give the two places"),
        ({"transport": "cubic"}, r"Hotelling\.transport is 'cubic'; give 'linear' or 'quadratic'"),
        ({"transport_cost": 0.0}, r"Hotelling\.transport_cost is 0\.0"),
        ({"cost": [0.0, -1.0]}, r"Hotelling\.cost\[1\] is -1\.0"),
    ],
)
def test_impossible_cities_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        Hotelling(**(FAR | change))


def test_closed_form_refuses_cities_without_equilibrium():
    with pytest.raises(ValueError, match="move the firms apart or use quadratic costs"):
        hotelling_equilibrium(Hotelling([0.4, 0.6]))
