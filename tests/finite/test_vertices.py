import itertools

import jax
import numpy as np
import pytest

from eqsolve.finite import FiniteGame, enumerate_mixed


@pytest.fixture(autouse=True)
def sixty_four_bit():
    with jax.enable_x64(True):
        yield


def mixtures(found):
    return [tuple(np.asarray(p) for p in equilibrium.probabilities.values()) for equilibrium in found.equilibria]


def brute_supports(first, second):
    """Equilibria of a nondegenerate game: for all pairs of supports of one size, equal payoffs on them."""
    rows, columns = first.shape
    found = []
    for size in range(1, min(rows, columns) + 1):
        for up in itertools.combinations(range(rows), size):
            for side in itertools.combinations(range(columns), size):
                ones, last = np.ones((size, 1)), np.append(np.ones(size), 0)
                goal = np.append(np.zeros(size), 1)
                y_part = np.linalg.solve(np.vstack([np.hstack([first[np.ix_(up, side)], -ones]), last]), goal)
                x_part = np.linalg.solve(np.vstack([np.hstack([second[np.ix_(up, side)].T, -ones]), last]), goal)
                x, y = np.zeros(rows), np.zeros(columns)
                x[list(up)], y[list(side)] = x_part[:-1], y_part[:-1]
                replies = np.max(first @ y) <= y_part[-1] + 1e-9 and np.max(x @ second) <= x_part[-1] + 1e-9
                if x.min() >= 0 and y.min() >= 0 and replies:
                    found.append((x, y))
    return found


def in_order(pairs):
    return np.array(sorted(tuple(np.round(np.concatenate(pair), 7)) for pair in pairs))


@pytest.mark.parametrize("sizes", [(2, 2), (3, 3), (2, 5), (4, 3), (5, 5)])
def test_random_games_have_the_equilibria_that_supports_give(sizes):
    for seed in range(3):
        payoffs = np.random.default_rng(seed).normal(size=(2, *sizes))
        found = enumerate_mixed(FiniteGame(payoffs))
        np.testing.assert_allclose(in_order(mixtures(found)), in_order(brute_supports(*payoffs)), atol=2e-7)
        assert not found.degenerate
        assert len(found) % 2 == 1
        assert all(len(group) == 1 for group in found.components)
        assert max(float(equilibrium.relative_regret) for equilibrium in found.equilibria) < 1e-12


def test_known_games():
    stone = np.array([[0.0, -1, 1], [1, 0, -1], [-1, 1, 0]])
    ((x, y),) = mixtures(enumerate_mixed(FiniteGame([stone, -stone])))
    np.testing.assert_allclose([x, y], 1 / 3, rtol=1e-12)
    # von Stengel (2002), example 2.3: three equilibria
    first, second = [[3, 3], [2, 5], [0, 6]], [[3, 2], [2, 6], [3, 1]]
    degenerate = enumerate_mixed(FiniteGame([first, second]))
    np.testing.assert_allclose(
        in_order(mixtures(degenerate)),
        in_order(
            [
                (np.array([1, 0, 0]), np.array([1, 0])),
                (np.array([0.8, 0.2, 0]), np.array([2 / 3, 1 / 3])),
                (np.array([0, 1 / 3, 2 / 3]), np.array([1 / 3, 2 / 3])),
            ]
        ),
        atol=2e-7,
    )


def test_a_weak_tie_gives_a_continuum_and_its_ends():
    # column does not care if row plays the first strategy, and row prefers it while column's first has weight >= 1/2
    game = FiniteGame([[[1, 1], [0, 2]], [[1, 1], [0, 2]]])
    found = enumerate_mixed(game)
    assert found.degenerate
    np.testing.assert_allclose(
        in_order(mixtures(found)),
        in_order([([1, 0], [1, 0]), ([1, 0], [0.5, 0.5]), ([0, 1], [0, 1])]),
        atol=1e-7,
    )
    assert sorted(map(len, found.components)) == [1, 2]
    ends = next(group for group in found.components if len(group) == 2)
    middle = [np.mean([mixtures(found)[i][player] for i in ends], axis=0) for player in range(2)]
    assert max(float(gain) for gain in game.regret(middle).values()) < 1e-12
    assert "1 continua" in str(found)


def test_everything_is_an_equilibrium_without_payoffs():
    found = enumerate_mixed(FiniteGame(np.zeros((2, 2, 3))))
    assert found.degenerate
    assert len(found) == 6
    assert len(found.components) == 1


def test_pure_equilibria_are_among_them_with_integer_payoffs():
    for seed in range(5):
        game = FiniteGame(np.random.default_rng(seed).integers(0, 3, (2, 3, 4)).astype(float))
        found = enumerate_mixed(game)
        assert all(bool(equilibrium.solved) for equilibrium in found.equilibria)
        pure = {tuple(next(iter(own)) for own in e.named().values()) for e in found.equilibria if e.is_pure}
        assert set(game.pure_equilibria()) == pure


def test_units_and_thirty_two_bit():
    payoffs = np.random.default_rng(1).normal(size=(2, 3, 3))
    plain = enumerate_mixed(FiniteGame(payoffs))
    np.testing.assert_allclose(
        in_order(mixtures(enumerate_mixed(FiniteGame(1e6 * payoffs - 3e6)))), in_order(mixtures(plain)), atol=2e-7
    )
    with jax.enable_x64(False):
        single = enumerate_mixed(FiniteGame(payoffs.astype(np.float32)))
        assert single[0].probabilities["player 1"].dtype == np.float32
        assert all(bool(equilibrium.solved) for equilibrium in single.equilibria)
        np.testing.assert_allclose(in_order(mixtures(single)), in_order(mixtures(plain)), atol=1e-5)


def test_what_is_wrong_is_named():
    with pytest.raises(ValueError, match="the game has 3 players"):
        enumerate_mixed(FiniteGame(np.zeros((3, 2, 2, 2))))
    with pytest.raises(ValueError, match="20 and 20 strategies make 137846528820 sets"):
        enumerate_mixed(FiniteGame(np.zeros((2, 20, 20))))
    with pytest.raises(TypeError, match="give a FiniteGame"):
        enumerate_mixed(np.zeros((2, 2, 2)))
