"""Daily demand for the dishes of a restaurant: 760 paired observations, so scenarios whose dependence is real.

Source, licence and blemishes: README.md and restaurant_demand.LICENSE in this folder.
"""

import csv
import dataclasses
from importlib import resources

import numpy as np
from jaxtyping import Float, Shaped

from eqsolve._checks import unknown_name

FILE = "restaurant_demand.csv"
NOT_DISHES = ("date", "weekday", "is_closed")


@dataclasses.dataclass(frozen=True, eq=False)
class RestaurantDemand:
    """Demand by day and dish; the arrays cannot be written to.

    **Fields:** `dates`: the days, ascending, `datetime64[D]` of shape `[days]`. `dishes`: names, in the order of the
    columns. `demand`: portions [units/day] >= 0, shape `[days, dishes]`.
    """

    dates: Shaped[np.ndarray, " days"]
    dishes: tuple[str, ...]
    demand: Float[np.ndarray, "days dishes"]

    def __post_init__(self) -> None:
        for array in (self.dates, self.demand):
            array.setflags(write=False)

    def select(self, *dishes: str) -> Float[np.ndarray, "days chosen"]:
        """Demand for these dishes, one column each in the order asked for.

        **Errors:** `ValueError` without dishes, or for one that is unknown, with the nearest that exists.

        >>> load_restaurant_demand().select("steak", "lamb")[0].tolist()
        [36.0, 50.0]
        """
        if not dishes:
            raise ValueError(f"RestaurantDemand.select got no dish; name some of: {', '.join(self.dishes)}.")
        for dish in dishes:
            if dish not in self.dishes:
                raise ValueError(unknown_name("RestaurantDemand.select: dish", dish, self.dishes))
        return self.demand[:, [self.dishes.index(dish) for dish in dishes]]


def load_restaurant_demand() -> RestaurantDemand:
    """The demand for seven dishes on the 760 open days from 4 October 2013 to 7 November 2015.

    Sales of a fast casual restaurant in Stuttgart stand in for demand. The five closed days are left out.

    **Returns:** a `RestaurantDemand`; every call reads the file anew.
    **Source:** the YAZ data set of the Python package ddop 0.7.6, BSD-3-Clause.

    >>> data = load_restaurant_demand()
    >>> data.demand.shape, data.dishes[-2:], str(data.dates[0])
    ((760, 7), ('lamb', 'steak'), '2013-10-04')
    """
    text = resources.files("eqsolve.datasets").joinpath(FILE).read_text(encoding="utf-8")
    rows = [row for row in csv.DictReader(text.splitlines()) if row["is_closed"] == "0"]
    dishes = tuple(name for name in rows[0] if name not in NOT_DISHES)
    return RestaurantDemand(
        dates=np.array([row["date"] for row in rows], "datetime64[D]"),
        dishes=dishes,
        demand=np.array([[float(row[dish]) for dish in dishes] for row in rows]),
    )
