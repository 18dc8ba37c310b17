"""Classical models with known answers: oligopoly, location, contests, public goods and supply contracts."""

from eqsolve.mechanisms.classic.bertrand import LinearBertrand, linear_bertrand_equilibrium
from eqsolve.mechanisms.classic.buy_back import BuyBack, buy_back_contract, buy_back_for_profit
from eqsolve.mechanisms.classic.channel import Channel, Settlement, Terms
from eqsolve.mechanisms.classic.clark_scarf import (
    FiniteSerial,
    FiniteSerialPlan,
    lattice_demand,
    solve_finite_serial,
)
from eqsolve.mechanisms.classic.cournot import Cournot
from eqsolve.mechanisms.classic.cournot_solutions import cournot_cartel, cournot_equilibrium, cournot_welfare_optimum
from eqsolve.mechanisms.classic.discount_channel import (
    DiscountChannel,
    SharedChannel,
    Trade,
    coordinate_by_share,
)
from eqsolve.mechanisms.classic.division import Division, divide
from eqsolve.mechanisms.classic.hotelling import (
    Hotelling,
    hotelling_equilibrium,
    hotelling_first_order_prices,
    hotelling_has_equilibrium,
)
from eqsolve.mechanisms.classic.inverse_demand import InverseDemand, IsoelasticInverseDemand, LinearInverseDemand
from eqsolve.mechanisms.classic.linear_agency import (
    LinearAgency,
    LinearContract,
    best_linear_contract,
    linear_agency_contract,
)
from eqsolve.mechanisms.classic.logit import LogitBertrand, logit_bertrand_equilibrium
from eqsolve.mechanisms.classic.lot_bargaining import LotAgreement, LotTrade, bargain_over_lots
from eqsolve.mechanisms.classic.lot_sizing import (
    LotSize,
    backorder_quantity,
    economic_order_quantity,
    joint_lot,
    lot_cost,
)
from eqsolve.mechanisms.classic.price_floor import CompetitiveOutlets, trade_stock
from eqsolve.mechanisms.classic.public_good import (
    CobbDouglasPublicGood,
    QuasilinearPublicGood,
    cobb_douglas_contributions,
    quasilinear_contributions,
)
from eqsolve.mechanisms.classic.quantity_discount import DiscountedLot, DiscountSchedule, best_discounted_lot
from eqsolve.mechanisms.classic.revenue_sharing import (
    equivalent_buy_back,
    price_setting_outlet,
    revenue_sharing_terms,
)
from eqsolve.mechanisms.classic.serial_system import CostCurve, SerialPlan, SerialSystem, solve_serial
from eqsolve.mechanisms.classic.substitution import DemandSubstitution
from eqsolve.mechanisms.classic.team import Team, budget_breaker, team_equilibrium, team_first_best, team_loss
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
    "CostCurve",
    "Cournot",
    "DemandSubstitution",
    "DiscountChannel",
    "DiscountSchedule",
    "DiscountedLot",
    "Division",
    "FailureRate",
    "FiniteSerial",
    "FiniteSerialPlan",
    "Hotelling",
    "InverseDemand",
    "IsoelasticInverseDemand",
    "LinearAgency",
    "LinearBertrand",
    "LinearContract",
    "LinearInverseDemand",
    "LogitBertrand",
    "LotAgreement",
    "LotSize",
    "LotTrade",
    "QuasilinearPublicGood",
    "SerialPlan",
    "SerialSystem",
    "Settlement",
    "SharedChannel",
    "Team",
    "Terms",
    "Trade",
    "Tullock",
    "WholesalePrice",
    "backorder_quantity",
    "bargain_over_lots",
    "best_discounted_lot",
    "best_linear_contract",
    "best_wholesale_price",
    "budget_breaker",
    "buy_back_contract",
    "buy_back_for_profit",
    "cobb_douglas_contributions",
    "contest_share",
    "coordinate_by_share",
    "cournot_cartel",
    "cournot_equilibrium",
    "cournot_welfare_optimum",
    "divide",
    "economic_order_quantity",
    "equivalent_buy_back",
    "generalised_failure_rate",
    "hotelling_equilibrium",
    "hotelling_first_order_prices",
    "hotelling_has_equilibrium",
    "increasing_failure_rate",
    "joint_lot",
    "lattice_demand",
    "linear_agency_contract",
    "linear_bertrand_equilibrium",
    "logit_bertrand_equilibrium",
    "lot_cost",
    "price_setting_outlet",
    "quasilinear_contributions",
    "revenue_sharing_terms",
    "solve_finite_serial",
    "solve_serial",
    "team_equilibrium",
    "team_first_best",
    "team_loss",
    "trade_stock",
    "tullock_equilibrium",
    "tullock_first_order_efforts",
]
