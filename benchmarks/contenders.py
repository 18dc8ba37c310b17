"""Who competes in `solvers.py`, and how one is run: in a process of its own, so that memory is told apart."""

import dataclasses
import functools
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

NO_LIMIT = 10**9
HERE = Path(__file__).parent
TRUTHS = {"fungible": "fungible_truth", "newsvendor": "newsvendor_truth"}


@dataclasses.dataclass(frozen=True)
class Contender:
    """A method for one game: an entry of a file in `rivals/`.

    `rule` is how it takes expectations; `needs` has to be installed; at most `most` games are timed, where it is slow
    or takes much memory. A method that compiles nothing, or everything anew for each game, runs `once`.
    """

    name: str
    game: str
    rule: str
    entry: str
    needs: str = "eqsolve"
    most: int = NO_LIMIT
    once: bool = False


def _fungible(
    name: str, module: str, needs: str, most: int = NO_LIMIT, method: str = "", *, once: bool = False
) -> list[Contender]:
    """A contender of the fungible-capacity game under each of the two rules."""
    entries = {"16 x 16": f"{module}:{method}on_grid", "by parts": f"{module}:{method}by_parts"}
    return [Contender(name, "fungible", rule, entry, needs, most, once) for rule, entry in entries.items()]


CONTENDERS = (
    *_fungible("eqsolve", "by_eqsolve", "eqsolve"),
    *_fungible("Numba kernel", "numba_fungible", "numba"),
    *_fungible("jit(vmap(Newton))", "plain_newton", "jax", 100_000),
    *_fungible("optimistix Newton", "optimistix_newton", "optimistix", 100_000),
    *_fungible("SciPy root", "scipy_loop", "scipy", 400, "root_", once=True),
    *_fungible("SciPy best replies", "scipy_loop", "scipy", 50, "replies_", once=True),
    *_fungible("NashOpt", "nashopt_loop", "nashopt", 4, once=True),
    Contender("eqsolve", "newsvendor", "scenarios", "by_eqsolve:newsvendors", most=500),
    Contender("Numba kernel", "newsvendor", "scenarios", "numba_newsvendor:best_replies", "numba"),
)


@dataclasses.dataclass(frozen=True)
class Run:
    """What running a contender took [seconds, MB], and what it answered to the first `timed` games."""

    timed: int
    first: float
    later: float
    start: float
    peak: float
    actions: np.ndarray
    solved: np.ndarray


def missing(contender: Contender) -> bool:
    """Whether what the contender needs is not installed."""
    return importlib.util.find_spec(contender.needs) is None


def run(contender: Contender, count: int, repeats: int) -> Run:
    """Run a contender on the first games of its kind; raises `RuntimeError` with the reason where it fails."""
    repeats = 0 if contender.once else max(repeats, 20 if count == 1 else 1)
    return _run(contender, min(count, contender.most), repeats)


@functools.cache  # slow contenders solve the same part of the games for every larger number of them
def _run(contender: Contender, timed: int, repeats: int) -> Run:
    module, function = contender.entry.split(":")
    environment = {name: value for name, value in os.environ.items() if name != "JAX_COMPILATION_CACHE_DIR"}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "answer.npz"
        given = (TRUTHS[contender.game], f"rivals.{module}", function, timed, repeats, path)
        command = [sys.executable, str(HERE / "one_method.py"), *map(str, given)]
        done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
        if done.returncode:
            silent = f"exit code {done.returncode} (-9: ended by the system, as where memory runs out)"
            reason = (done.stderr.strip().splitlines() or [silent])[-1]
            raise RuntimeError(f"{contender.name}, {contender.rule}, failed on {timed:,} games: {reason}")
        found = json.loads(done.stdout.splitlines()[-1])
        with np.load(path) as answer:
            return Run(
                timed, found["first"], found["later"], found["start MB"], found["peak MB"], answer["actions"],
                answer["solved"],
            )  # fmt: skip
