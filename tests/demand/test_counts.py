import jax
import jax.numpy as jnp
import numpy as np
import pytest
from families import assert_identities, assert_parameter_derivatives, assert_same_as_scipy, assert_sampled
from scipy import stats

from eqsolve.demand.counts import NegativeBinomial, Poisson
from eqsolve.demand.finite import DiscreteTable

POINTS = np.array([-2.5, 0.0, 0.25, 1.0, 19.0, 20.0, 20.75, 60.0])
FAMILIES = [
    pytest.param(Poisson, {"mu": 20.0}, stats.poisson(20.0), id="poisson"),
    pytest.param(NegativeBinomial, {"n": 5.0, "p": 0.2}, stats.nbinom(5.0, 0.2), id="negative binomial"),
]


@pytest.fixture(autouse=True)
def sixty_four_bit():
    with jax.enable_x64(True):
        yield


@pytest.mark.slow
@pytest.mark.parametrize(("family", "values", "frozen"), FAMILIES)
def test_family(family, values, frozen):
    law = family(**values)
    assert_same_as_scipy(law, frozen, POINTS)
    assert_identities(law, POINTS)
    assert_sampled(law)
    methods = ("sf", "loss", "second_loss")
    # probabilities in tenths: the differences' step of 1e-4 is too coarse for a probability of 0.2
    units = {"mu": 1.0, "n": 1.0, "p": 0.1}

    def make(**scaled):
        return family(**{name: value * units[name] for name, value in scaled.items()})

    scaled = {name: value / units[name] for name, value in values.items()}
    assert_parameter_derivatives(make, scaled, [-2.5, 0.25, 19.0, 20.75, 40.0], methods=methods)


@pytest.mark.parametrize(("family", "values", "frozen"), FAMILIES)
def test_losses_are_sums_of_positive_terms(family, values, frozen):
    numbers = np.arange(2000.0)
    short = np.maximum(numbers - POINTS[:, None], 0.0)
    law, mass = family(**values), frozen.pmf(numbers)
    np.testing.assert_allclose(law.loss(POINTS), short @ mass, rtol=1e-10)
    np.testing.assert_allclose(law.second_loss(POINTS), short**2 / 2 @ mass, rtol=1e-10)
    np.testing.assert_allclose(law.overstock(POINTS), np.maximum(POINTS[:, None] - numbers, 0.0) @ mass, rtol=1e-10)


# sums of the probabilities with 60 digits in mpmath
def test_far_tails():
    far = np.array([120.0, 160.25])
    poisson, binomial = Poisson(20.0), NegativeBinomial(5.0, 0.2)
    np.testing.assert_allclose(poisson.sf(far), [8.094415267421167e-53, 9.053813815078078e-87], rtol=1e-10)
    np.testing.assert_allclose(poisson.loss(far), [9.675568804883778e-53, 8.063045648418804e-87], rtol=1e-10)
    np.testing.assert_allclose(poisson.second_loss(far), [6.724260203522997e-53, 4.31472451033185e-87], rtol=1e-10)
    np.testing.assert_allclose(binomial.sf(far), [3.3351953079888126e-08, 1.3162523005864488e-11], rtol=1e-10)
    np.testing.assert_allclose(binomial.loss(far), [1.899674845215192e-07, 6.932726425488639e-11], rtol=1e-10)
    np.testing.assert_allclose(binomial.second_loss(far), [9.821304091942746e-07, 3.455581445093449e-10], rtol=1e-10)


@pytest.mark.parametrize(("family", "values", "frozen"), FAMILIES)
def test_the_quantile_returns_the_number_whose_cdf_is_the_level(family, values, frozen):
    law, numbers = family(**values), np.arange(0.0, 40.0)
    levels = np.asarray(law.cdf(numbers))
    np.testing.assert_array_equal(law.ppf(levels), numbers)
    np.testing.assert_array_equal(law.ppf(levels * (1 + 1e-9)), numbers + 1)
    np.testing.assert_array_equal(law.ppf([0.0, 1.0, -0.1, 1.1, np.nan]), [0.0, np.inf, *[np.nan] * 3])


def test_quantiles_of_every_size_agree_with_scipy():
    levels = np.array([1e-60, 1e-8, 0.01, 0.3, 0.5, 0.9, 0.999, 1 - 1e-9])
    means = np.array([[0.01], [3.0], [1e4]])
    np.testing.assert_array_equal(Poisson(means).ppf(levels), stats.poisson(means).ppf(levels))
    n, p = np.array([[0.2], [7.0], [900.0]]), np.array([[0.01], [0.5], [0.9]])
    np.testing.assert_array_equal(NegativeBinomial(n, p).ppf(levels), stats.nbinom(n, p).ppf(levels))


def test_slopes_in_the_argument_and_the_mean():
    slopes = jax.jit(jax.vmap(jax.grad(lambda mu, y: Poisson(mu).loss(y), argnums=(0, 1)), (None, 0)))
    in_mean, in_argument = slopes(20.0, jnp.asarray([3.0, 3.5, 25.0]))
    frozen = stats.poisson(20.0)
    np.testing.assert_allclose(in_argument, -frozen.sf([3.0, 3.5, 25.0]), rtol=1e-10)
    # a higher mean adds a unit of shortage whenever demand is at least the (whole) stock
    np.testing.assert_allclose(np.asarray(in_mean)[[0, 2]], frozen.sf([2.0, 24.0]), rtol=1e-10)
    slope_of_cdf = jax.jit(jax.vmap(jax.grad(lambda mu, y: Poisson(mu).cdf(y)), (None, 0)))
    np.testing.assert_allclose(slope_of_cdf(20.0, POINTS), -frozen.pmf(np.floor(POINTS)), rtol=1e-10)


@pytest.mark.parametrize(("family", "values", "frozen"), FAMILIES)
def test_the_ends_of_the_line(family, values, frozen):
    law, ends = family(**values), np.array([-np.inf, np.inf, np.nan])
    np.testing.assert_array_equal(law.pmf(ends), [0, 0, np.nan])
    np.testing.assert_array_equal(law.cdf(ends), [0, 1, np.nan])
    np.testing.assert_array_equal(law.sf(ends), [1, 0, np.nan])
    np.testing.assert_array_equal(law.loss(ends), [np.inf, 0, np.nan])
    np.testing.assert_array_equal(law.overstock(ends), [0, np.inf, np.nan])
    np.testing.assert_array_equal(law.second_loss(ends), [np.inf, 0, np.nan])


def test_single_precision():
    with jax.enable_x64(False):
        law = Poisson(20.0)
        np.testing.assert_allclose(law.sf(POINTS), stats.poisson(20.0).sf(POINTS), rtol=2e-5)
        np.testing.assert_array_equal(law.ppf([0.01, 0.5, 0.99]), stats.poisson(20.0).ppf([0.01, 0.5, 0.99]))
        assert law.loss(POINTS).dtype == np.float32


def test_parameters_outside_their_range():
    found = jax.vmap(lambda p: NegativeBinomial(2.0, p).loss(0.5))(np.array([0.5, 0.0, 1.0, -1.0, np.nan]))
    np.testing.assert_array_equal(np.isnan(found), [False, *[True] * 4])
    with pytest.raises(ValueError, match=r"Poisson.mu is 0.0; give numbers of 0.001 or more"):
        Poisson(0.0)
    with pytest.raises(ValueError, match=r"NegativeBinomial.p is 1.0; give probabilities above zero and below one"):
        NegativeBinomial(2.0, 1.0)


def test_large_means_are_drawn_with_their_spread():
    draws = np.asarray(Poisson(1e9).sample(jax.random.key(0), (20_000,)))
    np.testing.assert_allclose(draws.std(), 1e9**0.5, rtol=5 / np.sqrt(2 * 20_000))
    assert abs(draws.mean() - 1e9) < 5 * (1e9 / 20_000) ** 0.5


def test_lists_may_hold_traced_numbers():
    assert float(jax.grad(lambda w: DiscreteTable([1.0, 3.0], [1 - w, w]).mean())(0.3)) == pytest.approx(2.0)
