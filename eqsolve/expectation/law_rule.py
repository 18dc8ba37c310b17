"""Rules over a law: a demand distribution that is read from the parameters."""

import abc
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import PyTree

from eqsolve._checks import require_callable, require_no_captured_arrays
from eqsolve.expectation.rule import Rule


class LawRule(Rule):
    """A rule that takes expectations over the law `law(params)`, or over `params` itself where `law` is None."""

    law: Callable[[PyTree], Any] | None = eqx.field(static=True, default=None)

    def __check_init__(self) -> None:
        require_callable(self.law, f"{type(self).__name__}.law")
        require_no_captured_arrays(self.law, f"{type(self).__name__}.law")

    def expect(self, function: Callable[[PyTree], PyTree], params: PyTree, actions: PyTree = None) -> PyTree:
        """E[function(shock)], leaf by leaf of what `function` returns."""
        return self.integrate(function, self.law_of(params), self.kinks_of(params, actions))

    def integrate(self, function: Callable[[PyTree], PyTree], law: Any, kinks: Any = ()) -> PyTree:
        """E[function(X)] for X of the given law, NaN where the law is none.

        `kinks` is where `function` has kinks, for rules that can use it.
        """
        return where_valid(law, self._integrate(function, law, kinks))

    def check(self, params: PyTree) -> None:
        """Raise where concrete parameters make no law."""
        self.law_of(params)

    def law_of(self, params: PyTree) -> Any:
        """The law at these parameters."""
        return params if self.law is None else self.law(params)

    def kinks_of(self, params: PyTree, actions: PyTree) -> Any:
        """Where the integrand has kinks; none unless a rule can use them."""
        del params, actions
        return ()

    @abc.abstractmethod
    def _integrate(self, function: Callable[[PyTree], PyTree], law: Any, kinks: Any) -> PyTree:
        """The same for a valid law."""


def where_valid(law: Any, found: PyTree) -> PyTree:
    """`found`, or NaN where the law's parameters are out of range: comparisons with a NaN point hide it."""
    return jax.tree.map(lambda value: jnp.where(jnp.all(law._valid), value, jnp.nan), found)
