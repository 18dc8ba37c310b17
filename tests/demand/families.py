"""Checks that every family of distributions must pass, against SciPy and against itself.

Everything a check needs is computed by one compiled function: compiling is what these tests spend their time on.
"""

import jax
import jax.numpy as jnp
import numpy as np

METHODS = ("cdf", "sf", "loss", "overstock", "second_loss")
LEVELS = np.array([0.2, 0.9])


def assert_slopes(law, points, rtol=1e-9):
    """Each method's slope in its argument is the next method, at points where all are smooth."""

    @jax.jit
    def slopes(law, points):
        found = {name: jax.vmap(jax.grad(getattr(law, name)))(points) for name in METHODS}
        expected = {"cdf": law.pdf(points), "sf": -law.pdf(points), "overstock": law.cdf(points)}
        return found, expected | {"loss": -law.sf(points), "second_loss": -law.loss(points)}

    found, expected = slopes(law, jnp.asarray(points))
    for name in METHODS:
        np.testing.assert_allclose(found[name], expected[name], rtol=rtol, err_msg=name)


def assert_parameter_derivatives(make, values, points, rtol=1e-6, methods=(*METHODS, "ppf")):
    """First and second derivatives in the parameters agree with central differences at points where all are smooth."""
    names, points = list(values), jnp.asarray(points)

    @jax.jit
    def results(theta):
        law = make(**dict(zip(names, theta, strict=True)))
        return {name: getattr(law, name)(LEVELS if name == "ppf" else points) for name in methods}

    first, second = jax.jit(jax.jacfwd(results)), jax.jit(jax.jacfwd(jax.jacfwd(results)))
    at = jnp.asarray([float(values[name]) for name in names])
    for i, name in enumerate(names):
        step = 1e-4 * max(abs(at[i]), 1.0) * np.eye(len(names))[i]
        width = 2 * step[i]
        for method in methods:
            for order, (function, derivative) in enumerate([(results, first), (first, second)], start=1):
                difference = (function(at + step)[method] - function(at - step)[method]) / width
                found = derivative(at)[method][..., i]
                np.testing.assert_allclose(
                    found, difference, rtol=rtol, atol=rtol, err_msg=f"{method} in {name}, derivative {order}"
                )


def assert_same_as_scipy(law, frozen, points, rtol=1e-10):
    """Density, cdf, survival function, quantile and moments of a frozen SciPy distribution."""
    density = "pmf" if law.discrete else "pdf"
    for name in (density, "cdf", "sf"):
        np.testing.assert_allclose(getattr(law, name)(points), getattr(frozen, name)(points), rtol=rtol, err_msg=name)
    levels = np.array([1e-6, 0.01, 0.3, 0.5, 0.9, 0.999])
    np.testing.assert_allclose(law.ppf(levels), frozen.ppf(levels), rtol=rtol)
    np.testing.assert_allclose(law.mean(), frozen.mean(), rtol=rtol)
    np.testing.assert_allclose(law.var(), frozen.var(), rtol=rtol)
    np.testing.assert_allclose(law.support(), frozen.support(), rtol=rtol)


def assert_identities(law, points, rtol=1e-10):
    """What holds for every distribution: the pieces of X - y add up."""
    points = np.asarray(points)
    np.testing.assert_allclose(law.cdf(points) + law.sf(points), 1.0, rtol=rtol)
    gap = points - np.asarray(law.mean())
    size = rtol * np.abs(points).max()
    np.testing.assert_allclose(law.overstock(points) - law.loss(points), gap, rtol=rtol, atol=size)
    np.testing.assert_allclose(law.expected_min(points) + law.loss(points), law.mean(), rtol=rtol, atol=size)


def assert_sampled(law, count=100_000):
    """Draws have the distribution's mean and spread, and come again from the same key."""
    draws = np.asarray(law.sample(jax.random.key(1), (count,)))
    np.testing.assert_array_equal(draws, law.sample(jax.random.key(1), (count,)))
    np.testing.assert_allclose(draws.mean(), law.mean(), atol=5 * float(law.std()) / np.sqrt(count))
    middle = float(law.ppf(0.5))
    share = (draws <= middle).mean()
    np.testing.assert_allclose(share, law.cdf(middle), atol=5 * 0.5 / np.sqrt(count))
