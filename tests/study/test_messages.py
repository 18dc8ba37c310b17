import subprocess
import sys

import pytest

from eqsolve.study import StudyError, built_in_studies, parse_study, prepare, read_study

BASE = """
title = "t"
mechanism = "markets:Duopoly"
sweep = {{ intercept = [4.0, 7.0] }}
{}
"""


def study(extra="", base=BASE):
    return parse_study(base.format(extra), where="my.toml")


def with_sweep(sweep, mechanism="markets:Duopoly", extra=""):
    return parse_study(f'title = "t"\nmechanism = "{mechanism}"\n{extra}\n[sweep]\n{sweep}', where="my.toml")


PANEL = """
[[figure.panel]]
title = "p"
x = "intercept"
{}
"""
LINES = PANEL.format('kind = "lines"\nlines = [{{ {} }}]')

UNREADABLE = {
    "no TOML": ("title = t\n", r"my\.toml: is not valid TOML: .*line 1"),
    "missing key": ('title = "t"\nsweep = { a = [1.0] }', r"my\.toml: mechanism: is missing; add it\."),
    "unknown key": (
        BASE.format("chunks = 3"),
        r"my\.toml: the study: the key 'chunks' is unknown; the names are: .*Did you mean 'chunk'\?",
    ),
    "unknown key in a table": (
        BASE.format("[report]\nextra = []"),
        r"my\.toml: report: the key 'extra' is unknown.*Did you mean 'extras'\?",
    ),
    "wrong type": (
        BASE.format('chunk = "many"'),
        r"my\.toml: chunk: 'many' is not allowed: input should be a valid integer",
    ),
    "too small": (BASE.format("chunk = 0"), r"my\.toml: chunk: 0 is not allowed: .*greater than or equal to 1"),
    "precision": (BASE.format('precision = "double"'), r"precision: 'double' is not allowed: .*'float64' or 'float32'"),
    "table expected": (BASE.format("report = 3"), r"report: 3 is not a table; give key = value pairs"),
    "empty sweep": (
        'title = "t"\nmechanism = "m"\nsweep = {}',
        r"my\.toml: sweep: has no parameter to sweep; give one",
    ),
    "no values": ('title = "t"\nmechanism = "m"\nsweep.a = []', r"sweep\.a: has no values; give at least one"),
    "repeated value": (
        'title = "t"\nmechanism = "m"\nsweep.a = [1.0, 1.0]',
        r"sweep\.a: \[1\.0, 1\.0\] repeats a value",
    ),
    "not finite": (
        'title = "t"\nmechanism = "m"\nsweep.a = [1.0, nan]',
        r"sweep\.a\.values\[2\]: nan is not allowed: .*finite",
    ),
    "reversed range": (
        'title = "t"\nmechanism = "m"\nsweep.a = { from = 2.0, to = 1.0, points = 3 }',
        r"sweep\.a: from = 2\.0 is not below to = 1\.0; give a range from low to high",
    ),
    "one point": (
        'title = "t"\nmechanism = "m"\nsweep.a = { from = 1.0, to = 2.0, points = 1 }',
        r"sweep\.a: points = 1; give at least 2, or a list of values",
    ),
    "half a range": (
        'title = "t"\nmechanism = "m"\nsweep.a = { from = 1.0 }',
        r"sweep\.a: is incomplete; give from, to and",
    ),
    "two grids": (
        'title = "t"\nmechanism = "m"\nsweep.a = { values = [1.0], points = 3 }',
        r"sweep\.a: has `values` and a range; give either",
    ),
    "fixed and swept": (
        'title = "t"\nmechanism = "m"\nparameters.a = 1.0\nsweep.a = [1.0]',
        r"'a' is in \[parameters\] and in \[sweep\]; remove it from one",
    ),
    "unknown panel": (BASE.format(PANEL.format('kind = "pie"')), r"figure\.panel\[1\]: .*'pie'.*'lines', 'heatmap'"),
    "two parameters in each": (
        BASE.format(PANEL.format('kind = "lines"\neach = { a = [1.0], b = [1.0] }\nlines = [{ variable = "left" }]')),
        r"figure\.panel\[1\]\.lines\.each: .*name one swept parameter",
    ),
}


@pytest.mark.parametrize("case", UNREADABLE)
def test_what_is_wrong_with_the_text(case):
    text, message = UNREADABLE[case]
    with pytest.raises(StudyError, match=message):
        parse_study(text, where="my.toml")


def test_all_findings_come_in_one_message():
    with pytest.raises(StudyError) as caught:
        study("chunk = 0\nprecision = 'double'\n[report]\nrow = 1")
    lines = str(caught.value).splitlines()
    assert len(lines) == 3
    assert all(line.startswith("my.toml: ") for line in lines)


FIXED = 'parameters = { "slope" = 1.0 }'
UNPREPARED = {
    "unknown mechanism": (
        lambda: with_sweep("a = [1.0]", "Cournott"),
        r"my\.toml: mechanism: the name 'Cournott' is unknown; .*Did you mean 'Cournot'\? Your own are named by import",
    ),
    "unknown module": (
        lambda: with_sweep("a = [1.0]", "nowhere:Duopoly"),
        r"'nowhere' cannot be imported .*must be installed",
    ),
    "unknown name": (
        lambda: with_sweep("a = [1.0]", "markets:Duopolly"),
        r"'Duopolly' is unknown; .*Did you mean 'Duopoly'\?",
    ),
    "half a name": (
        lambda: with_sweep("a = [1.0]", "markets:"),
        r"mechanism is 'markets:'; write it as \"package\.module:Name\"",
    ),
    "not callable": (
        lambda: with_sweep("a = [1.0]", "markets:not_callable"),
        r"which is 3; name a class or a function",
    ),
    "not a game": (
        lambda: with_sweep("gain = [1.0]", "markets:no_game"),
        r"it must return a Game, or an object whose game",
    ),
    "unknown parameter": (
        lambda: study("parameters.slop = 2.0"),
        r"my\.toml: parameters: the parameter 'slop' is unknown; the names are: 'intercept', 'slope', .*mean 'slope'\?",
    ),
    "unknown swept parameter": (
        lambda: with_sweep("intercep = [1.0]"),
        r"sweep: the parameter 'intercep' is unknown.*mean 'inter",
    ),
    "missing parameter": (
        lambda: with_sweep("slope = [1.0]"),
        r"parameters: 'intercept' is missing; add it there or to \[sweep\]",
    ),
    "no number": (
        lambda: study('parameters.slope = [1.0, "a"]'),
        r"parameters\.slope is \[1\.0, 'a'\]; give numbers only",
    ),
    "not finite": (
        lambda: study("parameters.slope = inf"),
        r"parameters\.slope is inf; give one or more finite numbers",
    ),
    "a date": (
        lambda: study("parameters.slope = 2020-01-01"),
        r"parameters\.slope is datetime.*give a number, text, or a list",
    ),
    "unknown part": (lambda: with_sweep('"demand.slope" = [1.0]'), r"the part 'demand' is unknown"),
    "no path": (lambda: with_sweep('"slope!" = [1.0]'), r"'slope!' is no parameter; write"),
    "no list": (
        lambda: with_sweep('"cost[0]" = [1.0]\nintercept = [3.0]'),
        r"'cost\[0\]' needs the list 'cost' in \[parameters\]",
    ),
    "no entry": (
        lambda: with_sweep('"cost[2]" = [1.0]\nintercept = [3.0]', extra="parameters.cost = [1.0, 1.0]"),
        r"'cost\[2\]' is no entry of 'cost', whose shape is \(2,\); count from 0",
    ),
    "rejected by the mechanism": (
        lambda: with_sweep("intercept = { from = -1.0, to = 3.0, points = 5 }"),
        r"my\.toml: the mechanism rejects intercept = -1: ValueError: Duopoly\.intercept is -1.*at least 0",
    ),
    "not traceable": (
        lambda: with_sweep("gain = [1.0]", "markets:explodes_when_traced"),
        r"mechanism 'markets:explodes_when_traced' cannot be compiled: ConcretizationTypeError: .* without float\(\)",
    ),
    "infinite bounds": (
        lambda: with_sweep("gain = [1.0]", "markets:open_ended"),
        r"my\.toml: certify: The bounds of action 'effort' are infinite.*table \[certify\.box\]",
    ),
    "a name of the results": (
        lambda: with_sweep("steps = [1.0]", "markets:steps_of_a_game"),
        r"sweep: the results have a 'steps' of their own; name a function",
    ),
    "too many points": (
        lambda: with_sweep("intercept = { from = 1.0, to = 2.0, points = 20000000 }"),
        r"sweep has 20000000 points; at most 10000000",
    ),
    "unknown solver": (
        lambda: study('nash.solver = "newtn"'),
        r"nash\.solver: the solver 'newtn' is unknown.*mean 'newton'\?",
    ),
    "no solver": (lambda: study('nash.solver = "markets:Duopoly"'), r"name a class derived from Solver"),
    "unknown solver field": (
        lambda: study("nash.max_step = 3"),
        r"nash: the field 'max_step' is unknown.*mean 'max_steps'\?",
    ),
    "solver field of wrong type": (
        lambda: study('nash.max_steps = "3"'),
        r"nash\.max_steps is '3'; give a value like .* 100",
    ),
    "solver field out of range": (
        lambda: study("first_best.starts = 0"),
        r"first_best: GlobalAscent\.starts is 0; give a whole number of at least",
    ),
    "nested solver field": (
        lambda: study("first_best.ascent.max_stp = 1"),
        r"first_best\.ascent: the field 'max_stp' is unknown",
    ),
    "unknown extra": (
        lambda: study('report.extras = ["markets:cost"]'),
        r"report\.extras: in 'markets', .*mean 'costs'\?",
    ),
    "extra is no function": (
        lambda: study('report.extras = ["markets:not_callable"]'),
        r"is 3; name a function of the mechanism",
    ),
    "extra without arrays": (
        lambda: study('report.extras = ["markets:words"]'),
        r"must return arrays by name.*'name' is 'duopoly'",
    ),
    "unknown outcome": (
        lambda: study('report.columns = [{ variable = "lft profit" }]'),
        r"report\.columns\[1\]\.variable: in the results, the variable 'lft profit' is unknown.*'left profit'\?",
    ),
    "left over dimension": (
        lambda: study('report.columns = [{ variable = "left" }]'),
        r"'left' has a value for every plan \(plan: 'nash', 'first best'\); choose with at = \{ plan = \.\.\. \}",
    ),
    "unknown dimension": (
        lambda: study('report.columns = [{ variable = "left", at = { plam = "nash" } }]'),
        r"report\.columns\[1\]\.at: the dimension 'plam' is unknown.*mean 'plan'\?",
    ),
    "unknown label": (
        lambda: study('report.columns = [{ variable = "left", at = { plan = "nush" } }]'),
        r"report\.columns\[1\]\.at\.plan: the label 'nush' is unknown.*mean 'nash'\?",
    ),
    "row off the grid": (
        lambda: study("report.rows = { intercept = [5.0] }"),
        r"report\.rows\.intercept: 5\.0 is none of the .* 4, 7",
    ),
    "rows of no parameter": (
        lambda: study("report.rows = { slope = [5.0] }"),
        r"report\.rows: the swept parameter 'slope' is unknown",
    ),
    "figure against no parameter": (
        lambda: study(PANEL.replace("intercept", "slope").format('kind = "lines"\nlines = [{ variable = "left" }]')),
        r"figure\.panel\[1\]\.x: the swept parameter 'slope' is unknown; the names are: 'intercept'",
    ),
    "figure of an unknown variable": (
        lambda: study(LINES.format('variable = "rigth", at = { plan = "nash" }')),
        r"figure\.panel\[1\]\.lines\[1\]\.variable: .*'rigth' is unknown.*mean 'right'\?",
    ),
    "figure fixes what it shows": (
        lambda: study(LINES.format('variable = "left", at = { plan = "nash", intercept = 4.0 }')),
        r"figure\.panel\[1\]\.lines\[1\]\.at fixes 'intercept', which is shown",
    ),
    "heat map of one parameter": (
        lambda: study(PANEL.format('kind = "heatmap"\ny = "intercept"\nvalue = { variable = "efficiency loss" }')),
        r"figure\.panel\[1\]: x and y are both 'intercept'; name two",
    ),
    "each is x": (
        lambda: study(
            PANEL.format('kind = "lines"\neach = { intercept = [4.0] }\nlines = [{ variable = "efficiency loss" }]')
        ),
        r"figure\.panel\[1\]\.each is 'intercept', which is x as well",
    ),
}


@pytest.mark.parametrize("case", UNPREPARED)
def test_what_is_wrong_before_anything_is_solved(case):
    build, message = UNPREPARED[case]
    with pytest.raises(StudyError, match=message) as caught:
        prepare(build())
    assert str(caught.value).startswith("my.toml: ")


def test_without_the_extra_the_error_names_it():
    program = "import sys; sys.modules['pydantic'] = None; import eqsolve.study"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert 'ImportError: Studies need pydantic, xarray and zarr: pip install "eqsolve[study]".' in done.stderr


def test_unknown_study_and_missing_file(tmp_path):
    assert "restaurant" in built_in_studies()
    with pytest.raises(
        StudyError, match=r"The study 'restorant' is unknown.*Did you mean 'restaurant'\? For a file, give"
    ):
        read_study("restorant")
    with pytest.raises(StudyError, match=r"nothing\.toml: there is no such file"):
        read_study(tmp_path / "nothing.toml")
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(StudyError, match=r"binary\.toml: cannot be read"):
        read_study(tmp_path / "binary.toml")
