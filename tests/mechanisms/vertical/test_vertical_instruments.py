"""Quantity flexibility and sales rebates: against enumeration, finite differences and the closed form."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from vertical_reference import callers

from eqsolve.demand import Uniform
from eqsolve.demand.joint import JointTable
from eqsolve.mechanisms.vertical import Contract, LinearDemand, VerticalMarket, dictated_price, externalities

POINTS = np.array([[-2.5, 1.0], [0.5, 2.0], [2.0, -1.5], [2.5, 2.5], [-1.0, -2.0]])
CHANCES = np.array([0.1, 0.25, 0.3, 0.15, 0.2])
CASES = {  # what is stacked: two outlets with their own terms, corners among them
    "flexibility": [[0.3, 0.6], [0.0, 1.0], [0.25, 0.25], [0.5, 0.1]],
    "rebate_from": [[3.0, 4.0], [0.0, 20.0], [5.0, 2.0], [2.5, 4.5]],
    "price": [[7.0, 8.0], [9.0, 6.5], [7.5, 7.5], [8.0, 5.0]],
    "stock": [[6.0, 4.5], [5.0, 7.0], [5.0, 0.0], [7.0, 9.0]],
    "wholesale_price": [[3.0, 2.5], [2.0, 4.0], [0.9, 0.5], [3.5, 3.0]],  # in the third case keeping is better
}


def bound(terms, shocks, goodwill=None):
    contract = Contract(
        terms["wholesale_price"],
        fee=0.5,
        buy_back=[0.4, 0.2],
        royalty=0.1,
        revenue_royalty=0.15,
        flexibility=terms["flexibility"],
        rebate=[0.8, 1.2],
        rebate_from=terms["rebate_from"],
    )
    demand = LinearDemand(10.0, 1.0, 0.5, 0.3, shocks)
    return VerticalMarket(demand, 2.0, contract, highest_price=14.0, salvage=[0.3, 0.6], goodwill=goodwill)


def enumerated(case):
    """What the outlets earn, scenario by scenario: every unit is counted once it is known what happened."""
    p, y, w = case["price"], case["stock"], case["wholesale_price"]
    total = np.zeros(2)
    for point, chance in zip(POINTS, CHANCES, strict=True):
        came, _, _ = callers(10 - p + 0.5 * p[::-1] + point, y, share=0.3)
        for i in (0, 1):
            sold = min(y[i], came[i])
            left = y[i] - sold
            kept_value = (0.4, 0.2)[i] + (0.3, 0.6)[i]
            back = min(left, case["flexibility"][i] * y[i]) if w[i] > kept_value else 0.0
            earned = 0.85 * p[i] * sold - 0.1 * sold - w[i] * y[i] - 0.5
            earned += w[i] * back + kept_value * (left - back)
            total[i] += chance * (earned + (0.8, 1.2)[i] * max(sold - case["rebate_from"][i], 0.0))
    return total


def test_payoffs_in_every_scenario():
    cases = {name: np.array(rows) for name, rows in CASES.items()}

    @jax.jit
    @jax.vmap
    def expect(case):
        game = bound(case, JointTable(POINTS, CHANCES)).game()
        return game.expect({"price": case["price"], "stock": case["stock"]})

    found = expect(cases)
    for k in range(4):
        wanted = enumerated({name: rows[k] for name, rows in cases.items()})
        np.testing.assert_allclose(found["outlet profit"][k], wanted, rtol=1e-12, atol=1e-12)
    parties = jnp.sum(found["outlet profit"], axis=1) + found["manufacturer profit"]
    np.testing.assert_allclose(parties, found["chain profit"], rtol=1e-12)
    np.testing.assert_allclose(found["returned"][1, 1], found["leftover"][1, 1], rtol=1e-12)  # all may go back
    assert found["returned"][1, 0] == 0.0
    assert found["rewarded"][1, 1] == 0.0  # a target beyond the stock


@pytest.mark.slow
def test_slopes_and_externalities_against_finite_differences():
    step, actions = 1e-5, np.array([7.3, 8.1, 6.2, 5.3])
    terms = {"flexibility": [0.35, 0.5], "rebate_from": [4.0, 6.0], "wholesale_price": [3.0, 2.6]}
    market = bound(terms, Uniform(-3.0, 6.0), goodwill=0.2)

    @jax.jit
    def expect(x):
        return jax.vmap(lambda x: market.game().expect({"price": x[:2], "stock": x[2:]}))(x)

    moved = expect(actions + step * np.concatenate([np.eye(4), -np.eye(4)]))
    given = jax.jit(lambda x: market.game().slopes({"price": x[:2], "stock": x[2:]}))(actions)
    for name, row in given.items():
        wanted = (moved[name][:4] - moved[name][4:]).T / (2 * step)
        slopes = jnp.concatenate([row["price"], row["stock"]], axis=-1)
        np.testing.assert_allclose(slopes, wanted, atol=1e-8, err_msg=name)
    parts = jax.jit(externalities)(dataclasses.replace(market, goodwill=None), actions[:2], actions[2:])
    for part, k in ((parts.price, 0), (parts.stock, 2)):
        pieces = part.unit_price + part.buy_back + part.royalty + part.revenue_royalty + part.flexibility + part.rebate
        np.testing.assert_allclose(pieces, part.vertical, rtol=1e-12)
        np.testing.assert_allclose(part.collective + part.vertical + part.horizontal, part.private, rtol=1e-12)
        assert np.all(np.abs(np.asarray([part.flexibility[0], part.flexibility[1], part.rebate[0]])) > 1e-3)
        assert part.rebate[1] == 0.0  # its target lies beyond its stock
        # what the manufacturer gets from the outlet, in finite differences and without goodwill
        for i in (0, 1):
            own = k + i
            chain, outlet = (moved[name][own] - moved[name][own + 4] for name in ("chain profit", "outlet profit"))
            lost = 0.2 * (moved["sales"][own] - moved["sales"][own + 4])
            sent = 0.2 * (callers_of(moved, own) - callers_of(moved, own + 4))
            np.testing.assert_allclose(part.collective[i], (chain + np.sum(sent - lost)) / (2 * step), atol=1e-8)
            np.testing.assert_allclose(part.private[i], (outlet + sent - lost)[i] / (2 * step), atol=1e-8)


def callers_of(found, k):
    return found["sales"][k] / found["fill rate"][k]


def test_flexibility_coordinates_a_single_newsvendor():
    """Cachon (2003): the share s that may go back and w = p (1 - F(y)) / (1 - F(y) + (1 - s) F((1 - s) y))."""
    price, cost, low, width = 6.0, 1.5, 1.0, 6.0  # demand 10 - 6 + U[-3, 3], from 1 to 7
    stock = low + width * (1 - cost / price)
    share = np.array([0.0, 0.1, 0.3, 0.7, 1.0])
    below = np.clip(((1 - share) * stock - low) / width, 0, 1)
    wholesale = cost / (cost / price + (1 - share) * below)
    np.testing.assert_allclose([wholesale[0], wholesale[-1]], [cost, price], rtol=1e-12)

    def market(w, s):
        demand = LinearDemand(10.0, 1.0, 0.0, 0.0, Uniform(-3.0, 6.0))
        return VerticalMarket(demand, cost, dictated_price(price, w, flexibility=s), highest_price=14.0)

    @jax.jit
    @jax.vmap
    def outlet(w, s):
        game = market(w, s).game()
        slope = game.slopes({"price": jnp.full(2, price), "stock": jnp.full(2, stock)})["outlet profit"]["stock"]

        def profit(y):
            return game.expect({"price": jnp.full(2, price), "stock": jnp.stack([y, y])})["outlet profit"][0]

        return slope[0, 0], profit(stock), jax.vmap(profit)(jnp.linspace(0.0, 7.7, 400))

    slope, profit, elsewhere = outlet(wholesale, share)
    np.testing.assert_allclose(slope, 0.0, atol=1e-12)
    assert np.all(profit[:, None] >= elsewhere - 1e-12)  # no other stock is better
    np.testing.assert_allclose(profit[-1], 0.0, atol=1e-12)
    assert np.all(np.diff(profit) < 0)  # the more may go back, the more the manufacturer keeps


def test_misuse_is_named():
    with pytest.raises(ValueError, match=r"Contract.flexibility is 1.5"):
        Contract(2.0, flexibility=1.5)
    with pytest.raises(ValueError, match=r"rebate is 1.0 and rebate_from None; give both"):
        Contract(2.0, rebate=1.0)
    with pytest.raises(ValueError, match=r"Contract.rebate_from.* -1.0"):
        Contract(2.0, rebate=1.0, rebate_from=-1.0)
    pair = jnp.ones(2)
    with pytest.raises(ValueError, match=r"has a flexibility; give the expected units returned"):
        Contract(2.0, flexibility=0.5).payment(pair, pair, pair)
    terms = {"rebate_from": 1.0, "wholesale_price": 2.0}
    cost = jax.jit(lambda s: bound(terms | {"flexibility": s}, Uniform(-3.0, 6.0)).game().params.cost)(1.5)
    assert np.all(np.isnan(cost))
