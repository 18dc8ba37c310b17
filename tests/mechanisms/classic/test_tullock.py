import jax
import jax.numpy as jnp
import numpy as np
import pytest

from eqsolve.mechanisms.classic import Tullock, contest_share, tullock_equilibrium, tullock_first_order_efforts

shares_of = jax.jit(jax.vmap(contest_share, in_axes=(0, None, None)))


@jax.jit
def slopes_of(contest, effort):
    return jnp.diagonal(jax.jacfwd(lambda x: contest.game().expect({"effort": x})["payoff"])(effort))


def payoff(value, decisiveness=1.0, cost=1.0):
    def of(effort):
        weight = effort**decisiveness
        total = weight.sum(-1, keepdims=True)
        share = np.where(total > 0, weight / np.where(total > 0, total, 1), 1 / effort.shape[-1])
        return np.asarray(value) * share - np.asarray(cost) * effort

    return of


def gain_of(contest, effort, search, points=20_001):
    value, cost = np.asarray(contest.value), np.asarray(contest.cost)
    return search(payoff(value, float(contest.decisiveness), cost), effort, 0.0, value / cost, points)


@pytest.mark.parametrize("seed", range(6))
def test_no_player_gains_in_proportional_contests(seed, largest_gain):
    rng = np.random.default_rng(seed)
    players = rng.integers(2, 8)
    contest = Tullock(rng.uniform(0.5, 4, players), cost=rng.uniform(0.5, 2, players))
    effort = tullock_equilibrium(contest)
    assert gain_of(contest, effort, largest_gain) <= 1e-12
    assert gain_of(contest, 0.8 * effort, largest_gain) > 1e-4


def test_weak_players_stay_out():
    effort = tullock_equilibrium(Tullock([10.0, 8.0, 1.0, 0.5]))
    np.testing.assert_allclose(effort, [10.0**2 * 8 / 18**2, 10 * 8.0**2 / 18**2, 0.0, 0.0])


@pytest.mark.parametrize("decisiveness", [0.3, 1.0, 1.3, 1.5])
def test_equal_players(decisiveness, largest_gain):
    contest = Tullock([2.0] * 3, decisiveness, cost=0.5)
    effort = tullock_equilibrium(contest)
    np.testing.assert_allclose(effort, decisiveness * 2 / 9 * 2.0 / 0.5)  # r (n - 1) / n^2 v / c
    assert gain_of(contest, effort, largest_gain) <= 1e-12


@pytest.mark.parametrize("decisiveness", [0.4, 1.0, 1.3, 1.5, 2.0])
def test_two_players_and_their_existence_condition(decisiveness, largest_gain):
    contest = Tullock([3.0, 1.0], decisiveness, cost=[1.0, 0.5])  # worth 3 and 2
    effort = tullock_first_order_efforts(contest)
    exists = decisiveness <= 1 + (2 / 3) ** decisiveness
    assert exists == (decisiveness < 1.55)
    assert (gain_of(contest, effort, largest_gain) <= 1e-12) == exists
    if exists:
        np.testing.assert_allclose(tullock_equilibrium(contest), effort)
    else:
        with pytest.raises(ValueError, match="some players would rather spend nothing"):
            tullock_equilibrium(contest)


def test_first_order_efforts_of_a_decisive_contest_are_stationary_but_no_equilibrium(largest_gain):
    contest = Tullock([1.0, 1.0, 1.0], 2.5)
    effort = tullock_first_order_efforts(contest)
    np.testing.assert_allclose(slopes_of(contest, jnp.asarray(effort)), 0.0, atol=1e-14)
    assert gain_of(contest, effort, largest_gain) > 0.1
    with pytest.raises(ValueError, match="lower the decisiveness"):
        tullock_equilibrium(contest)


@pytest.mark.parametrize("decisiveness", [0.4, 1.0, 1.7, 4.0])
def test_outcomes_in_plain_numpy(decisiveness):
    contest = Tullock([3.0, 1.0, 2.0], decisiveness, cost=[1.0, 0.5, 1.0])
    for effort in ([0.3, 0.2, 0.9], [1e-5, 0.7, 0.0], [0.0, 0.0, 0.0], [3.0, 2.0, 2.0]):
        if 0.0 in effort and decisiveness < 1 and any(effort):
            continue  # slopes are infinite there, and the floor matters
        found = contest.game().expect({"effort": jnp.array(effort)})
        expected = payoff([3.0, 1.0, 2.0], decisiveness, [1.0, 0.5, 1.0])(np.array([effort]))[0]
        np.testing.assert_allclose(found["payoff"], expected, rtol=1e-13, atol=1e-13)
        np.testing.assert_allclose(found["total effort"], np.sum(effort), rtol=1e-14)


@pytest.mark.parametrize("decisiveness", [0.4, 1.0, 1.7, 4.0])
def test_shares_add_up_and_change_continuously_through_the_floor(decisiveness):
    floor = 1e-3
    for mix in ([1.0, 0.5, 0.0], [1.0, 1.0, 1.0]):
        path = jnp.linspace(0, 3, 3001)[:, None] * floor * jnp.array(mix)
        shares = shares_of(path, jnp.array(decisiveness), jnp.array(floor))
        np.testing.assert_allclose(shares.sum(1), 1.0, rtol=1e-14)
        assert np.all(shares >= 0)
        assert np.max(np.abs(np.diff(shares, axis=0))) < 1e-2
        np.testing.assert_allclose(shares[0], 1 / 3)


def test_slope_in_the_exact_region_is_that_of_the_power_law():
    effort, r = np.array([0.3, 0.2, 0.9]), 1.7
    found = jax.jacfwd(lambda x: contest_share(x, jnp.array(r), jnp.array(1e-6)))(jnp.asarray(effort))
    p = effort**r / np.sum(effort**r)
    np.testing.assert_allclose(found, r * (np.diag(p) - np.outer(p, p)) / effort, rtol=1e-12)


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64])
def test_derivatives_are_finite_at_corners(dtype, derivatives, assert_finite):
    corners = jnp.array([[0.0, 0.0], [1.0, 0.0], [0.0, 2.0], [1.0, 2.0]], dtype)
    for decisiveness in (0.3, 1.0, 1.5, 2.0, 5.0):
        contest = Tullock(jnp.array([1.0, 2.0], dtype), jnp.asarray(decisiveness, dtype))
        assert_finite(derivatives(contest.game(), {"effort": corners}), dtype)


@pytest.mark.parametrize("decisiveness", [0.3, 1.0, 3.0])
def test_nobody_is_content_where_nobody_spends(decisiveness):
    contest = Tullock([1.0, 3.0, 1e3], decisiveness)
    assert np.all(slopes_of(contest, jnp.zeros(3)) > 0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"value": [1.0]}, r"Tullock\.value has shape \(1,\); give a vector of 2 or more"),
        ({"value": [1.0, 0.0]}, r"Tullock\.value\[1\] is 0\.0; give numbers above zero"),
        ({"decisiveness": [1.0, 1.0]}, r"Tullock\.decisiveness has shape \(2,\); give one number"),
        ({"decisiveness": 0.0}, r"Tullock\.decisiveness is 0\.0"),
        ({"cost": [1.0, -1.0]}, r"Tullock\.cost\[1\] is -1\.0"),
        ({"players": ["a"]}, r"Tullock\.players is \('a',\); give 2 different names"),
    ],
)
def test_impossible_contests_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        Tullock(**({"value": [1.0, 1.0]} | change))


def test_closed_form_refuses_different_players_unless_proportional():
    with pytest.raises(ValueError, match="give two players, or equal ones"):
        tullock_equilibrium(Tullock([1.0, 2.0, 3.0], 0.5))
