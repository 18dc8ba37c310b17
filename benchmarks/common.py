"""What the benchmarks share: timing, tables, and a record of what the numbers depend on."""

import argparse
import json
import os
import platform
import subprocess
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import jax

RESULTS = Path(__file__).parent / "results"


def timed(function: Callable[[], Any], repeats: int = 1) -> tuple[float, Any]:
    """The shortest of `repeats` runs in seconds, and the result of the last."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        result = jax.block_until_ready(function())
        times.append(time.perf_counter() - start)
    return min(times), result


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Columns aligned under a header."""
    cells = [tuple(header), *rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in cells]
    return "\n".join(lines)


def options(doc: str | None) -> argparse.ArgumentParser:
    """The options that every benchmark has: `--quick` and `--output`."""
    parser = argparse.ArgumentParser(description=(doc or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="as little as possible, to see that it runs")
    parser.add_argument("--output", type=Path, help="where the results go [default: benchmarks/results/NAME.json]")
    return parser


def save(name: str, output: Path | None = None, *, measured: dict[str, float], **found: Any) -> None:
    """Write results and environment to `output` or `benchmarks/results/<name>.json`, and say where.

    `measured` is what `eqsolve bench --compare` compares: seconds by what took them.
    """
    path = RESULTS / f"{name}.json" if output is None else output
    path.parent.mkdir(parents=True, exist_ok=True)
    record = {"suite": name, "environment": _environment(), "measured": measured, **found}
    path.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    print(f"Saved to {path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path}")


def _environment() -> dict[str, Any]:
    """What the numbers depend on."""
    commit = subprocess.run(
        ["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=False, cwd=Path(__file__).parent
    ).stdout.strip()
    names = ("eqsolve", "jax", "jaxlib", "numpy", "scipy", "equinox", "numba", "nashopt", "optimistix", "stockpyl")
    return {
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": {name: found for name in names if (found := _version(name))},
        "python": platform.python_version(),
        "platform": platform.platform(),
        "device": str(jax.devices()[0]),
        "cores": os.cpu_count(),
        "commit": commit or "unknown",
    }


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
