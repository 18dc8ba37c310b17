"""Many pay schemes of one model solved at once."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from eqsolve.mechanisms.compensation.model import EffortModel
from eqsolve.mechanisms.compensation.pay import Pay
from eqsolve.solve import solve_nash


class Induced(eqx.Module):
    """What k pay schemes lead to.

    `effort` is `[k, n, n]`; `performance`, `reward` and `net_pay` are `[k, n]`, the rest `[k]`. `solved` says whether
    the solver, which starts in the middle of the box, ended at a candidate equilibrium.
    """

    effort: Float[Array, "k n n"]
    output: Float[Array, " k"]
    performance: Float[Array, "k n"]
    reward: Float[Array, "k n"]
    net_pay: Float[Array, "k n"]
    welfare: Float[Array, " k"]
    solved: Bool[Array, " k"]


@eqx.filter_jit
def induced(model: EffortModel, pays: Pay) -> Induced:
    """The equilibrium that Newton's method finds under each of k pay schemes.

    **Arguments:** `pays`: a `Pay` whose fields are written out (`sized`) and stacked along a first axis of length k.
    **Returns:** `Induced`.
    """

    def one(pay: Pay) -> Induced:
        found = solve_nash(model.game(pay))
        value = found.outcomes
        return Induced(
            effort=found.actions["effort"],
            output=value["output"],
            performance=value["performance"],
            reward=value["reward"],
            net_pay=value["net pay"],
            welfare=value["welfare"],
            solved=found.solved,
        )

    return jax.lax.map(one, pays)  # one after the other: that compiles twice as fast as a batch, and runs in no time


def stacked(share: Array, own_rate: Array) -> Pay:
    """Schemes 1 to 3 in a stack: shares of output and rates of own performance, both `[k, n]`."""
    none = jnp.zeros_like(share)
    rates = jax.vmap(jnp.diag)(own_rate)
    return jax.vmap(Pay)(share, rates, none, none, jnp.zeros(share.shape[0], share.dtype))
