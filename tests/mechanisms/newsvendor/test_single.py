import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats
from scipy.integrate import quad
from vendor_laws import Exponential, TwoPoint

from eqsolve.certify import certify
from eqsolve.demand.uniform import Uniform
from eqsolve.equilibrium import Status
from eqsolve.mechanisms.newsvendor.single import Newsvendor
from eqsolve.solve import solve_first_best, solve_nash
from eqsolve.solvers import BestReply

FULL = {"price": 10.0, "cost": 4.0, "salvage": 1.0, "penalty": 2.0, "tax": 0.5}
METHODS = ("profit", "cost_of", "sales", "leftover", "shortage", "fill_rate", "stockout_probability")


@pytest.fixture(autouse=True)
def sixty_four_bit():
    with jax.enable_x64(True):
        yield


@eqx.filter_jit
def everything(vendor, order):
    return {"order": vendor.order()} | {name: getattr(vendor, name)(order) for name in METHODS}


def by_quadrature(frozen, y, price, cost, salvage, penalty, tax):
    """Each expectation from its realisation, integrated by SciPy on both sides of the order."""

    def expect(realised):
        low, high = frozen.ppf(0.0), frozen.ppf(1 - 1e-17)
        ends = [low, float(np.clip(y, low, high)), high]
        return sum(quad(lambda d: realised(d) * frozen.pdf(d), *ends[i : i + 2], epsabs=1e-12)[0] for i in (0, 1))

    def profit(d, y=y):
        return price * min(y, d) + salvage * max(y - d, 0) - penalty * max(d - y, 0) - (cost + tax) * y

    return {
        "profit": expect(profit),
        "cost_of": expect(lambda d: profit(d, d) - profit(d)),
        "sales": expect(lambda d: min(y, d)),
        "leftover": expect(lambda d: max(y - d, 0)),
        "shortage": expect(lambda d: max(d - y, 0)),
        "fill_rate": expect(lambda d: min(y, d)) / frozen.mean(),
        "stockout_probability": expect(lambda d: d > y),
    }


@pytest.mark.parametrize(
    ("law", "frozen"), [(Uniform(10.0, 20.0), stats.uniform(10.0, 20.0)), (Exponential(8.0), stats.expon(scale=8.0))]
)
def test_expectations_are_integrals_over_realisations(law, frozen):
    orders = np.array([3.0, 12.5, 24.0, 40.0])
    found = everything(Newsvendor(demand=law, **FULL), orders)
    for i, y in enumerate(orders):
        for name, value in by_quadrature(frozen, y, **FULL).items():
            np.testing.assert_allclose(found[name][i], value, rtol=1e-9, atol=1e-9, err_msg=f"{name} at {y}")
    grid = np.linspace(0, 60, 6001)
    profits = everything(Newsvendor(demand=law, **FULL), grid)["profit"]
    assert abs(grid[np.argmax(profits)] - found["order"]) <= 0.01


def test_closed_forms():
    # u = 7.5, o = 3.5: F(y) = 15/22
    assert float(Newsvendor(demand=Uniform(10.0, 22.0), **FULL).order()) == pytest.approx(25.0, rel=1e-15)
    exponential = Newsvendor(demand=Exponential(8.0), **FULL)
    assert float(exponential.order()) == pytest.approx(8.0 * np.log(22 / 7), rel=1e-14)
    # with exponential demand the least mismatch cost is o times the order
    assert float(exponential.cost_of(exponential.order())) == pytest.approx(3.5 * 8.0 * np.log(22 / 7), rel=1e-13)


def test_profit_is_stationary_at_the_order():
    rng = np.random.default_rng(1)
    cost = rng.uniform(1, 5, 50)
    vendors = Newsvendor(
        cost + rng.uniform(0.5, 9, 50), cost, Uniform(rng.uniform(0, 9, 50), rng.uniform(1, 30, 50)),
        salvage=rng.uniform(-1, 0.9, 50) * cost, penalty=rng.uniform(0, 3, 50), tax=rng.uniform(0, 0.4, 50),
    )  # fmt: skip
    slope, curvature = jax.jit(
        lambda y: (
            jax.jvp(vendors.profit, (y,), (jnp.ones_like(y),))[1],
            jax.jvp(lambda y: jax.jvp(vendors.profit, (y,), (jnp.ones_like(y),))[1], (y,), (jnp.ones_like(y),))[1],
        )
    )(vendors.order())
    np.testing.assert_allclose(slope, 0, atol=1e-13)
    np.testing.assert_allclose(curvature, -(vendors.underage + vendors.overage) / vendors.demand.scale, rtol=1e-12)


def test_money_and_demand_rescale():
    base, y = Newsvendor(demand=Uniform(10.0, 20.0), **FULL), 21.0
    dearer = Newsvendor(demand=Uniform(10.0, 20.0), **{name: 7 * value for name, value in FULL.items()})
    found, scaled = everything(base, y), everything(dearer, y)
    for name, value in found.items():
        factor = 7 if name in ("profit", "cost_of") else 1
        np.testing.assert_allclose(scaled[name], factor * value, rtol=1e-13, err_msg=name)
    shifted = everything(Newsvendor(demand=Uniform(15.0, 20.0), **FULL), y + 5)
    np.testing.assert_allclose(shifted["order"], found["order"] + 5, rtol=1e-14)
    np.testing.assert_allclose(shifted["profit"], found["profit"] + 5 * (10 - 4.5), rtol=1e-13)
    np.testing.assert_allclose(shifted["cost_of"], found["cost_of"], rtol=1e-12)


def test_a_tax_is_a_higher_cost_and_a_subsidy_a_lower_one():
    law = Uniform(10.0, 20.0)
    for tax in (0.5, -0.5):
        taxed, dearer = Newsvendor(10.0, 4.0, law, tax=tax), Newsvendor(10.0, 4.0 + tax, law)
        assert everything(taxed, 17.0) == everything(dearer, 17.0)


CORNERS = {  # (price, cost, salvage, penalty) -> order for demand between 10 and 30
    (10.0, 4.0, 0.0, 0.0): 22.0,  # no salvage, no penalty
    (10.0, 10.0, 0.0, 0.0): 0.0,  # no margin
    (10.0, 10.0, 0.0, 10.0): 20.0,  # no margin but goodwill
    (3.0, 4.0, 0.0, 0.0): 0.0,  # a loss on every unit
    (3.0, 4.0, 2.0, 3.0): 20.0,  # a loss, but a smaller one than the penalty
    (10.0, 0.0, 0.0, 0.0): 30.0,  # leftovers cost nothing: the largest demand
    (10.0, 4.0, 4.0, 0.0): 30.0,  # the same by salvage
    (10.0, 4.0, 5.0, 0.0): np.inf,  # leftovers earn
    (3.0, 4.0, 5.0, 0.0): np.inf,  # all earn, by salvage alone
    (3.0, 4.0, 3.5, 0.0): 0.0,  # selling is worse than salvaging, both lose
    (0.0, 0.0, 0.0, 0.0): 0.0,  # nothing at stake
}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_corners(dtype):
    price, cost, salvage, penalty = (np.array(column, dtype) for column in zip(*CORNERS, strict=True))
    vendors = Newsvendor(price, cost, Uniform(dtype(10), dtype(20)), salvage, penalty)
    grid = np.linspace(0, 60, 241, dtype=dtype)[:, None]
    order = everything(vendors, grid)["order"]
    assert order.dtype == dtype
    np.testing.assert_allclose(order, list(CORNERS.values()), rtol=1e-6)
    np.testing.assert_array_equal(vendors.is_bounded(), np.isfinite(list(CORNERS.values())))
    profit = np.asarray(everything(vendors, order)["profit"])
    np.testing.assert_array_equal(np.isposinf(profit), np.isinf(order))
    # no order on a grid earns more
    assert np.all(np.asarray(everything(vendors, grid)["profit"]).max(0) <= profit + 1e-5 * np.abs(profit))
    slopes = jax.jit(jax.vmap(jax.grad(lambda p: Newsvendor(p, 4.0, Uniform(10.0, 20.0), 1.0).order())))
    assert np.all(np.isfinite(slopes(np.array([3.0, 4.0, 5.0], dtype))))


def test_unbounded_demand_with_free_leftovers():
    vendor = Newsvendor(10.0, 4.0, Exponential(8.0), salvage=4.0)
    assert np.isposinf(vendor.order())
    assert float(vendor.profit(vendor.order())) == pytest.approx(6 * 8.0)


def test_discrete_orders_are_the_smallest_with_enough_probability():
    demand = TwoPoint(4.0, 9.0, 0.25)  # 4 with probability 0.25, else 9
    for price, order in ((8.0, 4.0), (8.001, 9.0), (7.0, 4.0), (50.0, 9.0)):  # fractile 1 - 6/price; a tie at 0.25
        assert float(Newsvendor(price, 6.0, demand).order()) == order
    tie = Newsvendor(8.0, 6.0, demand)
    np.testing.assert_allclose(tie.profit(np.array([4.0, 6.5, 9.0])), 8.0)  # all orders between are as good
    by_hand = [0.25 * (8 * min(y, 4) - 6 * y) + 0.75 * (8 * min(y, 9) - 6 * y) for y in (3.0, 6.5, 12.0)]
    np.testing.assert_allclose(tie.profit(np.array([3.0, 6.5, 12.0])), by_hand)
    moved = tie.sensitivities().order
    assert float(moved["price"]) == 0.0
    assert float(moved["demand.low"]) == 1.0


def test_sensitivities_are_differences_quotients():
    fields = FULL | {"loc": 10.0, "scale": 20.0}

    def vendor(loc, scale, **rest):
        return Newsvendor(demand=Uniform(loc, scale), **rest)

    found = vendor(**fields).sensitivities()
    assert list(found.order) == ["price", "cost", "demand.loc", "demand.scale", "salvage", "penalty", "tax"]
    for name in fields:
        step = 1e-5
        values = [vendor(**(fields | {name: fields[name] + sign * step})) for sign in (1, -1)]
        order = (values[0].order() - values[1].order()) / (2 * step)
        profit = (values[0].profit(values[0].order()) - values[1].profit(values[1].order())) / (2 * step)
        key = f"demand.{name}" if name in ("loc", "scale") else name
        np.testing.assert_allclose(found.order[key], order, rtol=1e-7, err_msg=name)
        np.testing.assert_allclose(found.profit[key], profit, rtol=1e-7, err_msg=name)


def test_the_fractile_is_the_service_level_and_sensitivities_print_as_a_table():
    vendor = Newsvendor(**FULL, demand=Uniform(0.0, 100.0))
    fractile = (10 + 2 - 4 - 0.5) / (10 + 2 - 1)  # underage over underage and overage
    np.testing.assert_allclose(vendor.critical_fractile(), fractile, rtol=1e-14)
    np.testing.assert_allclose(vendor.order(), 100 * fractile, rtol=1e-14)
    assert np.isnan(Newsvendor(1.0, 1.0, Uniform(0.0, 1.0), salvage=1.0).critical_fractile())
    assert [line.split() for line in str(vendor.sensitivities()).splitlines()[:1]] == [["parameter", "order", "profit"]]
    assert "demand.scale  0.681818" in str(vendor.sensitivities())


def test_sensitivities_of_a_batch_are_each_newsvendors_own():
    costs = np.array([2.0, 4.0, 7.0])
    batch = Newsvendor(10.0, costs, Uniform(10.0, 20.0)).sensitivities()
    for i, cost in enumerate(costs):
        one = Newsvendor(10.0, cost, Uniform(10.0, 20.0)).sensitivities()
        for name in one.order:
            np.testing.assert_allclose(batch.order[name][i], one.order[name], rtol=1e-14, err_msg=name)
            np.testing.assert_allclose(batch.profit[name][i], one.profit[name], rtol=1e-14, err_msg=name)


@pytest.mark.slow
def test_the_game_finds_the_order():
    vendor = Newsvendor(demand=Uniform(10.0, 20.0), **FULL)
    game = vendor.game()
    found = solve_nash(game)
    assert found.status == Status.converged
    np.testing.assert_allclose(found.actions["order"], vendor.order(), rtol=1e-10)
    np.testing.assert_allclose(found.outcomes["tax"], 0.5 * vendor.order(), rtol=1e-10)
    np.testing.assert_allclose(found.outcomes["fill rate"], vendor.fill_rate(vendor.order()), rtol=1e-10)
    assert bool(certify(game, found.actions).certified)
    # a planner to whom the tax only changes hands orders as if there were none
    untaxed = Newsvendor(demand=Uniform(10.0, 20.0), **(FULL | {"tax": 0.0}))
    np.testing.assert_allclose(solve_first_best(game).actions["order"], untaxed.order(), rtol=1e-9)


def test_the_game_with_discrete_demand():
    vendor = Newsvendor(10.0, 6.0, TwoPoint(4.0, 9.0, 0.25))
    found = solve_nash(vendor.game(), solver=BestReply())
    np.testing.assert_allclose(found.actions["order"], 9.0, rtol=1e-12)


def test_bad_input_is_named_or_nan():
    law = Uniform(10.0, 20.0)
    with pytest.raises(ValueError, match=r"Newsvendor.price is -1.0"):
        Newsvendor(-1.0, 4.0, law)
    with pytest.raises(ValueError, match=r"Newsvendor.cost is nan"):
        Newsvendor(1.0, np.nan, law)
    with pytest.raises(TypeError, match=r"Newsvendor.demand is 5.0; give a Distribution"):
        Newsvendor(1.0, 4.0, 5.0)
    with pytest.raises(ValueError, match=r"batch of shape \(2,\)"):
        Newsvendor([1.0, 2.0], 4.0, law).game()
    with pytest.raises(ValueError, match=r"optimal order is inf"):
        Newsvendor(10.0, 4.0, law, salvage=5.0).game()
    traced = jax.jit(lambda price: (Newsvendor(price, 4.0, law).order(), Newsvendor(price, 4.0, law).profit(12.0)))
    for price in (-1.0, np.nan, np.inf):
        assert np.all(np.isnan(traced(price)))
    assert np.isnan(jax.jit(lambda width: Newsvendor(3.0, 4.0, Uniform(0.0, width)).order())(-1.0))
    assert np.isnan(Newsvendor(10.0, 4.0, law).profit(np.nan))
    for name in (*METHODS, "profit"):
        assert np.isnan(everything(Newsvendor(demand=law, **FULL), -10.0)[name]), name
    np.testing.assert_array_equal(
        Newsvendor(10.0, 4.0, law, [1.0, 4.0, 5.0]).profit(np.inf), [-np.inf, 6 * 20.0, np.inf]
    )
