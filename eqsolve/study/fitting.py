"""Demand fitted to observations: `fit` beside `dataset` or `csv`, with the families to try and what ranks them."""

import dataclasses
import inspect
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError

import eqsolve.demand
from eqsolve._checks import unknown_name
from eqsolve.demand import Distribution
from eqsolve.demand.fitting import Ranking, fit_best, fit_copula
from eqsolve.demand.joint import JointDistribution
from eqsolve.study._errors import StudyError, explained
from eqsolve.study.config import Table
from eqsolve.study.data import observations
from eqsolve.study.names import imported


class Fitting(Table):
    """`fit = {families, criterion, copula}`.

    **Keys:** `families`: names of `eqsolve.demand`, or "package.module:Name"; each is fitted to each column by maximum
    likelihood. `criterion`: "aic", "bic" or "ks", the smallest of which chooses the family. `copula`: "gaussian", the
    dependence of several columns.
    """

    families: list[str] = Field(min_length=1)
    criterion: Literal["aic", "bic", "ks"] = "aic"
    copula: Literal["gaussian"] | None = None


@dataclasses.dataclass(frozen=True)
class Fitted:
    """A law fitted to observations. `text`: estimates, standard errors and the fit's quality, for every family."""

    law: Distribution | JointDistribution
    text: str


def fitted(given: Mapping[str, Any], where: str, folder: Path) -> Fitted:
    """What a table such as `{dataset = "...", columns = ["a", "b"], fit = {families = ["Normal"]}}` stands for.

    **Returns:** the law of a single column, or the joint law of several: marginals by maximum likelihood, and a
    Gaussian copula with the correlation of normal scores.
    **Errors:** `StudyError` for unknown keys and families, and for observations that no family fits.
    """
    data = observations({key: value for key, value in given.items() if key != "fit"}, where, folder)
    where = f"{where}.fit"
    try:
        wanted = Fitting.model_validate(given["fit"])
    except ValidationError as error:
        raise explained(where, error) from None
    if (wanted.copula is None) != (data.ndim == 1):
        raise StudyError(f'{where}.copula: give "gaussian" where `columns` is a list, and only there.')
    families = [_family(name, f"{where}.families") for name in wanted.families]
    names = [given["columns"]] if data.ndim == 1 else given["columns"]
    rankings: list[Ranking] = []
    for name, column in zip(names, data.reshape(len(data), -1).T, strict=True):
        try:
            rankings.append(fit_best(families, column, wanted.criterion))
        except ValueError as error:
            raise StudyError(f"{where}: {name!r}: {error}") from None
    texts = [f"{name}: {ranking.best}\n\n{name}: {ranking}" for name, ranking in zip(names, rankings, strict=True)]
    laws = [ranking.best.law for ranking in rankings]
    if data.ndim == 1:
        return Fitted(laws[0], texts[0])
    try:
        joint = fit_copula(laws, data)
    except ValueError as error:
        raise StudyError(f"{where}: {error}") from None
    return Fitted(joint.law, "\n\n".join([*texts, str(joint)]))


def _family(name: str, where: str) -> type[Distribution]:
    if ":" in name:
        found = imported(name, where)
        if not (isinstance(found, type) and issubclass(found, Distribution)):
            raise StudyError(f"{where}: {name!r} is {found!r}; name a class of distributions.")
        return found
    known = {key: getattr(eqsolve.demand, key) for key in eqsolve.demand.__all__}
    families = [key for key, value in known.items() if inspect.isclass(value) and not inspect.isabstract(value)]
    if name not in families:
        raise StudyError(unknown_name(f"{where}: the family", name, families))
    return known[name]
