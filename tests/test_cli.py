import json
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import click.testing
import jax
import numpy as np
import pytest
import xarray as xr

from eqsolve import __version__, cli
from eqsolve.study import command

MARKETS = Path(__file__).parent / "study"
STUDY = """
title = "A player and a bystander"
mechanism = "markets:spillover"
chunk = 3
sweep = { harm = { from = 0.0, to = 1.0, points = 3 } }
"""


@pytest.fixture
def study(tmp_path):
    path = tmp_path / "bystander.toml"
    path.write_text(STUDY)
    (tmp_path / "markets.py").write_text((MARKETS / "markets.py").read_text())  # found because it lies beside the study
    return path


@pytest.fixture
def runner(monkeypatch):
    monkeypatch.setattr(sys, "path", list(sys.path))
    return click.testing.CliRunner()


def run(runner, *arguments):
    return runner.invoke(command.program, ["run", *map(str, arguments)])


def test_studies_lists_names_with_descriptions(runner):
    result = runner.invoke(command.program, ["studies"])
    assert result.exit_code == 0
    assert re.search(r"^restaurant +Two outlets stock lamb and steak", result.output, re.MULTILINE)


def test_version(runner):
    result = runner.invoke(command.program, ["--version"])
    assert (result.exit_code, result.output) == (0, f"eqsolve, version {__version__}\n")


def test_the_program_runs_a_study_and_writes_its_results(study, tmp_path):
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "eqsolve", "run", str(study), "--out", str(tmp_path / "out")],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "0.5   0             0.125               100 %  yes" in done.stdout
    assert "Nash equilibria: 3 points, 0 without certificate" in done.stdout
    assert f"Results: {tmp_path / 'out'}" in done.stdout
    assert "3/3" in done.stderr
    data = xr.open_zarr(tmp_path / "out" / "study.zarr", consolidated=False)
    np.testing.assert_allclose(data["effort"].sel(plan="first best"), [1.0, 0.5, 0.0], atol=1e-9)
    facts = json.loads((tmp_path / "out" / "provenance.json").read_text())
    assert facts["precision"] == "float64"
    assert facts["device"].startswith(f"{cli.cores()} x cpu")


INPUT_ERRORS = {
    "unknown study": (("restorant",), r"Error: The study 'restorant' is unknown"),
    "missing file": (("nowhere.toml",), r"Error: nowhere.toml: there is no such file"),
    "unknown option": (("restaurant", "--output", "x"), "No such option"),
    "unknown precision": (("restaurant", "--precision", "float16"), "'float16' is not one of 'float64', 'float32'"),
}


@pytest.mark.parametrize("case", INPUT_ERRORS)
def test_wrong_input_exits_with_2(runner, case):
    arguments, message = INPUT_ERRORS[case]
    result = run(runner, *arguments)
    assert result.exit_code == 2
    assert message in result.output


def test_an_error_in_the_study_exits_with_2_and_writes_nothing(runner, study):
    study.write_text(STUDY.replace("harm", "harmm"))
    result = run(runner, study, "--out", study.parent / "out")
    assert result.exit_code == 2
    assert f"Error: {study}: sweep: the parameter 'harmm' is unknown" in result.output
    assert not (study.parent / "out").exists()


def test_earlier_results_are_refused_before_anything_is_computed(runner, study, monkeypatch):
    (study.parent / "out").mkdir()
    (study.parent / "out" / "table.csv").write_text("earlier")
    monkeypatch.setattr(command, "prepare", lambda study: pytest.fail("checked too late"))
    result = run(runner, study, "--out", study.parent / "out")
    assert result.exit_code == 2
    assert "holds earlier results; give another folder, or --overwrite" in result.output
    assert (study.parent / "out" / "table.csv").read_text() == "earlier"


class PreparedStudy:
    points = total = 3


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (KeyboardInterrupt(), 130, "Interrupted: no results were written, earlier ones are as they were."),
        (
            RuntimeError("the cluster burns"),
            1,
            "The run failed, no results were written. RuntimeError: the cluster burns",
        ),
    ],
)
def test_a_run_that_ends_early_says_so_and_writes_nothing(runner, study, monkeypatch, error, code, message):
    def end(sweep, on_chunk):
        raise error

    monkeypatch.setattr(command, "prepare", lambda study: PreparedStudy())
    monkeypatch.setattr(command, "run_study", end)
    result = run(runner, study, "--out", study.parent / "out")
    assert (result.exit_code, message in result.output) == (code, True)
    assert not (study.parent / "out").exists()


def test_ctrl_c_is_heard_while_jax_is_busy(study, tmp_path):
    program = f"""
import sys, time
from pathlib import Path
from eqsolve.study import command

class PreparedStudy:
    points = total = 3

def busy(sweep, on_chunk):
    Path({str(tmp_path / "busy")!r}).touch()
    time.sleep(60)

command.prepare = lambda study: PreparedStudy()
command.run_study = busy
command.program(["run", {str(study)!r}, "--out", {str(tmp_path / "out")!r}])
"""
    process = subprocess.Popen([sys.executable, "-c", program], stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while not (tmp_path / "busy").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "Interrupted: no results were written" in errors
    assert not (tmp_path / "out").exists()


def test_start_up_sets_the_precision_and_keeps_devices_that_exist():
    devices = jax.devices()
    try:
        cli.start_up("float32")
        assert not jax.config.jax_enable_x64
    finally:
        cli.start_up("float64")
    assert jax.config.jax_enable_x64
    assert jax.devices() == devices


def test_without_the_extra_the_program_says_what_to_install(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "zarr", None)
    with pytest.raises(SystemExit) as end:
        cli.main()
    assert end.value.code == 2
    assert 'pip install "eqsolve[study,plots]"' in capsys.readouterr().err
