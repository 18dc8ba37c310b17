"""Where studies come from: TOML text, a file, or the studies shipped with the package."""

import dataclasses
import tomllib
from importlib import resources
from pathlib import Path

from pydantic import ValidationError

from eqsolve._checks import unknown_name
from eqsolve.study._errors import StudyError, explained
from eqsolve.study.config import StudyTables


@dataclasses.dataclass(frozen=True)
class Study:
    """A study whose TOML has been read and checked against the known keys; `prepare` checks the rest.

    **Fields:** `name`: short, for folders. `where`: the file, for messages. `folder`: what paths in it are relative to.
    `text`: the TOML as written. `tables`: what it says.
    """

    name: str
    where: str
    folder: Path
    text: str
    tables: StudyTables

    def with_precision(self, precision: str) -> "Study":
        """The same study in another precision, "float64" or "float32"."""
        return dataclasses.replace(self, tables=self.tables.model_copy(update={"precision": precision}))


def parse_study(text: str, name: str = "study", where: str | None = None, folder: str | Path = ".") -> Study:
    """A study from TOML text.

    **Arguments:** `name`: what to call it. `where`: the file named in messages (default: the name). `folder`: what the
    paths of data files are relative to.
    **Errors:** `StudyError` that names file, key, value and remedy; all findings in one message.

    >>> study = parse_study('''
    ... title = "Two firms"
    ... mechanism = "Cournot"
    ... parameters.cost = [1.0, 1.0]
    ... parameters.demand = { build = "LinearInverseDemand", slope = 1.0 }
    ... sweep = { "demand.intercept" = [4.0, 7.0] }
    ... ''')
    >>> study.tables.sweep["demand.intercept"].grid()
    array([4., 7.])
    """
    where = name if where is None else where
    try:
        tables = StudyTables.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise StudyError(f"{where}: is not valid TOML: {error}.") from None
    except ValidationError as error:
        raise explained(where, error) from None
    return Study(name, where, Path(folder), text, tables)


def read_study(name_or_path: str | Path) -> Study:
    """A built-in study by name, or a study file by path (anything that ends in .toml or contains a slash).

    **Errors:** `StudyError` for an unknown name, a missing or unreadable file, or what `parse_study` raises.

    >>> read_study("restaurant").name
    'restaurant'
    """
    path = Path(name_or_path)
    if path.suffix == ".toml" or len(path.parts) > 1:
        try:
            text = path.read_text(encoding="utf-8")
        except FileNotFoundError:
            raise StudyError(f"{path}: there is no such file; the built-in studies are {built_in_studies()}.") from None
        except (OSError, UnicodeDecodeError) as error:
            raise StudyError(f"{path}: cannot be read ({error}); give a TOML text file.") from None
        return parse_study(text, path.stem, str(path), path.parent)
    name = str(name_or_path)
    if name not in built_in_studies():
        hint = " For a file, give its path, ending in .toml."
        raise StudyError(unknown_name("The study", name, built_in_studies()) + hint)
    source = _library() / f"{name}.toml"
    return parse_study(source.read_text(encoding="utf-8"), name, f"{name}.toml (built in)")


def built_in_studies() -> tuple[str, ...]:
    """The names of the studies that ship with eqsolve.

    >>> "restaurant" in built_in_studies()
    True
    """
    return tuple(
        sorted(entry.name.removesuffix(".toml") for entry in _library().iterdir() if entry.name.endswith(".toml"))
    )


def _library():  # a Traversable, whose home moved between Python versions
    return resources.files("eqsolve.study") / "library"
