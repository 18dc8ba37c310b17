"""Propositions 1 to 5 as formulas of the first best, against numbers computed independently and against algebra."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from eqsolve.mechanisms.vertical import INSTRUMENTS, PROPOSITIONS, FirstBest, matching_buy_back, terms

# independent computation: consumers with reservation prices uniform on a square, loyal and comparing, cost 0.2
PLAN = {
    "price": 0.6346465524519586,
    "stock": 0.7302978816464281,
    "sales": 0.6349454611978966,
    "sells_out": 0.32927089176744145,
    "stockout": 0.32927089176744145,
    "own": -1.178895910579437,
    "cross": 0.17842492599001,
    "drain": -0.014134853877848408,
    "profit": 0.5138127432299566,
}
# proposition, share, then wholesale price, buy-back, royalty, revenue royalty, fee, outlet's profit
CASES = [
    ("2a", 0.5, 0.2089706362829887, 0.0, 0.0, 0.0, 0.25035513494049105, 0.0),
    (
        "2b",
        0.3653498929674857 / 0.6346465524519586,
        0.4540214441859311,
        0.3653498929674857,
        0,
        0,
        0,
        0.1062320456382881,
    ),
    ("2b", 1.0, 0.6346465524519586, 0.6346465524519586, 0.0, 0.0, 0.0, 0.0),
    (
        "2c",
        0.3653498929674857 / 0.6346465524519586,
        0.0886715512184454,
        0,
        0.3653498929674857,
        0,
        0,
        0.1062320456382881,
    ),
    ("3a", 0.5, 0.2089706362829887, 0.0, 0.0, 0.0, 0.25035513494049105, 0.0),
    ("3b", 0.5, 0.27339633591990364, 0.09605323348301287, 0.0, 0.0, 0.21246409127657623, 0.0),
    ("3c", 0.5, 0.4540214441859311, 0.3653498929674857, 0.0, 0.0, 0.0, 0.10623204563828814),
    ("3d", 0.5, 0.17734310243689078, 0.0, 0.09605323348301287, 0.0, 0.21246409127657623, 0.0),
    ("3e", 0.5, 0.08867155121844539, 0.0, 0.3653498929674857, 0.0, 0.0, 0.10623204563828813),
    ("4a", 0.3, 0.1462794453980921, 0.0, 0.0, 0.3, 0.0, 0.17524859445834376),
    ("4b", 0.3, 0.1462794453980921, 0.0, 0.0, 0.3, 0.0, 0.17524859445834376),
]


def plan(**changes):
    numbers = {name: jnp.asarray(value) for name, value in (PLAN | changes).items()}
    return FirstBest(**numbers, kinked=jnp.asarray(False), solved=jnp.asarray(True))


@pytest.fixture(autouse=True)
def _double():
    with jax.enable_x64(True):
        yield


@pytest.mark.parametrize("case", CASES, ids=[f"{case[0]}, share {case[1]:.2g}" for case in CASES])
def test_contracts_of_the_propositions(case):
    name, share, wholesale, buy_back, royalty, revenue_royalty, fee, rent = case
    found = terms(plan(), PROPOSITIONS[name], 0.0, share)
    contract = found.contract
    given = (contract.wholesale_price, contract.buy_back, contract.royalty, contract.revenue_royalty, contract.fee)
    np.testing.assert_allclose(given, (wholesale, buy_back, royalty, revenue_royalty, fee), rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(found.rent, rent, rtol=1e-9, atol=1e-12)
    assert bool(found.strict) == (share < 1)


def marginal_profits(contract, p, y, salvage, at):
    """An outlet's marginal profits in stock and price, written out from its profit."""
    w, b, r, mu = (contract.wholesale_price, contract.buy_back, contract.royalty, contract.revenue_royalty)
    per_sale = (1 - mu) * p - r - b - salvage
    in_stock = per_sale * at["sells_out"] + b + salvage - w
    in_price = (1 - mu) * at["sales"] + per_sale * at["own"]
    return in_stock, in_price


@pytest.mark.parametrize("salvage", [0.0, 0.05])
def test_every_contract_makes_the_plan_stationary_or_the_restraint_bind(salvage):
    # prices and stocks are best for the chain: (p - v)(s + drain) + v = c and sales + (p - v)(own + cross) = 0
    cross = -PLAN["sales"] / (PLAN["price"] - salvage) - PLAN["own"]
    for sign in (1.0, -1.0):
        at = PLAN | {"cross": sign * cross}
        at["sales"] = -(PLAN["price"] - salvage) * (PLAN["own"] + at["cross"])
        first = plan(**at)
        matching = float(matching_buy_back(first, jnp.asarray(salvage)))
        assert matching < at["price"] - salvage
        assert (matching > 0) == (sign > 0)
        for name in PROPOSITIONS:
            found = terms(first, PROPOSITIONS[name], salvage, 0.4)
            in_stock, in_price = marginal_profits(found.contract, at["price"], at["stock"], salvage, at)
            np.testing.assert_allclose(in_stock, 0.0, atol=1e-14)
            np.testing.assert_allclose(in_price, found.price_slope, atol=1e-13)
            if name in ("3b", "3d"):
                np.testing.assert_allclose(in_price, 0.0, atol=1e-13)
            elif name in ("3c", "3e", "5a", "5b"):
                assert in_price > 0  # the ceiling binds, whatever the sign of the horizontal externality
            elif name in ("3a", "4b") and salvage == 0.0:
                assert (in_price < 0) == (sign > 0)
                limits = (found.contract.floor == at["price"], found.contract.ceiling == at["price"])
                assert limits == ((True, False) if sign > 0 else (False, True))


def test_discrete_demand_leaves_a_range_of_wholesale_prices():
    found = terms(plan(sells_out=jnp.asarray(0.2), stockout=jnp.asarray(0.4)), PROPOSITIONS["2a"], 0.0, 0.5)
    assert 0.2 * PLAN["price"] < float(found.contract.wholesale_price) < 0.4 * PLAN["price"]


@pytest.mark.parametrize(
    ("match", "instruments"),
    [
        ("needs a 'wholesale price'", ["fee"]),
        ("'buyback' is unknown.*Did you mean 'buy-back'", ["wholesale price", "buyback"]),
        ("do one thing", ["wholesale price", "buy-back", "royalty"]),
        ("do one thing", ["wholesale price", "floor", "ceiling"]),
        ("needs a 'ceiling'", ["wholesale price", "buy-back", "floor"]),
    ],
)
def test_instruments_that_do_not_fit_are_named(match, instruments):
    with pytest.raises(ValueError, match=match):
        terms(plan(), instruments, 0.0, 0.5)
    with pytest.raises(TypeError, match="is the text"):
        terms(plan(), "wholesale price", 0.0, 0.5)
    assert set().union(*PROPOSITIONS.values()) <= set(INSTRUMENTS)
