"""Where a condition stops to hold: the two neighbouring numbers, whatever the value does there, and how many tries."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from eqsolve.solvers.turn import Marginal, last_and_first


def found(value: Marginal, start: float, end: float, middle: float | None = None) -> tuple[float, float]:
    numbers = [jnp.asarray(x) for x in (start, end)]
    last, first = last_and_first(value, jnp.greater, *numbers, None if middle is None else jnp.asarray(middle))
    return float(last), float(first)


def tries(value: Marginal, start: float, end: float, middle: float | None = None) -> int:
    asked: list[float] = []

    def counted(y: jax.Array) -> jax.Array:
        asked.append(float(y))
        return value(y)

    with jax.disable_jit():
        found(counted, start, end, middle)
    return len(asked)


SMOOTH: dict[str, tuple[Marginal, float]] = {
    "cubic": (lambda y: 1 - y**3, 1.0),
    "convex": (lambda y: jnp.exp(-y) - 0.3, -np.log(0.3)),
    "pole at the start": (lambda y: 1 / y - 3, 1 / 3),
    "steep": (lambda y: jnp.tanh(50 * (0.77 - y)), 0.77),
    "nearly at the start": (lambda y: 1e-9 - y, 1e-9),
    "bent at the zero": (lambda y: jnp.maximum(2 - y, 3 - 5 * y) - 1.25, 0.75),
}
JUMPS: dict[str, tuple[Marginal, float]] = {
    "between slopes": (lambda y: jnp.where(y < 2.3, 1.0, -5.0), 2.3),
    "after a bend": (lambda y: jnp.where(y < 1, 5 - y, jnp.where(y < 2, 4 - 1.5 * y, -y)), 2.0),
    "of any size": (lambda y: jnp.where(y < 7.7, 1e-30, -1e30), 7.7),
    "to what is not a number": (lambda y: jnp.where(y < 4.4, 1.0, jnp.nan), 4.4),
    "to minus infinity": (lambda y: jnp.where(y < 4.4, 1.0 / (5 - y), -jnp.inf), 4.4),
}


def neighbours(last: float, first: float, x64: bool) -> bool:
    dtype = np.float64 if x64 else np.float32
    return 0 < first - last <= 2 * np.spacing(dtype(first))


@pytest.mark.parametrize("name", [*SMOOTH, *JUMPS])
@pytest.mark.parametrize("x64", [True, False])
@pytest.mark.parametrize("reverse", [False, True])
def test_both_neighbours_of_the_turn(name: str, x64: bool, reverse: bool) -> None:
    value, zero = (SMOOTH | JUMPS)[name]
    turned: Callable[[jax.Array], jax.Array] = (lambda y: value(-y)) if reverse else value
    with jax.enable_x64(x64):
        last, first = found(turned, *((-0.0, -40.0) if reverse else (0.0, 40.0)))
        last, first = abs(last), abs(first)
        assert neighbours(last, first, x64)
        assert bool(value(jnp.asarray(last)) > 0)
        assert not bool(value(jnp.asarray(first)) > 0)
    np.testing.assert_allclose(last, zero, rtol=1e-13 if x64 else 1e-5)


@pytest.mark.parametrize("name", SMOOTH)
def test_few_tries_where_the_value_is_smooth(name: str) -> None:
    assert tries(SMOOTH[name][0], 0.0, 40.0) <= 25


@pytest.mark.parametrize("name", JUMPS)
def test_no_more_tries_than_digits_where_it_jumps(name: str) -> None:
    assert tries(JUMPS[name][0], 0.0, 40.0) <= 64


def test_ends_where_it_never_turns() -> None:
    assert found(lambda y: 1 + 0 * y, 1.0, 5.0) == (5.0, 5.0)
    assert found(lambda y: -1 + 0 * y, 1.0, 5.0) == (1.0, 1.0)
    assert found(lambda y: 0 * y, 1.0, 5.0) == (1.0, 1.0)
    assert found(lambda y: jnp.nan * y, 1.0, 5.0) == (1.0, 1.0)
    assert found(lambda y: 2.0 - y, 5.0, 5.0) == (5.0, 5.0)


def test_from_a_middle_the_ends_are_not_asked() -> None:
    def marginal(y: jax.Array) -> jax.Array:
        """Falls at the start, as beyond a valley."""
        return jnp.where(y < 1, -1.0, 3.0 - y)

    assert found(marginal, 0.0, 9.0) == (0.0, 0.0)
    last, first = found(marginal, 0.0, 9.0, middle=2.0)
    assert neighbours(last, first, True)
    assert last < 3.0 <= first
    assert tries(marginal, 0.0, 9.0, middle=2.0) <= 12


def test_a_zero_at_zero_is_found() -> None:
    last, first = found(lambda y: -y, -1.0, 1.7)
    assert abs(last) < 1e-280
    assert abs(first) < 1e-280
    assert tries(lambda y: -y, -1.0, 1.7) <= 60
