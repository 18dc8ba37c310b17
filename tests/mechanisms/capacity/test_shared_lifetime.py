"""Capacity shared over its life: trusted numbers, enumeration with plain NumPy, closed forms, proposition 6."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import minimize_scalar

from eqsolve.demand.joint import JointTable
from eqsolve.mechanisms.capacity.capitalised_negotiation import capitalised_negotiation, period_equilibria
from eqsolve.mechanisms.capacity.families import QuadraticRevenue, RootRevenue
from eqsolve.mechanisms.capacity.full_cost_propositions import proposition_6
from eqsolve.mechanisms.capacity.shared_lifetime import MultipliedRevenue, SharedLifetime, shared_optimum
from eqsolve.mechanisms.capacity.shared_regimes import interior_capacity, regime_margins

TRUSTED = {"rtol": 1e-8, "atol": 1e-9}
THETA, H = np.array([10.0, 8.0]), np.array([0.5, 0.4])
QUADRATIC = QuadraticRevenue(THETA, H)
STATES, CHANCES = np.array([[1.1, 1.1], [1.1, 0.9], [0.9, 1.1], [0.9, 0.9]]), np.array([0.3, 0.2, 0.2, 0.3])
CALM = JointTable(STATES, CHANCES)
RISING = np.array([[1.0, 1.4], [1.0, 1.2], [1.0, 0.8], [1.0, 0.6]])


def test_the_counterexample_to_proposition_6_is_the_trusted_one():
    """Source: independent computation (case F10)."""
    shared = SharedLifetime(QUADRATIC, CALM, 0.0, 9.0, 0.1, multiplier=RISING)
    plan = shared_optimum(shared)
    np.testing.assert_allclose(plan.dedicated, [7.160762766645119, 6.565223964632773], **TRUSTED)
    np.testing.assert_allclose(plan.capacity, 13.570410652611356, **TRUSTED)
    np.testing.assert_allclose(interior_capacity(shared), 13.570410652611356, **TRUSTED)
    np.testing.assert_allclose(plan.capacity - jnp.sum(plan.dedicated), -0.15557607866653633, rtol=1e-7)
    found = capitalised_negotiation(shared, 0.4)
    second = [-0.31942566719071275, -0.13463934188992388, 0.15008325558318525, 0.23167357032232405]
    first = [0.19013432570875688, 0.09349954297911323, -0.15633672456581893, -0.32176884766989566]
    np.testing.assert_allclose(found.residuals, np.transpose([first, second]), rtol=1e-7, atol=1e-8)
    z1, z2 = 0.3154708037060979, [0.4274387955123661, 0.36637611043917095, 0.24425074029278065, 0.18318805521958548]
    np.testing.assert_allclose(found.charges, np.transpose([[z1] * 4, z2]), **TRUSTED)
    nash = [
        [7.5453856392620695, 5.988289655707346],
        [7.347001693717337, 6.285865574024445],
        [6.861239135467616, 7.014509411399026],
        [6.55947754625188, 7.46715179522263],
    ]
    np.testing.assert_allclose(period_equilibria(shared, 0.4), nash, rtol=1e-6, atol=1e-7)
    margins = regime_margins(shared, plan.dedicated)
    for margin in (margins.limited_volatility, margins.interior, margins.scarcity):
        assert np.all(margin > 0)  # nothing that the paper asks for is missing
    claim = proposition_6(shared, 0.4)
    assert claim.applies_as_printed
    assert not claim.applies
    assert not claim.holds


W = np.array([[2.0, 1.5], [1.0, 3.0], [2.5, 0.5], [0.0, 1.0]])
X = np.array([[1.0, 1.4], [1.2, 0.7], [0.8, 1.0], [0.5, 0.6]])
WILD = np.array([[1.6, 1.6], [1.6, 0.4], [0.4, 1.6], [0.5, 0.4]])
ODDS = np.array([0.2, 0.3, 0.3, 0.2])


def npv_by_grid(k, states, chances, price, rate, shares=4001):
    """The present value of shared capacity, every state's best split found by trying all of them."""
    total = -price * k
    q1 = np.linspace(0, k, shares)
    for t in range(4):
        for e, chance in zip(states, chances, strict=True):
            slope, bend = X[t] * THETA * e - W[t], X[t] * H
            best1 = np.minimum(q1, max(slope[0] / (2 * bend[0]), 0))
            best2 = np.minimum(k - q1, max(slope[1] / (2 * bend[1]), 0))
            value = slope[0] * best1 - bend[0] * best1**2 + slope[1] * best2 - bend[1] * best2**2
            total += chance * value.max() * (1 + rate) ** -(t + 1)
    return total


def test_volatile_shocks_agree_with_trying_every_split():
    shared = SharedLifetime(QUADRATIC, JointTable(WILD, ODDS), W, 7.0, 0.1, multiplier=X)
    plan = shared_optimum(shared)
    negative = lambda k: -npv_by_grid(k, WILD, ODDS, 7.0, 0.1)  # noqa: E731
    best = minimize_scalar(negative, bounds=(4, 20), method="bounded", options={"xatol": 1e-7})
    np.testing.assert_allclose(plan.npv, -best.fun, rtol=1e-6)  # the grid of splits is good to its square
    np.testing.assert_allclose(plan.capacity, best.x, rtol=1e-3)
    np.testing.assert_allclose(shared.discounts @ plan.shadow_price, 7.0, rtol=1e-10)
    assert np.min(regime_margins(shared, plan.dedicated).interior) < 0  # some state serves one division only
    assert abs(interior_capacity(shared) - plan.capacity) > 0.1  # so the closed form is not for this


def test_root_revenue_has_a_closed_form():
    """Without variable cost a period earns sqrt(sum (x theta e)^2) sqrt(k), so k* = (PV E norm / (2 v))^2."""
    tables = [(WILD, ODDS), (WILD[::-1].copy(), ODDS), (WILD, ODDS[::-1].copy()), (STATES, CHANCES)]
    laws = [JointTable(*given) for given in tables]
    shared = SharedLifetime(RootRevenue([20.0, 15.0]), laws, 0.0, 7.0, 0.1, multiplier=X)
    sizes = [
        np.linalg.norm(x * np.array([20.0, 15.0]) * states, axis=1) for x, (states, _) in zip(X, tables, strict=True)
    ]
    norms = [size @ chances for size, (_, chances) in zip(sizes, tables, strict=True)]
    worth = 1.1 ** -np.arange(1.0, 5) @ np.array(norms)
    plan = shared_optimum(shared)
    np.testing.assert_allclose(plan.capacity, (worth / 14) ** 2, rtol=1e-11)
    np.testing.assert_allclose(plan.npv, worth**2 / 28, rtol=1e-11)


def at_price(price):
    return shared_optimum(SharedLifetime(QUADRATIC, CALM, [2.0, 1.5], price, 0.1, multiplier=RISING))


def test_interior_capacity_falls_with_the_price_as_the_closed_form_says():
    """In the price, capacity is a straight line and net present value a parabola: differences are exact."""
    low, high = at_price(8.5), at_price(9.5)
    shared = SharedLifetime(QUADRATIC, CALM, [2.0, 1.5], 9.0, 0.1, multiplier=RISING)
    steepness = 1 / np.sum(1 / (2 * H * RISING), axis=1)
    np.testing.assert_allclose(high.capacity - low.capacity, -1 / (1.1 ** -np.arange(1.0, 5) @ steepness), rtol=1e-9)
    np.testing.assert_allclose(high.npv - low.npv, -interior_capacity(shared), rtol=1e-9)  # the envelope theorem


@pytest.mark.slow
def test_derivatives_are_those_of_the_closed_form():
    shared = SharedLifetime(QUADRATIC, CALM, [2.0, 1.5], 9.0, 0.1, multiplier=RISING)
    slope = jax.jit(jax.jacfwd(lambda price: (lambda plan: (plan.capacity, plan.npv))(at_price(price))))(9.0)
    steepness = 1 / np.sum(1 / (2 * H * RISING), axis=1)
    np.testing.assert_allclose(slope[0], -1 / (1.1 ** -np.arange(1.0, 5) @ steepness), rtol=1e-10)
    np.testing.assert_allclose(slope[1], -interior_capacity(shared), rtol=1e-9)


def test_exactly_equal_charges_beyond_variable_cost_make_proposition_6_true():
    """It is enough that x_1t is proportional to x_2t and w_1t - w_2t to both; the first alone is not."""
    x = np.array([1.0, 1.3, 0.8, 0.6])
    same = np.stack([x, x], axis=1)
    good = SharedLifetime(QUADRATIC, CALM, np.stack([2 * x, 1.5 * x], axis=1), 9.0, 0.1, multiplier=same)
    claim = proposition_6(good, 0.4)
    assert claim.applies
    assert claim.holds
    equilibria = period_equilibria(good, 0.4)
    np.testing.assert_allclose(equilibria, np.broadcast_to(shared_optimum(good).dedicated, (4, 2)), rtol=1e-9)
    w = np.array([[2.0, 1.0], [1.0, 1.5], [1.0, 0.5], [0.5, 0.5]])
    bad = SharedLifetime(QUADRATIC, CALM, w, 9.0, 0.1, multiplier=same)
    plan, found = shared_optimum(bad), capitalised_negotiation(bad, 0.4)
    np.testing.assert_allclose(plan.capacity, jnp.sum(plan.dedicated), rtol=1e-9)
    # the residual is (1 - d) omega_1 [(z wbar_1 - w_1) - (z wbar_2 - w_2)] for division 2, - d omega_2 [the same] for 1
    g = 1.1 ** -np.arange(1.0, 5)
    z = x / (g @ x)
    bracket = (z * (g @ w[:, 0]) - w[:, 0]) - (z * (g @ w[:, 1]) - w[:, 1])
    b = 1 / (2 * H * same)
    omega = b / b.sum(axis=1, keepdims=True)
    expected = np.stack([-0.4 * omega[:, 1] * bracket, 0.6 * omega[:, 0] * bracket], axis=1)
    np.testing.assert_allclose(found.residuals, expected, rtol=1e-8, atol=1e-9)
    np.testing.assert_allclose(g @ np.asarray(found.residuals), 0.0, atol=1e-9)  # only present values are aligned
    claim = proposition_6(bad, 0.4)
    assert claim.applies_as_printed
    assert not claim.applies
    assert not claim.holds


def test_multiplied_revenue_is_a_revenue():
    base = RootRevenue([6.0, 4.0])
    twice = MultipliedRevenue(base, jnp.array([2.0, 0.5]))
    np.testing.assert_allclose(twice.revenue([4.0, 4.0], 1.0), [24.0, 4.0])
    np.testing.assert_allclose(twice.inverse_marginal(twice.marginal([4.0, 9.0], 1.5), 1.5), [4.0, 9.0])
    assert twice.divisions == 2
    np.testing.assert_allclose(twice.of(1).revenue(4.0, 1.0), 4.0)


@pytest.mark.parametrize(
    ("build", "named"),
    [
        (lambda: SharedLifetime(QUADRATIC, CALM, 0.0, 9.0, 0.1), "periods"),
        (lambda: SharedLifetime(QUADRATIC, CALM, np.zeros((3, 2)), 9.0, 0.1, periods=4), "periods"),
        (lambda: SharedLifetime(QUADRATIC, CALM, np.zeros(3), 9.0, 0.1, periods=4), "variable_cost"),
        (lambda: SharedLifetime(QUADRATIC, CALM, 0.0, 0.0, 0.1, periods=4), "price"),
        (lambda: SharedLifetime(QUADRATIC, [CALM, JointTable([[1.0, 1.0]], [1.0])], 0.0, 9.0, 0.1), "families"),
    ],
)
def test_errors_name_the_field(build, named):
    with pytest.raises(ValueError, match=named):
        build()


def test_straight_lines_need_quadratic_revenue():
    with pytest.raises(TypeError, match="QuadraticRevenue"):
        interior_capacity(SharedLifetime(RootRevenue([1.0, 1.0]), CALM, 0.0, 9.0, 0.1, periods=2))
