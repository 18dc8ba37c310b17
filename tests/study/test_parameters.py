from pathlib import Path

import numpy as np
import pytest

from eqsolve.demand import Normal
from eqsolve.mechanisms.classic import Cournot, LinearInverseDemand
from eqsolve.mechanisms.newsvendor import Newsvendor
from eqsolve.study import StudyError
from eqsolve.study.data import observations
from eqsolve.study.parameters import Part, Place, part_from, require_place

HERE = Path()


@pytest.fixture
def sales(tmp_path):
    (tmp_path / "sales.csv").write_text("day, lamb ,steak\n1,3,4.5\n2,1,0\n")
    return tmp_path


def test_nested_parts_are_built_from_their_own_parameters():
    demand = {"build": "LinearInverseDemand", "intercept": 10.0, "slope": 2}
    part = part_from(Cournot, {"demand": demand, "cost": [1, 2], "players": ["a", "b"]}, "parameters", HERE)
    assert isinstance(part.arguments["demand"], Part)
    assert part.arrays()["demand"] == {"intercept": 10.0}
    arrays = Place.parse("demand.intercept").put(part.arrays(), 12.0)
    arrays = Place.parse("cost[1]").put(arrays, 3.0)
    built = part(arrays)
    assert isinstance(built.demand, LinearInverseDemand)
    assert (float(built.demand.intercept), float(built.demand.slope)) == (12.0, 2.0)
    np.testing.assert_array_equal(built.cost, [1.0, 3.0])
    assert built.players == ("a", "b")
    assert float(part.arrays()["demand"]["intercept"]) == 10.0  # putting a value elsewhere changes nothing here


def test_demand_goes_by_its_name():
    demand = {"build": "Normal", "scale": 20.0}
    part = part_from(Newsvendor, {"demand": demand, "price": 10.0, "cost": 4.0}, "parameters", HERE)
    require_place(part, Place.parse("demand.loc"))
    built = part(Place.parse("demand.loc").put(part.arrays(), 100.0))
    assert isinstance(built.demand, Normal)
    assert float(built.order()) == pytest.approx(Normal(100.0, 20.0).ppf(0.6))
    with pytest.raises(StudyError, match=r"the name 'Distribution' is unknown"):
        part_from(Newsvendor, {"demand": {"build": "Distribution"}}, "parameters", HERE)


def test_nested_places_are_checked():
    part = part_from(Cournot, {"demand": {"build": "LinearInverseDemand", "slope": 1.0}}, "parameters", HERE)
    require_place(part, Place.parse("demand.intercept"))
    with pytest.raises(StudyError, match=r"'demand\.slope' is also fixed in \[parameters\.demand\]"):
        require_place(part, Place.parse("demand.slope"))
    with pytest.raises(StudyError, match=r"the parameter 'intersept' is unknown.*mean 'intercept'\?"):
        require_place(part, Place.parse("demand.intersept"))
    with pytest.raises(StudyError, match=r"parameters\.demand\.build: the name 'Linear' is unknown"):
        part_from(Cournot, {"demand": {"build": "Linear"}}, "parameters", HERE)


def test_observations_from_a_csv_file(sales):
    both = observations({"csv": "sales.csv", "columns": ["steak", "lamb"]}, "demand", sales)
    np.testing.assert_array_equal(both, [[4.5, 3.0], [0.0, 1.0]])
    np.testing.assert_array_equal(observations({"csv": "sales.csv", "columns": "lamb"}, "demand", sales), [3.0, 1.0])


def test_observations_from_a_dataset():
    found = observations({"dataset": "restaurant_demand", "columns": ["lamb", "steak"]}, "demand", HERE)
    assert found.shape == (760, 2)
    np.testing.assert_array_equal(found[0], [50.0, 36.0])


MESSAGES = {
    "unknown dataset": (
        {"dataset": "restaurant", "columns": ["lamb"]},
        r"demand\.dataset: the dataset 'restaurant' is unknown; .*mean 'restaurant_demand'\? Your own: csv",
    ),
    "unknown column": (
        {"dataset": "restaurant_demand", "columns": ["lam"]},
        r"demand\.columns: .*'lam' is unknown.*mean 'lamb'\?",
    ),
    "unknown column of a file": (
        {"csv": "sales.csv", "columns": ["stake"]},
        r"demand\.columns: the column 'stake' is unknown.*mean 'steak'\?",
    ),
    "no such file": ({"csv": "sale.csv", "columns": ["a"]}, r"demand\.csv: .*sale\.csv cannot be read"),
    "unknown key": ({"csv": "sales.csv", "column": "a"}, r"the key 'column' is unknown.*mean 'columns'\?"),
    "two sources": ({"csv": "a", "dataset": "b", "columns": "a"}, r"needs either `dataset`.* or `csv`"),
    "no columns": ({"csv": "sales.csv", "columns": []}, r"columns is empty; name at least one"),
    "no number": (
        {"csv": "gaps.csv", "columns": "steak"},
        r"demand: 'steak' of 'gaps\.csv' has '' in row 1; every row",
    ),
    "short line": ({"csv": "short.csv", "columns": "a"}, r"short\.csv, line 2 has 1 cells, the heading has 2"),
    "no rows": ({"csv": "empty.csv", "columns": "a"}, r"empty\.csv has no rows"),
}


@pytest.mark.parametrize("case", MESSAGES)
def test_what_is_wrong_with_observations(case, sales):
    (sales / "gaps.csv").write_text("lamb,steak\n1,2\n3,\n")
    (sales / "short.csv").write_text("a,b\n1\n")
    (sales / "empty.csv").write_text("a,b\n")
    given, message = MESSAGES[case]
    with pytest.raises(StudyError, match=message):
        observations(given, "demand", sales)
