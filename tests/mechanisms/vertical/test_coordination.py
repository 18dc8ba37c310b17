"""Coordinating contracts against all deviations, externalities against marginal profits, and what cannot coordinate."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import eqsolve as eqs
from eqsolve.demand import DiscreteTable, Uniform
from eqsolve.mechanisms.vertical import (
    PROPOSITIONS,
    ConsumerChoice,
    Contract,
    LinearDemand,
    ScaledDemand,
    UniformShoppers,
    VerticalMarket,
    best_wholesale_price,
    coordinate,
    externalities,
    first_best,
    plan_at,
    terms,
)
from eqsolve.mechanisms.vertical.market import market_outcomes

SPREAD = Uniform(-3.0, 6.0)  # from -3 to 3


@pytest.fixture(autouse=True, scope="module")
def _double():
    with jax.enable_x64(True):
        yield


def market(cross=0.5, highest=14.0, **contract):
    demand = LinearDemand(10.0, 1.0, cross, 0.2, shocks=SPREAD)
    bound = Contract(**({"wholesale_price": 2.0} | contract))
    return VerticalMarket(demand, cost=2.0, contract=bound, highest_price=highest)


described = jax.jit(plan_at)


def framed(contract, highest=14.0):
    """A contract with both price limits, so that all have one structure."""
    floor = jnp.asarray(0.0) if contract.floor is None else contract.floor
    ceiling = jnp.asarray(highest) if contract.ceiling is None else jnp.minimum(contract.ceiling, highest)
    return dataclasses.replace(contract, floor=floor, ceiling=ceiling)


@jax.jit
@jax.vmap
def regrets(bound, price, stock):
    actions = {"price": jnp.stack([price, price]), "stock": jnp.stack([stock, stock])}
    found = eqs.certify(bound.game(), actions)
    return found.regret, found.certified, bound.game().expect(actions)["outlet profit"][0]


# independent computation: the symmetric first best of demand 10 - p + 0.5 p' + U[-3, 3], spill 0.2, cost 2
PLAN = (10.88634975164335, 6.2865295296348425)
# and of demand 10 - p + g p' with this g, where a higher price leaves the rival's expected sales unchanged
BALANCED, BALANCED_PLAN = 0.06821204176412617, (6.1895850323018955, 5.109657761342581)


def test_contracts_of_all_propositions_withstand_every_deviation():
    bound = market()
    plan = described(bound, *map(jnp.asarray, PLAN))
    names = [name for name in PROPOSITIONS if name != "1"]
    contracts = [framed(terms(plan, PROPOSITIONS[name], 0.0, 0.5).contract) for name in names]
    names += ["no restraint", "ceiling in place of a floor", "keeps nothing"]
    two_part = terms(plan, PROPOSITIONS["1"], 0.0, 0.5).contract
    contracts += [framed(two_part), framed(dataclasses.replace(two_part, ceiling=plan.price))]
    contracts.append(framed(terms(plan, PROPOSITIONS["2b"], 0.0, 1.0).contract))
    markets = [bound.with_contract(contract) for contract in contracts]
    prices, stocks = [PLAN[0]] * len(names), [PLAN[1]] * len(names)

    balanced = market(BALANCED)
    first = described(balanced, *map(jnp.asarray, BALANCED_PLAN))
    np.testing.assert_allclose(first.cross, 0.0, atol=1e-7)
    markets.append(balanced.with_contract(framed(terms(first, PROPOSITIONS["1"], 0.0, 0.5).contract, 10.0)))
    names, prices, stocks = [*names, "balanced"], [*prices, BALANCED_PLAN[0]], [*stocks, BALANCED_PLAN[1]]

    stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), *markets)
    regret, certified, profit = regrets(stacked, jnp.array(prices), jnp.array(stocks))
    found = dict(zip(names, zip(regret, certified, profit, strict=True), strict=True))
    for name in names:
        if name in ("no restraint", "ceiling in place of a floor"):
            assert found[name][0] > 1e-2, name
            assert not found[name][1], name
        else:
            assert found[name][0] <= 1e-8, name
            assert found[name][1], name
    for name in ("2a", "3a", "3b", "3d", "balanced", "keeps nothing"):
        np.testing.assert_allclose(found[name][2], 0.0, atol=1e-6)  # the fee takes everything
    for name in ("2b", "2c", "3c", "3e", "4a", "4b"):
        assert found[name][2] > 1.0, name  # without a fee outlets keep a rent
    np.testing.assert_allclose(markets[-1].contract.wholesale_price, 2.267531293436626, rtol=1e-6)
    np.testing.assert_allclose(markets[-1].contract.fee, 12.576623400892926, rtol=1e-6)


def require_parts(wanted, rtol):
    """Outlet 1's collective, vertical, horizontal and private marginal profits, by equation."""
    for name, (part, *numbers) in wanted.items():
        found = [float(value[0]) for value in (part.collective, part.vertical, part.horizontal, part.private)]
        np.testing.assert_allclose(found, numbers, rtol=rtol, atol=1e-12, err_msg=name)


def test_externalities_make_up_the_difference_of_marginal_profits():
    # independent computation at p = (7.5, 8.5), y = (6.5, 5.5), w = 3; b = 1.5 and mu = 0.25 in turn
    price, stock = jnp.array([7.5, 8.5]), jnp.array([6.5, 5.5])
    found = jax.jit(externalities)
    plain = found(market(wholesale_price=3.0), price, stock)
    bought = found(market(wholesale_price=3.0, buy_back=1.5), price, stock)
    shared = found(market(wholesale_price=3.0, revenue_royalty=0.25), price, stock)
    wanted = {
        "(9)": (plain.stock, 1.7711458333333332, -1.0, 0.44890624999999984, 1.220052083333333),
        "(10)": (plain.price, 4.514039351851853, 0.0, -1.728480902777778, 2.785558449074075),
        "(11)": (bought.stock, 1.7711458333333332, -0.34401041666666654, 0.44890624999999984, 1.8760416666666666),
        "(12)": (bought.price, 4.514039351851853, 0.6276302083333333, -1.728480902777778, 3.4131886574074084),
        "(16)": (shared.stock, 1.7711458333333332, -2.0550130208333333, 0.44890624999999984, 0.16503906249999978),
        "(17)": (shared.price, 4.514039351851853, -0.6963896122685187, -1.728480902777778, 2.0891688368055563),
    }
    require_parts(wanted, rtol=1e-9)
    # equation (11) as printed has the other sign before b (1 - dEt/dy)
    as_printed = float(bought.stock.collective[0] + 1.0 + 1.5 * (1 - 0.562673611111111) + bought.stock.horizontal[0])
    assert abs(as_printed - float(bought.stock.private[0])) > 1.0


@pytest.mark.slow
def test_externalities_where_consumers_choose():
    """Independent computation at p = (0.55, 0.62), y = (0.7, 0.6), w = 0.3; b = 0.15 and mu = 0.25 in turn."""
    common = DiscreteTable([0.6, 1.0, 1.4], [0.3, 0.4, 0.3])
    demand = ConsumerChoice(UniformShoppers(), Uniform(0.5, 1.0), common)
    price, stock = jnp.array([0.55, 0.62]), jnp.array([0.7, 0.6])
    found = jax.jit(externalities)
    plain, bought, shared = (
        found(VerticalMarket(demand, 0.2, Contract(0.3, **extra), 1.0), price, stock)
        for extra in ({}, {"buy_back": 0.15}, {"revenue_royalty": 0.25})
    )
    wanted = {
        "(9)": (plain.stock, 0.2055050185000075, -0.1, 0.010349208030811217, 0.11585422653081873),
        "(10)": (plain.price, 0.5155973611845204, 0.0, -0.0323272944933742, 0.4832700666911462),
        "(11)": (bought.stock, 0.2055050185000075, -0.06341478905385962, 0.010349208030811217, 0.15243943747695907),
        "(12)": (bought.price, 0.5155973611845204, 0.05259903332797336, -0.0323272944933742, 0.5358691000191195),
        "(16)": (shared.stock, 0.2055050185000075, -0.20396355663270468, 0.010349208030811217, 0.011890669898114051),
        "(17)": (shared.price, 0.5155973611845204, -0.12081751667278655, -0.0323272944933742, 0.36245255001835963),
    }
    require_parts(wanted, rtol=1e-7)


def test_externalities_with_every_instrument_and_salvage():
    every = {"buy_back": 0.7, "royalty": 0.4, "revenue_royalty": 0.2, "fee": 3.0, "floor": 1.0, "ceiling": 12.0}
    bound = dataclasses.replace(market(wholesale_price=2.5, **every), salvage=jnp.array([0.3, 0.6]))
    price, stock = jnp.array([7.9, 9.5]), jnp.array([6.5, 5.1])

    def profits(price, stock):
        found = market_outcomes(bound, {"price": price, "stock": stock})
        return found["outlet profit"], found["chain profit"]

    private, collective = jax.jit(jax.jacfwd(profits, argnums=(0, 1)))(price, stock)
    found = externalities(bound, price, stock)
    for which, part in enumerate((found.price, found.stock)):
        np.testing.assert_allclose(part.private, jnp.diagonal(private[which]), rtol=1e-11)
        np.testing.assert_allclose(part.collective, collective[which], rtol=1e-11)
        np.testing.assert_allclose(part.collective + part.vertical + part.horizontal, part.private, rtol=1e-12)
        pieces = part.unit_price + part.buy_back + part.royalty + part.revenue_royalty
        np.testing.assert_allclose(pieces, part.vertical, rtol=1e-12)
    assert "horizontal" in str(found)
    with pytest.raises(ValueError, match="without goodwill"):
        externalities(dataclasses.replace(bound, goodwill=jnp.ones(2)), price, stock)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_fifty_random_markets_are_coordinated_by_every_proposition():
    rng = np.random.default_rng(7)
    count = 50
    drawn = {
        "intercept": rng.uniform(8.0, 12.0, count),
        "cross": rng.uniform(0.1, 0.4, count),
        "spill": rng.uniform(0.05, 0.3, count),
        "spread": rng.uniform(2.0, 6.0, count),
        "cost": rng.uniform(1.0, 3.0, count),
    }

    def built(drawn, contract):
        shocks = Uniform(-drawn["spread"] / 2, drawn["spread"])
        demand = LinearDemand(drawn["intercept"], 1.0, drawn["cross"], drawn["spill"], shocks=shocks)
        return VerticalMarket(demand, cost=drawn["cost"], contract=contract, highest_price=15.0)

    plans = jax.jit(jax.vmap(lambda d: first_best(built(d, Contract(2.0)))))(drawn)
    assert np.all(plans.solved)
    seen = set()
    for name in [name for name in PROPOSITIONS if name != "1"]:

        def regret(drawn, plan, name=name):
            contract = framed(terms(plan, PROPOSITIONS[name], 0.0, 0.5).contract, 15.0)
            return built(drawn, contract), terms(plan, PROPOSITIONS[name], 0.0, 0.5).price_slope

        bound, slope = jax.vmap(regret)(drawn, plans)
        found, _, _ = regrets(bound, plans.price, plans.stock)
        assert np.max(found) < 1e-8, name
        seen |= {"floor" if s < 0 else "ceiling" for s in np.asarray(slope) if name == "3a"}
    assert seen == {"floor", "ceiling"} or seen == {"floor"}


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_coordinate_tells_what_holds_and_what_cannot():
    bound = market()
    floor = coordinate(bound, ["wholesale price", "fee", "price restraint"])
    assert (floor.implements, floor.strict, floor.binding, floor.propositions) == (True, True, "floor", ("3a",))
    np.testing.assert_allclose([floor.plan.price, floor.plan.stock], PLAN, rtol=1e-6)
    assert "the floor binds" in str(floor)
    assert floor.contract.ceiling is None
    weak = coordinate(bound, PROPOSITIONS["2b"], share=1.0)
    assert (weak.implements, weak.strict) == (True, False)
    assert "indifferent" in weak.reason
    alone = coordinate(bound, ["wholesale price", "fee"])
    assert not alone.implements
    assert "price too low" in alone.reason
    assert alone.reached.chain_profit < float(floor.plan.profit) - 1e-3
    np.testing.assert_allclose(alone.reached.outlet_profit, 0.0, atol=1e-9)
    shared = coordinate(bound, ["wholesale price", "revenue royalty"])
    assert "propositions 1 and 4" in shared.reason
    under = bound.with_contract(shared.contract).game()
    found = under.expect(shared.reached.nash.actions)
    np.testing.assert_allclose(found["outlet profit"][0], shared.rent, rtol=1e-9)
    np.testing.assert_allclose(found["manufacturer profit"], shared.manufacturer_profit, rtol=1e-9)
    assert eqs.certify(under, shared.reached.nash.actions).certified
    unlike = dataclasses.replace(bound, salvage=jnp.array([0.0, 0.5]))
    with pytest.raises(ValueError, match="give outlets that are alike"):
        coordinate(unlike, PROPOSITIONS["2a"])
    with pytest.raises(ValueError, match="share is 2"):
        coordinate(bound, PROPOSITIONS["2b"], share=2.0)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_size_of_the_market_does_not_matter():
    """Proposition 5: one buy-back contract with a ceiling coordinates markets of any size."""
    contract = None
    for size in (1.0, 0.5, 3.7):
        bound = market()
        bound = dataclasses.replace(bound, demand=ScaledDemand(bound.demand, size))
        plan = jax.jit(first_best)(bound)
        found = terms(plan, PROPOSITIONS["5a"], 0.0, 0.5)
        contract = found.contract if contract is None else contract
        np.testing.assert_allclose([plan.price, plan.stock / size], PLAN, rtol=1e-6)
        np.testing.assert_allclose(found.contract.wholesale_price, contract.wholesale_price, rtol=1e-6)
        actions = plan.actions
        certificate = eqs.certify(bound.with_contract(framed(contract)).game(), actions)
        assert float(certificate.regret) < 1e-6 * size  # the contract is right to the accuracy of the plan


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_best_wholesale_price_against_a_fine_search():
    bound = market()
    with_fee, without = best_wholesale_price(bound), best_wholesale_price(bound, fee=False)

    @jax.jit
    @jax.vmap
    def nash(w):
        found = eqs.solve_nash(bound.with_contract(Contract(w)).game())
        return found.outcomes["chain profit"], found.outcomes["manufacturer profit"], found.solved

    chain, manufacturer, solved = nash(jnp.linspace(1.0, 9.0, 801))
    assert np.mean(solved) > 0.9
    assert with_fee.chain_profit >= np.max(np.where(solved, chain, -np.inf)) - 1e-9
    assert without.manufacturer_profit >= np.max(np.where(solved, manufacturer, -np.inf)) - 1e-9
    assert with_fee.certificate.certified
    assert "Best wholesale price" in str(with_fee)
