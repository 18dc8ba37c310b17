r"""The best use of capacity in one state of the world: alone, or shared by divisions.

Shared capacity $k$ goes where it earns most: the planner maximises $\sum_i R_i(q_i) - w_i q_i$ over $q_i \ge 0$ with
$\sum_i q_i \le k$. The shadow price $S \ge 0$ of capacity is the net marginal revenue of every division that is served:
division $i$ sells $q_i = R_i'^{-1}(S + w_i)$, which is nothing where its first unit earns less, and $S = 0$ where all
together want no more than $k$. The value moves with capacity by $S$ alone (the envelope theorem), which is how it is
differentiated here; slopes at kinks are those for rising capacity.

A division on its own either uses what it wants of its right ("efficient", paper 002) or all of it ("literal": paper 001
takes status-quo revenue at the full right, even where that lies beyond the peak of revenue).
"""

from typing import Any, Literal

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from eqsolve._fields import require_broadcast
from eqsolve._tabled import Tabled
from eqsolve._tangents import pushed_forward
from eqsolve.mechanisms._roots import falling_root
from eqsolve.mechanisms.capacity.revenue import Revenue

Each = Float[Array, "*states divisions"]
State = Float[Array, "*states"]
Use = Literal["efficient", "literal"]
USES = ("efficient", "literal")


class Allocation(Tabled):
    """How shared capacity is used.

    **Fields:** `quantity`: of every division [units]. `price`: the shadow price S [money/unit]. `value`: revenue less
    variable cost of all divisions [money].
    """

    quantity: Each
    price: State
    value: State


def reallocate(revenue: Revenue, variable_cost: Any, capacity: Any, shock: Any) -> Allocation:
    """Share capacity among divisions, idle capacity allowed.

    **Arguments:**

    - `revenue`: of all divisions, parameters with one entry per division or shared.
    - `variable_cost`: >= 0 [money/unit], one number, or one per division.
    - `capacity`: >= 0 [units], shape `[...]`; `shock`: shape `[..., divisions]`.

    **Returns:** an `Allocation`. NaN for negative capacity or variable cost.
    **Errors:** `TypeError` or `ValueError` for what is no revenue, or shapes that do not fit.
    **Derivatives:** of the value, in capacity, shocks and all parameters, by the envelope theorem; second ones, and
    first ones of prices and quantities, almost everywhere.
    **Source:** Dutta and Reichelstein (paper 002), equations (10) to (13); (paper 001), equations (10) and (11).

    >>> from eqsolve.mechanisms.capacity import QuadraticRevenue
    >>> shared = reallocate(QuadraticRevenue([10.0, 6.0], 0.5), 0.0, capacity=[2.0, 10.0, 20.0], shock=[1.0, 1.0])
    >>> shared.quantity.tolist(), shared.price.tolist()
    ([[2.0, 0.0], [7.0, 3.0], [10.0, 6.0]], [8.0, 3.0, 0.0])
    """
    cost, capacity, shock = _arguments("reallocate", revenue, variable_cost, capacity, shock)
    price = _price((revenue, cost, shock), capacity)
    return Allocation(
        _quantity(revenue, cost, capacity, shock, price), price, _shared_value((revenue, cost, shock), capacity)
    )


def shadow_price(revenue: Revenue, variable_cost: Any, capacity: Any, shock: Any) -> State:
    """The shadow price S of shared capacity [money/unit]; arguments as for `reallocate`.

    >>> from eqsolve.mechanisms.capacity import QuadraticRevenue
    >>> float(shadow_price(QuadraticRevenue([10.0, 6.0], 0.5), 0.0, 10.0, [1.0, 1.0]))
    3.0
    """
    cost, capacity, shock = _arguments("shadow_price", revenue, variable_cost, capacity, shock)
    return _price((revenue, cost, shock), capacity)


def shared_value(revenue: Revenue, variable_cost: Any, capacity: Any, shock: Any) -> State:
    """What shared capacity earns net of variable cost, M [money]; arguments as for `reallocate`.

    >>> from eqsolve.mechanisms.capacity import QuadraticRevenue
    >>> float(shared_value(QuadraticRevenue([10.0, 6.0], 0.5), 0.0, 10.0, [1.0, 1.0]))
    59.0
    """
    cost, capacity, shock = _arguments("shared_value", revenue, variable_cost, capacity, shock)
    return _shared_value((revenue, cost, shock), capacity)


def own_quantity(revenue: Revenue, variable_cost: Any, capacity: Any, shock: Any, use: Use = "efficient") -> Each:
    """What every division sells from its own capacity [units].

    **Arguments:** as for `reallocate`, with `capacity` of shape `[..., divisions]`. `use`: "efficient", as much as it
    wants, or "literal", all of it.
    **Returns:** one entry per division. NaN for negative capacity or variable cost.
    **Errors:** `TypeError` or `ValueError` for what is no revenue, shapes that do not fit, or another `use`.

    >>> from eqsolve.mechanisms.capacity import QuadraticRevenue
    >>> own_quantity(QuadraticRevenue(10.0, 0.5), 0.0, [4.0, 12.0], 1.0).tolist()
    [4.0, 10.0]
    """
    cost, capacity, shock = _own_arguments("own_quantity", revenue, variable_cost, capacity, shock, use)
    return _own_quantity(revenue, cost, capacity, shock, use)


def own_price(revenue: Revenue, variable_cost: Any, capacity: Any, shock: Any, use: Use = "efficient") -> Each:
    """What one more unit of its own capacity earns every division [money/unit]; arguments as for `own_quantity`.

    **Source:** Dutta and Reichelstein (paper 002), proof of Lemma 1: dCM/dk = max(R'(k) - w, 0).

    >>> from eqsolve.mechanisms.capacity import QuadraticRevenue
    >>> own_price(QuadraticRevenue(10.0, 0.5), 0.0, [4.0, 12.0], 1.0).tolist()
    [6.0, 0.0]
    """
    cost, capacity, shock = _own_arguments("own_price", revenue, variable_cost, capacity, shock, use)
    return _own_price(revenue, cost, capacity, shock, use)


def own_value(revenue: Revenue, variable_cost: Any, capacity: Any, shock: Any, use: Use = "efficient") -> Each:
    """What every division's own capacity earns net of variable cost, CM_i [money]; arguments as for `own_quantity`.

    **Derivatives:** as for `reallocate`.

    >>> from eqsolve.mechanisms.capacity import QuadraticRevenue
    >>> revenue = QuadraticRevenue(10.0, 0.5)
    >>> [float(own_value(revenue, 0.0, 12.0, 1.0, use)) for use in ("efficient", "literal")]
    [50.0, 48.0]
    """
    cost, capacity, shock = _own_arguments("own_value", revenue, variable_cost, capacity, shock, use)
    return _own_value((revenue, cost, shock), capacity, use)


def require_use(use: str, what: str) -> None:
    """Raise where `use` is neither "efficient" nor "literal"."""
    if use not in USES:
        raise ValueError(f"{what} is {use!r}; give 'efficient' (a division leaves idle what it does not want) or"
                         " 'literal' (it uses its whole right).")  # fmt: skip


Given = tuple[Revenue, Each, Each]


@eqx.filter_custom_jvp
def _shared_value(given: Given, capacity: State) -> State:
    revenue, cost, shock = given
    return _earned(given, _quantity(revenue, cost, capacity, shock, _price(given, capacity)))


@_shared_value.def_jvp
def _shared_rule(primals: tuple[Given, State], tangents: tuple[Any, State | None]) -> tuple[State, State]:
    given, capacity = primals
    price = _price(given, capacity)
    revenue, cost, shock = given
    quantity = _quantity(revenue, cost, capacity, shock, price)
    return _envelope(lambda given: _earned(given, quantity), _shared_value(given, capacity), price, given, tangents)


@eqx.filter_custom_jvp
def _own_value(given: Given, capacity: Each, use: Use) -> Each:
    revenue, cost, shock = given
    return _margin(given, _own_quantity(revenue, cost, capacity, shock, use))


@_own_value.def_jvp
def _own_rule(primals: tuple[Given, Each, Use], tangents: tuple[Any, Each | None, None]) -> tuple[Each, Each]:
    given, capacity, use = primals
    revenue, cost, shock = given
    quantity = _own_quantity(revenue, cost, capacity, shock, use)
    slope = _own_price(revenue, cost, capacity, shock, use)
    value = _own_value(given, capacity, use)
    return _envelope(lambda given: _margin(given, quantity), value, slope, given, tangents[:2])


def _envelope(function: Any, value: Array, slope: Array, given: Given, tangents: Any) -> tuple[Array, Array]:
    """A value and how it moves: with capacity by its price, with all else as if quantities stayed."""
    moved = jnp.zeros_like(value)
    if tangents[1] is not None:
        moved += finite(slope) * tangents[1]
    if jax.tree.leaves(tangents[0]):
        moved += pushed_forward(function, given, tangents[0])[0]
    return value, moved


def _margin(given: Given, quantity: Each) -> Each:
    revenue, cost, shock = given
    return revenue.revenue(quantity, shock) - cost * quantity


def _earned(given: Given, quantity: Each) -> State:
    return jnp.sum(_margin(given, quantity), axis=-1)


def _own_quantity(revenue: Revenue, cost: Each, capacity: Each, shock: Each, use: Use) -> Each:
    return capacity if use == "literal" else jnp.minimum(revenue.inverse_marginal(cost, shock), capacity)


def _own_price(revenue: Revenue, cost: Each, capacity: Each, shock: Each, use: Use) -> Each:
    net = revenue.marginal(capacity, shock) - cost
    return net if use == "literal" else jnp.maximum(net, 0.0)


def _quantity(revenue: Revenue, cost: Each, capacity: State, shock: Each, price: State) -> Each:
    sold = revenue.inverse_marginal(price[..., None] + cost, shock)
    return jnp.minimum(sold, capacity[..., None])  # more only by rounding, or where the price is zero by underflow


@eqx.filter_custom_jvp
def _price(given: Given, capacity: State) -> State:
    revenue, cost, shock = given
    cost, shock = jax.lax.stop_gradient((cost, shock))
    revenue = jax.lax.stop_gradient(revenue)
    first, active = _served((revenue, cost, shock), capacity)
    scarce = _wanted(revenue, cost, shock, jnp.zeros_like(capacity)) > capacity
    inner = scarce & (capacity > 0)
    some = jnp.where(inner, capacity, 1.0)
    low, high = revenue.between(some, cost, shock, active | ~inner[..., None])
    if low is high:
        root = low
    else:
        low, high = (jnp.where(inner, jnp.maximum(end, 0.0), 0.0) for end in (low, high))
        root = falling_root(lambda price: _wanted(revenue, cost, shock, price) - some, low, high)
    unserved = jnp.maximum(jnp.max(first, axis=-1), 0.0)  # without capacity
    missing = jnp.isnan(jnp.sum(shock + cost, axis=-1)) | ~(capacity >= 0) | ~jnp.all(revenue._valid)
    return jnp.where(missing, jnp.nan, jnp.where(inner, root, jnp.where(scarce, unserved, 0.0)))


@_price.def_jvp
def _price_rule(primals: tuple[Given, State], tangents: tuple[Any, State | None]) -> tuple[State, State]:
    """All who are served keep equal net marginal revenues: a mean of their moves, less the steepness times dk."""
    given, capacity = primals
    revenue, cost, shock = given
    price = _price(given, capacity)
    _, active = _served(given, capacity)
    active &= (price > 0)[..., None]
    quantity = jnp.where(active, _quantity(revenue, cost, capacity, shock, price), 1.0)
    curvature = jax.jvp(lambda q: revenue.marginal(q, shock), (quantity,), (jnp.ones_like(quantity),))[1]
    give = jnp.where(active, -1 / jnp.where(curvature < 0, curvature, -1.0), 0.0)
    total = jnp.sum(give, axis=-1)
    served = total > 0
    total = jnp.where(served, total, 1.0)
    moved = jnp.zeros_like(price)
    if jax.tree.leaves(tangents[0]):
        net = pushed_forward(lambda given: given[0].marginal(quantity, given[2]) - given[1], given, tangents[0])[0]
        moved += jnp.sum(jnp.where(active, give * net, 0.0), axis=-1) / total
    if tangents[1] is not None:
        moved -= jnp.where(served, tangents[1] / total, 0.0)
    return price, moved


def _served(given: Given, capacity: State) -> tuple[Each, Array]:
    """Net marginal revenue of every division's first unit, and who is served: at that price all want less than k."""
    revenue, cost, shock = given
    first = revenue.marginal(jnp.zeros_like(shock), shock) - cost
    wanted = [_wanted(revenue, cost, shock, first[..., i]) for i in range(shock.shape[-1])]
    return first, (first > 0) & (jnp.stack(wanted, axis=-1) <= capacity[..., None])


def _wanted(revenue: Revenue, cost: Each, shock: Each, price: State) -> State:
    """What all divisions together want at this shadow price."""
    return jnp.sum(revenue.inverse_marginal(price[..., None] + cost, shock), axis=-1)


def finite(slope: Array) -> Array:
    """The slope, or a huge number in place of an infinite one, which a zero step would turn into NaN."""
    huge = float(jnp.finfo(slope.dtype).max) ** 0.5
    return jnp.clip(slope, -huge, huge)


def _arguments(owner: str, revenue: Revenue, cost: Any, capacity: Any, shock: Any) -> tuple[Each, State, Each]:
    """Arrays that broadcast; a variable cost that all share keeps a last axis of one entry, for closed forms."""
    cost, capacity, shock = _arrays(owner, revenue, cost, capacity, shock)
    if shock.ndim == 0:
        raise ValueError(f"{owner}: shock is one number; give one entry per division along the last axis.")
    if revenue.divisions not in (1, shock.shape[-1]):
        raise ValueError(
            f"{owner}: shock has {shock.shape[-1]} entries along its last axis, revenue {revenue.divisions} divisions;"
            " give one shock per division."
        )
    cost = jnp.atleast_1d(cost)
    if cost.shape[-1] not in (1, shock.shape[-1]):
        raise ValueError(
            f"{owner}: variable_cost has {cost.shape[-1]} entries along its last axis, shock {shock.shape[-1]}; give"
            " one number, or one per division."
        )
    shapes = {"capacity": capacity.shape, "shock": shock.shape[:-1], "variable_cost": cost.shape[:-1]}
    require_broadcast(f"{owner}, but for the axis of divisions", **shapes)
    states = jnp.broadcast_shapes(*shapes.values())
    possible = (capacity >= 0) & jnp.all(cost >= 0, axis=-1)
    capacity = jnp.broadcast_to(jnp.where(possible, capacity, jnp.nan), states)
    return cost, capacity, jnp.broadcast_to(shock, (*states, shock.shape[-1]))


def _own_arguments(owner: str, revenue: Revenue, cost: Any, capacity: Any, shock: Any, use: Use) -> tuple[Each, ...]:
    require_use(use, f"{owner}: use")
    cost, capacity, shock = _arrays(owner, revenue, cost, capacity, shock)
    shape = (revenue.divisions,) if revenue.divisions > 1 else ()
    require_broadcast(owner, variable_cost=cost.shape, capacity=capacity.shape, shock=shock.shape, revenue=shape)
    cost, capacity, shock, _ = jnp.broadcast_arrays(cost, capacity, shock, jnp.zeros(shape))
    return cost, jnp.where((capacity >= 0) & (cost >= 0), capacity, jnp.nan), shock


def _arrays(owner: str, revenue: Revenue, *values: Any) -> list[Array]:
    if not isinstance(revenue, Revenue):
        raise TypeError(f"{owner}: revenue is {revenue!r}; give a Revenue, such as QuadraticRevenue([10.0, 8.0], 0.5).")
    dtype = jnp.result_type(*jax.tree.leaves(revenue))
    return [jnp.asarray(value, dtype) for value in values]
