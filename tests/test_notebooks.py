"""The notebooks run from top to bottom and print what they store."""

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from printed import differences

NOTEBOOKS = sorted((Path(__file__).parent.parent / "notebooks").glob("*.ipynb"))


def shown(cell):
    """What a code cell prints, and how many pictures it draws."""
    outputs = cell.get("outputs", [])
    # what a cell prints arrives in pieces, cut where the kernel happened to pause
    text = [output.get("text") or output.get("data", {}).get("text/plain", "") + "\n" for output in outputs]
    pictures = sum("image/png" in output.get("data", {}) for output in outputs)
    return "".join(part for part in text if not part.startswith("<Figure")), pictures


@pytest.mark.docs
@pytest.mark.timeout(600)
@pytest.mark.filterwarnings("default")  # what Jupyter's own packages deprecate is not ours to fix
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_the_notebook_runs_and_prints_what_it_stores(path):
    stored = nbformat.read(path, as_version=4)
    fresh = nbformat.read(path, as_version=4)
    NotebookClient(fresh, timeout=300, kernel_name="python3", resources={"metadata": {"path": path.parent}}).execute()
    for before, after in zip(stored.cells, fresh.cells, strict=True):
        text, pictures = shown(before)
        found = differences(text, shown(after)[0])
        assert not found, f"{path.name}:\n{before.source}\n" + "\n".join(found)
        assert pictures == shown(after)[1]
