"""Plain-text tables for `str()` of results."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import jax
import numpy as np
from jax.core import Tracer
from jax.tree_util import DictKey, GetAttrKey, SequenceKey

SHOWN = 60  # rows beyond this are counted, not printed


def number(value: Any) -> str:
    """Six significant digits, as short as they can be."""
    return f"{float(value):.6g}"


def shown(value: Any) -> str:
    """A number, or an array of numbers."""
    values = np.asarray(value)
    if values.shape == () and values.dtype.kind == "f":
        return number(values)
    return np.array2string(values, precision=6, threshold=SHOWN, max_line_width=1000)


def is_traced(tree: Any) -> bool:
    """Whether there are no numbers to print yet."""
    return any(isinstance(leaf, Tracer) for leaf in jax.tree.leaves(tree))


def table(header: Sequence[str], rows: Iterable[Sequence[str]], most: int = SHOWN) -> str:
    """Columns aligned under a header; tables longer than `most` are cut with a note of how many rows are left out."""
    rows = [tuple(map(str, row)) for row in rows]
    kept = rows[:most]
    widths = [max(len(row[column]) for row in [tuple(header), *kept]) for column in range(len(header))]

    def line(cells: Sequence[str]) -> str:
        return "  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip()

    lines = [line(header), "  ".join("-" * width for width in widths), *map(line, kept)]
    if len(rows) > most:
        lines.append(f"... and {len(rows) - most} more rows")
    return "\n".join(lines)


def entry_label(name: str, index: tuple[int, ...]) -> str:
    """The name of one entry of an array: `quantity[2]`, or the name alone for a number."""
    return name + (f"[{', '.join(map(str, index))}]" if index else "")


def path_label(path: tuple[Any, ...]) -> str:
    """A leaf's path as studies write it: "demand.intercept", "costs[0]"; "params" for a tree that is a leaf itself."""
    text = ""
    for key in path:
        if isinstance(key, GetAttrKey):
            text += f".{key.name}"
        elif isinstance(key, DictKey):
            text += f".{key.key}"
        else:
            text += f"[{key.idx if isinstance(key, SequenceKey) else key.key}]"
    return text.lstrip(".") or "params"


def priced_table(slack: Mapping[str, Any], prices: Mapping[str, Any]) -> str:
    """Shared constraints, what is left of them, and what they cost."""
    rows = [
        (entry_label(name, index), number(value), number(np.asarray(prices[name])[index]))
        for name, left in slack.items()
        for index, value in np.ndenumerate(np.asarray(left))
    ]
    return table(("shared constraint", "slack", "price"), rows)
