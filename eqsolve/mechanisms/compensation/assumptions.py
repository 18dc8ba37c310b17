"""Where in its box of efforts a model breaks the assumptions of the paper."""

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from eqsolve._checks import require_kind, require_whole
from eqsolve._tables import number, table
from eqsolve.linalg import largest_eigenvalue
from eqsolve.mechanisms.compensation.model import EffortModel
from eqsolve.mechanisms.compensation.terms import Effort
from eqsolve.starts import starts_with_corners

CORNER_ENTRIES = 6  # 64 corners; of larger boxes the two extreme ones


@dataclasses.dataclass(frozen=True)
class Finding:
    """One assumption: the smallest `margin` found by which it holds (negative: fails), and the effort where.

    `holds` allows for rounding; `strict` says whether the margin is clearly positive (slopes that vanish at an edge of
    the box hold, but not strictly).
    """

    assumption: str
    margin: float
    effort: Float[np.ndarray, "n n"]
    holds: bool
    strict: bool


@dataclasses.dataclass(frozen=True)
class Assumptions:
    """All findings; `str()` prints a table."""

    findings: tuple[Finding, ...]

    @property
    def hold(self) -> bool:
        """Whether no assumption was seen to fail."""
        return all(finding.holds for finding in self.findings)

    def __getitem__(self, assumption: str) -> Finding:
        return next(finding for finding in self.findings if finding.assumption == assumption)

    def __str__(self) -> str:
        rows = [
            (
                finding.assumption,
                "fails" if not finding.holds else "holds" if finding.strict else "holds weakly",
                number(finding.margin),
                " | ".join(" ".join(number(e) for e in row) for row in finding.effort),
            )
            for finding in self.findings
        ]
        return table(("assumption", "", "smallest margin", "at effort (row: by whom)"), rows)


def check_assumptions(model: EffortModel, samples: int = 256) -> Assumptions:
    """Test the assumptions of section 2 at points spread over the box, its corners included.

    Tested: output, performance and cost are not negative; they rise in effort; output and performance are concave, cost
    convex; performance j depends on effort for j alone, cost i on effort of i alone. Besides, whether output is
    supermodular and cost separable, which rules out over-effort under scheme 1.

    **Arguments:** `samples`: how many points inside the box. A failure between them can be missed.
    **Returns:** `Assumptions`: for each the smallest margin and where it was found.
    **Errors:** `ValueError` for fewer than one sample, `TypeError` for no `EffortModel`.
    **Source:** Nam (paper 004), section 2.

    >>> from eqsolve.mechanisms.compensation.example import paper_example
    >>> found = check_assumptions(paper_example())
    >>> found.hold, found["output rises in effort"].strict  # the slope vanishes where own effort is one
    (True, False)
    """
    require_kind(model, EffortModel, "check_assumptions: model")
    require_whole(samples, "check_assumptions: samples", least=1)
    lower, upper = np.asarray(model.lower), np.asarray(model.upper)
    points = np.asarray(starts_with_corners(jnp.ravel(model.lower), jnp.ravel(model.upper), samples))
    if lower.size <= CORNER_ENTRIES:
        sides = np.array(np.meshgrid(*[[0.0, 1.0]] * lower.size)).reshape(lower.size, -1).T
        points = np.concatenate([points, lower.ravel() + sides * (upper - lower).ravel()])
    efforts = jnp.asarray(points.reshape(-1, *lower.shape), model.lower.dtype)
    margins, sizes = _margins(model, efforts)
    findings = []
    for name, values in margins.items():
        margin = np.asarray(values)
        worst = int(np.argmin(np.where(np.isnan(margin), -np.inf, margin)))
        rough = float(jnp.finfo(efforts.dtype).eps) ** 0.6 * float(jnp.max(sizes[name]))
        holds, strict = bool(margin[worst] >= -rough), bool(margin[worst] > rough)
        findings.append(Finding(name, float(margin[worst]), np.asarray(efforts[worst]), holds, strict))
    return Assumptions(tuple(findings))


@eqx.filter_jit
def _margins(model: EffortModel, efforts: Float[Array, "k n n"]) -> tuple[dict[str, Array], dict[str, Array]]:
    """Per assumption, the margin at every point and the size of the numbers it is made of."""
    return jax.vmap(lambda effort: _margins_at(model, effort))(efforts)


def _margins_at(model: EffortModel, effort: Effort) -> tuple[dict[str, Array], dict[str, Array]]:
    n = effort.shape[0]
    shape, flat = effort.shape, effort.ravel()

    def everything(x: Array) -> Array:
        found = model.measures(x.reshape(shape))
        return jnp.concatenate([found.output[None], found.performance, found.cost])

    values = everything(flat)
    slopes = jax.jacrev(everything)(flat).reshape(1 + 2 * n, n, n)
    curves = jax.jacfwd(jax.jacrev(everything))(flat)
    own = jnp.eye(n, dtype=bool)
    own_column, own_row = own[:, None, :], own[:, :, None]
    output, performance, cost = slopes[0], slopes[1 : 1 + n], slopes[1 + n :]
    bend = jax.vmap(largest_eigenvalue)(jnp.concatenate([curves[: 1 + n], -curves[1 + n :]]))
    mixed = ~jnp.eye(n * n, dtype=bool)
    steep, crooked = jnp.max(jnp.abs(slopes)), jnp.max(jnp.abs(curves))
    margins = {
        "output is not negative": (values[0], values[0]),
        "performance is not negative": (jnp.min(values[1 : 1 + n]), values[1 : 1 + n]),
        "cost is not negative": (jnp.min(values[1 + n :]), values[1 + n :]),
        "output rises in effort": (jnp.min(output), steep),
        "performance rises in effort": (jnp.min(jnp.where(own_column, performance, jnp.inf)), steep),
        "cost rises in effort": (jnp.min(jnp.where(own_row, cost, jnp.inf)), steep),
        "output is concave": (-bend[0], crooked),
        "performance is concave": (-jnp.max(bend[1 : 1 + n]), crooked),
        "cost is convex": (-jnp.max(bend[1 + n :]), crooked),
        "performance depends on effort for it alone": (
            -jnp.max(jnp.abs(jnp.where(own_column, 0.0, performance))),
            steep,
        ),
        "cost depends on own effort alone": (-jnp.max(jnp.abs(jnp.where(own_row, 0.0, cost))), steep),
        "output is supermodular": (jnp.min(jnp.where(mixed, curves[0], jnp.inf)), crooked),
        "cost is separable": (-jnp.max(jnp.abs(jnp.where(mixed, curves[1 + n :], 0.0))), crooked),
    }
    return {k: m for k, (m, _) in margins.items()}, {k: jnp.max(jnp.abs(s)) for k, (_, s) in margins.items()}
