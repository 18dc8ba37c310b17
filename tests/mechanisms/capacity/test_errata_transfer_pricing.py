"""The proofs behind paper 002 in ERRATA.md that concern accounting and transfer pricing: each test is one entry.

Environments are stationary with one period and no interest where nothing depends on time: the price is the user cost.
"""

import numpy as np

from eqsolve.demand.uniform import Uniform
from eqsolve.mechanisms.capacity.accounting import annuity
from eqsolve.mechanisms.capacity.dedicated_optimum import dedicated_optimum, net_present_value
from eqsolve.mechanisms.capacity.families import QuadraticRevenue
from eqsolve.mechanisms.capacity.full_cost_propositions import proposition_4i, proposition_4ii
from eqsolve.mechanisms.capacity.goal_congruence import full_use_capacity
from eqsolve.mechanisms.capacity.lifetime import LifetimeDivision, use_of
from eqsolve.mechanisms.capacity.tariffs import capitalised, gatekeeper_tariff, naive_full_cost, two_part
from eqsolve.mechanisms.capacity.transfer_pricing import full_cost_gap, induced, volume_variance
from eqsolve.mechanisms.capacity.transfer_rules import Tariff
from eqsolve.mechanisms.capacity.volatility import capitalised_cost

C = 3.1655697695369454  # user cost of a price of 12 over five periods at ten percent


def division(w=2.0, c=C, theta=10.0, h=0.5, low=0.9, high=1.1):
    return LifetimeDivision(QuadraticRevenue(theta, h), Uniform(low, high - low), w, c, 0.0, periods=1)


def appendix_b(c, w, m, h, sigma):
    """R = e q - (h/2) q^2 with e uniform on m - sigma to m + sigma."""
    return division(w, c, 1.0, h / 2, m - sigma, m + sigma)


def test_002_the_volume_variance_is_added():
    rule = Tariff(capacity_charge=3.0, unit_charge=[1.5])
    paid = float(rule.payment(5.0, np.array([4.0]))[0])
    assert paid == (1.5 + 3) * 4 + 3 * (5 - 4) == 21.0
    assert paid != (1.5 + 3) * 4 - 3 * (5 - 4)  # as printed: 15
    np.testing.assert_allclose(volume_variance(division(c=3.0), 5.0, np.array([4.0])), 3.0)


def test_002_the_coefficient_of_q_squared_is_h_in_17_and_half_of_it_in_the_appendix():
    whole = dedicated_optimum(division(h=0.5)).capacity
    half = dedicated_optimum(division(h=0.25)).capacity
    np.testing.assert_allclose([whole, half], [(10 - 2 - C) / (2 * 0.5), (10 - 2 - C) / 0.5], rtol=1e-12)


def test_002_an_annuity_charges_the_price_and_not_one():
    charge = annuity(0.1, 5).charges
    np.testing.assert_allclose(12 * charge, C, rtol=1e-12)
    np.testing.assert_allclose(charge, 1 / np.sum(1.1 ** -np.arange(1.0, 6)), rtol=1e-12)  # as printed for v z: 0.264


def test_002_equation_29_holds_below_the_shock_that_uses_capacity_up():
    volatile = division(low=0.4, high=1.6)
    k = float(dedicated_optimum(volatile).capacity)
    at = (2 + k) / 10  # theta e - 2 h k = w
    for shock, efficient in ((at - 0.1, True), (at + 0.1, False)):
        q = min(10 * shock - 2, k)
        assert (abs(10 * shock - q - 2) < 1e-12) == efficient  # as printed it would be the other way round


def test_002_without_variable_cost_the_naive_rule_still_over_reserves():
    free = division(w=0.0)
    found = induced(free, naive_full_cost(free))
    np.testing.assert_allclose(found.capacity, 11 - C, rtol=1e-12)  # R'(k; 1.1) = c: 7.8344
    np.testing.assert_allclose(found.first_best.capacity, 10 - C, rtol=1e-12)  # 6.8344
    assert found.loss > 0.3


def test_002_naive_full_cost_fails_the_papers_own_definition():
    volatile = division(low=0.4, high=1.6)
    found = induced(volatile, naive_full_cost(volatile))
    np.testing.assert_allclose(found.full_cost_gap, -C * (found.capacity - found.use.output[0]), rtol=1e-12)
    assert found.full_cost_gap < -3
    np.testing.assert_allclose(induced(volatile, two_part(volatile)).full_cost_gap, 0.0, atol=1e-12)
    # and so does a gatekeeper's payment, unless it is the user cost of the right. Source of the payment: independent
    # computation (delta = 0.5, user cost 3, right 9.057 / 3)
    right, payment = 9.057 / 3, 12.196
    gate = gatekeeper_tariff(division(c=3.0), right, payment)
    np.testing.assert_allclose(full_cost_gap(division(c=3.0), gate, right, np.array([2.0])), 12.196 - 9.057, rtol=1e-9)


def test_002_the_capitalised_rule_uses_all_capacity_only_where_marginal_revenue_stays_positive():
    volatile = division(low=0.4, high=1.6)  # sigma = 6 exceeds w + c = 5.17
    found = induced(volatile, capitalised(volatile)).capacity
    np.testing.assert_allclose(full_use_capacity(volatile), 10 - 2 - C, rtol=1e-12)  # as printed: 4.8344
    # E max(theta e - k, 0) = w + c, with theta e uniform on 4 to 16: (16 - k)^2 / 24 = 5.1656
    np.testing.assert_allclose(found, 16 - np.sqrt(24 * (2 + C)), rtol=1e-12)  # 4.8657
    assert found > full_use_capacity(volatile)


def test_appendix_b_is_the_trusted_one_and_agrees_with_its_closed_form():
    """Source: independent computation (case H3); c, w, m, h, sigma, then k_o, k_I, pi_o, pi_I. The last row is new."""
    table = """
    0.5 1.0 4.0 0.02 1.4 136.33399734659247 125.0 159.22200088446914 156.25
    2.0 2.5 7.0 0.1  4.0 28.431457505076192 25.0  33.34138999323173  31.25
    1.5 1.0 3.0 0.05 0.8 10.0               10.0  2.5                2.5
    0.5 0.7 3.0 0.02 2.2 nan                nan   nan                nan
    """
    for c, w, m, h, sigma, *expected in np.array(table.split(), float).reshape(4, -1):
        example = appendix_b(c, w, m, h, sigma)
        found = induced(example, capitalised(example))
        best = found.first_best
        facts = [best.capacity, found.capacity, best.annual_profit, found.annual_profit]
        if np.isfinite(expected).all():
            np.testing.assert_allclose(facts, expected, rtol=1e-8)
        formula = capitalised_cost(c, w, m, h, sigma)
        known = [formula.capacity, formula.induced, formula.profit, formula.induced_profit]
        np.testing.assert_allclose(facts, known, rtol=1e-9)
        well_used = net_present_value(example, found.capacity, use_of(example, found.capacity))
        np.testing.assert_allclose(well_used, formula.used_well, rtol=1e-9)


def test_002_proposition_4i_needs_identically_distributed_shocks():
    laws = Uniform(np.array([0.4, 0.6, 0.3]), np.array([1.2, 1.2, 0.8]))
    claim = proposition_4i(LifetimeDivision(QuadraticRevenue(10.0, 0.5), laws, 2.0, 7.0, 0.1))
    assert claim.applies_as_printed
    assert not claim.applies
    assert claim.gaps["capacity"] > 0.5


def test_002_limited_volatility_is_needed_in_every_period():
    calm = Uniform(0.85, 0.3)
    last = LifetimeDivision(QuadraticRevenue(10.0, 0.5), calm, [1.0, 1.0, 1.0, 6.0], 9.0, 0.1)
    claim = proposition_4ii(last)
    assert np.all(dedicated_optimum(last).limited_volatility[:3] > 2)  # it fails in the fourth period alone
    assert not claim.applies
    np.testing.assert_allclose(claim.gaps["capacity"], (5.381608375752627 - 5.083408748114629) / 5.381608375752627)


def test_002_capitalised_variable_cost_must_not_be_expensed_as_well():
    w = 1.0
    alone = division(w=w)
    both = Tariff(capitalised(alone).capacity_charge, alone.variable_cost)
    best = dedicated_optimum(alone).capacity
    np.testing.assert_allclose(best, 10 - w - C, rtol=1e-12)
    np.testing.assert_allclose(induced(alone, capitalised(alone)).capacity, best, rtol=1e-9)
    np.testing.assert_allclose(induced(alone, both).capacity, 10 - 2 * w - C, rtol=1e-9)  # too little by w / (2 h)


def test_naive_full_cost_may_raise_expected_output():
    """Not an error but a surprise: output is lower in every state given capacity, yet capacity is larger."""
    volatile = division(low=0.4, high=1.6)
    found = induced(volatile, naive_full_cost(volatile))
    q = np.maximum(10 * (0.4 + (np.arange(200_000) + 0.5) / 200_000 * 1.2) - 2 - C, 0)
    np.testing.assert_allclose(found.use.output, q.mean(), rtol=1e-8)  # capacity never binds
    np.testing.assert_allclose(found.first_best.use.output, 10 - 2 - C, rtol=1e-10)
    assert found.use.output[0] > found.first_best.use.output[0] + 0.05
