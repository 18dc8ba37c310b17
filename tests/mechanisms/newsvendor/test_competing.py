import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import linprog
from scipy.sparse import coo_array

from eqsolve.datasets import load_restaurant_demand
from eqsolve.mechanisms.newsvendor.competing import CompetingNewsvendors, newsvendor_jacobian, newsvendor_outcomes
from eqsolve.mechanisms.newsvendor.competing_exact import equilibrium_ends
from eqsolve.solve import solve_first_best, solve_nash
from eqsolve.solvers.best_reply import BestReply


@pytest.fixture(autouse=True)
def sixty_four_bit():
    with jax.enable_x64(True):
        yield


def random_market(seed, scenarios=5, dtype=np.float64):
    """Integer demands and quarters of spill, so that many scenarios tie; one probability may be zero."""
    rng = np.random.default_rng(seed)
    weights = rng.integers(0, 5, scenarios) + np.eye(scenarios)[0]
    return CompetingNewsvendors(
        price=rng.integers(1, 9, 2).astype(dtype),
        margin=(rng.integers(0, 12, 2) / 12).astype(dtype),
        spill=(rng.integers(0, 5, 2) / 4).astype(dtype),
        demand=rng.integers(0, 7, (scenarios, 2)).astype(dtype),
        probabilities=(weights / weights.sum()).astype(dtype),
    )


@eqx.filter_jit
def expected(market, stock):
    return market.game().expect({"stock": stock})


slopes = eqx.filter_jit(newsvendor_jacobian)


def stacked(markets):
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *markets)


def by_hand(market, stock):
    """The outcomes, one scenario after the other in plain Python."""
    price, margin, spill, demand, weights = (
        np.asarray(part, float) for part in (market.price, market.margin, market.spill, market.demand, market.weights)
    )
    names = ("profit", "sales", "leftover", "own demand served", "stockout probability")
    total = {name: np.zeros(2) for name in names}
    for weight, own in zip(weights, demand, strict=True):
        for i, j in ((0, 1), (1, 0)):
            customers = own[i] + spill[j] * max(own[j] - stock[j], 0.0)
            sold = min(stock[i], customers)
            total["profit"][i] += weight * (price[i] * sold - price[i] * (1 - margin[i]) * stock[i])
            total["sales"][i] += weight * sold
            total["leftover"][i] += weight * (stock[i] - sold)
            total["own demand served"][i] += weight * min(stock[i], own[i])
            total["stockout probability"][i] += weight * (customers > stock[i])
    mean = weights @ demand
    served = total["own demand served"]
    total["fill rate"] = np.array([s / m if m else 1.0 for s, m in zip(served, mean, strict=True)])
    return total


def first_best_by_linear_programme(market):
    """The largest joint profit: stocks, own sales and spilled sales as variables, one block of rows per scenario.

    Serving an own customer is worth at least as much as sending a share of them away while prices are equal, so the
    programme has no reason to do otherwise and its value is that of the game's planner.
    """
    price, spill, demand, weights = (
        np.asarray(part, float) for part in (market.price, market.spill, market.demand, market.weights)
    )
    n = len(demand)
    cost = np.asarray(market.cost, float)
    scenario, zero, one = np.arange(n), np.zeros(n, int), np.ones(n, int)
    # columns: 2 stocks, then per outlet n own sales, then per outlet n sales to the other's customers
    own, spilled = [2 + i * n + scenario for i in (0, 1)], [2 + (2 + i) * n + scenario for i in (0, 1)]
    rows, columns, entries, limits = [], [], [], []
    for i, j in ((0, 1), (1, 0)):
        block = len(limits) * n
        rows += [block + scenario] * 3  # own + spilled sales <= stock
        columns += [own[i], spilled[i], zero + i]
        entries += [one, one, -one]
        limits += [np.zeros(n)]
        rows += [block + n + scenario] * 2  # spilled sales <= spill * (the other's demand - the other's own sales)
        columns += [spilled[i], own[j]]
        entries += [one, spill[j] * one]
        limits += [spill[j] * demand[:, j]]
    matrix = coo_array((np.concatenate(entries), (np.concatenate(rows), np.concatenate(columns))))
    gain = np.concatenate([-cost, *(price[i] * weights for i in (0, 1, 0, 1))])
    bounds = [(0, None)] * 2 + [(0, top) for top in demand.T.ravel()] + [(0, None)] * (2 * n)
    solved = linprog(-gain, A_ub=matrix.tocsr(), b_ub=np.concatenate(limits), bounds=bounds, method="highs")
    assert solved.status == 0
    return -solved.fun


@pytest.mark.parametrize("seed", range(4))
def test_outcomes_are_the_sums_over_scenarios(seed):
    market = random_market(seed)
    rng = np.random.default_rng(100 + seed)
    for stock in [*rng.uniform(0, 12, (3, 2)), *rng.integers(0, 12, (3, 2)).astype(float)]:
        found = expected(market, jnp.asarray(stock))
        for name, value in by_hand(market, stock).items():
            np.testing.assert_allclose(found[name], value, rtol=1e-13, atol=1e-13, err_msg=name)


def test_equal_probabilities_need_not_be_given():
    demand = load_restaurant_demand().select("lamb", "steak")
    short = CompetingNewsvendors(10.0, 0.4, 0.3, demand)
    long = CompetingNewsvendors(10.0, 0.4, 0.3, demand, np.full(760, 1 / 760))
    stock = np.array([31.5, 22.0])
    with_given, by_sum = expected(long, stock), by_hand(short, stock)
    for name, value in expected(short, stock).items():
        np.testing.assert_allclose(with_given[name], value, rtol=1e-12, err_msg=name)
        np.testing.assert_allclose(by_sum[name], value, rtol=1e-12, err_msg=name)


@pytest.mark.parametrize("seed", range(3))
def test_jacobian_is_the_slope_for_rising_stocks_also_at_kinks(seed):
    market = random_market(seed)
    step = 2.0**-20  # kinks lie on multiples of 1/16 here: no other kink is that near, and the step is exact
    rng = np.random.default_rng(200 + seed)
    for stock in [*rng.uniform(0, 12, (2, 2)), *rng.integers(0, 9, (4, 2)).astype(float)]:
        rows = slopes(market, {"stock": jnp.asarray(stock)})
        before = by_hand(market, stock)
        for column in (0, 1):
            after = by_hand(market, stock + step * np.eye(2)[column])
            for name in ("profit", "sales", "leftover", "own demand served"):
                slope = (after[name] - before[name]) / step
                # rounding of payoffs of size up to 100, divided by the step
                np.testing.assert_allclose(rows[name]["stock"][:, column], slope, atol=5e-8, err_msg=name)
        assert rows["stockout probability"] == {}


def test_jacobian_agrees_with_automatic_differentiation_at_kinks():
    market = random_market(5)
    stocks = {"stock": jnp.asarray(np.random.default_rng(5).integers(0, 9, (8, 2)).astype(float))}
    automatic = jax.jit(jax.vmap(jax.jacfwd(market.game().expect)))(stocks)
    supplied = jax.jit(jax.vmap(lambda stock: newsvendor_jacobian(market, stock)))(stocks)
    for name, row in supplied.items():
        if row:
            np.testing.assert_allclose(automatic[name]["stock"], row["stock"], atol=1e-14, err_msg=name)
        else:
            assert not np.any(automatic[name]["stock"])


def test_stock_outs_ignore_the_rounding_of_a_stock():
    market = CompetingNewsvendors(10.0, 0.5, 0.5, [[4.0, 8.0], [8.0, 4.0]])
    for stock, probability in ((4.0, 0.5), (4.0 * (1 - 1e-13), 0.5), (4.0 * (1 - 1e-9), 1.0), (0.0, 1.0)):
        assert expected(market, jnp.array([stock, 20.0]))["stockout probability"][0] == probability
    nobody = CompetingNewsvendors(10.0, 0.5, 0.5, [[0.0, 8.0]])
    assert expected(nobody, jnp.array([0.0, 8.0]))["stockout probability"].tolist() == [0.0, 0.0]


def test_bounds_hold_every_reply_and_are_never_empty():
    market = CompetingNewsvendors(10.0, 0.5, [0.5, 1.0], [[4.0, 8.0], [8.0, 4.0]])
    lower, upper = market.game().limits()
    assert lower["stock"].tolist() == [0.0, 0.0]
    assert upper["stock"].tolist() == [1.25 * 12.0, 1.25 * 10.0]
    nobody = CompetingNewsvendors(10.0, 0.5, 0.5, [[0.0, 0.0]])
    assert nobody.game().limits()[1]["stock"].tolist() == [1.0, 1.0]


CORNERS = {
    "no demand": {"demand": [[0.0, 0.0], [0.0, 0.0]]},
    "no margin": {"margin": 0.0},
    "almost no cost": {"margin": 1 - 1e-6},
    "no spill": {"spill": 0.0},
    "full spill": {"spill": 1.0},
    "impossible scenario": {"demand": [[3.0, 3.0], [9.0, 9.0]], "probabilities": [1.0, 0.0]},
    "outlet without demand": {"demand": [[0.0, 3.0], [0.0, 5.0]]},
}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_corners_give_numbers_and_keep_the_precision(dtype):
    usual = {
        "price": 10.0,
        "margin": 0.5,
        "spill": 0.5,
        "demand": [[3.0, 5.0], [5.0, 3.0]],
        "probabilities": [0.5, 0.5],
    }
    markets = [
        CompetingNewsvendors(**{name: np.asarray(value, dtype) for name, value in (usual | corner).items()})
        for corner in CORNERS.values()
    ]
    game = markets[0].game()

    def everything(params, stock):
        def outcomes(params, stock):
            return game.with_params(params).expect({"stock": stock})

        return (
            outcomes(params, stock),
            jax.grad(lambda *given: sum(map(jnp.sum, outcomes(*given).values())), argnums=(0, 1))(params, stock),
            newsvendor_jacobian(params, {"stock": stock}),
            jax.jacfwd(lambda stock: newsvendor_jacobian(params, {"stock": stock}))(stock),
        )

    stocks = jnp.asarray([[0.0, 0.0], [3.0, 3.0], [9.0, 9.0]], dtype)
    found = jax.jit(jax.vmap(jax.vmap(everything, (None, 0)), (0, None)))(stacked(markets), stocks)
    for leaf in jax.tree.leaves((found, jax.vmap(equilibrium_ends)(stacked(markets)))):
        assert np.all(np.isfinite(leaf))
        assert leaf.dtype == dtype or leaf.dtype.kind in "bi"


def test_without_64_bit_everything_is_32_bit():
    with jax.enable_x64(False):
        market = CompetingNewsvendors(10.0, 0.5, 0.5, load_restaurant_demand().select("lamb", "steak"))
        found = expected(market, jnp.array([31.5, 22.0]))
        assert {value.dtype for value in found.values()} == {np.dtype(np.float32)}
    for name, value in by_hand(market, np.array([31.5, 22.0])).items():
        # 760 terms, added one after the other
        np.testing.assert_allclose(found[name], value, rtol=760 * np.finfo(np.float32).eps, err_msg=name)


def test_batches_equal_loops():
    demand = load_restaurant_demand().select("lamb", "steak")
    margins, spills = np.array([0.0, 0.3, 0.9]), np.array([1.0, 0.4, 0.0])

    @jax.jit
    def outcomes(margin, spill):
        return expected(CompetingNewsvendors(10.0, margin, spill, demand), jnp.array([31.5, 22.0]))

    batch = jax.vmap(outcomes)(margins, spills)
    for lane in range(3):
        for name, value in outcomes(margins[lane], spills[lane]).items():
            np.testing.assert_allclose(batch[name][lane], value, rtol=1e-13, err_msg=name)


def test_relabelling_the_outlets_relabels_the_outcomes():
    market = random_market(3)
    mirror = CompetingNewsvendors(
        market.price[::-1], market.margin[::-1], market.spill[::-1], market.demand[:, ::-1], market.probabilities
    )
    stock = jnp.array([2.5, 4.0])
    found, mirrored = expected(market, stock), expected(mirror, stock[::-1])
    for name, value in found.items():
        np.testing.assert_allclose(mirrored[name][::-1], value, rtol=1e-14, atol=1e-14)


def test_players_carry_the_outlets_names():
    game = CompetingNewsvendors(10.0, 0.5, 0.5, [[3.0, 5.0]], outlets=("lamb", "steak")).game()
    assert game.players == ("lamb", "steak")
    assert game.cooperative().players == ("planner",)
    stock = {"stock": jnp.array([2.0, 4.0])}
    joint = game.coalition(["lamb", "steak"]).objectives(stock)["lamb+steak"]
    assert joint == game.cooperative().objectives(stock)["planner"] == sum(game.objectives(stock).values())


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("price", 0.0, r"CompetingNewsvendors\.price\[0\] is 0\.0; give numbers above zero"),
        ("price", [1.0, 2.0, 3.0], r"price has shape \(3,\); give one number, or 2 of them"),
        ("margin", 1.0, r"margin\[0\] is 1\.0; give 1 - cost/price, at least 0 and below 1"),
        ("margin", [0.1, -0.1], r"margin\[1\] is -0\.1"),
        ("spill", 1.1, r"spill\[0\] is 1\.1; give shares between 0 and 1"),
        ("spill", np.nan, r"\.spill is nan at index \[0\]; every number there must be finite"),
        ("demand", [3.0, 5.0], r"demand has shape \(2,\); give one row per scenario and one column per outlet"),
        ("demand", np.zeros((0, 2)), r"demand has shape \(0, 2\)"),
        ("demand", np.zeros((4, 3)), r"demand has shape \(4, 3\)"),
        ("demand", [[1.0, -1.0]], r"demand\[0, 1\] is -1\.0; give numbers of zero or more"),
        (
            "probabilities",
            [1.0],
            r"probabilities has shape \(1,\), but demand has 2 scenarios; .*or None for equal ones",
        ),
        (
            "probabilities",
            [0.5, 0.6],
            r"The sum of CompetingNewsvendors\.probabilities is 1\.1; divide them by their sum",
        ),
        ("probabilities", [1.5, -0.5], r"probabilities\[1\] is -0\.5"),
        ("outlets", ("a", "a"), r"outlets is \('a', 'a'\); give 2 different names"),
    ],
)
def test_wrong_fields_are_named(field, value, message):
    given = {"price": 10.0, "margin": 0.5, "spill": 0.5, "demand": [[3.0, 5.0], [5.0, 3.0]]} | {field: value}
    with pytest.raises(ValueError, match=message):
        CompetingNewsvendors(**given)


def test_text_is_no_price():
    with pytest.raises(TypeError, match=r"CompetingNewsvendors\.price is 'ten' of type str; give real numbers"):
        CompetingNewsvendors("ten", 0.5, 0.5, [[3.0, 5.0]])


def restaurant(margin, spill):
    return CompetingNewsvendors(10.0, margin, spill, load_restaurant_demand().select("lamb", "steak"))


# ties (margin times 760 whole), full spill-over, none, almost no cost
POINTS = [(0.5, 0.3), (0.275, 0.15), (0.05, 1.0), (0.725, 0.7), (0.975, 0.95), (0.5, 0.0)]


@pytest.mark.parametrize(("margin", "spill"), POINTS)
def test_best_replies_end_between_the_exact_ends(margin, spill):
    market = restaurant(margin, spill)
    nash, ends = solve_nash(market.game(), solver=BestReply()), equilibrium_ends(market)
    assert nash.solved
    # best replies stop moving at 3e-13 of the stocks; the equilibrium is 1 / (1 - spill^2) times as far away at most
    slack = 1e-12 * np.max(market.demand) / max(1 - spill**2, 0.05)
    assert np.all(ends.lowest - slack <= nash.actions["stock"])
    assert np.all(nash.actions["stock"] <= ends.highest + slack)


@pytest.mark.parametrize(("margin", "spill"), [(0.2, 0.05), (0.3, 0.1), (0.8, 0.15), (0.24, 0.9)])
def test_best_replies_rest_where_profits_are_flat(margin, spill):
    # margin times 760 is whole, so a profit is level between two demands: marginal profits there are rounding errors
    nash = solve_nash(restaurant(margin, spill).game(), solver=BestReply(max_sweeps=200))
    assert nash.solved


UNEQUAL = ([0.3, 0.8], [0.9, 0.2])


@pytest.mark.parametrize(("margin", "spill"), [*POINTS, UNEQUAL])
def test_the_first_best_is_that_of_the_linear_programme(margin, spill):
    market = restaurant(margin, spill)
    best = solve_first_best(market.game())
    assert best.solved
    # the programme is solved to HiGHS's default feasibility of 1e-7
    np.testing.assert_allclose(best.objectives["planner"], first_best_by_linear_programme(market), rtol=1e-7)


def test_outcomes_of_one_scenario_are_defined_for_user_code():
    market = CompetingNewsvendors(10.0, 0.5, 0.5, [[4.0, 8.0]])
    found = newsvendor_outcomes(market, {"stock": jnp.array([6.0, 6.0])}, market.demand[0])
    assert found["sales"].tolist() == [5.0, 6.0]
    assert found["profit"].tolist() == [20.0, 30.0]
