import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from eqsolve.finite import FiniteGame, dominated, without_dominated

DILEMMA = {"row": [[3, 0], [5, 1]], "column": [[3, 5], [0, 1]]}
NAMES = [("quiet", "confess")] * 2


@pytest.fixture(autouse=True)
def sixty_four_bit():
    with jax.enable_x64(True):
        yield


def random_game(seed, sizes, values=None):
    generator = np.random.default_rng(seed)
    shape = (len(sizes), *sizes)
    return generator.normal(size=shape) if values is None else generator.integers(0, values, shape).astype(float)


def random_profile(seed, sizes):
    generator = np.random.default_rng(seed)
    return [generator.dirichlet(np.ones(size)) for size in sizes]


def brute_expected(payoffs, profile):
    """The sum over all pure profiles of probability times payoff."""
    total = np.zeros(len(payoffs))
    for at in itertools.product(*(range(size) for size in payoffs.shape[1:])):
        total += np.prod([profile[i][s] for i, s in enumerate(at)]) * payoffs[(slice(None), *at)]
    return total


def brute_pure(payoffs):
    """Every profile from which no single change of one strategy earns more."""
    sizes, found = payoffs.shape[1:], []
    for at in itertools.product(*(range(size) for size in sizes)):
        others = [(*at[:i], s, *at[i + 1 :]) for i in range(len(sizes)) for s in range(sizes[i])]
        players = [i for i in range(len(sizes)) for _ in range(sizes[i])]
        if all(payoffs[(i, *other)] <= payoffs[(i, *at)] for i, other in zip(players, others, strict=True)):
            found.append(tuple(f"strategy {s + 1}" for s in at))
    return tuple(found)


@pytest.mark.parametrize("sizes", [(4,), (2, 3), (3, 2, 4), (2, 2, 2, 2)])
def test_expected_payoffs_and_regret_are_the_sums_over_pure_profiles(sizes):
    payoffs, profile = random_game(1, sizes), random_profile(2, sizes)
    game = FiniteGame(payoffs)
    expected = brute_expected(payoffs, profile)
    np.testing.assert_allclose(list(game.expected(profile).values()), expected, rtol=1e-12)
    for i, (player, regret) in enumerate(game.regret(profile).items()):
        pure = [brute_expected(payoffs, [*profile[:i], row, *profile[i + 1 :]])[i] for row in np.eye(sizes[i])]
        np.testing.assert_allclose(game.deviation_payoffs(profile)[player], pure, rtol=1e-12, atol=1e-14)
        np.testing.assert_allclose(regret, max(pure) - expected[i], rtol=1e-11)
        assert game.best_replies(profile)[player] == (f"strategy {np.argmax(pure) + 1}",)


@pytest.mark.parametrize("sizes", [(5,), (4, 3), (3, 3, 3), (2, 2, 2, 2)])
def test_pure_equilibria_are_those_of_brute_force_ties_included(sizes):
    for seed in range(10):
        payoffs = random_game(seed, sizes, values=3)
        assert FiniteGame(payoffs).pure_equilibria() == brute_pure(payoffs)


def test_ties_within_the_tolerance_count():
    payoffs = np.array([[1.0, 1.0 + 1e-12]])
    assert FiniteGame(payoffs).pure_equilibria() == (("strategy 2",),)
    assert FiniteGame(payoffs).pure_equilibria(1e-9) == (("strategy 1",), ("strategy 2",))


def test_profiles_may_be_written_with_names_dicts_or_vectors():
    game = FiniteGame(DILEMMA, strategies=NAMES)
    assert game.players == ("row", "column")
    written = [("quiet", "confess"), {"column": "confess", "row": {"quiet": 1}}, ([1, 0], jnp.array([0.0, 1.0]))]
    for profile in written:
        assert dict(game.expected(profile)) == {"row": 0.0, "column": 5.0}
    assert game.best_replies({"row": "quiet", "column": {"quiet": 0.5, "confess": 0.5}}) == {
        "row": ("confess",),
        "column": ("confess",),
    }


def test_payoffs_are_differentiable_and_batched_and_keep_their_precision():
    payoffs = random_game(3, (2, 3))
    profile = random_profile(4, (2, 3))
    slope = jax.grad(lambda tensor: FiniteGame(tensor).expected(profile)["player 1"])(jnp.asarray(payoffs))
    np.testing.assert_allclose(slope[0], np.outer(*profile), rtol=1e-12)
    np.testing.assert_array_equal(slope[1], 0.0)
    batch = jax.vmap(lambda tensor: FiniteGame(tensor).expected(profile)["player 2"])(jnp.stack([payoffs, 2 * payoffs]))
    np.testing.assert_allclose(batch[1], 2 * batch[0], rtol=1e-12)
    with jax.enable_x64(False):
        single = FiniteGame(payoffs.astype(np.float32)).expected(profile)["player 1"]
        assert single.dtype == jnp.float32
        np.testing.assert_allclose(single, brute_expected(payoffs, profile)[0], rtol=1e-5)


def test_traced_bad_probabilities_give_nan():
    game = FiniteGame(DILEMMA)
    values = jax.vmap(lambda p: game.expected([jnp.stack([p, 1 - p]), [0.5, 0.5]])["row"])(jnp.array([0.5, -0.1, 1.5]))
    np.testing.assert_array_equal(np.isnan(values), [False, True, True])


def test_the_table_of_two_players():
    lines = str(FiniteGame(DILEMMA, strategies=NAMES)).splitlines()
    assert lines[0].split() == ["row", "\\", "column", "quiet", "confess"]
    assert lines[3].split() == ["confess", "5,", "0", "1,", "1"]
    assert "payoff of player 3" in str(FiniteGame(random_game(0, (2, 2, 2))))


def test_dominance_by_pure_strategies():
    game = FiniteGame(DILEMMA, strategies=NAMES)
    assert dominated(game) == {"row": ("quiet",), "column": ("quiet",)}
    # row's second strategy is dominated only after column's second one is gone
    chain = FiniteGame([[[2, 0], [1, 5]], [[1, 0], [1, 0]]], strategies=[("up", "down"), ("left", "right")])
    assert dominated(chain) == {"player 1": (), "player 2": ("right",)}
    assert without_dominated(chain).strategies == (("up",), ("left",))


def test_a_tie_is_not_strict_dominance():
    assert dominated(FiniteGame([[1.0, 1.0]])) == {"player 1": ()}
    assert dominated(FiniteGame([[1.0, 2.0]]), mixed=True) == {"player 1": ("strategy 1",)}
    assert dominated(FiniteGame([[1.0]]), mixed=True) == {"player 1": ()}


@pytest.mark.parametrize(("third", "beaten"), [(1.4, ("c",)), (1.5, ()), (1.6, ())])
def test_dominance_by_mixtures(third, beaten):
    # half of a and half of b earns 1.5 everywhere
    game = FiniteGame(
        {"row": [[3.0, 0.0], [0.0, 3.0], [third, third]], "column": np.zeros((3, 2))}, strategies=["abc", "xy"]
    )
    assert dominated(game)["row"] == ()
    assert dominated(game, mixed=True)["row"] == beaten
    assert without_dominated(game, mixed=True).sizes == (3 - len(beaten), 2)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: FiniteGame([[[1.0, np.nan]], [[0.0, 0.0]]]), r"FiniteGame.payoffs is nan at index \[0, 0, 1\]"),
        (lambda: FiniteGame(np.zeros((2, 3))), r"FiniteGame.payoffs has shape \(2, 3\); give \[players, n_1"),
        (lambda: FiniteGame(np.zeros((2, 3, 0))), "give every player a strategy"),
        (lambda: FiniteGame({"a": [[1]], "b": [[1, 2]]}), "a tensor of the same shape"),
        (lambda: FiniteGame(DILEMMA, players=("a",)), r"FiniteGame.players is \('a',\); give 2 different names"),
        (lambda: FiniteGame(DILEMMA, strategies=["ab", "aa"]), r"'column' is \('a', 'a'\); give 2 different names"),
        (lambda: FiniteGame(DILEMMA, strategies=["ab"]), "has 1 entries; give one list of names for each of 2"),
        (lambda: FiniteGame(DILEMMA, strategies={"a": "ab"}), "give the strategies of"),
        (lambda: FiniteGame(DILEMMA).expected([[1, 1], [1, 0]]), "give probabilities of at least 0 that sum to 1"),
        (lambda: FiniteGame(DILEMMA).expected([[1], [1, 0]]), "give 2 probabilities"),
        (lambda: FiniteGame(DILEMMA).expected([[1, 0]]), "one entry for each of the players"),
        (lambda: FiniteGame(DILEMMA).expected(None), "The profile None does not have one entry"),
        (lambda: FiniteGame(DILEMMA).expected({"row": [1, 0]}), "no entry 'column'"),
        (lambda: FiniteGame(DILEMMA, strategies=NAMES).expected(("quite", "quiet")), "Did you mean 'quiet'"),
        (lambda: FiniteGame(DILEMMA).restricted({"rows": ["a"]}), "Did you mean 'row'"),
        (lambda: FiniteGame(DILEMMA).restricted({"row": []}), "give every player a strategy"),
    ],
)
def test_what_is_wrong_is_named(build, message):
    with pytest.raises(ValueError, match=message):
        build()


def test_something_else_than_numbers_is_named():
    with pytest.raises(TypeError, match=r"FiniteGame.payoffs is 'abc'"):
        FiniteGame("abc")
    with pytest.raises(TypeError, match="dominated got"):
        dominated(DILEMMA)
