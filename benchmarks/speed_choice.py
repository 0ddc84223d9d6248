"""The choice model's speed and memory: ours against evalica, arenakit and FastChat, in one run.

Usage: python benchmarks/speed_choice.py [--quick] [--peer-python PYTHON] [--fastchat rating_systems.py]
       [--only point|bootstrap100|bootstrap500|robust500|pairs500|swiss3600|share40|share320|share3000]

Every contender runs in a process of its own, with one BLAS thread, on the same choices. Counted are the CPU
seconds of that process and its children from after the data stand until the answer does, and the peak
memory above the data (Linux; FastChat's workers are not in it). Ours runs before each peer, in turns, and
peers do the whole work; where a task is repeated the run that took least is reported, as other work on the
machine only ever adds. Ours starts
from a table whose labels are categories and does all that `choice_model` does (without CR2 intervals
where a bootstrap is asked for);
the peers start from whatever they like best (integer codes for evalica and arenakit). `robust500` is what
`choice_model` does by itself (slot effect, CR2 by pair); it has no peer. `separated` rows compare it with the
same choices in which one item never wins: answers differ then by what that item changes.

`evalica` and `arenakit` must be importable by PYTHON, which need not be the one that has Bartleby: `uv sync
--group peers` installs them (set UV_PROJECT_ENVIRONMENT for an environment of their own). FastChat's current
ratings are not on PyPI: give the path of the file `fastchat/serve/monitor/rating_systems.py` of a checkout.
What is not there is reported as not measured.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

Floats = npt.NDArray[np.float64]
REPLICATES = 1000
WARM_UP_ROWS = 20_000


@dataclass(frozen=True)
class Task:
    """One thing to do, who does it, by how many times ours should be cheaper, and how often it is timed."""

    name: str
    items: int
    rows: int
    contenders: tuple[str, ...]
    goal: float
    times: int = 1


TASKS = (
    Task("point", 100, 10_000_000, ("ours-point", "evalica-point"), 50, 5),
    Task("bootstrap100", 100, 1_000_000, ("ours-bootstrap", "arenakit-clusters", "fastchat-rows"), 40, 2),
    Task("bootstrap500", 500, 1_000_000, ("ours-bootstrap", "arenakit-clusters", "fastchat-rows"), 30),
    Task("robust500", 500, 1_000_000, ("ours-robust",), 0),
    Task("pairs500", 500, 249_500, ("ours-all-pairs",), 0, 3),
    *(Task(f"swiss{items}", items, 50 * items, ("ours-swiss",), 0) for items in (900, 1800, 3600)),
    Task("share40", 40, 480, ("ours-share",), 0, 3),
    Task("share320", 320, 3_840, ("ours-share",), 0),
    Task("share3000", 3_000, 36_000, ("ours-share",), 0),
    *(
        Task(f"separated{items}", items, rows, ("ours-robust", "ours-separated"), 0, 3)
        for items, rows in ((160, 5_000), (320, 10_000), (500, 16_000), (1500, 50_000))
    ),
)
MEMORY_GOAL = 4


@dataclass(frozen=True, eq=False)
class Choices:
    """Choices as integer codes: items shown first and second, and whether the first was taken."""

    first: npt.NDArray[np.int32]
    second: npt.NDArray[np.int32]
    won: npt.NDArray[np.bool_]
    items: int

    def names(self) -> list[str]:
        """Return the item ids, in the order of their codes."""
        return [f"item {at:03d}" for at in range(self.items)]

    def table(self) -> pd.DataFrame:
        """Return the choices as a table whose labels are categories."""
        names = pd.Index(self.names())
        outcome = pd.Categorical.from_codes(
            (~self.won).astype(np.int8), categories=pd.Index(["chose_first", "chose_second"])
        )
        return pd.DataFrame(
            {
                "first": pd.Categorical.from_codes(self.first, categories=names),
                "second": pd.Categorical.from_codes(self.second, categories=names),
                "outcome": outcome,
            }
        )


def choices(items: int, rows: int) -> Choices:
    """Return choices among all pairs of items whose utilities have a standard deviation of 1 logit."""
    rng = np.random.default_rng(11)
    utility = rng.normal(size=items)
    first = rng.integers(0, items, rows, dtype=np.int32)
    second = (first + rng.integers(1, items, rows, dtype=np.int32)) % items
    chance = 1 / (1 + np.exp(-(utility[first] - utility[second])))
    return Choices(first, second.astype(np.int32), rng.random(rows) < chance, items)


def ours_point(data: Choices, replicates: int) -> tuple[Callable[[], Any], Callable[[Any], Any]]:
    """Fit by Bartleby, trials independent: estimates, intervals, accounting."""
    del replicates
    from bartleby.analysis.choice.model import choice_model

    table = data.table()
    return lambda: choice_model(table, cluster=False, slot=False), lambda fit: {
        "point": _utilities(fit.to_frame(), "estimate")
    }


def ours_bootstrap(data: Choices, replicates: int) -> tuple[Callable[[], Any], Callable[[Any], Any]]:
    """Fit by Bartleby, and bootstrap its pairs."""
    from bartleby.analysis.choice.model import choice_model

    table = data.table()

    def run() -> Any:  # noqa: ANN401
        fit = choice_model(table, cluster=False, slot=False)
        return fit, fit.bootstrap("pair", replicates=replicates, seed=1)

    return run, lambda found: {
        "point": _utilities(found[0].to_frame(), "estimate"),
        "spread": _utilities(found[1].to_frame(), "std_error"),
    }


def ours_robust(data: Choices, replicates: int) -> tuple[Callable[[], Any], Callable[[Any], Any]]:
    """Fit by Bartleby as it does when nothing is asked for: slot effect, CR2 by pair, Satterthwaite."""
    del replicates
    from bartleby.analysis.choice.model import choice_model

    table = data.table()
    return lambda: choice_model(table), lambda fit: {"point": _utilities(fit.to_frame(), "estimate")}


def ours_all_pairs(data: Choices, replicates: int) -> tuple[Callable[[], Any], Callable[[Any], Any]]:
    """Fit by Bartleby what all pairs of as many items give, each asked in both orders."""
    rng = np.random.default_rng(1)
    one, other = np.triu_indices(data.items, 1)
    utility = rng.normal(size=data.items)
    return ours_robust(_drawn(utility, np.append(one, other), np.append(other, one), rng), replicates)


def ours_swiss(data: Choices, replicates: int) -> tuple[Callable[[], Any], Callable[[Any], Any]]:
    """Fit by Bartleby 50 rounds of pairs of items with like scores, each asked in both orders."""
    rng = np.random.default_rng(1)
    utility, score = rng.normal(size=data.items), np.zeros(data.items)
    rounds = []
    for _ in range(50):
        order = np.lexsort((rng.random(data.items), -score))
        one, other = order[::2], order[1::2]
        rounds.append(_drawn(utility, np.append(one, other), np.append(other, one), rng))
        np.add.at(score, np.where(rounds[-1].won, rounds[-1].first, rounds[-1].second), 1.0)
    first, second, won = (
        np.concatenate([getattr(each, name) for each in rounds]) for name in ("first", "second", "won")
    )
    return ours_robust(Choices(first, second, won, data.items), replicates)


def _drawn(
    utility: Floats, first: npt.NDArray[Any], second: npt.NDArray[Any], rng: np.random.Generator
) -> Choices:
    """Return choices between items, with a position effect of 0.2 logits."""
    chance = 1 / (1 + np.exp(-(utility[first] - utility[second] - 0.2)))
    won = rng.random(len(first)) < chance
    return Choices(first.astype(np.int32), second.astype(np.int32), won, len(utility))


def ours_share(data: Choices, replicates: int) -> tuple[Callable[[], Any], Callable[[Any], Any]]:
    """Share of items below a baseline, by Bartleby, after the fit; see `with_baseline`."""
    del replicates
    from bartleby.analysis.choice.model import choice_model

    fit = choice_model(with_baseline(data.items).table(), baseline=f"item {data.items:03d}")
    return fit.share_below, lambda found: {"point": [float(found.to_frame()["estimate"].iloc[0])]}


def with_baseline(items: int, seed: int = 3) -> Choices:
    """Return choices among items at -3 and +1 logits, and of each of them with a baseline, twice."""
    rng = np.random.default_rng(seed)
    utility = np.append(np.where(rng.random(items) < 0.2, -3, 1) + 0.5 * rng.normal(size=items), 0.0)
    own = np.arange(items)
    others = [(own + step) % items for step in rng.choice(np.arange(1, items), 4, replace=False)]
    first = np.tile(own, 6)
    second = np.concatenate([*others, np.full(2 * items, items)])
    first, second = np.append(first, second), np.append(second, first)
    chance = 1 / (1 + np.exp(utility[second] - utility[first] - 0.7))
    won = rng.random(len(first)) < chance
    return Choices(first.astype(np.int32), second.astype(np.int32), won, items + 1)


def ours_separated(data: Choices, replicates: int) -> tuple[Callable[[], Any], Callable[[Any], Any]]:
    """Fit the same by Bartleby, but that one item never wins."""
    won = np.where(data.first == 1, False, np.where(data.second == 1, True, data.won))
    return ours_robust(replace(data, won=won), replicates)


def evalica_point(data: Choices, replicates: int) -> tuple[Callable[[], Any], Callable[[Any], Any]]:
    """Fit by evalica at its own tolerance; the answer compared is that of a tight one."""
    del replicates
    import evalica

    winners = [evalica.Winner.X if won else evalica.Winner.Y for won in data.won.tolist()]
    index = pd.Index(range(data.items))

    def run(**options: Any) -> Any:  # noqa: ANN401
        return evalica.bradley_terry(data.first, data.second, winners, index=index, **options)

    def answer(result: Any) -> dict[str, Any]:  # noqa: ANN401
        tight = np.log(run(tolerance=1e-12, limit=10_000).scores.sort_index().to_numpy())
        own = np.log(result.scores.sort_index().to_numpy())
        return {"point": _centred(tight), "own": _centred(own)}

    return run, answer


def arenakit_clusters(data: Choices, replicates: int) -> tuple[Callable[[], Any], Callable[[Any], Any]]:
    """Bootstrap clusters by arenakit, without its prior so that the model is the same."""
    import arenakit

    arena = arenakit.Arena.__new__(arenakit.Arena)
    arena.models = data.names()
    arena.a, arena.b = data.first, data.second
    arena.y = (~data.won).astype(np.int8)
    low, high = np.minimum(data.first, data.second), np.maximum(data.first, data.second)
    pair = np.unique(low.astype(np.int64) * data.items + high, return_inverse=True)[1]
    arena.item, arena.voter = None, pair.astype(np.int64)

    def fit(counts: Any) -> Any:  # noqa: ANN401
        return arenakit.fit_bt(counts, prior=0.0)

    def run() -> Any:  # noqa: ANN401
        return arenakit.bootstrap(arena, fit=fit, n_resamples=replicates, seed=1, cluster="voter")

    def answer(result: Any) -> dict[str, Any]:  # noqa: ANN401
        drawn = result.scores - result.scores.mean(axis=1, keepdims=True)
        return {"point": _centred(result.point), "spread": drawn.std(axis=0, ddof=1).tolist()}

    return run, answer


def fastchat_rows(data: Choices, replicates: int) -> tuple[Callable[[], Any], Callable[[Any], Any]]:
    """Bootstrap rows as FastChat does, in one process; what is compared is a tight fit of its likelihood."""
    from scipy.optimize import minimize

    module = _fastchat()
    names = np.array(data.names())
    battles = pd.DataFrame(
        {
            "model_a": names[data.first],
            "model_b": names[data.second],
            "winner": np.where(data.won, "model_a", "model_b"),
        }
    )

    def run() -> Any:  # noqa: ANN401
        return module.compute_bootstrap_bt(battles, num_round=replicates, num_cpu=1)

    def answer(result: pd.DataFrame) -> dict[str, Any]:
        matchups, outcomes, models, weights = module.preprocess_for_bt(battles)
        alpha = np.log(10.0)
        # Its own fit stops at 100 steps and a relative 2e-9; only its likelihood is maximised further.
        tight = minimize(
            module.bt_loss_and_grad,
            np.zeros(len(models)),
            args=(matchups, outcomes, weights / weights.sum(), alpha),
            jac=True,
            method="L-BFGS-B",
            options={"gtol": 1e-12, "ftol": 0.0, "maxiter": 10_000},
        )
        ratings = tight.x * alpha
        drawn = result[sorted(result.columns)].to_numpy() / 400.0 * np.log(10.0)
        drawn = drawn - drawn.mean(axis=1, keepdims=True)
        order = np.argsort(models)
        return {"point": _centred(ratings[order]), "spread": drawn.std(axis=0, ddof=1).tolist()}

    return run, answer


CONTENDERS: dict[str, Callable[[Choices, int], tuple[Callable[[], Any], Callable[[Any], Any]]]] = {
    "ours-point": ours_point,
    "ours-bootstrap": ours_bootstrap,
    "ours-robust": ours_robust,
    "ours-separated": ours_separated,
    "ours-share": ours_share,
    "ours-all-pairs": ours_all_pairs,
    "ours-swiss": ours_swiss,
    "evalica-point": evalica_point,
    "arenakit-clusters": arenakit_clusters,
    "fastchat-rows": fastchat_rows,
}


def _fastchat() -> Any:  # noqa: ANN401
    path = os.environ.get("BARTLEBY_FASTCHAT")
    if not path:
        raise ImportError("FastChat's rating_systems.py was not given (--fastchat PATH)")
    spec = importlib.util.spec_from_file_location("rating_systems", path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path}: not a Python file")
    module = importlib.util.module_from_spec(spec)
    # Its worker processes look the functions up by the name of the module.
    sys.modules["rating_systems"] = module
    spec.loader.exec_module(module)
    return module


def _centred(scores: npt.ArrayLike) -> list[float]:
    values = np.asarray(scores, dtype=float)
    return [float(value) for value in values - values.mean()]


def _utilities(frame: pd.DataFrame, column: str) -> list[float]:
    rows = frame[frame["term"].str.startswith("item ")].sort_values("term")
    return [float(value) for value in rows[column]]


def _memory(field: str) -> float:
    """Return `VmRSS` (memory now) or `VmHWM` (its peak since the last reset) of this process in MB."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(f"{field}:"))


def _forget_peak() -> None:
    """Let the peak start anew, so that what built the data is not in it (Linux)."""
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def _cpu() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


def measure(name: str, items: int, rows: int, replicates: int) -> None:
    """Run one contender here and print what it took as JSON."""
    warm, _ = CONTENDERS[name](choices(10, WARM_UP_ROWS), 20)
    warm()  # imports are not what is measured
    run, answer = CONTENDERS[name](choices(items, rows), replicates)
    _forget_peak()
    before, cpu, wall = _memory("VmRSS"), _cpu(), time.perf_counter()
    result = run()
    took = {"cpu": _cpu() - cpu, "wall": time.perf_counter() - wall, "memory": _memory("VmHWM") - before}
    print(json.dumps({**took, "replicates": replicates, **answer(result)}))


def run_task(task: Task, options: argparse.Namespace) -> dict[str, dict[str, Any]]:
    """Run every contender of a task in turns, each in its own process."""
    runs: dict[str, list[dict[str, Any]]] = {}
    for name in in_turns(task):
        result = run_contender(name, task, options)
        if result is not None:
            runs.setdefault(name, []).append(result)
    for name, results in runs.items():
        taken = ", ".join(f"{result['cpu']:.3g}" for result in results)
        print(f"{task.name}, {name}: CPU s of each run: {taken}", flush=True)
    return {name: min(results, key=lambda run: float(run["cpu"])) for name, results in runs.items()}


def in_turns(task: Task) -> list[str]:
    """Return who runs when: ours before each of the others, as often as the task is repeated."""
    ours, *peers = task.contenders
    turns = [name for peer in peers if not peer.startswith("ours") for name in (ours, peer)]
    return (turns or list(task.contenders)) * task.times


def run_contender(name: str, task: Task, options: argparse.Namespace) -> dict[str, Any] | None:
    """Run a contender in a process of its own; print why it was not measured."""
    rows = task.rows // (10 if options.quick else 1)
    python = sys.executable if name.startswith("ours") else options.peer_python
    command = [python, __file__, "--here", name]
    command += ["--items", str(task.items), "--rows", str(rows), "--replicates", str(options.replicates)]
    environment = dict(os.environ, OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")
    if options.fastchat:
        environment["BARTLEBY_FASTCHAT"] = str(Path(options.fastchat).resolve())
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        print(f"{task.name}, {name}: not measured: {last}", flush=True)
        return None
    result: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return result


def report(task: Task, results: dict[str, dict[str, Any]], options: argparse.Namespace) -> bool:
    """Print one task's table and tell whether answers agree and the goal was met."""
    base = next((result for name, result in results.items() if name.startswith("ours")), None)
    if base is None:
        return False
    rows = task.rows // (10 if options.quick else 1)
    print(
        f"\n**{task.name}**: {task.items} items, {rows:,} choices"
        + (f"; goal: 1/{task.goal:g} of the CPU seconds, 1/{MEMORY_GOAL} of the memory" if task.goal else "")
        + "\n"
    )
    print("| | CPU s | ratio | wall s | MB above the data | ratio | answer apart by | spread, ratio |")
    print("|---|---|---|---|---|---|---|---|")
    missed: list[str] = []
    for name, result in results.items():
        cpu, memory = result["cpu"], result["memory"]
        apart = float(np.max(np.abs(np.subtract(result["point"], base["point"]))))
        spread = "-"
        if "spread" in result and "spread" in base:
            spread = f"{np.median(np.divide(result['spread'], base['spread'])):.3f}"
        print(
            f"| {name} | {cpu:.3f} | {cpu / base['cpu']:.1f} | {result['wall']:.2f} "
            f"| {memory:.0f} | {memory / max(base['memory'], 1.0):.1f} | {apart:.1e} | {spread} |"
        )
        if result is not base:
            kept = {
                "answer": apart < 1e-6,
                "CPU": cpu / base["cpu"] >= task.goal,
                "memory": memory / max(base["memory"], 1.0) >= MEMORY_GOAL,
            }
            missed += [f"{what} against {name}" for what, good in kept.items() if not good]
    if task.goal:
        print(f"\nMissed: {', '.join(missed) or 'nothing'}.", flush=True)
    return not missed


def main() -> int:
    """Print the tables; return 1 if a goal was missed or answers differ."""
    parser = argparse.ArgumentParser(description="Speed of the choice model against its peers")
    parser.add_argument("--quick", action="store_true", help="a tenth of the rows, 100 replicates")
    parser.add_argument("--only", choices=[task.name for task in TASKS])
    parser.add_argument("--peer-python", default=sys.executable, help="interpreter that has the peers")
    parser.add_argument("--fastchat", help="path of FastChat's rating_systems.py")
    parser.add_argument("--replicates", type=int)
    parser.add_argument("--here", choices=list(CONTENDERS), help=argparse.SUPPRESS)
    parser.add_argument("--items", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--rows", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.here:
        measure(options.here, options.items, options.rows, options.replicates)
        return 0
    options.replicates = options.replicates or (100 if options.quick else REPLICATES)
    fine = True
    for task in TASKS:
        if options.only in (None, task.name):
            fine &= report(task, run_task(task, options), options)
    return 0 if fine else 1


if __name__ == "__main__":
    sys.exit(main())
