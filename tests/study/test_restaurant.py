import numpy as np
import pytest

from eqsolve.datasets import load_restaurant_demand
from eqsolve.mechanisms.newsvendor import CompetingNewsvendors
from eqsolve.mechanisms.newsvendor.competing_exact import equilibrium_ends
from eqsolve.study import parse_study, prepare, read_study, run_study

MARGINS, SPILLS = [0.2, 0.5, 0.8], [0.0, 0.5, 0.9]


@pytest.fixture(scope="module")
def results():
    study = read_study("restaurant")
    start, end = study.text.index("[sweep]"), study.text.index("[nash]")
    small = f"[sweep]\nmargin = {MARGINS}\nspill = {SPILLS}\n\n"
    return run_study(parse_study(study.text[:start] + small + study.text[end:], "small"))


def test_the_built_in_study_refers_to_what_its_results_will_have():
    sweep = prepare(read_study("restaurant"))
    assert sweep.shape == (41, 21)
    assert sweep.study.tables.figure is not None


@pytest.mark.slow
def test_stocks_lie_between_the_exact_ends_of_equilibrium_and_competition_never_gains(results):
    demand = load_restaurant_demand().select("lamb", "steak")
    stock = results["stock"].sel(plan="nash")
    for margin in MARGINS:
        for spill in SPILLS:
            ends = equilibrium_ends(CompetingNewsvendors(10.0, margin, spill, demand))
            found = stock.sel(margin=margin, spill=spill).values
            assert np.all((ends.lowest - 1e-6 <= found) & (found <= ends.highest + 1e-6))
            stored = results["equilibrium_ends.lowest"].sel(margin=margin, spill=spill)
            np.testing.assert_allclose(stored, ends.lowest, rtol=1e-12)
    assert bool((results["certified"] == 1).all())
    np.testing.assert_allclose(results["efficiency loss"].sel(spill=0.0), 0.0, atol=1e-6)  # nothing links the outlets
    assert bool((results["efficiency loss"] > -1e-6).all())
    assert list(results["player"].values) == ["lamb", "steak"]
