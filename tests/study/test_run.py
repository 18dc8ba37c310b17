import dataclasses

import jax
import numpy as np
import pytest

from eqsolve.study import StudyError, counts, prepare, run_study
from eqsolve.study.results import relative_loss

INTERCEPTS, COSTS = np.array([4.0, 7.0, 10.0]), np.array([0.5, 2.0])


def test_nash_and_first_best_match_the_closed_forms(results):
    a, c = np.meshgrid(INTERCEPTS, COSTS, indexing="ij")
    nash, best = results.sel(plan="nash"), results.sel(plan="first best")
    np.testing.assert_allclose(nash["left"], (a - 2 * 1.0 + c) / 3, rtol=1e-9)
    np.testing.assert_allclose(nash["right"], (a - 2 * c + 1.0) / 3, rtol=1e-9)
    cheapest = np.minimum(c, 1.0)
    np.testing.assert_allclose(best["left"] + best["right"], (a - cheapest) / 2, rtol=1e-9)
    np.testing.assert_allclose(best["total"], (a - cheapest) ** 2 / 4, rtol=1e-9)
    loss = best["total"] - nash["left profit"] - nash["right profit"]
    np.testing.assert_allclose(results["efficiency loss"], loss, rtol=1e-9)
    np.testing.assert_allclose(results["relative efficiency loss"], loss / best["total"], rtol=1e-9)


def test_dataset_is_labelled_and_explains_itself(results):
    assert dict(results.sizes) == {"plan": 2, "intercept": 3, "cost[1]": 2, "player": 2}
    np.testing.assert_array_equal(results["intercept"], INTERCEPTS)
    assert results["intercept"].attrs == {"long_name": "Largest price", "units": "euro", "format": "number"}
    assert results["status"].dtype == np.int8
    assert results["status"].attrs["flag_meanings"].startswith("converged kinked degenerate")
    assert bool((results["certified"] == 1).all())
    assert float(results["regret"].max()) < 1e-8
    assert results.attrs["nash solver"] == "Newton()"
    assert results.attrs["precision"] == "float64"


def test_first_best_tells_what_each_player_would_earn(results):
    best = results.sel(plan="first best")
    np.testing.assert_allclose(best["objective"].sel(player="left"), best["left profit"])


def test_a_reserved_name_is_kept_under_another_one(results):
    nash = results.sel(plan="nash", intercept=7.0)
    np.testing.assert_allclose(nash["outcome: regret"], 7.0 - nash["left"] - nash["right"])


def test_extras_are_variables_and_line_up_with_players(results):
    assert results["costs.of players"].dims == ("intercept", "cost[1]", "player")
    np.testing.assert_array_equal(results["costs.of players"].sel({"cost[1]": 2.0, "intercept": 4.0}), [1.0, 2.0])
    np.testing.assert_array_equal(results["costs.mean"].sel(intercept=4.0), [0.75, 1.5])
    np.testing.assert_array_equal(results["twice_intercept"].sel({"cost[1]": 2.0}), 2 * INTERCEPTS)


def test_progress_is_told_after_every_chunk(results, progress):
    assert [p.done for p in progress] == [4, 6]
    assert {p.total for p in progress} == {6}
    assert all(p.failures == 0 and p.worst_regret < 1e-8 for p in progress)
    assert 0 < progress[0].elapsed <= progress[1].elapsed


def test_a_filled_chunk_gives_what_one_chunk_of_everything_gives(spillover, spillover_results):
    whole = dataclasses.replace(spillover, tables=spillover.tables.model_copy(update={"chunk": 1000}))
    sweep = prepare(whole)
    assert (sweep.size, sweep.chunks, prepare(spillover).chunks) == (3, 1, 2)
    once = run_study(sweep)
    assert list(once.variables) == list(spillover_results.variables)
    for name in once.data_vars:
        # batch shapes may change the order of additions: a few units in the last place of numbers of order one
        np.testing.assert_allclose(once[name], spillover_results[name], rtol=1e-13, atol=1e-13, err_msg=str(name))


def test_chunks_can_be_computed_again_in_any_order(sweep):
    last, first, again = sweep.compute(1), sweep.compute(0), sweep.compute(1)
    assert last.certified.shape == (2,)
    assert first.certified.shape == (4,)
    for one, other in zip(jax.tree.leaves(last), jax.tree.leaves(again), strict=True):
        np.testing.assert_array_equal(one, other)


def test_what_the_callback_raises_ends_the_run(sweep):
    def stop(progress):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_study(sweep, stop)


def test_a_total_of_zero_gives_no_nan(spillover_results):
    results = spillover_results
    np.testing.assert_allclose(results["total"].sel(plan="first best"), [0.5, 0.125, 0.0], atol=1e-12)
    np.testing.assert_allclose(results["efficiency loss"], [0.0, 0.125, 0.5], atol=1e-12)
    np.testing.assert_allclose(results["relative efficiency loss"], [0.0, 1.0, np.inf], atol=1e-12)
    np.testing.assert_array_equal(relative_loss(np.zeros(1), np.zeros(1)), [0.0])


def test_unsolved_points_are_counted_and_kept(sweep):
    point = sweep.compute(0)
    broken = dataclasses.replace(
        point,
        nash=dataclasses.replace(
            point.nash, certified=np.zeros(4, bool), gain=np.array([[np.nan, 0], [np.inf, 0], [2.0, 1.0], [0.0, 0.5]])
        ),
    )
    assert broken.certified.sum() == 0
    assert broken.worst_regret == 2.0


def test_counts_take_kinks_and_continua_with_certificate_as_solved(results):
    data = results.copy(deep=True)
    data["status"][:] = np.array([[[0, 1], [2, 0], [6, 0]], [[0, 0], [0, 0], [0, 0]]])
    data["certified"][0, 2, 0] = 0
    data["regret"][0, 2, 0] = np.nan
    data["regret"][0, 1, 1] = 0.25
    found = counts(data, "nash")
    assert found.statuses == {"converged": 3, "kinked": 1, "degenerate": 1, "nonfinite": 1}
    assert (found.points, found.uncertified, found.worst_regret) == (6, 1, 0.25)
    assert found.worst_at == {"intercept": 7.0, "cost[1]": 2.0}


def test_precision_must_be_that_of_jax(duopoly):
    with pytest.raises(StudyError, match=r"duopoly: precision is 'float32', but JAX computes in float64; call"):
        prepare(duopoly.with_precision("float32"))
