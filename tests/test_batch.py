"""Batches: equal to a loop, one status per lane, shared leaves shared, one compilation per shape."""

import subprocess
import sys

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from toys import linear_outcomes, oligopoly, oligopoly_quantities

import eqsolve as eqs
import eqsolve.datasets
from eqsolve.block_size import CANDIDATES, SMALLEST, automatic_block, fastest_working_set
from eqsolve.mechanisms.classic import Cournot, LinearInverseDemand
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


def test_results_are_bitwise_the_same_at_one_block_whatever_the_batch():
    intercepts = np.linspace(6.0, 12.0, 21)
    solve = eqs.batch(make, {"intercept": 0, "cost": None}, block=8)
    whole = solve({"intercept": intercepts, "cost": COSTS})
    for part in (slice(0, 3), slice(5, 21), slice(20, 21)):
        found = solve({"intercept": intercepts[part], "cost": COSTS})
        jax.tree.map(
            lambda few, all_, part=part: np.testing.assert_array_equal(few, all_[part]),
            found.to_numpy(),
            whole.to_numpy(),
        )


def test_chunks_are_solved_side_by_side_and_come_in_order():
    intercepts = np.linspace(6.0, 12.0, 50)
    solve = eqs.batch(make, {"intercept": 0, "cost": None}, block=4)
    chunks = list(solve.stream({"intercept": intercepts, "cost": COSTS}))
    assert len(chunks) > 1
    assert [chunk.start for chunk in chunks[1:]] == [chunk.stop for chunk in chunks[:-1]]
    assert (chunks[0].start, chunks[-1].stop) == (0, 50)
    whole = solve({"intercept": intercepts, "cost": COSTS}).actions["quantity"]
    np.testing.assert_array_equal(np.concatenate([chunk.result.actions["quantity"] for chunk in chunks]), whole)
    np.testing.assert_allclose(whole[-1], oligopoly_quantities(intercept=12.0), rtol=1e-10)
    assert whole.dtype == np.float64  # threads keep the caller's precision


def test_hard_games_among_easy_ones_are_solved_like_alone():
    easy, hard = np.full(60, 10.0), np.array([1.2, 0.4, np.nan])  # firms that stay out, nobody sells, no game
    intercepts = np.random.default_rng(0).permutation(np.concatenate([easy, hard]))
    found = eqs.batch(make, {"intercept": 0, "cost": None})({"intercept": intercepts, "cost": COSTS})
    for index, intercept in enumerate(intercepts):
        if np.isnan(intercept):
            assert found.to_numpy()["status"][index] == "nonfinite"
        elif intercept != 10.0:
            alone = eqs.solve_nash(make({"intercept": jnp.asarray(intercept), "cost": COSTS}))
            np.testing.assert_allclose(found.actions["quantity"][index], alone.actions["quantity"], rtol=1e-12)
            assert found.to_numpy()["status"][index] == alone.to_numpy()["status"]
    np.testing.assert_allclose(found.actions["quantity"][intercepts == 10.0], [oligopoly_quantities()] * 60, rtol=1e-10)


def test_batches_within_batches_are_one_batch():
    def total(intercept, cost):
        return eqs.solve_nash(make({"intercept": intercept, "cost": cost})).actions["quantity"]

    intercepts, scales = jnp.linspace(6.0, 12.0, 3), jnp.array([1.0, 1.1])
    grid = jax.vmap(lambda s: jax.vmap(lambda a: total(a, s * COSTS))(intercepts))(scales)
    wanted = [[total(a, s * COSTS) for a in intercepts] for s in scales]
    np.testing.assert_allclose(grid, wanted, rtol=1e-12)
    shared_inside = jax.vmap(lambda s: jax.vmap(lambda _: total(9.0, s * COSTS))(jnp.arange(2)))(scales)
    np.testing.assert_allclose(shared_inside[:, 0], shared_inside[:, 1], rtol=0)


def test_failures_are_counted_and_located():
    intercepts = np.linspace(6.0, 12.0, 30)
    intercepts[[4, 17]] = np.nan
    params = {"intercept": intercepts, "cost": COSTS}
    axes = {"intercept": 0, "cost": None}
    found = eqs.batch(make, axes)(params)
    lost = eqs.failures(found, params, axes)
    assert lost.counts == {"nonfinite": 2}
    np.testing.assert_array_equal(lost.index.ravel(), [4, 17])
    assert np.all(np.isnan(lost.parameters["intercept"]))
    np.testing.assert_array_equal(lost.parameters["cost"], COSTS)
    text = str(lost)
    assert "2 of 30 games failed" in text
    assert "17" in text
    assert "intercept" in text
    with pytest.raises(RuntimeError, match="2 of 30"):
        lost.raise_if_any()
    intercepts[[4, 17]] = 9.0
    none = eqs.failures(eqs.batch(make, axes)(params))
    none.raise_if_any()
    assert (len(none), str(none)) == (0, "0 of 30 games failed.")
    with pytest.raises(ValueError, match="takes a batch"):
        eqs.failures(eqs.solve_nash(oligopoly()))
    with pytest.raises(ValueError, match="but the batch has shape"):
        eqs.failures(found, {"intercept": intercepts[:3], "cost": COSTS}, axes)


def test_results_can_go_to_disk_while_they_come(tmp_path):
    xarray = pytest.importorskip("xarray")
    intercepts = np.linspace(6.0, 12.0, 50)
    solve = eqs.batch(make, {"intercept": 0, "cost": None}, block=4)
    params = {"intercept": intercepts, "cost": COSTS}
    stored = eqs.datasets.store(solve.stream(params), tmp_path / "run.zarr")
    np.testing.assert_array_equal(stored["quantity"], solve(params).actions["quantity"])
    assert xarray.open_zarr(tmp_path / "run.zarr", consolidated=False).sizes["batch"] == 50
    with pytest.raises(FileExistsError, match=r"run\.zarr"):
        eqs.datasets.store(solve.stream(params), tmp_path / "run.zarr")
    with pytest.raises(TypeError, match="task returns an Equilibrium"):
        eqs.datasets.store(eqs.batch(make, solve.axes, total_of, block=4).stream(params), tmp_path / "other.zarr")


def total_of(game):
    return eqs.solve_nash(game).actions["quantity"].sum()


def test_an_empty_box_in_one_lane_is_infeasible():
    found = eqs.batch(bounded)(jnp.array([5.0, -1.0, jnp.nan]))
    np.testing.assert_array_equal(found.to_numpy()["status"], ["converged", "infeasible", "infeasible"])
    assert np.all(np.isnan(found.actions["quantity"][1:]))
    assert np.all(np.isnan(found.multipliers["quantity"][1:]))


def test_gradients_pass_through_a_batch():
    def total(intercepts):
        found = eqs.batch(make, {"intercept": 0, "cost": None})({"intercept": intercepts, "cost": COSTS})
        return jnp.sum(found.actions["quantity"])

    np.testing.assert_allclose(jax.grad(total)(jnp.array([8.0, 9.0])), 0.75, rtol=1e-10)  # three firms at 1/4 each


def test_parameters_may_be_traced_around_a_batch_as_well_as_in_it():
    intercepts = jnp.array([8.0, 9.0])

    def total(scale):  # the batch is of constants, and what `make` takes from outside is traced
        def scaled(intercept):
            return make({"intercept": intercept, "cost": scale * COSTS})

        return jnp.sum(eqs.batch(scaled)(intercepts).actions["quantity"])

    # each firm sells (a + the sum of costs) / 4 less its own cost, so three firms lose sum(costs) / 4
    np.testing.assert_allclose(jax.grad(total)(1.0), -2 * np.sum(COSTS) / 4, rtol=1e-10)
    whole = sum(np.sum(oligopoly_quantities(intercept=float(a))) for a in intercepts)
    np.testing.assert_allclose(jax.jit(total)(1.0), whole, rtol=1e-10)
    shared = eqs.batch(make, {"intercept": 0, "cost": None})
    inside = jax.jit(lambda: shared({"intercept": intercepts, "cost": COSTS}).actions["quantity"])()
    np.testing.assert_allclose(inside[0], oligopoly_quantities(intercept=8.0), rtol=1e-10)


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
        ("holds no arrays", 0, None),
        ("empty batch axis", {"intercept": 0, "cost": None}, {"intercept": jnp.ones(0), "cost": COSTS}),
    ],
)
def test_batches_name_what_is_wrong(match, axes, params):
    with pytest.raises(ValueError, match=match):
        eqs.batch(make, axes)(params)


def test_mistakes_with_functions_and_axes_are_named():
    with pytest.raises(ValueError, match="do not fit params"):
        eqs.batch(make, {"intercept": 0})({"intercept": jnp.ones(3), "cost": COSTS})
    with pytest.raises(TypeError, match="did you forget"):
        eqs.batch(lambda a: Cournot(LinearInverseDemand(a, 1.0), COSTS))(jnp.ones(3))
    with pytest.raises(TypeError, match="make is 3"):
        eqs.batch(3)
    with pytest.raises(TypeError, match="cannot be hashed"):
        eqs.batch(eqx.Partial(make, COSTS))  # a callable that holds arrays
    with pytest.raises(TypeError, match="failures got int"):
        eqs.failures(3)


@pytest.mark.parametrize("block", [0, -1, 2.0, True])
def test_a_block_is_a_positive_number_of_games(block):
    with pytest.raises(ValueError, match="block is"):
        eqs.batch(make, block=block)


def test_streams_are_not_for_traced_parameters():
    with pytest.raises(TypeError, match="traced parameters"):
        jax.jit(
            lambda a: list(eqs.batch(make, {"intercept": 0, "cost": None}).stream({"intercept": a, "cost": COSTS}))
        )(jnp.ones(3))


def test_the_block_follows_from_what_a_game_needs():
    def lane(firms):
        return {"intercept": jax.ShapeDtypeStruct((), float), "cost": jax.ShapeDtypeStruct((firms,), float)}

    blocks = [automatic_block(lane(firms), many_firms, 10_000, measure=False) for firms in (3, 10, 100)]
    assert blocks == sorted(blocks, reverse=True)
    assert blocks[-1] == SMALLEST  # 100 x 100 derivatives each
    assert automatic_block(lane(3), many_firms, 1, measure=False) == 1
    assert fastest_working_set("float64") in CANDIDATES


def many_firms(params):
    return Cournot(LinearInverseDemand(params["intercept"], 1.0), params["cost"]).game()


DEVICES = """
import jax, numpy as np, eqsolve as eqs
from eqsolve.mechanisms.classic import Cournot, LinearInverseDemand
jax.config.update("jax_enable_x64", True)
jax.config.update("jax_num_cpu_devices", 3)
def make(a):
    return Cournot(LinearInverseDemand(a, 1.0), cost=[1.0, 2.0]).game()
a = np.linspace(2.0, 9.0, 25)
many = eqs.batch(make, block=4)
whole = many(a)
assert len(jax.devices()) == 3
want = np.where(a[:, None] < 3, np.stack([(a - 1) / 2, 0 * a], 1), np.stack([a, a - 3], 1) / 3)
np.testing.assert_allclose(whole.actions["quantity"], want, atol=1e-10)
assert [c.stop for c in many.stream(a)][-1] == 25
print("agreed")
"""


def test_shapes_are_those_of_the_results_and_known_without_tracing_again():
    calls = []

    def counting(intercept):
        calls.append(intercept)
        return make({"intercept": intercept, "cost": COSTS})

    solve = eqs.batch(counting, block=2)
    intercepts = np.linspace(6.0, 12.0, 5)
    shapes = solve.shapes(intercepts)
    before = len(calls)
    found = solve(intercepts)
    assert len(calls) == before
    assert jax.tree.structure(shapes) == jax.tree.structure(found)
    for shape, result in zip(jax.tree.leaves(shapes), jax.tree.leaves(found), strict=True):
        assert (shape.shape, shape.dtype) == (result.shape, result.dtype)


def test_several_devices_share_a_batch():
    ran = subprocess.run([sys.executable, "-c", DEVICES], capture_output=True, text=True, timeout=250, check=False)
    assert ran.stdout.strip() == "agreed", ran.stderr


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
