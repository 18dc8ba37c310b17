"""Comparison of what a document shows with what its code prints today."""

import re

NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")


def differences(shown: str, printed: str, rtol: float = 1e-4, atol: float = 1e-8) -> list[str]:
    """Lines that differ in a word, or in a number by more than the tolerances; widths of columns do not count.

    `atol` lets rounding errors differ (a residual, the gain from a deviation that gains nothing).
    """
    ours, theirs = _lines(shown), _lines(printed)
    if len(ours) != len(theirs):
        return [f"{len(ours)} lines are shown, {len(theirs)} are printed:\n{printed}"]
    return [f"shown {a!r}, printed {b!r}" for a, b in zip(ours, theirs, strict=True) if not _same(a, b, rtol, atol)]


def _lines(text: str) -> list[str]:
    rules_shortened = re.sub(r"-{2,}", "--", text)
    return [" ".join(line.split()) for line in rules_shortened.strip().splitlines()]


def _same(shown: str, printed: str, rtol: float, atol: float) -> bool:
    if NUMBER.sub("#", shown) != NUMBER.sub("#", printed):
        return False
    pairs = zip(map(float, NUMBER.findall(shown)), map(float, NUMBER.findall(printed)), strict=True)
    return all(abs(a - b) <= atol + rtol * abs(a) for a, b in pairs)
