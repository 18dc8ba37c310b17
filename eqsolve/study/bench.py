"""The command `eqsolve bench`: run the benchmarks of a checkout by name, and compare two saved runs."""

import ast
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import click

from eqsolve._tables import table

FOLDER = Path(__file__).parents[2] / "benchmarks"
SUITES = ("solvers", "scaling", "solve", "newsvendor_expectations", "vertical", "capacity")
FAILED = 1


@click.command()
@click.argument("suites", nargs=-1, metavar="[SUITE]...")
@click.option("--list", "list_only", is_flag=True, help="Say what there is, run nothing.")
@click.option("--quick", is_flag=True, help="As little as possible, to see that it runs.")
@click.option(
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder for the results [default: benchmarks/results].",
)
@click.option(
    "--compare",
    nargs=2,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="OLD NEW",
    help="Compare two saved runs, run nothing.",
)
def bench(
    suites: tuple[str, ...], list_only: bool, quick: bool, output: Path | None, compare: tuple[Path, Path] | None
) -> None:
    """Run the benchmarks called SUITE, or all of them, print their tables and save their numbers.

    Needs a checkout of the source: the benchmarks are not part of the installed package. The rivals they measure are
    in the extra `bench`; one that is not installed is left out.
    """
    if compare is not None:
        click.echo(comparison(*map(_measured, compare)))
        return
    _require_checkout()
    if list_only:
        click.echo(table(("suite", ""), [(name, _summary(name)) for name in SUITES]))
        return
    unknown = [name for name in suites if name not in SUITES]
    if unknown:
        raise click.UsageError(f"there is no suite {unknown[0]!r}; choose from {', '.join(SUITES)}.")
    failed = [name for name in suites or SUITES if not _run(name, quick, output)]
    if failed:
        click.echo(f"Failed: {', '.join(failed)}", err=True)
        sys.exit(FAILED)


def comparison(old: dict[str, float], new: dict[str, float]) -> str:
    """A table of how long everything took in both runs, the ratio new / old, and what is in one of them only.

    **Arguments:** `old`, `new`: seconds by what took them.

    >>> print(comparison({"a": 2.0, "b": 1.0}, {"a": 1.0, "c": 3.0}))
    measured  old  new  new / old
    --------  ---  ---  ---------
    a         2    1    0.5
    b         1         gone
    c              3    new
    """
    rows = []
    for name in dict.fromkeys([*old, *new]):
        before, after = old.get(name), new.get(name)
        texts = tuple("" if seconds is None else f"{seconds:.3g}" for seconds in (before, after))
        if before is None or after is None:
            verdict = "new" if before is None else "gone"
        else:
            verdict = f"{after / before:.3g}" if before > 0 else ""
        rows.append((name, *texts, verdict))
    return table(("measured", "old", "new", "new / old"), rows, most=len(rows))


def _measured(path: Path) -> dict[str, float]:
    """What a saved run measured."""
    try:
        record: Any = json.loads(path.read_text(encoding="utf-8"))
        measured = record["measured"]
        return {str(name): float(seconds) for name, seconds in measured.items()}
    except (ValueError, KeyError, TypeError, AttributeError):
        raise click.UsageError(f"{path} is no saved run of `eqsolve bench`: it has no table `measured`.") from None


def _require_checkout() -> None:
    if not (FOLDER / "common.py").is_file():
        raise click.UsageError(
            f"benchmarks are run from a checkout of eqsolve, but there are none in {FOLDER}: clone the repository and"
            ' install it with pip install -e ".[study,bench]".'
        )


def _summary(name: str) -> str:
    """The first line of a benchmark's docstring."""
    module = ast.parse((FOLDER / f"{name}.py").read_text(encoding="utf-8"))
    return (ast.get_docstring(module) or "").partition("\n")[0]


def _run(name: str, quick: bool, output: Path | None) -> bool:
    """Run one benchmark in a process of its own, so that none inherits another's settings; whether it succeeded."""
    options = ["--quick"] if quick else []
    if output is not None:
        options += ["--output", str(output.resolve() / f"{name}.json")]
    click.echo(f"== {name}: {_summary(name)}")
    command = [sys.executable, str(FOLDER / f"{name}.py"), *options]
    return subprocess.run(command, check=False).returncode == 0  # noqa: S603 (a program of this checkout)
