"""Quasi Monte Carlo: the points against SciPy's and against what makes them even, the rule against closed forms."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import qmc

from eqsolve.demand import Normal, Uniform
from eqsolve.demand.joint import GaussianCopula, Independent, MultivariateNormal
from eqsolve.expectation import QuasiMonteCarlo, expect, expect_piecewise_linear
from eqsolve.expectation.lattice import GENERATOR, Lattice
from eqsolve.expectation.sobol import Sobol, _combined, _generators

KEY = jax.random.key(3)


@pytest.fixture(autouse=True)
def sixty_four_bit():
    with jax.enable_x64(True):
        yield


def blocks(sequence, count):
    return np.concatenate([np.asarray(sequence.points(jnp.uint32(block))) for block in range(count)])


def test_the_sequence_is_sobols():
    plain = _combined(jnp.asarray(_generators()), jnp.arange(1024, dtype=jnp.uint32)).T / 2.0**32
    other = qmc.Sobol(Sobol.most_dimensions, scramble=False, bits=32).random(1024)  # the same points in another order
    np.testing.assert_array_equal(plain[np.lexsort(plain.T)], other[np.lexsort(other.T)])


def test_a_scrambled_net_fills_every_elementary_interval_once():
    points = blocks(Sobol.randomised(KEY, 16, 2**10, 2**8, jnp.float64), 4)
    assert np.all((points > 0) & (points < 1))
    for column in points.T:
        assert len(np.unique(np.floor(column * 2**10))) == 2**10
    for bits in range(11):  # the first two dimensions make a net in base two
        cells = np.floor(points[:, 0] * 2**bits) * 2 ** (10 - bits) + np.floor(points[:, 1] * 2 ** (10 - bits))
        assert len(np.unique(cells)) == 2**10
    assert not np.array_equal(points, blocks(Sobol.randomised(jax.random.key(4), 16, 2**10, 2**8, jnp.float64), 4))


def test_the_lattice_is_the_generator_shifted_and_folded():
    size = 2**6
    sequence = Lattice.randomised(KEY, 4, 4 * size, size, jnp.float64)
    shift = np.asarray(sequence.shift) / 2.0**32
    turns = (np.arange(4 * size)[:, None] * np.array(GENERATOR[:4]) / (4 * size) + shift) % 1
    np.testing.assert_allclose(blocks(sequence, 4), 1 - np.abs(2 * turns - 1), atol=2.0**-30)


def terms(x, y=110.0):
    return {"sales": jnp.minimum(x, y), "square": x**2, "short": x > y}


@pytest.mark.parametrize("sequence", ["sobol", "lattice"])
def test_the_error_falls_faster_than_that_of_random_draws_and_is_as_said(sequence):
    law = Normal(100.0, 20.0)
    exact = {"sales": law.expected_min(110.0), "square": 10_400.0, "short": law.sf(110.0)}

    @jax.jit
    def scores(keys):
        def found(key, points):
            rule = QuasiMonteCarlo(key=key, points=points, sequence=sequence)
            return rule.estimate(terms, law)

        return [jax.vmap(lambda key, n=n: found(key, n))(keys) for n in (2**6, 2**12)]

    few, many = scores(jax.random.split(KEY, 100))
    for name, value in exact.items():
        rough, fine = (np.sqrt(np.mean((found.mean[name] - value) ** 2)) for found in (few, many))
        assert fine < rough / 2**5, name  # random draws would gain 2^3
        # 100 times 8 randomisations: a t distribution's variance is 7/5, and a few errors of its estimate are allowed
        errors = np.sqrt(np.mean(few.standard_error[name] ** 2))
        assert 0.7 < errors / rough < 1.4, name


@pytest.mark.slow
def test_joint_laws_and_derivatives():
    law = MultivariateNormal([1.0, 2.0], [[4.0, 1.0], [1.0, 9.0]])
    rule = QuasiMonteCarlo(key=KEY, points=2**12)
    found = rule.estimate(lambda x: x[0] * x[1], law)
    assert abs(found.mean - 3.0) < 5 * found.standard_error < 0.05
    coupled = GaussianCopula([Uniform(0.0, 1.0), Uniform(0.0, 2.0)], [[1.0, 0.5], [0.5, 1.0]])
    np.testing.assert_allclose(rule.integrate(lambda x: x, coupled), [0.5, 1.0], atol=1e-4)

    def sales(y, loc):
        return expect(lambda x: jnp.minimum(x, y), Normal(loc, 20.0), rule)

    slopes = jax.jit(lambda *a: (jax.grad(sales, argnums=(0, 1))(*a), jax.jacfwd(sales, argnums=(0, 1))(*a)))(
        110.0, 100.0
    )
    np.testing.assert_allclose(slopes[0], slopes[1], rtol=1e-12)
    np.testing.assert_allclose(slopes[0], (Normal().sf(0.5), Normal().cdf(0.5)), atol=2e-4)


@pytest.mark.slow
def test_the_chunk_does_not_change_the_points_and_float32_stays_inside():
    law = Independent(Uniform(0.0, 1.0), Uniform(5.0, 1.0))
    found = [
        QuasiMonteCarlo(key=KEY, points=2**14, chunk=chunk).estimate(lambda x: jnp.exp(x), law) for chunk in (1, 2**30)
    ]
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-15), *found)
    with jax.enable_x64(False):
        points = blocks(Sobol.randomised(KEY, 2, 2**12, 2**12, jnp.float32), 1)
        assert points.dtype == np.float32
        assert np.all((points > 0) & (points < 1))
        rule = QuasiMonteCarlo(key=KEY, points=2**12)
        np.testing.assert_allclose(expect(lambda x: x**2, Uniform(0.0, 1.0), rule), 1 / 3, atol=1e-6)


def test_impossible_settings_say_what_is_possible():
    for settings, message in (
        ({"points": 1000}, "points is 1,000; give a power of two up to 1,073,741,824"),
        ({"points": 2**21, "sequence": "lattice"}, "power of two up to 1,048,576 for the sequence 'lattice'"),
        ({"points": 0}, "points is 0"),
        ({"points": 1024.0}, "points is 1024.0; give a whole number"),
        ({"sequence": ["sobol"]}, "sequence is"),
        ({"randomisations": 1}, "randomisations is 1; give a whole number of at least 2"),
        ({"sequence": "halton"}, 'sequence is \'halton\'; give "sobol" or "lattice"'),
    ):
        with pytest.raises(ValueError, match=message):
            QuasiMonteCarlo(key=KEY, **settings)
    many = Independent(*[Uniform() for _ in range(17)])
    with pytest.raises(ValueError, match="17 components, but the sequence 'lattice' at most 16; use MonteCarlo"):
        expect(lambda x: x[0], many, QuasiMonteCarlo(key=KEY, sequence="lattice"))


def test_the_function_need_not_be_finite_at_the_median():
    found = expect(lambda x: jnp.sin(x) / x, Normal(0.0, 1.0), QuasiMonteCarlo(key=KEY, points=256))
    np.testing.assert_allclose(found, 0.855624, atol=1e-3)


def test_piecewise_linear_functions_need_no_nodes():
    law, slopes, knots = Normal(100.0, 20.0), (10.0, 2.0, -1.0), (80.0, 120.0)

    def value(x):
        return 3.0 + jnp.where(x < 80, 10 * x, 800 + jnp.where(x < 120, 2 * (x - 80), 80 - (x - 120)))

    closed = expect_piecewise_linear(law, slopes, knots, 3.0)
    np.testing.assert_allclose(closed, expect(value, law, kinks=knots), rtol=1e-12)
    batch = expect_piecewise_linear(Normal([90.0, 100.0], 20.0), slopes, knots, 3.0)
    np.testing.assert_allclose(batch[1], closed, rtol=1e-14)
    curvature = jax.grad(jax.grad(lambda y: expect_piecewise_linear(law, (10.0, 0.0), (y,))))(110.0)
    np.testing.assert_allclose(curvature, -10 * law.pdf(110.0), rtol=1e-12)
    with pytest.raises(ValueError, match="2 slopes for 2 knots; give one slope more"):
        expect_piecewise_linear(law, (1.0, 2.0), knots)
