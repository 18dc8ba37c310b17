"""Classical models with known answers: oligopoly, location, contests, public goods and supply contracts."""

from eqsolve.mechanisms.classic.bertrand import LinearBertrand, linear_bertrand_equilibrium
from eqsolve.mechanisms.classic.buy_back import BuyBack, buy_back_contract, buy_back_for_profit
from eqsolve.mechanisms.classic.channel import Channel, Settlement, Terms
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
from eqsolve.mechanisms.classic.price_floor import CompetitiveOutlets, trade_stock
from eqsolve.mechanisms.classic.public_good import (
    CobbDouglasPublicGood,
    QuasilinearPublicGood,
    cobb_douglas_contributions,
    quasilinear_contributions,
)
from eqsolve.mechanisms.classic.revenue_sharing import (
    equivalent_buy_back,
    price_setting_outlet,
    revenue_sharing_terms,
)
from eqsolve.mechanisms.classic.substitution import DemandSubstitution
from eqsolve.mechanisms.classic.tullock import Tullock, contest_share, tullock_equilibrium, tullock_first_order_efforts
from eqsolve.mechanisms.classic.wholesale_price import (
    FailureRate,
    WholesalePrice,
    best_wholesale_price,
    generalised_failure_rate,
    increasing_failure_rate,
)

__all__ = [
    "BuyBack",
    "Channel",
    "CobbDouglasPublicGood",
    "CompetitiveOutlets",
    "Cournot",
    "DemandSubstitution",
    "FailureRate",
    "Hotelling",
    "InverseDemand",
    "IsoelasticInverseDemand",
    "LinearBertrand",
    "LinearInverseDemand",
    "LogitBertrand",
    "QuasilinearPublicGood",
    "Settlement",
    "Terms",
    "Tullock",
    "WholesalePrice",
    "best_wholesale_price",
    "buy_back_contract",
    "buy_back_for_profit",
    "cobb_douglas_contributions",
    "contest_share",
    "cournot_cartel",
    "cournot_equilibrium",
    "cournot_welfare_optimum",
    "equivalent_buy_back",
    "generalised_failure_rate",
    "hotelling_equilibrium",
    "hotelling_first_order_prices",
    "hotelling_has_equilibrium",
    "increasing_failure_rate",
    "linear_bertrand_equilibrium",
    "logit_bertrand_equilibrium",
    "price_setting_outlet",
    "quasilinear_contributions",
    "revenue_sharing_terms",
    "trade_stock",
    "tullock_equilibrium",
    "tullock_first_order_efforts",
]
