"""The entry points: starts, statuses, first best, best response, enumeration and comparison."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from toys import oligopoly, oligopoly_quantities

import eqsolve as eqs


@pytest.mark.parametrize(
    ("match", "start"),
    [
        (r"start\['quantity'\] is .*outside its bounds", {"quantity": [1.0, 2.0, 11.0]}),
        ("outside its bounds", {"quantity": [1.0, 2.0, np.nan]}),
        ("has shape", {"quantity": 1.0}),
        ("action 'quantty' is unknown.*Did you mean 'quantity'", {"quantty": np.ones(3)}),
        ("has no entry 'quantity'", {}),
        ("give a dict", [1.0, 2.0, 3.0]),
    ],
)
def test_starts_are_checked(match, start):
    with pytest.raises((ValueError, TypeError), match=match):
        eqs.solve_nash(oligopoly(), start)


def test_a_traced_start_outside_the_bounds_is_infeasible():
    found = jax.jit(lambda q: eqs.solve_nash(oligopoly(), {"quantity": q}))(jnp.array([1.0, 2.0, 11.0]))
    assert found.status == eqs.Status.infeasible
    assert np.all(np.isnan(found.actions["quantity"]))


def root(params, actions):
    return jnp.sqrt(actions["x"] - params["from"]) - actions["x"]


@pytest.mark.parametrize(("origin", "status"), [(1.0, "converged"), (2.0, "nonfinite")])
def test_nan_payoffs_stop_at_the_start_or_are_avoided(origin, status):
    game = eqs.game_from_payoffs({"x": root}, {"x": (0.0, 3.0)}, {"from": origin})
    found = eqs.solve_nash(game)
    assert found.to_numpy()["status"] == status
    np.testing.assert_allclose(found.actions["x"], 1.25 if status == "converged" else np.nan)


@pytest.mark.parametrize("solver", [eqs.Ascent(), "newton", eqs.GlobalAscent])
def test_a_solver_must_be_one(solver):
    with pytest.raises(TypeError, match="solver is"):
        eqs.solve_nash(oligopoly(), solver=solver)


@pytest.mark.parametrize(
    ("match", "build"),
    [
        ("max_steps", lambda: eqs.Newton(max_steps=0)),
        ("tolerance", lambda: eqs.Newton(tolerance=0.0)),
        ("damping", lambda: eqs.BestReply(damping=0.0)),
        ("damping", lambda: eqs.BestReply(damping=1.5)),
        ("max_sweeps", lambda: eqs.BestReply(max_sweeps=0)),
        ("starts", lambda: eqs.GlobalAscent(starts=0)),
        (r"GlobalAscent\.starts is 1\.5; give a whole number", lambda: eqs.GlobalAscent(starts=1.5)),
        (r"Search\.starts is True; give a whole number", lambda: eqs.Search(starts=True)),
        (r"Search\.peaks is 'x'; give a whole number", lambda: eqs.Search(peaks="x")),
        (r"GlobalAscent\.points is \(1, 2, 3\)", lambda: eqs.GlobalAscent(points=(1, 2, 3))),
        (r"GlobalAscent\.points is \(9, 9\)", lambda: eqs.GlobalAscent(points=(9, 9))),
        (r"Search\.points is \[9, 9, 9\]; give a tuple", lambda: eqs.Search(points=[9, 9, 9])),
        ("max_rejections", lambda: eqs.Ascent(max_rejections=0)),
    ],
)
def test_solvers_check_their_settings(match, build):
    with pytest.raises(ValueError, match=match):
        build()


@pytest.mark.parametrize(
    ("peak", "points", "found"),
    [(0.6, (129, 5, 5), 0.6), (0.6, (3, 5, 5), 0.0), (0.77, (3, 5, 5), 0.77)],  # a quarter from an end is always tried
)
def test_a_narrow_peak_is_found_where_a_point_that_is_tried_lies_on_it(peak, points, found):
    def spike(params, actions):
        x = actions["x"]
        return jnp.exp(-(((x - params["peak"]) / 0.02) ** 2)) - 0.1 * x

    game = eqs.game_from_payoffs({"x": spike}, {"x": (0.0, 1.0)}, {"peak": peak})
    best = eqs.solve_first_best(game, solver=eqs.GlobalAscent(starts=1, points=points))
    np.testing.assert_allclose(best.actions["x"], found, atol=1e-3)


@pytest.mark.parametrize(
    "solver",
    [eqs.BestReply(damping=0.5), eqs.BestReply(simultaneous=True, damping=0.4)],
    ids=["damped", "simultaneous and damped"],
)
def test_best_reply_variants_agree_with_the_closed_form(solver):
    found = eqs.solve_nash(oligopoly(), solver=solver)
    assert found.status == eqs.Status.converged
    np.testing.assert_allclose(found.actions["quantity"], oligopoly_quantities(), rtol=1e-10)


def test_relabelling_players_relabels_the_answer():
    order = [2, 0, 1]
    costs = np.array([1.0, 2.0, 0.5])
    found = eqs.solve_nash(oligopoly(costs=costs))
    relabelled = eqs.solve_nash(oligopoly(costs=costs[order]))
    np.testing.assert_allclose(relabelled.actions["quantity"], found.actions["quantity"][jnp.array(order)], rtol=1e-12)


@pytest.mark.parametrize("factor", [1e-6, 1e6])
def test_rescaling_payoffs_changes_nothing_but_payoffs(factor):
    game = oligopoly()
    scaled = game.with_pay({p: {"profit": factor * np.asarray(c["profit"])} for p, c in game.pay.items()})
    found, wanted = eqs.solve_nash(scaled), eqs.solve_nash(game)
    np.testing.assert_allclose(found.actions["quantity"], wanted.actions["quantity"], rtol=1e-12)
    np.testing.assert_allclose(found.objectives["f1"], factor * wanted.objectives["f1"], rtol=1e-12)
    assert found.status == eqs.Status.converged


def bumpy(params, actions, shock):
    """Saddle at the origin, four hills of different heights: the highest at about (1, 1)."""
    x = actions["x"]
    return {"value": jnp.sum(2 * x**2 - x**4) + params["tilt"] @ x}


def bumpy_game(tilt):
    return eqs.Game(
        {"tilt": np.asarray(tilt)},
        actions=[eqs.Action("x", (2,), ("a", "b"))],
        bounds=eqs.Box({"x": -2.0}, {"x": 2.0}),
        outcomes=bumpy,
        pay={"a": {"value": 1.0}, "b": {"value": 0.0}},
        total={"value": 1.0},
    )


@pytest.mark.parametrize("tilt", [(0.1, 0.2), (-0.1, 0.2), (0.05, -0.3)])
def test_first_best_is_global_whatever_the_start(tilt):
    grid = np.linspace(-2, 2, 4001)
    values = 2 * grid**2 - grid**4
    wanted = sum(np.max(values + t * grid) for t in tilt)
    for start in ([0.0, 0.0], [-1.0, -1.0], [2.0, -2.0]):
        best = eqs.solve_first_best(bumpy_game(tilt), {"x": start})
        assert best.status == eqs.Status.converged
        np.testing.assert_allclose(
            best.objectives["planner"], wanted, atol=2e-6
        )  # grid spacing squared times curvature


def test_a_saddle_is_not_called_a_maximum():
    found = eqs.solve_nash(bumpy_game((0.0, 0.0)).cooperative(), {"x": [0.0, 0.0]}, eqs.Newton())
    assert found.status == eqs.Status.not_maximum


def test_first_best_of_a_kinked_total_is_exact():
    def ridge(params, actions, shock):
        x = actions["x"]
        return {"value": -params * jnp.abs(x[0] + 0.7 * x[1] - 1.0) - jnp.abs(x[1] - 0.3 * x[0] - 0.2)}

    game = eqs.Game(
        50.0,
        actions=[eqs.Action("x", (2,), "a")],
        bounds=eqs.Box({"x": -4.0}, {"x": 4.0}),
        outcomes=ridge,
        pay={"a": {"value": 1.0}},
        total={"value": 1.0},
    )
    best = eqs.solve_first_best(game)
    wanted = np.linalg.solve([[1.0, 0.7], [-0.3, 1.0]], [1.0, 0.2])
    np.testing.assert_allclose(best.actions["x"], wanted, atol=1e-10)
    assert best.status == eqs.Status.kinked


def test_best_response_reports_payoff_and_gain():
    reply = eqs.best_response(oligopoly(), "f1", {"quantity": [1.0, 0.0, 2.0]})
    np.testing.assert_allclose(reply.actions["quantity"], [1.0, 2.5, 2.0], rtol=1e-12)  # (10 - 3 - 2) / 2
    np.testing.assert_allclose([reply.payoff, reply.gain], 6.25, rtol=1e-12)
    with pytest.raises(ValueError, match="player 'f7' is unknown"):
        eqs.best_response(oligopoly(), "f7", {"quantity": np.ones(3)})


def coordinate(params, actions, shock):
    x = actions["x"]
    return {"u": params * x * x[::-1] - 0.3 * x}


def coordination(strength=1.0):
    return eqs.Game(
        strength,
        actions=[eqs.Action("x", (2,), ("a", "b"))],
        bounds=eqs.Box({"x": 0.0}, {"x": 1.0}),
        outcomes=coordinate,
        pay={"a": {"u": np.array([1.0, 0])}, "b": {"u": np.array([0, 1.0])}},
        total={"u": 1.0},
    )


def test_enumeration_finds_every_equilibrium_of_a_coordination_game():
    found = eqs.enumerate_equilibria(coordination())
    points = sorted(tuple(np.round(e.actions["x"], 9)) for e in found.equilibria)
    np.testing.assert_allclose(points, [(0.0, 0.0), (0.3, 0.3), (1.0, 1.0)], atol=1e-9)
    assert sum(found.statuses.values()) == found.starts
    assert str(found).startswith("3 certified equilibria from 64 starts")
    with pytest.raises(ValueError, match="starts is 0"):
        eqs.enumerate_equilibria(coordination(), starts=0)


def matching(params, actions, shock):
    x = actions["x"]
    return {"u": jnp.stack([(x[0] - x[1]) ** 2, -((x[0] - x[1]) ** 2)])}


def test_enumeration_reports_that_it_found_none():
    game = coordination()
    game = eqs.Game(0.0, actions=game.actions, bounds=game.bounds, outcomes=matching, pay=game.pay, total=game.total)
    found = eqs.enumerate_equilibria(game, starts=16)
    assert len(found) == 0
    assert "0 certified equilibria" in str(found)


def test_comparison_ranks_institutions():
    game = oligopoly(costs=(1.0, 1.0))
    table = eqs.compare(
        {
            "duopoly": game,
            "cartel": game.coalition({"f0", "f1"}),
            "half pay": game.with_pay({"f0": {"profit": np.array([0.5, 0.5])}, "f1": {"profit": np.array([0.5, 0.5])}}),
        }
    )
    np.testing.assert_allclose(table["duopoly"].loss, 81 / 4 - 2 * 9, rtol=1e-9)
    np.testing.assert_allclose(table["cartel"].loss, 0, atol=1e-9)
    np.testing.assert_allclose(table["half pay"].loss, 0, atol=1e-9)  # joint profit shared is joint profit maximised
    assert "duopoly" in str(table)
    with pytest.raises(ValueError, match="no games"):
        eqs.compare({})


def test_results_print_and_convert():
    found = eqs.solve_nash(oligopoly(costs=(1.0, 9.5, 0.5)))
    shown = str(found)
    assert "lower bound, multiplier" in shown
    assert "converged" in shown
    plain = found.to_numpy()
    assert plain["status"] == "converged"
    assert plain["active"]["quantity"].tolist() == [0, -1, 0]
    # the idle firm's marginal profit at zero: price minus cost
    np.testing.assert_allclose(plain["multipliers"]["quantity"][1], 10 - plain["outcomes"]["output"] - 9.5, rtol=1e-9)


def test_a_game_without_incentives_is_degenerate_and_stays_put():
    game = oligopoly()
    silent = game.with_pay({player: {} for player in game.players})
    for solver in (eqs.Newton(), eqs.BestReply()):
        found = eqs.solve_nash(silent, {"quantity": [1.0, 2.0, 3.0]}, solver)
        assert found.status == eqs.Status.degenerate
        np.testing.assert_array_equal(found.actions["quantity"], [1.0, 2.0, 3.0])
