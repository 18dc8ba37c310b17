"""Newsvendors on scenarios: customers who find nothing try the other shop."""

from functools import partial
from typing import Any

import jax.numpy as jnp
import numpy as np

from eqsolve.action import Action
from eqsolve.bounds import Box
from eqsolve.expectation import Scenarios
from eqsolve.game import Game
from eqsolve.mechanisms._pay import own_entry
from problems.problem import Actions, Problem


def newsvendor_outcomes(params: Any, actions: Any, shock: Any) -> dict[str, Any]:
    stock = actions["stock"]
    customers = shock + params["spill"] * jnp.maximum(shock - stock, 0)[::-1]
    return {"profit": params["price"] * jnp.minimum(stock, customers) - params["cost"] * stock}


def newsvendor_nodes(params: Any) -> tuple[Any, Any]:
    return params["demand"], params["probabilities"]


DEMAND = np.array([[4.0, 9.0], [5.0, 7.0], [7.0, 4.0], [8.0, 3.0], [9.0, 6.0]])
PROBABILITIES = np.array([0.1, 0.3, 0.2, 0.15, 0.25])


def _newsvendor_game(spill: float) -> Game:
    dtype, shops = jnp.zeros(()).dtype, ("left", "right")
    numbers = {"price": 10.0, "cost": [4.5, 3.0], "spill": spill, "demand": DEMAND, "probabilities": PROBABILITIES}
    return Game(
        {name: jnp.asarray(value, dtype) for name, value in numbers.items()},
        actions=[Action("stock", (2,), shops)],
        bounds=Box({"stock": 0.0}, {"stock": 20.0}),
        outcomes=newsvendor_outcomes,
        rule=Scenarios(newsvendor_nodes),
        pay=own_entry("profit", shops),
        total={"profit": 1.0},
    )


def _newsvendor_stocks(spill: float) -> Actions:
    """Exact replies in turn: the smallest number of customers that is not exceeded with probability 1 - c/p."""
    stock = np.array([10.0, 0.0])
    for turn in range(100):
        shop = turn % 2
        customers = DEMAND[:, shop] + spill * np.maximum(DEMAND[:, 1 - shop] - stock[1 - shop], 0)
        order = np.argsort(customers)
        reached = np.cumsum(PROBABILITIES[order]) >= 1 - (0.45, 0.3)[shop]
        stock[shop] = customers[order][np.argmax(reached)]
    return {"stock": stock}


NEWSVENDORS = [
    Problem("newsvendors apart", "kinked", partial(_newsvendor_game, 0.0), _newsvendor_stocks(0.0)),
    Problem("newsvendors who share customers", "kinked", partial(_newsvendor_game, 0.8), _newsvendor_stocks(0.8)),
]
