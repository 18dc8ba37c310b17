"""Models of the worked cases of paper 004, and the paper's example in plain NumPy."""

import numpy as np

from eqsolve.mechanisms.compensation import EffortModel, Pay, StandardCost, StandardOutput, StandardPerformance

NAMES = ("marketing", "manufacturing")  # one pair of names, so that all models of two departments share programs
PARETO = np.array([[0.5, 1.0], [1.0, 0.5]])  # of the paper's example


def in_paper_order(effort):
    """(e11, e22, e12, e21)."""
    effort = np.asarray(effort)
    return np.stack([effort[..., 0, 0], effort[..., 1, 1], effort[..., 0, 1], effort[..., 1, 0]], axis=-1)


def log_firm(base, v0=0.0, upper=3.0):
    """f = a0 + 2 sum ln(1 + e), linear performance and costs; the Pareto effort is one everywhere."""
    return EffortModel(
        StandardOutput(base=base, log=2.0),
        StandardPerformance(base=v0, linear=1.0),
        StandardCost(unit=1.0),
        upper=upper,
        departments=NAMES,
    )


def root_firm(case, departments=NAMES, upper=3.0):
    """Square-root output and performance, quadratic costs, help that is returned."""
    return EffortModel(
        StandardOutput(base=case["a0"], root=case["a"], root_synergy=case["k"]),
        StandardPerformance(base=case["v"], root=case["b"]),
        StandardCost(fixed=case["c0"], slope=case["q"]),
        upper=upper,
        departments=departments,
    )


def inducing_pay(alpha):
    """Scheme 4 of the paper's example, where all r are one: B_ij = 1 - alpha_i."""
    alpha = np.asarray(alpha, float)
    return Pay(share=alpha, rate=np.repeat(1 - alpha[:, None], 2, axis=1))


def example_payoffs(e11, e12, e21, e22, alpha, rate, base=15.0):
    """Net pay of both departments in the paper's example, written out in NumPy."""
    f = base + e12 * e21 - (e11 - 1) ** 2 - (e22 - 1) ** 2 - (e12 - 1) ** 2 - (e21 - 1) ** 2
    v1, v2 = 4 - (e11 + e21 - 2) ** 2, 4 - (e22 + e12 - 2) ** 2
    first = alpha[0] * f + rate[0][0] * v1 + rate[0][1] * v2 - e11 - e12
    second = alpha[1] * f + rate[1][0] * v1 + rate[1][1] * v2 - e22 - e21
    return first, second, f - e11 - e12 - e21 - e22


def grid_equilibria(alpha, rate, base=15.0, points=41, slack=1e-12):
    """All equilibria of the example on a grid of efforts, by brute force; rows (e11, e22, e12, e21)."""
    line = np.linspace(0, 1, points)
    e11, e12, e21, e22 = np.meshgrid(line, line, line, line, indexing="ij", sparse=True)
    first, second, _ = example_payoffs(e11, e12, e21, e22, alpha, rate, base)
    stays = (first >= first.max(axis=(0, 1), keepdims=True) - slack) & (
        second >= second.max(axis=(2, 3), keepdims=True) - slack
    )
    return np.array([[line[a], line[d], line[b], line[c]] for a, b, c, d in np.argwhere(stays)])
