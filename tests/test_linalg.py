"""Small linear algebra against NumPy's LAPACK, including what LAPACK refuses."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from eqsolve import linalg


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 12, 50])
def test_solve_and_its_derivatives(size):
    rng = np.random.default_rng(size)
    matrix, rhs = rng.normal(size=(size, size)), rng.normal(size=size)
    np.testing.assert_allclose(linalg.solve(matrix, rhs), np.linalg.solve(matrix, rhs), rtol=1e-9)
    np.testing.assert_allclose(linalg.inverse(matrix), np.linalg.inv(matrix), rtol=1e-8, atol=1e-10)
    gradient = jax.grad(lambda m: jnp.sum(linalg.solve(m, rhs)))(jnp.asarray(matrix))
    adjoint = np.linalg.solve(matrix.T, np.ones(size))
    np.testing.assert_allclose(gradient, -np.outer(adjoint, np.linalg.solve(matrix, rhs)), rtol=1e-7, atol=1e-9)


def test_rows_and_columns_need_no_order_and_no_scale():
    matrix = np.array([[0.0, 1e9, 0.0], [0.0, 0.0, 1e-9], [1.0, 0.0, 0.0]])
    found, smallest = linalg.eliminate(jnp.asarray(matrix), jnp.array([[1e9], [1e-9], [1.0]]))
    np.testing.assert_allclose(found[:, 0], 1.0)
    np.testing.assert_allclose(smallest, 1.0)


@pytest.mark.parametrize("size", [2, 6])
def test_a_singular_matrix_gives_finite_numbers_and_a_zero_pivot(size):
    found, smallest = linalg.eliminate(jnp.ones((size, size)), jnp.ones((size, 1)))
    assert np.all(np.isfinite(found))
    assert smallest == 0


@pytest.mark.parametrize("size", [1, 2, 4, 7])
def test_largest_eigenvalue_and_definiteness(size):
    rng = np.random.default_rng(size)
    for _ in range(5):
        matrix = rng.normal(size=(size, size))
        symmetric = (matrix + matrix.T) / 2
        top = np.linalg.eigvalsh(symmetric)[-1]
        np.testing.assert_allclose(linalg.largest_eigenvalue(jnp.asarray(matrix)), top, atol=1e-12)
        shifted = (top + 0.1) * np.eye(size) - symmetric
        assert linalg.is_positive_definite(jnp.asarray(shifted))
        assert not linalg.is_positive_definite(jnp.asarray(shifted - 0.2 * np.eye(size)))
    assert np.isnan(linalg.largest_eigenvalue(jnp.full((size, size), jnp.nan)))
