"""Bounds that earlier actions move: a capacity that is built first, a demand that must be met later."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import eqsolve as eqs


def trade(params, actions, shock):
    """A supplier builds a capacity, then a buyer orders at the price w and resells at a - q."""
    capacity, order = actions["capacity"], actions["order"]
    build = params["r"] * capacity + 0.5 * params["s"] * capacity**2
    return {
        "supplier": (params["w"] - params["c"]) * order - build,
        "buyer": (params["a"] - order - params["w"]) * order,
    }


def room(params, earlier):
    lower, upper = {"capacity": 0.0}, {"capacity": params["a"]}
    if "capacity" in earlier:
        return lower | {"order": params["m"]}, upper | {"order": earlier["capacity"]}
    return lower, upper


def supply(params, **changes):
    fields = {
        "actions": [eqs.Action("capacity", (), "supplier"), eqs.Action("order", (), "buyer")],
        "bounds": room,
        "outcomes": trade,
        "pay": {"supplier": {"supplier": 1.0}, "buyer": {"buyer": 1.0}},
        "total": {"supplier": 1.0, "buyer": 1.0},
        "order": [["supplier"], ["buyer"]],
    }
    return eqs.Game(params, **(fields | changes))


# a, w, c, r, s, m (the least order): capacity and order, status
CASES = {
    # more capacity than the buyer wants is waste: a kink at (a - w) / 2
    "no spare capacity": ((10, 4, 1, 1, 0.0, 0), (3, 3), "kinked"),
    "not worth building": ((10, 4, 1, 4, 0.0, 0), (0, 0), "converged"),
    # (w - c - r) / s, where the bound of the order moves with the capacity
    "a short capacity": ((10, 4, 1, 1, 1.0, 0), (2, 2), "converged"),
    # the supplier would rather not build, but below m the buyer has nothing to choose
    "as little as the buyer can use": ((10, 4, 1, 4, 0.0, 1), (1, 1), "kinked"),
}


def stacked(rows):
    return dict(zip("awcrsm", np.array(rows, float).T, strict=True))


PARAMS = stacked([row for row, _, _ in CASES.values()])
ACTIONS = np.array([actions for _, actions, _ in CASES.values()], float)


def vector(found):
    return jnp.stack([found.actions["capacity"], found.actions["order"]])


@pytest.mark.slow
def test_a_capacity_that_bounds_the_order():
    def solve(params):
        def actions(params):
            found = eqs.solve_nash(supply(params))
            return vector(found), found

        return jax.jacfwd(actions, has_aux=True)(params)

    slopes, found = jax.jit(jax.vmap(solve))(PARAMS)
    assert list(found.to_numpy()["status"]) == [status for _, _, status in CASES.values()]
    np.testing.assert_allclose(jax.vmap(vector)(found), ACTIONS, atol=1e-9)
    np.testing.assert_allclose(found.multipliers["order"], [0, 6, 2, 4], atol=1e-8)  # a - w - 2 q
    short = {name: slope[2] for name, slope in slopes.items()}
    np.testing.assert_allclose(
        [short["w"], short["r"], short["s"], short["a"]], np.outer([1, -1, -2, 0], [1, 1]), atol=1e-9
    )


@pytest.mark.slow
def test_what_leaves_the_follower_nothing_is_no_deviation():
    game = supply(jax.tree.map(lambda column: column[3], PARAMS))
    certificate = eqs.certify(game, {"capacity": 1.0, "order": 1.0})
    assert certificate.certified
    assert int(certificate.nonfinite["supplier"]) == 0
    # with more than the least capacity the supplier would gain by building less
    assert float(eqs.certify(game, {"capacity": 2.0, "order": 2.0}).gain["supplier"]) == pytest.approx(1.0, abs=1e-9)


def test_a_planner_keeps_the_stages_where_bounds_move():
    plan = supply(jax.tree.map(lambda column: column[2], PARAMS)).cooperative()
    assert plan.order == (("planner",), ("planner, stage 2",))
    assert plan.actions[1].owner == "planner, stage 2"
    with pytest.raises(ValueError, match=r"game.limits\(actions\)"):
        plan.limits()
    upper = plan.limits({"capacity": jnp.asarray(1.5), "order": jnp.asarray(0.0)})[1]
    assert (float(upper["capacity"]), float(upper["order"])) == (10.0, 1.5)


@pytest.mark.slow
def test_the_first_best_within_moving_bounds():
    game = supply(jax.tree.map(lambda column: column[2], PARAMS))
    best = eqs.solve_first_best(game)
    np.testing.assert_allclose(vector(best), (10 - 1 - 1) / 3, rtol=1e-9)  # (a - c - r) / (2 + s)
    np.testing.assert_allclose(best.objectives["planner"], 64 / 6, rtol=1e-9)
    assert eqs.certify(game.cooperative(), best.actions, eqs.Search(points=(65, 9, 5))).certified


def gate(params, actions, shock):
    """A division posts a price per unit of capacity, another asks for capacity, the first then invests at cost c."""
    price, asked, built = actions["price"], actions["asked"], actions["built"]
    own = built - asked
    return {
        "gatekeeper": params["a1"] * own - 0.5 * own**2 - params["c"] * built + price * asked,
        "asker": params["a2"] * asked - 0.5 * asked**2 - price * asked,
    }


def at_least_what_was_asked(params, earlier):
    lower = {"price": 0.0, "asked": 0.0, "built": earlier.get("asked", 0.0)}
    return lower, {"price": params["a2"], "asked": params["a2"], "built": 2 * (params["a1"] + params["a2"])}


def gated(a1):
    """Three stages; the gatekeeper moves in two of them, as two players with the same pay."""
    return eqs.Game(
        {"a1": a1, "a2": 6.0, "c": 2.0},
        actions=[
            eqs.Action("price", (), "pricing"),
            eqs.Action("asked", (), "asker"),
            eqs.Action("built", (), "investing"),
        ],
        bounds=at_least_what_was_asked,
        outcomes=gate,
        pay={"pricing": {"gatekeeper": 1.0}, "asker": {"asker": 1.0}, "investing": {"gatekeeper": 1.0}},
        total={"gatekeeper": 1.0, "asker": 1.0},
        order=[["pricing"], ["asker"], ["investing"]],
    )


@pytest.mark.slow
def test_a_gatekeeper_who_prices_and_then_invests():
    own_use = np.array([5.0, 1.0])
    found = eqs.batch(gated)(own_use)
    assert np.all(found.to_numpy()["status"] == "converged")
    # the monopoly price (a2 + c) / 2; own capacity a1 - c where that is positive
    np.testing.assert_allclose(found.actions["price"], 4.0, rtol=1e-9)
    np.testing.assert_allclose(found.actions["asked"], 2.0, rtol=1e-9)
    np.testing.assert_allclose(found.actions["built"], 2.0 + np.maximum(own_use - 2.0, 0.0), rtol=1e-9)
