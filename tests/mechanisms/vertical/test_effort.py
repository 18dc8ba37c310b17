import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import eqsolve as eqs
from eqsolve.mechanisms.vertical import (
    DemandFunction,
    PriceEffort,
    RootEffortDemand,
    coordinate_effort,
    effort_balance,
    effort_externalities,
)

# intercept, price_effect, cross_price, effort_effect, cross_effort, cost; highest price
CASES = np.array(
    [
        (10.0, 1.0, 0.2, 1.1, 0.8, 2.0, 40.0),  # the worked case: a ceiling
        (10.0, 1.0, 0.6, 0.6, 0.1, 2.0, 40.0),  # a floor
        (10.0, 1.0, 0.5, 1.2, 0.6, 2.0, 40.0),  # neither: 0.5 / 1 = 0.6 / 1.2
        (10.0, 1.0, 0.0, 0.8, 0.4, 1.0, 40.0),  # no competition by price at all
        (8.0, 2.0, 1.2, 1.0, 0.0, 0.5, 40.0),  # no competition by effort at all
    ]
)
OUTSIDE = np.array(
    [
        (10.0, 1.0, 0.2, 0.0, 0.0, 2.0, 40.0),  # effort is useless
        (10.0, 1.0, 0.2, 1.1, 0.8, 2.0, 6.0),  # the first best lies beyond the highest price
    ]
)


@pytest.fixture(autouse=True)
def sixty_four_bit():
    with jax.enable_x64(True):
        yield


def model_of(numbers):
    return PriceEffort(RootEffortDemand(*numbers[:5]), numbers[5], highest_price=numbers[6], highest_effort=150.0)


@eqx.filter_jit
def coordinated(table):
    return jax.vmap(lambda numbers: coordinate_effort(model_of(numbers)))(table)


def first_best(a, b, g, e, f, c, _=None):
    """The symmetric plan, from the first-order conditions in the root of effort."""
    slope, gain = b - g, e - f
    price = (a + slope * c - gain**2 * c / 2) / (2 * slope - gain**2 / 2)
    return price, (gain * (price - c) / 2) ** 2


def best_deviation(numbers, wholesale, floor, ceiling, price, effort):
    """The most an outlet earns against rivals at (price, effort), on a fine grid in plain NumPy."""
    a, b, g, e, f = numbers[:5]
    p = np.linspace(floor, ceiling, 1501)[:, None]
    z = np.linspace(0, 12, 1501)[None]
    quantity = lambda p, z: a - b * p + g * price + e * z - f * np.sqrt(effort)  # noqa: E731
    here = quantity(price, np.sqrt(effort)) * (price - wholesale) - effort
    return np.max(quantity(p, z) * (p - wholesale) - z**2) - here


def random_table(count):
    draw = np.random.default_rng(5)
    g, f = draw.uniform(0, 0.5, count), draw.uniform(0, 0.8, count)
    ones = np.ones(count)
    return np.stack([10 * ones, ones, g, ones, f, draw.uniform(0.5, 4, count), 40 * ones], axis=1)


@pytest.fixture(scope="module")
def contracts():
    table = np.concatenate([CASES, random_table(50), OUTSIDE])
    with jax.enable_x64(True):
        found = jax.device_get(coordinated(jnp.asarray(table)))
    return table[:-2], jax.tree.map(lambda x: x[:-2], found), jax.tree.map(lambda x: x[-2:], found)


def test_the_worked_case(contracts):
    # independent computation
    _, found, _ = contracts
    expected = {
        "price": 7.40192926045016,
        "effort": 0.6565688940354215,
        "quantity": 4.321543408360129,
        "chain_profit": 45.37620578778135,
        "wholesale_price": 5.9286758257819345,
        "fee": 5.710159775398968,
        "price_pressure": 2.8482899736919034,
    }
    for name, value in expected.items():
        np.testing.assert_allclose(getattr(found, name)[0], value, rtol=1e-7, err_msg=name)
    balance = {
        "outlet_price_elasticity": -1.7127976190476188,
        "market_price_elasticity": -1.370238095238095,
        "outlet_effort_elasticity": 0.103125,
        "market_effort_elasticity": 0.028125000000000004,
        "price_ratio": 1.25,
        "effort_ratio": 3.6666666666666665,
        "wholesale_for_price": 3.080385852090032,
        "wholesale_for_effort": 5.9286758257819345,
    }
    for name, value in balance.items():
        np.testing.assert_allclose(getattr(found.balance, name)[0], value, rtol=1e-7, err_msg=name)
    assert jax.tree.map(lambda x: x[0], found).restraint == "ceiling"


def test_the_worked_case_without_the_restraint():
    # independent computation
    model = model_of(CASES[0])
    at = np.array([7.40192926045016] * 2), np.array([0.6565688940354215] * 2)
    sold = eqx.tree_at(lambda m: m.wholesale_price, model, jnp.asarray(5.9286758257819345))
    found = effort_externalities(sold, *at)
    expected = [3.9286758257819345, -1.080385852090032, -2.6666666666666665, 2.6666666666666665]
    parts = [found.vertical_price, found.horizontal_price, found.vertical_effort, found.horizontal_effort]
    np.testing.assert_allclose(np.array(parts), np.array([expected] * 2).T, rtol=1e-7)
    np.testing.assert_allclose([found.chain_price, found.chain_effort], 0, atol=1e-8)
    nash = np.array([9.144002638854992] * 2), np.array([3.1273437707471334] * 2)
    away = effort_externalities(sold, *nash)
    np.testing.assert_allclose([away.outlet_price, away.outlet_effort], 0, atol=1e-8)
    assert best_deviation(CASES[0], 5.9286758257819345, 0.0, 40.0, nash[0][0], nash[1][0]) < 1e-9
    # the wholesale price that is right for the price, with the price held at the first best
    held = eqx.tree_at(lambda m: m.wholesale_price, model, jnp.asarray(3.080385852090032))
    found = effort_externalities(held, at[0], np.array([5.649410572678115] * 2))
    np.testing.assert_allclose(found.outlet_effort, 0, atol=1e-9)


@pytest.mark.slow
def test_the_game_without_the_restraint_is_solved_from_the_middle_of_the_box():
    sold = eqx.tree_at(lambda m: m.wholesale_price, model_of(CASES[0]), jnp.asarray(5.9286758257819345))
    nash = eqs.solve_nash(sold.game())
    np.testing.assert_allclose(nash.actions["price"], 9.144002638854992, rtol=1e-7)
    np.testing.assert_allclose(nash.actions["effort"], 3.1273437707471334, rtol=1e-7)
    assert eqs.certify(sold.game(), nash.actions).certified


def test_contracts_implement_the_first_best(contracts):
    table, found, _ = contracts
    plans = np.array([first_best(*numbers) for numbers in table])
    np.testing.assert_allclose(found.price, plans[:, 0], rtol=1e-8)
    np.testing.assert_allclose(found.effort, plans[:, 1], rtol=1e-6)
    difference = table[:, 2] / table[:, 1] - table[:, 4] / table[:, 3]
    np.testing.assert_array_equal(found.direction, np.sign(np.where(np.abs(difference) < 1e-12, 0, difference)))
    inner = found.effort > 0.01  # too little effort to tell it from none on the grid of the search
    assert found.holds[inner].all()
    assert inner.mean() > 0.9
    assert np.max([np.max(list(gain)) for gain in zip(*found.equilibrium.gain.values(), strict=True)]) < 1e-8
    np.testing.assert_array_equal(found.price_pressure[inner] < 0, found.direction[inner] > 0)


def test_no_outlet_deviates_on_a_plain_grid(contracts):
    table, found, _ = contracts
    for i, numbers in enumerate(table[:15]):
        price, effort, way = found.price[i], found.effort[i], found.direction[i]
        floor, ceiling = (price if way > 0 else 0.0), (price if way < 0 else 40.0)
        assert best_deviation(numbers, found.wholesale_price[i], floor, ceiling, price, effort) < 1e-9


def test_spending_at_the_first_best_is_dorfman_and_steiners(contracts):
    _, found, _ = contracts
    np.testing.assert_allclose(found.balance.spending, found.balance.market_spending, rtol=1e-6)
    more = found.balance.outlet_spending > found.balance.market_spending * (1 + 1e-6)
    np.testing.assert_array_equal(more, found.direction < 0)  # outlets overspend where a ceiling is needed


def logit(params, price, effort):
    share = jnp.exp(params["quality"] + params["pull"] * jnp.log1p(effort) - price)
    return params["size"] * share / (1 + jnp.sum(share))


def test_externalities_add_up_at_any_point_and_for_any_demand():
    params = {"quality": np.array([4.0, 4.5, 5.0]), "pull": 0.7, "size": 30.0}
    model = PriceEffort(DemandFunction(logit, params), 1.0, 9.0, 9.0, 1.8, outlets=("a", "b", "c"))
    price, effort = np.array([3.0, 3.5, 2.5]), np.array([1.0, 0.3, 2.0])
    found = effort_externalities(model, price, effort)
    for kind in ("price", "effort"):
        own, chain, vertical, horizontal = (
            np.asarray(getattr(found, f"{part}_{kind}")) for part in ("outlet", "chain", "vertical", "horizontal")
        )
        np.testing.assert_allclose(own - chain, vertical + horizontal, rtol=1e-12)

    def sold(price, effort):
        share = np.exp(params["quality"] + 0.7 * np.log1p(effort) - price)
        return 30 * share / (1 + share.sum())

    step = np.array([0.0, 1e-6, 0.0])
    slope = (sold(price + step, effort) - sold(price - step, effort)) / 2e-6
    np.testing.assert_allclose(found.vertical_price[1], -slope[1] * 0.8, rtol=1e-7)
    np.testing.assert_allclose(found.horizontal_price[1], -slope[0] * 2.0 - slope[2] * 1.5, rtol=1e-7)
    assert str(found).count("\n") == 9


@pytest.mark.slow
def test_three_outlets_and_another_unit_of_money():
    def contract(outlets, unit):
        demand = RootEffortDemand(10.0, 1.0 / unit, 0.2 / unit, 1.1 / unit**0.5, 0.3 / unit**0.5)
        return coordinate_effort(PriceEffort(demand, 2.0 * unit, 25.0 * unit, 40.0 * unit, outlets=outlets))

    names = ("a", "b", "c")
    one, hundred = contract(names, 1.0), contract(names, 100.0)
    price, effort = first_best(10.0, 1.0, 0.4, 1.1, 0.6, 2.0)  # two rivals are one with twice the pull
    np.testing.assert_allclose([one.price, one.effort], [price, effort], rtol=1e-7)
    assert one.restraint == "ceiling"
    assert one.holds
    assert hundred.holds
    np.testing.assert_allclose(one.wholesale_price, 2 + 0.6 / 1.1 * (price - 2), rtol=1e-8)
    np.testing.assert_allclose([hundred.price / 100, hundred.fee / 100], [one.price, one.fee], rtol=1e-7)


def lopsided(params, price, effort):
    root = jnp.sqrt(effort + 0.01)
    return params["a"] - price + 0.2 * price[::-1] + root - 0.3 * root[::-1]


@pytest.mark.slow
def test_outlets_that_are_not_alike():
    uneven = PriceEffort(DemandFunction(lopsided, {"a": np.array([10.0, 7.0])}), 2.0, 25.0, 40.0)
    found = coordinate_effort(uneven)
    assert not found.symmetric
    assert not found.holds
    assert not found.first_best.certified  # treating unlike outlets alike loses profit
    assert "certified" in str(found)


def test_a_first_best_at_a_limit_gives_no_numbers(contracts):
    found = contracts[2]
    assert not found.interior.any()
    assert not found.holds.any()
    assert not found.direction.any()
    assert np.isnan([found.price, found.wholesale_price, found.fee]).all()


@pytest.mark.slow
def test_derivatives_of_the_contract():
    def fee(numbers):
        return coordinate_effort(model_of(numbers)).fee

    found = eqx.filter_jit(jax.grad(fee))(jnp.asarray(CASES[0]))

    def by_hand(numbers):
        a, b, g, e, f, c = numbers[:6]
        price, effort = first_best(*numbers)
        sold = a - (b - g) * price + (e - f) * np.sqrt(effort)
        return sold * (price - c) * (1 - f / e) - effort

    steps = 1e-5 * np.eye(7)[:6]
    expected = [(by_hand(CASES[0] + step) - by_hand(CASES[0] - step)) / 2e-5 for step in steps]
    np.testing.assert_allclose(found[:6], expected, rtol=1e-6)


@pytest.mark.slow
def test_thirty_two_bits():
    with jax.enable_x64(False):
        found = coordinate_effort(model_of(CASES[1]))
        assert found.price.dtype == jnp.float32
        assert found.restraint == "floor"
        np.testing.assert_allclose(
            [found.price, found.effort, found.wholesale_price],
            [*first_best(*CASES[1]), 2 + (0.1 / 0.6) * (first_best(*CASES[1])[0] - 2)],
            rtol=2e-3,
        )


def test_balance_at_the_edges():
    stolen = model_of((10.0, 1.0, 0.2, 0.8, 0.8, 2.0, 40.0))
    found = effort_balance(stolen, 6.0, 1.0)
    assert np.isposinf(found.effort_ratio)
    assert float(found.wholesale_for_effort) == 6.0
    assert np.isneginf(found.margin)
    assert float(found.bias) == pytest.approx(-0.8)
    nothing = effort_balance(model_of(OUTSIDE[0]), 6.0, 0.0)
    assert np.isnan(nothing.effort_ratio)
    assert float(nothing.price_ratio) == pytest.approx(1.25)
    slope = jax.grad(lambda s: stolen.demand.quantity(jnp.ones(2), jnp.array([s, 1.0]))[0])(0.0)
    assert np.isfinite(slope)
    assert slope > 1e9
    assert np.isnan(stolen.demand.quantity(jnp.ones(2), jnp.array([-1.0, 1.0]))[0])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"cost": -1.0}, r"PriceEffort.cost is -1.0"),
        ({"highest_price": 0.0}, r"PriceEffort.highest_price is 0.0"),
        ({"lowest_price": 30.0}, r"not below the floor"),
        ({"fee": [1.0, 2.0]}, r"PriceEffort.fee has shape \(2,\)"),
        ({"highest_effort": np.nan}, r"must be finite"),
        ({"outlets": ("a",)}, r"at least two names"),
        ({"demand": DemandFunction(lambda params, p, s: p.sum())}, r"returns shape \(\)"),
    ],
)
def test_bad_input_is_named(change, message):
    good = {"demand": RootEffortDemand(10.0, 1.0, 0.2), "cost": 2.0, "highest_price": 25.0, "highest_effort": 9.0}
    with pytest.raises(ValueError, match=message):
        PriceEffort(**(good | change))


def test_bad_demand_is_named():
    with pytest.raises(ValueError, match=r"RootEffortDemand.cross_price is -0.2"):
        RootEffortDemand(10.0, 1.0, -0.2)
    with pytest.raises(TypeError, match=r"DemandFunction.function is None"):
        DemandFunction(None)
    with pytest.raises(TypeError, match=r"PriceEffort.demand"):
        PriceEffort(3.0, 2.0, 25.0, 9.0)
