"""Small mechanisms that studies in the tests name by import."""

from collections.abc import Mapping

import jax.numpy as jnp

from eqsolve import Action, Box, Game


def duopoly_outcomes(params, actions, shock):
    del shock
    left, right = actions["left"], actions["right"]
    price = params["intercept"] - params["slope"] * (left + right)
    return {
        "left profit": (price - params["cost"][0]) * left,
        "right profit": (price - params["cost"][1]) * right,
        "regret": price,  # a name that the results use themselves
    }


class Duopoly:
    """Linear Cournot with an action per firm: quantities (a - 2 c_i + c_j) / (3 b), cartel (a - min c) / (2 b)."""

    def __init__(self, intercept, slope=1.0, cost=(1.0, 1.0), names=("left", "right")):
        if concrete_below(intercept, 0):
            raise ValueError(f"Duopoly.intercept is {intercept}; give a number of at least 0.")
        self.params = {"intercept": intercept, "slope": slope, "cost": jnp.asarray(cost)}
        self.names = names

    def game(self):
        left, right = self.names
        return Game(
            self.params,
            actions=[Action("left", (), left), Action("right", (), right)],
            bounds=Box({"left": 0.0, "right": 0.0}, {"left": 10.0, "right": 10.0}),
            outcomes=duopoly_outcomes,
            pay={left: {"left profit": 1.0}, right: {"right profit": 1.0}},
            total={"left profit": 1.0, "right profit": 1.0},
        )


def concrete_below(value, bound):
    try:
        return float(value) < bound
    except TypeError:  # traced
        return False


def costs(market: Duopoly) -> Mapping[str, object]:
    return {"of players": jnp.asarray(market.params["cost"]), "mean": jnp.mean(market.params["cost"])}


def twice_intercept(market: Duopoly):
    return 2 * market.params["intercept"]


def words(market: Duopoly):
    return {"name": "duopoly"}


def tent_outcomes(params, actions, shock):
    del shock
    effort = actions["effort"]
    return {"own": params["gain"] * effort - 0.5 * effort**2, "other": -params["harm"] * jnp.sum(effort)}


def spillover(harm, gain=1.0):
    """A player and a bystander: effort is `gain`, at best max(gain - harm, 0); no best total where harm = gain."""
    return Game(
        {"harm": harm, "gain": gain},
        actions=[Action("effort", (), "doer")],
        bounds=Box({"effort": 0.0}, {"effort": 4.0}),
        outcomes=tent_outcomes,
        pay={"doer": {"own": 1.0}},
        total={"own": 1.0, "other": 1.0},
    )


def open_ended(gain):
    return Game(
        {"gain": gain, "harm": 0.0},
        actions=[Action("effort", (), "doer")],
        bounds=Box({"effort": 0.0}, {"effort": jnp.inf}),
        outcomes=tent_outcomes,
        pay={"doer": {"own": 1.0}},
        total={"own": 1.0},
    )


def explodes_when_traced(gain):
    return spillover(harm=0.0, gain=float(gain))


def no_game(gain):
    return gain


def steps_of_a_game(steps):
    return spillover(harm=steps)


not_callable = 3
