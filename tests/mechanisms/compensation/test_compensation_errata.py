"""The proofs behind the entries of ERRATA.md on paper 004."""

import jax.numpy as jnp
import numpy as np
import pytest
from firms import PARETO, example_payoffs, grid_equilibria, in_paper_order, inducing_pay, log_firm

import eqsolve as eqs
from eqsolve.mechanisms.compensation import (
    Custom,
    EffortModel,
    StandardCost,
    StandardOutput,
    StandardPerformance,
    all_equilibria,
    all_performances,
    bargain,
    best_scheme,
    check_assumptions,
    induces,
    inducing_schemes,
    output_and_own,
    output_shares,
    paper_example,
    pareto_effort,
    pareto_point,
    proposition_1,
    proposition_2,
    proposition_3,
    proposition_4,
    proposition_5,
    theorem_1,
    under_effort,
)

EXAMPLE = paper_example()


def family_of(model):
    return inducing_schemes(pareto_point(model, PARETO))


def test_004_performance_of_manufacturing_depends_on_marketing_s_help():
    found = check_assumptions(EXAMPLE)
    assert found["performance depends on effort for it alone"].holds  # V_2 of (e22, e12), not of (e22, e21)
    assert found.hold
    assert not found["output rises in effort"].strict  # and slopes that vanish on the edge of the box


def test_004_scheme_3_of_the_table_leads_to_full_own_effort():
    found = all_equilibria(EXAMPLE, output_and_own(0.25, [1.0, 1.0]))
    assert found.unique
    np.testing.assert_allclose(in_paper_order(found.effort[0]), [1, 1, 0, 0], atol=1e-9)
    np.testing.assert_allclose([found.output[0], found.welfare[0], found.residual[0]], [13, 11, 0.5], atol=1e-9)
    np.testing.assert_allclose(grid_equilibria([0.25] * 2, np.eye(2)), [[1, 1, 0, 0]])
    printed = {"effort": np.diag([0.6, 0.6])}
    assert not eqs.certify(EXAMPLE.game(output_and_own(0.25, [1.0, 1.0])), printed).certified
    # the printed effort belongs to other coefficients
    assert eqs.certify(EXAMPLE.game(output_and_own(0.2, [0.3, 0.3])), printed).certified


@pytest.mark.parametrize(("alpha", "beta"), [(0.25, 1.0), (0.2, 0.3), (0.4, 0.1), (0.1, 0.15), (0.05, 0.49)])
def test_004_formulas_of_scheme_3(alpha, beta):
    s = np.clip((1 - 2 * beta) / (2 * (alpha + beta)), 0, 1)
    found = all_equilibria(EXAMPLE, output_and_own(alpha, [beta, beta]))
    assert found.unique
    np.testing.assert_allclose(in_paper_order(found.effort[0]), [1 - s, 1 - s, 0, 0], atol=1e-9)
    np.testing.assert_allclose(found.output[0], 13 - 2 * s**2, atol=1e-9)
    np.testing.assert_allclose(found.welfare[0], 11 + 2 * s - 2 * s**2, atol=1e-9)
    np.testing.assert_allclose(found.performance[0], 3 - 2 * s - s**2, atol=1e-9)


@pytest.mark.parametrize(("alpha", "beta"), [(0.05, 2.1), (0.1, 1.9)])
def test_004_the_printed_condition_against_deficits_admits_deficits(alpha, beta):
    both = alpha + beta
    printed_pay = 2 * (13 * alpha + 3 * beta) * both**2 + 0.5
    assert printed_pay <= 13 * both**2 + 2 * beta * both + (2 * alpha + beta) / 2
    found = all_equilibria(EXAMPLE, output_and_own(alpha, [beta, beta]))
    assert found.unique
    assert found.residual[0] < -0.5
    np.testing.assert_allclose(found.residual[0], 13 - 26 * alpha - 6 * beta, atol=1e-9)


def test_004_the_best_of_schemes_1_and_3_is_better_than_the_paper_s_and_worse_than_scheme_4():
    assert all_equilibria(EXAMPLE, output_shares([0.9, 0.1])).welfare[0] > 11.49  # the fair split has 11
    even = best_scheme(EXAMPLE, 3, symmetric=True)
    np.testing.assert_allclose(even.welfare, 11.5, atol=1e-4)
    np.testing.assert_allclose(even.share + 3 * even.rate, 1, atol=0.05)  # s = 1/2
    uneven = all_equilibria(EXAMPLE, output_and_own([0.6, 0.2], [0.1, 0.3]))
    np.testing.assert_allclose(uneven.welfare, 11.63379, atol=1e-5)
    assert uneven.residual[0] > 0
    best = best_scheme(EXAMPLE, 3)
    assert 11.745 < best.welfare < 11.75
    np.testing.assert_allclose(best.loss, 12.5 - best.welfare, atol=1e-6)
    assert len(best.equilibria) == 1


def test_004_proposition_2_needs_that_departments_stay_without_a_share():
    assert proposition_2(family_of(EXAMPLE)).applies
    family = family_of(paper_example(fixed_cost=np.array([0.0, 8.0])))
    np.testing.assert_allclose([family.budget, family.welfare, family.need[1]], [0.5, 4.5, 2.0], atol=1e-9)
    np.testing.assert_allclose(family.vertices()[0], [-0.75, 0.25], atol=1e-9)  # J is not in the third quadrant
    claim = proposition_2(family)
    assert not claim.applies
    assert not claim.holds
    assert proposition_3(family).holds


def test_004_at_d_of_zero_the_triangle_contains_the_origin():
    assert family_of(paper_example(base=14.5)).contains([0.0, 0.0])
    assert not family_of(paper_example(base=14.4)).contains([0.0, 0.0])
    assert family_of(EXAMPLE).contains([0.0, 0.0])


def test_004_first_order_conditions_are_not_enough_where_a_share_is_negative():
    model = log_firm(4.0)
    point = pareto_point(model, np.ones((2, 2)))
    family = inducing_schemes(point)
    for alpha in ([-0.2, -0.2], [-0.2, 0.3], [0.3, -0.2]):
        assert family.contains(alpha)
        game = model.game(family.pay(alpha))
        slopes = eqs.problem.problem_of(game).marginal(jnp.ones(4))
        np.testing.assert_allclose(slopes, 0, atol=1e-12)
        assert not induces(model, point, family.pay(alpha)).certified
    assert induces(model, point, family.pay([0.3, 0.05])).certified


def test_004_theorem_1_fails_where_d_is_negative():
    assert theorem_1(EXAMPLE, pareto_point(EXAMPLE, PARETO)).holds
    model = log_firm(1.0, v0=1.0)
    point = pareto_point(model, np.ones((2, 2)))
    family = inducing_schemes(point)
    assert family.budget < 0 < np.min(family.slope)
    corners = np.asarray(family.vertices())
    weights = np.random.default_rng(0).dirichlet(np.ones(3), size=40)
    for share in np.concatenate([corners, weights @ corners]):
        assert share.min() < 0
        assert not induces(model, point, family.pay(share)).certified
    claim = theorem_1(model, point)
    assert not claim.applies
    assert not claim.holds


def test_004_output_that_is_the_sum_of_performances_has_no_scheme_4():
    model = EffortModel(
        StandardOutput(log=2.0), StandardPerformance(linear=0.0, root=2.0), StandardCost(slope=1.0), upper=3.0
    )
    summed = EffortModel(Custom(sum_of_roots), model.performance, model.cost, upper=3.0)
    for uneven in (1.0, 0.7):  # also where rounding leaves something of A
        rounded = inducing_schemes(pareto_point(summed, np.full((2, 2), uneven)))
        np.testing.assert_array_equal(rounded.slope, 0)
    effort = np.ones((2, 2))  # 1 / sqrt(e) = e
    family = inducing_schemes(pareto_point(summed, effort))
    np.testing.assert_allclose(family.slope, 0, atol=1e-12)
    assert family.budget < 0
    assert not family.exists
    assert np.all(np.isnan(family.vertices()))
    assert not bargain(family).exists
    assert np.all(np.isnan(bargain(family).share))


def sum_of_roots(params, effort):
    return 2 * jnp.sum(jnp.sqrt(effort))


def test_004_performance_pay_alone_leaves_a_continuum_of_equilibria():
    found = all_equilibria(EXAMPLE, all_performances(0.0, 1.0))
    assert found.continuum
    assert len(found) > 5
    received = found.effort.sum(axis=1)
    np.testing.assert_allclose(received, 1.5, atol=1e-6)
    assert found.welfare.min() < 12 < 12.49 < found.welfare.max()
    for e11 in np.linspace(0.5, 1, 5):  # any split of 1.5 is an equilibrium
        effort = np.array([[e11, 0.7], [1.5 - e11, 0.8]])
        assert eqs.certify(EXAMPLE.game(all_performances(0.0, 1.0)), {"effort": effort}).certified


@pytest.mark.parametrize(("share", "count"), [([-0.25, -0.25], 6), ([0.01, -0.5], 4), ([1 / 32, 1 / 32], 1)])
def test_004_how_many_equilibria_scheme_4_has(share, count):
    found = all_equilibria(EXAMPLE, inducing_pay(share))
    assert len(found) == count
    assert not found.continuum
    np.testing.assert_allclose(found.welfare.max(), 12.5, atol=1e-9)
    others = np.sort(found.welfare)[:-1]
    assert np.all(others < 12.5 - 1e-3)


def test_004_inside_the_box_more_help_than_the_paper_s_rates_may_be_paid_for():
    # help stands at its upper bound: any higher rate for it keeps it there
    rate = np.array([[0.9, 1.4], [1.2, 0.9]])
    pay = all_performances(0.1, rate)
    assert eqs.certify(EXAMPLE.game(pay), {"effort": PARETO}).certified
    first, second, _ = example_payoffs(0.5, 1.0, 1.0, 0.5, [0.1, 0.1], rate)
    line = np.linspace(0, 1, 201)
    moved = example_payoffs(line[:, None], line[None, :], 1.0, 0.5, [0.1, 0.1], rate)[0]
    assert moved.max() <= first + 1e-12
    np.testing.assert_allclose(pay.rewards(jnp.asarray(15.5), jnp.full(2, 3.75)) - 1.5, [first, second])


def joint_own_effort(params, effort):
    safe = jnp.maximum(effort, 1e-12)
    return 4 * jnp.sqrt(safe[0, 0] + safe[1, 1]) + jnp.sqrt(safe[0, 1]) + jnp.sqrt(safe[1, 0])


@pytest.mark.slow
def test_004_scheme_1_may_lead_to_more_effort_than_the_pareto_optimum():
    model = EffortModel(Custom(joint_own_effort), StandardPerformance(linear=1.0), StandardCost(slope=1.0), upper=3.0)
    pareto = pareto_point(model, np.array([[2 ** (1 / 3), 0.25 ** (1 / 3)], [0.25 ** (1 / 3), 2 ** (1 / 3)]]))
    assert pareto.solved
    np.testing.assert_allclose(pareto.effort[0, 0], 1.25992, atol=1e-5)
    claim = under_effort(model, pareto, [0.9, 0.1])
    assert not claim.applies  # own efforts are substitutes in output
    assert not claim.holds
    np.testing.assert_allclose(claim.conclusions["smallest shortfall of effort"], 1.25992 - 1.42866, atol=1e-4)


def test_004_scheme_1_leads_to_less_effort_where_efforts_are_complements():
    example = under_effort(EXAMPLE, pareto_point(EXAMPLE, PARETO), [0.7, 0.3])
    assert example.applies
    assert example.holds


def test_004_propositions_4_and_5_hold_whatever_the_sign_of_d():
    for base in (15.0, 14.5, 10.0):
        family = family_of(paper_example(base=base))
        for claim in (p(family) for p in (proposition_1, proposition_3, proposition_4, proposition_5)):
            assert claim.applies, claim
            assert claim.holds, claim


def test_004_where_a_is_negative_shares_exceed_one_and_rates_are_negative():
    model = log_firm(1.0, v0=4.0)
    family = inducing_schemes(pareto_point(model, np.ones((2, 2))))
    assert np.max(family.slope) < 0
    assert np.all(np.asarray(family.vertices()) > 1)
    for corner in np.asarray(family.vertices()):
        assert np.all(np.asarray(family.pay(corner).rate) < 0)
    assert proposition_4(family).holds
    assert proposition_5(family).holds
    middle = np.asarray(family.vertices()).mean(axis=0)
    assert family.contains(middle)
    # pay that punishes performance and rewards output is still concave here, and works
    assert induces(model, pareto_point(model, np.ones((2, 2))), family.pay(middle)).certified


def test_004_on_the_whole_triangle_all_bargaining_solutions_agree():
    family = inducing_schemes(pareto_effort(EXAMPLE))
    for least in ([0.0, 0.0], [6.0, 5.0], [1.0, 9.0]):
        nash = bargain(family, disagreement=least).net_pay
        for other in ("kalai-smorodinsky", "egalitarian"):
            np.testing.assert_allclose(bargain(family, other, disagreement=least).net_pay, nash, rtol=1e-12)
    assert not bargain(family, disagreement=[7.0, 6.0]).exists  # together more than 12.5
    rng = np.random.default_rng(1)
    limits, weights = rng.uniform(0, 5, 3), np.array([1.0, 2.0, 0.5])
    check_water_filling(limits, weights)


def check_water_filling(limits, weights):
    """Nash bargaining with limits against brute force over a grid of the simplex."""
    from eqsolve.mechanisms.compensation.bargaining import _water_filling

    total = limits.sum() + 3.0
    found = np.asarray(_water_filling(jnp.zeros(3), jnp.asarray(limits), jnp.asarray(weights), total))
    np.testing.assert_allclose(found.sum(), total, rtol=1e-12)
    line = np.linspace(0, 3, 301)
    first, second = np.meshgrid(line, line, indexing="ij")
    third = 3.0 - first - second
    room = third >= 0
    u = [limits[0] + first, limits[1] + second, limits[2] + np.where(room, third, 0)]
    value = sum(w * np.log(x) for w, x in zip(weights, u, strict=True))
    best = np.where(room, value, -np.inf).max()
    assert np.sum(weights * np.log(found)) >= best - 1e-12
