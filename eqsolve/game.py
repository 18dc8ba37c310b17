"""Game: what happens, who is rewarded for what, and who decides what.

Every mechanism is an instance of this one type, and institutions (a cartel, another wage, the first best) are edits of
it that touch only who controls and who is paid; outcomes, their Jacobian and the first-best objective stay as they
are.
"""

import dataclasses
import functools
import operator
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, PyTree

from eqsolve._checks import as_array, as_parameters, float_dtype, unknown_name
from eqsolve._game_checks import as_stages, check_game
from eqsolve.action import Action
from eqsolve.bounds import BoundsFunction, Box, Limits, as_bounds
from eqsolve.constraint import Linear, as_constraint
from eqsolve.expectation.rule import Rule
from eqsolve.layout import Layout

Named = Mapping[str, Any]
PLANNER = "planner"


class Game(eqx.Module):
    """A game with named actions, outcomes and players.

    **Arguments** (all by name; `params` may come first):

    - `params`: pytree of finite arrays, everything that is swept, tuned or differentiated. Python numbers become
      floats.
    - `actions`: the decisions, as `Action`s, in the order in which results list them.
    - `bounds`: a `Box`, or a function `(params, earlier_actions) -> (lower, upper)` of dicts by action name. With
      several stages it is asked once per stage and must name the actions of that stage; `earlier_actions` has the
      actions decided before, of their declared shapes (zero in entries that are still open), none in the first stage.
    - `outcomes`: function `(params, actions, shock) -> {name: array}`, one realisation; `shock` is None without a
      `rule`.
    - `pay`: player -> outcome name -> coefficient (a number, or an array of the outcome's shape). A player's objective
      is the sum over outcomes of coefficient times expected outcome, summed over entries.
    - `total`: the first-best objective: outcome name -> coefficient. Edits of pay never touch it.
    - `order`: stages of players; one stage, the default, is simultaneous play in the order of `pay`. Players of later
      stages see what was decided before. Somebody who moves in two stages is two players with the same pay.
    - `rule`: how expectations over the shock are taken, for instance `Scenarios`; None without a shock.
    - `expected`: closed form `(params, actions) -> {name: E[outcome]}`; replaces `outcomes` and `rule`.
    - `jacobian`: optional `(params, actions) -> {outcome: {action: dE[outcome]/d action}}` of shape outcome + action;
      outcomes it leaves out are differentiated automatically, actions it leaves out do not matter to that outcome.
    - `derived`: optional `(params, expected) -> {name: array}`, further outcomes that are nonlinear in expectations.
    - `constraint`: shared linear constraints, a `Linear`; None without. Every edit keeps them.
    - `start`: optional `(params) -> {action: value}`, where solvers begin when told nothing; of games with one stage.
      A point near the solution is worth several steps. What lies outside the bounds is moved to them.

    Functions are compared by identity: define them once at module level (a new lambda compiles again) and let them
    capture no arrays.

    **Errors:** `TypeError` and `ValueError` that name the field, the value and the remedy. Values that JAX traces are
    not checked here; the solvers report them as a `Status`.
    **Source:** the common form of the mechanisms of papers 000 to 004.

    >>> def duopoly(params, actions, shock):
    ...     q = actions["q"]
    ...     return {"profit": (params["a"] - q.sum()) * q}
    >>> game = Game(
    ...     {"a": 9.0},
    ...     actions=[Action("q", (2,), ("left", "right"))],
    ...     bounds=Box({"q": 0.0}, {"q": 9.0}),
    ...     outcomes=duopoly,
    ...     pay={"left": {"profit": [1.0, 0.0]}, "right": {"profit": [0.0, 1.0]}},
    ...     total={"profit": 1.0},
    ... )
    >>> game.players, game.cooperative().players
    (('left', 'right'), ('planner',))
    """

    params: PyTree
    pay: dict[str, dict[str, Array]]
    total: dict[str, Array]
    bounds: Box | BoundsFunction
    rule: Rule | None
    constraint: Linear | None
    actions: tuple[Action, ...] = eqx.field(static=True)
    order: tuple[tuple[str, ...], ...] = eqx.field(static=True)
    outcomes: Callable[..., Named] | None = eqx.field(static=True)
    expected: Callable[..., Named] | None = eqx.field(static=True)
    jacobian: Callable[..., Mapping[str, Named]] | None = eqx.field(static=True)
    derived: Callable[..., Named] | None = eqx.field(static=True)
    start: Callable[[Any], Named] | None = eqx.field(static=True)

    def __init__(
        self,
        params: PyTree,
        *,
        actions: Iterable[Action],
        bounds: Box | BoundsFunction | Callable[..., tuple[Limits, Limits]],
        pay: Mapping[str, Named],
        total: Named,
        outcomes: Callable[..., Named] | None = None,
        order: Iterable[Iterable[str]] | None = None,
        rule: Rule | None = None,
        expected: Callable[..., Named] | None = None,
        jacobian: Callable[..., Mapping[str, Named]] | None = None,
        derived: Callable[..., Named] | None = None,
        constraint: Linear | None = None,
        start: Callable[[Any], Named] | None = None,
    ):
        self.params = as_parameters(params)
        dtype = self.dtype
        self.actions = tuple(actions)
        self.bounds = as_bounds(bounds, dtype)
        self.pay = {player: _coefficients(f"pay[{player!r}]", given, dtype) for player, given in pay.items()}
        self.total = _coefficients("total", total, dtype)
        self.order = (tuple(pay),) if order is None else as_stages(order)
        self.outcomes = outcomes
        self.rule = rule
        self.expected = expected
        self.jacobian = jacobian
        self.derived = derived
        self.constraint = as_constraint(constraint, dtype)
        self.start = start

    def __check_init__(self) -> None:
        self._require_sound()

    def _require_sound(self) -> None:
        check_game(self)

    @property
    def players(self) -> tuple[str, ...]:
        """The players in their declared order."""
        return tuple(player for stage in self.order for player in stage)

    @property
    def dtype(self) -> Any:
        """The precision of the game: that of its parameters."""
        return float_dtype(self.params)

    @property
    def layout(self) -> Layout:
        """Which entries of which actions are decided in which stage."""
        return Layout(self.actions, self.order)

    def limits(self, actions: Named | None = None) -> tuple[dict[str, Array], dict[str, Array]]:
        """Lower and upper bound of every action, each of the action's shape.

        **Arguments:** `actions`: by name. Where earlier actions move the bounds of later stages, those are taken after
        the earlier ones of these.
        **Errors:** `ValueError` where actions are needed and not given.
        """
        layout = self.layout
        if actions is None:
            if layout.bounds_move(self.bounds, self.params):
                raise ValueError(
                    f"Game.limits: earlier actions move the bounds of later stages (order: {self.order}); give the"
                    " actions after which you want them: game.limits(actions)."
                )
            actions = layout.zeros(self.params)
        return layout.all_limits(self.bounds, self.params, actions)

    def expect(self, actions: Named) -> OrderedDict[str, Array]:
        """E[outcome] for every outcome, derived ones last, in the order in which the mechanism names them."""
        expected = self.primary(actions)
        return OrderedDict(expected | self.derive(expected))

    def is_open(self, actions: Named) -> Array:
        """Whether these actions can be taken: whether they leave later stages, if any, something to choose."""
        return self.played_out(actions)[2]

    def offered(self, actions: Named) -> tuple[OrderedDict[str, Array], Array]:
        """E[outcome] for every outcome, and whether the actions can be taken."""
        return self.expect(actions), self.is_open(actions)

    def primary(self, actions: Named) -> OrderedDict[str, Array]:
        """E[outcome] without the derived outcomes."""
        names: list[str] = []

        def ordered(outcomes: Named) -> OrderedDict[str, Array]:
            if not isinstance(outcomes, Mapping):
                raise TypeError(f"The outcomes are {outcomes!r}; return a dict from outcome name to number or array.")
            names[:] = outcomes  # JAX sorts the keys of a plain dict; the mechanism's own order is kept
            return OrderedDict(
                (name, as_array(value, self.dtype, f"Outcome {name!r}")) for name, value in outcomes.items()
            )

        if self.expected is not None:
            return ordered(self.expected(self.params, actions))
        assert self.outcomes is not None
        outcomes = self.outcomes
        if self.rule is None:
            return ordered(outcomes(self.params, actions, None))
        values = self.rule.expect(lambda shock: ordered(outcomes(self.params, actions, shock)), self.params, actions)
        return OrderedDict((name, values[name]) for name in names)

    def played_out(self, actions: Named) -> tuple[Named, Any, Any]:
        """Everybody's actions, and two truths of a game in which nobody moves after these.

        Whether later stages have solved equilibria, and whether they have something to choose.
        """
        return actions, jnp.asarray(True), jnp.asarray(True)

    def slopes(self, actions: Named) -> Mapping[str, Named]:
        """What the mechanism's `jacobian` returns at these actions."""
        assert self.jacobian is not None
        return self.jacobian(self.params, actions)

    def derive(self, expected: Named) -> OrderedDict[str, Array]:
        """The outcomes that are functions of expected outcomes; empty where the game has none."""
        if self.derived is None:
            return OrderedDict()
        derived = self.derived(self.params, expected)
        return OrderedDict((name, as_array(value, self.dtype, f"Outcome {name!r}")) for name, value in derived.items())

    def objectives(self, actions: Named) -> OrderedDict[str, Array]:
        """Each player's expected pay at these actions, by player."""
        expected = self.expect(actions)
        return OrderedDict((player, paid(self.pay[player], expected)) for player in self.players)

    def with_params(self, params: PyTree) -> "Game":
        """The same game at other parameters of the same structure."""
        return self._edited(params=params)

    def with_pay(self, pay: Mapping[str, Named]) -> "Game":
        """The same game under another compensation scheme.

        **Arguments:** `pay`: player -> outcome name -> coefficient. The players named are paid this and nothing else;
        the others keep their pay.
        **Errors:** `ValueError` for a player or an outcome that does not exist.
        """
        for player in pay:
            if player not in self.pay:
                raise ValueError(unknown_name("with_pay: player", player, self.players))
        return self._edited(pay=self.pay | dict(pay))

    def coalition(self, members: Iterable[str], name: str | None = None) -> "Game":
        """The same game with `members` merged into one player who controls their actions and earns their joint pay.

        **Arguments:** `members`: two or more players of one stage. `name`: the merged player's name, by default the
        members' names joined by `+`; it takes the place of the first member.
        **Errors:** `ValueError` for unknown players, fewer than two, players of different stages or a name in use.
        """
        chosen = set(members)
        for member in chosen:
            if member not in self.players:
                raise ValueError(unknown_name("coalition: player", member, self.players))
        stages = [stage for stage in self.order if chosen & set(stage)]
        if len(chosen) < 2 or len(stages) != 1:
            raise ValueError(f"coalition got {sorted(chosen)}; give at least two players who move in the same stage.")
        joined = [player for player in self.players if player in chosen]
        name = "+".join(joined) if name is None else name
        if name in set(self.players) - chosen:
            raise ValueError(f"coalition: the name {name!r} belongs to another player; give another name.")
        renamed = dict.fromkeys(joined, name)
        order = tuple(tuple(dict.fromkeys(renamed.get(player, player) for player in stage)) for stage in self.order)
        pay = {player: given for player, given in self.pay.items() if player not in chosen}
        pay[name] = _summed([self.pay[player] for player in joined])
        constraint = None if self.constraint is None else self.constraint.joined(joined, name)
        actions = tuple(a.with_owner(renamed) for a in self.actions)
        return self._edited(actions=actions, order=order, pay=pay, constraint=constraint)

    def cooperative(self, name: str = PLANNER) -> "Game":
        """The first-best problem: one player who controls every action and is rewarded with `total`.

        With several stages the planner decides everything at once. Only where earlier actions move the bounds of later
        stages it keeps the stages: as the player `name` in the first and `name, stage 2` and so on in later ones, all
        rewarded with `total`, which leads to the same plan (Bellman's principle).
        """
        if self.layout.bounds_move(self.bounds, self.params):
            agents = [name, *(f"{name}, stage {stage + 1}" for stage in range(1, len(self.order)))]
            bounds = self.bounds
        else:
            agents = [name] * len(self.order)
            bounds = self.layout.together(self.bounds)
        renamed = {player: agent for agent, stage in zip(agents, self.order, strict=True) for player in stage}
        return self._edited(
            actions=tuple(action.with_owner(renamed) for action in self.actions),
            order=tuple((agent,) for agent in dict.fromkeys(agents)),
            pay={agent: dict(self.total) for agent in agents},
            bounds=bounds,
            constraint=None if self.constraint is None else self.constraint.unweighted(),
        )

    def _edited(self, **changes: Any) -> "Game":
        return dataclasses.replace(self, **changes)


def paid(coefficients: Named, expected: Named) -> Array:
    """The sum over outcomes of coefficient times expected outcome, summed over the outcome's entries."""
    nothing = jnp.zeros((), next(iter(expected.values())).dtype)  # a player may be paid for nothing
    return sum((jnp.sum(value * expected[name]) for name, value in coefficients.items()), start=nothing)


def _coefficients(field: str, given: Named, dtype: Any) -> dict[str, Array]:
    if not isinstance(given, Mapping):
        raise TypeError(f"Game.{field} is {given!r}; give a dict from outcome name to coefficient.")
    return {name: as_array(value, dtype, f"Game.{field}[{name!r}]") for name, value in given.items()}


def _summed(pays: list[dict[str, Array]]) -> dict[str, Array]:
    names = dict.fromkeys(name for pay in pays for name in pay)
    return {name: functools.reduce(operator.add, [pay[name] for pay in pays if name in pay]) for name in names}
