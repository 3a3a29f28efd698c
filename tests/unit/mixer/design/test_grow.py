"""Runs added to a design: by results so far, and to leave a source out."""

from __future__ import annotations

import numpy as np
import pytest

from midmix.artifact import read_table
from midmix.cli import main
from midmix.errors import InputError
from midmix.mixer.design.grow import add_runs
from midmix.mixer.design.next_runs import Next, next_runs
from midmix.run import Run
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
    assert add_runs(trained.folder, "ablation", [(0, natural), (0, new), (5, natural)], DOMAINS) == [
        1,
        100_000,
        100_001,
    ]
    assert add_runs(trained.folder, "sequential", [(0, new), (1, new)], DOMAINS) == [100_000, 100_002]
    table = read_table(trained.folder, DESIGNS)
    assert table.slice(0, own.num_rows) == own and table.num_rows == own.num_rows + 9
    assert mixtures(trained, "sequential") == {100_002: (1, [0.25, 0.25, 0.5])}


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
