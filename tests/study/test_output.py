import csv
import json

import numpy as np
import pytest
import xarray as xr

from eqsolve.study import StudyError, output, report_text, require_free, write_results


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "deep" / "results"


def test_everything_is_written_and_reads_back(results, duopoly, folder):
    written = write_results(results, duopoly, folder, notes={"seconds": "1.0"})
    assert sorted(entry.name for entry in folder.iterdir()) == sorted(output.WRITTEN)
    assert [entry.name for entry in folder.parent.iterdir()] == ["results"]
    assert written.figure == folder / "figure.png"
    assert (folder / "study.toml").read_text() == duopoly.text
    back = xr.open_zarr(folder / "study.zarr", consolidated=False).load()
    assert set(back.variables) == set(results.variables)
    for name in results.data_vars:
        np.testing.assert_array_equal(back[name].values, results[name].values)
        assert back[name].dims == results[name].dims
    assert float(back["left"].sel(plan="nash", intercept=4.0).sel({"cost[1]": 2.0})) == pytest.approx(4 / 3)


def test_provenance_says_how_to_compute_it_again(results, duopoly, folder):
    write_results(results, duopoly, folder, notes={"seconds": "1.0"})
    facts = json.loads((folder / "provenance.json").read_text())
    for name in (
        "eqsolve version",
        "jax version",
        "precision",
        "device",
        "nash solver",
        "points side by side",
        "seconds",
    ):
        assert facts[name]
    assert facts["mechanism"] == "markets:Duopoly"
    assert facts["certificate search"] == "Search(points=(401, 41, 15), starts=32, peaks=12)"


def test_numbers_in_a_table_are_exact_and_zero_has_no_sign(results, tmp_path):
    values = np.array([[0.1, -0.0], [1 / 3, np.nan], [1e-300, -np.inf]])
    table = results[["efficiency loss"]].copy()
    table["efficiency loss"] = (table["efficiency loss"].dims, values)
    output.write_table(table, tmp_path / "table.csv")
    rows = (tmp_path / "table.csv").read_bytes().decode().split("\r\n")
    assert [row.rpartition(",")[2] for row in rows[1:-1]] == ["0.1", "0.0", repr(1 / 3), "nan", "1e-300", "-inf"]


def test_the_table_has_a_row_per_point_and_labelled_columns(results, duopoly, folder):
    write_results(results, duopoly, folder)
    with (folder / "table.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 6
    last = rows[-1]
    assert (float(last["intercept"]), float(last["cost[1]"])) == (10.0, 2.0)
    assert float(last["left [nash]"]) == float(results["left"].sel(plan="nash").values[-1, -1])
    assert float(last["costs.of players [right]"]) == 2.0
    assert last["certified [first best]"] == "1"


def test_report_shows_chosen_points_and_counts(results, duopoly):
    text = report_text(results, duopoly.tables)
    assert "intercept  cost[1]  total (Nash)  total (first best)  loss     certified" in text
    assert "7          2        7.222         9                   19.75 %  yes" in text
    assert "Nash equilibria: 6 points, 0 without certificate; status: 6 converged." in text
    assert "Largest relative efficiency loss: 19.75 % at intercept = 7, cost[1] = 2." in text


def test_report_marks_points_without_certificate(results, duopoly):
    data = results.copy(deep=True)
    data["certified"][0, 0, 0] = 0
    data["regret"][0, 0, 0] = 0.5
    text = report_text(data, duopoly.tables)
    assert text.count("  NO\n") == 1
    assert "6 points, 1 without certificate" in text
    assert "Largest gain from deviating found: 0.5 at intercept = 4, cost[1] = 0.5." in text


def test_earlier_results_are_kept_unless_told_otherwise(results, duopoly, folder):
    write_results(results, duopoly, folder, notes={"run": "first"})
    with pytest.raises(StudyError, match=r"results: holds earlier results; give another folder, or --overwrite"):
        write_results(results, duopoly, folder, notes={"run": "second"})
    assert '"run": "first"' in (folder / "provenance.json").read_text()
    write_results(results, duopoly, folder, notes={"run": "second"}, overwrite=True)
    assert '"run": "second"' in (folder / "provenance.json").read_text()
    assert [entry.name for entry in folder.parent.iterdir()] == ["results"]


def test_what_eqsolve_did_not_write_is_never_replaced(results, duopoly, folder):
    folder.mkdir(parents=True)
    (folder / "thesis.tex").write_text("years of work")
    with pytest.raises(StudyError, match=r"holds 'thesis\.tex', which eqsolve did not write and will not replace"):
        write_results(results, duopoly, folder, overwrite=True)
    assert (folder / "thesis.tex").read_text() == "years of work"


def test_an_empty_folder_is_free_and_a_file_is_not(tmp_path):
    assert require_free(tmp_path, overwrite=False) == tmp_path
    (tmp_path / "file").touch()
    for path in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(StudyError, match=r"file is a file; give another folder"):
            require_free(path, overwrite=True)


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError])
def test_an_interruption_leaves_old_results_and_nothing_else(results, duopoly, folder, monkeypatch, error):
    write_results(results, duopoly, folder, notes={"run": "first"})

    def stop(*_):
        raise error

    monkeypatch.setattr(output, "draw", stop)
    with pytest.raises(error):
        write_results(results, duopoly, folder, notes={"run": "second"}, overwrite=True)
    with pytest.raises(error):
        write_results(results, duopoly, folder.parent / "other")
    assert [entry.name for entry in folder.parent.iterdir()] == ["results"]
    assert '"run": "first"' in (folder / "provenance.json").read_text()


def test_a_failed_replacement_puts_old_results_back(results, duopoly, folder, monkeypatch):
    write_results(results, duopoly, folder, notes={"run": "first"})
    rename = type(folder).rename

    def fail_for_new_results(path, target):
        if path.suffix == ".partial":
            raise OSError("no space")
        return rename(path, target)

    monkeypatch.setattr(type(folder), "rename", fail_for_new_results)
    with pytest.raises(OSError, match="no space"):
        write_results(results, duopoly, folder, overwrite=True)
    assert [entry.name for entry in folder.parent.iterdir()] == ["results"]
    assert '"run": "first"' in (folder / "provenance.json").read_text()
