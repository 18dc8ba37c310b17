"""Print the oldest supported version of every dependency as pip constraints: pyproject.toml's lower bounds, pinned."""

import re
import tomllib
from pathlib import Path

project = tomllib.loads((Path(__file__).parent.parent / "pyproject.toml").read_text(encoding="utf-8"))["project"]
extras = project["optional-dependencies"]
for requirement in [*project["dependencies"], *extras["study"], *extras["plots"], *extras["test"]]:
    if bound := re.fullmatch(r"([\w.-]+)>=([\w.]+)", requirement):
        print("==".join(bound.groups()))
    elif not requirement.startswith("eqsolve["):
        raise SystemExit(f"pyproject.toml: {requirement!r} has no lower bound to test; write name>=version.")
