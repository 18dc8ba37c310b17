"""What every expectation rule offers."""

import abc
from collections.abc import Callable

import equinox as eqx
from jaxtyping import PyTree


class Rule(eqx.Module):
    """A way of taking the expectation of outcomes over a shock.

    A rule takes its nodes from the parameters, so that a sweep over a distribution compiles once; random keys are
    leaves of the rule.
    """

    @abc.abstractmethod
    def expect(self, function: Callable[[PyTree], PyTree], params: PyTree, actions: PyTree = None) -> PyTree:
        """E[function(shock)], leaf by leaf of what `function` returns.

        `function` already knows the actions; a rule reads `actions` only to place its nodes, for instance at kinks.
        """

    def check(self, params: PyTree) -> None:
        """Raise where concrete parameters give nodes or weights that no distribution has; by default, never."""
        del params
