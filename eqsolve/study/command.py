"""The commands of `eqsolve`: run a study, list the built-in ones; `bench` has a file of its own.

Exit codes: 0 done; 1 the run failed; 2 the study, an option or the installation is at fault; 130 interrupted.
"""

import os
import sys
import threading
import time
import traceback
from collections.abc import Callable
from concurrent.futures import Future
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import click
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeRemainingColumn,
)

from eqsolve import __version__
from eqsolve.cli import start_up
from eqsolve.study import _errors, config, files, output, report
from eqsolve.study.bench import bench
from eqsolve.study.run import Progress as Chunk
from eqsolve.study.run import Sweep, prepare, run_study

FAILED, WRONG_INPUT, INTERRUPTED = 1, 2, 130
T = TypeVar("T")


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="eqsolve")
def program() -> None:
    """Equilibria and first-best plans of incentive mechanisms, solved and certified over whole parameter ranges."""


program.add_command(bench)


@program.command()
def studies() -> None:
    """List the built-in studies."""
    names = files.built_in_studies()
    width = max(map(len, names))
    for name in names:
        click.echo(f"{name:{width}}  {files.read_study(name).tables.description}")


@program.command()
@click.argument("study")
@click.option("--out", type=click.Path(path_type=Path), help="Folder for the results [default: results/STUDY].")
@click.option("--overwrite", is_flag=True, help="Replace earlier results in that folder.")
@click.option(
    "--precision", type=click.Choice(config.PRECISIONS), help="Of all numbers [default: what the study says]."
)
def run(study: str, out: Path | None, overwrite: bool, precision: str | None) -> None:
    """Run STUDY, the name of a built-in study or the path of a TOML file, and write its results.

    The folder then holds the labelled dataset (study.zarr), a table of all points (table.csv), the report, the figure
    (PNG and PDF), the study itself and its provenance.
    """
    try:
        _run(study, out, overwrite, precision)
    except (_errors.StudyError, ImportError) as error:
        _stop(f"Error: {error}", WRONG_INPUT)
    except KeyboardInterrupt as interrupt:
        message = "Interrupted: no results were written, earlier ones are as they were."
        if isinstance(interrupt, _Abandoned):  # the interpreter would wait for the thread, or crash beneath it
            click.echo(message, err=True)
            sys.stderr.flush()
            os._exit(INTERRUPTED)
        _stop(message, INTERRUPTED)
    except Exception as error:  # whatever a mechanism, a solver or the disk raises
        traceback.print_exc()
        _stop(f"The run failed, no results were written. {type(error).__name__}: {error}", FAILED)


def _run(name: str, out: Path | None, overwrite: bool, precision: str | None) -> None:
    _look_beside(name)
    study = files.read_study(name)
    study = study.with_precision(precision or study.tables.precision)
    folder = output.require_free(out or Path("results") / study.name, overwrite=overwrite)
    if study.tables.figure is not None:
        from eqsolve.plots import require_matplotlib

        require_matplotlib()
    start_up(study.tables.precision)
    console = Console(stderr=True)
    console.print(f"Checking {study.where} ...", highlight=False)
    sweep = prepare(study)
    started, clock = datetime.now(UTC), time.monotonic()
    dataset = _with_progress(sweep, console)
    seconds = time.monotonic() - clock
    notes = {"started": started.isoformat(timespec="seconds"), "seconds": f"{seconds:.1f}"}
    written = output.write_results(dataset, study, folder, overwrite=overwrite, notes=notes)
    click.echo(report.report_text(dataset, study.tables))
    click.echo(f"{sweep.total} points in {seconds:.0f} s.")
    click.echo(f"Results: {written.folder}")
    if written.figure is not None:
        click.echo(f"Figure:  {written.figure} (and .pdf)")


def _with_progress(sweep: Sweep, console: Console) -> Any:
    """Run with a bar on a terminal; elsewhere the last state of it is printed once, at the end."""
    columns = (  # 80 characters
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(bar_width=16),
        MofNCompleteColumn(),
        TimeRemainingColumn(compact=True, elapsed_when_finished=True),
        TextColumn("{task.fields[found]}"),
    )
    with Progress(*columns, console=console) as bar:
        task = bar.add_task("Compiling", total=sweep.total, found="")

        def on_chunk(chunk: Chunk) -> None:
            found = f"{chunk.failures} uncertified, regret {chunk.worst_regret:.1g}"
            bar.update(task, completed=chunk.done, total=chunk.total, description="Solving", found=found)

        return _interruptible(lambda: run_study(sweep, on_chunk))


def _interruptible(work: Callable[[], T]) -> T:
    """Do the work in another thread: Python cannot be interrupted while JAX compiles, which may take a minute."""
    result: Future[T] = Future()

    def fill() -> None:
        try:
            result.set_result(work())
        except BaseException as error:  # handed to the waiting thread
            result.set_exception(error)

    threading.Thread(target=fill, daemon=True).start()
    try:
        return result.result()
    except KeyboardInterrupt as interrupt:
        raise interrupt if result.done() else _Abandoned from None


class _Abandoned(KeyboardInterrupt):
    """Interrupted while a thread still works."""


def _stop(message: str, code: int) -> NoReturn:
    click.echo(message, err=True)
    sys.exit(code)


def _look_beside(name: str) -> None:
    """Let a study name modules that lie beside it or in the current folder; installed modules come first."""
    for folder in (str(Path(name).resolve().parent), str(Path.cwd())):
        if folder not in sys.path:
            sys.path.append(folder)
