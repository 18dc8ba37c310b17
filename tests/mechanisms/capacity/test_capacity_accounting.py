"""Cost charges and depreciation against trusted numbers and against accounts kept date by date in NumPy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from eqsolve.mechanisms.capacity.accounting import (
    DepreciationSchedule,
    annuity,
    discount_factors,
    relative_benefit,
    schedule_of_charges,
    straight_line,
    unit_cost,
    user_cost,
)
from eqsolve.mechanisms.capacity.overlapping import overlapping_accounts, reshuffling_cost

SAME = {"rtol": 1e-12, "atol": 1e-12}


def kept_by_hand(depreciation, rate):
    """Charges and book values, one date after the other."""
    book, charges, books = 1.0, [], [1.0]
    for d in depreciation:
        charges.append(d + rate * book)
        book -= d
        books.append(book)
    return np.array(charges), np.array(books)


def test_unit_costs_are_the_trusted_ones():
    """Source: independent computation (case A1.0)."""
    cost = unit_cost(100.0, 0.08, 5, 12.0)
    found = [cost.user, cost.full, cost.traditional, cost.gap]
    np.testing.assert_allclose(found, [25.045645456683665, 37.045645456683665, 32.0, 5.0456454566836655], **SAME)


def test_named_rules_are_the_trusted_ones():
    """Source: independent computation (cases A2, A5)."""
    rule = annuity(0.1, 5)
    np.testing.assert_allclose(rule.charges, [0.26379748079474546] * 5, **SAME)
    depreciation = [0.16379748079474546, 0.18017722887422, 0.19819495176164198, 0.2180144469378062, 0.23981589163158681]
    np.testing.assert_allclose(rule.depreciation, depreciation, **SAME)
    books = [1.0, 0.8362025192052548, 0.6560252903310348, 0.4578303385693929, 0.2398158916315868, 0.0]
    np.testing.assert_allclose(rule.book_values, books, **SAME)
    np.testing.assert_allclose(straight_line(0.1, 5).charges, [0.3, 0.28, 0.26, 0.24, 0.22], **SAME)
    falling = [1.0, 0.9333333333333333, 0.8666666666666667, 0.8, 0.7333333333333334]
    np.testing.assert_allclose(relative_benefit(falling, 0.1).depreciation, [0.2] * 5, **SAME)


# v, r, beta, then c, d, dc/dbeta, dc/dr, dc/dv, dd/dbeta; source: independent computation (kind cost)
TWO_YEARS = """
1 0.1  0.8 0.6368421052631579 0.5368421052631579 -0.33518005540166196 0.8227146814404434 0.6368421052631579 -0.33518005540166196
2 0.05 0.5 1.4225806451612906 0.6612903225806452 -0.9177939646201874 1.7918834547346514 0.7112903225806453 -0.4588969823100937
1 0.3  1   0.7347826086956523 0.4347826086956523 -0.3194706994328923 0.8109640831758034 0.7347826086956523 -0.3194706994328923
"""  # noqa: E501


def test_two_years_of_life_are_those_of_paper_001():
    v, r, beta, c, d, by_beta, by_rate, by_price, d_by_beta = np.array(TWO_YEARS.split(), float).reshape(3, -1).T
    two = lambda v, r, beta: user_cost(v, r, jnp.stack([jnp.ones_like(beta), beta]))  # noqa: E731
    first = lambda r, beta: relative_benefit(jnp.stack([jnp.ones_like(beta), beta]), r).depreciation[0]  # noqa: E731
    np.testing.assert_allclose(jax.vmap(two)(v, r, beta), c, **SAME)
    slopes = jax.vmap(jax.grad(two, argnums=(2, 1, 0)))(v, r, beta)
    np.testing.assert_allclose(slopes, [by_beta, by_rate, by_price], rtol=1e-11)
    np.testing.assert_allclose(jax.vmap(first)(r, beta), d, **SAME)
    np.testing.assert_allclose(jax.vmap(jax.grad(first, argnums=1))(r, beta), d_by_beta, rtol=1e-11)


@pytest.mark.parametrize(
    ("price", "rate", "profile", "cost", "charges", "depreciation"),
    [
        (
            4.0,
            0.08,
            [1, 1, 1, 1],
            1.2076832178161576,
            [1.2076832178161576] * 4,
            [0.2219208044540394, 0.23967446881036256, 0.25884842631519156, 0.2795563004204069],
        ),
        (1.0, 0.1, [1.0, 2.8 / 3, 2.6 / 3, 0.8, 2.2 / 3], 0.3, [0.3, 0.28, 0.26, 0.24, 0.22], [0.2] * 5),
    ],
)
def test_any_life_is_the_trusted_one(price, rate, profile, cost, charges, depreciation):
    """Source: independent computation (kind cost_general)."""
    rule = relative_benefit(profile, rate)
    np.testing.assert_allclose(user_cost(price, rate, profile), cost, **SAME)
    np.testing.assert_allclose(price * rule.charges, charges, **SAME)
    np.testing.assert_allclose(rule.depreciation, depreciation, **SAME)


@pytest.mark.parametrize("rate", [0.0, 1e-9, 0.1, 2.0])
def test_the_map_between_depreciation_and_charges_goes_both_ways(rate):
    rng = np.random.default_rng(3)
    written = rng.normal(size=6)  # any sign: only the sum matters
    written /= written.sum()
    rule = DepreciationSchedule(written, rate)
    charges, books = kept_by_hand(written, rate)
    np.testing.assert_allclose(rule.charges, charges, rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(rule.book_values, books, rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(np.sum(charges * (1 + rate) ** -np.arange(1.0, 7)), 1.0, rtol=1e-12)
    np.testing.assert_allclose(schedule_of_charges(rule.charges, rate).depreciation, written, rtol=1e-9, atol=1e-11)


def test_without_interest_everything_is_exact_and_smooth():
    np.testing.assert_allclose(annuity(0.0, 4).depreciation, [0.25] * 4, rtol=1e-15)
    assert float(user_cost(10.0, 0.0, 4)) == 2.5
    assert float(unit_cost(10.0, 0.0, 4, 1.0).gap) == 0.0
    # v r / (1 - g^T) = v / T (1 + r (T + 1) / 2 + ...), and the gap is that beyond v / T, to relative accuracy
    np.testing.assert_allclose(jax.grad(user_cost, argnums=1)(10.0, 0.0, 4), 10 / 4 * 2.5, rtol=1e-14)
    np.testing.assert_allclose(unit_cost(10.0, 1e-12, 4, 0.0).gap, 10 / 4 * 2.5e-12, rtol=1e-9)
    slope = jax.jacobian(lambda rate: annuity(rate, 3).depreciation)(0.0)
    np.testing.assert_allclose(slope, [-1 / 3, 0.0, 1 / 3], atol=1e-14)


def test_overlapping_assets_cost_the_user_cost_of_their_capacity():
    rng = np.random.default_rng(5)
    bought, price, rate, profile = rng.uniform(0, 3, 9), 4.0, 0.12, np.array([1.0, 0.9, 0.5])
    rule = relative_benefit(profile, rate)
    found = overlapping_accounts(bought, price, rule, profile)
    book, assets = 0.0, []
    for t, units in enumerate(bought):  # asset by asset
        assets.append((t, units))
        ages = [(t - born, count) for born, count in assets if t - born < 3]
        book += price * units
        written = price * sum(count * float(rule.depreciation[age]) for age, count in ages)
        capacity = sum(count * profile[age] for age, count in ages)
        np.testing.assert_allclose(found.capacity[t], capacity, rtol=1e-12)
        np.testing.assert_allclose(found.opening_book_value[t], book, rtol=1e-12)
        np.testing.assert_allclose(found.depreciation[t], written, rtol=1e-12)
        np.testing.assert_allclose(found.charge[t], float(user_cost(price, rate, profile)) * capacity, rtol=1e-12)
        book -= written
        np.testing.assert_allclose(found.closing_book_value[t], book, rtol=1e-11)
    other = overlapping_accounts(bought, price, straight_line(rate, 3), profile)
    discounts = discount_factors(rate, 9)
    for accounts in (found, other):  # any rule: charges are worth what was paid less what is left
        paid = np.sum(price * bought * np.asarray(discounts) * (1 + rate))
        left = float(discounts[-1] * accounts.closing_book_value[-1])
        np.testing.assert_allclose(jnp.sum(discounts * accounts.charge), paid - left, rtol=1e-12)
    assert np.max(np.abs(other.charge - found.charge)) > 0.1


def test_reshuffling_investments_costs_the_user_cost():
    for rate, profile in ((0.1, [1.0, 0.8]), (0.25, [1.0, 0.9, 0.9, 0.2]), (0.3, [1.0])):
        found = reshuffling_cost(2.0, rate, profile, 400)
        np.testing.assert_allclose(found, user_cost(2.0, rate, profile), rtol=1e-12)


@pytest.mark.parametrize(
    ("build", "named"),
    [
        (lambda: user_cost(-1.0, 0.1, 3), "price"),
        (lambda: user_cost(1.0, -0.1, 3), "rate"),
        (lambda: user_cost(1.0, 0.1, 0), "number of periods"),
        (lambda: user_cost(1.0, 0.1, [0.0, 0.0]), "life"),
        (lambda: DepreciationSchedule([0.5, 0.4], 0.1), "sum of DepreciationSchedule.depreciation"),
        (lambda: schedule_of_charges([0.5, 0.5], 0.1), "present value"),
        (lambda: relative_benefit([1.0, -0.5], 0.1), "benefits"),
        (lambda: overlapping_accounts([1.0], 1.0, annuity(0.1, 2), [1.0]), "profile"),
    ],
)
def test_errors_name_the_field(build, named):
    with pytest.raises(ValueError, match=named):
        build()


def test_traced_bad_values_are_nan():
    rates = jax.vmap(lambda rate: annuity(rate, 3).charges[0])(jnp.array([0.1, -0.1]))
    assert np.isfinite(rates[0])
    assert np.isnan(rates[1])
    charges = jax.vmap(lambda d: DepreciationSchedule(jnp.stack([d, d]), 0.1).charges[0])(jnp.array([0.5, 0.4]))
    assert np.isfinite(charges[0])
    assert np.isnan(charges[1])
    assert np.isnan(jax.jit(lambda v: user_cost(v, 0.1, 3))(-1.0))


def test_single_precision_stays_single():
    rule = annuity(jnp.float32(0.1), 5)
    assert rule.charges.dtype == jnp.float32
    np.testing.assert_allclose(rule.charges, 0.26379748, rtol=1e-6)
