"""The benchmarks: the command that runs them, and the NumPy references that judge the answers."""

import json
import subprocess
import sys
from pathlib import Path

import click.testing
import numpy as np
import pytest
from scipy.integrate import dblquad
from scipy.optimize import minimize_scalar

from eqsolve.study import bench, command

FOLDER = Path(__file__).parents[1] / "benchmarks"


@pytest.fixture
def run():
    runner = click.testing.CliRunner()
    return lambda *arguments: runner.invoke(command.program, ["bench", *map(str, arguments)])


@pytest.fixture(scope="module")
def truths():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(FOLDER))
        import fungible_truth
        import newsvendor_truth

        yield fungible_truth, newsvendor_truth


# ---- the command ----


def test_suites_are_listed_with_their_summaries(run):
    result = run("--list")
    assert result.exit_code == 0
    for name in bench.SUITES:
        assert name in result.output
    assert "Equilibria by eqsolve and by its rivals" in result.output


def test_a_quick_suite_prints_its_table_and_saves_its_numbers(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "eqsolve", "bench", "solvers", "--quick", "--output", str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "games/s" in done.stdout
    assert "have idle or corner states" in done.stdout
    saved = json.loads((tmp_path / "solvers.json").read_text())
    assert saved["suite"] == "solvers"
    assert list(saved["measured"]) == [f"fungible, {rule}, SciPy root, 20 games" for rule in ("16 x 16", "by parts")]
    assert saved["environment"]["versions"]["eqsolve"]
    for row in saved["rows"]:
        assert row["solved"] > 0.5  # MINPACK gives up in some games
        assert row["error"] < 1e-8
        assert row["regret"] < 1e-9
        assert row["seconds"] > 0
    by_grid, by_parts = (row["rule_error"] for row in saved["rows"])
    assert by_parts < 0.1 * by_grid


@pytest.mark.slow
def test_scaling_runs(tmp_path):
    done = subprocess.run(
        [sys.executable, str(FOLDER / "scaling.py"), "--quick", "--output", str(tmp_path / "scaling.json")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    saved = json.loads((tmp_path / "scaling.json").read_text())
    assert list(saved["measured"]) == ["nodes 4"]
    assert saved["points"][0]["solved"] == 1.0


def test_two_saved_runs_are_compared_row_by_row(run, tmp_path):
    for name, measured in (
        ("old", {"kept": 2.0, "gone row": 1.0, "nothing": 0.0}),
        ("new", {"kept": 1.0, "nothing": 1.0, "new row": 4.0}),
    ):
        (tmp_path / f"{name}.json").write_text(json.dumps({"suite": "solve", "measured": measured}))
    result = run("--compare", tmp_path / "old.json", tmp_path / "new.json")
    assert result.exit_code == 0
    rows = [line.split() for line in result.output.splitlines()[2:]]
    assert rows == [
        ["kept", "2", "1", "0.5"],
        ["gone", "row", "1", "gone"],
        ["nothing", "0", "1"],
        ["new", "row", "4", "new"],
    ]


@pytest.mark.parametrize("text", ["{}", "[1]", '{"measured": {"a": "fast"}}', "no JSON"])
def test_other_files_cannot_be_compared(run, tmp_path, text):
    path = tmp_path / "other.json"
    path.write_text(text)
    result = run("--compare", path, path)
    assert result.exit_code == 2
    assert "other.json is no saved run" in result.output


def test_an_unknown_suite_is_named_with_the_known_ones(run):
    result = run("solver")
    assert result.exit_code == 2
    assert "there is no suite 'solver'; choose from solvers, scaling" in result.output


def test_a_failing_suite_is_named_at_the_end(run, tmp_path, monkeypatch):
    for name in ("common", "solve", "scaling"):
        (tmp_path / f"{name}.py").write_text(
            '"""A benchmark."""\nimport sys\n' + ("sys.exit(3)" if name == "solve" else "")
        )
    monkeypatch.setattr(bench, "FOLDER", tmp_path)
    result = run("scaling", "solve")
    assert result.exit_code == 1
    assert "Failed: solve" in result.output


@pytest.mark.parametrize("arguments", [[], ["--list"], ["solve"]])
def test_outside_a_checkout_the_command_says_so(run, tmp_path, monkeypatch, arguments):
    monkeypatch.setattr(bench, "FOLDER", tmp_path)
    result = run(*arguments)
    assert result.exit_code == 2
    assert "from a checkout of eqsolve" in result.output
    assert "pip install -e" in result.output


@pytest.mark.usefixtures("truths")  # the folder is on the path
def test_bars_are_ratios_of_rates_at_no_less_accuracy():
    import solvers

    def row(method, rule, rate, rule_error, games=100_000):
        return solvers.Row(
            "fungible", rule, method, games, games, games / rate, 0.0, 0.0, 0.0, 1.0, 0.0, rule_error, 0.0
        )

    rows = [
        row("eqsolve", "16 x 16", 600.0, 1e-3),
        row("eqsolve", "by parts", 2400.0, 1e-5),
        row("jit(vmap(Newton))", "16 x 16", 100.0, 1e-3),
        row("Numba kernel", "16 x 16", 8000.0, 1e-6),  # more accurate than eqsolve by parts: no comparison
        row("SciPy root", "16 x 16", 0.2, 1e-3),
        row("SciPy root", "by parts", 0.1, 1e-5),
        row("eqsolve", "by parts", 500.0, 1e-5, games=1),
    ]
    cells = {bar.text: bar.cells()[1:] for bar in solvers.bars(rows)}
    assert cells["times jit(vmap(Newton)), same rule: 16 x 16"] == ("4", "6", "met")
    assert cells["times jit(vmap(Newton)) on 16 x 16, eqsolve by parts"] == ("20", "24", "met")
    assert cells["of the Numba kernel on 16 x 16, eqsolve by parts"] == ("0.15", "not measured", "")
    assert cells["of the Numba kernel, same rule: 16 x 16"] == ("", "0.075", "")
    assert cells["times SciPy root, both by their faster rule"] == ("10,000", "12,000", "met")
    assert cells["times NashOpt, both by their faster rule"] == ("500,000", "not measured", "")
    assert cells["milliseconds for a single game"] == ("1", "2", "not met")


# ---- the references ----


def test_the_exact_shadow_price_is_the_integral_over_both_shocks(truths):
    fungible, _ = truths
    games = fungible.games(4)
    total = 0.3 * fungible.largest(games)
    prices = fungible.exact_price(games, total)
    for g in range(4):
        theta, h, w, low, high = (games[name][g] for name in ("theta", "h", "w", "low", "high"))

        def scarcity(e2, e1, theta=theta, h=h, w=w, g=g):
            """The price at which both want what there is, by bisection on their demands."""
            a1, a2 = theta * np.array([e1, e2]) - w
            below, above = 0.0, max(a1, a2, 0.0)
            for _ in range(40):
                price = (below + above) / 2
                wanted = max(a1 - price, 0) / (2 * h[0]) + max(a2 - price, 0) / (2 * h[1])
                below, above = (price, above) if wanted > total[g] else (below, price)
            return above

        area = (high[0] - low[0]) * (high[1] - low[1])
        # kinks limit the quadrature
        integral, _ = dblquad(scarcity, low[0], high[0], low[1], high[1], epsabs=1e-4, epsrel=1e-4)
        assert prices[g] == pytest.approx(integral / area, abs=3e-4)


def test_reference_equilibria_are_best_replies_of_the_written_out_payoffs(truths):
    fungible, _ = truths
    games = fungible.games(40)
    for rule in fungible.RULES.values():
        capacity = fungible.equilibria(games, rule)
        assert np.max(fungible.regrets(games, capacity, rule)) < 1e-13
    capacity = fungible.equilibria(games, fungible.RULES["16 x 16"])
    for g in range(4):
        game = fungible.some(games, slice(g, g + 1))
        for i in range(2):

            def loss(own, game=game, k=capacity[g], i=i):
                return -_payoffs(fungible, game, np.where(np.arange(2) == i, own, k))[i]

            best = minimize_scalar(
                loss, bounds=(0, fungible.largest(game)[0]), method="bounded", options={"xatol": 1e-10}
            )
            assert loss(capacity[g, i]) <= best.fun + 1e-12


def _payoffs(fungible, game, k):
    """Both payoffs on the grid: the best of each state's candidate allocations."""
    a = fungible._nodes(game)[0]
    h, delta, cost = game["h"][0], game["delta"][0], game["c"][0]
    weights = fungible.W

    def value(a, q, h):
        return a * q - h * q**2

    own = [weights @ value(a[i], np.clip(a[i] / (2 * h[i]), 0, k[i]), h[i]) for i in range(2)]
    a1, a2, total = a[0][:, None], a[1][None], k.sum()
    # a concave problem: its best point is one of these, and all of them are feasible
    splits = [
        np.clip((a1 - a2 + 2 * h[1] * total) / (2 * (h[0] + h[1])), 0, total),  # all is used
        np.clip(a1 / (2 * h[0]), 0, total) + 0 * a2,  # division 1 has its way
        total - np.clip(a2 / (2 * h[1]), 0, total) + 0 * a1,  # division 2 has
    ]
    best = [value(a1, q, h[0]) + value(a2, np.clip(a2 / (2 * h[1]), 0, total - q), h[1]) for q in splits]
    best += [value(a1, np.clip(a1 / (2 * h[0]), 0, q), h[0]) + value(a2, total - q, h[1]) for q in splits]
    joint = weights @ np.max(best, axis=0) @ weights
    share = np.array([delta, 1 - delta])
    return (1 - share) * own + share * (joint - np.array(own)[::-1]) - cost * k


def test_a_wrong_answer_has_regret(truths):
    fungible, newsvendor = truths
    games = fungible.games(50)
    rule = fungible.RULES["16 x 16"]
    capacity = fungible.equilibria(games, rule)
    assert np.median(fungible.regrets(games, capacity + 0.01, rule)) > 1e-4
    assert np.all(np.isinf(fungible.regrets(games, np.full_like(capacity, np.nan), rule)))
    assert np.all(np.isinf(fungible.regrets(games, -capacity - 1, rule)))
    markets = newsvendor.games(50)
    assert np.all(newsvendor.regrets(markets, np.full((50, 2), 100.0)) > 0)
    assert np.all(np.isinf(newsvendor.regrets(markets, np.full((50, 2), np.nan))))


def test_newsvendor_regret_is_the_gain_of_a_search(truths):
    _, newsvendor = truths
    markets = newsvendor.games(5)
    stock = np.random.default_rng(0).uniform(40, 160, (5, 2))
    regrets = newsvendor.regrets(markets, stock)
    for g in range(5):
        price, margin, spill = (markets[name][g] for name in ("price", "margin", "spill"))
        gains = []
        for i in range(2):
            customers = markets["demand"][:, i] + spill[1 - i] * np.maximum(
                markets["demand"][:, 1 - i] - stock[g, 1 - i], 0
            )

            def profit(y, customers=customers, price=price[i], cost=price[i] * (1 - margin[i])):
                return price * np.mean(np.minimum(y, customers)) - cost * y

            best = max(profit(y) for y in [0.0, *customers])
            gains.append((best - profit(stock[g, i])) / best)
        assert regrets[g] == pytest.approx(max(gains), rel=1e-12)


def test_the_first_of_many_games_are_the_same_as_a_few(truths):
    for truth in truths:
        few, many = truth.games(3), truth.games(30)
        for name, value in truth.some(many, slice(0, 3)).items():
            np.testing.assert_array_equal(value, few[name])


def test_most_fungible_games_have_idle_or_corner_states(truths):
    fungible, _ = truths
    games = fungible.games(200)
    assert fungible.corner_share(games, fungible.equilibria(games, fungible.RULES["16 x 16"])) > 0.3
