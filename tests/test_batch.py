"""Batches: equal to a loop, one status per lane, shared leaves shared, one compilation per shape."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from toys import linear_outcomes, oligopoly, oligopoly_quantities

import eqsolve as eqs
from eqsolve.solve import _solve


def make(params):
    return oligopoly().with_params({"intercept": params["intercept"], "cost": params["cost"]})


COSTS = jnp.array([1.0, 2.0, 0.5])


def test_a_batch_equals_a_loop_and_keeps_lanes_apart():
    intercepts = jnp.linspace(6.0, 12.0, 7)
    found = eqs.batch(make, {"intercept": 0, "cost": None})({"intercept": intercepts, "cost": COSTS})
    wanted = [oligopoly_quantities(intercept=float(a)) for a in intercepts]
    np.testing.assert_allclose(found.actions["quantity"], wanted, rtol=1e-10)
    order = np.random.default_rng(1).permutation(7)
    shuffled = eqs.batch(make, {"intercept": 0, "cost": None})({"intercept": intercepts[order], "cost": COSTS})
    np.testing.assert_array_equal(shuffled.actions["quantity"], found.actions["quantity"][order])


def test_a_failed_lane_is_a_status_and_its_neighbours_are_untouched():
    intercepts = jnp.array([8.0, jnp.nan, 10.0])
    found = eqs.batch(make, {"intercept": 0, "cost": None})({"intercept": intercepts, "cost": COSTS})
    np.testing.assert_array_equal(found.to_numpy()["status"], ["converged", "nonfinite", "converged"])
    assert np.all(np.isnan(found.actions["quantity"][1]))
    np.testing.assert_allclose(found.actions["quantity"][2], oligopoly_quantities(), rtol=1e-10)
    assert "nonfinite (1)" in str(found)


def bounded(upper):
    game = oligopoly()
    box = eqs.Box({"quantity": 0.0}, {"quantity": upper})
    return eqs.Game(
        game.params, actions=game.actions, bounds=box, outcomes=game.outcomes, pay=game.pay, total=game.total
    )


def test_an_empty_box_in_one_lane_is_infeasible():
    found = eqs.batch(bounded)(jnp.array([5.0, -1.0, jnp.nan]))
    np.testing.assert_array_equal(found.to_numpy()["status"], ["converged", "infeasible", "infeasible"])
    assert np.all(np.isnan(found.actions["quantity"][1:]))


def test_gradients_pass_through_a_batch():
    def total(intercepts):
        found = eqs.batch(make, {"intercept": 0, "cost": None})({"intercept": intercepts, "cost": COSTS})
        return jnp.sum(found.actions["quantity"])

    np.testing.assert_allclose(jax.grad(total)(jnp.array([8.0, 9.0])), 0.75, rtol=1e-10)  # three firms at 1/4 each


def solve_and_certify(game):
    found = eqs.solve_nash(game)
    return found, eqs.certify(game, found.actions)


def test_a_task_can_solve_and_certify():
    params = {"intercept": jnp.array([8.0, 10.0]), "cost": COSTS}
    found, certificate = eqs.batch(make, {"intercept": 0, "cost": None}, solve_and_certify)(params)
    assert found.residual.shape == (2,)
    assert np.all(certificate.certified)


@pytest.mark.parametrize(
    ("match", "axes", "params"),
    [
        ("differ in length", 0, {"intercept": jnp.ones(2), "cost": jnp.ones((3, 3))}),
        ("without a batch axis", 0, {"intercept": jnp.ones(()), "cost": jnp.ones((3, 3))}),
        ("no leaf of params is batched", None, {"intercept": jnp.ones(()), "cost": COSTS}),
        ("the batch axis comes first", {"intercept": 1, "cost": None}, {"intercept": jnp.ones((1, 2)), "cost": COSTS}),
        ("empty batch axis", {"intercept": 0, "cost": None}, {"intercept": jnp.ones(0), "cost": COSTS}),
    ],
)
def test_batches_name_what_is_wrong(match, axes, params):
    with pytest.raises(ValueError, match=match):
        eqs.batch(make, axes)(params)


traces = []


def counted(params, actions, shock):
    traces.append(None)
    return linear_outcomes(params, actions, shock)


def counted_batch(params):
    return oligopoly(outcomes=counted).with_params(params)


def traced_while(solve):
    """How often a solve traces the outcomes; building a game traces them too, so games are built before."""
    before = len(traces)
    jax.block_until_ready(solve())
    return len(traces) - before


def test_nothing_compiles_twice():
    game = oligopoly(outcomes=counted)
    others = [
        game.with_params({"intercept": 9.0, "cost": np.array([0.5, 0.6, 0.7])}),
        game.with_pay({"f1": {"profit": np.array([0.0, 2.0, 0.0])}}),
        oligopoly(outcomes=counted, costs=(2.0, 2.0, 2.0), intercept=20.0),
    ]
    assert traced_while(lambda: eqs.solve_nash(game)) > 0
    for other in others:
        assert traced_while(lambda other=other: eqs.solve_nash(other)) == 0
    size = _solve._cached._cache_size()
    eqs.solve_nash(others[0])
    assert _solve._cached._cache_size() == size


def test_another_batch_of_the_same_shape_does_not_compile_again():
    axes = {"intercept": 0, "cost": None}
    first = {"intercept": jnp.array([8.0, 9.0]), "cost": COSTS}
    assert traced_while(lambda: eqs.batch(counted_batch, axes)(first)) > 0
    again = {"intercept": jnp.array([10.0, 11.0]), "cost": 2 * COSTS}
    assert traced_while(lambda: eqs.batch(counted_batch, axes)(again)) == 0
