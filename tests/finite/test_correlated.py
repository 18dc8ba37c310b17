import sys

import jax
import numpy as np
import pytest

from eqsolve.finite import FiniteGame, correlated_equilibrium, dominated

CHICKEN = np.array([[[6.0, 2.0], [7.0, 0.0]], [[6.0, 7.0], [2.0, 0.0]]])
PENNIES = np.array([[[1.0, -1.0], [-1.0, 1.0]], [[-1.0, 1.0], [1.0, -1.0]]])
DILEMMA = np.array([[[3.0, 0.0], [5.0, 1.0]], [[3.0, 5.0], [0.0, 1.0]]])


@pytest.fixture(autouse=True)
def sixty_four_bit():
    with jax.enable_x64(True):
        yield


def brute_gain(payoffs, joint):
    """By player, the best gain by answering one recommendation with another strategy; loops over all profiles."""
    gains = np.full(len(payoffs), -np.inf)
    for i, own in enumerate(payoffs):
        for told in range(own.shape[i]):
            for played in range(own.shape[i]):
                at = [slice(None)] * own.ndim
                at[i] = told
                there = list(at)
                there[i] = played
                gains[i] = max(gains[i], np.sum(joint[tuple(at)] * (own[tuple(there)] - own[tuple(at)])))
    return gains


def test_chicken():
    # Aumann's example: the best device never recommends that both dare, and earns more than any Nash equilibrium
    best = correlated_equilibrium(FiniteGame(CHICKEN))
    np.testing.assert_allclose(best.probabilities, [[0.5, 0.25], [0.25, 0.0]], atol=1e-9)
    np.testing.assert_allclose(best.objective, 10.5, rtol=1e-12)
    worst = correlated_equilibrium(FiniteGame(CHICKEN), worst=True)
    # by hand: both dare as often as obeying "dare" allows, half as often as either outcome with one daring
    np.testing.assert_allclose(worst.probabilities, [[0, 0.4], [0.4, 0.2]], atol=1e-9)
    np.testing.assert_allclose(worst.objective, 7.2, rtol=1e-9)
    np.testing.assert_allclose(brute_gain(CHICKEN, worst.probabilities), [0, 0], atol=1e-9)
    one = correlated_equilibrium(FiniteGame(CHICKEN), {"player 2": 1.0})
    np.testing.assert_allclose(list(one.payoffs.values()), [2, 7], atol=1e-9)


@pytest.mark.parametrize("worst", [False, True])
def test_matching_pennies_and_the_dilemma_have_one(worst):
    found = correlated_equilibrium(FiniteGame(PENNIES), worst=worst)
    np.testing.assert_allclose(found.probabilities, 0.25, atol=1e-9)
    found = correlated_equilibrium(FiniteGame(1e6 * DILEMMA), worst=worst)
    np.testing.assert_allclose(found.probabilities, [[0, 0], [0, 1]], atol=1e-9)
    np.testing.assert_allclose(found.objective, 2e6)


@pytest.mark.parametrize("sizes", [(3,), (3, 4), (2, 3, 2)])
def test_nobody_gains_by_disobeying(sizes):
    payoffs = np.random.default_rng(len(sizes)).normal(size=(len(sizes), *sizes))
    best, worst = (correlated_equilibrium(FiniteGame(payoffs), worst=which) for which in (False, True))
    assert best.objective >= worst.objective - 1e-9
    for found in (best, worst):
        np.testing.assert_allclose(found.probabilities.sum(), 1, rtol=1e-12)
        np.testing.assert_allclose(list(found.gain.values()), brute_gain(payoffs, found.probabilities), atol=1e-12)
        assert max(found.gain.values()) < 1e-8
        for i, earned in enumerate(found.payoffs.values()):
            np.testing.assert_allclose(earned, np.sum(payoffs[i] * found.probabilities), rtol=1e-10)


def test_the_best_one_is_at_least_as_good_as_every_pure_equilibrium():
    game = FiniteGame(np.random.default_rng(5).integers(0, 4, (2, 4, 4)).astype(float))
    best = correlated_equilibrium(game).objective
    pure = [sum(float(value) for value in game.expected(profile).values()) for profile in game.pure_equilibria()]
    assert pure
    assert best >= max(pure) - 1e-9


def test_the_table():
    lines = str(correlated_equilibrium(FiniteGame(PENNIES, ("even", "odd"), ["ht", "ht"]))).splitlines()
    assert lines[0].split() == ["even", "odd", "probability"]
    assert lines[2].split() == ["h", "h", "0.25"]


def test_what_is_wrong_is_named():
    game = FiniteGame(CHICKEN)
    with pytest.raises(ValueError, match="Did you mean 'player 1'"):
        correlated_equilibrium(game, {"player1": 1.0})
    with pytest.raises(ValueError, match="give finite weights"):
        correlated_equilibrium(game, {"player 1": np.nan})
    with pytest.raises(TypeError, match="give a FiniteGame"):
        correlated_equilibrium(CHICKEN)


def test_without_scipy_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "scipy.optimize", None)
    with pytest.raises(ImportError, match=r'pip install "eqsolve\[lp\]"'):
        correlated_equilibrium(FiniteGame(CHICKEN))
    with pytest.raises(ImportError, match=r'pip install "eqsolve\[lp\]"'):
        dominated(FiniteGame(CHICKEN), mixed=True)
    assert dominated(FiniteGame(CHICKEN)) == {"player 1": (), "player 2": ()}
