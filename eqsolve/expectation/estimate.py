"""An expectation found from random points, with its standard error."""

import equinox as eqx
import jax
import numpy as np
from jaxtyping import PyTree

from eqsolve._tables import is_traced, number, table


class Estimate(eqx.Module):
    """An expectation found from random points; `str()` prints a table.

    **Fields:** `mean`: the expectation, leaf by leaf of what was averaged. `standard_error`: that of `mean`, in the
    same units and structure; NaN where a single draw or randomisation gives no idea of it. `points`: how often the
    function was evaluated.

    >>> import jax.numpy as jnp
    >>> print(Estimate({"sales": jnp.array(93.5)}, {"sales": jnp.array(0.25)}, 1000))
    expectation from 1,000 points
    quantity  mean  standard error
    --------  ----  --------------
    sales     93.5  0.25
    """

    mean: PyTree
    standard_error: PyTree
    points: int = eqx.field(static=True)

    def __str__(self) -> str:
        if is_traced(self):
            return repr(self)
        rows: list[tuple[str, str, str]] = []
        means, errors = jax.tree_util.tree_leaves_with_path(self.mean), jax.tree.leaves(self.standard_error)
        for (path, mean), error in zip(means, errors, strict=True):
            for index, value in np.ndenumerate(np.asarray(mean)):
                name = jax.tree_util.keystr(path, simple=True, separator=".") + (str(list(index)) if index else "")
                rows.append((name or "value", number(value), number(np.asarray(error)[index])))
        head = f"expectation from {self.points:,} points"
        return "\n".join([head, table(("quantity", "mean", "standard error"), rows)])
