"""Studies: a mechanism, its parameters and the figure, in one TOML file; solved and certified at every point of a grid.

Needs the extra `study` (pydantic, xarray, zarr). The command-line program `eqsolve run` does all of this in one go.
"""

from eqsolve.study._errors import StudyError
from eqsolve.study.figure import draw
from eqsolve.study.files import Study, built_in_studies, parse_study, read_study
from eqsolve.study.output import Outputs, require_free, write_results
from eqsolve.study.report import Counts, counts, report_text
from eqsolve.study.results import dataset_of
from eqsolve.study.run import Progress, Sweep, prepare, run_study

__all__ = [
    "Counts",
    "Outputs",
    "Progress",
    "Study",
    "StudyError",
    "Sweep",
    "built_in_studies",
    "counts",
    "dataset_of",
    "draw",
    "parse_study",
    "prepare",
    "read_study",
    "report_text",
    "require_free",
    "run_study",
    "write_results",
]
