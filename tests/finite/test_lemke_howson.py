"""Complementary pivots: nobody gains in the equilibrium found, ties or not."""

import numpy as np

from eqsolve.finite.lemke_howson import bimatrix_equilibrium


def test_games_on_lists_are_solved_exactly():
    rng = np.random.default_rng(3)
    for _ in range(100):
        rows, columns = rng.integers(1, 15, 2)
        first, second = rng.normal(size=(2, rows, columns)).round(1)  # with ties
        row, column = bimatrix_equilibrium(first, second)
        assert np.max(first @ column) - row @ first @ column < 1e-8
        assert np.max(second.T @ row) - row @ second @ column < 1e-8
    assert np.all(np.isnan(bimatrix_equilibrium(np.full((2, 2), np.nan), np.ones((2, 2)))[0]))
