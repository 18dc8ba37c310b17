"""Monte Carlo against the draws themselves, closed forms and its own standard errors."""

import os
import subprocess
import sys
import textwrap

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

import eqsolve as eqs
from eqsolve.demand import Normal, Poisson, Uniform, mixture
from eqsolve.demand.joint import Independent, MultivariateNormal
from eqsolve.expectation import MonteCarlo, QuasiMonteCarlo, demand_itself, expect

LAW = Normal(100.0, 20.0)
KEY = jax.random.key(7)


def pieces(x, y=110.0):
    return {"sales": jnp.minimum(x, y), "square": x**2, "short": x > y, "sure": 0.0 * x + 3.7}


def closed_forms(law=LAW, y=110.0):
    return {"sales": law.expected_min(y), "square": law.var() + law.mean() ** 2, "short": law.sf(y), "sure": 3.7}


def test_a_small_sample_gives_its_mean_and_standard_error():
    draws = np.asarray(LAW.sample(jax.random.fold_in(KEY, 0), (501,)), np.float64)
    found = MonteCarlo(key=KEY, points=501).estimate(pieces, LAW)
    assert found.points == 501
    for name, values in pieces(draws).items():
        np.testing.assert_allclose(found.mean[name], np.mean(values), rtol=1e-6)
        np.testing.assert_allclose(
            found.standard_error[name], np.std(values, ddof=1) / np.sqrt(501), rtol=1e-4, atol=1e-9
        )


def test_what_is_sure_has_no_error_in_either_precision():
    for wide in (False, True):
        with jax.enable_x64(wide):
            found = MonteCarlo(key=KEY, points=40_000).estimate(lambda x: 1e6 + 0 * x, Normal(100.0, 20.0))
            assert (float(found.mean), float(found.standard_error)) == (1e6, 0.0)
            assert found.mean.dtype == (jnp.float64 if wide else jnp.float32)


@pytest.mark.parametrize(
    "settings", [{}, {"antithetic": True}, {"control": demand_itself}], ids=["plain", "pairs", "control"]
)
def test_errors_are_as_large_as_they_are_said_to_be(settings):
    keys = jax.random.split(jax.random.key(1), 300)
    found = jax.jit(jax.vmap(lambda key: MonteCarlo(key=key, points=2000, **settings).estimate(pieces, LAW)))(keys)
    for name in ("sales", "square", "short"):
        scores = (found.mean[name] - closed_forms()[name]) / found.standard_error[name]
        # for 300 scores of a standard normal variable, five standard errors of its mean and of its variance
        assert abs(np.mean(scores)) < 5 / np.sqrt(300), name
        assert abs(np.var(scores) - 1) < 5 * np.sqrt(2 / 300), name


def test_controls_and_pairs_take_out_noise():
    def error(**settings):
        return MonteCarlo(key=KEY, points=20_000, **settings).estimate(pieces, LAW).standard_error

    plain, paired, controlled = error(), error(antithetic=True), error(control=demand_itself)
    # a control takes out what moves with it: the correlation of demand and sales, on a fine grid of levels
    demand = stats.norm.ppf((np.arange(100_000) + 0.5) / 100_000, 100, 20)
    correlation = np.corrcoef(demand, np.minimum(demand, 110))[0, 1]
    np.testing.assert_allclose(controlled["sales"] / plain["sales"], np.sqrt(1 - correlation**2), rtol=0.05)
    assert paired["sales"] < 0.6 * plain["sales"]


def several(law):
    return lambda x: jnp.stack([x, x**2]), jnp.stack([law.mean(), law.var() + law.mean() ** 2])


def test_several_controls_that_span_the_function_leave_nothing():
    rule = MonteCarlo(key=KEY, points=5000, control=several)
    with jax.enable_x64(True):
        law = Normal(1.0, 2.0)
        found = rule.estimate(lambda x: 3 + 2 * x - x**2, law)
        np.testing.assert_allclose(found.mean, 3 + 2 - 5, atol=1e-12)
        assert found.standard_error < 1e-8


def test_a_control_that_never_varies_does_no_harm():
    with jax.enable_x64(True):
        rule = MonteCarlo(key=KEY, points=1000, antithetic=True, control=demand_itself)
        found = rule.estimate(lambda x: x**2, Normal(1.0, 2.0))  # the mean of a pair is always 1
        assert abs(found.mean - 5) < 4 * found.standard_error < 1.0


def test_the_chunk_does_not_change_the_draws():
    whole = MonteCarlo(key=KEY, points=100_001, chunk=10**9).estimate(pieces, LAW)
    for chunk in (1, 40_000):
        found = MonteCarlo(key=KEY, points=100_001, chunk=chunk).estimate(pieces, LAW)
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-9), found, whole)
    other = MonteCarlo(key=jax.random.key(8), points=100_001).estimate(pieces, LAW)
    assert other.mean["sales"] != whole.mean["sales"]


def test_derivatives_are_those_along_the_draws():
    rule = MonteCarlo(key=KEY, points=40_000)
    short = float(rule.integrate(lambda x: x > 110.0, LAW))

    def sales(y, loc):
        return expect(lambda x: jnp.minimum(x, y), Normal(loc, 20.0), rule)

    for derivative in (jax.grad, jax.jacfwd):
        slope = jax.jit(derivative(sales, argnums=(0, 1)))(110.0, 100.0)
        np.testing.assert_allclose(slope, (short, 1 - short), rtol=1e-5)
    assert abs(short - LAW.sf(110.0)) < 5 * 0.5 / np.sqrt(40_000)


def test_orders_may_be_a_batch_over_the_same_draws():
    rule = MonteCarlo(key=KEY, points=20_000)
    orders = jnp.array([90.0, 100.0, 130.0])
    batch = jax.jit(jax.vmap(lambda y: expect(lambda x: jnp.minimum(x, y), LAW, rule)))(orders)
    single = [expect(lambda x, y=y: jnp.minimum(x, y), LAW, rule) for y in orders]
    np.testing.assert_allclose(batch, single, rtol=1e-6)


@pytest.mark.slow
def test_joint_laws_give_one_number_per_component():
    law = MultivariateNormal([1.0, 2.0], [[4.0, 1.0], [1.0, 9.0]])
    for settings in ({}, {"antithetic": True}, {"control": demand_itself}):
        found = MonteCarlo(key=KEY, points=60_000, **settings).estimate(
            lambda x: {"product": x[0] * x[1], "mean": x}, law
        )
        assert abs(found.mean["product"] - 3.0) < 5 * found.standard_error["product"]
        assert np.all(np.abs(found.mean["mean"] - law.mean()) <= 5 * found.standard_error["mean"] + 1e-5)


def test_probabilities_have_no_derivative_along_the_draws():
    rule = MonteCarlo(key=KEY, points=1000)
    for make in (Poisson, lambda mu: Independent(Poisson(mu), Uniform(0.0, mu))):
        assert np.isnan(jax.grad(lambda mu, make=make: jnp.sum(rule.integrate(lambda x: 2.0 * x, make(mu))))(20.0))
    price = jax.grad(lambda price: rule.integrate(lambda x: price * x, jax.lax.stop_gradient(Poisson(20.0))))(2.0)
    assert abs(price - 20.0) < 5 * np.sqrt(20 / 1000)
    assert abs(rule.estimate(lambda x: x, Poisson(20.0)).mean - 20.0) < 5 * np.sqrt(20 / 1000)


def test_weights_of_a_mixture_have_no_derivative_along_the_draws():
    def mean(share, loc):
        law = mixture((Normal(loc, 2.0), Normal(13.0, 2.0)), [1 - share, share])
        return MonteCarlo(key=KEY, points=2000).integrate(lambda x: x, law)

    by_share, by_loc = jax.grad(mean, argnums=(0, 1))(0.3, 10.0)
    assert np.isnan(by_share)  # an average over draws from a component stays where it is
    assert abs(by_loc - 0.7) < 5 * np.sqrt(0.21 / 2000)


def test_too_few_draws_for_their_controls_say_so():
    found = MonteCarlo(key=KEY, points=2, control=demand_itself).estimate(lambda x: jnp.minimum(x, 100.0), LAW)
    assert np.isnan(found.standard_error)


def test_what_compares_with_points_of_no_law_is_nan():
    for rule in (None, MonteCarlo(key=KEY, points=100), QuasiMonteCarlo(key=KEY, points=128)):
        assert np.isnan(jax.jit(lambda s, rule=rule: expect(lambda x: x > 110.0, Normal(100.0, s), rule))(-20.0))


def test_bad_parameters_give_nan_and_bad_settings_an_error():
    rule = MonteCarlo(key=KEY, points=100)
    assert np.isnan(jax.jit(lambda scale: expect(lambda x: x, Normal(0.0, scale), rule))(-1.0))
    single = MonteCarlo(key=KEY, points=1).estimate(lambda x: x, LAW)
    assert np.isfinite(single.mean)
    assert np.isnan(single.standard_error)
    for settings, message in (
        ({"points": 0}, "points is 0; give a whole number"),
        ({"points": 1e6}, "points is 1000000.0; give a whole number"),
        ({"points": 7, "antithetic": True}, "points is 7; give an even number"),
        ({"chunk": -1}, "chunk is -1"),
        ({"devices": ()}, "tuple"),
        ({"control": 3}, "MonteCarlo.control"),
        ({"points": 1.5, "antithetic": True}, "points is 1.5; give a whole number"),
    ):
        with pytest.raises((ValueError, TypeError), match=message):
            MonteCarlo(key=KEY, **settings)
    for key in (0, jax.random.split(KEY, 2), jnp.zeros(2)):
        with pytest.raises(TypeError, match=r"MonteCarlo.key is .*give one random key, such as jax.random.key"):
            MonteCarlo(key=key)
    assert MonteCarlo(key=KEY, points=np.int64(1000)).points == 1000
    with pytest.raises(TypeError, match="return a function and its mean"):
        MonteCarlo(key=KEY, points=10, control=lambda law: 3.0).integrate(lambda x: x, LAW)
    with pytest.raises(TypeError, match="expect: rule is"):
        expect(lambda x: x, LAW, MonteCarlo)
    with pytest.raises(TypeError, match="draws from int"):
        expect(lambda x: x, 3, rule)
    with pytest.raises(ValueError, match="batch of shape"):
        expect(lambda x: x, Normal([1.0, 2.0], 1.0), rule)


def profit_of(params, actions, shock):
    return {"profit": 10 * jnp.minimum(actions["order"], shock) - 4 * actions["order"]}


def order_bounds(params, earlier):
    return {"order": jnp.array(0.0)}, {"order": jnp.array(200.0)}


def normal_law(params):
    return Normal(params["loc"], params["scale"])


def test_a_game_refuses_concrete_parameters_that_make_no_law():
    with pytest.raises(ValueError, match=r"Normal\.scale is -1\.0; give numbers above zero"):
        eqs.Game(
            {"loc": 100.0, "scale": -1.0},
            actions=[eqs.Action("order", (), "newsvendor")],
            bounds=order_bounds,
            outcomes=profit_of,
            rule=MonteCarlo(normal_law, key=KEY),
            pay={"newsvendor": {"profit": 1.0}},
            total={"profit": 1.0},
        )


@pytest.mark.slow
def test_a_game_may_take_its_expectation_over_draws():
    game = eqs.Game(
        LAW,
        actions=[eqs.Action("order", (), "newsvendor")],
        bounds=order_bounds,
        outcomes=profit_of,
        rule=MonteCarlo(key=KEY, points=20_000),
        pay={"newsvendor": {"profit": 1.0}},
        total={"profit": 1.0},
    )
    found = eqs.solve_nash(game, solver=eqs.BestReply())
    draws = LAW.sample(jax.random.fold_in(KEY, 0), (2**14,)), LAW.sample(jax.random.fold_in(KEY, 1), (20_000 - 2**14,))
    best = np.quantile(np.concatenate(draws), 0.6)
    # payoffs are flat near the best order: float32 tells orders apart only to a hundredth or so
    np.testing.assert_allclose(found.actions["order"], best, atol=0.1)


SHARED = """
import jax, jax.numpy as jnp, numpy as np
from eqsolve.demand import Normal
from eqsolve.expectation import MonteCarlo, QuasiMonteCarlo
key, law = jax.random.key(0), Normal(100.0, 20.0)
assert len(jax.devices()) == 3
for rule, points in ((MonteCarlo, 2**14 * 7 + 5), (QuasiMonteCarlo, 2**14)):
    def sales(y, devices):
        found = rule(key=key, points=points, devices=devices).estimate(lambda x: jnp.minimum(x, y), law)
        return found.mean, found.standard_error
    def everything(y, devices):
        return [function(y, devices) for function in (sales, jax.jacfwd(sales), jax.jacrev(sales))]
    orders = jnp.array([90.0, 110.0])
    alone = jax.jit(jax.vmap(lambda y: everything(y, None)))(orders)
    shared = jax.jit(jax.vmap(lambda y: everything(y, tuple(jax.devices()))))(orders)
    np.testing.assert_allclose(shared, alone, rtol=1e-5)
    np.testing.assert_allclose(shared[1][0], law.sf(orders), atol=0.01)
print("equal")
"""


def test_devices_share_the_draws():
    flags = {"XLA_FLAGS": "--xla_force_host_platform_device_count=3", "JAX_PLATFORMS": "cpu"}
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(SHARED)],
        env=os.environ | flags,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.strip() == "equal", done.stderr
