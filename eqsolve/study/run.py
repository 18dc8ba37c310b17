"""Run a study: the grid of swept parameters in padded chunks of one shape, each solved, certified and handed on.

`prepare` checks everything that can be checked without solving. A `Sweep` is then a pure function from a chunk's number
to its results: chunks may be computed in any order, anywhere, and again. `run_study` computes them here, one after the
other.
"""

import contextlib
import dataclasses
import itertools
import math
import time
from collections import OrderedDict
from collections.abc import Callable, Generator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr

from eqsolve.batch import Batch, batch
from eqsolve.study._errors import StudyError
from eqsolve.study.beside import joined_results
from eqsolve.study.config import Report
from eqsolve.study.files import Study, read_study
from eqsolve.study.mechanisms import as_game, mechanism_named
from eqsolve.study.names import imported
from eqsolve.study.parameters import Part, Place, part_from, require_arguments, require_place
from eqsolve.study.points import Point, Task
from eqsolve.study.provenance import provenance
from eqsolve.study.results import dataset_of, require_free_names, require_references
from eqsolve.study.solvers import methods_of

MOST_POINTS = 10_000_000  # results are held in memory
SIDE_BY_SIDE = 32  # points on a CPU: each is searched at many actions at a time, and all should stay in the cache


@dataclasses.dataclass(frozen=True)
class Progress:
    """What a run tells after each chunk.

    **Fields:** `done`, `total`: points, those of studies beside it included. `elapsed`: seconds since the start.
    `failures`: points so far whose Nash equilibrium or first best has no certificate. `worst_regret`: the largest gain
    from deviating found so far, in the unit of payoffs.
    """

    done: int
    total: int
    elapsed: float
    failures: int
    worst_regret: float


@dataclasses.dataclass(frozen=True, eq=False)
class Sweep:
    """A checked study, ready to compute.

    **Fields:** `part`: the mechanism and its fixed parameters. `places`: where swept values go. `grids`: parameter ->
    values. `task`: what is done at every point. `size`: points per chunk, filling included. `run`: the compiled
    function from the parameters of a chunk to its `Point`s. `beside`: label -> another study, at the same points.
    """

    study: Study
    part: Part
    places: tuple[Place, ...]
    grids: dict[str, np.ndarray]
    task: Task
    size: int
    run: Batch
    beside: dict[str, "Sweep"]

    @property
    def shape(self) -> tuple[int, ...]:
        """The number of values along each swept parameter."""
        return tuple(len(grid) for grid in self.grids.values())

    @property
    def points(self) -> int:
        """The number of points of the grid."""
        return math.prod(self.shape)

    @property
    def total(self) -> int:
        """The number of points to solve, those of studies beside it included."""
        return self.points * (1 + len(self.beside))

    @property
    def chunks(self) -> int:
        """The number of chunks that cover the grid."""
        return -(-self.points // self.size)

    def parameters(self, chunk: int) -> dict[str, Any]:
        """The parameters of one chunk; the last one is filled up with the last point."""
        rows = np.minimum(np.arange(chunk * self.size, (chunk + 1) * self.size), self.points - 1)
        indices = np.unravel_index(rows, self.shape)
        swept = {name: grid[index] for (name, grid), index in zip(self.grids.items(), indices, strict=True)}
        return {"shared": self.part.arrays(), "swept": swept}

    def compute(self, chunk: int) -> Point:
        """The results of one chunk as NumPy arrays, without the filling."""
        kept = min(self.size, self.points - chunk * self.size)
        return jax.tree.map(lambda leaf: np.asarray(leaf)[:kept], self.run(self.parameters(chunk)))


def prepare(study: Study) -> Sweep:
    """Check a study against its mechanism and make it ready to compute; nothing is solved yet.

    **Errors:** `StudyError` that names the file, the key, the value and the remedy, for everything that can be known
    beforehand: names, parameters, ranges that the mechanism rejects at their ends, missing search boxes, quantities
    that tables and figures refer to, and a precision that JAX is not set to.

    >>> from eqsolve.study import parse_study
    >>> sweep = prepare(parse_study('''
    ... title = "Two firms"
    ... mechanism = "Cournot"
    ... parameters.cost = [1.0, 1.0]
    ... parameters.demand = { build = "LinearInverseDemand", slope = 1.0 }
    ... sweep = { "demand.intercept" = [4.0, 7.0, 10.0] }
    ... '''))
    >>> sweep.shape, sweep.chunks
    ((3,), 1)
    """
    with _located(study.where):
        _require_precision(study.tables.precision)
        part = part_from(mechanism_named(study.tables.mechanism), study.tables.parameters, "parameters", study.folder)
        places = tuple(Place.parse(path) for path in study.tables.sweep)
        for place in places:
            require_place(part, place)
        require_arguments(part, list(places))
        require_free_names(study.tables.sweep)
        grids = {path: axis.grid() for path, axis in study.tables.sweep.items()}
        points = math.prod(len(grid) for grid in grids.values())
        if points > MOST_POINTS:
            raise StudyError(
                f"sweep has {points} points; at most {MOST_POINTS} are held in memory: use fewer per parameter."
            )
        task = _task(study)
        _try_corners(part, places, grids, task)
        size = _chunk_size(study.tables.chunk, points)
        sweep = Sweep(study, part, places, grids, task, size, _solve(part, places, task, size), _beside(study))
        require_references(study.tables, _preview(sweep))
    return sweep


def run_study(study: Study | Sweep, on_chunk: Callable[[Progress], None] | None = None) -> xr.Dataset:
    """Solve and certify every point of a study.

    **Arguments:** `study`: from `read_study` or `parse_study`, or already prepared. `on_chunk`: called after every
    chunk; what it raises ends the run.
    **Returns:** a dataset with a dimension per swept parameter; see `dataset_of` for its variables. Points that could
    not be solved are in it, with their status.
    **Errors:** `StudyError` as for `prepare`.

    >>> from eqsolve.study import parse_study
    >>> results = run_study(parse_study('''
    ... title = "Two firms"
    ... mechanism = "Cournot"
    ... parameters.cost = [1.0, 1.0]
    ... parameters.demand = { build = "LinearInverseDemand", slope = 1.0 }
    ... sweep = { "demand.intercept" = [4.0, 7.0] }
    ... '''))
    >>> results["quantity"].sel(plan="nash").sum("player").round(9).values
    array([2., 4.])
    """
    sweep = study if isinstance(study, Sweep) else prepare(study)
    started = time.monotonic()
    done, failures, worst = 0, 0, 0.0
    results: dict[str, xr.Dataset] = {}
    for label, one in ({"": sweep} | sweep.beside).items():
        found: list[Point] = []
        for chunk in range(one.chunks):
            point = one.compute(chunk)
            found.append(point)
            done += len(point.certified)
            failures += int(np.sum(~point.certified))
            worst = max(worst, point.worst_regret)
            if on_chunk is not None:
                on_chunk(Progress(done, sweep.total, time.monotonic() - started, failures, worst))
        joined = jax.tree.map(lambda *leaves: np.concatenate(leaves), *found)
        fits = {f"fit of {place}": text for place, text in one.part.fits().items()}
        facts = provenance(one.study.tables, one.task.methods, one.run.block) | fits
        results[label] = _labelled(one, joined).assign_attrs(facts)
    return joined_results(results.pop(""), results)


def _beside(study: Study) -> dict[str, Sweep]:
    """The studies beside this one, at its own points and in its precision."""
    sweeps: dict[str, Sweep] = {}
    for label, name in study.tables.beside.items():
        other = read_study(study.folder / name if name.endswith(".toml") else name)
        same = {"sweep": study.tables.sweep, "precision": study.tables.precision}
        bare = {"beside": {}, "figure": None, "report": Report(extras=other.tables.report.extras)}
        sweeps[label] = prepare(dataclasses.replace(other, tables=other.tables.model_copy(update=same | bare)))
    return sweeps


def _labelled(sweep: Sweep, points: Point) -> xr.Dataset:
    on_grid = jax.tree.map(lambda leaf: leaf.reshape(sweep.shape + leaf.shape[1:]), points)
    return dataset_of(on_grid, sweep.grids, sweep.study.tables)


def _preview(sweep: Sweep) -> xr.Dataset:
    """The dataset as it will be, filled with zeros: what JAX knows of the results without computing them."""
    try:
        shapes = sweep.run.shapes(sweep.parameters(0))
    except StudyError:
        raise
    except Exception as error:  # whatever the mechanism raises while it is traced
        raise StudyError(
            f"mechanism {sweep.study.tables.mechanism!r} cannot be compiled: {_brief(error)}."
            " It must compute with JAX, without float(), int() or `if` on its parameters."
        ) from error
    zeros = jax.tree.map(lambda leaf: np.zeros((sweep.points, *leaf.shape[1:]), leaf.dtype), shapes)
    return joined_results(_labelled(sweep, zeros), {label: _preview(other) for label, other in sweep.beside.items()})


def _task(study: Study) -> Task:
    extras = OrderedDict((name, imported(name, "report.extras")) for name in study.tables.report.extras)
    for name, extra in extras.items():
        if not callable(extra):
            raise StudyError(f"report.extras: {name!r} is {extra!r}; name a function of the mechanism.")
    return Task(methods_of(study.tables), tuple(extras.items()))


def _solve(part: Part, places: tuple[Place, ...], task: Task, size: int) -> Batch:
    def make(parameters: Any) -> Any:
        arrays = parameters["shared"]
        for place in places:
            arrays = place.put(arrays, parameters["swept"][place.path])
        return part(arrays)

    return batch(make, {"shared": None, "swept": 0}, task, _side_by_side(size))


def _side_by_side(size: int) -> int:
    """How many points one core or device solves at a time; the same for every run, so that results are repeatable."""
    devices = jax.local_devices()
    share = size // len(devices)
    return min(share, SIDE_BY_SIDE) if devices[0].platform == "cpu" else share


def _try_corners(part: Part, places: tuple[Place, ...], grids: dict[str, np.ndarray], task: Task) -> None:
    """Build the game at every corner of the grid, where mechanisms check concrete values."""
    ends = [(grid.min(), grid.max()) for grid in grids.values()]
    for corner in itertools.product(*ends):
        arrays = part.arrays()
        for place, value in zip(places, corner, strict=True):
            arrays = place.put(arrays, jnp.asarray(value))
        at = ", ".join(f"{name} = {value:g}" for name, value in zip(grids, corner, strict=True))
        try:
            game = as_game(part(arrays))
        except StudyError:
            raise
        except Exception as error:  # whatever the mechanism raises
            raise StudyError(f"the mechanism rejects {at}: {_brief(error)}") from error
        task.require_searchable(game)


def _chunk_size(wanted: int, points: int) -> int:
    """No more than there are points, and as many for each device."""
    devices = len(jax.local_devices())
    return -(-min(wanted, points) // devices) * devices


def _require_precision(precision: str) -> None:
    present = str(jnp.zeros(()).dtype)
    if precision != present:
        raise StudyError(
            f"precision is {precision!r}, but JAX computes in {present}; call"
            f' jax.config.update("jax_enable_x64", {precision == "float64"}) first, or use the command `eqsolve run`.'
        )


def _brief(error: Exception) -> str:
    """The first line of what was raised; JAX's go on for pages."""
    return f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0].removesuffix('.')}"


@contextlib.contextmanager
def _located(where: str) -> Generator[None]:
    try:
        yield
    except StudyError as error:
        raise StudyError(f"{where}: {error}") from error.__cause__
