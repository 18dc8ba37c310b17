"""Shared linear constraints: equilibria and prices against enumeration of active sets, SciPy and closed forms."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from constrained import (
    LIMITS,
    NAMES,
    all_equilibria,
    constrained_game,
    quadratic_profits,
    random_games,
    river_basin,
)
from scipy.optimize import minimize

import eqsolve as eqs
from eqsolve.equilibrium import STATUS_NAMES, code

ONES = np.ones(3)
WEIGHT = np.array([2.0, 1.0, 1.5])


BATCH = 8  # games are solved in batches of one size, which compile once


@jax.jit
@jax.vmap
def solved(*game):
    return eqs.solve_nash(constrained_game(*game))


def solve_all(*games):
    """The equilibria of games given as tuples: actions, prices, names of statuses, and the whole result."""
    padded = [*games, *[games[-1]] * (-len(games) % BATCH)]
    parts = [np.stack([np.asarray(part, float) for part in parts]) for parts in zip(*padded, strict=True)]
    batches = [solved(*(part[i : i + BATCH] for part in parts)) for i in range(0, len(padded), BATCH)]
    found = jax.tree.map(lambda *leaves: np.concatenate(leaves)[: len(games)], *batches)
    prices = np.stack(list(found.prices.values()), axis=1)
    return found.actions["x"], prices, [STATUS_NAMES[index] for index in code(found.status)], found


def test_river_basin_has_the_published_equilibrium():
    linear, matrix, use, limit = river_basin()
    x, prices, status, _ = solve_all((linear, matrix, use, limit, ONES))
    (wanted,) = all_equilibria(linear, matrix, use, limit)
    assert status == ["converged"]
    np.testing.assert_allclose(np.concatenate([x[0], prices[0]]), wanted, rtol=1e-9, atol=1e-12)
    # published to three digits after iterations that were stopped early: 21.149, 16.028, 2.726 and 0.574, 0
    np.testing.assert_allclose(x[0], [21.149, 16.028, 2.726], rtol=3e-4)
    np.testing.assert_allclose(prices[0], [0.574, 0.0], atol=1e-3)


def test_random_games_agree_with_the_enumeration_of_active_sets():
    games = list(zip(*random_games(200), strict=True))
    x, prices, status, _ = solve_all(*games)
    contradictory = 0
    for i, game in enumerate(games):
        wanted = all_equilibria(*game)
        if not wanted:  # a strictly monotone game has an equilibrium unless the limits contradict each other
            contradictory += 1
            assert status[i] == "infeasible"
            assert np.all(np.isnan(x[i]))
            assert np.all(np.isnan(prices[i]))
            continue
        assert len(wanted) == 1
        found = np.concatenate([x[i], prices[i]])
        assert status[i] == "converged", i
        np.testing.assert_allclose(found, wanted[0], atol=1e-8 * (1 + np.max(np.abs(found))))
    assert contradictory > 10


COURNOT = (np.array([9.0, 8.5, 9.0]), -np.ones((3, 3)) - np.eye(3))  # price 10 - sum x, costs 1, 1.5, 1
FREE = np.array([2.375, 1.875, 2.375])  # its equilibrium without constraints, exact in binary


@pytest.mark.parametrize(
    ("use", "limit", "status", "actions", "prices"),
    [
        # an emission cap of half the free output: (9 - p, ...) with sum x = 3 gives p = 29/6
        ([ONES, 0 * ONES], [3.0, 1.0], "converged", [7 / 6, 2 / 3, 7 / 6], [29 / 6, 0.0]),
        ([ONES, -ONES], [100.0, 0.0], "converged", FREE, [0.0, 0.0]),
        ([ONES, -ONES], [1e9, 1e9], "converged", FREE, [0.0, 0.0]),
        # at least eight in all: everybody sells 11 / 24 more, for a subsidy of 4 * 11 / 24
        ([-ONES, ONES], [-8.0, 9.0], "converged", FREE + 11 / 24, [11 / 6, 0.0]),
        ([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]], [0.5, 0.25], "converged", [0.5, 3.875, 0.25], [3.875, 4.125]),
        # a limit that repeats a bound: what is due to which is arbitrary
        ([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]], [0.0, 0.0], "degenerate", [0.0, 4.25, 0.0], None),
        ([1e-9 * ONES, ONES], [3e-9, 9.0], "converged", [7 / 6, 2 / 3, 7 / 6], [29 / 6 * 1e9, 0.0]),
        # twice the same limit: what each copy costs is arbitrary, the actions are not
        ([ONES, 2 * ONES], [3.0, 6.0], "degenerate", [7 / 6, 2 / 3, 7 / 6], None),
        ([ONES, -ONES], [3.0, -3.0], "degenerate", [7 / 6, 2 / 3, 7 / 6], None),
        ([ONES, ONES], [6.625, 6.625], "degenerate", FREE, [0.0, 0.0]),
        ([ONES, -ONES], [0.0, 0.0], "degenerate", [0.0, 0.0, 0.0], None),
        ([ONES, 0 * ONES], [3.0, 0.0], "degenerate", [7 / 6, 2 / 3, 7 / 6], None),
        ([ONES, -ONES], [3.0, -3.001], "infeasible", None, None),
        ([ONES, -ONES], [-1e-6, 9.0], "infeasible", None, None),
        ([ONES, 0 * ONES], [3.0, -1.0], "infeasible", None, None),
        ([ONES, ONES], [np.nan, 3.0], "nonfinite", None, None),
    ],
)
def test_corners_of_a_capped_oligopoly(use, limit, status, actions, prices):
    x, found, code, _ = solve_all((*COURNOT, use, limit, ONES))
    assert code == [status]
    if status in ("infeasible", "nonfinite"):
        assert np.all(np.isnan(x))
        assert np.all(np.isnan(found))
    if actions is not None:
        np.testing.assert_allclose(x[0], actions, atol=1e-9)
    if prices is not None:
        np.testing.assert_allclose(found[0], prices, rtol=1e-9, atol=1e-12)


def test_units_of_money_goods_and_limits_do_not_matter():
    linear, matrix, use, limit = river_basin()
    base_x, base_prices, _, _ = solve_all((linear, matrix, use, limit, ONES))
    scales = [(money, good, unit) for money in (1e-6, 1e6) for good in (1e-4, 1e4) for unit in (1e-5, 1e5)]
    games = [(linear * m / g, matrix * m / g**2, use * u / g, limit * u, ONES) for m, g, u in scales]
    x, prices, status, _ = solve_all(*games)
    assert set(status) == {"converged"}
    for (money, good, unit), actions, price in zip(scales, x, prices, strict=True):
        np.testing.assert_allclose(actions / good, base_x[0], rtol=1e-9)
        np.testing.assert_allclose(price * unit / money, base_prices[0], rtol=1e-9)


def test_weights_divide_the_price_among_players():
    linear, matrix, use, limit = river_basin()
    x, prices, _, found = solve_all((linear, matrix, use, limit, WEIGHT), (linear, matrix, use, limit, 3 * ONES))
    (wanted,) = all_equilibria(linear, matrix, use, limit, WEIGHT)
    np.testing.assert_allclose(np.concatenate([x[0], prices[0]]), wanted, rtol=1e-9, atol=1e-12)
    for name, r in zip(NAMES, WEIGHT, strict=True):
        np.testing.assert_allclose(found.player_prices[name]["first"][0], prices[0, 0] / r)
    (equal,) = all_equilibria(linear, matrix, use, limit)  # equal weights of any size: the variational equilibrium
    np.testing.assert_allclose(x[1], equal[:3], rtol=1e-9)
    own = [found.player_prices[name]["first"][1] for name in NAMES]
    np.testing.assert_allclose(own, equal[3], rtol=1e-9)


def test_relabelling_players_relabels_actions_and_leaves_prices():
    linear, matrix, use, limit = river_basin()
    turn = [2, 0, 1]
    moved = (linear[turn], matrix[np.ix_(turn, turn)], use[:, turn], limit, ONES)
    x, prices, _, _ = solve_all((linear, matrix, use, limit, ONES), moved)
    np.testing.assert_allclose(x[1], x[0][turn], rtol=1e-10)
    np.testing.assert_allclose(prices[1], prices[0], rtol=1e-10)


def test_float32_agrees_to_its_own_accuracy():
    linear, matrix, use, limit = river_basin()
    (wanted,) = all_equilibria(linear, matrix, use, limit)
    with jax.enable_x64(False):
        found = eqs.solve_nash(constrained_game(linear, matrix, use, limit))
        assert found.actions["x"].dtype == jnp.float32
        assert found.status == eqs.Status.converged
    np.testing.assert_allclose(found.actions["x"], wanted[:3], rtol=1e-4)
    np.testing.assert_allclose(found.prices["first"], wanted[3], rtol=1e-4)


def everything(linear, matrix, use, limit, weight):
    found = eqs.solve_nash(constrained_game(linear, matrix, use, limit, weight))
    return jnp.concatenate([found.actions["x"], jnp.stack(list(found.prices.values()))])


@pytest.fixture(scope="module")
def slopes():
    """Derivatives in all arrays of two games; in the second the first limit is met exactly, at a price of zero."""
    met = (*COURNOT, np.array([ONES, 0 * ONES]), np.array([6.625, 1.0]), ONES)
    games = [(*river_basin(), WEIGHT), met]
    slope = jax.jit(jax.vmap(jax.jacfwd(everything, argnums=(0, 1, 2, 3, 4))))
    return slope(*(np.stack(parts) for parts in zip(*games, strict=True)))


def test_sensitivities_of_actions_and_prices_match_differences_of_the_reference(slopes):
    game = (*river_basin(), WEIGHT)
    step = 1e-6
    for which, entry in [(0, (0,)), (1, (0, 1)), (2, (0, 2)), (2, (1, 0)), (3, (0,)), (3, (1,)), (4, (0,)), (4, (2,))]:

        def moved(by, which=which, entry=entry):
            parts = [part.copy() for part in game]
            parts[which][entry] += by
            return all_equilibria(*parts)[0]

        difference = (moved(step) - moved(-step)) / (2 * step)
        np.testing.assert_allclose(slopes[which][(0, slice(None), *entry)], difference, rtol=1e-6, atol=1e-7)


def market(linear, matrix, excess):
    """Player a sells to b and c: x_b + x_c - x_a equals `excess`; the second market holds nothing up."""
    return constrained_game(linear, matrix, jnp.array([[-1.0, 1.0, 1.0], [0.0, 0.0, 1.0]]), excess, kind="equal")


def test_a_market_clears_at_the_price_of_its_equality():
    """Cost x_a^2 / 2; b buys at utility 8 x - x^2 / 2; c must take 1 at utility 4 x - x^2 / 2.

    a: -x_a + p = 0, b: 8 - x_b - p = 0, x_a = x_b + 1, so p = 9 / 2; c's own price tops p up to its utility 4 - 1.
    """
    linear, matrix = jnp.array([0.0, 8.0, 4.0]), -jnp.eye(3)

    def outcome(linear, excess):
        found = eqs.solve_nash(market(linear, matrix, excess))
        return jnp.concatenate([found.actions["x"], jnp.stack(list(found.prices.values()))]), found

    slopes, found = jax.jit(jax.jacrev(outcome, argnums=(0, 1), has_aux=True))(linear, jnp.array([0.0, 1.0]))
    np.testing.assert_allclose(found.actions["x"], [4.5, 3.5, 1.0], rtol=1e-9)
    np.testing.assert_allclose(list(found.prices.values()), [4.5, -1.5], rtol=1e-9)
    np.testing.assert_allclose(list(found.slack.values()), 0.0, atol=1e-12)
    assert found.status == eqs.Status.converged
    # p = (8 + x_c - excess) / 2: half of the buyer's utility, minus half of what is taken out of the market
    np.testing.assert_allclose(slopes[0][3], [-0.5, 0.5, 0.0], atol=1e-9)
    np.testing.assert_allclose(slopes[1][3], [-0.5, 0.5], atol=1e-9)


def test_a_limit_that_is_met_without_a_price_has_no_two_sided_derivative(slopes):
    in_limit = slopes[3][1]
    assert np.all(np.isnan(in_limit[:4, 0]))
    np.testing.assert_allclose(in_limit[4], 0.0)  # the second limit is slack whatever happens


DEMANDS = np.array([[2.0, 5.0, 9.0], [3.0, 4.0, 8.0]])  # of two newsvendors, equally likely
PRICES = np.array([4.0, 5.0])


def newsvendor_profits(params, actions, shock):
    sales = jnp.mean(jnp.minimum(actions["x"][:, None], params["demand"]), axis=1)
    return {"profit": params["price"] * sales - actions["x"]}


def newsvendors_with_one_warehouse(capacity):
    return eqs.Game(
        {"demand": DEMANDS, "price": PRICES},
        actions=[eqs.Action("x", (2,), ("a", "b"))],
        bounds=eqs.Box({"x": 0.0}, {"x": 10.0}),
        outcomes=newsvendor_profits,
        pay={name: {"profit": np.eye(2)[i]} for i, name in enumerate("ab")},
        total={"profit": 1.0},
        constraint=eqs.Linear({"warehouse": {"x": 1.0}}, upper={"warehouse": capacity}),
    )


def test_kinked_payoffs_share_a_capacity():
    """Both stay where they are at the common price, on a grid that holds every kink."""
    capacity = np.array([1.0, 5.0, 6.0, 7.0, 8.5, 10.0, 13.0, 20.0])
    found = jax.jit(jax.vmap(lambda b: eqs.solve_nash(newsvendors_with_one_warehouse(b))))(capacity)
    assert np.all(found.solved)
    price, x = np.asarray(found.prices["warehouse"]), np.asarray(found.actions["x"])
    np.testing.assert_allclose(np.where(price > 0, capacity - x.sum(axis=1), 0.0), 0.0, atol=1e-11)
    assert np.all(x.sum(axis=1) <= capacity + 1e-11)
    assert np.sum(price > 0.1) == 7
    grid = np.linspace(0.0, 10.0, 1001)
    for i in range(2):

        def net(x, i=i):
            sales = np.minimum(x[..., None], DEMANDS[i]).mean(axis=-1)
            return PRICES[i] * sales - (1 + price[:, None]) * x

        best = net(np.tile(grid, (8, 1))).max(axis=1)
        np.testing.assert_allclose(net(x[:, i : i + 1])[:, 0], best, rtol=1e-10, atol=1e-12)


SEARCH = eqs.Search(points=(401, 41, 15), box={"x": (0.0, 200.0)})


def test_certificates_search_within_the_constraints():
    linear, matrix, use, limit = river_basin()
    game = constrained_game(linear, matrix, use, limit)
    x = all_equilibria(linear, matrix, use, limit)[0][:3]
    other = x + 0.1 * np.array([1 / use[0, 0], -1 / use[0, 1], 0.0])  # on the same limit: the price differs by player
    idle = x - np.array([0.1, 0.0, 0.0])
    over = x + np.array([1e-6, 0.0, 0.0])
    points = jnp.array([x, other, idle, over])
    found = jax.jit(jax.vmap(lambda x: eqs.certify(game, {"x": x}, SEARCH)))(points)
    np.testing.assert_array_equal(found.certified, [True, True, False, False])
    np.testing.assert_array_equal(found.variational, [True, False, False, False])
    np.testing.assert_array_equal(found.feasible, [True, True, True, False])
    np.testing.assert_allclose(found.prices["first"][0], 0.574360, atol=1e-6)
    np.testing.assert_allclose(found.slack["second"][0], limit[1] - use[1] @ x)
    marginal = linear[0] + matrix[0] @ idle  # a's payoff is a parabola and the limit lets it go up by 0.1
    np.testing.assert_allclose(found.gain["a"][2], 0.1 * marginal + 0.5 * matrix[0, 0] * 0.01, rtol=1e-9)
    text = str(jax.tree.map(lambda leaf: leaf[1], found))
    assert "Common prices do not explain" in text
    assert "first" in text
    assert "violates its bounds or a shared constraint" in str(jax.tree.map(lambda leaf: leaf[3], found))


def test_first_best_within_constraints_is_global_and_certified():
    """A total that curves upward in places: SciPy from many starts."""
    linear, use, limit = np.array([3.0, 2.0, 1.0]), np.array([ONES, [1.0, -1.0, 0.0]]), np.array([4.0, 1.0])
    matrix = np.array([[-1.0, 0.8, 1.5], [0.6, -1.2, 0.9], [1.0, 0.2, -0.5]])
    game = constrained_game(linear, matrix, use, limit, highest=10.0)
    plan = eqs.solve_first_best(game)

    def loss(x):
        return -np.sum(x * (linear + matrix @ x) - 0.5 * np.diag(matrix) * x**2)

    rows = {"type": "ineq", "fun": lambda x: limit - use @ x}
    starts = np.random.default_rng(0).uniform(0, 2, (20, 3))
    runs = [minimize(loss, x, method="SLSQP", bounds=[(0, 10)] * 3, constraints=[rows]) for x in starts]
    wanted = min((run for run in runs if run.success), key=lambda run: run.fun)
    assert plan.status == eqs.Status.converged
    np.testing.assert_allclose(plan.objectives["planner"], -wanted.fun, rtol=1e-6)
    np.testing.assert_allclose(plan.actions["x"], wanted.x, atol=1e-3)
    step = 1e-5  # the price is what a little more of the limit is worth
    eased = eqs.solve_first_best(constrained_game(linear, matrix, use, limit + np.array([step, 0.0]), highest=10.0))
    worth = (eased.objectives["planner"] - plan.objectives["planner"]) / step
    np.testing.assert_allclose(plan.prices["first"], worth, rtol=1e-4)


def paired_profits(params, actions, shock):
    """Two players with two entries each: own concave parabola, plus entries times what the other does."""
    x = jnp.concatenate([actions["left"], actions["right"]])
    own = jnp.kron(jnp.eye(2), jnp.ones((2, 2)))
    matrix = params["matrix"]
    profit = x * (params["linear"] + (matrix * (1 - own)) @ x + 0.5 * (matrix * own) @ x)
    return {"profit": jnp.stack([jnp.sum(profit[:2]), jnp.sum(profit[2:])])}


def paired_game(matrix, linear, use, limit):
    """One inequality and one equality over all four entries."""
    rows = {name: {"left": use[k, :2], "right": use[k, 2:]} for k, name in enumerate(LIMITS)}
    return eqs.Game(
        {"matrix": matrix, "linear": linear},
        actions=[eqs.Action("left", (2,), "row"), eqs.Action("right", (2,), "column")],
        bounds=eqs.Box({"left": -3.0, "right": -3.0}, {"left": 3.0, "right": 3.0}),
        outcomes=paired_profits,
        pay={"row": {"profit": np.array([1.0, 0.0])}, "column": {"profit": np.array([0.0, 1.0])}},
        total={"profit": 1.0},
        constraint=eqs.Linear(rows, upper={"first": limit[0]}, equal={"second": limit[1]}),
    )


@jax.jit
@jax.vmap
def paired_solution(*game):
    return eqs.solve_nash(paired_game(*game))


@jax.jit
@jax.vmap
def paired_certificate(actions, *game):
    return eqs.certify(paired_game(*game), actions)


@pytest.mark.slow
def test_deviations_with_several_entries_match_scipy():
    """Equilibria are certified, and off them the gain is what SciPy finds on the player's polyhedron."""
    rng, count, own = np.random.default_rng(1), 30, np.kron(np.eye(2), np.ones((2, 2)))
    factor, turn = rng.normal(size=(count, 4, 4)), rng.normal(size=(count, 4, 4))
    matrix = -np.einsum("nij,nkj->nik", factor, factor) - 0.3 * np.eye(4) + (turn - np.swapaxes(turn, 1, 2)) * (1 - own)
    linear, use = 2 * rng.normal(size=(count, 4)), rng.normal(size=(count, 2, 4))
    limit = rng.normal([0.3, 0.0], 0.5, (count, 2))
    found = paired_solution(matrix, linear, use, limit)
    certificate = paired_certificate(found.actions, matrix, linear, use, limit)
    assert np.all(found.solved)
    assert np.all(certificate.certified)
    assert np.all(certificate.variational)
    x = np.concatenate([found.actions["left"], found.actions["right"]], axis=1)
    along = np.stack([use[:, 1, 1], -use[:, 1, 0]], axis=1)  # keeps the equality
    along *= -np.sign(np.sum(use[:, 0, :2] * along, axis=1, keepdims=True))  # and frees some of the limit
    moved = x.copy()
    moved[:, :2] = np.clip(x[:, :2] + 0.2 * along / np.linalg.norm(along, axis=1, keepdims=True), -3, 3)
    off = paired_certificate({"left": moved[:, :2], "right": moved[:, 2:]}, matrix, linear, use, limit)
    feasible = np.flatnonzero(off.feasible)
    assert len(feasible) > 20
    for i in feasible:
        for mine, player in ((slice(0, 2), "row"), (slice(2, 4), "column")):

            def profit(y, i=i, mine=mine):
                point = moved[i].copy()
                point[mine] = y
                values = point * (linear[i] + (matrix[i] * (1 - own)) @ point + 0.5 * (matrix[i] * own) @ point)
                return values[mine].sum()

            left = limit[i] - use[i] @ moved[i] + use[i][:, mine] @ moved[i, mine]
            rows = [
                {"type": "ineq", "fun": lambda y, a=use[i, 0, mine], b=left[0]: b - a @ y},
                {"type": "eq", "fun": lambda y, a=use[i, 1, mine], b=left[1]: b - a @ y},
            ]
            runs = [
                minimize(lambda y: -profit(y), start, method="SLSQP", bounds=[(-3, 3)] * 2, constraints=rows, tol=1e-14)
                for start in (moved[i, mine], x[i, mine], np.zeros(2))
            ]
            best = max(-run.fun for run in runs if run.success)
            np.testing.assert_allclose(off.gain[player][i], max(best - profit(moved[i, mine]), 0.0), atol=1e-7)


def rejected(match, build):
    with pytest.raises((TypeError, ValueError), match=match):
        build()


@pytest.mark.parametrize(
    ("match", "build"),
    [
        ("upper.*is 3.0; give a dict", lambda: eqs.Linear({"cap": {"x": 1.0}}, upper=3.0)),
        ("coefficients is empty", lambda: eqs.Linear({})),
        (r"coefficients\['cap'\] is 1.0; give a dict", lambda: eqs.Linear({"cap": 1.0}, upper={"cap": 1.0})),
        (r"coefficients\['cap'\] is empty", lambda: eqs.Linear({"cap": {}}, upper={"cap": 1.0})),
        ("in exactly one of `upper`", lambda: eqs.Linear({"cap": {"x": 1.0}})),
        ("exactly one", lambda: eqs.Linear({"cap": {"x": 1.0}}, upper={"cap": 1.0}, equal={"cap": 1.0})),
        ("'cpa' is unknown.*Did you mean 'cap'", lambda: eqs.Linear({"cap": {"x": 1.0}}, upper={"cpa": 1.0})),
        ("above zero", lambda: eqs.Linear({"cap": {"x": 1.0}}, upper={"cap": 1.0}, weights={"a": 0.0})),
        ("one number", lambda: eqs.Linear({"cap": {"x": 1.0}}, upper={"cap": 1.0}, weights={"a": [1.0, 2.0]})),
        ("not an array of numbers|real numbers", lambda: eqs.Linear({"cap": {"x": jnp.sum}}, upper={"cap": 1.0})),
    ],
)
def test_constraints_name_what_is_wrong(match, build):
    rejected(match, build)


def oligopoly(constraint, **changes):
    names = ("a", "b", "c")
    fields = {
        "actions": [eqs.Action("x", (3,), names)],
        "bounds": eqs.Box({"x": 0.0}, {"x": 10.0}),
        "outcomes": quadratic_profits,
        "pay": {name: {"profit": np.eye(3)[i]} for i, name in enumerate(names)},
        "total": {"profit": 1.0},
    }
    return eqs.Game({"linear": COURNOT[0], "matrix": COURNOT[1]}, constraint=constraint, **(fields | changes))


@pytest.mark.parametrize(
    ("match", "constraint"),
    [
        ("nonlinear in the actions", quadratic_profits),
        ("action of 'cap' 'y' is unknown", eqs.Linear({"cap": {"y": 1.0}}, upper={"cap": 1.0})),
        (r"shape \(2,\), which does not", eqs.Linear({"cap": {"x": [1.0, 2.0]}}, upper={"cap": 1.0})),
        (r"coefficients\['cap'\]\['x'\] is nan", eqs.Linear({"cap": {"x": np.nan}}, upper={"cap": 1.0})),
        (r"upper\['cap'\] is inf", eqs.Linear({"cap": {"x": 1.0}}, upper={"cap": np.inf})),
        ("weight of player 'd' is unknown", eqs.Linear({"cap": {"x": 1}}, upper={"cap": 1}, weights={"d": 2.0})),
    ],
)
def test_games_check_their_constraint(match, constraint):
    rejected(match, lambda: oligopoly(constraint))


def test_best_reply_and_mixtures_refuse_constraints():
    game = oligopoly(eqs.Linear({"cap": {"x": 1.0}}, upper={"cap": 3.0}))
    rejected("does not solve games with shared constraints", lambda: eqs.solve_nash(game, solver=eqs.BestReply()))
    from eqsolve.finite import mixed_extension

    rejected("independent mixtures do not keep", lambda: mixed_extension(game, 3))


def test_every_edit_keeps_the_constraint():
    game = oligopoly(eqs.Linear({"cap": {"x": 1.0}}, upper={"cap": 3.0}, weights={"a": 2.0, "c": 4.0}))
    merged = game.coalition({"a", "b"})
    assert {name: float(r) for name, r in merged.constraint.weights.items()} == {"c": 4.0, "a+b": 1.5}
    assert game.coalition({"b", "c"}).constraint.weight("b+c") == 2.5
    planned = game.cooperative().constraint
    assert planned.weights == {}
    assert planned.upper == game.constraint.upper
    assert game.with_pay({"a": {"profit": np.zeros(3)}}).constraint.weight("c") == 4.0
    assert game.with_params(game.params).constraint.names == ("cap",)


def test_one_name_may_hold_many_constraints_and_coefficients_broadcast():
    actions = [eqs.Action("x", (2, 3), ("a", "b")), eqs.Action("y", (), "c")]
    use = np.arange(12.0).reshape(2, 2, 3)
    linear = eqs.Linear(
        {"cap": {"x": use, "y": 5.0}, "market": {"x": 1.0}}, upper={"cap": [1.0, 2.0]}, equal={"market": 4.0}
    )
    wanted = np.array([[*range(6), 5], [*range(6, 12), 5], [1] * 6 + [0]])
    np.testing.assert_array_equal(linear.matrix(actions), wanted)
    np.testing.assert_array_equal(linear.vector(), [1.0, 2.0, 4.0])
    assert linear.equality == (False, False, True)
    named = linear.named(jnp.array([7.0, 8.0, 9.0]))
    np.testing.assert_array_equal(named["cap"], [7.0, 8.0])
    assert named["market"] == 9.0


def test_results_show_and_convert_prices():
    _, _, _, batch = solve_all((*river_basin(), ONES))
    found = jax.tree.map(lambda leaf: leaf[0], batch)
    assert "price: first" in str(batch)
    assert "shared constraint" in str(found)
    assert "0.57436" in str(found)
    plain = found.to_numpy()
    np.testing.assert_allclose(plain["prices"]["first"], 0.574360, atol=1e-6)
    np.testing.assert_allclose(plain["player_prices"]["b"]["first"], plain["prices"]["first"])
    data = found.to_dataset()
    assert data["price: first"].attrs["role"] == "price"
    assert data["slack: second"].dims == ()
    assert float(data["slack: second"]) == pytest.approx(float(plain["slack"]["second"]))
