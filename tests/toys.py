"""Small games whose answers are known, shared by the tests of the core."""

import jax.numpy as jnp
import numpy as np

import eqsolve as eqs


def linear_outcomes(params, actions, shock):
    quantity = actions["quantity"]
    price = params["intercept"] - jnp.sum(quantity)
    profit = (price - params["cost"]) * quantity
    return {"profit": profit, "revenue": price * quantity, "output": jnp.sum(quantity)}


def linear_jacobian(params, actions):
    quantity = actions["quantity"]
    price = params["intercept"] - jnp.sum(quantity)
    identity = jnp.eye(quantity.shape[0], dtype=quantity.dtype)
    return {
        "profit": {"quantity": (price - params["cost"])[:, None] * identity - quantity[:, None]},
        "revenue": {"quantity": price * identity - quantity[:, None]},
    }


def oligopoly(costs=(1.0, 2.0, 0.5), intercept=10.0, pay=None, jacobian=None, outcomes=linear_outcomes, **changes):
    """Linear Cournot with slope 1: at an interior equilibrium q_i = (a - (n + 1) c_i + sum c) / (n + 1) per firm i."""
    names = tuple(f"f{i}" for i in range(len(costs)))
    one_hot = np.eye(len(costs))
    fields = {
        "actions": [eqs.Action("quantity", (len(costs),), names)],
        "bounds": eqs.Box({"quantity": 0.0}, {"quantity": 10.0}),
        "outcomes": outcomes,
        "pay": {name: {"profit": one_hot[i]} for i, name in enumerate(names)} if pay is None else pay,
        "total": {"profit": 1.0},
        "jacobian": jacobian,
    }
    return eqs.Game({"intercept": intercept, "cost": np.array(costs)}, **(fields | changes))


def oligopoly_quantities(costs=(1.0, 2.0, 0.5), intercept=10.0):
    """The interior equilibrium, derived by summing the first-order conditions."""
    costs = np.asarray(costs, float)
    total = (len(costs) * intercept - costs.sum()) / (len(costs) + 1)
    return intercept - total - costs


def quadratic(params, actions, shock):
    """Two players with two actions each and quadratic payoffs, coupled; params hold all coefficients."""
    x = jnp.concatenate([actions["left"], actions["right"]])
    coupling = params["matrix"] @ x
    return {
        "u": jnp.stack(
            [
                jnp.sum(x[:2] * (params["linear"][:2] + coupling[:2])) - jnp.sum(x[:2] ** 2),
                jnp.sum(x[2:] * (params["linear"][2:] + coupling[2:])) - jnp.sum(x[2:] ** 2),
            ]
        )
    }


def quadratic_game(matrix, linear, bound=10.0):
    return eqs.Game(
        {"matrix": matrix, "linear": linear},
        actions=[eqs.Action("left", (2,), "row"), eqs.Action("right", (2,), "column")],
        bounds=eqs.Box({"left": -bound, "right": -bound}, {"left": bound, "right": bound}),
        outcomes=quadratic,
        pay={"row": {"u": np.array([1.0, 0.0])}, "column": {"u": np.array([0.0, 1.0])}},
        total={"u": 1.0},
    )
