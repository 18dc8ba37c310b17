"""Linear programmes, by SciPy's HiGHS, which is imported when it is needed: the package itself runs without it."""

from typing import Any

import numpy as np
from jaxtyping import Float


def maximise(objective: Float[np.ndarray, " n"], what: str, **constraints: Any) -> Float[np.ndarray, " n"]:
    """The variables at which a linear objective is highest; `constraints` as in `scipy.optimize.linprog`.

    **Errors:** `ImportError` that names the extra where SciPy is missing; `RuntimeError` with the library's message
    where it finds no optimum.
    **Source:** `scipy.optimize.linprog`; Huangfu and Hall, Parallelizing the dual revised simplex method (2018).
    """
    try:
        from scipy.optimize import linprog
    except ImportError as error:
        raise ImportError(f'{what} needs SciPy: pip install "eqsolve[lp]".') from error
    found = linprog(-objective, method="highs", **constraints)
    if found.x is None or found.status != 0:
        raise RuntimeError(f"{what}: the linear programme was not solved: {found.message}")
    return np.asarray(found.x)
