"""Checks that every joint law must pass."""

import jax
import jax.numpy as jnp
import numpy as np


def assert_sampled(law, count=100_000):
    """Draws and transported uniforms have the law's mean and covariance; draws come again from the same key."""
    sample = jax.jit(lambda law, key: law.sample(key, (count,)))
    draws = np.asarray(sample(law, jax.random.key(1)))
    np.testing.assert_array_equal(draws, sample(law, jax.random.key(1)))
    uniforms = np.random.default_rng(2).random((count, law.size))
    for points in (draws, np.asarray(jax.jit(lambda law, u: law.transport(u))(law, uniforms))):
        assert points.shape == (count, law.size)
        spread = np.sqrt(np.diagonal(law.cov()))
        np.testing.assert_allclose(points.mean(axis=0), law.mean(), atol=5 * spread.max() / np.sqrt(count))
        gap = (points - points.mean(axis=0)) / spread
        products = gap[:, :, None] * gap[:, None, :]
        error = products.std(axis=0) / np.sqrt(count)
        np.testing.assert_array_less(np.abs(products.mean(axis=0) - law.correlation()), 5 * error + 1e-6)


def assert_derivatives(make, theta, points, rtol=1e-6):
    """First and second derivatives of density and transport in the parameters agree with central differences."""
    theta, levels = jnp.asarray(theta), jnp.asarray([[0.2, 0.9], [0.7, 0.4]])

    def results(theta):
        law = make(theta)
        return {"logpdf": law.logpdf(points), "transport": law.transport(levels), "cov": law.cov()}

    first = jax.jacfwd(results)
    functions = jax.jit(lambda theta: (results(theta), first(theta)))
    found = jax.jit(lambda theta: (first(theta), jax.jacfwd(first)(theta)))(theta)
    for i in range(theta.shape[0]):
        step = 1e-5 * np.eye(theta.shape[0])[i]
        above, below = functions(theta + step), functions(theta - step)
        for order in (0, 1):
            for name, derivative in found[order].items():
                difference = (above[order][name] - below[order][name]) / 2e-5
                np.testing.assert_allclose(
                    derivative[..., i], difference, rtol=rtol, atol=1e-7, err_msg=f"{name} in {i}, order {order + 1}"
                )


def assert_integrates_to_one(law, low, high, count=400):
    """The density has mass one over a box of two dimensions."""
    axes = [np.linspace(a, b, count) for a, b in zip(low, high, strict=True)]
    grid = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)
    density = np.asarray(jax.jit(lambda law, x: law.pdf(x))(law, grid))
    mass = np.trapezoid(np.trapezoid(density, axes[1], axis=1), axes[0])
    np.testing.assert_allclose(mass, 1.0, rtol=1e-6)
