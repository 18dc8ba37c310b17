import jax
import jax.numpy as jnp
import numpy as np
import pytest
from families import assert_identities, assert_parameter_derivatives, assert_sampled, assert_slopes
from scipy import stats

from eqsolve.demand.lognormal import LogNormal
from eqsolve.demand.truncated_lognormal import TruncatedLogNormal

# (s, scale, lower, upper, y), then density, cdf, survival function, loss, overstock, second-order loss, mean and
# variance: mpmath in 300 digits from erfc and the textbook differences of tilted normal laws
REFERENCE = (
    (
        (0.5, 100.0, 0.0, np.inf, 150.0),
        (
            0.0038286977198859277,
            0.79129712661552869,
            0.20870287338447131,
            11.519290007533418,
            48.204444700850786,
            664.11568948475766,
            113.31484530668263,
            3646.9585401238666,
        ),
    ),
    (
        (0.5, 100.0, 0.0, 200.0, 1.0),
        (
            3.302241077736577e-19,
            1.7722553946483754e-20,
            1.0,
            99.354527049818644,
            8.9369812133935835e-22,
            5745.6360879270711,
            100.35452704981864,
            1619.9501305609975,
        ),
    ),
    (
        (0.5, 100.0, 50.0, 200.0, 199.9375),
        (
            0.0018313074962129216,
            0.99988561072258938,
            0.00011438927741062296,
            3.5739625434056571e-6,
            93.644214442407622,
            7.4450237423047023e-8,
            106.29328913155492,
            1385.1727598976203,
        ),
    ),
    (
        (0.001, 50.0, 0.0, np.inf, 50.5),
        (
            2.5007440775648751e-21,
            1.0,
            1.2567309174563937e-23,
            6.2560039645787592e-26,
            0.49997499999375,
            3.0856395247099249e-28,
            50.00002500000625,
            0.0025000037500029168,
        ),
    ),
    (
        (0.001, 50.0, 49.9375, 50.0625, 49.953125),
        (
            6.5223502136340118,
            0.087017389128183132,
            0.91298261087181687,
            0.047504179731098364,
            0.00064126908566298558,
            0.0016211312645211561,
            49.999987910645435,
            0.0010526103117153014,
        ),
    ),
    (
        (0.05, 50.0, 0.0, 40.0, 30.0),
        (
            1.4218801278572126e-18,
            2.0681688784844604e-19,
            1.0,
            9.5925037058769519,
            2.96680302826131e-20,
            46.083777911980748,
            39.592503705876952,
            0.15142847669844126,
        ),
    ),
    (
        (0.3, 50.0, 300.0, np.inf, 400.0),
        (
            0.00010504647121221533,
            0.99821710362468135,
            0.0017828963753186457,
            0.030963392649439235,
            85.007701655441762,
            0.55047723403644903,
            315.02326173720768,
            236.572363490742,
        ),
    ),
    (
        (0.3, 50.0, 500.0, 512.0, 511.5),
        (
            0.061333341964346352,
            0.96973200730973533,
            0.030267992690264669,
            0.007533923113958115,
            6.1371236819723817,
            0.0012529049838019088,
            505.37041024114158,
            11.766225504135017,
        ),
    ),
    (
        (1.0, 2.0, 0.0, 0.001953125, 0.0009765625),
        (
            46.647308939606825,
            0.0058767189442294031,
            0.9941232810557706,
            0.00073869069468671646,
            6.4763804951649696e-7,
            2.9398147946342387e-7,
            0.0017146055566372,
            4.3382427688658379e-8,
        ),
    ),
    (
        (3.0, 50.0, 0.0, np.inf, 1e-09),
        (
            3.0261322331648697e-7,
            1.0898213419672601e-16,
            0.99999999999999989,
            4500.8565650250907,
            2.8639420016920269e-26,
            82074961421.663134,
            4500.8565650260907,
            164129665133.50734,
        ),
    ),
    (
        (3.0, 50.0, 1.0, np.inf, 1000000000.0),
        (
            2.2326516401073248e-17,
            0.99999998839641076,
            1.1603589237068074e-8,
            11.354367569701128,
            999995031.93638106,
            42232348351.796177,
            4979.4179865049545,
            181580178063.28418,
        ),
    ),
    (
        (3.0, 50.0, 0.0, 1e-07, 5e-08),
        (
            9465950.4358437701,
            0.20148877959503939,
            0.79851122040496061,
            2.2732729203507739e-8,
            2.9797490808010907e-9,
            4.0222985815925235e-16,
            6.9752980122706646e-8,
            4.8191835813774411e-16,
        ),
    ),
    (
        (2.0, 1.0, 0.125, 1024.0, 900.0),
        (
            8.0162706186115363e-7,
            0.99991644261430477,
            8.3557385695233696e-5,
            0.0048781322120106718,
            891.94724467232407,
            0.1956715608844562,
            8.0576334598879378,
            974.56809093283521,
        ),
    ),
)
# at s = 0.3, scale 50, bounds 300 and 600 and y = 500: first and second derivative of the survival function, the loss
# and the second-order loss in each of the four parameters, by mpmath's numerical differentiation
FAR = (0.3, 50.0, 300.0, 600.0)
DERIVATIVES = (
    (
        (0.00054210249704460765, 0.036426996693950314),
        (7.7877387014546719e-7, 7.0536021550628544e-8),
        (4.7787698327961822e-7, 3.1809724627065352e-8),
        (2.3991359177953562e-9, -1.1439910463172224e-10),
    ),
    (
        (0.011007028557958751, 0.80471777502250147),
        (1.5686071229976653e-5, 1.5380633146088746e-6),
        (9.0384081592039695e-6, 6.0163867411682766e-7),
        (2.3991495631541534e-7, -9.04082278298394e-9),
    ),
    (
        (0.21014673701682359, 16.331756212502505),
        (0.00029763439645489293, 3.0909953033412961e-5),
        (0.00016351043258713854, 1.0884018306455744e-5),
        (1.199575797197641e-5, -3.3208398613313225e-7),
    ),
)


@pytest.fixture(autouse=True)
def sixty_four_bit():
    with jax.enable_x64(True):
        yield


def test_truncated_lognormal():
    points = np.array([-5.0, 30.0, 60.0, 90.0, 130.0, 199.0, 300.0])
    law, whole = TruncatedLogNormal(0.5, 100.0, 50.0, 200.0), stats.lognorm(0.5, scale=100.0)
    share = whole.cdf(200.0) - whole.cdf(50.0)
    np.testing.assert_allclose(law.pdf(points[2:6]), whole.pdf(points[2:6]) / share, rtol=1e-12)
    assert_identities(law, points)
    assert_sampled(law)
    assert_slopes(law, points)


def test_every_function_in_every_window():
    given, expected = (np.array(column) for column in zip(*REFERENCE, strict=True))

    @jax.jit
    def found(given):
        law, y = TruncatedLogNormal(*given.T[:4]), given.T[4]
        values = (law.pdf(y), law.cdf(y), law.sf(y), law.loss(y), law.overstock(y), law.second_loss(y))
        return jnp.stack([*values, law.mean(), law.var()], axis=-1), law.ppf(law.cdf(y))

    values, from_below = found(given)
    np.testing.assert_allclose(values, expected, rtol=2e-12)
    low = expected[:, 1] < 0.5
    np.testing.assert_allclose(from_below[low], given[low, 4], rtol=1e-12)


def test_derivatives_far_in_a_tail():
    @jax.jit
    def orders(theta, direction):
        def values(theta):
            law = TruncatedLogNormal(*theta)
            return jnp.stack([law.sf(500.0), law.loss(500.0), law.second_loss(500.0)])

        def slope(theta):
            return jax.jvp(values, (theta,), (direction,))[1]

        return jnp.stack([slope(theta), jax.jvp(slope, (theta,), (direction,))[1]], axis=-1)

    for i, name in enumerate(("s", "scale", "lower", "upper")):
        found = orders(jnp.asarray(FAR), jnp.eye(4)[i])
        np.testing.assert_allclose(found, np.array(DERIVATIVES)[:, i], rtol=1e-10, err_msg=name)


@pytest.mark.slow
def test_truncated_lognormal_in_its_parameters():
    values = {"s": 0.7, "scale": 1.0, "lower": 0.4, "upper": 3.0}
    assert_parameter_derivatives(TruncatedLogNormal, values, [0.2, 0.5, 0.9, 1.4, 2.9, 3.5], rtol=1e-5)


@pytest.mark.slow
def test_without_bounds_it_is_lognormal():
    law, whole, y = TruncatedLogNormal(0.5, 2.0), LogNormal(0.5, 2.0), np.array([-1.0, 0.0, 0.3, 2.0, 9.0])
    for name in ("cdf", "sf", "loss", "overstock", "second_loss"):
        np.testing.assert_allclose(
            getattr(law, name)(y), getattr(whole, name)(y), rtol=1e-12, atol=1e-300, err_msg=name
        )
    np.testing.assert_allclose([law.mean(), law.var()], [whole.mean(), whole.var()], rtol=1e-13)
    slope = jax.jit(jax.grad(lambda s: TruncatedLogNormal(s, 2.0).loss(jnp.array([-1.0, 0.0, 3.0])).sum()))
    assert np.isfinite(slope(0.5))


def test_truncated_lognormal_at_the_ends_and_for_nan():
    law, points = TruncatedLogNormal(0.5, 2.0, upper=9.0), np.array([-1.0, 0.0, 9.0, np.inf, np.nan])
    for name, expected in {
        "pdf": [0.0, 0.0, law.pdf(9.0), 0.0],
        "cdf": [0.0, 0.0, 1.0, 1.0],
        "sf": [1.0, 1.0, 0.0, 0.0],
        "loss": [law.mean() + 1, law.mean(), 0.0, 0.0],
        "overstock": [0.0, 0.0, 9 - law.mean(), np.inf],
    }.items():
        np.testing.assert_allclose(getattr(law, name)(points), [*expected, np.nan], rtol=1e-12, err_msg=name)
    np.testing.assert_array_equal(law.ppf(np.array([0.0, 1.0, 1.5])), [0.0, 9.0, np.nan])


def test_truncated_lognormal_in_single_precision():
    y = np.float32([0.0, 20.0, 100.0, 150.0])
    narrow = TruncatedLogNormal(np.float32(0.5), np.float32(100.0), upper=np.float32(160.0))
    wide = TruncatedLogNormal(0.5, 100.0, upper=160.0)
    assert narrow.loss(y).dtype == np.float32
    np.testing.assert_allclose(narrow.loss(y), wide.loss(y), rtol=1e-5)


def test_what_is_wrong_is_named():
    with pytest.raises(ValueError, match=r"TruncatedLogNormal.lower is -1.0; give numbers of zero or more"):
        TruncatedLogNormal(0.5, 2.0, -1.0)
    with pytest.raises(ValueError, match=r"TruncatedLogNormal.lower is 3.0 and TruncatedLogNormal.upper is 2.0"):
        TruncatedLogNormal(0.5, 2.0, 3.0, 2.0)
    traced = jax.vmap(lambda s: TruncatedLogNormal(s, 2.0, 0.0, 3.0).cdf(0.5))(np.array([1.0, 0.0, np.nan]))
    np.testing.assert_array_equal(np.isnan(traced), [False, True, True])
