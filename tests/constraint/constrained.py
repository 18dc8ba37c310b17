"""Quadratic games with shared linear constraints, and their equilibria by trying all sets of active limits in NumPy."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np

import eqsolve as eqs
from eqsolve.equilibrium import STATUS_NAMES, code

NAMES = ("a", "b", "c")
LIMITS = ("first", "second")
ONES = np.ones(3)
COURNOT = (np.array([9.0, 8.5, 9.0]), -np.ones((3, 3)) - np.eye(3))  # price 10 - sum x, costs 1, 1.5, 1
BATCH = 8  # games are solved in batches of one size, which compile once


def quadratic_profits(params, actions, shock):
    """Player i earns x_i (l_i + sum_j M_ij x_j) - M_ii x_i^2 / 2, so its marginal payoff is l + M x."""
    x = actions["x"]
    return {"profit": x * (params["linear"] + params["matrix"] @ x) - 0.5 * jnp.diag(params["matrix"]) * x**2}


def constrained_game(linear, matrix, use, limit, weight=(1.0, 1.0, 1.0), *, kind="upper", highest=np.inf):
    """Three players, one action each, two constraints `use @ x <= limit` (or equalities)."""
    rows = {name: {"x": use[k]} for k, name in enumerate(LIMITS)}
    limits = {kind: {name: limit[k] for k, name in enumerate(LIMITS)}}
    return eqs.Game(
        {"linear": linear, "matrix": matrix},
        actions=[eqs.Action("x", (3,), NAMES)],
        bounds=eqs.Box({"x": 0.0}, {"x": highest}),
        outcomes=quadratic_profits,
        pay={name: {"profit": np.eye(3)[i]} for i, name in enumerate(NAMES)},
        total={"profit": 1.0},
        constraint=eqs.Linear(rows, **limits, weights={name: weight[i] for i, name in enumerate(NAMES)}),
    )


def all_equilibria(linear, matrix, use, limit, weight=(1.0, 1.0, 1.0)):
    """Every (x, price) with x >= 0, price >= 0 and complementarity, by solving the linear system of each active set."""
    n, m = len(linear), len(limit)
    unit = np.max(np.abs(use), axis=1)
    unit[unit == 0] = 1.0
    use, limit = np.asarray(use) / unit[:, None], np.asarray(limit) / unit  # determinants say nothing across units
    push = use / np.asarray(weight)
    system = np.block([[matrix, -push.T], [use, np.zeros((m, m))]])
    constant = np.concatenate([linear, -np.asarray(limit)])
    found = []
    for at_zero in itertools.product([False, True], repeat=n + m):
        rows = np.where(np.array(at_zero)[:, None], np.eye(n + m), system)
        if abs(np.linalg.det(rows)) < 1e-12:
            continue
        z = np.where(at_zero, 0.0, np.linalg.solve(rows, np.where(at_zero, 0.0, -constant)))
        marginal = system @ z + constant
        if np.all(z >= -1e-10) and np.all(marginal[list(at_zero)] <= 1e-10):
            found.append(z / np.concatenate([np.ones(n), unit]))
    return found


def river_basin():
    """Three firms at a river with two monitoring stations (Krawczyk and Uryasev 2000, section 5.3; limits of 100).

    Profit (d1 - d2 sum x - c1 - c2 x_i) x_i with d1 = 3 and d2 = 0.01; firm i adds d_ki e_i x_i at station k.
    """
    base, slope = np.array([0.10, 0.12, 0.15]), np.array([0.01, 0.05, 0.01])
    emission = np.array([0.50, 0.25, 0.75])
    decay = np.array([[6.5, 5.0, 5.5], [4.583, 6.25, 3.75]])
    matrix = -0.01 * (np.ones((3, 3)) + np.eye(3)) - 2 * np.diag(slope)
    return 3.0 - base, matrix, decay * emission, np.array([100.0, 100.0])


def random_games(count, seed=0):
    """Strictly monotone games with random limits, some of which contradict each other."""
    rng = np.random.default_rng(seed)
    linear, factor = rng.normal(1.0, 2.0, (count, 3)), rng.normal(size=(count, 3, 3))
    turn = rng.normal(size=(count, 3, 3))
    matrix = -np.einsum("nij,nkj->nik", factor, factor) - 0.1 * np.eye(3) + turn - np.swapaxes(turn, 1, 2)
    return linear, matrix, rng.normal(size=(count, 2, 3)), rng.normal(0.3, 0.5, (count, 2)), np.ones((count, 3))


@jax.jit
@jax.vmap
def solved(*game):
    return eqs.solve_nash(constrained_game(*game))


def solve_all(*games):
    """The equilibria of games given as tuples: actions, prices, names of statuses, and the whole result."""
    padded = [*games, *[games[-1]] * (-len(games) % BATCH)]
    parts = [np.stack([np.asarray(part, float) for part in parts]) for parts in zip(*padded, strict=True)]
    batches = [solved(*(part[i : i + BATCH] for part in parts)) for i in range(0, len(padded), BATCH)]
    found = jax.tree.map(lambda *leaves: np.concatenate(leaves)[: len(games)], *batches)
    prices = np.stack(list(found.prices.values()), axis=1)
    return found.actions["x"], prices, [STATUS_NAMES[index] for index in code(found.status)], found
