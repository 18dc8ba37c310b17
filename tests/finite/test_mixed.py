import jax
import jax.numpy as jnp
import numpy as np
import pytest

from eqsolve.finite import FictitiousPlay, FiniteGame, MixedStatus, RegretMatching, solve_mixed

METHODS = [RegretMatching(), RegretMatching(plus=False), FictitiousPlay()]
ROCK = np.array([[0.0, -1.0, 1.0], [1.0, 0.0, -1.0], [-1.0, 1.0, 0.0]])
SKEWED = np.array([[2.0, -1.0], [-1.0, 1.0]])  # value 1/5, both play the first strategy with probability 2/5
DILEMMA = np.array([[[3.0, 0.0], [5.0, 1.0]], [[3.0, 5.0], [0.0, 1.0]]])
SHAPLEY = np.array(
    [[[0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]], [[0.0, 1.0, 0.0], [0.0, 0.0, 1.0], [1.0, 0.0, 0.0]]]
)


@pytest.fixture(autouse=True)
def sixty_four_bit():
    with jax.enable_x64(True):
        yield


def zero_sum(own):
    return np.stack([own, -own])


def brute_regret(payoffs, row, column):
    first, second = payoffs
    return [np.max(first @ column) - row @ first @ column, np.max(row @ second) - row @ second @ column]


@pytest.mark.parametrize("method", METHODS, ids=repr)
def test_zero_sum_games(method):
    for own, value, mixture in ((ROCK, 0.0, [1 / 3] * 3), (SKEWED, 0.2, [0.4, 0.6])):
        first = np.eye(len(own))[0]
        found = solve_mixed(FiniteGame(zero_sum(own)), method, (first, first), steps=40_000, tolerance=2e-3)
        assert bool(found.solved)
        row, column = (np.asarray(p) for p in found.probabilities.values())
        np.testing.assert_allclose(list(found.regret.values()), brute_regret(zero_sum(own), row, column), atol=1e-12)
        # a regret of r of each player puts the value within r
        np.testing.assert_allclose(found.payoffs["player 1"], value, atol=2e-3 * 3)
        np.testing.assert_allclose(row, mixture, atol=0.01)


@pytest.mark.parametrize("method", METHODS, ids=repr)
def test_a_dominant_strategy_is_found_exactly(method):
    found = solve_mixed(FiniteGame(DILEMMA), method, tolerance=0.0)
    assert bool(found.solved)
    assert found.named() == {"player 1": {"strategy 2": 1.0}, "player 2": {"strategy 2": 1.0}}
    assert float(found.relative_regret) == 0


def test_an_equilibrium_at_the_start_is_kept():
    found = solve_mixed(FiniteGame(zero_sum(ROCK)), tolerance=1e-12)
    assert int(found.steps) == 0
    np.testing.assert_allclose(found.probabilities["player 1"], 1 / 3)


def test_fictitious_play_cycles_in_shapleys_game_and_says_so():
    start = ([1.0, 0, 0], [0, 1.0, 0])
    found = solve_mixed(FiniteGame(SHAPLEY), FictitiousPlay(), start, steps=20_000)
    assert found.status == MixedStatus.step_limit
    assert float(found.relative_regret) > 0.05
    assert "step limit" in str(found)


def test_three_players_and_one_player():
    # each of three players earns 1 by differing from exactly one of the others: a pure equilibrium exists
    payoffs = np.zeros((3, 2, 2, 2))
    for at in np.ndindex(2, 2, 2):
        payoffs[:, *at] = [sum(at[i] != at[j] for j in range(3)) == 1 for i in range(3)]
    game = FiniteGame(payoffs)
    found = solve_mixed(game, start=[[0.6, 0.4], [0.3, 0.7], [0.5, 0.5]])
    assert bool(found.solved)
    assert max(float(gain) for gain in game.regret(found.probabilities).values()) <= 1e-3
    alone = solve_mixed(FiniteGame([[1.0, 4.0, 2.0]]))
    assert alone.named() == {"player 1": {"strategy 2": 1.0}}


def test_units_make_no_difference():
    game, scaled = FiniteGame(zero_sum(SKEWED)), FiniteGame(1024 * zero_sum(SKEWED) + 4096)
    one, other = solve_mixed(game), solve_mixed(scaled)
    np.testing.assert_allclose(other.probabilities["player 1"], one.probabilities["player 1"], rtol=1e-10)
    np.testing.assert_allclose(other.regret["player 1"], 1024 * one.regret["player 1"], atol=1e-8)
    assert int(one.steps) == int(other.steps)


def test_constant_payoffs_are_an_equilibrium_anywhere():
    assert bool(solve_mixed(FiniteGame(np.ones((2, 2, 3)))).solved)


@pytest.mark.parametrize("method", METHODS, ids=repr)
def test_a_batch_equals_a_loop_and_nan_is_a_status(method):
    tensors = np.stack([zero_sum(SKEWED), DILEMMA, np.full((2, 2, 2), np.nan)])

    def solve(tensor):
        return solve_mixed(FiniteGame(tensor), method, ([0.9, 0.1], [0.5, 0.5]), steps=500)

    batch = jax.vmap(solve)(jnp.asarray(tensors))
    for lane in range(2):
        alone = solve(tensors[lane])
        np.testing.assert_allclose(batch.probabilities["player 1"][lane], alone.probabilities["player 1"], rtol=1e-12)
        assert int(batch.steps[lane]) == int(alone.steps)
    np.testing.assert_array_equal(batch.status == MixedStatus.nonfinite, [False, False, True])
    assert np.all(np.isnan(batch.probabilities["player 2"][2]))
    assert "3 games" in str(batch)


def test_thirty_two_bit():
    with jax.enable_x64(False):
        start = (np.array([1.0, 0.0], np.float32),) * 2
        found = solve_mixed(FiniteGame(zero_sum(SKEWED).astype(np.float32)), start=start)
        assert found.probabilities["player 1"].dtype == jnp.float32
        assert bool(found.solved)
        np.testing.assert_allclose(found.probabilities["player 1"], [0.4, 0.6], atol=2e-3)


def test_the_table():
    lines = str(solve_mixed(FiniteGame(DILEMMA, ("row", "column"), [("quiet", "confess")] * 2))).splitlines()
    assert lines[2].split() == ["row", "confess", "1"]
    assert "relative regret 0" in lines[-1]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"method": "fictitious"}, r"give RegretMatching\(\) or FictitiousPlay"),
        ({"steps": 0}, "steps is 0; give at least 1"),
        ({"tolerance": float("nan")}, "tolerance is nan"),
    ],
)
def test_what_is_wrong_is_named(arguments, message):
    with pytest.raises((TypeError, ValueError), match=message):
        solve_mixed(FiniteGame(DILEMMA), **arguments)
    with pytest.raises(TypeError, match="give a FiniteGame"):
        solve_mixed(DILEMMA)
