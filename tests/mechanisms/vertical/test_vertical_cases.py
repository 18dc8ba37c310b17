"""Worked cases of contracts: consumers who choose, markets of any size, shoppers on a line.

All numbers come from an independent computation.
"""

import jax
import jax.numpy as jnp
import numpy as np

from eqsolve.demand import DiscreteTable, Uniform
from eqsolve.mechanisms.vertical import (
    PROPOSITIONS,
    ConsumerChoice,
    Contract,
    ScaledDemand,
    SpatialDemand,
    UniformShoppers,
    VerticalMarket,
    expected_sales,
    plan_at,
    terms,
)

COST, PRICE, STOCK = 0.2, 0.6346465524519586, 0.7302978816464281
BACK, MIDDLE = 0.09605323348301287, 0.3653498929674857
# by proposition and share of its free instrument: w, b, r, mu, F, what an outlet earns
CONTRACTS = {
    ("2a", 0.5): (0.2089706362829887, 0.0, 0.0, 0.0, 0.25035513494049105, 0.0),
    ("2b", MIDDLE / PRICE): (0.4540214441859311, MIDDLE, 0.0, 0.0, 0.0, 0.10623204563828814),
    ("2b", 1.0): (PRICE, PRICE, 0.0, 0.0, 0.0, 0.0),
    ("2c", MIDDLE / PRICE): (0.08867155121844539, 0.0, MIDDLE, 0.0, 0.0, 0.10623204563828813),
    ("3a", 0.5): (0.2089706362829887, 0.0, 0.0, 0.0, 0.25035513494049105, 0.0),
    ("3b", 0.5): (0.27339633591990364, BACK, 0.0, 0.0, 0.21246409127657623, 0.0),
    ("3c", 0.5): (0.4540214441859311, MIDDLE, 0.0, 0.0, 0.0, 0.10623204563828814),
    ("3d", 0.5): (0.17734310243689078, 0.0, BACK, 0.0, 0.21246409127657623, 0.0),
    ("3e", 0.5): (0.08867155121844539, 0.0, MIDDLE, 0.0, 0.0, 0.10623204563828813),
    ("4a", 0.3): (0.1462794453980921, 0.0, 0.0, 0.3, 0.0, 0.17524859445834376),
    ("4b", 0.3): (0.1462794453980921, 0.0, 0.0, 0.3, 0.0, 0.17524859445834376),
}


def market(size=1.0):
    common = DiscreteTable([0.6, 1.0, 1.4], [0.3, 0.4, 0.3])
    demand = ScaledDemand(ConsumerChoice(UniformShoppers(), Uniform(0.5, 1.0), common), size)
    return VerticalMarket(demand, COST, Contract(COST), highest_price=1.0)


def marginal(market, price, stock):
    """The chain's marginal profit in the common price and the common stock."""
    actions = {"price": jnp.stack([price, price]), "stock": jnp.stack([stock, stock])}
    slopes = market.game().slopes(actions)["chain profit"]
    return jnp.stack([jnp.sum(slopes["price"]), jnp.sum(slopes["stock"])])


def test_contracts_and_their_independence_of_the_size_of_the_market():
    """Propositions 2 to 5 where consumers choose: one contract for all sizes."""
    sizes = np.array([0.5, 1.0, 2.0, 3.7])

    @jax.jit
    @jax.vmap
    def described(size):
        return plan_at(market(size), PRICE, STOCK * size), marginal(market(size), jnp.asarray(PRICE), STOCK * size)

    plans, slopes = described(sizes)
    np.testing.assert_allclose(slopes / sizes[:, None], 0.0, atol=1e-7)  # the plan is stationary at every size
    np.testing.assert_allclose(plans.profit / sizes, 0.5138127432299566, rtol=1e-8)
    np.testing.assert_allclose(plans.sales / sizes, 0.6349454611978966, rtol=1e-8)
    np.testing.assert_allclose(plans.sells_out, 0.32927089176744145, rtol=1e-7)
    np.testing.assert_allclose(plans.own / sizes, -1.178895910579437, rtol=1e-7)
    np.testing.assert_allclose(plans.cross / sizes, 0.17842492599001, rtol=1e-6)
    np.testing.assert_allclose(plans.drain, -0.014134853877848408, rtol=1e-6)
    for (name, share), (w, b, r, mu, fee, rent) in CONTRACTS.items():
        found = jax.vmap(lambda plan, name=name, share=share: terms(plan, PROPOSITIONS[name], 0.0, share))(plans)
        contract = found.contract
        for value, wanted in ((contract.wholesale_price, w), (contract.buy_back, b), (contract.royalty, r)):
            np.testing.assert_allclose(value, wanted, rtol=1e-6, atol=1e-9, err_msg=name)
        np.testing.assert_allclose(contract.revenue_royalty, mu, rtol=1e-12)
        np.testing.assert_allclose(contract.fee / sizes, fee, rtol=1e-6, atol=1e-9, err_msg=name)
        np.testing.assert_allclose(found.rent / sizes, rent, rtol=1e-6, atol=1e-9, err_msg=name)
        if name[0] == "3" and name != "3a":  # the printed (13) and (14) would give b = 0.668 and w = 0.639
            assert np.all(contract.buy_back < contract.wholesale_price)


def test_no_deviation_on_a_grid_pays_where_consumers_choose():
    """Propositions 2 to 4: expected sales at every price and stock of one outlet, from which pay follows by hand."""
    prices, stocks = (np.append(np.linspace(0, high, 31), own) for high, own in ((1.0, PRICE), (2.5, STOCK)))
    price, stock = (grid.ravel() for grid in np.meshgrid(prices, stocks))
    alone = np.stack([price, np.full_like(price, PRICE), stock, np.full_like(stock, STOCK)], axis=1)
    together = np.stack([price, price, stock, stock], axis=1)
    demand = market().demand
    sell = jax.jit(lambda rows: jax.lax.map(lambda x: expected_sales(demand, x[:2], x[2:]).sales, rows, batch_size=64))
    sales, both = np.split(np.asarray(sell(np.concatenate([alone, together])))[:, 0], 2)
    chain = 2 * (price * both - COST * stock)
    assert chain.argmax() == price.size - 1  # the plan, the last point, is the best of the symmetric ones
    np.testing.assert_allclose(chain[-1], 0.5138127432299566, rtol=1e-8)

    def gain(row, low, high):
        w, b, r, mu, fee, rent = row
        pay = (1 - mu) * price * sales - r * sales + b * (stock - sales) - w * stock - fee
        np.testing.assert_allclose(pay[-1], rent, atol=1e-7)
        return np.max(np.where((price >= low) & (price <= high), pay, -np.inf)) - pay[-1]

    limits = dict.fromkeys(("2a", "2b", "2c", "4a"), (PRICE, PRICE)) | dict.fromkeys(("3a", "4b"), (PRICE, 1.0))
    limits |= dict.fromkeys(("3c", "3e"), (0.0, PRICE))
    for (name, _), row in CONTRACTS.items():
        assert gain(row, *limits.get(name, (0.0, 1.0))) < 1e-9, name
    # a revenue royalty without a restraint on the price does not coordinate
    assert gain(CONTRACTS["4a", 0.3], 0.0, 1.0) > 1e-4


def test_contracts_for_shoppers_on_a_line():
    demand = SpatialDemand(10.0, 5.0, Uniform(0.0, 1.0), DiscreteTable([1.0, 3.0], [0.5, 0.5]))
    line = VerticalMarket(demand, cost=2.0, contract=Contract(2.0), highest_price=10.0)
    price, stock = jnp.asarray(7.360213645177986), jnp.asarray(2.9169697018114595)
    plan, slopes = jax.jit(lambda p, y: (plan_at(line, p, y), marginal(line, p, y)))(price, stock)
    np.testing.assert_allclose(slopes, 0.0, atol=1e-6)
    np.testing.assert_allclose(plan.profit, 20.35389385041933, rtol=1e-8)
    two_part, returned = (terms(plan, PROPOSITIONS[name], 0.0, 0.5).contract for name in ("2a", "3b"))
    np.testing.assert_allclose(two_part.wholesale_price, 2.024395449755308, rtol=1e-6)
    np.testing.assert_allclose(returned.buy_back, 2.0842242565072766, rtol=1e-5)
    np.testing.assert_allclose(returned.wholesale_price, 3.5353626916503496, rtol=1e-5)
