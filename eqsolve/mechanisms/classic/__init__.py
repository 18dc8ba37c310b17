"""Classical games with known answers: oligopoly, location, contests and public goods."""

from eqsolve.mechanisms.classic.bertrand import LinearBertrand, linear_bertrand_equilibrium
from eqsolve.mechanisms.classic.cournot import Cournot
from eqsolve.mechanisms.classic.cournot_solutions import cournot_cartel, cournot_equilibrium, cournot_welfare_optimum
from eqsolve.mechanisms.classic.hotelling import (
    Hotelling,
    hotelling_equilibrium,
    hotelling_first_order_prices,
    hotelling_has_equilibrium,
)
from eqsolve.mechanisms.classic.inverse_demand import InverseDemand, IsoelasticInverseDemand, LinearInverseDemand
from eqsolve.mechanisms.classic.logit import LogitBertrand, logit_bertrand_equilibrium
from eqsolve.mechanisms.classic.public_good import (
    CobbDouglasPublicGood,
    QuasilinearPublicGood,
    cobb_douglas_contributions,
    quasilinear_contributions,
)
from eqsolve.mechanisms.classic.tullock import Tullock, contest_share, tullock_equilibrium, tullock_first_order_efforts

__all__ = [
    "CobbDouglasPublicGood",
    "Cournot",
    "Hotelling",
    "InverseDemand",
    "IsoelasticInverseDemand",
    "LinearBertrand",
    "LinearInverseDemand",
    "LogitBertrand",
    "QuasilinearPublicGood",
    "Tullock",
    "cobb_douglas_contributions",
    "contest_share",
    "cournot_cartel",
    "cournot_equilibrium",
    "cournot_welfare_optimum",
    "hotelling_equilibrium",
    "hotelling_first_order_prices",
    "hotelling_has_equilibrium",
    "linear_bertrand_equilibrium",
    "logit_bertrand_equilibrium",
    "quasilinear_contributions",
    "tullock_equilibrium",
    "tullock_first_order_efforts",
]
