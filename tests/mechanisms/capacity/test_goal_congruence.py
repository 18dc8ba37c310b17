"""Goal congruence period by period: trusted numbers, search over weights, thresholds, propositions 1, 4 and 5."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from eqsolve.demand.uniform import Uniform
from eqsolve.mechanisms.capacity.accounting import annuity, relative_benefit, straight_line
from eqsolve.mechanisms.capacity.binary_investment import binary_investment, binary_profits, dominance
from eqsolve.mechanisms.capacity.families import QuadraticRevenue
from eqsolve.mechanisms.capacity.full_cost_propositions import (
    proposition_1,
    proposition_4i,
    proposition_4ii,
    proposition_5,
)
from eqsolve.mechanisms.capacity.goal_congruence import full_use_capacity, goal_congruence
from eqsolve.mechanisms.capacity.lifetime import LifetimeDivision
from eqsolve.mechanisms.capacity.tariffs import capitalised, naive_full_cost, relative_benefit_two_part, two_part

TRUSTED = {"rtol": 1e-8, "atol": 1e-9}
QUADRATIC = QuadraticRevenue(10.0, 0.5)


def uniform(ends):
    low, high = np.array(ends).T
    return Uniform(low, high - low)


CASES = {  # source: independent computation (cases F1, F4, F7)
    "F1": {
        "division": LifetimeDivision(
            QUADRATIC, uniform([(0.4, 1.6)] * 4), [2.0, 2.4, 1.8, 1.2], 9.0, 0.1, [1.0, 1.2, 0.9, 0.6]
        ),
        "best": [5.496014574179333, 38.522990486759255, 5.973635680622907],
        "z": [0.3348044820489367, 0.40176537845872407, 0.30132403384404305, 0.20088268922936203],
        "volatility": [-3.496014574179333, -4.195217489015199, -3.1464131167614005, -2.0976087445075997],
        "two_part": [5.496014574179332] * 4,
        "capitalised": [5.031054375074588] * 4,
        "full": 4.986759661559569,
        "annuity": [5.745201783173792, 6.464434681651441, 5.298678669910903, 3.343101326643138],
    },
    "F7": {
        "division": LifetimeDivision(QUADRATIC, uniform([(0.85, 1.15)] * 4), [1.0, 1.0, 1.0, 6.0], 9.0, 0.1),
        "best": [5.381608375752627, 41.72332939053114, 6.584932723174646],
        "z": [0.3154708037060979] * 4,
        "volatility": [2.118391624247373, 2.118391624247373, 2.118391624247373, -2.881608375752627],
        "two_part": [6.160762766645118, 6.160762766645118, 6.160762766645118, 1.1607627666451183],
        "capitalised": [5.083408748114629] * 4,
        "full": 5.083408748114629,
        "annuity": [6.160762766645119, 6.160762766645119, 6.160762766645119, 1.1607627666451188],
    },
    "F4": {
        "division": LifetimeDivision(QUADRATIC, uniform([(0.4, 1.6), (0.6, 1.8), (0.3, 1.1)]), 2.0, 7.0, 0.1),
        "best": [5.564246375180315, 32.01195964997455, 4.973703981968444],
        "z": [0.4021148036253777] * 3,
        "volatility": [-3.564246375180315, -1.564246375180315, -4.564246375180315],
        "two_part": [5.780797665888529, 7.780797665888528, 2.2890493962448004],
        "capitalised": [5.250335493185685, 7.250335493185683, 2.1851963746223566],
        "full": None,
        "annuity": [5.780797665888529, 7.780797665888528, 2.2890493962448004],
    },
}


@pytest.mark.parametrize("name", CASES)
def test_capacities_by_period_are_the_trusted_ones(name):
    case = CASES[name]
    division = case["division"]
    schedule = relative_benefit(division.multiplier, 0.1)
    np.testing.assert_allclose(schedule.charges, case["z"], **TRUSTED)
    found = goal_congruence(division, relative_benefit_two_part(division))
    best = [found.first_best.capacity, found.first_best.npv, division.anticipated_cost]
    np.testing.assert_allclose(best, case["best"], **TRUSTED)
    np.testing.assert_allclose(found.first_best.limited_volatility, case["volatility"], rtol=1e-7)
    np.testing.assert_allclose(found.by_period, case["two_part"], **TRUSTED)
    assert found.congruent == (name == "F1")
    bundled = goal_congruence(division, capitalised(division))
    np.testing.assert_allclose(bundled.by_period, case["capitalised"], **TRUSTED)
    assert not bundled.congruent
    np.testing.assert_allclose(goal_congruence(division, two_part(division)).by_period, case["annuity"], **TRUSTED)
    if case["full"] is not None:  # all periods want the same
        np.testing.assert_allclose(full_use_capacity(division), case["full"], **TRUSTED)


def test_the_worst_weights_are_on_one_period():
    """Over random weights no mixture loses the firm more than its worst single period."""
    division = CASES["F4"]["division"]
    rule = two_part(division)
    found = goal_congruence(division, rule)
    assert found.worst_weights[jnp.argmax(found.loss_by_period)] == 1
    weights = jnp.asarray(np.random.default_rng(2).dirichlet(np.full(3, 0.5), 200))
    chosen = jax.jit(jax.vmap(lambda u: rule.chosen(division, u)))(weights)
    assert np.all(chosen >= np.min(found.by_period) - 1e-9)
    assert np.all(chosen <= np.max(found.by_period) + 1e-9)
    # the loss grows away from the best capacity on either side, here by definition and plain sums over quantiles
    e = np.array([[0.4, 0.6, 0.3]]) + (np.arange(20_000)[:, None] + 0.5) / 20_000 * np.array([[1.2, 1.2, 0.8]])

    def npv(k):
        q = np.clip(10 * e - 2.0, 0, k)
        return np.mean(10 * e * q - q**2 / 2 - 2 * q, axis=0) @ 1.1 ** -np.arange(1.0, 4) - 7 * k

    at_ends = [npv(float(k)) for k in found.by_period]
    np.testing.assert_allclose(found.loss_by_period, npv(5.564246375180315) - at_ends, atol=1e-5)
    assert max(npv(5.564246375180315) - npv(float(k)) for k in chosen[:40]) <= found.worst_loss + 1e-5


def test_only_the_annuity_lets_the_upstream_division_reserve_what_is_best():
    division = LifetimeDivision(QUADRATIC, uniform([(0.4, 1.6)] * 4), 2.0, 12.0, 0.1)
    assert goal_congruence(division, two_part(division, annuity(0.1, 4))).congruent
    line = goal_congruence(division, two_part(division, straight_line(0.1, 4)))
    assert not line.congruent
    assert np.all(np.diff(line.by_period) > 0)  # falling charges make impatient managers reserve too little
    # and the one condition is E CM'(k) = z_t v: with all its states binding where charges are high enough
    charges = 12.0 * np.array([0.35, 0.325, 0.3, 0.275])
    np.testing.assert_allclose(two_part(division, straight_line(0.1, 4)).capacity_charge, charges, rtol=1e-12)
    for k, charge in zip(np.asarray(line.by_period), charges, strict=True):
        e = 0.4 + (np.arange(200_000) + 0.5) / 200_000 * 1.2
        np.testing.assert_allclose(np.mean(np.maximum(10 * e - k - 2, 0)), charge, rtol=1e-8)


def test_output_is_part_of_congruence():
    """The capitalised rule with too volatile shocks: at the efficient capacity output is too large in bad states."""
    division = CASES["F1"]["division"]
    assert np.all(goal_congruence(division, capitalised(division)).quantity_gap > 1e-3)
    naive = goal_congruence(division, naive_full_cost(division))
    assert np.all(naive.quantity_gap < -1e-3)  # double marginalisation


# ---- all or nothing ----


def shifted(theta):
    shocks = Uniform(theta - 2.5, 5.0)
    revenue, x, w = QuadraticRevenue(1.0, 0.5), [1.0, 1.1, 0.8, 0.5], [1.2, 1.5, 1.0, 0.9]
    return LifetimeDivision(revenue, shocks, w, 7.0, 0.1, x)


GRID = [4.834876154400672, 5.324876154400672, 5.344876154400672, 5.834876154400672]
ON_GRID = [
    [-1.3685270815021573, -1.4748348331588552, -1.0882611698193267, -0.626809825383098],
    [-0.02812275231438921, -0.030412328415954093, -0.02238659194385839, -0.013059301849833727],
    [0.028150054791296064, 0.030445961140557642, 0.022409233925392513, 0.013078953088289325],
    [1.4367832737821162, 1.558916644666816, 1.1448661236432995, 0.6759379215230803],
]
BENEFIT = [
    [0.3546504044758576, -0.1116361485047026, 0.1715625440460844, -0.6375936008192062],
    [0.4109232115815429, -0.05077785894819087, 0.2163583699153353, -0.6114553458810832],
]


def test_threshold_and_reob_charges_are_the_trusted_ones():
    """Source: independent computation (case G1)."""
    found = binary_investment(shifted, 3.0, 3.0, 9.0)
    np.testing.assert_allclose(found.threshold, 5.334876154400672, **TRUSTED)
    margins = [7.989428278017362, 8.286096813261082, 6.2792732329716365, 3.178793261644185]
    np.testing.assert_allclose(found.margins, margins, **TRUSTED)
    charges = [0.3804489656198744, 0.3945760387267182, 0.29901301109388745, 0.15137110769734216]
    np.testing.assert_allclose(found.schedule.charges, charges, **TRUSTED)
    written = [0.2804489656198744, 0.3226209352887056, 0.25932000118474546, 0.13761009790667472]
    np.testing.assert_allclose(found.schedule.depreciation, written, **TRUSTED)
    per_unit = [2.663142759339121, 2.7620322710870275, 2.093091077657212, 1.0595977538813952]
    np.testing.assert_allclose(found.charges, per_unit, **TRUSTED)
    np.testing.assert_allclose(
        binary_profits(shifted, 3.0, found.schedule, jnp.array(GRID)), ON_GRID, rtol=1e-7, atol=1e-8
    )
    other = relative_benefit([1.0, 1.1, 0.8, 0.5], 0.1)
    near = found.threshold + jnp.array([-0.01, 0.01, 0.01, 0.01])
    np.testing.assert_allclose(binary_profits(shifted, 3.0, other, near)[:2], BENEFIT, rtol=1e-7, atol=1e-8)


def test_proposition_5_holds_for_reob():
    claim = proposition_5(shifted, 3.0, 3.0, 9.0, GRID)
    assert claim.applies
    assert claim.holds


def narrower(theta):
    return LifetimeDivision(QuadraticRevenue(1.0, 0.5), Uniform(theta, 6.0 - theta), 0.5, 1.0, 0.0, periods=1)


def wider(theta):
    return LifetimeDivision(QuadraticRevenue(1.0, 0.5), Uniform(5 - theta, 2 * theta), 0.5, 1.0, 0.0, periods=1)


def test_dominance_tells_a_shift_from_a_spread():
    assert dominance(narrower, [1.0, 2.0, 3.0]) >= -1e-12
    assert dominance(wider, [1.0, 2.0, 3.0]) < -0.1


def test_a_threshold_must_exist():
    with pytest.raises(ValueError, match="npv times"):
        binary_investment(shifted, 3.0, 8.0, 9.0)


# ---- propositions 1 and 4 ----


def test_proposition_1_holds_where_it_applies():
    division = LifetimeDivision(QUADRATIC, uniform([(0.4, 1.6)] * 4), 2.0, 12.0, 0.1)
    claim = proposition_1(division)
    assert claim.applies
    assert claim.holds
    uneven = eqx.tree_at(lambda d: d.multiplier, division, jnp.array([1.0, 1.0, 0.8, 1.0]))
    claim = proposition_1(uneven)
    assert not claim.applies
    assert not claim.holds
    np.testing.assert_allclose(claim.hypotheses["equal multipliers"], -0.2, rtol=1e-12)
    assert "equal multipliers" in str(claim)


def test_proposition_4_says_which_hypothesis_fails():
    first = proposition_4i(CASES["F1"]["division"])
    assert first.applies
    assert first.holds
    second = proposition_4ii(CASES["F1"]["division"])
    assert not second.applies
    assert not second.holds
    assert next(iter(second.hypotheses)) == "limited volatility in every period"
    calm = LifetimeDivision(
        QUADRATIC, uniform([(0.95, 1.05)] * 4), [2.0, 1.0, 1.8, 1.2], 9.0, 0.1, [1.0, 1.2, 0.9, 0.6]
    )
    assert proposition_4ii(calm).applies
    assert proposition_4ii(calm).holds
    assert not proposition_4i(calm).applies_as_printed
