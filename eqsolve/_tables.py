"""Plain-text tables for `str()` of results."""

from collections.abc import Iterable, Sequence
from typing import Any

SHOWN = 60  # rows beyond this are counted, not printed


def number(value: Any) -> str:
    """Six significant digits, as short as they can be."""
    return f"{float(value):.6g}"


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Columns aligned under a header; long tables are cut with a note of how many rows are left out."""
    rows = [tuple(map(str, row)) for row in rows]
    kept = rows[:SHOWN]
    widths = [max(len(row[column]) for row in [tuple(header), *kept]) for column in range(len(header))]

    def line(cells: Sequence[str]) -> str:
        return "  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip()

    lines = [line(header), "  ".join("-" * width for width in widths), *map(line, kept)]
    if len(rows) > SHOWN:
        lines.append(f"... and {len(rows) - SHOWN} more rows")
    return "\n".join(lines)
