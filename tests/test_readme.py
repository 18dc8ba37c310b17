"""The README's Python blocks run in order, as written, and print what the `text` block after each shows."""

import contextlib
import io
import re
from pathlib import Path

import pytest
from printed import differences

README = Path(__file__).parent.parent / "README.md"
BLOCK = re.compile(r"```python\n(?P<code>.*?)```\n(?:\n```text\n(?P<shown>.*?)```\n)?", re.DOTALL)


@pytest.mark.docs
def test_the_readme_prints_what_it_shows():
    text = README.read_text(encoding="utf-8")
    blocks = list(BLOCK.finditer(text))
    assert len(blocks) == text.count("```python")
    names = {"__name__": "readme"}
    for block in blocks:
        line = text[: block.start()].count("\n") + 2
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile("\n" * (line - 1) + block["code"], README.name, "exec"), names)
        found = differences(block["shown"] or "", printed.getvalue())
        assert not found, f"{README.name}, line {line}:\n" + "\n".join(found)


def test_the_first_block_is_short():
    first = BLOCK.search(README.read_text(encoding="utf-8"))
    assert first is not None
    assert sum(bool(line.strip()) for line in first["code"].splitlines()) <= 10


def test_what_the_readme_links_to_exists():
    text = README.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#]+)\)", text):
        if not target.startswith("https://"):
            assert (README.parent / target).exists(), target


@pytest.mark.parametrize(
    ("shown", "printed", "same"),
    [
        ("loss 12.03", "loss  12.03\n", True),
        ("gain 0", "gain 1.4e-14", True),
        ("gain 0", "gain 1e-6", False),
        ("a 1\n- 2", "a 1", False),
        ("[0, 10]", "[0, 11]", False),
        ("status\n------", "status\n---------", True),
        ("converged", "kinked", False),
    ],
)
def test_the_comparison_sees_what_differs(shown, printed, same):
    assert (not differences(shown, printed)) == same
