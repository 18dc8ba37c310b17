"""Every solver on every problem: the answer is right, or it is flagged. Nothing wrong passes unflagged.

`python tests/solver_table.py` prints the same as the table of CONTRIBUTING.md.
"""

from collections import Counter

import jax
import numpy as np
import pytest
from problems import PROBLEMS
from problems.quadratic import QUADRATIC
from solver_table import SOLVERS, UNSOLVED, attempt

import eqsolve as eqs

KINDS = {problem.kind for problem in PROBLEMS}
# what every solver should solve is left to other tests; of the kinds that set solvers apart, some run every day
EVERY = 3  # one of so many
EVERYDAY = {"Newton": KINDS - {"regular"}, "BestReply": KINDS - {"regular", "corner"}}
# up to a hundred actions, or long to compile; other tests solve these against their closed forms
MANY = {problem.name for problem in QUADRATIC} | {
    "logit, huge market, tiny sensitivity",
    "river basin",
    "public good among fifty equals",
    "hotelling quadratic, one firm serves everybody",
}
SAMPLE = ("saddle from a corner", "roof from a corner")  # of problems that tell the first-order methods from others
FIRST_ORDER = ("Extragradient", "Anderson")


def cases(everyday):
    """Every solver with every problem; slow but for a sample of the kinds that are `everyday` for the solver."""
    # by solver first: problems of one shape share a compiled program, and parallel test runs split the list
    for solver in SOLVERS:
        met = Counter()
        for problem in PROBLEMS:
            sampled = solver in FIRST_ORDER and problem.name in SAMPLE
            if problem.kind in everyday.get(solver, ()) and problem.name not in MANY:
                sampled = met[problem.kind] % EVERY == 0
                met[problem.kind] += 1
            marks = [] if sampled else [pytest.mark.slow]
            yield pytest.param(problem, solver, id=f"{solver}-{problem.name}", marks=marks)


@pytest.mark.parametrize(("problem", "solver"), list(cases(EVERYDAY)))
def test_right_or_flagged(problem, solver):
    tried = attempt(problem, solver)
    assert tried.right or tried.flagged, f"{tried} passes for an equilibrium"
    assert tried.right == ((problem.name, solver) not in UNSOLVED), tried


@pytest.mark.parametrize(("problem", "solver"), list(cases({"Newton": {"kinked"}, "BestReply": {"kinked", "scaled"}})))
def test_right_or_flagged_in_float32(problem, solver):
    with jax.enable_x64(False):
        tried = attempt(problem, solver)
    assert tried.right or tried.flagged, f"{tried} passes for an equilibrium"


def starts():
    """Problems with a start of their own."""
    for problem in PROBLEMS:
        if problem.start:
            marks = [pytest.mark.slow] if problem.name in MANY else []
            yield pytest.param(problem, id=problem.name, marks=marks)


@pytest.mark.parametrize("problem", list(starts()))
def test_starts_at_corners(problem):
    found = eqs.solve_nash(problem.game(), problem.start)
    if not (found.solved and problem.miss(found.actions) <= problem.rtol):
        assert (problem.name, "Newton") in UNSOLVED
        assert not found.solved or not eqs.certify(problem.game(), found.actions).certified


@pytest.mark.parametrize("problem", [p for p in PROBLEMS if p.stationary], ids=lambda p: p.name)
def test_a_stationary_point_that_is_no_equilibrium_is_not_certified(problem):
    game = problem.game()
    assert not eqs.certify(game, problem.stationary).certified
    assert float(eqs.certify(game, problem.stationary).regret) > 1e-3


def test_cyclic_names_are_really_unsolved():
    names = {problem.name for problem in PROBLEMS}
    assert {name for name, _ in UNSOLVED} <= names
    assert np.all([solver in SOLVERS for _, solver in UNSOLVED])
