import dataclasses
from pathlib import Path

import jax
import numpy as np
import pytest
import xarray as xr
from scipy import stats

from eqsolve.demand import Normal
from eqsolve.study import StudyError, prepare, read_study, run_study
from eqsolve.study.beside import joined_results, results_of
from eqsolve.study.config import Axis, Report
from eqsolve.study.fitting import fitted
from eqsolve.study.parameters import part_from
from eqsolve.study.run import _preview

HERE = Path()
LAMB = {"dataset": "restaurant_demand", "columns": "lamb"}
BOTH = {"dataset": "restaurant_demand", "columns": ["lamb", "steak"]}


@pytest.fixture(autouse=True)
def sixty_four_bit():
    with jax.enable_x64(True):
        yield


def test_one_column_gives_the_law_that_the_criterion_chooses():
    found = fitted(LAMB | {"fit": {"families": ["Uniform", "eqsolve.demand:Normal"]}}, "demand", HERE)
    assert isinstance(found.law, Normal)
    # the normal estimates are the sample's mean and standard deviation
    np.testing.assert_allclose([found.law.loc, found.law.scale], [31.639474, 12.646053], rtol=1e-6)
    for word in ("standard error", "Kolmogorov-Smirnov", "0.458721", "Uniform", "AIC"):
        assert word in found.text


def test_several_columns_give_a_copula_with_marginals_of_their_own():
    given = BOTH | {"fit": {"families": ["Uniform"], "copula": "gaussian"}}
    part = part_from(lambda demand: demand, {"demand": given}, "parameters", HERE)
    law = part(part.arrays())
    np.testing.assert_allclose(law.scores[0, 1], 0.551601, rtol=1e-5)
    np.testing.assert_allclose([marginal.scale for marginal in law.marginals], [88.0, 81.0], rtol=1e-12)
    text = part.fits()["parameters.demand"]
    assert "0.551601     0.025237" in text
    assert text.index("lamb: Uniform") < text.index("steak: Uniform") < text.index("GaussianCopula")


MESSAGES = {
    "no families": (LAMB | {"fit": {"families": []}}, r"demand\.fit: families: \[\] is not allowed: .*at least 1"),
    "unknown family": (
        LAMB | {"fit": {"families": ["Normall"]}},
        r"demand\.fit\.families: the family 'Normall' is unknown; .*Did you mean 'Normal'\?",
    ),
    "no family": (
        LAMB | {"fit": {"families": ["eqsolve.game:Game"]}},
        r"'eqsolve\.game:Game' is .*a class of",
    ),
    "unknown criterion": (
        LAMB | {"fit": {"families": ["Normal"], "criterion": "aik"}},
        r"demand\.fit: criterion: 'aik' is not allowed: .*'aic', 'bic' or 'ks'",
    ),
    "unknown key": (LAMB | {"fit": {"family": ["Normal"]}}, r"the key 'family' is unknown.*mean 'families'\?"),
    "no copula": (BOTH | {"fit": {"families": ["Uniform"]}}, r'demand\.fit\.copula: give "gaussian" where `columns`'),
    "copula of one": (LAMB | {"fit": {"families": ["Uniform"], "copula": "gaussian"}}, r"copula: give .* only there"),
    "impossible": (
        {"csv": "sales.csv", "columns": "lamb", "fit": {"families": ["Uniform"]}},
        r"demand\.fit: 'lamb': fit: all data are \[3\.\]; give observations that vary",
    ),
}


@pytest.mark.parametrize("case", MESSAGES)
def test_what_is_wrong_with_a_fit(case, tmp_path):
    (tmp_path / "sales.csv").write_text("lamb\n3\n3\n3\n")
    given, message = MESSAGES[case]
    with pytest.raises(StudyError, match=message):
        fitted(given, "demand", tmp_path)


def results(players, stock):
    return xr.Dataset({"stock": ("player", stock)}, {"player": players}, {"device": "1 x cpu"})


def test_a_study_beside_adds_its_variables_under_its_label():
    own, other = results(["lamb", "steak"], [1.0, 2.0]), results(["lamb", "steak"], [3.0, 4.0])
    both = joined_results(own, {"recorded": other})
    assert list(both.data_vars) == ["stock", "recorded: stock"]
    assert both.attrs == {"device": "1 x cpu", "recorded: device": "1 x cpu"}
    xr.testing.assert_equal(results_of(both, "recorded"), other)


def test_a_study_beside_must_exist_and_have_the_same_players():
    study = read_study("restaurant")
    lost = dataclasses.replace(study, tables=study.tables.model_copy(update={"beside": {"other": "restorant"}}))
    with pytest.raises(StudyError, match=r"The study 'restorant' is unknown.*Did you mean 'restaurant'\?"):
        prepare(lost)
    with pytest.raises(StudyError, match=r"beside\.recorded: its players are \['beef'\], here they are \['lamb'\]"):
        joined_results(results(["lamb"], [1.0]), {"recorded": results(["beef"], [1.0])})


@pytest.mark.slow
def test_the_built_in_study_refers_to_what_its_results_will_have():
    sweep = prepare(read_study("restaurant-smooth"))
    assert sweep.shape == sweep.beside["recorded"].shape == (41, 21)
    preview = _preview(sweep)
    assert preview["recorded: stock"].dims == preview["stock"].dims


@pytest.mark.slow
def test_the_restaurant_with_fitted_demand_holds_the_fractiles_where_nobody_switches():
    study = read_study("restaurant-smooth")
    sweep = {"margin": Axis(values=[0.2, 0.5]), "spill": Axis(values=[0.0, 0.9])}
    alone = {"beside": {}, "sweep": sweep, "report": Report(), "figure": None}
    results = run_study(dataclasses.replace(study, tables=study.tables.model_copy(update=alone)))
    assert bool((results["certified"] == 1).all())
    assert "0.551601     0.025237" in results.attrs["fit of parameters.demand"]
    # the laws of the fit, by SciPy
    fractiles = [
        stats.norm(31.6395, 12.6461).ppf([0.2, 0.5]),
        stats.weibull_min(2.34438, scale=25.3364).ppf([0.2, 0.5]),
    ]
    np.testing.assert_allclose(results["stock"].sel(plan="nash", spill=0.0), np.transpose(fractiles), rtol=1e-5)
    assert bool((results["efficiency loss"].sel(spill=0.9) > 0).all())
