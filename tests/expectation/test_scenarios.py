"""Exact expectations over scenarios."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import eqsolve as eqs
from eqsolve.demand import DiscreteTable, Poisson, TwoPoint, affine, mixture
from eqsolve.demand.joint import EmpiricalPairs
from eqsolve.expectation import expect


def coins(params):
    return {"side": params["sides"], "sign": jnp.array([-1.0, 1.0])}, params["odds"]


def test_the_expectation_is_the_weighted_sum_for_every_leaf():
    params = {"sides": jnp.array([[1.0, 2.0], [3.0, 5.0]]), "odds": jnp.array([0.25, 0.75])}
    found = eqs.Scenarios(coins).expect(lambda s: {"a": s["side"] * s["sign"], "b": s["sign"]}, params)
    np.testing.assert_allclose(found["a"], [2.0, 3.25], rtol=1e-15)
    np.testing.assert_allclose(found["b"], 0.5, rtol=1e-15)


def test_probabilities_and_nodes_carry_derivatives():
    params = {"sides": jnp.array([[1.0, 2.0], [3.0, 5.0]]), "odds": jnp.array([0.25, 0.75])}

    def mean(params):
        return eqs.Scenarios(coins).expect(lambda s: s["side"][1], params)

    slope = jax.grad(mean)(params)
    np.testing.assert_allclose(slope["odds"], [2.0, 5.0])
    np.testing.assert_allclose(slope["sides"], [[0.0, 0.25], [0.0, 0.75]])


def test_a_million_scenarios_are_averaged_to_rounding_in_float32():
    values = np.linspace(0.0, 1.0, 1_000_001).astype(np.float32)
    rule = eqs.Scenarios(lambda p: (p, jnp.full(p.shape, 1 / p.size, p.dtype)))
    np.testing.assert_allclose(rule.expect(lambda s: s, jnp.asarray(values)), 0.5, rtol=1e-5)


@pytest.mark.parametrize(
    ("match", "build"),
    [
        ("one probability per scenario", lambda: eqs.Scenarios(lambda p: (jnp.ones(3), jnp.ones(2)))),
        ("one probability per scenario", lambda: eqs.Scenarios(lambda p: (jnp.ones(3), jnp.ones(())))),
        ("not callable", lambda: eqs.Scenarios(3.0)),
    ],
)
def test_scenarios_name_what_is_wrong(match, build):
    with pytest.raises((ValueError, TypeError), match=match):
        build().expect(lambda s: s, None)


def toss(params, actions, shock):
    return {"u": actions["x"] * shock["sign"]}


@pytest.mark.parametrize(
    ("odds", "match"),
    [([-0.5, 1.5], "probability 0 is -0.5"), ([0.5, 0.9], "sum to 1.4"), ([0.5, np.nan], "probability 1 is nan|nan")],
)
def test_a_game_refuses_odds_that_are_none(odds, match):
    with pytest.raises(ValueError, match=match):
        eqs.Game(
            {"sides": np.zeros((2, 2)), "odds": np.array(odds)},
            actions=[eqs.Action("x", (), "a")],
            bounds=eqs.Box({"x": 0.0}, {"x": 1.0}),
            outcomes=toss,
            rule=eqs.Scenarios(coins),
            pay={"a": {"u": 1.0}},
            total={"u": 1.0},
        )


def test_finite_laws_are_summed_without_a_rule():
    with jax.enable_x64(True):
        table = DiscreteTable([1.0, 4.0, 9.0], [0.2, 0.3, 0.5])
        assert float(expect(jnp.sqrt, table)) == pytest.approx(0.2 + 0.6 + 1.5, rel=1e-14)
        moved = mixture((affine(table, loc=1.0, scale=2.0), TwoPoint(0.0, 4.0, 0.5)), [0.25, 0.75])
        by_hand = 0.25 * (0.2 * 3**2 + 0.3 * 9**2 + 0.5 * 19**2) + 0.75 * 0.5 * 4**2
        assert float(expect(lambda x: x**2, moved)) == pytest.approx(by_hand, rel=1e-14)
        slope = jax.grad(lambda p: expect(jnp.sqrt, TwoPoint(1.0, 4.0, p)))(0.3)
        assert float(slope) == pytest.approx(1.0, rel=1e-14)
        pairs = EmpiricalPairs([[1.0, 2.0], [3.0, 4.0]])
        assert float(expect(lambda x: x[0] * x[1], pairs)) == pytest.approx(7.0, rel=1e-14)
        assert np.isnan(jax.jit(lambda p: expect(jnp.sqrt, TwoPoint(1.0, 4.0, p)))(1.5))
    with pytest.raises(ValueError, match="batch of shape"):
        expect(jnp.sqrt, TwoPoint([1.0, 2.0], 4.0, 0.5))
    with pytest.raises(ValueError, match="Poisson is discrete; without a rule"):
        expect(jnp.sqrt, Poisson(3.0))
