"""Bad input never gives a plausible number: an error that names it, or NaN."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from eqsolve.demand.joint import JointTable
from eqsolve.demand.uniform import Uniform
from eqsolve.mechanisms.capacity import (
    CapacityEnvironment,
    CapacityGame,
    CustomRevenue,
    DualPricing,
    LifetimeDivision,
    LogRevenue,
    MixedRevenue,
    MultipliedRevenue,
    OwnRule,
    PowerRevenue,
    QuadraticRevenue,
    RootRevenue,
    SaturatingRevenue,
    ScaledQuadraticRevenue,
    SharedLifetime,
    ShiftedLogRevenue,
    Tariff,
    annuity,
    best_reply,
    discount_factors,
    expected_own_price,
    expected_own_quantity,
    expected_own_value,
    expected_shadow_price,
    expected_shared_value,
    gatekeeper_contract,
    goal_congruence,
    held_up,
    induced,
    interior_margin,
    limited_volatility,
    negotiate,
    only_one_acquires,
    own_price,
    own_quantity,
    own_value,
    reaction_curve,
    reallocate,
    reshuffling_cost,
    scarcity,
    straight_line,
    unit_cost,
    user_cost,
    volatility_curves,
)

NAN = float("nan")
SHOCKS = JointTable([[0.75, 1.25], [1.25, 0.75]], [0.5, 0.5])
QUADRATIC = QuadraticRevenue([10.0, 8.0], 0.5)
ENVIRONMENT = CapacityEnvironment(QUADRATIC, 3.0, SHOCKS)
GAME = CapacityGame(ENVIRONMENT, 0.5)
LAW = Uniform(0.9, 0.2)


def alone(shocks=LAW, periods=2):
    return LifetimeDivision(RootRevenue(9.0), shocks, 2.0, 12.0, 0.1, periods=periods)


def steep(params, q, shock):
    return params["s"] * shock * jnp.sqrt(q)


def flat_fee(params, capacity, quantity):
    return jnp.where(quantity > 1e9, params["fee"], params["fee"] + 0.0 * jnp.nan_to_num(capacity))


CUSTOM = CustomRevenue({"s": 6.0}, steep, most=100.0)
FAMILIES = [
    QuadraticRevenue(10.0, 0.5),
    ScaledQuadraticRevenue(10.0, 0.5),
    PowerRevenue(3.0, 0.5),
    RootRevenue(6.0),
    LogRevenue(6.0),
    ShiftedLogRevenue(12.0, 2.0),
    SaturatingRevenue(6.0),
    CustomRevenue({"s": 6.0}, lambda params, q, shock: params["s"] * shock * jnp.log1p(q), most=100.0),
    MixedRevenue(QuadraticRevenue(10.0, 0.5), RootRevenue(6.0)),
    MultipliedRevenue(QuadraticRevenue(10.0, 0.5), 2.0),
]


@pytest.mark.parametrize("revenue", FAMILIES, ids=lambda revenue: type(revenue).__name__)
def test_revenue_of_a_negative_quantity_is_nan(revenue):
    for values in (revenue.revenue(-1.0, 1.0), revenue.marginal(-1.0, 1.0), revenue.inverse_marginal(NAN, 1.0)):
        assert np.all(np.isnan(values))
    assert np.all(np.isfinite(revenue.revenue(1.0, 1.0)) & np.isfinite(revenue.marginal(1.0, 1.0)))


def test_derivatives_at_zero_are_those_of_the_formula():
    revenue = QuadraticRevenue(10.0, 0.5)
    values = jax.jit(lambda q: (jax.grad(revenue.revenue)(q, 1.0), jax.hessian(revenue.revenue)(q, 1.0)))(0.0)
    np.testing.assert_allclose(values, (10.0, -1.0))


def test_an_inverse_keeps_what_is_missing():
    assert np.isnan(CUSTOM.inverse_marginal(NAN, 2.0))
    assert np.isnan(CUSTOM.inverse_marginal(2.0, NAN))
    unknown = jax.jit(lambda s: CustomRevenue({"s": s}, steep, 100.0).inverse_marginal(3.0, 2.0))
    assert np.isnan(unknown(NAN))
    np.testing.assert_allclose(unknown(6.0), 4.0, rtol=1e-6)


NEGATIVE = {
    "own_value": lambda k: own_value(QUADRATIC, 0.0, k, [1.0, 1.0]),
    "own_quantity": lambda k: own_quantity(QUADRATIC, 0.0, k, [1.0, 1.0]),
    "own_price": lambda k: own_price(QUADRATIC, 0.0, k, [1.0, 1.0]),
    "literal quantity": lambda k: own_quantity(QUADRATIC, 0.0, k, [1.0, 1.0], "literal"),
    "literal price": lambda k: own_price(QUADRATIC, 0.0, k, [1.0, 1.0], "literal"),
    "literal value": lambda k: own_value(QUADRATIC, 0.0, k, [1.0, 1.0], "literal"),
    "expected_own_price": lambda k: expected_own_price(ENVIRONMENT, k),
    "expected_own_value": lambda k: expected_own_value(ENVIRONMENT, k),
    "expected_own_quantity": lambda k: expected_own_quantity(ENVIRONMENT, k),
    "limited_volatility": lambda k: limited_volatility(ENVIRONMENT, k),
    "negotiate": lambda k: negotiate(GAME, k, [1.0, 1.0]).own,
    "payment": lambda k: negotiate(GAME, k, [1.0, 1.0]).payment,
    "held_up": lambda k: held_up(GAME, k),
}


@pytest.mark.parametrize("name", NEGATIVE)
@pytest.mark.parametrize("bad", [-5.0, NAN])
def test_capacity_that_cannot_be_is_nan(name, bad):
    found = NEGATIVE[name](jnp.asarray([7.0, bad]))
    assert np.isnan(found[1])
    assert np.all(np.isfinite(NEGATIVE[name](jnp.asarray([7.0, 5.0]))))


def test_negative_variable_cost_is_nan():
    shared = reallocate(QUADRATIC, [0.0, -1.0], 9.0, [1.0, 1.0])
    assert np.all(np.isnan([shared.price, shared.value, *shared.quantity]))
    assert np.isnan(own_quantity(QUADRATIC, -1.0, 9.0, 1.0, "literal")).all()
    assert np.isnan(own_value(QUADRATIC, -1.0, 9.0, 1.0)).all()


def test_best_replies_to_what_cannot_be():
    reply = jax.jit(lambda share, other: best_reply(CapacityGame(ENVIRONMENT, share), 0, jnp.stack([7.0, other])))
    for bad in [(0.5, NAN), (0.5, -5.0), (1.1, 5.0)]:
        assert np.isnan(reply(*bad))
    np.testing.assert_allclose(reply(0.5, 5.0), 7.0, rtol=1e-5)


def test_traced_accounts_out_of_range_are_nan():
    @jax.jit
    def costs(price, rate, later):
        profile = jnp.stack([1.0, later])
        return user_cost(price, rate, profile), reshuffling_cost(price, rate, profile, 3)

    assert np.all(np.isfinite(costs(1.0, 0.1, 0.5)))
    for bad in [(1.0, 0.1, -0.5), (-1.0, 0.1, 0.5), (1.0, -0.1, 0.5), (1.0, 0.1, NAN)]:
        assert np.all(np.isnan(costs(*bad)))


def test_payments_for_what_cannot_be_are_nan():
    for rule in (Tariff(0.0, [1.5, 2.0]), OwnRule({"fee": 3.0}, flat_fee, most=9.0)):
        assert np.all(np.isnan(rule.payment(-5.0, [1.0, 1.0])))
        np.testing.assert_array_equal(np.isnan(rule.payment(5.0, [-1.0, 1.0])), [True, False])


ERRORS = [
    (lambda: best_reply(GAME, 5, [7.0, 5.0]), "best_reply: division is 5"),
    (lambda: best_reply(GAME, -1, [7.0, 5.0]), "best_reply: division is -1"),
    (lambda: reaction_curve(GAME, 2, [1.0]), "reaction_curve: division is 2"),
    (lambda: only_one_acquires(GAME, 5), "only_one_acquires: division is 5"),
    (lambda: only_one_acquires(GAME, -1), "only_one_acquires: division is -1"),
    (lambda: QUADRATIC.of(3), "QuadraticRevenue.of: division is 3"),
    (lambda: MixedRevenue(CUSTOM, CUSTOM).of(-1), "MixedRevenue.of: division is -1"),
    (lambda: MultipliedRevenue(QUADRATIC, 2.0).of(2), "MultipliedRevenue.of: division is 2"),
    (lambda: own_value(QUADRATIC, 0.0, 12.0, 1.0, use="other"), "own_value: use is 'other'"),
    (lambda: own_price(QUADRATIC, 0.0, 12.0, 1.0, use="other"), "own_price: use is 'other'"),
    (lambda: own_quantity(QUADRATIC, 0.0, 12.0, 1.0, use="other"), "own_quantity: use is 'other'"),
    (lambda: own_value(QUADRATIC, 0.0, [1.0, 2.0, 3.0], 1.0), r"own_value: the shapes of capacity \(3,\)"),
    (lambda: reallocate(QUADRATIC, 0.0, [1.0, 2.0, 3.0], [[1.0, 1.0]] * 2), r"capacity \(3,\), shock \(2,\)"),
    (lambda: reallocate(QUADRATIC, [0.0] * 3, 1.0, [1.0, 1.0]), "reallocate: variable_cost has 3 entries"),
    (lambda: CustomRevenue({"s": NAN}, steep, 100.0), r"CustomRevenue.params\['s'\] is nan"),
    (lambda: QuadraticRevenue(float("inf"), 0.5), "QuadraticRevenue.scale is inf"),
    (lambda: QuadraticRevenue([], 0.5), r"QuadraticRevenue.scale has shape \(0,\)"),
    (lambda: MultipliedRevenue(QUADRATIC, -1.0), "MultipliedRevenue.multiplier is -1.0"),
    (lambda: expected_shadow_price(ENVIRONMENT, [12.0, 13.0]), r"shared capacity has shape \(2,\)"),
    (lambda: expected_shared_value(ENVIRONMENT, [12.0, 13.0]), r"shared capacity has shape \(2,\)"),
    (lambda: interior_margin(ENVIRONMENT, [12.0, 13.0]), r"shared capacity has shape \(2,\)"),
    (lambda: scarcity(ENVIRONMENT, [12.0, 13.0]), r"shared capacity has shape \(2,\)"),
    (lambda: CapacityGame(ENVIRONMENT, share=1.1), "CapacityGame.share is 1.1"),
    (lambda: gatekeeper_contract(GAME, 0, default=[1.0, 2.0, 3.0]), "gatekeeper_contract: default has shape"),
    (lambda: user_cost([100.0, 200.0], 0.1, 5), r"user_cost: price has shape \(2,\)"),
    (lambda: user_cost(100.0, 0.08, 2.5), "user_cost: life: the number of periods is 2.5"),
    (lambda: unit_cost(100.0, 0.08, 2.5, 1.0), "unit_cost: the number of periods is 2.5"),
    (lambda: discount_factors(0.25, 2.5), "discount_factors: the number of periods is 2.5"),
    (lambda: discount_factors([0.25, 0.5], 2), "discount_factors: rate has shape"),
    (lambda: annuity(0.1, "3"), "annuity: the number of periods is '3'"),
    (lambda: straight_line(0.1, 0), "straight_line: the number of periods is 0"),
    (lambda: reshuffling_cost(-1.0, 0.1, [1.0, 0.5], 3), "reshuffling_cost: price is -1.0"),
    (lambda: reshuffling_cost(1.0, -0.1, [1.0, 0.5], 3), "reshuffling_cost: rate is -0.1"),
    (lambda: reshuffling_cost(1.0, 0.1, [1.0, -0.5], 3), r"reshuffling_cost: profile\[1\] is -0.5"),
    (lambda: reshuffling_cost(1.0, 0.1, [2.0, 0.5], 3), r"reshuffling_cost: profile\[0\] is 2.0"),
    (lambda: reshuffling_cost(1.0, 0.1, [1.0, 0.5], -3), "reshuffling_cost: terms: the number of periods is -3"),
    (lambda: alone(periods=0), "LifetimeDivision.periods"),
    (lambda: alone(periods=2.5), "LifetimeDivision.periods"),
    (lambda: SharedLifetime(QUADRATIC, SHOCKS, 2.0, 9.0, 0.1, periods=0), "SharedLifetime.periods"),
    (lambda: Tariff(1.0, 2.0), "give `periods`"),
    (lambda: Tariff(1.0, 2.0, periods=0), "Tariff.periods: the number of periods is 0"),
    (lambda: Tariff(3.0, [1.5, 2.0]).payment(5.0, [1.0, 1.0, 1.0]), "quantity has 3 entries"),
    (lambda: DualPricing(Tariff(0.0, [2.0]), Tariff(0.0, [2.0] * 3)), "buyer is for 1 periods, seller for 3"),
    (lambda: induced(alone(), Tariff(3.0, [1.5])), "rule is for 1 periods"),
    (lambda: goal_congruence(alone(), Tariff(3.0, [1.5])), "rule is for 1 periods"),
    (lambda: induced(alone(), Tariff(3.0, [1.5, 2.0]), weights=[1.0, 1.0, 1.0]), r"induced: weights has shape \(3,\)"),
    (lambda: volatility_curves(mean=NAN), "volatility_curves: mean less w is nan"),
    (lambda: volatility_curves(mean=0.5), "volatility_curves: mean less w is -0.5"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "message"), ERRORS, ids=range(len(ERRORS)))
def test_errors_name_what_is_wrong(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_what_is_no_law_or_revenue():
    with pytest.raises(TypeError, match=r"LifetimeDivision.shocks is 1\.0"):
        alone(shocks=1.0)
    with pytest.raises(TypeError, match=r"own_value: revenue is 3\.0"):
        own_value(3.0, 0.0, 1.0, 1.0)
    with pytest.raises(TypeError, match=r"MultipliedRevenue.base is 3\.0"):
        MultipliedRevenue(3.0, 1.0)
