"""Small real data shipped with the package, and results as labelled data sets."""

from eqsolve.datasets.labelled import equilibrium_dataset
from eqsolve.datasets.restaurant import RestaurantDemand, load_restaurant_demand
from eqsolve.datasets.stored import store

__all__ = ["RestaurantDemand", "equilibrium_dataset", "load_restaurant_demand", "store"]
