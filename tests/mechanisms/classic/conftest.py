"""Shared by the tests of the classical games: a brute-force search of deviations, and derivatives at corners."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest


@pytest.fixture
def largest_gain():
    """Search a fine grid for the best deviation of every player who owns one entry, with payoffs in plain NumPy.

    `payoff` maps profiles `[grid, players]` to payoffs `[grid, players]`. The grid includes both bounds. At an exact
    equilibrium the gain is at most rounding; elsewhere it is positive.
    """

    def search(payoff, actions, lower, upper, points=4001):
        actions = np.asarray(actions, float)
        lower, upper = (np.broadcast_to(np.asarray(bound, float), actions.shape) for bound in (lower, upper))
        here = payoff(actions[None])[0]
        gains = []
        for i in range(actions.size):
            profiles = np.tile(actions, (points, 1))
            profiles[:, i] = np.linspace(lower[i], upper[i], points)
            gains.append(payoff(profiles)[:, i].max() - here[i])
        return np.max(gains)

    return search


@eqx.filter_jit
def _derivatives(game, profiles):
    def outcomes(params, actions):
        values = game.with_params(params).expect(actions).values()
        return jnp.concatenate([jnp.ravel(value) for value in values])

    def one(actions):
        return (
            outcomes(game.params, actions),
            jax.jacfwd(jax.jacrev(outcomes, 1), 1)(game.params, actions),
            jax.jacrev(outcomes)(game.params, actions),
        )

    return jax.vmap(one)(profiles)


@pytest.fixture
def derivatives():
    """All outcomes at a stack of profiles, second derivatives in the actions (first ones on the way) and in parameters.

    Tests ask for them in 32 bit while 64 bit is on, which also shows that nothing is computed in another precision.
    """
    return _derivatives


@pytest.fixture
def assert_finite():
    def check(tree, dtype):
        leaves = jax.tree.leaves(tree)
        assert leaves
        for leaf in leaves:
            assert leaf.dtype == dtype
            assert np.all(np.isfinite(leaf)), leaf

    return check
