"""Runs added to a design: by results so far, and to leave a source out."""

from __future__ import annotations

import numpy as np
import pytest

from midmix.cli import main
from midmix.errors import InputError
from midmix.mixer.design.grow import NewRun, add_runs
from midmix.mixer.design.next_runs import Next, next_runs
from midmix.run import Run
from midmix.table_files import read_table
from midmix.tables import DESIGNS

DOMAINS = ("code", "maths", "web")


def mixtures(run: Run, role: str) -> dict[int, tuple[int, list[float]]]:
    """Seed and weights of the runs of a role."""
    found: dict[int, tuple[int, list[float]]] = {}
    for row in read_table(run.folder, DESIGNS).to_pylist():
        if row["role"] == role:
            found.setdefault(row["run"], (row["seed"], []))[1].append(row["weight"])
    return found


def test_added_runs_have_numbers_of_their_own_and_known_ones_keep_theirs(trained: Run) -> None:
    own = read_table(trained.folder, DESIGNS)
    natural = np.array(next(iter(mixtures(trained, "natural").values()))[1])
    new = np.array([0.25, 0.25, 0.5])
    three = [NewRun(0, natural), NewRun(0, new), NewRun(5, natural)]
    assert add_runs(trained.folder, "ablation", three, DOMAINS) == [1, 100_000, 100_001]
    assert add_runs(trained.folder, "sequential", [NewRun(0, new), NewRun(1, new)], DOMAINS) == [100_000, 101_000]
    table = read_table(trained.folder, DESIGNS)
    assert table.slice(0, own.num_rows) == own and table.num_rows == own.num_rows + 9
    assert mixtures(trained, "sequential") == {101_000: (1, [0.25, 0.25, 0.5])}


def test_the_next_runs_are_new_and_keep_to_the_limits(trained: Run) -> None:
    found = next_runs(trained, 3)
    assert found.noise == pytest.approx(0.002, abs=0.003)
    assert (np.diff(found.improvement) <= 1e-9).all()
    np.testing.assert_allclose(found.weights.sum(axis=1), 1.0)
    assert (found.weights[:, 0] >= 0.05 - 1e-6).all() and (found.weights[:, 2] <= 0.9 + 1e-6).all()
    tried = [
        np.array(weights) for role in ("natural", "space-filling") for _, weights in mixtures(trained, role).values()
    ]
    assert all(np.abs(new - old).max() > 1e-3 for new in found.weights for old in tried)


def test_what_is_left_to_gain_is_held_against_the_noise() -> None:
    weights, gains = np.ones((1, 1)), np.array([0.1])
    assert Next(weights, gains, regret=0.001, noise=0.002).enough
    assert not Next(weights, gains, regret=0.003, noise=0.002).enough


def test_too_few_results_are_refused(tokenized: Run) -> None:
    with pytest.raises(InputError, match="0 mixtures have results, expected 8 or more"):
        next_runs(tokenized, 2)


def test_an_ablation_by_the_command(trained: Run, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["design", str(trained.folder), "--ablate", "source=maths", "--seeds", "2"])
    assert ended.value.code == 0
    shown = capsys.readouterr().out
    # the natural mixture is there with both seeds
    assert "run 1: with maths, seed 0" in shown and "run 100000: without maths, seed 0" in shown
    added = mixtures(trained, "ablation")
    assert {seed for seed, _ in added.values()} == {0, 1}
    assert all(weights == [0.25, 0.0, 0.75] for _, weights in added.values())


def test_the_command_adds_the_next_runs_or_says_to_stop(trained: Run, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["design", str(trained.folder), "--next", "2"])
    assert ended.value.code == 0
    shown = capsys.readouterr().out
    added = mixtures(trained, "sequential")
    if shown.startswith("stop: "):
        assert "Nothing was added" in shown and not added
    else:
        assert set(added) == {100_000, 100_001} and "--from train" in shown


def test_options_that_exclude_each_other_are_refused(trained: Run, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["design", str(trained.folder), "--next", "2", "--dry-run"])
    assert ended.value.code == 2 and "exclude each other" in capsys.readouterr().err


def test_a_run_from_a_part_of_the_text_is_another_run(trained: Run) -> None:
    weights, part = np.array([0.25, 0.25, 0.5]), np.array([1.0, 0.25, 1.0])
    runs = [NewRun(0, weights, "maths", np.ones(3)), NewRun(0, weights, "maths", part), NewRun(0, weights)]
    assert add_runs(trained.folder, "micro-anneal", runs, DOMAINS) == [100_000, 100_001, 100_002]
    assert add_runs(trained.folder, "micro-anneal", runs, DOMAINS) == [100_000, 100_001, 100_002]
    rows = [r for r in read_table(trained.folder, DESIGNS).to_pylist() if r["run"] >= 100_000]
    assert [(r["candidate"], r["pool"]) for r in rows] == [
        *[("maths", None)] * 3, ("maths", None), ("maths", 0.25), ("maths", None), *[(None, None)] * 3
    ]  # fmt: skip


def test_a_micro_anneal_by_the_command(trained: Run, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["design", str(trained.folder), "--micro-anneal", "source=maths", "--share", "0.3", "--seeds", "2"])
    assert ended.value.code == 0
    shown = capsys.readouterr().out
    # replay is all web, so one control does for both, and it is there with both seeds
    assert "run 0: control on replay alone, seed 0" in shown
    # 30% of 4M tokens over 1M of maths, or over a quarter of it
    assert "run 100000: 30% maths (1.2 epochs), the rest replay, seed 0" in shown
    assert "run 100003: 30% maths from 25% of its text (4.8 epochs), the rest replay, seed 1" in shown
    added = mixtures(trained, "micro-anneal")
    assert set(added) == {100_000, 100_001, 100_002, 100_003}
    assert all(weights == [0.0, 0.3, 0.7] for _, weights in added.values())


def test_options_of_a_micro_anneal_without_one_are_refused(trained: Run, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["design", str(trained.folder), "--share", "0.3"])
    assert ended.value.code == 2 and "are for --micro-anneal" in capsys.readouterr().err
