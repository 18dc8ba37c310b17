"""Stackelberg's leaders and followers in quantities: closed forms, corners, kinks, derivatives and certificates."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import eqsolve as eqs


def profits(params, actions, shock):
    quantity = actions["quantity"]
    price = params["a"] - params["b"] * jnp.sum(quantity)
    return {"profit": params["money"] * (price - params["cost"]) * quantity}


def within_capacity(params, earlier):
    return {"quantity": 0.0}, {"quantity": params["capacity"]}


def market(params, order=(("leader",), ("follower",))):
    """Inverse demand a - b Q; money scales all payoffs."""
    players = [player for stage in order for player in stage]
    return eqs.Game(
        params,
        actions=[eqs.Action("quantity", (len(players),), tuple(players))],
        bounds=within_capacity,
        outcomes=profits,
        pay={player: {"profit": np.eye(len(players))[i]} for i, player in enumerate(players)},
        total={"profit": 1.0},
        order=order,
    )


# a, b, money, costs, capacities: leader's and follower's quantity, status
CASES = {
    "equal costs": ((10, 1, 1, (1, 1), (10, 10)), (4.5, 2.25), "converged"),
    "the leader costs more": ((10, 1, 1, (3, 0), (10, 10)), (2, 4), "converged"),
    # the leader's payoff has a kink where the follower stops, at a - c2, and is lower on both sides of it
    "limit pricing": ((10, 1, 1, (1, 5), (10, 10)), (5, 0), "kinked"),
    "monopoly": ((10, 1, 1, (1, 8), (10, 10)), (4.5, 0), "converged"),
    "the follower at capacity": ((10, 1, 1, (1, 1), (10, 1)), (4, 1), "converged"),
    "the leader at capacity": ((10, 1, 1, (1, 1), (2, 10)), (2, 3.5), "converged"),
    "other units of money": ((10, 1, 1e7, (1, 1), (10, 10)), (4.5, 2.25), "converged"),
    "other units of goods": ((10, 1e-5, 1, (1, 1), (1e6, 1e6)), (4.5e5, 2.25e5), "converged"),
}
QUANTITIES = np.array([quantities for _, quantities, _ in CASES.values()], float)


def stacked(rows):
    a, b, money, cost, capacity = (np.array(column, float) for column in zip(*rows, strict=True))
    return {"a": a, "b": b, "money": money, "cost": cost, "capacity": capacity}


PARAMS = stacked([row for row, _, _ in CASES.values()])


@pytest.fixture(scope="module")
def solved():
    """Every case in one program, with the derivatives of both quantities in every parameter."""

    def solve(params):
        def quantities(params):
            found = eqs.solve_nash(market(params))
            return found.actions["quantity"], found

        _, pull, found = jax.vjp(quantities, params, has_aux=True)
        return found, jax.vmap(pull)(jnp.eye(2))[0]

    return jax.jit(jax.vmap(solve))(PARAMS)


def test_closed_forms_and_statuses(solved):
    found, _ = solved
    assert list(found.to_numpy()["status"]) == [status for _, _, status in CASES.values()]
    np.testing.assert_allclose(found.actions["quantity"], QUANTITIES, rtol=1e-9, atol=1e-9)
    price = PARAMS["a"] - PARAMS["b"] * QUANTITIES.sum(axis=1)
    profit = PARAMS["money"][:, None] * (price[:, None] - PARAMS["cost"]) * QUANTITIES
    np.testing.assert_allclose(found.outcomes["profit"], profit, rtol=1e-8, atol=1e-8)
    np.testing.assert_allclose(found.objectives["leader"], profit[:, 0], rtol=1e-8)
    assert list(found.active["quantity"][5]) == [1, 0]
    # one more unit of the leader's capacity earns (a + c2 - 2 c1) / 2 - q1
    np.testing.assert_allclose(found.multipliers["quantity"][5], [2.5, 0.0], atol=1e-9)


@pytest.mark.parametrize(
    ("case", "in_a", "in_cost", "in_capacity"),
    [
        ("equal costs", (0.5, 0.25), ((-1, 0.5), (0.5, -0.75)), np.zeros((2, 2))),
        ("monopoly", (0.5, 0), ((-0.5, 0), (0, 0)), np.zeros((2, 2))),
        ("the follower at capacity", (0.5, 0), ((-0.5, 0), (0, 0)), ((0, -0.5), (0, 1))),
        ("the leader at capacity", (0, 0.5), ((0, 0), (0, -0.5)), ((1, 0), (-0.5, 0))),
        ("limit pricing", np.full(2, np.nan), np.full((2, 2), np.nan), np.full((2, 2), np.nan)),
    ],
)
def test_derivatives_pass_through_the_follower(solved, case, in_a, in_cost, in_capacity):
    _, slopes = solved
    i = list(CASES).index(case)
    np.testing.assert_allclose(slopes["a"][i], in_a, atol=1e-9)
    np.testing.assert_allclose(slopes["cost"][i], in_cost, atol=1e-9)
    np.testing.assert_allclose(slopes["capacity"][i], in_capacity, atol=1e-9)


@pytest.mark.slow
def test_certificates_let_the_follower_answer_and_reject_what_is_no_equilibrium():
    cournot = stacked([CASES["equal costs"][0]] * 4)
    wrong = np.array([(3.0, 3.0), (4.5, 2.5), (4.5, 11.0), (np.nan, 2.25)])
    params = jax.tree.map(lambda *rows: np.concatenate(rows), PARAMS, cournot)
    actions = {"quantity": np.concatenate([QUANTITIES, wrong])}

    @jax.jit
    @jax.vmap
    def certificates(params, actions):
        return eqs.certify(market(params), actions)

    found = certificates(params, actions)
    assert list(np.asarray(found.certified)) == [True] * len(CASES) + [False] * len(wrong)
    # Cournot's point: the leader would gain its Stackelberg profit less its Cournot profit, the follower nothing
    np.testing.assert_allclose(found.gain["leader"][len(CASES)], 10.125 - 9.0, rtol=1e-9)
    np.testing.assert_allclose(found.gain["follower"][len(CASES)], 0.0, atol=1e-9)
    np.testing.assert_allclose(found.deviation["quantity"][len(CASES), 0], 4.5, rtol=1e-9)
    # a follower who does not answer well is found by its own regret: (2.5 - 2.25)^2
    np.testing.assert_allclose(found.gain["follower"][len(CASES) + 1], 0.0625, rtol=1e-9)


@pytest.mark.slow
def test_a_best_response_comes_with_the_answer_of_later_stages():
    params = jax.tree.map(lambda column: column[0], PARAMS)
    reply = eqs.best_response(market(params), "leader", {"quantity": [3.0, 3.0]})
    np.testing.assert_allclose(reply.actions["quantity"], [4.5, 2.25], rtol=1e-9)
    np.testing.assert_allclose(reply.gain, 1.125, rtol=1e-9)


def leaders_and_followers(a, cost, leaders):
    """Followers' reactions put into the leaders' Cournot game, which has the demand (a + sum of c_F - Q) / (m + 1)."""
    followers = len(cost) - leaders
    choke, slope = (a + np.sum(cost[leaders:])) / (followers + 1), 1 / (followers + 1)
    total = (leaders * choke - np.sum(cost[:leaders])) / ((leaders + 1) * slope)
    first = (choke - slope * total - cost[:leaders]) / slope
    return np.concatenate([first, choke - slope * total - cost[leaders:]])


@pytest.mark.slow
def test_two_leaders_and_two_followers():
    order = (("l1", "l2"), ("f1", "f2"))
    cost = np.array([1.0, 1.5, 2.0, 1.2])
    params = {"a": 12.0, "b": 1.0, "money": 1.0, "cost": cost, "capacity": np.full(4, 12.0)}
    found = eqs.solve_nash(market(params, order))
    assert found.to_numpy()["status"] == "converged"
    np.testing.assert_allclose(found.actions["quantity"], leaders_and_followers(12.0, cost, 2), rtol=1e-9)


@pytest.mark.slow
def test_three_stages():
    order = (("first",), ("second",), ("third",))
    params = {"a": 9.0, "b": 1.0, "money": 1.0, "cost": np.full(3, 1.0), "capacity": np.full(3, 9.0)}
    found = eqs.solve_nash(market(params, order), solver=eqs.Newton(sweeps=0))
    assert found.to_numpy()["status"] == "converged"
    np.testing.assert_allclose(found.actions["quantity"], [4.0, 2.0, 1.0], rtol=1e-9)


@pytest.mark.slow
def test_single_precision():
    params = jax.tree.map(lambda column: np.float32(column[0]), PARAMS)
    with jax.enable_x64(False):
        game = market(params)
        found = eqs.solve_nash(game)
        assert found.to_numpy()["status"] == "converged"
        np.testing.assert_allclose(found.actions["quantity"], [4.5, 2.25], rtol=3e-5)
        assert eqs.certify(game, found.actions).certified


@pytest.mark.slow
def test_second_derivatives_match_the_closed_form():
    def profit(cost):
        params = {"a": 10.0, "b": 1.0, "money": 1.0, "cost": cost, "capacity": jnp.full(2, 10.0)}
        return eqs.solve_nash(market(params)).objectives["leader"]

    # (a + c2 - 2 c1)^2 / 8
    np.testing.assert_allclose(jax.hessian(profit)(jnp.array([1.0, 1.5])), [[1.0, -0.5], [-0.5, 0.25]], atol=1e-8)


@pytest.mark.slow
def test_institutions_and_enumeration():
    params = jax.tree.map(lambda column: column[0], PARAMS)
    game = market(params)
    assert game.cooperative().order == (("planner",),)
    table = eqs.compare({"leader": game})
    np.testing.assert_allclose(table["leader"].loss, 81 / 4 - (10.125 + 5.0625), rtol=1e-9)
    found = eqs.enumerate_equilibria(game, starts=4)
    assert len(found) == 1
    np.testing.assert_allclose(found[0].actions["quantity"], [4.5, 2.25], rtol=1e-9)
