"""Checks that every joint law must pass."""

import jax
import jax.numpy as jnp
import numpy as np


def assert_sampled(law, count=100_000):
    """Draws and transported uniforms have the law's mean and covariance; draws come again from the same key."""

    @jax.jit
    def results(law, key, u):
        return law.sample(key, (count,)), law.transport(u), law.mean(), law.cov(), law.correlation()

    uniforms = np.random.default_rng(2).random((count, law.size))
    draws, moved, mean, cov, correlation = results(law, jax.random.key(1), uniforms)
    np.testing.assert_array_equal(draws, results(law, jax.random.key(1), uniforms)[0])
    spread = np.sqrt(np.diagonal(cov))
    for points in (np.asarray(draws), np.asarray(moved)):
        assert points.shape == (count, law.size)
        np.testing.assert_allclose(points.mean(axis=0), mean, atol=5 * spread.max() / np.sqrt(count))
        gap = (points - points.mean(axis=0)) / spread
        products = gap[:, :, None] * gap[:, None, :]
        error = products.std(axis=0) / np.sqrt(count)
        np.testing.assert_array_less(np.abs(products.mean(axis=0) - correlation), 5 * error + 1e-6)


def assert_derivatives(make, theta, points, rtol=1e-6):
    """First and second derivatives of density and transport in the parameters agree with central differences."""
    theta, levels = jnp.asarray(theta), jnp.asarray([[0.2, 0.9], [0.7, 0.4]])

    def results(theta):
        law = make(theta)
        return {"logpdf": law.logpdf(points), "transport": law.transport(levels), "cov": law.cov()}

    first = jax.jacfwd(results)
    second = jax.jacfwd(first)
    step = 1e-5 * np.eye(theta.shape[0])
    moved = jnp.concatenate([theta[None], theta + step, theta - step])
    # one program for all points, run one after the other
    orders = jax.jit(lambda thetas: jax.lax.map(lambda at: (results(at), first(at), second(at)), thetas))(moved)
    for order in (1, 2):
        for name, derivative in orders[order].items():
            values = orders[order - 1][name][1:]
            above, below = np.split(values, 2)
            difference = np.moveaxis((above - below) / 2e-5, 0, -1)
            message = f"{name}, order {order}"
            np.testing.assert_allclose(derivative[0], difference, rtol=rtol, atol=1e-7, err_msg=message)


def assert_integrates_to_one(law, low, high, count=400):
    """The density has mass one over a box of two dimensions."""
    axes = [np.linspace(a, b, count) for a, b in zip(low, high, strict=True)]
    grid = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)
    density = np.asarray(jax.jit(lambda law, x: law.pdf(x))(law, grid))
    mass = np.trapezoid(np.trapezoid(density, axes[1], axis=1), axes[0])
    np.testing.assert_allclose(mass, 1.0, rtol=1e-6)
