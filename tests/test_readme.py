"""A document's Python blocks run in order, as written, and print what the `text` block after each shows."""

import contextlib
import io
import re
from pathlib import Path

import pytest
from printed import differences

HOME = Path(__file__).parent.parent
README, CONTRIBUTING = HOME / "README.md", HOME / "CONTRIBUTING.md"
BLOCK = re.compile(r"```python\n(?P<code>.*?)```\n(?:\n```text\n(?P<shown>.*?)```\n)?", re.DOTALL)


@pytest.mark.docs
@pytest.mark.parametrize("document", [README, CONTRIBUTING], ids=lambda path: path.name)
def test_blocks_print_what_is_shown(document):
    text = document.read_text(encoding="utf-8")
    blocks = list(BLOCK.finditer(text))
    assert len(blocks) == text.count("```python")
    names = {"__name__": document.stem}
    for block in blocks:
        line = text[: block.start()].count("\n") + 2
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile("\n" * (line - 1) + block["code"], document.name, "exec"), names)
        found = differences(block["shown"] or "", printed.getvalue())
        assert not found, f"{document.name}, line {line}:\n" + "\n".join(found)


def test_the_first_block_is_short():
    first = BLOCK.search(README.read_text(encoding="utf-8"))
    assert first is not None
    assert sum(bool(line.strip()) for line in first["code"].splitlines()) <= 10


@pytest.mark.parametrize("document", sorted(HOME.glob("*.md")), ids=lambda path: path.name)
def test_what_a_document_links_to_exists(document):
    for target in re.findall(r"\]\(([^)#]+)\)", document.read_text(encoding="utf-8")):
        if not target.startswith("https://"):
            assert (HOME / target).exists(), target


def test_errata_name_their_proofs():
    proofs = "".join(path.read_text(encoding="utf-8") for path in (HOME / "tests").rglob("test_*.py"))
    named = re.findall(r"`(test_\w+)`", (HOME / "ERRATA.md").read_text(encoding="utf-8"))
    assert named
    files = [path.stem for path in (HOME / "tests").rglob("test_*.py")]
    assert [name for name in named if f"def {name}(" not in proofs and name not in files] == []


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
