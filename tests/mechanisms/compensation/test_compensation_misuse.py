"""Bad input is named, single precision works, functions of one's own and pay with caps."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from firms import PARETO, in_paper_order

import eqsolve as eqs
from eqsolve.mechanisms.compensation import (
    Custom,
    CustomPay,
    EffortModel,
    Pay,
    StandardOutput,
    StandardPerformance,
    all_equilibria,
    bargain,
    best_scheme,
    check_assumptions,
    feasible_triangle,
    full_allocation,
    inducing_schemes,
    paper_example,
    pareto_point,
    proposition_1,
    proposition_2,
    proposition_3,
    proposition_4,
    proposition_5,
    scheme_table,
    theorem_1,
)

FIRM = paper_example()


def output(params, effort):
    return 4 * jnp.sum(1 - jnp.exp(-effort))


def performance(params, effort):
    return jnp.sum(effort, axis=0)


def cost(params, effort):
    return jnp.sum(effort**2, axis=1) / 2


def crossed_cost(params, effort):
    return jnp.sum(effort, axis=1) + effort[0, 0] * effort[1, 1] - 2 * effort[0, 1] ** 2 * jnp.array([1.0, 0.0])


def capped(params, output, performance):
    return jnp.minimum(0.4 * output * jnp.ones(2), params["cap"])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: EffortModel(output, performance, cost, upper=[1.0, 2.0]), "upper has shape"),
        (lambda: EffortModel(output, performance, cost, lower=1.0), "leave some room"),
        (lambda: EffortModel(performance, performance, cost), "output returns the shape"),
        (lambda: EffortModel(output, performance, cost, departments=1), "at least two"),
        (lambda: EffortModel(output, performance, cost, departments=["a", "a"]), "different names"),
        (lambda: StandardOutput(base=np.nan), "base is nan"),
        (lambda: EffortModel(StandardOutput(linear=[1.0, 2.0]), performance, cost), "StandardOutput.linear"),
        (lambda: paper_example().game(Pay(share=[1.0, 2.0, 3.0])), "Pay.share has shape"),
        (lambda: Pay(share=np.inf), "Pay.share is inf"),
        (lambda: bargain(inducing_schemes(pareto_point(paper_example(), PARETO)), "even"), "solution"),
        (lambda: bargain(inducing_schemes(pareto_point(paper_example(), PARETO)), weights=[1.0, 0.0]), "weights"),
        (lambda: best_scheme(paper_example(), 4), "scheme is 4"),
        (lambda: full_allocation(paper_example(), highest=0.0), "highest"),
        (lambda: check_assumptions(paper_example(), samples=0), "samples"),
        (lambda: check_assumptions(FIRM, 2.5), "samples is 2.5"),
        (lambda: all_equilibria(FIRM, Pay(), starts=0), "starts is 0"),
        (lambda: all_equilibria(FIRM, Pay(), starts=-1), "starts is -1"),
        (lambda: all_equilibria(FIRM, Pay(), scattered=-1), "scattered is -1"),
        (lambda: EffortModel(output, performance, cost, departments=-2), "departments is -2"),
        (lambda: EffortModel(output, performance, cost, departments=2.5), "departments is 2.5"),
        (lambda: StandardOutput(linear=[1.0, 2.0]), r"StandardOutput.linear has shape \(2,\)"),
        (lambda: StandardOutput(base=[1.0, 2.0]), r"StandardOutput.base has shape \(2,\); give one number,"),
        (lambda: Pay(share=[]), r"Pay.share has shape \(0,\)"),
        (lambda: Pay(share=0.5, rate=[1.0, 2.0]), r"Pay.rate has shape \(2,\)"),
        (lambda: Pay(share=[0.5, 0.5, 0.5], rate=np.ones((2, 2))), r"Pay.rate has shape \(2, 2\)"),
        (lambda: FIRM.measures([0.5, 1.0]), "effort has shape"),
        (lambda: pareto_point(FIRM, np.ones((3, 3))), "effort has shape"),
        (lambda: pareto_point(FIRM, np.full((2, 2), 1.5)), "efforts in the box"),
        (lambda: best_scheme(FIRM, 1, rounds=0), "rounds is 0"),
    ],
)
def test_bad_values_are_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: EffortModel(3, performance, cost), "EffortModel.output is 3"),
        (lambda: scheme_table(FIRM, {"a": 3}), r"schemes\['a'\] is 3"),
        (lambda: scheme_table(FIRM, [Pay(0.5)]), "schemes is"),
        (lambda: all_equilibria(FIRM, 3), "pay is 3"),
        (lambda: all_equilibria(3, Pay()), "model is 3"),
        (lambda: FIRM.game(3), "pay is 3"),
        (lambda: paper_example("x"), "paper_example: base is 'x'"),
        (lambda: inducing_schemes(3), "point is 3"),
        (lambda: bargain(3), "family is 3"),
    ],
)
def test_wrong_types_are_named(make, message):
    with pytest.raises(TypeError, match=message):
        make()


def test_propositions_do_not_hold_of_nan():
    point = pareto_point(FIRM, PARETO)
    unknown = pareto_point(FIRM, np.full((2, 2), np.nan))
    for family in (inducing_schemes(point, np.nan), inducing_schemes(unknown)):
        for proposition in (proposition_1, proposition_2, proposition_3, proposition_4, proposition_5):
            claim = proposition(family)
            assert not claim.holds
            assert not claim.applies
    assert not theorem_1(FIRM, unknown).holds


def test_traced_misuse_of_schemes_is_nan():
    def answers(effort, weights, reservation):
        point = pareto_point(FIRM, effort)
        family = inducing_schemes(point, reservation)
        agreed = bargain(family, weights=weights)
        return {"point": (point.welfare, point.solved), "family": (family.slope, family.exists), "agreed": agreed}

    fine = (PARETO, np.ones(2), np.zeros(2))
    cases = [
        (fine, []),
        ((np.full((2, 2), 1.5), *fine[1:]), ["point", "family", "agreed"]),
        ((PARETO, np.array([-1.0, 2.0]), fine[2]), ["agreed"]),
        ((PARETO, np.array([1.0, np.nan]), fine[2]), ["agreed"]),
        ((*fine[:2], np.array([0.0, np.nan])), ["family", "agreed"]),
    ]
    stacked = [np.stack(column) for column in zip(*[case for case, _ in cases], strict=True)]
    found = jax.jit(jax.vmap(answers))(*stacked)
    for lane, (_, wrong) in enumerate(cases):
        for name, values in found.items():
            for leaf in jax.tree.leaves(values):
                value = np.asarray(leaf[lane], float)
                bad = np.isnan(value) if leaf.dtype != bool else value == 0
                assert np.all(bad) if name in wrong else not np.any(bad), (lane, name)


def test_the_place_where_an_assumption_fails_is_named():
    model = EffortModel(output, StandardPerformance(linear=-1.0), Custom(crossed_cost))
    found = check_assumptions(model)
    assert not found.hold
    for name in ("performance rises in effort", "cost depends on own effort alone", "cost is convex"):
        assert not found[name].holds
    assert not found["performance is not negative"].holds
    worst = found["performance is not negative"]
    np.testing.assert_allclose(worst.margin, -2, atol=1e-12)  # a column of ones
    np.testing.assert_allclose(worst.effort.sum(axis=0).max(), 2)
    assert found["output is concave"].holds
    assert "fails" in str(found)


def test_shares_out_of_reach_are_nan():
    point = pareto_point(paper_example(), PARETO)
    flat = inducing_schemes(dataclasses.replace(point, performance_slope=jnp.zeros((2, 2))))
    assert np.all(np.isnan(flat.base))
    with pytest.raises(ValueError, match=r"Pay.rate is nan"):
        flat.pay(0.1)
    assert not flat.contains([0.1, 0.1])
    assert np.all(np.isnan(bargain(flat).share))
    poor = inducing_schemes(point, reservation=[7.0, 7.0])  # more than there is
    assert not poor.exists
    assert np.all(np.isnan(poor.vertices()))
    assert not bargain(poor).exists
    with pytest.raises(ValueError, match="no scheme 4 is feasible"):
        feasible_triangle(poor)


def test_figure_1_has_its_corners(tmp_path):
    figure = feasible_triangle(inducing_schemes(pareto_point(paper_example(), PARETO)), ("marketing", "production"))
    texts = [text.get_text() for text in figure.axes[0].texts]
    assert texts == ["J", "H", "G"]
    corners = [tuple(np.asarray(text.xy).round(4)) for text in figure.axes[0].texts]
    assert corners == [(-0.75, -0.75), (0.8125, -0.75), (-0.75, 0.8125)]
    for path in eqs.plots.save_figure(figure, tmp_path / "triangle"):
        assert path.stat().st_size > 1000


@pytest.mark.slow
def test_single_precision_finds_the_same_equilibria():
    narrow = jax.tree.map(lambda x: x.astype(np.float32) if eqx_float(x) else x, paper_example())
    for share, count in ((1 / 32, 1), (-0.25, 6)):
        pay = Pay(share=np.float32(share), rate=np.float32(1 - share))
        found = all_equilibria(narrow, pay)
        assert found.effort.dtype == np.float32
        assert len(found) == count
        wide = all_equilibria(paper_example(), Pay(share=share, rate=1 - share))
        np.testing.assert_allclose(in_paper_order(found.effort), in_paper_order(wide.effort), atol=1e-4)


def eqx_float(leaf):
    return hasattr(leaf, "dtype") and jnp.issubdtype(leaf.dtype, jnp.floating)


@pytest.mark.slow
def test_a_cap_on_pay_has_equilibria_at_its_kink():
    model = EffortModel(output, performance, cost, upper=2.0)
    pay = CustomPay(capped, {"cap": 2.0})
    assert len(all_equilibria(model, pay)) == 0  # nothing is stationary at a kink
    found = all_equilibria(model, pay, scattered=16, solver=eqs.BestReply())
    assert len(found) > 0
    np.testing.assert_allclose(found.output, 5.0, atol=1e-6)  # where pay reaches its cap
    assert found.continuum


@pytest.mark.slow
def test_equilibria_are_differentiable_and_nan_stays_nan():
    model = EffortModel(output, performance, cost, upper=2.0)

    def welfare(share):
        return eqs.solve_nash(model.game(Pay(share=jnp.stack([share, 1 - share])))).outcomes["welfare"]

    values = jax.vmap(welfare)(jnp.array([0.4, np.nan, 0.4 + 1e-5]))
    assert np.isnan(values[1])
    slope = jax.grad(welfare)(0.4)
    np.testing.assert_allclose(slope, (values[2] - values[0]) / 1e-5, rtol=1e-3)
    # by hand: 4 s exp(-e) = e for every effort of a department with share s
    e = np.full(2, 0.5)
    for _ in range(200):
        e = e - (e - 4 * np.array([0.4, 0.6]) * np.exp(-e)) / (1 + e)
    np.testing.assert_allclose(values[0], 8 * np.sum(1 - np.exp(-e)) - np.sum(e**2), rtol=1e-9)
