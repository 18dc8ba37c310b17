"""One manufacturer, one outlet: buy-back, revenue sharing and the wholesale price alone."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import integrate, optimize, stats

from eqsolve.demand import DiscreteTable, Exponential, Gamma, LogNormal, Uniform, Weibull, mixture
from eqsolve.mechanisms.classic.buy_back import buy_back_contract, buy_back_for_profit
from eqsolve.mechanisms.classic.channel import Channel, Terms
from eqsolve.mechanisms.classic.revenue_sharing import (
    equivalent_buy_back,
    price_setting_outlet,
    revenue_sharing_terms,
)
from eqsolve.mechanisms.classic.wholesale_price import best_wholesale_price, increasing_failure_rate
from eqsolve.mechanisms.newsvendor.price_setting import AdditivePriceSetting, MultiplicativePriceSetting


@pytest.fixture(autouse=True)
def sixty_four_bit():
    with jax.enable_x64(True):
        yield


CASES = {  # independent computation
    "uniform": (
        lambda: Uniform(50.0, 100.0),
        {
            "best order": 110.0,
            "stockout": 0.4,
            "sales": 92.0,
            "profit": 480.0,
            "order": 85.0,
            "outlet": 236.25,
            "chain": 448.75,
        },
    ),
    "lognormal": (
        lambda: LogNormal(0.5, np.exp(4.0)),
        {
            "best order": 61.97143490679525,
            "stockout": 0.4,
            "sales": 49.69583825544569,
            "profit": 249.07264292727592,
            "order": 45.030487789339574,
            "outlet": 116.30647461794541,
            "chain": 228.88269409129435,
        },
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_worked_cases(name):
    law, expected = CASES[name]
    channel = Channel(10.0, 4.0, law())
    best, found = channel.integrated(), channel.settle(Terms(6.5))
    order = best.order()
    values = {
        "best order": order,
        "stockout": best.stockout_probability(order),
        "sales": best.sales(order),
        "profit": best.profit(order),
        "order": found.order,
        "outlet": found.outlet,
        "chain": found.chain,
    }
    for key, value in expected.items():
        np.testing.assert_allclose(values[key], value, rtol=1e-8, err_msg=key)
    np.testing.assert_allclose(buy_back_contract(channel, 5.0).wholesale_price, 7.0, rtol=1e-12)
    np.testing.assert_allclose(revenue_sharing_terms(channel, 0.4).wholesale_price, 2.4, rtol=1e-12)
    np.testing.assert_allclose(found.efficiency, expected["chain"] / expected["profit"], rtol=1e-8)
    assert "efficiency" in str(found)


def test_worked_case_of_discrete_demand():
    # independent computation
    channel = Channel(10.0, 4.0, DiscreteTable([20.0, 50.0, 80.0, 120.0], [0.2, 0.3, 0.35, 0.15]))
    found = channel.settle(Terms(4.0))
    assert float(found.order) == 80.0
    np.testing.assert_allclose(found.chain, 270.0, rtol=1e-12)
    low, high = channel.supporting_wholesale_prices(80.0)
    np.testing.assert_allclose([low, high], [1.5, 5.0], rtol=1e-12)

    def profits(wholesale):
        orders = np.arange(0.0, 141.0)
        sold = np.minimum(orders[:, None], [20.0, 50.0, 80.0, 120.0]) @ [0.2, 0.3, 0.35, 0.15]
        return 10 * sold - wholesale * orders

    for wholesale, best in ((1.5, True), (3.0, True), (5.0, True), (1.4, False), (5.1, False)):
        values = profits(wholesale)
        assert (values[80] >= values.max() - 1e-9) == best
    between = channel.supporting_wholesale_prices(60.0)
    np.testing.assert_allclose(between, 5.0, rtol=1e-12)  # only where the outlet is indifferent
    assert np.isposinf(channel.supporting_wholesale_prices(0.0)[1])
    assert np.isnan(channel.supporting_wholesale_prices(-1.0)).all()
    smooth = Channel(10.0, 4.0, Uniform(50.0, 100.0)).supporting_wholesale_prices(85.0)
    np.testing.assert_allclose(smooth, 6.5, rtol=1e-12)


def plain_profits(law, terms, order, price, cost, salvage, outlet_penalty, maker_penalty):
    """Expected profits of both parties by quadrature over SciPy's law, money moved as the terms say."""
    wholesale, back, share, fee = terms

    def parties(demand):
        sold, left = min(order, demand), max(order - demand, 0.0)
        short = max(demand - order, 0.0)
        keeps = back is None
        revenue = price * sold + (salvage * left if keeps else 0.0)
        outlet = (1 - share) * revenue + (0.0 if keeps else back * left) - wholesale * order - fee
        maker = share * revenue + (0.0 if keeps else (salvage - back) * left) + (wholesale - cost) * order + fee
        return outlet - outlet_penalty * short, maker - maker_penalty * short

    low, high = law.ppf(1e-13), law.ppf(1 - 1e-13)
    return [
        integrate.quad(lambda d, i=i: parties(d)[i] * law.pdf(d), low, high, points=[order], limit=400)[0]
        for i in range(2)
    ]


ECONOMY = {"price": 10.0, "cost": 4.0, "salvage": 1.5, "outlet_penalty": 0.8, "manufacturer_penalty": 1.2}


@pytest.mark.parametrize("terms", [(6.0, None, 0.0, 3.0), (7.0, 4.0, 0.0, 0.0), (3.0, None, 0.4, -2.0)])
def test_profits_are_what_the_money_that_moves_comes_to(terms):
    channel = Channel(demand=Gamma(3.0, scale=20.0), **ECONOMY)
    found = channel.settle(Terms(*terms))
    law = stats.gamma(3.0, scale=20.0)
    outlet = lambda y: -plain_profits(law, terms, y, *ECONOMY.values())[0]  # noqa: E731
    searched = optimize.minimize_scalar(outlet, bounds=(5.0, 200.0), method="bounded", options={"xatol": 1e-6})
    np.testing.assert_allclose(found.order, searched.x, rtol=1e-4)
    np.testing.assert_allclose(
        [found.outlet, found.manufacturer], plain_profits(law, terms, float(found.order), *ECONOMY.values()), rtol=1e-7
    )
    np.testing.assert_allclose(found.chain, found.outlet + found.manufacturer, rtol=1e-12)
    np.testing.assert_allclose(channel.settle(Terms(*terms), order=33.0).chain, channel.integrated().profit(33.0))


def test_the_buy_back_menu_coordinates_and_divides():
    channel = Channel(demand=Gamma(3.0, scale=20.0), **ECONOMY)
    menu = buy_back_contract(channel, jnp.linspace(0.3, 10.7, 9))  # from v - g_m to just below p + g_o
    best = channel.integrated().order()
    settled = channel.settle(menu.terms)
    np.testing.assert_allclose(settled.order, best, rtol=1e-9)
    np.testing.assert_allclose(settled.efficiency, 1.0, rtol=1e-12)
    assert menu.strict.all()
    assert (menu.wholesale_price > menu.buy_back).all()
    # the formulas of the file's head
    mean, most = 60.0, float(channel.integrated().profit(best))
    np.testing.assert_allclose(menu.outlet, menu.share * (most + 2.0 * mean) - 0.8 * mean, rtol=1e-10)
    np.testing.assert_allclose(menu.share[0], 1 - (10 + 0.8 - 0.3 - 10.5) / 10.5, rtol=1e-12)
    again = buy_back_for_profit(channel, menu.outlet)
    np.testing.assert_allclose(again.buy_back, menu.buy_back, rtol=1e-9)
    law = stats.gamma(3.0, scale=20.0)
    for i in (0, 4, 8):
        terms = (float(menu.wholesale_price[i]), float(menu.buy_back[i]), 0.0, 0.0)
        plain = plain_profits(law, terms, float(best), *ECONOMY.values())
        np.testing.assert_allclose([menu.outlet[i], menu.manufacturer[i]], plain, rtol=1e-7)
    end = buy_back_contract(channel, 10.8)  # the degenerate contract b = w = p + g_o
    assert float(end.wholesale_price) == 10.8
    assert not end.strict
    np.testing.assert_allclose(end.outlet, -0.8 * mean, rtol=1e-12)


def test_revenue_sharing_is_a_buy_back_at_a_fixed_price():
    plain = Channel(10.0, 4.0, Gamma(3.0, scale=20.0), salvage=1.5)
    terms = revenue_sharing_terms(plain, jnp.array([0.0, 0.25, 0.7]))
    np.testing.assert_allclose(terms.wholesale_price, [4.0, 3.0, 1.2], rtol=1e-12)  # (1 - mu) c, whatever the salvage
    found, back = plain.settle(terms), plain.settle(equivalent_buy_back(plain, terms))
    np.testing.assert_allclose(found.outlet, np.array([1.0, 0.75, 0.3]) * found.best_chain, rtol=1e-10)
    for order in (None, 20.0, 90.0):
        found = plain.settle(terms, order)
        back = plain.settle(equivalent_buy_back(plain, terms), order)
        np.testing.assert_allclose([back.outlet, back.manufacturer], [found.outlet, found.manufacturer], rtol=1e-9)
    costly = Channel(demand=Gamma(3.0, scale=20.0), **ECONOMY)
    found = costly.settle(revenue_sharing_terms(costly, 0.4))
    np.testing.assert_allclose(found.order, found.best_order, rtol=1e-9)
    with pytest.raises(ValueError, match="have a buy-back"):
        equivalent_buy_back(plain, Terms(6.0, 3.0))


def test_the_worked_case_of_a_price_setting_outlet():
    # independent computation
    chain = AdditivePriceSetting(12.0, 1.0, cost=2.0, noise=Uniform(-3.0, 6.0))
    plan = price_setting_outlet(chain, Terms(1.2, revenue_share=0.4)).solve()
    expected = [6.872983400913621, 1.254033321482364, 6.381049920568743, 7.0]
    np.testing.assert_allclose([plan.price, plan.factor, plan.order, plan.riskless_price], expected, rtol=1e-6)
    profit = chain.profit(plan.price, plan.factor)
    np.testing.assert_allclose([profit, 0.6 * profit], [20.72983346207417, 12.437900077244501], rtol=1e-9)
    np.testing.assert_allclose(chain.noise.sf(plan.factor), 0.290994446419606, rtol=1e-6)
    # at the chain's price a buy-back gives the chain's order, but the outlet asks for another price
    back = 3.0
    stockout = float(chain.noise.sf(plan.factor))
    terms = Terms(stockout * plan.price + (1 - stockout) * back, buy_back=back)
    other = price_setting_outlet(chain, terms).solve()
    assert other.price > plan.price + 0.1
    assert chain.profit(other.price, other.factor) < 0.99 * profit


def test_revenue_sharing_coordinates_price_and_order_of_multiplicative_demand_too():
    chain = MultiplicativePriceSetting(1000.0, 2.0, 10.0, Uniform(0.2, 1.6), salvage=3.0)
    first, shared = chain.solve(), price_setting_outlet(chain, Terms(3.0, revenue_share=0.7)).solve()
    np.testing.assert_allclose([shared.price, shared.order], [first.price, first.order], rtol=1e-9)
    with pytest.raises(ValueError, match=r"1 - revenue_share is 0.0"):
        price_setting_outlet(chain, Terms(3.0, revenue_share=1.0))


def humps():
    """Two kinds of days: demand is near 20, or near 100."""
    return mixture((Gamma(40.0, scale=0.5), Gamma(400.0, scale=0.25)), [0.7, 0.3])


LAWS = {
    "uniform": (lambda: Uniform(0.0, 100.0), stats.uniform(0, 100)),
    "gamma": (lambda: Gamma(0.6, scale=50.0), stats.gamma(0.6, scale=50.0)),
    "lognormal": (lambda: LogNormal(0.9, 40.0), stats.lognorm(0.9, scale=40.0)),
}


@pytest.mark.parametrize(
    "name", ["uniform", *(pytest.param(n, marks=pytest.mark.slow) for n in ("lognormal", "gamma"))]
)
def test_the_best_wholesale_price_against_a_plain_search(name):
    law, plain = LAWS[name]
    channel = Channel(10.0, 4.0, law(), salvage=1.0)
    found = best_wholesale_price(channel)
    orders = np.linspace(0, plain.ppf(0.999), 400_001)
    profit = (1 + 9 * plain.sf(orders) - 4) * orders
    np.testing.assert_allclose(found.settlement.manufacturer, profit.max(), rtol=1e-8)
    np.testing.assert_allclose(found.settlement.order, orders[profit.argmax()], rtol=1e-3)
    np.testing.assert_allclose(channel.settle(Terms(found.wholesale_price)).order, found.settlement.order, rtol=1e-9)
    assert found.igfr.holds
    assert found.unique
    assert found.settlement.efficiency < 1


def test_uniform_demand_in_closed_form():
    found = best_wholesale_price(Channel(10.0, 4.0, Uniform(0.0, 100.0)))
    np.testing.assert_allclose([found.wholesale_price, found.settlement.order], [7.0, 30.0], rtol=1e-12)
    np.testing.assert_allclose(found.settlement.efficiency, 0.75, rtol=1e-12)
    slope = jax.grad(lambda cost: best_wholesale_price(Channel(10.0, cost, Uniform(0.0, 100.0))).wholesale_price)(4.0)
    np.testing.assert_allclose(slope, 0.5, rtol=1e-9)
    assert "peaks" in str(found)


def test_the_margin_of_igfr_is_an_elasticity():
    # h = x / mean for exponential demand, and h rises in proportion to x^0.7 for Weibull demand of shape 0.7
    np.testing.assert_allclose(increasing_failure_rate(Exponential(5.0)).margin, 1.0, rtol=1e-6)
    np.testing.assert_allclose(increasing_failure_rate(Weibull(0.7, 3.0)).margin, 0.7, rtol=1e-2)
    # a density that falls from 5/8 to 1/8 at 1 takes the failure rate down with it
    found = increasing_failure_rate(mixture((Uniform(0.0, 1.0), Uniform(0.0, 4.0)), [0.5, 0.5]))
    assert not found.holds
    np.testing.assert_allclose(found.place, 1.0, atol=0.01)


@pytest.mark.slow
def test_demand_with_two_humps_has_two_peaks_and_no_igfr():
    law = humps()
    check = increasing_failure_rate(law)
    assert not check.holds
    assert check.margin < 0
    assert 22 < check.place < 70  # behind the first hump
    channel = Channel(10.0, 2.0, law)
    found = best_wholesale_price(channel)
    peaks = np.asarray(found.peaks)[np.isfinite(found.peaks)]
    assert len(peaks) == 2
    assert not found.unique
    x = np.linspace(0, 130, 130_001)
    above = 0.7 * stats.gamma(40.0, scale=0.5).sf(x) + 0.3 * stats.gamma(400.0, scale=0.25).sf(x)
    profit = (10 * above - 2) * x
    np.testing.assert_allclose(found.settlement.manufacturer, profit.max(), rtol=1e-7)
    inner = x[1:-1][(profit[1:-1] > profit[:-2]) & (profit[1:-1] > profit[2:])]
    np.testing.assert_allclose(peaks, inner, atol=2e-3)


def test_a_manufacturer_who_suffers_from_stockouts_sells_more():
    calm = best_wholesale_price(Channel(10.0, 4.0, Uniform(0.0, 100.0)))
    anxious = best_wholesale_price(Channel(10.0, 4.0, Uniform(0.0, 100.0), manufacturer_penalty=2.0))
    # the slope (6 - 20 x) + 2 (1 - x) in x = y / 100
    np.testing.assert_allclose(anxious.settlement.order, 100 * 8 / 22, rtol=1e-10)
    assert anxious.wholesale_price < calm.wholesale_price


def test_a_market_that_does_not_pay_is_left_alone():
    found = best_wholesale_price(Channel(3.0, 4.0, Uniform(0.0, 100.0)))
    assert float(found.settlement.order) == 0.0
    assert float(found.settlement.manufacturer) == 0.0
    assert np.isnan(found.settlement.efficiency)


def test_traced_nonsense_is_nan():
    @eqx.filter_jit
    def bad(numbers):
        cost, back, share, wanted = numbers
        plain = Channel(10.0, 4.0, Uniform(50.0, 100.0))
        return [
            Channel(10.0, cost, Uniform(50.0, 100.0)).settle(Terms(6.0)).outlet,
            buy_back_contract(plain, back).outlet,
            plain.settle(Terms(6.0, revenue_share=share)).outlet,
            buy_back_for_profit(plain, wanted).buy_back,
            best_wholesale_price(Channel(10.0, 4.0, Uniform(50.0, 100.0), salvage=back)).wholesale_price,
        ]

    assert np.isnan(bad(jnp.array([-1.0, 11.0, 1.5, -1.0]))).all()
    assert np.isnan(bad(jnp.full(4, jnp.nan))).all()
    assert np.isfinite(bad(jnp.array([4.0, 3.0, 0.5, 10.0]))).all()


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda c: Channel(10.0, -4.0, c.demand), ValueError, r"Channel.cost is -4.0"),
        (lambda c: Channel(10.0, 4.0, 3.0), TypeError, r"Channel.demand is 3.0"),
        (lambda c: Terms(5.0, revenue_share=1.5), ValueError, r"Terms.revenue_share is 1.5"),
        (lambda c: buy_back_contract(c, 11.0), ValueError, r"is -1.0; give a lower buy-back"),
        (lambda c: buy_back_for_profit(c, -5.0), ValueError, r"give a higher outlet profit"),
        (lambda c: best_wholesale_price(Channel([10.0, 9.0], 4.0, c.demand)), ValueError, r"shape \(2,\)"),
        (
            lambda c: best_wholesale_price(Channel(10.0, 4.0, c.demand, salvage=5.0)),
            ValueError,
            r"is -1.0; give a cost",
        ),
        (lambda c: increasing_failure_rate(DiscreteTable([1.0, 2.0], [0.5, 0.5])), TypeError, r"one continuous law"),
    ],
)
def test_bad_input_is_named(call, error, message):
    with pytest.raises(error, match=message):
        call(Channel(10.0, 4.0, Uniform(50.0, 100.0)))


def test_thirty_two_bits():
    with jax.enable_x64(False):
        channel = Channel(10.0, 4.0, Uniform(50.0, 100.0))
        found = best_wholesale_price(channel)
        assert found.wholesale_price.dtype == jnp.float32
        np.testing.assert_allclose([found.wholesale_price, found.settlement.order], [9.5, 55.0], rtol=2e-3)
        np.testing.assert_allclose(buy_back_contract(channel, 5.0).outlet, 240.0, rtol=1e-5)
