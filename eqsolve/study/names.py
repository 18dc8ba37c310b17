"""Things that a study names by import: "package.module:Name"."""

import importlib
from typing import Any

from eqsolve._checks import unknown_name
from eqsolve.study._errors import StudyError


def imported(name: str, field: str) -> Any:
    """The object that "package.module:Name" stands for.

    **Arguments:** `field`: the place in the study, for messages.
    **Errors:** `StudyError` for another form, a module that cannot be imported, or a name that it does not have.

    >>> imported("math:pi", "demo")
    3.141592653589793
    """
    module_name, _, attribute = name.partition(":")
    if not module_name or not attribute:
        raise StudyError(f'{field} is {name!r}; write it as "package.module:Name".')
    try:
        module = importlib.import_module(module_name)
    except Exception as error:  # whatever the module raises while it is imported
        raise StudyError(
            f"{field} is {name!r}, but {module_name!r} cannot be imported ({type(error).__name__}: {error}); the module"
            " must be installed; `eqsolve run` also looks in the current folder and beside the study file."
        ) from error
    if not hasattr(module, attribute):
        public = [known for known in vars(module) if not known.startswith("_")]
        raise StudyError(unknown_name(f"{field}: in {module_name!r}, the name", attribute, public))
    return getattr(module, attribute)
