"""Propositions, conditions and the volatility example, and what the papers get wrong about them (ERRATA.md)."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from capacity_cases import RIGHTS, close, overlapping, rights
from scipy.integrate import quad

from eqsolve.demand import Uniform
from eqsolve.demand.joint import Independent, JointTable
from eqsolve.mechanisms.capacity import (
    CapacityEnvironment,
    CapacityGame,
    LogRevenue,
    QuadraticRevenue,
    RootRevenue,
    SaturatingRevenue,
    ScaledQuadraticRevenue,
    best_single_price,
    capitalised_cost,
    compare_capacity,
    corrective_price,
    dedicated_capacity,
    efficient_gatekeeper,
    efficient_rights,
    expected_payments,
    expected_shadow_price,
    first_unit_margin,
    fungible_capacity,
    gatekeeper_contract,
    interior_margin,
    investment_bias,
    limited_volatility,
    negotiate,
    plot_replies,
    plot_volatility,
    price_curvature,
    reallocate,
    separate_loss,
    volatility_curves,
)


@pytest.fixture(autouse=True)
def _in_64_bit():
    with jax.enable_x64(True):
        yield


MILD = [[0.9, 0.9], [0.9, 1.1], [1.1, 0.9], [1.1, 1.1]]


def mild(weights=(0.1, 0.4, 0.4, 0.1)):
    """Quadratic revenue, shocks small enough for all the papers' conditions, negatively correlated."""
    return CapacityEnvironment(QuadraticRevenue([10.0, 8.0], [0.5, 0.4]), 3.0, JointTable(MILD, weights), [2.0, 1.5])


def test_002_proposition_2_holds_for_all_shares_where_its_hypotheses_do():
    found = jax.jit(jax.vmap(lambda d: efficient_rights(CapacityGame(mild(), d))))(jnp.asarray([0.0, 0.3, 1.0]))
    assert np.all(found.hypotheses)
    assert np.all(found.holds)
    np.testing.assert_allclose(found.outcome.loss, 0.0, atol=1e-10)
    np.testing.assert_allclose(found.outcome.capacity[1], [5.0, 4.375], rtol=1e-12)  # (theta - w - c) / 2h


def test_002_proposition_2_needs_that_all_divisions_are_served():
    environment, case = rights("C6")
    want = case["expected"]
    found = eqx.filter_jit(efficient_rights)(CapacityGame(environment, 0.5))
    close(found.limited_volatility[0], want["lv_margin_1"])
    close(found.limited_volatility[1], want["lv_margin_2"])
    assert np.all(np.asarray(first_unit_margin(environment)) > 0)
    assert float(found.interior[0]) < -0.1
    assert not bool(found.hypotheses)
    assert not bool(found.holds)
    np.testing.assert_allclose(found.outcome.excess, -(2.44 - 2.2), rtol=1e-9)
    np.testing.assert_allclose(expected_shadow_price(environment, 2.2), 1.15, rtol=1e-12)  # above c = 1


def test_002_without_trade_the_loss_is_the_variance_of_what_separates_divisions():
    environment = mild()
    points, weights = np.asarray(MILD), np.array([0.1, 0.4, 0.4, 0.1])
    apart = 10 * points[:, 0] - 8 * points[:, 1]
    variance = weights @ apart**2 - (weights @ apart) ** 2
    np.testing.assert_allclose(eqx.filter_jit(separate_loss)(environment), variance / (4 * 0.9), rtol=1e-9)


def test_002_the_printed_payment_leaves_the_gatekeeper_worse_off():
    case = RIGHTS["E1"]
    want = case["expected"]
    environment, _ = rights("E1")
    shares = jnp.asarray(case["inputs"]["delta"])
    found = jax.jit(jax.vmap(lambda d: efficient_gatekeeper(CapacityGame(environment, d))))(shares)
    assert np.all(found.holds)
    assert np.all(found.client_gain >= -1e-9)
    missing = np.asarray(shares) * want["ECM2_k2star"]["value"]
    printed = np.asarray(found.contract.payment) - missing
    np.testing.assert_allclose(printed, want["p_as_printed_WRONG"]["value"], rtol=1e-6)
    payoff = np.asarray(found.contract.profit)[:, 0] - missing
    np.testing.assert_allclose(payoff, want["payoff1_under_printed_p_WRONG"]["value"], rtol=1e-6)
    worse = payoff < np.asarray(found.contract.default_profit)[:, 0] - 1.0
    assert worse.tolist() == [False, True, True, True, True]


def test_002_a_gatekeeper_with_all_the_surplus_tops_up_whatever_the_right():
    environment, case = rights("E1")
    contract = eqx.filter_jit(gatekeeper_contract)(CapacityGame(environment, 1.0))
    assert bool(contract.indeterminate)
    np.testing.assert_allclose(contract.gain, 0.0, atol=1e-10)
    best = case["expected"]["k_star"]["value"]
    for right in (0.0, 2.0, 9.0):  # E S at the total, whoever has the right: nothing else is in the condition
        np.testing.assert_allclose(expected_shadow_price(environment, (best - right) + right), 3.0, rtol=1e-9)


def test_002_the_shadow_price_is_zero_where_all_demand_fits():
    use = reallocate(QuadraticRevenue([10.0, 8.0], [0.5, 0.4]), [2.0, 1.5], 9.0, [0.4, 0.4])
    np.testing.assert_allclose(use.quantity, [2.0, 2.125])
    assert float(use.price) == 0.0


def by_quadrature(level, c, w, m, h, s, charged):
    """Expected profit of a capacity of level/h in which output is all that sells above `charged`."""
    k = level / h

    def earned(e):
        q = min(max(e - charged, 0.0) / h, k)
        return (e * q - h / 2 * q**2 - w * q) / (2 * s)

    return quad(earned, m - s, m + s, points=[min(level + charged, m + s)], epsabs=1e-11)[0] - c * k


def test_002_volatility_example_of_appendix_b():
    want = RIGHTS["H3"]["expected"]
    c, w, m, h, s = np.transpose(RIGHTS["H3"]["inputs"]["c_w_m_h_sigma"])
    found = capitalised_cost(c, w, m, h, s)
    for field, value in (("k_o", found.capacity), ("k_I", found.induced), ("pi_o", found.profit)):
        close(value, want[field], field)
    close(found.induced_profit, want["pi_I"])
    paper = (m - w) ** 2 / 2 + s**2 / 6 - c * (m - w) - c * s + 4 / 3 * c * np.sqrt(c * s)
    spread = s > c
    np.testing.assert_allclose(np.asarray(found.profit * h)[spread], paper[spread], rtol=1e-12)


@pytest.mark.parametrize("given", [(1.0, 1.0, 3.0, 0.01, 1.99), (0.3, 0.5, 4.0, 0.02, 2.5)])
def test_002_the_loss_of_figure_6_is_mostly_over_production(given):
    c, w, m, h, s = given
    found = capitalised_cost(*given)
    for level, charged, value in (
        (found.capacity * h, w, found.profit),
        (found.induced * h, 0.0, found.induced_profit),
        (found.induced * h, w, found.used_well),
    ):
        np.testing.assert_allclose(value, by_quadrature(float(level), c, w, m, h, s, charged), rtol=1e-8)
    assert float(found.under_investment) > 0
    if s < w + c:
        assert float(found.over_production) > 3 * float(found.under_investment)
        np.testing.assert_allclose([found.profit, found.used_well], [55.0915, 54.0632], atol=1e-4)
        np.testing.assert_allclose(found.induced_profit, 50.0, rtol=1e-12)
    else:  # capacity idles even at no cost of use, so that more of it is wanted than q = k says
        assert float(found.induced) > (m - w - c) / h + 1


def test_002_the_threshold_of_volatility_is_one_not_one_and_a_quarter():
    half_width, found = volatility_curves()
    np.testing.assert_allclose(half_width[-1], 2.0)
    more = np.asarray(found.capacity - found.induced)
    assert np.all(more[np.asarray(half_width) <= 1.0] == 0)
    assert np.all(more[np.asarray(half_width) > 1.0] > 0)
    np.testing.assert_allclose(capitalised_cost(1.0, 1.0, 3.0, 0.01, 1.25).capacity, 101.393, atol=1e-3)


def test_001_a_multiplied_quadratic_has_a_concave_price_and_over_investment():
    environment, case = overlapping("firstbest_multquad")
    found = eqx.filter_jit(compare_capacity)(environment)
    np.testing.assert_allclose(found.excess, case["expected"]["ko"] - case["expected"]["kbar_total"], rtol=1e-6)
    assert float(found.excess) < -0.2
    assert float(found.predicted()) == -1.0
    doubled, single = (ScaledQuadraticRevenue(10.0, 0.5), QuadraticRevenue(10.0, 0.5))
    np.testing.assert_allclose(doubled.revenue(3.0, 2.0), 2 * doubled.revenue(3.0, 1.0))  # noise multiplies revenue
    np.testing.assert_allclose(single.revenue(3.0, 2.0) - 2 * single.revenue(3.0, 1.0), 0.5 * 9)  # here it does not


def test_001_saturating_revenue_is_not_concave_at_corners_and_under_invests():
    environment, case = overlapping("nash_corner_zero_demand")
    found = eqx.filter_jit(compare_capacity)(environment)
    want = case["expected"]
    np.testing.assert_allclose(found.dedicated, want["kbar"], rtol=1e-6)
    np.testing.assert_allclose(found.fungible, want["ko"], rtol=1e-6)
    assert float(found.excess) > 0.19
    assert np.isnan(found.predicted())
    equal = SaturatingRevenue([1.0, 1.0])
    price = reallocate(equal, 0.0, 1.0, [[1.0, 0.1], [1.0, 0.3], [1.0, 0.5]]).price
    np.testing.assert_allclose(price, [0.36788, 0.36788, 0.42888], atol=1e-5)
    assert price[1] < (price[0] + price[2]) / 2  # below the chord


def test_001_shadow_prices_of_roots_are_linear_along_rays():
    shocks = JointTable([[0.5, 0.5], [1.5, 1.5]], [0.5, 0.5])
    environment = CapacityEnvironment(RootRevenue([10.0, 8.0]), 1.0, shocks)
    bend = price_curvature(environment, 41.0)
    np.testing.assert_allclose([bend.lowest, bend.highest], 0.0, atol=1e-12)
    np.testing.assert_allclose(fungible_capacity(environment).capacity, 41.0, rtol=1e-9)


def test_001_the_corrective_price_is_below_cost_where_the_price_is_convex():
    environment, _ = overlapping("nash_sqrt_corr")
    found = jax.jit(jax.vmap(lambda d: corrective_price(CapacityGame(environment, d)).markup))(
        jnp.asarray([0.0, 0.25, 0.5, 1.0])
    )
    assert np.all(np.asarray(found)[1:3] < -0.01)
    np.testing.assert_allclose(np.asarray(found)[[0, 3]], 0.0, atol=1e-9)  # no bias at the ends


def test_001_a_payment_may_flow_against_the_trade_beyond_the_peak_of_revenue():
    shocks = JointTable([[1.0, 1.0]], [1.0])
    game = CapacityGame(CapacityEnvironment(QuadraticRevenue([10.0, 10.0], 0.5), 1.0, shocks, use="literal"), 0.1)
    deal = negotiate(game, [18.0, 1.0], [1.0, 1.0])
    assert float(deal.quantity[1]) > 1.0  # division 2 gets more than its right
    assert float(deal.payment[0]) < 0  # and yet division 1 pays for it


@pytest.mark.slow
def test_001_log_revenue_has_no_default():
    environment = CapacityEnvironment(LogRevenue([10.0, 8.0]), 1.0, JointTable(MILD, [0.25] * 4))
    contract = eqx.filter_jit(gatekeeper_contract)(CapacityGame(environment, 0.5))
    assert not np.isfinite(contract.payment)


def test_margins_of_continuous_shocks_are_those_of_their_worst_states():
    shocks = Independent(Uniform(1.25, 1.9), Uniform(3.05, 1.9))
    environment = CapacityEnvironment(QuadraticRevenue([1.0, 1.0], 0.5), 1.0, shocks, 1.0)
    alone, shared = eqx.filter_jit(dedicated_capacity)(environment), eqx.filter_jit(fungible_capacity)(environment)
    np.testing.assert_allclose(alone.capacity, [0.2, 2.0], rtol=1e-9)
    np.testing.assert_allclose(shared.capacity, 2.3211, atol=5e-5)  # the paper's claim would be 2.2
    np.testing.assert_allclose(limited_volatility(environment, alone.capacity), [0.05, 0.05], atol=1e-12)
    assert float(interior_margin(environment, 2.2)[0]) < 0


def test_expected_payments_sum_to_zero_and_are_means_over_states():
    environment, _ = rights("D2")
    game, held = CapacityGame(environment, 0.4), jnp.asarray([7.0, 5.0])
    states, weights = environment.shocks.scenarios()
    deal = negotiate(game, held, states)
    np.testing.assert_allclose(expected_payments(game, held), weights @ deal.payment, rtol=1e-12)
    np.testing.assert_allclose(jnp.sum(deal.payment, axis=-1), 0.0, atol=1e-12)


def test_first_best_moves_with_costs_as_the_envelope_theorem_says():
    """dk/dc = -1/(2 h P(bind)), dprofit/dc = -k and dprofit/dw = -E q for quadratic revenue (paper 002, section 3)."""

    def plan(c, w):
        return dedicated_capacity(
            CapacityEnvironment(QuadraticRevenue(10.0, 0.5), c, Independent(Uniform(0.4, 1.2)), w)
        )

    found = jax.jit(plan)(3.0, 2.0)
    slopes = jax.jit(jax.jacfwd(lambda c, w: (plan(c, w).capacity[0], plan(c, w).profit[0]), argnums=(0, 1)))(3.0, 2.0)
    np.testing.assert_allclose(slopes[0][0], -1 / found.full[0], rtol=1e-9)
    np.testing.assert_allclose(slopes[1], [-found.capacity[0], -found.output[0]], rtol=1e-9)
    np.testing.assert_allclose(found.output, (10 - 2 - 3) / 1.0, rtol=1e-9)


def test_figures_are_drawn():
    pytest.importorskip("matplotlib")
    pytest.importorskip("xarray")
    assert len(plot_volatility(points=9).axes) == 2


@pytest.mark.slow
def test_replies_are_drawn():
    pytest.importorskip("matplotlib")
    pytest.importorskip("xarray")
    environment, _ = rights("D2")
    assert len(plot_replies(CapacityGame(environment, 0.5), points=5).axes) == 1


@pytest.mark.slow
def test_one_price_for_several_types_lies_between_theirs():
    environment, case = overlapping("nash_sqrt_corr")
    types = jax.vmap(lambda d: CapacityGame(environment, d))(jnp.asarray([0.25, 0.5, 0.8]))
    found = jax.jit(best_single_price)(types)
    own = [row["corrective_price"] for row in case["expected"]["rows"] if "corrective_price" in row]
    assert min(own) < float(found.price) < max(own)
    assert float(found.at_cost) < float(found.firm_profit) < float(found.first_best)


def random_environments(count, seed=0):
    """Quadratic revenue over four joint states, capacity always worth something to both."""
    draw = np.random.default_rng(seed)
    theta, h = draw.uniform(5.0, 12.0, (count, 2)), draw.uniform(0.2, 1.0, (count, 2))
    w, c = draw.uniform(0.0, 1.5, (count, 2)), draw.uniform(0.2, 2.0, count)
    shocks, weights = draw.uniform(0.4, 1.6, (count, 4, 2)), draw.dirichlet(np.ones(4), count)
    share = draw.choice([0.0, 0.2, 0.5, 0.9, 1.0], count)
    return tuple(map(jnp.asarray, (theta, h, w, c, shocks, weights, share)))


def random_game(theta, h, w, c, shocks, weights, share):
    environment = CapacityEnvironment(QuadraticRevenue(theta, h), c, JointTable(shocks, weights), w)
    return CapacityGame(environment, share)


@pytest.mark.parametrize("count", [500, pytest.param(10_000, marks=pytest.mark.slow)])
def test_a_contract_with_the_gatekeeper_leaves_nobody_worse_off(count):
    found = jax.jit(jax.vmap(lambda *given: gatekeeper_contract(random_game(*given))))(*random_environments(count))
    assert float(jnp.min(found.gain)) > -1e-9
    assert float(jnp.min(found.profit - found.default_profit)) > -1e-9
    np.testing.assert_allclose(
        jnp.sum(found.profit, axis=1), jnp.sum(found.default_profit, axis=1) + found.gain, rtol=1e-9, atol=1e-9
    )


@pytest.mark.slow
def test_equilibrium_capacity_lies_between_fungible_and_summed_dedicated_first_best():
    found = jax.jit(jax.vmap(lambda *given: investment_bias(random_game(*given))))(*random_environments(10_000))
    assert float(jnp.min(found.between)) > -1e-6
    assert float(jnp.min(found.outcome.loss)) > -1e-9
