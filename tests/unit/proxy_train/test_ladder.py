"""Whole trainings at several sizes, with halving, from a part of the text, and of a design that grows."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from midmix.config import Config
from midmix.config.execution import Execution
from midmix.execution.batch import Batch
from midmix.execution.cluster import ClusterPool
from midmix.execution.local import LocalPool
from midmix.execution.rank import Rank
from midmix.flow import FLOW
from midmix.pool import Pool
from midmix.proxy_train.step import halving_settings, ladder_settings
from midmix.runner import run_steps
from midmix.table_files import publish_unit, read_table, read_unit
from midmix.tables import DESIGNS, HALVINGS, LOSSES, STEPS

MakeRun = Callable[[str], Path]
MakeConfig = Callable[..., Config]
SMALLER = {"layers": 1, "width": 8, "heads": 2}
KEYS = ("run", "shape", "step", "metric", "unit")


def train(folder: Path, config: Config, workers: int = 1) -> None:
    run_steps(config, folder, [step for step in FLOW if step.name == "train"], workers=workers, quiet=True)


def losses(folder: Path, **where: Any) -> dict[tuple[Any, ...], float | None]:
    """Values by key, of the rows that have these values."""
    rows = read_table(folder, LOSSES).to_pylist()
    chosen = [row for row in rows if all(row[name] == value for name, value in where.items())]
    return {tuple(row[name] for name in KEYS): row["value"] for row in chosen}


def actions(folder: Path) -> dict[str, str]:
    """What the latest run did with each batch."""
    return {row["item"]: row["action"] for row in read_table(folder, STEPS).to_pylist() if row["step"] == "train"}


def add(folder: Path, number: int, *, pool: float | None = None, candidate: str | None = None) -> None:
    """Add a run of half code and half prose."""
    rows = read_unit(folder, DESIGNS, "added").to_pylist()
    rows += [
        {
            "run": number, "role": "micro-anneal", "stage": "main", "seed": 0, "domain": domain, "weight": 0.5,
            "candidate": candidate, "pool": pool if domain == "code" else None,
        }
        for domain in ("code", "prose")
    ]  # fmt: skip
    publish_unit(folder, DESIGNS, "added", pa.Table.from_pylist(rows, DESIGNS.schema()))


def test_a_further_size_has_the_rate_of_its_parameters_unless_it_says_so(make_config: MakeConfig) -> None:
    given = make_config(ladder=[SMALLER, SMALLER | {"width": 32, "learning_rate": 0.5}], learning_rate=0.1).proxy
    assert given is not None
    (shape, own), (small, follows), (_, says) = ladder_settings(given, vocabulary=257)
    assert own["learning_rate"] == 0.1 and says["learning_rate"] == 0.5
    assert small.name == "L1-d8-ff24-v257"
    assert follows["learning_rate"] == pytest.approx(0.1 * (shape.num_parameters / small.num_parameters) ** (1 / 3))


def test_halving_judges_by_the_targets(make_config: MakeConfig) -> None:
    config = make_config(halving=[0.25, 0.5])
    assert config.proxy is not None and config.mixture is not None
    expected = {"halving": {"fractions": [0.25, 0.5], "weights": {"set:sums": 1.0}}}
    assert halving_settings(config.proxy, config.mixture) == expected
    assert halving_settings(make_config().proxy, config.mixture) == {}  # type: ignore[arg-type]


def test_a_size_that_is_added_later_is_trained_alone(make_run: MakeRun, make_config: MakeConfig) -> None:
    folder = make_run("grows")
    train(folder, make_config())
    before = losses(folder)
    train(folder, make_config(ladder=[SMALLER]))
    after = losses(folder)
    assert {key: after[key] for key in before} == before
    assert {shape for _, shape, *_ in after} == {"L1-d16-ff48-v257", "L1-d8-ff24-v257"}
    assert {run for run, shape, *_ in after if shape == "L1-d8-ff24-v257"} == {0, 1, 2}
    assert actions(folder) == {
        "batch-000": "reused", "batch-001": "reused", "L1-d8-ff24-v257-batch-000": "done",
        "L1-d8-ff24-v257-batch-001": "done",
    }  # fmt: skip


def test_runs_that_are_added_leave_all_others_alone_at_every_size(make_run: MakeRun, make_config: MakeConfig) -> None:
    folder, config = make_run("grows"), make_config(ladder=[SMALLER])
    train(folder, config)
    add(folder, 100_000, candidate="code")
    train(folder, config)
    before = losses(folder)
    add(folder, 101_000, candidate="code", pool=0.05)
    train(folder, config)
    assert {item for item, action in actions(folder).items() if action == "done"} == {
        "added-001-000", "L1-d8-ff24-v257-added-001-000"
    }  # fmt: skip
    after = losses(folder)
    assert {key: after[key] for key in before} == before
    # the same mixture and seed as run 0, and as 100,000; from a twentieth of the code it learns code otherwise
    same = [
        (key, value)
        for key, value in after.items()
        if key[0] == 100_000 and key[3:] == ("domain:code", "bits_per_byte")
    ]
    assert same and all(after[0, *key[1:]] == value for key, value in same)
    last = max(step for _, _, step, *_ in after)
    assert all(after[101_000, *key[1:]] != value for key, value in same if key[2] == last)


class TwoRanks:
    """A backend that starts the processes of its ranks here, as array tasks on one node."""

    name, max_ranks = "here", 2

    def submit(self, batch: Batch, num_ranks: int, at_once: int) -> TwoRanks:
        self.threads = [
            threading.Thread(target=Rank(str(batch.folder)), args=(None, rank, num_ranks)) for rank in range(num_ranks)
        ]
        for thread in self.threads:
            thread.start()
        return self

    def ended(self) -> str | None:
        return None if any(thread.is_alive() for thread in self.threads) else "ended"

    def drop_waiting(self) -> None:
        """All have started."""

    def cancel(self) -> None:
        self.close(kill=True)

    def close(self, *, kill: bool) -> None:
        for thread in self.threads:
            thread.join()


@pytest.mark.full  # a rank compiles every kernel of the product where the cache lacks it
def test_two_ranks_give_the_bytes_of_one_process(
    make_run: MakeRun, make_config: MakeConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    def open_cluster(execution: Execution, folder: Path, locks: tuple[Path, Path], progress: Any, **more: Any) -> Pool:
        beside = LocalPool(1, progress, locks)
        return ClusterPool(TwoRanks(), beside, folder, progress, execution.model_copy(update={"local_calls": 0}))

    config, one, two = make_config(ladder=[SMALLER], halving=[0.5]), make_run("one"), make_run("two")
    train(one, config)
    monkeypatch.setattr("midmix.runner.open_pool", open_cluster)
    train(two, config)
    for table in (LOSSES, HALVINGS):
        assert read_table(one, table) == read_table(two, table)
    assert set(actions(two).values()) == {"done"}


def test_those_that_are_left_after_halving_are_bitwise_what_they_would_have_been(
    make_run: MakeRun, make_config: MakeConfig
) -> None:
    whole, halved = make_run("whole"), make_run("halved")
    train(whole, make_config(rows_per_batch=3))
    train(halved, make_config(rows_per_batch=3, halving=[0.5]))
    rows = read_table(halved, HALVINGS).to_pylist()
    # run 1 is the control: it goes on beside the better one of the two others
    assert [(row["run"], row["step"], row["protected"]) for row in rows] == [
        (0, 10, False),
        (1, 10, True),
        (2, 10, False),
    ]
    better = min((0, 2), key=lambda run: rows[run]["score"])
    assert [row["kept"] for row in rows] == [better == 0, True, better == 2]
    expected, found = losses(whole), losses(halved)
    stopped = 2 - better
    for run in (better, 1):
        own = {key: value for key, value in expected.items() if key[0] == run}
        assert {key: found[key] for key in own} == own
    assert {step for run, _, step, *_ in found if run == stopped} == {2, 4, 7, 9}
    assert {step for run, _, step, *_ in expected if run == stopped} == {2, 4, 7, 9, 11, 13, 16, 18, 20}
