"""Which equilibria a market has: one, or none in pure strategies, shown by best replies in plain NumPy."""

import numpy as np
import pytest

import eqsolve as eqs
from eqsolve.demand import Uniform
from eqsolve.finite.double_oracle import grid_regret, mixed_play
from eqsolve.mechanisms.vertical import Contract, LinearDemand, VerticalMarket, diagnose
from eqsolve.problem import problem_of

CROSS, SPILL, HIGHEST, COST = 0.7, 0.9, 33.0, 2.0
LEVELS = (np.arange(48) + 0.5) / 8 - 3
FIRST, SECOND = (shock.ravel() for shock in np.meshgrid(LEVELS, LEVELS, indexing="ij"))


def market(cross, spill, highest):
    demand = LinearDemand(10.0, 1.0, cross, spill, Uniform(-3.0, 6.0))
    return VerticalMarket(demand, COST, Contract(COST), highest_price=highest)


def came(price, rival):
    """Customers of an outlet at many prices, in every scenario: they do not depend on its own stock."""
    own = np.maximum(10 - price[:, None] + CROSS * rival[0] + FIRST, 0)
    return own + SPILL * np.maximum(np.maximum(10 - rival[0] + CROSS * price[:, None] + SECOND, 0) - rival[1], 0)


def best_reply(rival):
    """At every price the best stock is a quantile of customers; the best of these prices."""
    prices = np.linspace(0, HIGHEST, 166)
    customers = np.sort(came(prices, rival), axis=1)
    rank = np.ceil((1 - COST / np.maximum(prices, COST)) * customers.shape[1]).astype(int)
    stocks = np.where(rank > 0, customers[np.arange(prices.size), np.maximum(rank - 1, 0)], 0.0)
    profits = prices * np.minimum(customers, stocks[:, None]).mean(axis=1) - COST * stocks
    return np.array([prices[profits.argmax()], stocks[profits.argmax()]])


def profit(own, rival):
    return own[0] * np.minimum(came(own[:1], rival)[0], own[1]).mean() - COST * own[1]


def test_best_replies_go_round():
    """An outlet undercuts a dear rival; facing a cheap one with little stock it waits for its spill at the top."""
    replies = [(20.0, 12.0)]
    for _ in range(12):
        replies.append(best_reply(replies[-1]))
    np.testing.assert_allclose(replies[-1], replies[-4])
    np.testing.assert_allclose(replies[-2], replies[-5])
    np.testing.assert_allclose(sorted(price for price, _ in replies[-3:]), [12.2, 17.6, 33.0])


def test_mixed_play_against_plain_numpy():
    problem = problem_of(market(CROSS, SPILL, HIGHEST).game())
    regret, profile = grid_regret(problem, 13)
    own, rival = profile[:, 0]
    # deviations on the grid gain no more than those in the whole box
    assert 1.0 < regret <= profit(best_reply(rival), rival) - profit(own, rival) + 0.05
    mixed = mixed_play(problem, profile, 1e-3)
    assert np.all(mixed.gain <= 1e-3 * mixed.payoff)
    actions, chances = mixed.actions, mixed.probabilities
    np.testing.assert_allclose(np.sum(chances, axis=1), 1.0)

    def against(own):
        return sum(c * profit(own, rival) for c, rival in zip(chances[1], actions[1], strict=True) if c > 1e-6)

    played = chances[0] > 1e-6
    value = np.sum(chances[0][played] * np.array([against(own) for own in actions[0][played]]))
    np.testing.assert_allclose(value, mixed.payoff[0], rtol=2e-3)
    rng = np.random.default_rng(1)
    prices, stocks = rng.uniform(0, HIGHEST, 400), rng.uniform(0, 25.0, 400)
    tried = np.array([against(own) for own in np.stack([prices, stocks], axis=1)])
    assert np.all(tried <= value * (1 + 2e-3))


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_markets_with_one_equilibrium_and_with_none():
    solver = eqs.Newton(sweeps=0)
    found = diagnose(market(CROSS, SPILL, HIGHEST), starts=16, solver=solver)
    assert len(found.pure) == 0
    assert found.smallest_regret > 1.0
    assert np.all(found.mixed.gain <= 1e-3 * found.mixed.payoff)
    assert "Mixed play" in str(found)
    one = diagnose(market(0.5, 0.2, 14.0), starts=16, solver=solver)
    assert len(one.pure) == 1
    assert one.kinked == (False,)
    assert one.mixed is None
    assert np.isnan(one.smallest_regret)
    np.testing.assert_allclose(one.pure[0].actions["price"], 7.993527937961877, rtol=1e-6)
    assert str(one).startswith("1 certified")


def test_misuse_is_named():
    with pytest.raises(ValueError, match="diagnose: grid is 1"):
        diagnose(market(0.5, 0.2, 14.0), grid=1)
    with pytest.raises(ValueError, match="diagnose: tolerance is 0"):
        diagnose(market(0.5, 0.2, 14.0), tolerance=0.0)
