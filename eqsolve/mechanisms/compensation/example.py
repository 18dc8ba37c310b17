"""The numerical example of paper 004, and the schemes of its table."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np

from eqsolve._checks import require_kind
from eqsolve._fields import as_numbers
from eqsolve._tables import number, table
from eqsolve.mechanisms.compensation.equilibria import NashSet, all_equilibria
from eqsolve.mechanisms.compensation.model import EffortModel
from eqsolve.mechanisms.compensation.pay import (
    CustomPay,
    Pay,
    all_performances,
    output_and_own,
    output_shares,
    own_performance,
)
from eqsolve.mechanisms.compensation.terms import StandardCost, StandardOutput, StandardPerformance


def paper_example(base: Any = 15.0, fixed_cost: Any = 0.0) -> EffortModel:
    r"""Marketing and manufacturing, with $f = a_0 + e_{12} e_{21} - \sum (e_{ij} - 1)^2$ on $[0, 1]^4$.

    $V_1 = 4 - (e_{11} + e_{21} - 2)^2$, $V_2 = 4 - (e_{22} + e_{12} - 2)^2$, and $C_i$ is the sum of own efforts.

    **Arguments:** `base` $a_0$ [money], 15 in the paper. `fixed_cost`: of each department, zero in the paper.
    **Returns:** an `EffortModel`.
    **Source:** Nam (paper 004), section 4.

    >>> float(paper_example().measures([[0.5, 1.0], [1.0, 0.5]]).welfare)
    12.5
    """
    given = as_numbers("paper_example", base=base, fixed_cost=fixed_cost)
    return EffortModel(
        StandardOutput(base=given["base"] - 4.0, linear=2.0, curve=1.0, synergy=1.0),
        StandardPerformance(linear=4.0, curve=1.0),
        StandardCost(fixed=given["fixed_cost"], unit=1.0),
        departments=("marketing", "manufacturing"),
    )


def paper_schemes() -> dict[str, Pay]:
    r"""The four schemes of the paper's table: $\alpha = 1/2$; $\delta = 13/6$; $(1/4, 1)$; $(1/32, 31/32)$.

    **Source:** Nam (paper 004), section 4.6, with scheme 2 at its full allocation (ERRATA.md).

    >>> list(paper_schemes())
    ['scheme 1', 'scheme 2', 'scheme 3', 'scheme 4']
    """
    return {
        "scheme 1": output_shares(0.5),
        "scheme 2": own_performance([13 / 6, 13 / 6]),
        "scheme 3": output_and_own(0.25, [1.0, 1.0]),
        "scheme 4": all_performances(1 / 32, 31 / 32),
    }


@dataclasses.dataclass(frozen=True)
class SchemeTable:
    """Pay schemes side by side: all certified equilibria of each, by name. `str()` prints a row per equilibrium."""

    schemes: dict[str, NashSet]

    def __getitem__(self, name: str) -> NashSet:
        return self.schemes[name]

    def __str__(self) -> str:
        header = ("pay", "effort (row: by whom)", "output", "cost", "welfare", "reward", "residual")
        rows = []
        for name, found in self.schemes.items():
            for k in range(len(found)):
                effort = " | ".join(" ".join(number(e) for e in row) for row in np.round(found.effort[k], 9) + 0.0)
                cost = number(found.output[k] - found.welfare[k])
                reward = " ".join(number(r) for r in found.reward[k])
                residual = number(np.round(found.residual[k], 9) + 0.0)
                rows.append((name, effort, number(found.output[k]), cost, number(found.welfare[k]), reward, residual))
        return table(header, rows)


def scheme_table(model: EffortModel, schemes: Mapping[str, Pay | CustomPay]) -> SchemeTable:
    """Find all equilibria under each of several pay schemes.

    **Arguments:** `schemes`: name -> pay, for instance `paper_schemes()`.
    **Returns:** a `SchemeTable`.
    **Errors:** `ValueError` without schemes, `TypeError` for what is no scheme, and those of `all_equilibria`.
    **Source:** Nam (paper 004), section 4.6. The printed column of scheme 3 is wrong; see ERRATA.md.

    >>> found = scheme_table(paper_example(), {"halves": output_shares(0.5)})
    >>> bool(found["halves"].effort.max() < 1e-6)
    True
    """
    require_kind(schemes, Mapping, "scheme_table: schemes")
    for name, pay in schemes.items():
        require_kind(pay, (Pay, CustomPay), f"scheme_table: schemes[{name!r}]")
    if not schemes:
        raise ValueError("scheme_table: no schemes given; give {name: pay}.")
    return SchemeTable({name: all_equilibria(model, pay) for name, pay in schemes.items()})
