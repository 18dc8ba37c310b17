import sys
from collections import OrderedDict

import jax.numpy as jnp
import numpy as np
import pytest
import xarray
from equinox import tree_at

from eqsolve.datasets import equilibrium_dataset
from eqsolve.equilibrium import STATUS_NAMES, Equilibrium, Status


def equilibrium(batch=(), actions=None, outcomes=None, owners=None, players=("left", "right"), status=None):
    """A made-up result whose entries count up, so that a wrong reshape shows; shapes are given without the batch."""
    actions = {"stock": (2,)} if actions is None else actions
    outcomes = {"profit": (2,), "price": ()} if outcomes is None else outcomes
    owners = {"stock": ("left", "right")} if owners is None else owners

    def counting(shapes):
        return OrderedDict(
            (name, jnp.arange(np.prod((*batch, *shape), dtype=int), dtype=float).reshape((*batch, *shape)))
            for name, shape in shapes.items()
        )

    codes = jnp.zeros(batch, jnp.int32) if status is None else jnp.asarray(status, jnp.int32)
    return Equilibrium(
        actions=counting(actions),
        outcomes=counting(outcomes),
        objectives=OrderedDict((player, jnp.full(batch, 10.0 + i)) for i, player in enumerate(players)),
        residual=jnp.zeros(batch),
        multipliers=counting(actions),
        active=counting(actions),
        status=tree_at(lambda s: s._value, Status.converged, codes),
        steps=jnp.full(batch, 3),
        owners=tuple(owners.items()),
    )


def test_one_equilibrium_has_one_variable_per_name():
    data = equilibrium_dataset(equilibrium())
    assert list(data.data_vars) == ["stock", "profit", "price", "objective", "residual", "steps", "status"]
    assert data["stock"].dims == data["profit"].dims == data["objective"].dims == ("player",)
    assert data["player"].values.tolist() == ["left", "right"]
    assert data["profit"].sel(player="right") == 1.0
    assert data["objective"].sel(player="left") == 10.0
    assert data["price"].dims == data["status"].dims == ()
    assert [data[name].attrs["role"] for name in ("stock", "profit", "objective", "steps")] == [
        "action",
        "outcome",
        "objective",
        "diagnostic",
    ]


def test_the_method_of_an_equilibrium_gives_the_same():
    found = equilibrium((3,))
    coords = {"margin": [0.1, 0.2, 0.3]}
    xarray.testing.assert_identical(found.to_dataset(coords), equilibrium_dataset(found, coords))


def test_status_explains_itself_by_cf_flags():
    status = equilibrium_dataset(equilibrium((3,), status=[0, 5, 1]))["status"]
    assert status.dtype == status.attrs["flag_values"].dtype == np.int8
    meanings = status.attrs["flag_meanings"].split(" ")
    assert [meanings[value] for value in status.values] == ["converged", "step_limit", "kinked"]
    assert len(meanings) == len(status.attrs["flag_values"]) == len(STATUS_NAMES)
    assert "raise the limit" in status.attrs["comment"]


def test_batch_axes_are_named_in_order():
    data = equilibrium_dataset(equilibrium((2, 3)), {"margin": [0.1, 0.2], "spill": [0.0, 0.5, 1.0]})
    assert data["stock"].dims == ("margin", "spill", "player")
    assert data["stock"].sel(margin=0.2, spill=0.5, player="right") == 2 * (1 * 3 + 1) + 1
    assert data["objective"].shape == (2, 3, 2)
    unnamed = equilibrium_dataset(equilibrium((2, 3)))
    assert unnamed["residual"].dims == ("batch", "batch_1")
    assert list(unnamed.coords) == ["player"]


def test_a_flat_batch_folds_into_a_grid():
    flat = equilibrium((6,))
    data = equilibrium_dataset(flat, {"margin": [0.1, 0.2], "spill": [0.0, 0.5, 1.0]})
    assert data["profit"].dims == ("margin", "spill", "player")
    assert data["profit"].sel(margin=0.2, spill=1.0, player="left") == flat.outcomes["profit"][5, 0]
    assert data["status"].shape == data["steps"].shape == (2, 3)


def test_text_and_dates_can_be_coordinates():
    data = equilibrium_dataset(equilibrium((2,)), {"dish": ["lamb", "steak"]})
    assert data["price"].sel(dish="steak") == 1.0


@pytest.mark.parametrize(
    ("coords", "message"),
    [
        ({"margin": [0.1, 0.2]}, r"coords have the sizes {'margin': 2}, but the batch has shape \(6,\)"),
        ({}, r"coords have the sizes {}, but the batch has shape \(6,\)"),
        ({"margin": 0.1}, r"coords\['margin'\] has shape \(\); give a vector of values"),
        ({"player": range(6)}, r"coords has the name 'player', which the data set uses itself"),
    ],
)
def test_coordinates_that_do_not_fit_are_named(coords, message):
    with pytest.raises(ValueError, match=message):
        equilibrium_dataset(equilibrium((6,)), coords)


def test_grids_do_not_fold_several_axes():
    with pytest.raises(ValueError, match=r"sizes {'a': 6}, but the batch has shape \(2, 3\)"):
        equilibrium_dataset(equilibrium((2, 3)), {"a": range(6)})


def test_names_that_clash_are_told_apart():
    # a game of payoff functions: actions and outcomes both carry the players' names
    players = {"left": (), "right": ()}
    found = equilibrium(
        (4,), players, {**players, "status": (), "margin": ()}, {"left": ("left",), "right": ("right",)}
    )
    data = equilibrium_dataset(found, {"margin": range(4)})
    assert list(data.data_vars) == [
        *("left", "right", "outcome: left", "outcome: right", "outcome: status", "outcome: margin"),
        *("objective", "residual", "steps", "status"),
    ]
    assert data["margin"].values.tolist() == [0, 1, 2, 3]
    taken = equilibrium((), {"steps": ()}, {}, {"steps": ("left",)}, players=("left",))
    assert list(equilibrium_dataset(taken).data_vars)[:1] == ["action: steps"]


def test_only_axes_with_one_entry_per_player_are_players():
    shapes = {"effort": (2, 3), "stock": (3,), "tax": ()}
    owners = {"effort": ("left",) * 3 + ("right",) * 3, "stock": ("left", "right", "right"), "tax": ("left",)}
    data = equilibrium_dataset(equilibrium((), shapes, {"measure": (3, 2), "welfare": ()}, owners))
    assert data["effort"].dims == ("player", "effort_1")
    assert data["stock"].dims == ("stock_0",)
    assert data["tax"].dims == ()
    assert data["measure"].dims == ("measure_0", "measure_1")


def test_outcomes_are_not_per_player_by_chance_where_no_action_is():
    players = {"left": (), "right": ()}
    found = equilibrium((), players, {"market": (2,)}, {"left": ("left",), "right": ("right",)})
    assert equilibrium_dataset(found)["market"].dims == ("market_0",)


def test_axes_can_be_named_to_line_up_a_first_best():
    planned = equilibrium((2,), owners={"stock": ("planner", "planner")}, players=("planner",))
    plain = equilibrium_dataset(planned)
    assert plain["stock"].dims == ("batch", "stock_0")
    assert plain["player"].values.tolist() == ["planner"]
    outlets = {"stock": ("outlet",), "profit": ("outlet",)}
    nash = equilibrium_dataset(equilibrium((2,)), dims=outlets)
    loss = nash["profit"].sum("outlet") - equilibrium_dataset(planned, dims=outlets)["profit"].sum("outlet")
    assert loss.dims == ("batch",)


@pytest.mark.parametrize(
    ("dims", "message"),
    [
        ({"profits": ("outlet",)}, r"dims: action or outcome 'profits' is unknown; .* Did you mean 'profit'\?"),
        (
            {"profit": ("a", "b")},
            r"dims\['profit'\] names the axes \('a', 'b'\), but outcome 'profit' has the shape \(2,\)",
        ),
        ({"profit": ("batch",)}, r"outcome 'profit' has the axes \('batch',\) after the batch axes .*rename the equal"),
        ({"profit": ("entry",), "bonus": ("entry",)}, r"'entry'.*give axes of different lengths different names"),
    ],
)
def test_axes_that_do_not_fit_are_named(dims, message):
    with pytest.raises(ValueError, match=message):
        equilibrium_dataset(equilibrium((3,), outcomes={"profit": (2,), "bonus": (4,)}), dims=dims)


def test_without_xarray_the_message_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "xarray", None)
    with pytest.raises(ImportError, match=r'needs xarray: pip install "eqsolve\[study\]"'):
        equilibrium_dataset(equilibrium())
