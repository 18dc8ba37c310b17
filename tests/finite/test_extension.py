"""Games without equilibria in pure strategies, against their closed forms and against brute force."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from eqsolve import Action, Box, Game, certify, game_from_payoffs
from eqsolve.finite import certify_mixed, mixed_extension, solve_mixed
from eqsolve.mechanisms.classic import Hotelling, hotelling_first_order_prices, hotelling_has_equilibrium

LOYAL, SHOPPERS = 0.5, 1.0
FIRMS = ("one", "two", "three")


@pytest.fixture(autouse=True)
def sixty_four_bit():
    with jax.enable_x64(True):
        yield


def sales_outcomes(params, actions, shock):
    """Varian's model of sales: loyal customers buy from their firm, shoppers from the cheapest; ties are shared."""
    price = actions["price"]
    cheapest = price == jnp.min(price)
    return {"profit": price * (params["loyal"] + params["shoppers"] * cheapest / jnp.sum(cheapest))}


def sales(firms):
    return Game(
        {"loyal": LOYAL, "shoppers": SHOPPERS},
        actions=[Action("price", (firms,), FIRMS[:firms])],
        bounds=Box({"price": 0.0}, {"price": 1.0}),
        outcomes=sales_outcomes,
        pay={FIRMS[i]: {"profit": np.eye(firms)[i]} for i in range(firms)},
        total={"profit": 1.0},
    )


def sales_distribution(price, firms):
    """Varian (1980): every price earns what loyal customers pay at most, p (U + I (1 - F)^(n - 1)) = U."""
    left = (1 - price) * LOYAL / (np.maximum(price, 1e-9) * SHOPPERS)
    return np.where(price < LOYAL / (LOYAL + SHOPPERS), 0.0, 1 - left ** (1 / (firms - 1)))


def prize(value, mine, other):
    return value * jnp.where(mine > other, 1.0, jnp.where(mine == other, 0.5, 0.0)) - mine


def strong(params, bids):
    return prize(params["strong"], bids["strong"], bids["weak"])


def weak(params, bids):
    return prize(params["weak"], bids["weak"], bids["strong"])


def all_pay(value=1.0):
    return game_from_payoffs(
        {"strong": strong, "weak": weak}, {"strong": (0, 1.5), "weak": (0, 1.5)}, {"strong": value, "weak": 1.0}
    )


def cells(cdf, points):
    """The mass of a distribution in the cell around each point."""
    middle = (points[1:] + points[:-1]) / 2
    return np.diff(np.concatenate([[0.0], cdf(middle), [1.0]]))


@pytest.mark.parametrize("value", [1.0, 1.25])
def test_the_all_pay_auction(value):
    # Baye, Kovenock and de Vries (1996): both bid uniformly on [0, 1], the weak one zero with probability 1 - 1/value
    extension = mixed_extension(all_pay(value), grid=151)
    found = solve_mixed(extension.finite, tolerance=1e-4)
    assert bool(found.solved)
    bids = np.linspace(0.0, 1.5, 301)
    uniform = np.minimum(bids, 1.0)
    np.testing.assert_allclose(extension.cdf(found, "strong", bids), uniform, atol=0.02)
    np.testing.assert_allclose(extension.cdf(found, "weak", bids), 1 - (1 - uniform) / value, atol=0.02)
    np.testing.assert_allclose(extension.mean(found, "weak"), 0.5 / value, atol=0.01)
    certificate = certify_mixed(extension, found)
    np.testing.assert_allclose(list(certificate.payoff.values()), [value - 1, 0.0], atol=0.01)
    # beating an action of the grid by next to nothing wins its ties: half of its mass of about 0.01
    assert 0 < float(certificate.relative_gain) < 0.01


@pytest.mark.parametrize(("firms", "points", "gain", "error"), [(2, 101, 0.01, 0.07), (3, 21, 0.04, 0.12)])
def test_the_model_of_sales(firms, points, gain, error):
    extension = mixed_extension(sales(firms), points)
    found = solve_mixed(extension.finite, tolerance=0.0, steps=4_000)
    certificate = certify_mixed(extension, found, search=401)
    assert float(found.relative_regret) < 0.01
    assert float(certificate.relative_gain) < gain
    np.testing.assert_allclose(list(certificate.payoff.values()), LOYAL, rtol=0.06)
    prices = np.linspace(0.0, 0.98, 50)
    closed = sales_distribution(prices, firms)
    for firm in FIRMS[:firms]:
        np.testing.assert_allclose(extension.cdf(found, firm, prices), closed, atol=error)


def test_the_closed_form_of_sales_gains_less_on_a_finer_grid():
    gains = []
    for points in (51, 201):
        extension = mixed_extension(sales(2), points)
        mixture = cells(lambda p: sales_distribution(p, 2), np.asarray(extension.points["one"]))
        gains.append(float(certify_mixed(extension, [mixture, mixture]).relative_gain))
    assert gains[1] < 0.3 * gains[0] < 0.02


def hotelling_profit(city, own, other):
    """The left firm's profit from the definition: each of many consumers buys where price and way cost less."""
    left, right = np.asarray(city.locations)
    homes = (np.arange(5_000) + 0.5) / 5_000
    return own * np.mean(own + np.abs(homes - left) <= other + np.abs(homes - right))


def test_hotelling_with_shops_close_together():
    city = Hotelling([0.3, 0.7])
    assert not hotelling_has_equilibrium(city)
    assert not bool(certify(city.game(), {"price": hotelling_first_order_prices(city)}).certified)
    extension = mixed_extension(city.game(), 81)
    found = solve_mixed(extension.finite)
    assert bool(found.solved)
    certificate = certify_mixed(extension, found)
    assert float(certificate.relative_gain) < 3e-3
    # the certificate against consumers counted one by one
    prices, mixture = np.asarray(extension.points["firm 2"]), np.asarray(found.probabilities["firm 2"])

    def expected(own):
        return sum(m * hotelling_profit(city, own, p) for p, m in zip(prices, mixture, strict=True) if m > 1e-12)

    best = expected(float(certificate.deviation["firm 1"]) - 1e-4)  # clear of the consumers at the jump
    np.testing.assert_allclose(best, certificate.payoff["firm 1"] + certificate.gain["firm 1"], atol=1e-3)
    assert max(expected(own) for own in np.linspace(0.3, 1.3, 21)) < best + 1e-3


def quadratic(params, actions):
    return -jnp.sum((actions["x"] - params["goal"]) ** 2)


def test_the_search_finds_a_smooth_optimum_between_the_points():
    game = game_from_payoffs({"x": quadratic}, {"x": (0, 1)}, {"goal": 0.123456789})
    extension = mixed_extension(game, {"x": [0.0, 0.5, 1.0]})
    found = solve_mixed(extension.finite)
    certificate = certify_mixed(extension, found, search=11)
    assert found.named() == {"x": {"0": 1.0}}
    np.testing.assert_allclose(certificate.deviation["x"], 0.123456789, atol=1e-6)
    np.testing.assert_allclose(certificate.gain["x"], 0.123456789**2, rtol=1e-9)
    assert float(certificate.on_grid["x"]) == 0
    assert "best deviation" in str(certificate)


def nan_above(params, actions):
    return jnp.where(actions["x"] > 0.7, jnp.nan, actions["x"])


def test_a_payoff_that_is_nan_off_the_grid_gives_no_gain():
    extension = mixed_extension(game_from_payoffs({"x": nan_above}, {"x": (0, 1)}), {"x": [0.0, 0.5]})
    certificate = certify_mixed(extension, [[0.0, 1.0]])
    assert np.isnan(certificate.gain["x"])
    assert np.isnan(certificate.relative_gain)
    with pytest.raises(ValueError, match=r"FiniteGame.payoffs is nan at index \[0, 2\]"):
        mixed_extension(extension.game, 3)


def test_thirty_two_bit():
    with jax.enable_x64(False):
        extension = mixed_extension(all_pay(), 51)
        found = solve_mixed(extension.finite)
        assert bool(found.solved)
        certificate = certify_mixed(extension, found)
        assert certificate.gain["weak"].dtype == jnp.float32
        assert 0 < float(certificate.relative_gain) < 0.02


def test_what_is_wrong_is_named():
    game = all_pay()
    many = game_from_payoffs({"x": quadratic}, {"x": (np.zeros(2), np.ones(2))}, {"goal": 0.5})
    for build, message in [
        (lambda: mixed_extension(many), "'x' decides 2 numbers; give a game with one each"),
        (lambda: mixed_extension(game, 0), "the grid of 'strong' is 0; give at least 1 action"),
        (lambda: mixed_extension(game, {"strong": 3}), r"grid names \['strong'\]; give one entry for each"),
        (lambda: mixed_extension(game, {"strong": 3, "weak": [0.5, 0.2]}), "a vector of rising actions"),
        (lambda: mixed_extension(game, {"strong": 3, "weak": [0.5, 2.0]}), "runs from 0.5 to 2.0; stay within its"),
        (
            lambda: mixed_extension(game_from_payoffs({"x": quadratic}, {"x": (0, np.inf)}, {"goal": 0.5})),
            r"its bounds are \[0.0, inf\]; give finite bounds",
        ),
        (lambda: certify_mixed(mixed_extension(game, 3), [[1, 0, 0]] * 2, search=1), "search is 1"),
        (lambda: mixed_extension(game, 3).mean([[1, 0, 0]] * 2, "week"), "Did you mean 'weak'"),
    ]:
        with pytest.raises(ValueError, match=message):
            build()
    with pytest.raises(TypeError, match="give a Game"):
        mixed_extension("game")
    with pytest.raises(TypeError, match="give a MixedExtension"):
        certify_mixed(game, [[1.0]])
