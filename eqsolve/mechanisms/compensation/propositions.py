"""Propositions 1 to 5 and theorem 1 of paper 004, with the conditions under which they are true.

Each takes the family of inducing schemes at the Pareto point (from `inducing_schemes`), for any number of departments,
checks its hypotheses and computes its conclusions.
"""

import jax.numpy as jnp
import numpy as np

from eqsolve.mechanisms.compensation.assumptions import check_assumptions
from eqsolve.mechanisms.compensation.bargaining import bargain
from eqsolve.mechanisms.compensation.claim import Claim, truth
from eqsolve.mechanisms.compensation.equilibria import all_equilibria
from eqsolve.mechanisms.compensation.inducing import InducingSchemes, induces, inducing_schemes
from eqsolve.mechanisms.compensation.model import EffortModel
from eqsolve.mechanisms.compensation.pareto import ParetoPoint
from eqsolve.mechanisms.compensation.pay import output_shares


def proposition_1(family: InducingSchemes) -> Claim:
    r"""Giving one department, or all, the whole output leaves a deficit: $A \cdot \alpha > D$ at unit vectors and ones.

    Needs (16) at $e^P$, output above zero, and somebody else whose rates would be worth something.

    **Source:** Nam (paper 004), proposition 1; the paper assumes $V \ge 0$, which does not rule out $V = 0$.

    >>> from eqsolve.mechanisms.compensation import paper_example, pareto_point
    >>> family = inducing_schemes(pareto_point(paper_example(), jnp.array([[0.5, 1.0], [1.0, 0.5]])))
    >>> proposition_1(family).holds
    True
    """
    slope, budget = np.asarray(family.slope, float), float(family.budget)
    # A_i - D is what the rates pay the others when they have no share of output
    others = slope - budget
    everybody = slope.sum() - budget
    return Claim(
        "Paying the whole output to one department, or to each, leaves a deficit",
        hypotheses={
            "first-order conditions hold with equality": _balance(family),
            "output": float(family.output),
            "rates of the others are worth something": truth(np.all(others > 0)),
        },
        conclusions={"deficit if one has it all": float(others.min()), "deficit if all have it all": float(everybody)},
        strict=True,
    )


def proposition_2(family: InducingSchemes) -> Claim:
    r"""The whole output keeps its owner ($A_i \ge E_i$), and the others too if $E_j \le 0$.

    As printed, $(1, 0)$ satisfies both participation constraints; that needs $E, F \le 0$, which holds where effort of
    zero costs nothing, and fails with fixed costs (ERRATA.md).

    **Source:** Nam (paper 004), proposition 2, corrected.

    >>> from eqsolve.mechanisms.compensation import paper_example, pareto_point
    >>> family = inducing_schemes(pareto_point(paper_example(), jnp.array([[0.5, 1.0], [1.0, 0.5]])))
    >>> proposition_2(family).holds
    True
    """
    need = np.asarray(family.need, float)
    return Claim(
        "A whole share of output keeps its owner, and no share keeps the others",
        hypotheses={"departments stay without a share (-E)": float(-need.max())},
        conclusions={
            "owner's net pay beyond its reservation": float(np.min(np.asarray(family.slope, float) - need)),
            "others' net pay beyond their reservation": float(-need.max()),
        },
    )


def proposition_3(family: InducingSchemes) -> Claim:
    r"""Keeping everybody at its reservation utility leaves no deficit: $\sum E_i \le D$.

    The difference is $\pi^P$ less the reservation utilities, whatever the signs of $A$, $D$ and $E$.

    **Source:** Nam (paper 004), proposition 3.

    >>> from eqsolve.mechanisms.compensation import paper_example, pareto_point
    >>> family = inducing_schemes(pareto_point(paper_example(), jnp.array([[0.5, 1.0], [1.0, 0.5]])))
    >>> proposition_3(family).holds
    True
    """
    spare = float(family.welfare - jnp.sum(family.reservation))
    return Claim(
        "Pay at the reservation utilities leaves no deficit",
        hypotheses={"welfare beyond the reservation utilities": spare},
        conclusions={"D less the sum of E": float(family.budget - jnp.sum(family.need))},
    )


def proposition_4(family: InducingSchemes) -> Claim:
    r"""Every feasible share is below one where $A_i > 0$ (above one where $A_i < 0$), whatever the sign of $D$.

    $(1 - \alpha_i) A_i = f - C_i - u_i$ is at least the others' costs and reservation utilities.

    **Source:** Nam (paper 004), proposition 4, which asks for $D > 0$; ERRATA.md.

    >>> from eqsolve.mechanisms.compensation import paper_example, pareto_point
    >>> family = inducing_schemes(pareto_point(paper_example(), jnp.array([[0.5, 1.0], [1.0, 0.5]])))
    >>> proposition_4(family).holds
    True
    """
    slope = np.asarray(family.slope, float)
    gap = (1 - np.asarray(family.vertices(), float)) * np.sign(slope)
    return Claim(
        "Feasible shares of output are below one (above one where A is negative)",
        hypotheses=_feasible(family) | {"others' costs and reservation utilities": _burden(family)},
        conclusions={"distance of shares from one": float(gap.min())},
        strict=True,
    )


def proposition_5(family: InducingSchemes) -> Claim:
    r"""Feasible rates of all performances have the sign of $A_i$: positive where $A_i > 0$.

    $B_{ij} = r_{ij} (1 - \alpha_i)$ with $r_{ij} > 0$, and proposition 4.

    **Source:** Nam (paper 004), proposition 5, which asks for $D > 0$; ERRATA.md.

    >>> from eqsolve.mechanisms.compensation import paper_example, pareto_point
    >>> family = inducing_schemes(pareto_point(paper_example(), jnp.array([[0.5, 1.0], [1.0, 0.5]])))
    >>> proposition_5(family).holds
    True
    """
    sign = np.sign(np.asarray(family.slope, float))[:, None]
    rates = np.array([np.asarray(family.rates(corner), float) for corner in np.asarray(family.vertices())])
    return Claim(
        "Feasible rates of performance are positive (negative where A is negative)",
        hypotheses=_feasible(family)
        | {
            "others' costs and reservation utilities": _burden(family),
            "cost per unit of performance": truth(np.all(np.asarray(family.base) > 0)),
        },
        conclusions={"smallest rate in the direction of A": float((rates * sign).min())},
        strict=True,
    )


def theorem_1(model: EffortModel, point: ParetoPoint) -> Claim:
    r"""Schemes 1 to 3 cannot induce $e^P$ without deficit, and scheme 4 can.

    Scheme 3 would need $\alpha_i = 1$ for everybody who helps somebody at $e^P$ (equation 9), so that at least two
    whole outputs are paid out. Scheme 4 surely can where a feasible point has shares of at least zero, that is where
    $D \ge 0$, $A > 0$ and $E \le 0$; the conclusion is then checked by a global search at the bargaining point.

    As printed, the theorem has no conditions but $AB \ne 0$; ERRATA.md has models without any scheme 4.

    **Arguments:** `point`: from `pareto_effort`.
    **Source:** Nam (paper 004), theorem 1, corrected.

    >>> from eqsolve.mechanisms.compensation import paper_example, pareto_point
    >>> theorem_1(paper_example(), pareto_point(paper_example(), jnp.array([[0.5, 1.0], [1.0, 0.5]]))).holds
    True
    """
    family = inducing_schemes(point)
    help_slopes = np.asarray(point.output_slope)[~np.eye(point.effort.shape[0], dtype=bool)]
    agreed = bargain(family, nonnegative_shares=True)
    if bool(agreed.exists):
        certificate = induces(model, point, family.pay(agreed.share))
        stays = truth(certificate.certified)
        residual = float(family.residual(agreed.share))
    else:
        stays, residual = -1.0, np.nan
    rough = 1e-6 * abs(float(family.output))
    return Claim(
        "Scheme 4 induces the Pareto-optimal effort, and schemes 1 to 3 do not",
        hypotheses={
            "A": float(jnp.min(family.slope)),
            "D": float(family.budget),
            "-E": float(-jnp.max(family.need)),
            "first-order conditions hold with equality": truth(point.balanced),
            "help raises output": truth(np.all(help_slopes > 0)),
        },
        conclusions={
            "nobody leaves the Pareto-optimal effort under scheme 4": stays,
            "scheme 4 pays out no more than output": truth(residual >= -rough),
            "deficit if scheme 3 induced it": float(family.output * (len(model.departments) - 1)),
        },
    )


def under_effort(model: EffortModel, point: ParetoPoint, share: object) -> Claim:
    r"""Scheme 1 leads to less effort than $e^P$, entry by entry.

    True where efforts are complements in output (all cross derivatives at least zero) and costs separable: then best
    replies rise in others' effort and in the share. Without that, relief from one effort may go into another.

    **Arguments:** `share` $\alpha$: nonnegative shares of output with a sum of at most one.
    **Source:** Nam (paper 004), section 3.2, corrected; monotone comparative statics of supermodular games.

    >>> from eqsolve.mechanisms.compensation import paper_example, pareto_point
    >>> point = pareto_point(paper_example(), jnp.array([[0.5, 1.0], [1.0, 0.5]]))
    >>> under_effort(paper_example(), point, [0.7, 0.3]).holds
    True
    """
    found = all_equilibria(model, output_shares(share))
    tested = check_assumptions(model)
    gap = np.asarray(point.effort) - found.effort
    rough = 1e-6 * float(jnp.max(model.upper - model.lower))
    shares = np.asarray(share, float)
    return Claim(
        "Under scheme 1 no effort exceeds the Pareto-optimal one",
        hypotheses={
            "shares are not negative": float(shares.min()),
            "shares sum to one at most": 1 - float(np.broadcast_to(shares, len(model.departments)).sum()) + 1e-12,
            "efforts are complements in output": truth(tested["output is supermodular"].holds),
            "costs are separable": truth(tested["cost is separable"].holds),
            "an equilibrium was found": truth(len(found)),
        },
        conclusions={"smallest shortfall of effort": float(gap.min()) + rough if len(found) else np.nan},
    )


def _balance(family: InducingSchemes) -> float:
    """Whether what a share takes from rates is what they are without one, as it is where (16) holds."""
    size = float(jnp.max(jnp.abs(family.base) + jnp.abs(family.trade)))
    rough = float(jnp.finfo(family.base.dtype).eps) ** 0.4
    return truth(jnp.max(jnp.abs(family.base - family.trade)) <= rough * size)


def _burden(family: InducingSchemes) -> float:
    """The least that everybody else must be left with, over departments; positive if at least two have costs."""
    owed = np.asarray(family.cost + family.reservation, float)
    least = float(np.min(owed.sum() - owed))
    return least if least > 0 else -1.0


def _feasible(family: InducingSchemes) -> dict[str, float]:
    return {
        "first-order conditions hold with equality": _balance(family),
        "a feasible scheme exists": truth(family.exists),
    }
