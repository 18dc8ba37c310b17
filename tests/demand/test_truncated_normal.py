import jax
import jax.numpy as jnp
import numpy as np
import pytest
from families import (
    assert_identities,
    assert_parameter_derivatives,
    assert_same_as_scipy,
    assert_sampled,
    assert_slopes,
)
from scipy import stats

from eqsolve.demand.normal import Normal
from eqsolve.demand.truncated_normal import TruncatedNormal

NAMES = ("loc", "scale", "lower", "upper")
# (loc, scale, lower, upper, y), then density, cdf, survival function, loss, overstock, second-order loss, mean and
# variance: mpmath in 300 digits from erfc and the textbook differences of moments
REFERENCE = (
    (
        (100.0, 20.0, 0.0, np.inf, 130.0),
        (
            0.0064758816396162377,
            0.93319277958074719,
            0.066807220419252812,
            0.58613604326891071,
            30.586106308870093,
            4.5694034348169018,
            100.00002973439882,
            399.99702655923406,
        ),
    ),
    (
        (100.0, 80.0, 0.0, np.inf, 1e-09),
        (
            0.0025528182362733472,
            2.5528182362534035e-12,
            0.99999999999744718,
            116.33803671089414,
            1.2764091181233778e-21,
            9016.901835478369,
            116.33803671189414,
            4499.2648852113853,
        ),
    ),
    (
        (100.0, 80.0, 0.0, np.inf, 900.0),
        (
            1.0754453904280933e-24,
            1.0,
            8.5199878076870268e-24,
            6.6860252590175432e-23,
            783.66196328810586,
            5.1985994852831298e-22,
            116.33803671189414,
            4499.2648852113853,
        ),
    ),
    (
        (-10.0, 1.0, 0.0, np.inf, 0.25),
        (
            0.80339933668491644,
            0.9223452619282311,
            0.077654738071768899,
            0.0074382714492852241,
            0.15934503748677326,
            0.00070622785829767633,
            0.098093233962511963,
            0.0094453778256562612,
        ),
    ),
    (
        (-1000.0, 1.0, 0.0, np.inf, 0.02),
        (
            2.0607434936717051e-6,
            0.99999999793929978,
            2.0607002190124402e-9,
            2.0606548846997644e-12,
            0.019000002002050655,
            2.0606074908758338e-15,
            0.00099999800000999993,
            9.9999400004999948e-7,
        ),
    ),
    (
        (0.0, 1.0, 8.0, 9.0, 8.0625),
        (
            4.9171393832042682,
            0.39928301581173197,
            0.60071698418826803,
            0.072205956826939571,
            0.013516963847142448,
            0.0085035061233068746,
            8.1211889929797971,
            0.014148542782748111,
        ),
    ),
    (
        (0.0, 1.0, -9.0, -8.0, -8.9375),
        (
            0.0028949916137461946,
            0.00013855360101575151,
            0.99986144639898425,
            0.8163149344654532,
            3.9274452503232765e-6,
            0.34025602362047922,
            -8.1211889929797971,
            0.014148542782748111,
        ),
    ),
    (
        (0.0, 1.0, 8.0, 8.0009765625, 8.0006103515625),
        (
            1022.9978582376206,
            0.6259152887074344,
            0.3740847112925656,
            6.8463507321646691e-5,
            0.00019116964083727669,
            8.3553207518868264e-9,
            8.0004876454289844,
            7.9472614613228959e-8,
        ),
    ),
    (
        (60.0, 2.0, -np.inf, 1.0, -20.0),
        (
            5.0826541135175813e-158,
            2.5397416961998324e-159,
            1.0,
            20.932358311664034,
            1.2682884471666083e-160,
            219.08409473903371,
            0.93235831166403392,
            0.0045649901770615407,
        ),
    ),
    (
        (0.0, 1.0, -30.0, 0.0009765625, -5.0),
        (
            2.9711239771514065e-6,
            5.7285678290879383e-7,
            0.99999942714321709,
            4.2027371410588432,
            1.0684006260743736e-7,
            9.0132958632081575,
            -0.79726296578121944,
            0.36359318627871339,
        ),
    ),
    (
        (0.5, 1.0, 0.5, 0.75, 0.5009765625),
        (
            4.0417074327384478,
            0.0039469811694950038,
            0.996053018830505,
            0.12337568893017455,
            1.9272370523305051e-6,
            0.01020916087357358,
            0.62435032419312222,
            0.0051972379275475118,
        ),
    ),
    (
        (0.0, 10.0, -1.0, 1.0, 0.9999990463256836),
        (
            0.49833555924914605,
            0.99999952475017846,
            4.7524982154168935e-7,
            2.2661677398028396e-13,
            0.99999904632591021,
            7.2039532280027133e-20,
            0.0,
            0.33288910066998022,
        ),
    ),
    (
        (1000.0, 1.0, 0.0, 1.0, 0.984375),
        (
            0.00016612977637296191,
            1.6629330488813358e-7,
            0.99999983370669511,
            0.014624001171457797,
            1.6645682758710136e-10,
            0.00010743170102051192,
            0.99899900100500097,
            1.0019969799951863e-6,
        ),
    ),
)
# first and second derivative of the survival function, the loss and the second-order loss in each parameter: mpmath's
# numerical differentiation of the same forms
DERIVATIVES = (
    (
        (0.0, 1.0, 8.0, 9.0, 8.5),
        [
            [
                (0.0073407659358992003, 0.0035135345431364615),
                (0.12274502958046771, 0.61912413894786535),
                (0.12232489036413481, 1.0086523262834477),
                (0.0016278521134857959, -0.01465604985840211),
            ],
            [
                (0.00094583976695497048, 0.00054616050278753398),
                (0.015908847511822099, 0.10755639897860645),
                (0.013289865003663869, 0.10958402016167916),
                (0.000823666612552129, -0.0057629807693054413),
            ],
            [
                (0.00010550728236203734, 6.8164203893633983e-5),
                (0.0017818533642892122, 0.014178510802739957),
                (0.0013242797939095243, 0.010919592004544642),
                (0.00020632322087741851, -0.0010312203060290752),
            ],
        ],
    ),
    (
        (-10.0, 1.0, 0.0, 2.5, 1.5),
        [
            [
                (1.2876556109806716e-7, 1.9135881524940757e-7),
                (2.7919320978326515e-6, 8.1677370673451317e-5),
                (8.7408953799792907e-7, 8.9123799190979678e-6),
                (6.1617920144585188e-12, -7.702240018080742e-11),
            ],
            [
                (1.1659094496540589e-8, 1.8362791695178602e-8),
                (2.5383203819444242e-7, 7.9544547446304892e-6),
                (7.4894603849474392e-8, 7.6363934629135714e-7),
                (6.1617925021222069e-12, -7.0860613728781102e-11),
            ],
            [
                (1.0439409195775185e-9, 1.7347048026253898e-9),
                (2.2818330275907538e-8, 7.6175970041426401e-7),
                (6.3696856866686437e-9, 6.4946503003409555e-8),
                (3.0808962700244681e-12, -3.2349410827521399e-11),
            ],
        ],
    ),
)


@pytest.fixture(autouse=True)
def sixty_four_bit():
    with jax.enable_x64(True):
        yield


def test_truncated_normal():
    points = np.array([-20.0, 0.0, 40.0, 90.0, 100.0, 150.0, 300.0])
    law = TruncatedNormal(100.0, 80.0)
    assert_same_as_scipy(law, stats.truncnorm(-100.0 / 80, np.inf, loc=100.0, scale=80.0), points[points != 0])
    assert_identities(law, points)
    assert_sampled(law)
    assert_slopes(law, points[points != 0])


def test_every_function_in_every_window():
    given, expected = (np.array(column) for column in zip(*REFERENCE, strict=True))
    law, y = TruncatedNormal(*given.T[:4]), given.T[4]

    @jax.jit
    def found(law, y):
        values = (law.pdf(y), law.cdf(y), law.sf(y), law.loss(y), law.overstock(y), law.second_loss(y))
        return jnp.stack([*values, law.mean(), law.var()], axis=-1), law.ppf(law.cdf(y))

    values, from_below = found(law, y)
    np.testing.assert_allclose(values, expected, rtol=1e-12)
    low = expected[:, 1] < 0.5
    np.testing.assert_allclose(from_below[low], y[low], rtol=1e-12)


def test_quantiles_in_every_window():
    rng = np.random.default_rng(0)
    near = rng.choice([0.0, 0.5, 1.0, 2.0, 8.0, 40.0, 300.0], 4000) * rng.choice([-1, 1], 4000) * rng.uniform(0.9, 1)
    kind, width = rng.integers(0, 3, 4000), 10 ** rng.uniform(-6, 2, 4000)
    lower, upper = np.where(kind == 0, -np.inf, near), np.where(kind == 1, np.inf, near + width)
    level = np.where(rng.random(4000) < 0.5, 10 ** rng.uniform(-290, -1, 4000), rng.random(4000))

    @jax.jit
    def levels(lower, upper, level):
        law = TruncatedNormal(0.0, 1.0, lower, upper)
        x = law.ppf(level)
        return x, law.cdf(x), law.sf(x), law.pdf(x)

    x, below, above, density = levels(lower, upper, level)
    # a level can be met only as well as the quantile can be written as a number near bounds of that size
    rounding = 4e-16 * density * (np.abs(x) + np.where(np.isfinite(upper), np.abs(upper), 0.0))
    assert np.all(np.abs(below - level) <= 1e-12 * level + rounding)
    assert np.all(np.abs(above - (1 - level)) <= 1e-12 * (1 - level) + rounding)


def test_derivatives_far_in_a_tail():
    @jax.jit
    def orders(theta, y, direction):
        def values(theta):
            law = TruncatedNormal(*theta)
            return jnp.stack([law.sf(y), law.loss(y), law.second_loss(y)])

        def slope(theta):
            return jax.jvp(values, (theta,), (direction,))[1]

        return jnp.stack([slope(theta), jax.jvp(slope, (theta,), (direction,))[1]], axis=-1)

    for (*theta, y), expected in DERIVATIVES:
        for i, name in enumerate(NAMES):
            found = orders(jnp.asarray(theta), y, jnp.eye(4)[i])
            np.testing.assert_allclose(found, np.array(expected)[:, i], rtol=1e-10, err_msg=f"{name} at {theta}")


@pytest.mark.slow
@pytest.mark.parametrize("lower", [0.0, 1.5])
def test_truncated_normal_in_its_parameters(lower):
    values = {"loc": 1.0, "scale": 0.8, "lower": lower, "upper": 3.0}
    assert_parameter_derivatives(TruncatedNormal, values, [lower - 1, lower + 0.4, 2.0, 2.9, 3.5], rtol=1e-5)


def test_no_derivative_is_nan_with_infinite_bounds():
    def sizes(theta, lower, upper):
        law = TruncatedNormal(*theta, lower, upper)
        y = jnp.array([-1.0, 0.5, 2.0])
        return jnp.sum(law.loss(y) + law.ppf(0.3) + law.var())

    slopes = jax.jit(jax.vmap(jax.grad(sizes), (None, 0, 0)))
    found = slopes(jnp.array([1.0, 0.7]), jnp.array([0.0, -jnp.inf, -jnp.inf]), jnp.array([jnp.inf, 2.5, jnp.inf]))
    assert np.isfinite(found).all()
    free, whole = TruncatedNormal(1.0, 0.7, -np.inf), Normal(1.0, 0.7)
    points = np.array([-3.0, 0.5, 2.0])
    np.testing.assert_allclose(free.second_loss(points), whole.second_loss(points), rtol=1e-13)


def test_truncated_normal_at_the_ends_and_for_nan():
    law, points = TruncatedNormal(1.0, 2.0), np.array([-np.inf, -1.0, 0.0, np.inf, np.nan])
    for name, expected in {
        "cdf": [0.0, 0.0, 0.0, 1.0],
        "sf": [1.0, 1.0, 1.0, 0.0],
        "loss": [np.inf, law.mean() + 1, law.mean(), 0.0],
        "overstock": [0.0, 0.0, 0.0, np.inf],
    }.items():
        np.testing.assert_allclose(getattr(law, name)(points), [*expected, np.nan], rtol=1e-15, err_msg=name)
    np.testing.assert_array_equal(law.pdf(np.delete(points, 2)), [0.0, 0.0, 0.0, np.nan])
    np.testing.assert_array_equal(law.ppf(np.array([0.0, 1.0, 1.5])), [0.0, np.inf, np.nan])


def test_draws_lie_strictly_inside():
    law = TruncatedNormal(0.0, 1.0, np.array([0.0, 8.0]), np.array([1e-12, np.nextafter(8.0, 9.0) + 1e-15]))
    draws = np.asarray(law.sample(jax.random.key(0), (1000,)))
    assert np.all((draws > law.lower) & (draws < law.upper))


def test_truncated_normal_in_single_precision():
    y = np.float32([0.0, 1.0, 5.0, 12.0])
    narrow = TruncatedNormal(np.float32([3.0, -10.0, 3.0, 3.0]), np.float32(2.0))
    wide = TruncatedNormal(np.array([3.0, -10.0, 3.0, 3.0]), 2.0)
    assert narrow.loss(y).dtype == np.float32
    np.testing.assert_allclose(narrow.loss(y), wide.loss(y), rtol=2e-5)
    np.testing.assert_allclose(narrow.ppf(y / 13), wide.ppf(y / 13), rtol=2e-5)


def test_what_is_wrong_is_named():
    with pytest.raises(ValueError, match=r"TruncatedNormal.scale is 0.0; give numbers above zero"):
        TruncatedNormal(1.0, 0.0)
    with pytest.raises(
        ValueError, match=r"TruncatedNormal.lower is 2.0 and TruncatedNormal.upper is 1.0; give a lower"
    ):
        TruncatedNormal(1.0, 1.0, 2.0, np.array([3.0, 1.0]))
    traced = jax.vmap(lambda upper: TruncatedNormal(1.0, 2.0, 0.0, upper).loss(0.5))(np.array([1.0, 0.0, np.nan]))
    np.testing.assert_array_equal(np.isnan(traced), [False, True, True])
