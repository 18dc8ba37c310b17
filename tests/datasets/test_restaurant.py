from importlib import resources
from pathlib import Path

import numpy as np
import pytest

from eqsolve.datasets import load_restaurant_demand
from eqsolve.datasets.restaurant import FILE


def test_760_open_days_of_seven_dishes():
    data = load_restaurant_demand()
    assert data.demand.shape == (760, 7)
    assert data.dishes == ("calamari", "fish", "shrimp", "chicken", "koefte", "lamb", "steak")
    assert data.dates.dtype == np.dtype("datetime64[D]")
    assert np.all(np.diff(data.dates) > np.timedelta64(0, "D"))
    assert str(data.dates[0]) == "2013-10-04"
    assert str(data.dates[-1]) == "2015-11-07"
    closed = np.array(["2013-12-25", "2014-12-24", "2014-12-25", "2014-12-26", "2014-12-31"], "datetime64[D]")
    assert not np.isin(closed, data.dates).any()


def test_numbers_are_those_of_the_file():
    data = load_restaurant_demand()
    lines = resources.files("eqsolve.datasets").joinpath(FILE).read_text(encoding="utf-8").splitlines()
    rows = [line.split(",") for line in lines[1:] if line.split(",")[2] == "0"]
    np.testing.assert_array_equal(data.demand, [[int(value) for value in row[3:]] for row in rows])
    np.testing.assert_array_equal(data.dates, [np.datetime64(row[0]) for row in rows])


def test_columns_come_in_the_order_asked_for():
    data = load_restaurant_demand()
    chosen = data.select("steak", "calamari")
    np.testing.assert_array_equal(chosen, data.demand[:, [6, 0]])
    with pytest.raises(ValueError, match="read-only"):
        data.demand[0, 0] = 1.0
    chosen[0, 0] = 1.0  # a copy of the caller's own
    assert data.demand[0, 6] == 36.0


def test_unknown_dishes_are_named_with_the_nearest():
    data = load_restaurant_demand()
    with pytest.raises(
        ValueError, match=r"dish 'lamp' is unknown; the names are: 'calamari', .* Did you mean 'lamb'\?"
    ):
        data.select("steak", "lamp")
    with pytest.raises(ValueError, match=r"select got no dish; name some of: calamari, fish"):
        data.select()


def test_notice_and_source_travel_with_the_data():
    folder = Path(str(resources.files("eqsolve.datasets")))
    assert "BSD 3-Clause" in (folder / "restaurant_demand.LICENSE").read_text(encoding="utf-8")
    note = (folder / "README.md").read_text(encoding="utf-8")
    assert "ddop 0.7.6" in note
    assert "2014-12-31" in note
