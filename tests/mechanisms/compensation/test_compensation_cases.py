"""The worked cases of paper 004. Expected values: independent computation (active sets in NumPy, closed forms)."""

import jax
import numpy as np
import pytest
from firms import NAMES, grid_equilibria, in_paper_order, inducing_pay, log_firm, root_firm
from scipy import optimize

from eqsolve.mechanisms.compensation import (
    EffortModel,
    Pay,
    StandardCost,
    StandardOutput,
    StandardPerformance,
    all_equilibria,
    bargain,
    full_allocation,
    induces,
    inducing_schemes,
    output_and_own,
    output_shares,
    own_performance,
    paper_example,
    paper_schemes,
    pareto_effort,
    pareto_point,
    scheme_table,
)

CROSS = {
    "a0": 6.0,
    "a": [[3.0, 2.0], [1.5, 2.5]],
    "k": [[0, 0.8], [0, 0]],
    "v": [0.2, 0.1],
    "b": [[2.0, 1.8], [1.6, 2.2]],
    "c0": [0.0, 0.0],
    "q": [[1.0, 1.5], [1.2, 0.9]],
}
THREE = {
    "a0": 20.0,
    "a": [[3.0, 1.2, 0.8], [1.0, 2.5, 0.9], [0.7, 1.1, 2.0]],
    "k": [[0, 0.6, 0.3], [0, 0, 0.4], [0, 0, 0]],
    "v": [0.1, 0.2, 0.3],
    "b": [[2.0, 1.5, 1.0], [1.4, 2.1, 1.2], [1.1, 1.3, 1.9]],
    "c0": [0.0, 0.0, 0.0],
    "q": [[1.0, 1.2, 1.4], [1.1, 0.9, 1.3], [1.5, 1.2, 1.0]],
}
CUT = {
    "a0": 12.0,
    "a": [[3.0, 2.0], [1.5, 2.5]],
    "k": np.zeros((2, 2)),
    "v": [0.0, 0.0],
    "b": [[4.0, 1.0], [3.0, 1.0]],
    "c0": [0.0, 0.0],
    "q": np.ones((2, 2)),
}


def test_paper_pareto():
    point = pareto_effort(paper_example())
    np.testing.assert_allclose(in_paper_order(point.effort), [0.5, 0.5, 1, 1], atol=1e-6)
    np.testing.assert_allclose(point.output, 15.5, atol=1e-7)
    np.testing.assert_allclose(point.cost, 1.5, atol=1e-7)
    np.testing.assert_allclose(point.performance, 3.75, atol=1e-7)
    np.testing.assert_allclose(point.welfare, 12.5, atol=1e-7)
    np.testing.assert_allclose(point.multiplier, 0, atol=1e-7)  # e12 = e21 = 1 lie on the box, with nothing to gain
    assert point.solved
    assert point.balanced


@pytest.mark.parametrize(
    ("pay", "effort", "output", "cost", "rewards", "residual"),
    [
        (
            output_shares([0.7, 0.3]),
            [0.28571428571428564, 0.0, 0.28571428571428564, 0.0],
            11.979591836734695,
            [0.5714285714285713, 0.0],
            [8.385714285714286, 3.5938775510204084],
            0.0,
        ),
        (own_performance([1.0, 1.0]), [1, 1, 0, 0], 13.0, [1.0, 1.0], [3.0, 3.0], 7.0),
        (output_and_own(0.2, [0.3, 0.3]), [0.6, 0.6, 0, 0], 12.68, [0.6, 0.6], [3.148, 3.148], 6.384),
        (inducing_pay([0.04, 0.02]), [0.5, 0.5, 1, 1], 15.5, [1.5, 1.5], [7.82, 7.66], 0.02),
    ],
    ids=["scheme1_asym2", "scheme2_delta1", "scheme3_02_03", "scheme4_asym"],
)
def test_paper_schemes(pay, effort, output, cost, rewards, residual):
    found = all_equilibria(paper_example(), pay)
    assert found.unique
    assert found.complete
    np.testing.assert_allclose(in_paper_order(found.effort[0]), effort, atol=1e-6)
    np.testing.assert_allclose(found.output[0], output, atol=1e-6)
    np.testing.assert_allclose(found.cost[0], cost, atol=1e-6)
    np.testing.assert_allclose(found.welfare[0], output - sum(cost), atol=1e-6)
    np.testing.assert_allclose(found.reward[0], rewards, atol=1e-6)
    np.testing.assert_allclose(found.net_pay[0], np.subtract(rewards, cost), atol=1e-6)
    np.testing.assert_allclose(found.residual[0], residual, atol=1e-6)


def test_the_table_of_section_4_6_with_the_true_column_of_scheme_3():
    table = scheme_table(paper_example(), paper_schemes())
    effort = [[0, 0, 0, 0], [1, 1, 0, 0], [1, 1, 0, 0], [0.5, 0.5, 1, 1]]
    for name, e, f, welfare, reward in zip(
        paper_schemes(), effort, [11, 13, 13, 15.5], [11, 11, 11, 12.5], [5.5, 6.5, 6.25, 7.75], strict=True
    ):
        assert len(table[name]) == 1
        np.testing.assert_allclose(in_paper_order(table[name].effort[0]), e, atol=1e-6)
        np.testing.assert_allclose(table[name].output[0], f, atol=1e-6)
        np.testing.assert_allclose(table[name].welfare[0], welfare, atol=1e-6)
        np.testing.assert_allclose(table[name].reward[0], reward, atol=1e-6)
    assert "0.5 1 | 1 0.5" in str(table)


def test_paper_bargain_disagree():
    family = inducing_schemes(pareto_point(paper_example(), [[0.5, 1.0], [1.0, 0.5]]))
    nash = bargain(family, disagreement=[6, 5])
    np.testing.assert_allclose(nash.net_pay, [6.75, 5.75], atol=1e-6)
    np.testing.assert_allclose(nash.share, [0.09375, -0.03125], atol=1e-6)
    other = bargain(family, "kalai-smorodinsky", disagreement=[6, 5])
    np.testing.assert_allclose(other.net_pay, [6.75, 5.75], atol=1e-6)
    weighted = bargain(family, disagreement=[6, 5], weights=[2, 1])
    np.testing.assert_allclose(weighted.net_pay, [7.0, 5.5], atol=1e-6)
    np.testing.assert_allclose(weighted.share, [0.125, -0.0625], atol=1e-6)


def test_paper_negative_d_has_six_equilibria():
    found = all_equilibria(paper_example(base=10.0), inducing_pay([-0.75, -0.75]))
    expected = [
        [0.5, 0.5, 1.0, 1.0],
        [0.5, 1.0, 0.125, 1.0],
        [0.7606382978723404, 1.0, 0.1808510638297872, 0.8510638297872342],
        [1.0, 0.5, 1.0, 0.125],
        [1.0, 0.7606382978723405, 0.851063829787234, 0.18085106382978722],
        [1.0, 1.0, 0.36363636363636365, 0.36363636363636365],
    ]
    np.testing.assert_allclose(in_paper_order(found.effort), expected, atol=1e-6)
    welfare = [7.5, 6.484375, 6.610881620642826, 6.484375, 6.610881620642825, 6.5950413223140485]
    np.testing.assert_allclose(found.welfare, welfare, atol=1e-6)
    assert not found.continuum


def test_paper_d_zero():
    family = inducing_schemes(pareto_point(paper_example(base=14.5), [[0.5, 1.0], [1.0, 0.5]]))
    np.testing.assert_allclose(family.slope, 7.5, atol=1e-7)
    np.testing.assert_allclose(family.budget, 0, atol=1e-7)
    np.testing.assert_allclose(family.need, -6, atol=1e-7)
    corners = np.asarray(family.vertices())
    np.testing.assert_allclose(corners, [[-0.8, -0.8], [0.8, -0.8], [-0.8, 0.8]], atol=1e-7)  # J, H, G
    for corner, net, left in zip(corners, [[0, 0], [12, 0], [0, 12]], [12, 0, 0], strict=True):
        np.testing.assert_allclose(family.net_pay(corner), net, atol=1e-7)
        np.testing.assert_allclose(family.residual(corner), left, atol=1e-7)
    np.testing.assert_allclose(bargain(family).share, 0, atol=1e-7)
    assert family.contains([0.0, 0.0])


def test_log_output_with_linear_performance():
    model = log_firm(4.0)
    point = pareto_effort(model)
    np.testing.assert_allclose(point.effort, 1, atol=1e-6)
    np.testing.assert_allclose(point.welfare, 5.545177444479563, atol=1e-7)
    family = inducing_schemes(point)
    np.testing.assert_allclose(family.slope, 5.545177444479563, atol=1e-7)
    np.testing.assert_allclose(family.budget, 1.5451774444795632, atol=1e-7)
    np.testing.assert_allclose(family.need, -2, atol=1e-7)
    low, high = -0.3606737602222408, 0.6393262397777592
    np.testing.assert_allclose(family.vertices(), [[low, low], [high, low], [low, high]], atol=1e-7)
    np.testing.assert_allclose(bargain(family).share, 0.13932623977775918, atol=1e-7)
    assert induces(model, point, family.pay(0.1)).certified
    left = induces(model, point, family.pay(-0.2))
    np.testing.assert_allclose(left.regret, 0.24548225555204378, atol=1e-6)
    assert not left.certified


def test_root_output_with_cross_terms():
    model = root_firm(CROSS)
    first = all_equilibria(model, output_shares([0.6, 0.4]))
    assert len(first) == 1
    expected = [[0.9321697517861577, 0.641231972772114], [0.5030273932764335, 0.6758002217303778]]
    np.testing.assert_allclose(first.effort[0], expected, atol=1e-6)
    np.testing.assert_allclose(first.welfare[0], 12.971209795185636, atol=1e-6)
    third = all_equilibria(model, output_and_own([0.35, 0.25], [0.2, 0.3]))
    assert len(third) == 1
    expected = [[0.8070343207939527, 0.4370450517557353], [0.3548047136775121, 0.7987675531930678]]
    np.testing.assert_allclose(third.effort[0], expected, atol=1e-6)
    np.testing.assert_allclose(third.welfare[0], 12.628540906495813, atol=1e-6)


THREE_EFFORT = [
    [1.3103706971044482, 0.8047257456312931, 0.5039791152620434],
    [0.7877724098899922, 1.2448346518214346, 0.6088423368485456],
    [0.4524371406500743, 0.7021645315281794, 1.0],
]


@pytest.mark.slow
def test_three_departments_pareto_effort_is_found():
    np.testing.assert_allclose(pareto_effort(root_firm(THREE, departments=3)).effort, THREE_EFFORT, atol=1e-6)


def test_three_departments():
    model = root_firm(THREE, departments=3)
    point = pareto_point(model, THREE_EFFORT)
    assert point.solved
    np.testing.assert_allclose(point.output, 33.73278179668349, atol=1e-7)
    np.testing.assert_allclose(point.performance, [4.371918026315694, 4.977951293184382, 3.846255062089063], atol=1e-6)
    np.testing.assert_allclose(point.cost, [1.4248822613583214, 1.2795957872905426, 0.9493455422814239], atol=1e-6)
    np.testing.assert_allclose(point.welfare, 30.078958205753203, atol=1e-8)
    family = inducing_schemes(point)
    np.testing.assert_allclose(family.slope, [17.57209953201019, 19.044020835518438, 20.64824663589457], atol=1e-6)
    np.testing.assert_allclose(family.budget, -10.201196589943784, atol=1e-6)
    np.testing.assert_allclose(family.need, [-14.73580000331498, -13.409165173874507, -12.135189618507496], atol=1e-6)
    split = bargain(family)
    np.testing.assert_allclose(split.share, [-0.2680089873619386, -0.1776329589835109, -0.10213313768364901], atol=1e-6)
    pay = family.pay(split.share)
    rates = [
        [1.9020134810429077, 1.4645835716941726, 1.2702791587862567],
        [1.2939149978181401, 1.4019439987898938, 1.2121582458799307],
        [0.9147449141883492, 1.1971822856243808, 1.1601401449301567],
    ]
    np.testing.assert_allclose(pay.rate, rates, atol=1e-6)
    rewards = pay.rewards(point.output, point.performance)
    np.testing.assert_allclose(rewards, [11.451201663276056, 11.305915189208275, 10.975664944199156], atol=1e-6)
    np.testing.assert_allclose(np.sum(family.slope) - family.budget, 2 * point.output, rtol=1e-12)
    np.testing.assert_allclose(family.budget - np.sum(family.need), point.welfare, rtol=1e-12)


@pytest.mark.slow
def test_three_departments_under_scheme_1():
    share, cross = np.array([0.5, 0.3, 0.2]), np.array(THREE["k"]) + np.array(THREE["k"]).T
    found = all_equilibria(root_firm(THREE, departments=3), output_shares(share))
    assert found.unique

    def marginal(roots):  # of net pay in every effort, the unknowns being square roots of efforts
        roots = roots.reshape(3, 3)
        gain = (np.array(THREE["a"]) + cross * roots.T) / (2 * roots)
        return (share[:, None] * gain - np.array(THREE["q"]) * roots**2).ravel()

    roots = optimize.root(marginal, np.ones(9), tol=1e-13).x
    np.testing.assert_allclose(found.effort[0], roots.reshape(3, 3) ** 2, atol=1e-7)


def test_at_an_active_bound_rates_follow_the_slope_of_output_not_of_cost():
    model = log_firm(4.0, upper=0.7)  # the first best would be one: all efforts stand at their bound
    point = pareto_point(model, np.full((2, 2), 0.7))
    assert point.solved
    assert not point.balanced
    np.testing.assert_allclose(point.multiplier, 2 / 1.7 - 1, rtol=1e-12)
    family = inducing_schemes(point)
    for share in ([0.3, 0.2], [-0.4, 0.9]):
        reward = family.pay(share).rewards(point.output, point.performance)
        np.testing.assert_allclose(family.net_pay(share), reward - point.cost, rtol=1e-12)
        np.testing.assert_allclose(family.residual(share), point.output - np.sum(reward), rtol=1e-12)
    assert induces(model, point, family.pay([0.3, 0.2])).certified
    for corner, net in zip(np.asarray(family.vertices()), np.eye(3)[:, 1:] * float(point.welfare), strict=True):
        np.testing.assert_allclose(family.net_pay(corner), net, atol=1e-12)


@pytest.mark.slow
def test_three_departments_stay_at_the_pareto_effort():
    model = root_firm(THREE, departments=3)
    point = pareto_point(model, THREE_EFFORT)
    family = inducing_schemes(point)
    assert induces(model, point, family.pay(bargain(family).share)).certified  # pareto_is_nash_at_equal_split


def test_bargaining_without_negative_shares():
    family = inducing_schemes(pareto_effort(root_firm(CUT)))
    np.testing.assert_allclose(family.slope, [11.857188450195919, 12.64471424255333], atol=1e-6)
    np.testing.assert_allclose(family.budget, 3.0118761579252933, atol=1e-6)
    np.testing.assert_allclose(family.need, [-8.274302402713037, -7.831341340479634], atol=1e-6)
    nash = bargain(family, nonnegative_shares=True)
    np.testing.assert_allclose(nash.net_pay, [9.558759950558983, 9.558759950558983], atol=1e-5)
    np.testing.assert_allclose(nash.share, [0.10832732845911063, 0.13661191363787858], atol=1e-5)
    other = bargain(family, "kalai-smorodinsky", nonnegative_shares=True)
    np.testing.assert_allclose(other.net_pay, [9.750096327296813, 9.367423573821155], atol=1e-6)
    np.testing.assert_allclose(other.share, [0.12446406926756666, 0.12148018562350221], atol=1e-6)
    equal = bargain(family, "egalitarian", nonnegative_shares=True)
    np.testing.assert_allclose(equal.net_pay, nash.net_pay, atol=1e-9)


def test_salomon_pay_out_of_an_excess():
    model = EffortModel(
        StandardOutput(base=10.0, root=2.0),
        StandardPerformance(linear=1.0),
        StandardCost(slope=1.0),
        upper=3.0,
        departments=NAMES,
    )
    found = all_equilibria(model, Pay(excess_share=0.2, threshold=11.0))
    assert len(found) == 1  # nobody shirks: one department alone lifts output beyond 11
    np.testing.assert_allclose(found.effort[0], 0.34199518933533946, atol=1e-7)
    np.testing.assert_allclose(found.output[0], 14.678428381140586, atol=1e-7)
    # with a threshold that one department's effort cannot reach, shirking is an equilibrium too
    both = all_equilibria(model, Pay(excess_share=0.2, threshold=13.2))
    np.testing.assert_allclose(np.sort(both.effort[:, 0, 0]), [0.0, 0.34199518933533946], atol=1e-7)


def test_full_allocation_of_scheme_2():
    found = full_allocation(paper_example())
    np.testing.assert_allclose(found.rate, [[13 / 6, 13 / 6]], rtol=1e-9)
    np.testing.assert_allclose(found.welfare, 11, rtol=1e-9)
    uneven = full_allocation(paper_example(), weights=[2.0, 1.0])  # (2 + 1) t 3 = 13
    np.testing.assert_allclose(uneven.rate, [[26 / 9, 13 / 9]], rtol=1e-9)
    assert len(full_allocation(paper_example(), highest=2.0)) == 0


def test_equilibria_are_those_of_a_fine_grid():
    for alpha in ([-0.75, -0.75], [0.04, 0.02]):
        base = 10.0 if alpha[0] < 0 else 15.0
        rate = np.repeat(1 - np.array(alpha)[:, None], 2, axis=1)
        found = all_equilibria(paper_example(base=base), inducing_pay(alpha))
        on_grid = grid_equilibria(alpha, rate, base, points=25, slack=5e-3)  # a step of 1/24 moves payoffs by less
        near = np.abs(on_grid[:, None] - in_paper_order(found.effort)[None]).max(axis=2)
        assert np.all(near.min(axis=0) <= 1 / 24)  # every equilibrium has a neighbour on the grid


def test_relabelling_departments_and_rescaling_money_change_nothing():
    pay = Pay(share=[0.35, 0.25], rate=[[0.2, 0.1], [0.0, 0.3]])
    found = all_equilibria(root_firm(CROSS), pay)
    turned = {name: np.array(value, float) for name, value in CROSS.items()}
    turned |= {name: turned[name][::-1, ::-1] for name in ("a", "b", "q")}
    turned |= {name: turned[name][::-1] for name in ("v", "c0")}
    other = all_equilibria(root_firm(turned), Pay(share=[0.25, 0.35], rate=[[0.3, 0.0], [0.1, 0.2]]))
    np.testing.assert_allclose(other.effort[0], found.effort[0][::-1, ::-1], atol=1e-9)
    money = {name: np.array(CROSS[name], float) * 1e6 for name in ("a0", "a", "k", "c0", "q")}
    rich = all_equilibria(root_firm(CROSS | money), Pay(share=pay.share, rate=np.asarray(pay.rate) * 1e6))
    np.testing.assert_allclose(rich.effort[0], found.effort[0], atol=1e-9)
    np.testing.assert_allclose(rich.welfare[0], found.welfare[0] * 1e6, rtol=1e-9)


def test_the_inducing_family_is_differentiable_and_batched():
    point = pareto_point(paper_example(), [[0.5, 1.0], [1.0, 0.5]])
    family = inducing_schemes(point)
    slope = jax.grad(lambda a: family.residual(a))(np.array([0.1, 0.2]))
    np.testing.assert_allclose(slope, [-8, -8])
    shares = jax.vmap(lambda r: bargain(inducing_schemes(point, r)).share)(np.array([[0.0, 0.0], [2.0, 0.0]]))
    np.testing.assert_allclose(shares, [[1 / 32, 1 / 32], [1 / 32 + 1 / 8, 1 / 32 - 1 / 8]])
