"""What transfer pricing rules induce: trusted numbers, direct search by an own rule, accounts, the full cost test."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from eqsolve.demand.finite import DiscreteTable
from eqsolve.demand.uniform import Uniform
from eqsolve.mechanisms.capacity.accounting import DepreciationSchedule, annuity, straight_line
from eqsolve.mechanisms.capacity.divisional_accounts import divisional_accounts
from eqsolve.mechanisms.capacity.families import QuadraticRevenue, RootRevenue
from eqsolve.mechanisms.capacity.goal_congruence import full_use_capacity
from eqsolve.mechanisms.capacity.lifetime import LifetimeDivision, use_of
from eqsolve.mechanisms.capacity.own_rule import OwnRule
from eqsolve.mechanisms.capacity.tariffs import (
    capitalised,
    gatekeeper_tariff,
    naive_full_cost,
    relative_benefit_two_part,
    two_part,
    variable_cost,
)
from eqsolve.mechanisms.capacity.transfer_pricing import full_cost_gap, induced, volume_variance
from eqsolve.mechanisms.capacity.transfer_rules import DualPricing, MarkUp, Tariff

TRUSTED = {"rtol": 1e-8, "atol": 1e-9}
ROOT = LifetimeDivision(RootRevenue(20.0), Uniform(0.2, 1.6), 2.0, 12.0, 0.1, periods=5)
LOW_CHANCE = DiscreteTable([0.5, 0.9, 1.2, 1.5], [0.3, 0.3, 0.2, 0.2])
QUADRATIC = LifetimeDivision(QuadraticRevenue(10.0, 0.5), LOW_CHANCE, 2.0, 12.0, 0.1, periods=5)


def test_induced_capacities_are_the_trusted_ones():
    """Source: independent computation (case B12)."""
    expected = {  # capacity, firm profit per period, expected output
        two_part: [3.8341892270211773, 19.429692795474914, 3.646149643866226],
        naive_full_cost: [12.142512148088294, -0.5546457669282177, 4.547195907308785],
        variable_cost: [81.0, -195.7444846658259, None],
        capitalised: [3.7476889345951516, 19.358948666172843, 3.7476889345951516],
    }
    for rule, (capacity, profit, output) in expected.items():
        found = induced(ROOT, rule(ROOT))
        np.testing.assert_allclose([found.capacity, found.annual_profit], [capacity, profit], **TRUSTED)
        np.testing.assert_allclose(found.loss, found.first_best.npv - found.npv, rtol=1e-12)
        if output is not None:
            np.testing.assert_allclose(found.use.output, output, **TRUSTED)
    naive = induced(ROOT, naive_full_cost(ROOT))
    over, undercharge = 8.308322921067116, 24.04350348188461
    np.testing.assert_allclose(naive.capacity - naive.first_best.capacity, over, **TRUSTED)
    np.testing.assert_allclose(naive.volume_variance, undercharge, **TRUSTED)
    np.testing.assert_allclose(naive.full_cost_gap, -undercharge * np.sum(ROOT.discounts), **TRUSTED)
    np.testing.assert_allclose(full_use_capacity(ROOT), 3.7476889345951516, **TRUSTED)


def test_a_smallest_capacity_that_is_best_may_be_infinite():
    free = eqx.tree_at(lambda d: d.variable_cost, ROOT, jnp.zeros(5))
    found = induced(free, variable_cost(free))
    assert found.capacity == np.inf
    assert found.npv == -np.inf
    assert found.loss == np.inf
    assert found.full_cost_gap == -np.inf
    assert np.all(found.volume_variance == np.inf)
    assert np.all(found.payment == 0)


def test_traced_bad_values_and_negative_charges():
    """NaN where construction would raise; no capacity is enough where it is paid for being held."""
    charges, unit = jnp.array([3.0, -1.0, 3.0, 3.0]), jnp.array([2.0, 2.0, -2.0, 2.0])
    price = jnp.array([12.0, 12.0, 12.0, -12.0])

    @jax.jit
    @jax.vmap
    def capacity(charge, unit, price):
        division = eqx.tree_at(lambda d: d.price, QUADRATIC, price)
        return Tariff(charge, unit, periods=5).chosen(division, jnp.ones(5)), use_of(division, 4.0).output[0]

    chosen, output = capacity(charges, unit, price)
    assert np.isfinite(chosen[0])
    assert chosen[1] == np.inf
    assert np.all(np.isnan(chosen[2:]))
    np.testing.assert_array_equal(np.isnan(output), [False, False, False, True])


def by_enumeration(k, capacity_charge, unit_charge):
    """Firm's and division's profit per period at capacity k with R = 10 e q - q^2 / 2, summed over the four states."""
    shock, chance = np.array([0.5, 0.9, 1.2, 1.5]), np.array([0.3, 0.3, 0.2, 0.2])
    q = np.clip(10 * shock - unit_charge, 0, k)
    revenue = 10 * shock * q - q**2 / 2
    cost = 3.1655697695369454
    return chance @ (revenue - 2 * q) - cost * k, chance @ (revenue - unit_charge * q) - capacity_charge * k, chance @ q


@pytest.mark.parametrize("share", [0.0, 0.1, -0.5])
def test_tariffs_agree_with_enumeration(share):
    for rule in (two_part(QUADRATIC), naive_full_cost(QUADRATIC), variable_cost(QUADRATIC), capitalised(QUADRATIC)):
        found = induced(QUADRATIC, MarkUp(rule, share))
        a, u = (1 + share) * float(rule.capacity_charge[0]), (1 + share) * float(rule.unit_charge[0])
        grid = np.linspace(0, 16, 160_001)[:, None]
        shock, chance = np.array([0.5, 0.9, 1.2, 1.5]), np.array([0.3, 0.3, 0.2, 0.2])
        q = np.clip(10 * shock - u, 0, grid)
        profit = (10 * shock * q - q**2 / 2 - u * q) @ chance - a * grid[:, 0]
        smallest = grid[np.argmax(profit >= profit.max() - 1e-10), 0]
        np.testing.assert_allclose(found.capacity, smallest, atol=2e-4)
        firm, division, output = by_enumeration(float(found.capacity), a, u)
        np.testing.assert_allclose(found.annual_profit, firm, rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose(found.profit, division, rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose(found.use.output, output, rtol=1e-12)


def polysar(params, capacity, quantity):
    return params["charge"] * quantity


def both_parts(params, capacity, quantity):
    return params["capacity"] * capacity + params["unit"] * quantity


def test_an_own_rule_finds_by_search_what_tariffs_find_by_equations():
    own = OwnRule({"capacity": 3.1655697695369454, "unit": 2.0}, both_parts, most=20.0)
    found, known = induced(ROOT, own), induced(ROOT, two_part(ROOT))
    np.testing.assert_allclose(found.capacity, known.capacity, rtol=2e-7)
    np.testing.assert_allclose(found.npv, known.npv, rtol=1e-12)
    np.testing.assert_allclose(found.profit, known.profit, rtol=1e-12)
    naive = OwnRule({"charge": 2.0 + 3.1655697695369454}, polysar, most=20.0)
    known = induced(QUADRATIC, naive_full_cost(QUADRATIC))
    np.testing.assert_allclose(induced(QUADRATIC, naive).capacity, known.capacity, rtol=1e-6)  # from an interval


def test_dual_pricing_leaves_the_difference_with_the_centre():
    rule = DualPricing(buyer=variable_cost(QUADRATIC), seller=naive_full_cost(QUADRATIC))
    found = induced(QUADRATIC, rule)
    alone = induced(QUADRATIC, variable_cost(QUADRATIC))
    np.testing.assert_allclose(found.capacity, alone.capacity, rtol=1e-14)
    gap = 3.1655697695369454 * np.asarray(found.use.output)
    np.testing.assert_allclose(found.receipt - found.payment, gap, rtol=1e-12)


def test_a_gatekeeper_grants_a_right():
    found = induced(QUADRATIC, gatekeeper_tariff(QUADRATIC, right=4.0, payment=12.0))
    firm, division, _ = by_enumeration(4.0, 0.0, 2.0)
    assert found.capacity == 4.0
    np.testing.assert_allclose(found.profit, division - 12.0, rtol=1e-12)
    np.testing.assert_allclose(found.annual_profit, firm, rtol=1e-12)
    # full cost only where the payment is the user cost of the right
    np.testing.assert_allclose(found.full_cost_gap, (12.0 - 3.1655697695369454 * 4) * np.sum(QUADRATIC.discounts))


PATH = np.array([[4.0, 5.0, 3.0, 5.0, 0.0], [5.0] * 5])


def test_the_full_cost_test_returns_the_gap():
    x = jnp.array([1.0, 1.4, 0.7, 0.9, 0.2])
    division = eqx.tree_at(lambda d: (d.multiplier, d.variable_cost), QUADRATIC, (x, 2 * x))
    g, k = 1.1 ** -np.arange(1.0, 6), 5.0
    cost = 12 * k + PATH @ (g * 2 * x)  # of each path, by hand
    for rule in (two_part(division), relative_benefit_two_part(division), two_part(division, straight_line(0.1, 5))):
        np.testing.assert_allclose(full_cost_gap(division, rule, k, PATH), 0.0, atol=1e-12)
    c = 12 / g.sum()
    np.testing.assert_allclose(
        full_cost_gap(division, naive_full_cost(division), k, PATH), -c * (k - PATH) @ g, rtol=1e-11
    )
    paid = (12 + g @ (2 * x)) * k
    np.testing.assert_allclose(
        full_cost_gap(division, capitalised(division), k, PATH), paid - cost, rtol=1e-9, atol=1e-11
    )
    np.testing.assert_allclose(full_cost_gap(division, variable_cost(division), k, PATH), -60.0, rtol=1e-12)


def test_two_part_is_naive_full_cost_plus_the_volume_variance():
    paid = two_part(QUADRATIC).payment(5.0, PATH)
    naive = naive_full_cost(QUADRATIC).payment(5.0, PATH)
    np.testing.assert_allclose(paid, naive + volume_variance(QUADRATIC, 5.0, PATH), rtol=1e-13)


def test_incomes_are_worth_the_cash_flows_whatever_the_rule_and_the_depreciation():
    rng = np.random.default_rng(8)
    upstream = eqx.tree_at(lambda d: d.price, ROOT, jnp.asarray(7.0))
    k, q, e = np.array([3.0, 5.0]), rng.uniform(0, 3, (2, 5)), rng.uniform(0.5, 1.5, (2, 5))
    written = rng.normal(size=5)
    schedules = (annuity(0.1, 5), DepreciationSchedule(written / written.sum(), 0.1))
    rules = [
        capitalised(QUADRATIC),
        DualPricing(naive_full_cost(QUADRATIC), Tariff(9.0, [1.0] * 5)),
        two_part(QUADRATIC),
    ]
    revenue = np.array([20 * e[0] * np.sqrt(q[0]), 10 * e[1] * q[1] - q[1] ** 2 / 2])
    npv = 1.1 ** -np.arange(1.0, 6) @ (revenue - 2 * q).sum(axis=0) - 7 * 3 - 12 * 5
    for rule in rules:
        found = divisional_accounts(upstream, QUADRATIC, rule, schedules, k, q, e)
        np.testing.assert_allclose(found.npv, npv, rtol=1e-12)
        np.testing.assert_allclose(found.conservation, 0.0, atol=1e-11)
    # with the annuity for its capacity, the two-part rule is a mere pass-through for the upstream division
    both = divisional_accounts(upstream, QUADRATIC, two_part(QUADRATIC), (annuity(0.1, 5),) * 2, k, q, e)
    alone = revenue[0] - 2 * q[0] - 7 / np.sum(1.1 ** -np.arange(1.0, 6)) * 3
    np.testing.assert_allclose(both.upstream, alone, rtol=1e-12)
    np.testing.assert_allclose(both.downstream, revenue[1] - 3.1655697695369454 * 5 - 2 * q[1], rtol=1e-12)


def test_naive_full_cost_reserves_most_and_full_use_least():
    """Over random tables of shocks: k^I <= k^o <= k_N <= k_V, and the rule that is congruent loses nothing."""
    rng = np.random.default_rng(4)
    n = 10_000
    values = np.sort(rng.uniform(0.3, 2.0, (n, 4)), axis=1)
    chances = rng.dirichlet(np.ones(4), n)

    @jax.jit
    @jax.vmap
    def capacities(values, chances, w, price, theta):
        revenue = QuadraticRevenue(theta, 0.5)
        division = LifetimeDivision(revenue, DiscreteTable(values, chances), w, price, 0.1, periods=1)
        rules = (two_part, naive_full_cost, variable_cost)
        weights = division.discounts
        return full_use_capacity(division), *(rule(division).chosen(division, weights) for rule in rules)

    w, price, theta = rng.uniform(0, 2, n), rng.uniform(0.1, 3, n), rng.uniform(8, 15, n)
    least, best, naive, most = (np.asarray(k) for k in capacities(values, chances, w, price, theta))
    slack = 1e-9 * most
    assert np.all(least <= best + slack)
    assert np.all(best <= naive + slack)
    assert np.all(naive <= most + slack)
    # k^I by hand, k^o by hand where all states bind
    by_hand = np.maximum(theta * np.sum(values * chances, axis=1) - w - 1.1 * price, 0.0)
    np.testing.assert_allclose(least, by_hand, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(
    ("build", "named"),
    [
        (lambda: Tariff(1.0, -2.0, periods=1), "unit_charge"),
        (lambda: Tariff([1.0, 2.0], [1.0, 2.0, 3.0]), "shape"),
        (lambda: Tariff(1.0, 2.0, right=-1.0, periods=1), "right"),
        (lambda: two_part(QUADRATIC, annuity(0.1, 4)), "periods"),
        (lambda: two_part(QUADRATIC, annuity(0.2, 5)), "rate"),
        (lambda: MarkUp(two_part(QUADRATIC), -2.0), "share"),
        (lambda: OwnRule({"charge": 1.0}, polysar, most=0.0), "most"),
    ],
)
def test_errors_name_the_field(build, named):
    with pytest.raises(ValueError, match=named):
        build()


def test_what_is_no_rule_is_refused():
    with pytest.raises(TypeError, match="TransferRule"):
        induced(QUADRATIC, 3.0)
    with pytest.raises(TypeError, match="buyer"):
        DualPricing(buyer=1.0, seller=two_part(QUADRATIC))
    with pytest.raises(TypeError, match="Tariff"):
        MarkUp(3.0, 0.1)
