"""Results print as tables: a row per field, results within results, traced ones as what they are."""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from eqsolve._tabled import Tabled
from eqsolve._tables import table
from eqsolve.equilibrium import Status


class Inner(Tabled):
    profit: jax.Array
    solved: jax.Array


class Outer(Tabled):
    price: jax.Array
    by_period: jax.Array
    use: Inner
    name: str
    status: Status
    law: Callable[[float], float] = abs


def made() -> Outer:
    inner = Inner(jnp.arange(3.0), jnp.asarray(True))
    return Outer(jnp.asarray(0.123456789), jnp.array([[1.0, 2.0], [3.0, 4.0]]), inner, "rights", Status.kinked)


def test_a_row_per_field_and_per_line_of_numbers() -> None:
    assert str(made()).splitlines() == [
        "Outer         value",
        "------------  ----------------------------",
        "price         0.123457",
        "by_period[0]  [1. 2.]",
        "by_period[1]  [3. 4.]",
        "use.profit    [0. 1. 2.]",
        "use.solved    True",
        "name          rights",
        "status        kinked",
        "law           (builtin_function_or_method)",
    ]


def test_long_lines_of_numbers_stay_on_one_line() -> None:
    lines = str(Inner(jnp.linspace(0.0, 1.0, 50), jnp.asarray(False))).splitlines()
    assert len(lines) == 4
    assert str(Inner(jnp.zeros(1000), jnp.asarray(False))).splitlines()[2].endswith("[0. 0. 0. ... 0. 0. 0.]")


def test_a_traced_result_prints_what_it_is() -> None:
    seen: list[str] = []

    @jax.jit
    def function(price: jax.Array) -> jax.Array:
        seen.append(str(Inner(price, price > 0)))
        return price

    function(jnp.ones(2))
    assert "profit=f64[2]" in seen[0]
    assert table(("a", "b"), [("1", "2")]).splitlines()[0] == "a  b"
