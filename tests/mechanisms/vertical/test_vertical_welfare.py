"""Section 3.4: welfare under the chain's plan and of outlets on their own, against trusted numbers."""

import numpy as np
import pytest

from eqsolve.demand import DiscreteTable, Uniform
from eqsolve.mechanisms.vertical import Contract, LinearDemand, SpatialDemand, VerticalMarket, compare_welfare


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_003_welfare_by_travel_cost_depends_on_the_benchmark():
    """Independent computation: two shopper densities, travel cost 2."""
    demand = SpatialDemand(10.0, 5.0, Uniform(0.0, 1.0), common=DiscreteTable([0.2, 6.0], [0.7, 0.3]))
    market = VerticalMarket(demand, cost=2.0, contract=Contract(2.0), highest_price=10.0)
    found = compare_welfare(market, [2.0])
    np.testing.assert_allclose(found.plan["price"], 6.646088042962242, rtol=1e-6)
    np.testing.assert_allclose(found.plan["stock"], 3.403365025395281, rtol=1e-6)
    np.testing.assert_allclose(found.plan["chain profit"], 16.47191025981268, rtol=1e-8)
    np.testing.assert_allclose(found.plan["consumer surplus"], 9.190367129344313, rtol=1e-6)
    np.testing.assert_allclose(found.plan["welfare"], 25.662277389157, rtol=1e-6)
    np.testing.assert_allclose(found.wholesale_price, 2.1728790176939086, rtol=2e-4)
    np.testing.assert_allclose(found.nash["price"], 6.528030006078437, rtol=2e-4)
    np.testing.assert_allclose(found.nash["stock"], 3.3803150898006815, rtol=3e-4)
    np.testing.assert_allclose(found.nash["chain profit"], 16.438763366358415, rtol=1e-6)
    np.testing.assert_allclose(found.nash["consumer surplus"], 9.629566460012352, rtol=5e-4)
    np.testing.assert_allclose(found.nash["welfare"], 26.068329826370775, rtol=3e-4)
    assert not found.welfare_rises[0]
    assert not found.surplus_rises[0]
    assert "two-part tariff" in str(found)
    by_cost = compare_welfare(market, [2.0], "marginal cost")
    assert by_cost.wholesale_price[0] == 2.0
    assert by_cost.nash["welfare"][0] > found.nash["welfare"][0] > found.plan["welfare"][0]
    alone = compare_welfare(market, [2.0], "wholesale price")  # double margins: the same plan now raises welfare
    assert alone.wholesale_price[0] > 3.0
    assert alone.nash["welfare"][0] < alone.plan["welfare"][0]


def test_what_cannot_be_compared_is_named():
    linear = VerticalMarket(LinearDemand(10.0, 1.0, 0.5, 0.2, Uniform(-3.0, 6.0)), 2.0, Contract(2.0), 14.0)
    with pytest.raises(TypeError, match="give a SpatialDemand"):
        compare_welfare(linear, [1.0])
    spatial = VerticalMarket(SpatialDemand(10.0, 2.0, Uniform(0.0, 1.0)), 2.0, Contract(2.0), 10.0)
    with pytest.raises(ValueError, match="benchmark is 'cost'"):
        compare_welfare(spatial, [1.0], "cost")  # pyright: ignore[reportArgumentType]
    with pytest.raises(ValueError, match="numbers above zero"):
        compare_welfare(spatial, [])
