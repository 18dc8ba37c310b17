r"""Accounts of capacity that is renewed every period, so that assets of several ages stand side by side.

A unit bought one period before has capacity $x_1 = 1$ left, one bought $s$ periods before $x_s$. With the relative
practical capacity rule (`relative_benefit` of these numbers) depreciation and interest on all assets together come to
$c\,k_t$, whatever was bought when: the historical cost of capacity is then what an owner of capacity would
charge for it.
"""

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from eqsolve._fields import as_fields, require_nonnegative, require_scalar, require_values, require_vector
from eqsolve._tabled import Tabled
from eqsolve.mechanisms.capacity.accounting import DepreciationSchedule, whole_periods

Scalar = Float[Array, ""]
PerPeriod = Float[Array, " periods"]


class OverlappingAccounts(Tabled):
    """Accounts of a firm's capacity in periods 1 to T, each of shape `[T]`.

    **Fields:** `capacity` $k_t$ [units]. `depreciation` $D_t$ of all assets [money]. `opening_book_value` $A_{t-1}$,
    with this period's purchase [money]. `closing_book_value`: after depreciation [money]. `charge`: depreciation and
    interest on the opening book value [money].
    """

    capacity: PerPeriod
    depreciation: PerPeriod
    opening_book_value: PerPeriod
    closing_book_value: PerPeriod
    charge: PerPeriod


def overlapping_accounts(
    investments: Any, price: Any, schedule: DepreciationSchedule, profile: Any
) -> OverlappingAccounts:
    r"""Accounts of a sequence of investments, $k_t = \sum_s x_s b_{t-s+1}$ and $D_t = v \sum_s d_s b_{t-s+1}$.

    **Arguments:**

    - `investments` $b_t$: units bought just before period t, shape `[T]`; nothing was bought before.
    - `price` $v$ >= 0 [money/unit].
    - `schedule`: how each asset is written off; its life is that of the profile.
    - `profile` $x_s$: capacity left in each period of an asset's life, shape `[life]`.

    **Returns:** `OverlappingAccounts`. Under `relative_benefit(profile, rate)` the charge is the user cost times
    capacity; under other rules only present values agree.
    **Errors:** `ValueError` for a profile whose length is not the schedule's life.
    **Source:** Dutta and Reichelstein (paper 001), equations (1), (4), (5), (9).

    >>> from eqsolve.mechanisms.capacity.accounting import relative_benefit
    >>> accounts = overlapping_accounts([5.0, 0.0], 3.0, relative_benefit([1.0, 0.8], 0.1), [1.0, 0.8])
    >>> [round(float(charge), 4) for charge in accounts.charge], accounts.capacity.tolist()
    ([9.5526, 7.6421], [5.0, 4.0])
    """
    fields = as_fields("overlapping_accounts", investments=investments, price=price, profile=profile, schedule=schedule)
    bought, profile, schedule = fields["investments"], fields["profile"], fields["schedule"]
    require_vector(bought, "overlapping_accounts: investments")
    require_nonnegative(fields["price"], "overlapping_accounts: price")
    if profile.shape != schedule.depreciation.shape:
        raise ValueError(
            f"overlapping_accounts: profile has shape {profile.shape}, the schedule {schedule.depreciation.shape};"
            " give one number for each period of the schedule's life."
        )
    spent = fields["price"] * bought
    depreciation = _by_age(spent, schedule.depreciation)
    opening = _by_age(spent, schedule.book_values[:-1])
    closing = opening - depreciation
    return OverlappingAccounts(
        _by_age(bought, profile), depreciation, opening, closing, depreciation + schedule.rate * opening
    )


def reshuffling_cost(price: Any, rate: Any, profile: Any, terms: int) -> Scalar:
    r"""What one unit of capacity more in a single period costs, by moving later investments.

    To have one unit more now and no more later, a firm buys $b_0 = 1$ now and $b_n = -\sum_{s>1} x_s b_{n-s+1}$ later:
    $c = (1 + r) v \sum_n \gamma^n b_n$, which for the profile $(1, \beta)$ is $(1 + r) v \sum_n (-\gamma \beta)^n$. The
    sum tends to `user_cost` for profiles that do not rise, with interest.

    **Arguments:** `price` $v$ >= 0 [money/unit]. `rate` $r$ >= 0. `profile` $x_s$ >= 0 with $x_1 = 1$, shape `[life]`.
    `terms`: how many later purchases are followed, one per period.
    **Returns:** the cost [money/unit], paid at the end of the period.
    **Errors:** `ValueError` that names the argument; traced values out of range give NaN.
    **Source:** paper 001, section 3.1, for any life.

    >>> round(float(reshuffling_cost(1.0, 0.25, [1.0, 0.5], 60)), 5)
    0.89286
    """
    fields = as_fields("reshuffling_cost", price=price, rate=rate, profile=profile)
    price, rate, profile = fields.values()
    for name in ("price", "rate"):
        require_scalar(fields[name], f"reshuffling_cost: {name}")
        require_nonnegative(fields[name], f"reshuffling_cost: {name}")
    require_vector(profile, "reshuffling_cost: profile")
    require_nonnegative(profile, "reshuffling_cost: profile")
    require_values(profile[:1], lambda x: x == 1, "reshuffling_cost: profile", "divide all by it, so that it is 1")
    terms, growth = whole_periods(terms, "reshuffling_cost: terms", least=0), 1 + rate
    older = profile[1:]

    def buy(past: Array, _: None) -> tuple[Array, Scalar]:
        """One purchase in money of date 0, and the last ones before it, the youngest first."""
        now = -jnp.sum(older * past)
        return (jnp.concatenate([now[None], past[:-1]]) / growth if older.size else past), now

    first = jnp.concatenate([jnp.ones(1, profile.dtype), jnp.zeros_like(older[1:])]) / growth
    _, later = jax.lax.scan(buy, first[: older.size], None, length=terms)
    sound = (price >= 0) & (rate >= 0) & jnp.all(profile >= 0) & (profile[0] == 1)
    return jnp.where(sound, growth * price * (1 + jnp.sum(later)), jnp.nan)


def _by_age(bought: PerPeriod, per_age: Float[Array, " life"]) -> PerPeriod:
    """What assets of all ages add up to in each period."""
    return jnp.convolve(bought, per_age)[: bought.shape[0]]
