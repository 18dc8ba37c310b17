"""Games with known answers, for testing solvers: problems are data, and those of one shape share their functions.

References come from closed forms, from exact arithmetic or from roots of polynomials in NumPy, never from a solver of
this package. `tests/mechanisms/classic/test_problems.py` checks each of them by searching all unilateral deviations.
"""

import dataclasses
from collections.abc import Callable
from functools import partial
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np

from eqsolve.action import Action
from eqsolve.bounds import Box
from eqsolve.expectation import Scenarios
from eqsolve.game import Game
from eqsolve.mechanisms._pay import own_entry
from eqsolve.mechanisms.classic import (
    CobbDouglasPublicGood,
    Cournot,
    Hotelling,
    IsoelasticInverseDemand,
    LinearBertrand,
    LinearInverseDemand,
    LogitBertrand,
    QuasilinearPublicGood,
    Tullock,
    cobb_douglas_contributions,
    cournot_equilibrium,
    hotelling_equilibrium,
    hotelling_first_order_prices,
    linear_bertrand_equilibrium,
    logit_bertrand_equilibrium,
    quasilinear_contributions,
    tullock_equilibrium,
    tullock_first_order_efforts,
)

Actions = dict[str, np.ndarray]
Kind = Literal[
    "regular",  # one equilibrium, inside the bounds, all payoffs smooth around it
    "corner",  # one equilibrium with entries at their bounds, or a start there
    "several",  # `expected` and `others` are all the equilibria
    "no_pure",  # no equilibrium in pure strategies; `stationary` may lure a solver
    "false_stationary",  # `expected` is the only equilibrium, `stationary` fulfils first-order conditions and is none
    "continuum",  # `expected` and `others` are some of infinitely many, `determined` what all have in common
    "kinked",  # payoffs have a kink at the equilibrium
    "scaled",  # one equilibrium, numbers of very different sizes
]


@dataclasses.dataclass(frozen=True)
class Problem:
    """A game and what is known about its equilibria.

    `rtol` bounds `miss` for a solver that solves the problem in 64 bit. `determined` maps actions to the numbers that
    all equilibria share. `start`, where given, is a start worth testing besides the default.
    """

    name: str
    kind: Kind
    game: Callable[[], Game]
    expected: Actions | None
    rtol: float = 1e-8
    others: tuple[Actions, ...] = ()
    stationary: Actions | None = None
    determined: Callable[[Actions], np.ndarray] | None = None
    start: Actions | None = None

    @property
    def solutions(self) -> tuple[Actions, ...]:
        """Every known equilibrium."""
        return () if self.expected is None else (self.expected, *self.others)

    def miss(self, actions: Any) -> float:
        """The largest relative error to the nearest known equilibrium.

        An entry whose reference is zero is measured against the largest reference of its action, or against one. For a
        continuum only what is determined counts.
        """
        found = {name: np.asarray(value, float) for name, value in actions.items()}
        if self.determined is not None:
            assert self.expected is not None
            return _relative(self.determined(found), self.determined(self.expected))
        return min(max(_relative(found[name], at[name]) for name in at) for at in self.solutions)


def _relative(found: np.ndarray, wanted: np.ndarray) -> float:
    found, wanted = np.atleast_1d(found), np.atleast_1d(wanted)
    if wanted.size == 0:
        return 0.0
    size = np.where(wanted == 0, np.max(np.abs(wanted)) or 1.0, np.abs(wanted))
    return float(np.max(np.abs(found - wanted) / size))


def _classic(
    name: str,
    kind: Kind,
    mechanism: Callable[[], Any],
    action: str,
    reference: Callable[[Any], np.ndarray] | None,
    stationary: Callable[[Any], np.ndarray] | None = None,
    **rest: Any,
) -> Problem:
    """A problem from a mechanism of the package; references are computed in 64 bit whatever JAX is set to."""
    with jax.enable_x64(True):
        built = mechanism()
        return Problem(
            name,
            kind,
            lambda: mechanism().game(),
            None if reference is None else {action: reference(built)},
            stationary=None if stationary is None else {action: stationary(built)},
            **rest,
        )


# Quantities: three firms and fifty firms


def _cournot(intercept: float, slope: float, cost: Any, capacity: Any) -> Cournot:
    return Cournot(LinearInverseDemand(intercept, slope), cost, capacity)


def _isoelastic(elasticity: float, cost: Any) -> Cournot:
    return Cournot(IsoelasticInverseDemand(5.0, elasticity), cost)


def _quantities(name: str, kind: Kind, *numbers: Any, start: Any = None, **rest: Any) -> Problem:
    given = None if start is None else {"quantity": np.array(start)}
    return _classic(name, kind, partial(_cournot, *numbers), "quantity", cournot_equilibrium, start=given, **rest)


LADDER = np.linspace(1.0, 4.0, 50)
COURNOT = [
    _quantities("cournot equal firms", "regular", 10.0, 1.0, [1.0, 1.0, 1.0], 9.0),
    _quantities("cournot different firms", "regular", 10.0, 1.0, [1.0, 2.0, 3.0], 9.0),
    _quantities("cournot idle firm", "corner", 10.0, 1.0, [1.0, 2.0, 8.0], 9.0),
    _quantities("cournot firm at the margin", "corner", 10.0, 1.0, [1.0, 1.0, 4.0], 9.0),  # cost = price without it
    _quantities("cournot full capacity", "corner", 10.0, 1.0, [1.0, 2.0, 3.0], [0.5, 9.0, 9.0]),
    _quantities("cournot idle and full", "corner", 10.0, 1.0, [1.0, 2.0, 8.0], [0.5, 9.0, 9.0]),
    _quantities("cournot nobody sells", "corner", 10.0, 1.0, [11.0, 12.0, 13.0], 9.0),
    _quantities("cournot without any capacity", "corner", 10.0, 1.0, [1.0, 2.0, 3.0], 0.0),
    _quantities("cournot from zero", "corner", 10.0, 1.0, [1.0, 2.0, 3.0], 9.0, start=[0.0, 0.0, 0.0]),
    _quantities("cournot from capacity", "corner", 10.0, 1.0, [1.0, 2.0, 3.0], 9.0, start=[9.0, 9.0, 9.0]),
    _quantities("cournot huge quantities", "scaled", 1e6, 1e-6, [1e5, 2e5, 3e5], 1e13),
    _quantities("cournot tiny quantities", "scaled", 1e-6, 1e6, [1e-7, 2e-7, 3e-7], 1e-11),
    _quantities("cournot tiny capacity", "scaled", 10.0, 1.0, [1.0, 2.0, 3.0], [1e-6, 9.0, 9.0]),
    _quantities("cournot fifty firms", "regular", 10.0, 0.01, LADDER * 0.05, 1e3),
    _quantities("cournot fifty firms, many idle", "corner", 10.0, 0.01, LADDER, 1e3),
    _classic(
        "cournot isoelastic", "regular", partial(_isoelastic, 1.7, [1.0, 1.2, 1.4]), "quantity", cournot_equilibrium
    ),
    _classic(
        "cournot isoelastic, idle firm",
        "corner",
        partial(_isoelastic, 1.7, [1.0, 1.2, 9.0]),
        "quantity",
        cournot_equilibrium,
    ),
    _classic(
        "cournot inelastic", "regular", partial(_isoelastic, 0.5, [1.0, 1.2, 1.4]), "quantity", cournot_equilibrium
    ),
]

# Prices

EFFECT = np.array([[3.0, -1.0, -0.5], [-0.8, 2.0, -0.7], [-0.2, -0.4, 1.5]])


def _hotelling(locations: Any, transport: Any, cost: Any) -> Hotelling:
    return Hotelling(locations, 1.0, cost, transport=transport)


def _prices(name: str, kind: Kind, mechanism: Callable[[], Any], reference: Any, **rest: Any) -> Problem:
    return _classic(name, kind, mechanism, "price", reference, **rest)


def _logit(size: float, sensitivity: float) -> LogitBertrand:
    cost = np.array([1.0, 0.5, 2.0, 0.0]) / sensitivity
    return LogitBertrand([2.0, 1.0, 3.0, 0.5], cost, sensitivity, size, ["left", "right", "left", "other"])


PRICES = [
    _prices(
        "bertrand linear", "regular", lambda: LinearBertrand([9.0, 8.0, 7.0], EFFECT, 1.0), linear_bertrand_equilibrium
    ),
    _prices(
        "bertrand linear, huge prices",
        "scaled",
        lambda: LinearBertrand([9.0, 8.0, 7.0], 1e-6 * EFFECT, 1e6),
        linear_bertrand_equilibrium,
    ),
    _prices("logit with several products", "regular", partial(_logit, 1.0, 1.3), logit_bertrand_equilibrium),
    _prices("logit, huge market, tiny sensitivity", "scaled", partial(_logit, 1e6, 1e-6), logit_bertrand_equilibrium),
    _prices("hotelling linear, far", "regular", partial(_hotelling, [0.1, 0.8], "linear", 0.0), hotelling_equilibrium),
    _prices(
        "hotelling linear, close",
        "no_pure",
        partial(_hotelling, [0.4, 0.6], "linear", 0.0),
        None,
        stationary=hotelling_first_order_prices,
    ),
    _prices(
        "hotelling linear, one close to the middle",
        "no_pure",
        partial(_hotelling, [0.0, 0.55], "linear", 0.0),
        None,
        stationary=hotelling_first_order_prices,
    ),
    _prices(
        "hotelling quadratic, close",
        "regular",
        partial(_hotelling, [0.4, 0.6], "quadratic", [0.0, 0.05]),
        hotelling_equilibrium,
    ),
    _prices(
        "hotelling quadratic, one firm serves everybody",
        "kinked",
        partial(_hotelling, [0.1, 0.8], "quadratic", [0.0, 9.0]),
        hotelling_equilibrium,
    ),
]

# Contests and public goods


def _efforts(name: str, kind: Kind, *numbers: Any, reference: Any = tullock_equilibrium, **rest: Any) -> Problem:
    return _classic(name, kind, partial(Tullock, *numbers), "effort", reference, **rest)


PAIR = 1.4 / 4  # two active players of three: r v / 4 each
CONTESTS = [
    _efforts("contest, proportional", "regular", [3.0, 2.5, 2.0], 1.0),
    _efforts("contest, weak player stays out", "corner", [3.0, 2.5, 1.0], 1.0),
    _efforts("contest from zero", "corner", [3.0, 2.5, 2.0], 1.0, start={"effort": np.zeros(3)}),
    _efforts("contest, hardly decisive", "regular", [2.0, 2.0, 2.0], 0.3),
    _efforts(
        "contest, two or three players",
        "several",
        [1.0, 1.0, 1.0],
        1.4,
        others=tuple({"effort": np.array(pair)} for pair in ([PAIR, PAIR, 0.0], [PAIR, 0.0, PAIR], [0.0, PAIR, PAIR])),
    ),
    _efforts(
        "contest, too decisive", "no_pure", [1.0, 1.0, 1.0], 2.5, reference=None, stationary=tullock_first_order_efforts
    ),
    _efforts("contest, two unequal players", "regular", [3.0, 2.0], 1.3),
    _efforts("contest, huge prize, cheap effort", "scaled", [1e6, 2e6], 1.0, 1e-6),
    _efforts("contest, a prize worth a millionth to one", "scaled", [1.0, 1e-6], 0.5),
    _efforts("contest of fifty", "regular", [1.0] * 50, 1.0),
]


def _total(actions: Actions) -> np.ndarray:
    return actions["contribution"].sum()


def _gifts(name: str, kind: Kind, kind_of_taste: Any, reference: Any, *numbers: Any, **rest: Any) -> Problem:
    return _classic(name, kind, partial(kind_of_taste, *numbers), "contribution", reference, **rest)


def _cobb(name: str, kind: Kind, *numbers: Any, **rest: Any) -> Problem:
    return _gifts(name, kind, CobbDouglasPublicGood, cobb_douglas_contributions, *numbers, **rest)


def _keen(name: str, kind: Kind, *numbers: Any, **rest: Any) -> Problem:
    return _gifts(name, kind, QuasilinearPublicGood, quasilinear_contributions, *numbers, **rest)


PUBLIC_GOODS = [
    _cobb("public good, all contribute", "regular", [3.0, 2.8, 2.5], 0.4),
    _cobb("public good, a poor free rider", "corner", [3.0, 2.8, 0.5], 0.4),
    _cobb("public good from nothing", "corner", [3.0, 2.8, 2.5], 0.4, start={"contribution": np.zeros(3)}),
    _cobb(
        "public good from all income", "corner", [3.0, 2.8, 2.5], 0.4, start={"contribution": np.array([3.0, 2.8, 2.5])}
    ),
    _keen("public good, the keenest pays", "corner", [4.0, 2.0, 3.0], 2.0, 9.0),
    _keen("public good, the keenest is too poor", "corner", [4.0, 2.0, 3.0], 2.0, [3.0, 9.0, 9.0]),
    _keen(
        "public good among equals",
        "continuum",
        [3.0, 3.0, 3.0],
        2.0,
        9.0,
        others=({"contribution": np.array([1.0, 1.5, 1.5])},),
        determined=_total,
    ),
    _keen(
        "public good among fifty equals",
        "continuum",
        [3.0] * 50,
        2.0,
        9.0,
        others=({"contribution": np.full(50, 0.08)},),
        determined=_total,
    ),
]

# Two players with polynomial payoffs: a x + b x^2 / 2 + c x y + d x^4 in the own action x and the other's y


def polynomial_outcomes(params: Any, actions: Any, shock: None) -> dict[str, Any]:
    x = actions["x"]
    smooth = params["linear"] * x + params["square"] * x**2 / 2 + params["cross"] * x * x[::-1]
    return {"payoff": smooth + params["quartic"] * x**4}


# The same with kinks: a x - w |x - t - r y| + m min(x, y)


def kinked_outcomes(params: Any, actions: Any, shock: None) -> dict[str, Any]:
    x = actions["x"]
    valley = jnp.abs(x - params["target"] - params["follow"] * x[::-1])
    return {"payoff": params["linear"] * x - params["weight"] * valley + params["least"] * jnp.min(x)}


def _duel(outcomes: Callable[..., Any], fields: tuple[str, ...], box: Any, numbers: dict[str, Any]) -> Game:
    assert numbers.keys() <= set(fields)
    dtype = jnp.zeros(()).dtype
    params = {name: jnp.broadcast_to(jnp.asarray(numbers.get(name, 0.0), dtype), (2,)) for name in fields}
    lower, upper = (jnp.broadcast_to(jnp.asarray(bound, dtype), (2,)) for bound in box)
    players = ("left", "right")
    return Game(
        params,
        actions=[Action("x", (2,), players)],
        bounds=Box({"x": lower}, {"x": upper}),
        outcomes=outcomes,
        pay=own_entry("payoff", players),
        total={"payoff": 1.0},
    )


def _x(*values: float) -> Actions:
    return {"x": np.array(values)}


def _polynomial(name: str, kind: Kind, box: Any, expected: Actions | None, numbers: Any, **rest: Any) -> Problem:
    make = partial(_duel, polynomial_outcomes, ("linear", "square", "cross", "quartic"), box, numbers)
    return Problem(name, kind, make, expected, **rest)


def _kinked(name: str, kind: Kind, box: Any, expected: Actions, numbers: Any, **rest: Any) -> Problem:
    make = partial(_duel, kinked_outcomes, ("linear", "weight", "target", "follow", "least"), box, numbers)
    return Problem(name, kind, make, expected, **rest)


def _difference(actions: Actions) -> np.ndarray:
    return actions["x"][0] - actions["x"][1]


def _nothing(actions: Actions) -> np.ndarray:
    return np.zeros(0)


UNIT, WIDE, OPEN = (0.0, 1.0), (-2.0, 2.0), (-np.inf, np.inf)
LOW, _, HIGH = np.sort(np.roots([-4.0, 0.0, 4.0, 0.5]).real)  # peaks and valley of x / 2 + 2 x^2 - x^4
DUELS = [
    _polynomial("zero sum saddle", "regular", (-1.0, 2.0), _x(0.0, 0.0), {"cross": [1.0, -1.0], "linear": 0.0}),
    _polynomial("matching pennies", "regular", UNIT, _x(0.75, 0.25), {"cross": [4.0, -4.0], "linear": [-1.0, 3.0]}),
    _polynomial(
        "strong rotation, weak concavity",
        "regular",
        WIDE,
        _x(1.0, 1.0),
        {"square": -0.1, "cross": [1.0, -1.0], "linear": [-0.9, 1.1]},
    ),
    _polynomial(
        "unbounded, finite answer", "regular", OPEN, _x(8.0, 7.0), {"square": -2.0, "cross": 1.0, "linear": [9.0, 6.0]}
    ),
    _polynomial(
        "half bounded",
        "corner",
        ([0.0, -np.inf], np.inf),
        _x(0.0, -1.5),
        {"square": -2.0, "cross": 1.0, "linear": [-1.0, -3.0]},
    ),
    _polynomial(
        "one player without a choice",
        "corner",
        ([0.5, 0.0], [0.5, 2.0]),
        _x(0.5, 0.75),
        {"square": -2.0, "cross": 1.0, "linear": 1.0},
    ),
    _polynomial("both at opposite ends", "corner", UNIT, _x(1.0, 0.0), {"linear": [1.0, -1.0], "square": -0.1}),
    _polynomial(
        "payoffs a million apart",
        "scaled",
        WIDE,
        _x(0.75, 0.5),
        {"square": [-2e6, -2e-6], "cross": [1e6, 1e-6 / 3], "linear": [1e6, 0.75e-6]},
    ),
    _polynomial(
        "actions a million apart",
        "scaled",
        (0.0, [3e6, 3e-6]),
        _x(1e6, 1e-6),
        {"square": [-2e-6, -2e6], "cross": [1.0, 1e-6], "linear": [2.0 - 1e-6, 1.0]},
    ),
    _polynomial(
        "coordination at the ends",
        "several",
        UNIT,
        _x(1.0, 1.0),
        {"cross": 1.0, "linear": -0.3},
        others=(_x(0.0, 0.0), _x(0.3, 0.3)),
    ),
    _polynomial(
        "three crossings of replies",
        "several",
        (-2.0, 3.0),
        _x(1.0, 1.0),
        {"cross": 1.0, "quartic": -0.25},
        others=(_x(0.0, 0.0), _x(-1.0, -1.0)),
    ),
    _polynomial(
        "chicken",
        "several",
        UNIT,
        _x(1.0, 0.0),
        {"cross": -2.0, "square": -1.0, "linear": 1.0},
        others=(_x(0.0, 1.0), _x(1 / 3, 1 / 3)),
    ),
    _polynomial(
        "evader and pursuer",
        "no_pure",
        UNIT,
        None,
        {"square": [2.0, -2.0], "cross": [-2.0, 2.0]},
        stationary=_x(0.5, 0.5),
    ),
    _polynomial(
        "two peaks",
        "false_stationary",
        WIDE,
        _x(HIGH, HIGH),
        {"linear": [0.5, 0.0], "square": [4.0, -2.0], "cross": [0.0, 2.0], "quartic": [-1.0, 0.0]},
        stationary=_x(LOW, LOW),
    ),
    _polynomial(
        "two peaks, start on the lower one",
        "false_stationary",
        WIDE,
        _x(HIGH, HIGH),
        {"linear": [0.5, 0.0], "square": [4.0, -2.0], "cross": [0.0, 2.0], "quartic": [-1.0, 0.0]},
        stationary=_x(LOW, LOW),
        start=_x(LOW, LOW),
    ),
    _polynomial("no incentives", "continuum", UNIT, _x(0.5, 0.5), {}, others=(_x(0.0, 1.0),), determined=_nothing),
    _polynomial(
        "follow the other",
        "continuum",
        (0.0, [1.0, 2.0]),
        _x(0.5, 0.5),
        {"square": -2.0, "cross": 2.0},
        others=(_x(1.0, 1.0),),
        determined=_difference,
    ),
    _kinked(
        "least effort counts",
        "continuum",
        (0.0, [1.0, 2.0]),
        _x(0.5, 0.5),
        {"least": 2.0, "linear": -1.0},
        others=(_x(1.0, 1.0),),
        determined=_difference,
    ),
    _kinked(
        "enough is enough",
        "continuum",
        (1.5, 3.0),
        _x(2.0, 2.0),
        {"linear": 0.5, "weight": 0.5, "target": 1.0},
        others=(_x(1.5, 3.0),),
        determined=_nothing,
    ),
    _kinked("roof", "kinked", (0.0, 3.0), _x(1.0, 2.0), {"linear": 0.5, "weight": 1.5, "target": [1.0, 2.0]}),
    _kinked(
        "roofs that move with the other",
        "kinked",
        WIDE,
        _x(8 / 15, 7 / 15),
        {"weight": [1.0, 1e3], "target": [0.3, 0.2], "follow": 0.5},
    ),
    _kinked("linear, best at the end", "corner", UNIT, _x(1.0, 0.0), {"linear": [1.0, -1e-3]}),
]

# Newsvendors on scenarios: customers who find nothing try the other shop


def newsvendor_outcomes(params: Any, actions: Any, shock: Any) -> dict[str, Any]:
    stock = actions["stock"]
    customers = shock + params["spill"] * jnp.maximum(shock - stock, 0)[::-1]
    return {"profit": params["price"] * jnp.minimum(stock, customers) - params["cost"] * stock}


def newsvendor_nodes(params: Any) -> tuple[Any, Any]:
    return params["demand"], params["probabilities"]


DEMAND = np.array([[4.0, 9.0], [5.0, 7.0], [7.0, 4.0], [8.0, 3.0], [9.0, 6.0]])
PROBABILITIES = np.array([0.1, 0.3, 0.2, 0.15, 0.25])


def _newsvendor_game(spill: float) -> Game:
    dtype, shops = jnp.zeros(()).dtype, ("left", "right")
    numbers = {"price": 10.0, "cost": [4.5, 3.0], "spill": spill, "demand": DEMAND, "probabilities": PROBABILITIES}
    return Game(
        {name: jnp.asarray(value, dtype) for name, value in numbers.items()},
        actions=[Action("stock", (2,), shops)],
        bounds=Box({"stock": 0.0}, {"stock": 20.0}),
        outcomes=newsvendor_outcomes,
        rule=Scenarios(newsvendor_nodes),
        pay=own_entry("profit", shops),
        total={"profit": 1.0},
    )


def _newsvendor_stocks(spill: float) -> Actions:
    """Exact replies in turn: the smallest number of customers that is not exceeded with probability 1 - c/p."""
    stock = np.array([10.0, 0.0])
    for turn in range(100):
        shop = turn % 2
        customers = DEMAND[:, shop] + spill * np.maximum(DEMAND[:, 1 - shop] - stock[1 - shop], 0)
        order = np.argsort(customers)
        reached = np.cumsum(PROBABILITIES[order]) >= 1 - (0.45, 0.3)[shop]
        stock[shop] = customers[order][np.argmax(reached)]
    return {"stock": stock}


NEWSVENDORS = [
    Problem("newsvendors apart", "kinked", partial(_newsvendor_game, 0.0), _newsvendor_stocks(0.0)),
    Problem("newsvendors who share customers", "kinked", partial(_newsvendor_game, 0.8), _newsvendor_stocks(0.8)),
]

PROBLEMS = [*COURNOT, *PRICES, *CONTESTS, *PUBLIC_GOODS, *DUELS, *NEWSVENDORS]
