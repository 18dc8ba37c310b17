"""Certificates against brute force on a fine grid and against points known to be, or not to be, equilibria."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from toys import oligopoly, oligopoly_quantities, quadratic_game

import eqsolve as eqs
from eqsolve.certify import own_curvatures
from eqsolve.problem import problem_of


def test_regret_equals_brute_force_on_a_grid_that_no_search_uses():
    game = oligopoly()
    at = {"quantity": np.array([1.0, 3.0, 0.2])}
    certificate = eqs.certify(game, at)
    grid = np.linspace(0, 10, 200_001)
    for i, cost in enumerate((1.0, 2.0, 0.5)):
        rest = at["quantity"].sum() - at["quantity"][i]
        profits = (10.0 - rest - grid - cost) * grid
        gain = profits.max() - (10.0 - rest - at["quantity"][i] - cost) * at["quantity"][i]
        np.testing.assert_allclose(certificate.gain[f"f{i}"], gain, rtol=1e-8)
        np.testing.assert_allclose(certificate.deviation["quantity"][i], grid[profits.argmax()], atol=5e-5)
    assert not certificate.certified


def test_an_equilibrium_is_certified_and_shown():
    certificate = eqs.certify(oligopoly(), {"quantity": oligopoly_quantities()})
    assert certificate.certified
    assert all(certificate.concave.values())
    np.testing.assert_allclose(list(certificate.curvature.values()), -2.0)
    np.testing.assert_allclose(certificate.monotonicity, -1.0, rtol=1e-12)  # -(I + 1 1') has eigenvalues -1 and -4
    assert "Certified" in str(certificate)


def test_a_small_profitable_deviation_is_not_certified():
    quantities = oligopoly_quantities()
    quantities[0] += 1e-3
    assert not eqs.certify(oligopoly(), {"quantity": quantities}).certified


@pytest.mark.parametrize("offset", [[20.0, 0, 0], [np.nan, 0, 0]])
def test_points_outside_the_box_and_nan_are_not_certified(offset):
    certificate = eqs.certify(oligopoly(), {"quantity": oligopoly_quantities() + np.array(offset)})
    assert not certificate.certified
    assert np.isnan(certificate.regret)


def hole(params, actions):
    x = actions["x"]
    return jnp.where((x > 0.6) & (x < 0.7), jnp.nan, -((x - params["at"]) ** 2))


def test_payoffs_that_are_not_finite_somewhere_prevent_a_certificate():
    game = eqs.game_from_payoffs({"x": hole}, {"x": (0.0, 1.0)}, {"at": 0.2})
    certificate = eqs.certify(game, {"x": 0.2})
    assert certificate.regret == 0
    assert certificate.nonfinite["x"] > 0
    assert not certificate.certified
    assert "not finite" in str(certificate)


def spike(params, actions):
    """A local maximum at 0.2 and a higher, narrow one at 0.83."""
    x = actions["x"]
    return -((x - 0.2) ** 2) + params["height"] * jnp.exp(-(((x - 0.83) / 0.01) ** 2))


def test_a_narrow_far_peak_is_found():
    game = eqs.game_from_payoffs({"x": spike}, {"x": (0.0, 1.0)}, {"height": 1.0})
    found = eqs.solve_nash(game, {"x": 0.2})
    assert found.status == eqs.Status.converged
    certificate = eqs.certify(game, found.actions)
    assert not certificate.certified
    np.testing.assert_allclose(certificate.deviation["x"], 0.83, atol=1e-3)
    assert eqs.certify(game.with_params({"height": 0.1}), found.actions).certified


def cliff(params, x):
    """Rises steeply to 0.34, then falls slowly."""
    return jnp.tanh((x["x"] - 0.33) * 500) - params["fall"] * x["x"]


@pytest.mark.parametrize("width", [10.0, 1e6, 1e9, 1e12])
def test_a_point_that_slopes_is_not_certified_however_wide_the_box(width):
    game = eqs.game_from_payoffs({"x": cliff}, {"x": (0.0, width)}, {"fall": 0.024})
    for x in (0.4, 0.9, 5.0, 29.802322387695312, 1000.0):
        if x < width:
            certificate = eqs.certify(game, {"x": x})
            assert not certificate.certified
            assert float(certificate.gain["x"]) > 1e-4
    found = eqs.solve_nash(game, {"x": 5.0}, solver=eqs.BestReply())
    np.testing.assert_allclose(found.actions["x"], 0.33 + np.arccosh(np.sqrt(500 / 0.024)) / 500, rtol=1e-9)
    assert eqs.certify(game, found.actions).certified


def root(params, x):
    return -params["size"] * jnp.sqrt(x["x"])


def test_the_best_point_is_certified_although_its_slope_is_infinite():
    game = eqs.game_from_payoffs(
        {"x": root, "y": lambda _, a: -((a["y"] - 1.0) ** 2)}, {"x": (0.0, 1.0), "y": (0.0, 2.0)}, {"size": 1.0}
    )
    assert eqs.certify(game, {"x": 0.0, "y": 1.0}).certified
    assert not eqs.certify(game, {"x": 0.1, "y": 1.0}).certified
    assert not eqs.certify(game, {"x": 0.0, "y": 0.9}).certified


MATRIX = np.array([[0.2, 0.1, 0.5, -0.3], [0.1, 0.0, 0.2, 0.4], [-0.4, 0.3, 0.1, 0.2], [0.3, 0.2, 0.2, -0.1]])
LINEAR = np.array([1.0, -0.5, 0.7, 0.3])


def test_two_actions_per_player_are_searched_jointly():
    game = quadratic_game(MATRIX, LINEAR)
    found = eqs.solve_nash(game)
    assert eqs.certify(game, found.actions).certified
    moved = {"left": found.actions["left"] + np.array([0.1, -0.1]), "right": found.actions["right"]}
    certificate = eqs.certify(game, moved)
    hessian = np.diag([-2.0, -2.0]) + MATRIX[:2, :2] + MATRIX[:2, :2].T
    step = np.array([0.1, -0.1])
    np.testing.assert_allclose(certificate.gain["row"], -0.5 * step @ hessian @ step, rtol=1e-6)


def test_own_curvature_is_the_largest_eigenvalue_on_free_actions():
    problem = problem_of(quadratic_game(MATRIX, LINEAR))
    hessian = np.diag([-2.0, -2.0]) + MATRIX[:2, :2] + MATRIX[:2, :2].T
    inside = own_curvatures(problem, jnp.zeros(4))
    np.testing.assert_allclose(inside[0], np.linalg.eigvalsh(hessian)[-1], rtol=1e-12)
    at_bound = own_curvatures(problem, jnp.array([10.0, 0.0, 10.0, -10.0]))
    np.testing.assert_allclose(at_bound[0], hessian[1, 1], rtol=1e-12)
    assert at_bound[1] == -jnp.inf


def many(params, actions, shock):
    """One player with five actions and one with one; the first has a decoy maximum far from the best."""
    x, y = actions["x"], actions["y"]
    near = -jnp.sum((x - 0.2) ** 2)
    far = 2.0 - 3 * jnp.sum((x - 0.8) ** 2)
    return {"u": jnp.stack([jnp.maximum(near, far), -((y - jnp.mean(x)) ** 2)])}


def test_players_with_many_actions_are_searched_from_several_starts():
    game = eqs.Game(
        0.0,
        actions=[eqs.Action("x", (5,), "a"), eqs.Action("y", (), "b")],
        bounds=eqs.Box({"x": 0.0, "y": 0.0}, {"x": 1.0, "y": 1.0}),
        outcomes=many,
        pay={"a": {"u": np.array([1.0, 0.0])}, "b": {"u": np.array([0.0, 1.0])}},
        total={"u": 1.0},
    )
    low = eqs.certify(game, {"x": np.full(5, 0.2), "y": 0.2})
    assert not low.certified
    np.testing.assert_allclose(low.gain["a"], 2.0, rtol=1e-9)
    assert np.all(np.isnan(low.spacing["x"]))
    assert "several starts" in str(low)
    assert eqs.certify(game, {"x": np.full(5, 0.8), "y": 0.8}).certified
    best = eqs.solve_nash(game, {"x": np.full(5, 0.2), "y": 0.2}, eqs.BestReply())
    np.testing.assert_allclose(best.actions["x"], 0.8, atol=1e-9)


def hill(params, actions):
    return -((actions["x"] - params["at"]) ** 2)


def test_infinite_actions_need_a_declared_box():
    game = eqs.game_from_payoffs({"x": hill}, {"x": (-np.inf, np.inf)}, {"at": 7.0})
    with pytest.raises(ValueError, match=r"action 'x' are infinite.*Search\(box="):
        eqs.certify(game, {"x": 7.0})
    certificate = eqs.certify(game, {"x": 7.0}, eqs.Search(box={"x": (0.0, 50.0)}))
    assert certificate.certified
    assert (certificate.lower["x"], certificate.upper["x"]) == (0.0, 50.0)
    inside_a_trace = jax.jit(lambda x: eqs.certify(game, {"x": x}).certified)
    assert not inside_a_trace(7.0)  # nothing was searched, so nothing is certified


@pytest.mark.parametrize(
    ("match", "call"),
    [
        ("samples is 0", lambda g: eqs.certify(g, {"quantity": np.ones(3)}, samples=0)),
        ("tolerance is -1", lambda g: eqs.certify(g, {"quantity": np.ones(3)}, tolerance=-1.0)),
        ("action 'q' is unknown", lambda g: eqs.certify(g, {"q": np.ones(3)})),
        ("has shape", lambda g: eqs.certify(g, {"quantity": np.ones(2)})),
        (
            "box: action 'price' is unknown",
            lambda g: eqs.certify(g, {"quantity": np.ones(3)}, eqs.Search(box={"price": (0, 1)})),
        ),
        ("points is", lambda g: eqs.Search(points=(1, 2, 3))),
        ("starts is 0", lambda g: eqs.Search(starts=0)),
    ],
)
def test_certify_names_what_is_wrong(match, call):
    with pytest.raises(ValueError, match=match):
        call(oligopoly())
