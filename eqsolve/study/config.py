"""The tables of a study's TOML file, checked key by key before anything is computed."""

from typing import Annotated, Any, Literal, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, field_validator, model_validator

from eqsolve._checks import unknown_name

PRECISIONS = ("float64", "float32")


class Table(BaseModel):
    """A TOML table: unknown keys and wrong types are errors that name the nearest known key."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    @model_validator(mode="before")
    @classmethod
    def _known_keys(cls, given: Any) -> Any:
        if not isinstance(given, dict):
            raise ValueError(f"{given!r} is not a table; give key = value pairs.")  # noqa: TRY004 (pydantic's convention)
        known = [field.alias or name for name, field in cls.model_fields.items()]
        for key in given:
            if key not in known:
                raise ValueError(unknown_name("the key", key, known))
        return given


class Axis(Table):
    """One swept parameter: `{from, to, points}` evenly spaced, or `{values}` as listed.

    **Keys:** `label`: what the parameter is called in figures (default: its name). `unit`: its unit. `format`:
    "number", or "percent" for shares that are shown as percentages.

    >>> Axis.model_validate({"from": 0.0, "to": 1.0, "points": 3}).grid().tolist()
    [0.0, 0.5, 1.0]
    """

    start: FiniteFloat | None = Field(default=None, alias="from")
    stop: FiniteFloat | None = Field(default=None, alias="to")
    points: int | None = None
    values: list[FiniteFloat] | None = None
    label: str = ""
    unit: str = ""
    format: Literal["number", "percent"] = "number"

    @model_validator(mode="after")
    def _one_grid(self) -> Self:
        ends = (self.start, self.stop, self.points)
        if self.values is not None:
            if any(end is not None for end in ends):
                raise ValueError("has `values` and a range; give either values, or from, to and points.")
            if not self.values:
                raise ValueError("has no values; give at least one.")
            if len(set(self.values)) < len(self.values):
                raise ValueError(f"{self.values} repeats a value; give different values.")
            return self
        if self.start is None or self.stop is None or self.points is None:
            raise ValueError("is incomplete; give from, to and points, or a list of values.")
        if self.points < 2:
            raise ValueError(f"points = {self.points}; give at least 2, or a list of values for a single one.")
        if not self.start < self.stop:
            raise ValueError(f"from = {self.start} is not below to = {self.stop}; give a range from low to high.")
        return self

    def grid(self) -> np.ndarray:
        """The values along the axis, in increasing order where they come from a range."""
        if self.values is not None:
            return np.asarray(self.values, float)
        assert self.start is not None
        assert self.stop is not None
        assert self.points is not None
        return np.linspace(self.start, self.stop, self.points)


class Quantity(Table):
    """A number per point of the sweep: a variable of the results, narrowed to swept parameters only.

    **Keys:** `variable`: its name. `at`: dimension -> label or number, where to look along dimensions that are not
    shown. `reduce`: what to do with the dimensions that are left. `label`: its name in figures and tables. `format`: as
    for `Axis`.
    """

    variable: str
    at: dict[str, str | FiniteFloat] = {}
    reduce: Literal["sum", "mean", "min", "max"] | None = None
    label: str = ""
    format: Literal["number", "percent"] = "number"

    @property
    def name(self) -> str:
        """What to call it: its label, or the variable's name."""
        return self.label or self.variable


class Line(Quantity):
    """A curve, with its dash pattern."""

    style: Literal["solid", "dashed", "dotted"] = "solid"


class Band(Table):
    """The area between two quantities."""

    low: Quantity
    high: Quantity
    label: str = ""


class LinesPanel(Table):
    """Quantities against one swept parameter `x`, one colour per chosen value of another (`each`).

    **Keys:** `label`, `format`: of the vertical axis. `legend`: heading of the colours (default: the other parameter's
    label). `bands`: areas between two quantities.
    """

    kind: Literal["lines"]
    title: str
    x: str
    each: dict[str, list[FiniteFloat]] = {}
    lines: list[Line] = Field(min_length=1)
    bands: list[Band] = []
    label: str = ""
    legend: str = ""
    format: Literal["number", "percent"] = "number"

    @field_validator("each")
    @classmethod
    def _one_parameter(cls, each: dict[str, list[float]]) -> dict[str, list[float]]:
        if len(each) > 1 or not all(each.values()):
            raise ValueError(f"{each} is not allowed; name one swept parameter and list at least one of its values.")
        return each


class HeatmapPanel(Table):
    """One quantity as colour over two swept parameters, with labelled contour lines where they help."""

    kind: Literal["heatmap"]
    title: str
    x: str
    y: str
    value: Quantity
    contours: list[FiniteFloat] = []


Panel = Annotated[LinesPanel | HeatmapPanel, Field(discriminator="kind")]


class Figure(Table):
    """The figure: a heading, panels side by side, and a line of small print under them."""

    title: str = ""
    note: str = ""
    panel: list[Panel] = Field(min_length=1)


class Report(Table):
    """What is reported besides the standard variables.

    **Keys:** `extras`: functions "package.module:name" of the mechanism that return an array, or arrays by name (a dict
    or a dataclass); they become the variables "name" or "name.field". `columns`: the quantities of the printed table.
    `rows`: swept parameter -> the values shown in it (default: first, middle and last).
    """

    extras: list[str] = []
    columns: list[Quantity] = []
    rows: dict[str, list[FiniteFloat]] = {}


class StudyTables(Table):
    """The whole file.

    **Keys:** `mechanism`: a built-in name or "package.module:Name". `parameters`: its fixed keyword arguments: text,
    numbers, lists of numbers, `{dataset, columns}` (a law fitted to them with `fit`), or `{build, ...}` for an object
    with parameters of its own.
    `sweep`: parameter ("name", "part.name" or "list[0]") -> axis. `nash` (with `solver`), `first_best`, `certify`:
    fields of the solvers and of the search for better replies. `beside`: label -> another study (a name, or a path),
    which is solved at the same points; its variables join the results as "label: name". `chunk`: points between
    two reports of progress. `precision`: of all numbers.
    """

    title: str
    description: str = ""
    mechanism: str
    parameters: dict[str, Any] = {}
    sweep: dict[str, Axis]
    nash: dict[str, Any] = {}
    first_best: dict[str, Any] = {}
    certify: dict[str, Any] = {}
    beside: dict[str, str] = {}
    chunk: Annotated[int, Field(ge=1)] = 64
    precision: Literal["float64", "float32"] = "float64"
    report: Report = Report()
    figure: Figure | None = None

    @field_validator("sweep", mode="before")
    @classmethod
    def _lists_are_axes(cls, sweep: Any) -> Any:
        if not isinstance(sweep, dict) or not sweep:
            raise ValueError(
                "has no parameter to sweep; give one, such as margin = { from = 0.1, to = 0.9, points = 9 }."
            )
        return {name: {"values": axis} if isinstance(axis, list) else axis for name, axis in sweep.items()}

    @model_validator(mode="after")
    def _fixed_or_swept(self) -> Self:
        for name in self.sweep:
            if name in self.parameters:
                raise ValueError(f"{name!r} is in [parameters] and in [sweep]; remove it from one of them.")
        return self
