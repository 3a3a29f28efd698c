"""`realized.json` taken back: its rows, in the place of older ones, and files that are none or of another plan."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from midmix.errors import InputError
from midmix.mixer.export.realized import add_realized, is_realized
from midmix.mixer.plan.manifest import Plan
from midmix.table_files import attach_file, read_table
from midmix.table_manifest import Manifest, publish
from midmix.tables import PLAN, REALIZED
from midmix.writer import only_writer


@pytest.fixture
def run(plan: Plan, tmp_path: Path) -> Path:
    folder = tmp_path / "run"
    attached = attach_file(folder, PLAN, "plan.json", lambda path: _write(path, plan.to_json()))
    publish(folder, Manifest("plan", (), (attached,)))
    return folder


def _write(path: Path, content: bytes) -> None:
    path.write_bytes(content)


@pytest.fixture
def realized(plan: Plan, tmp_path: Path) -> Callable[..., Path]:
    def write(**changes: Any) -> Path:
        stage = {"stage": "anneal", "sequence_length": 8, "planned": {"math": 3, "web": 9}, "highest_id": 99}
        stage |= {"realized": {"math": 3, "web": 8}, "tokens": {"math": 24, "web": 64}, "read": {"math": 1}}
        stage |= {"loader": "megatron-core", "loader_version": "0.16.1"}
        fields = {"format": "midmix-realized", "target": "megatron-core", "plan_hash": f"sha256:{plan.hash}"}
        path = tmp_path / "realized.json"
        path.write_text(json.dumps(fields | {"exact": False, "stages": [stage]} | changes))
        return path

    return write


def test_rows_are_those_of_the_file_and_take_the_place_of_older_ones(
    run: Path, realized: Callable[..., Path], plan: Plan
) -> None:
    add_realized(run, realized())
    rows = add_realized(run, realized())
    assert read_table(run, REALIZED).to_pylist() == rows
    assert [(r["stage"], r["domain"], r["planned"], r["realized"], r["tokens"], r["read"]) for r in rows] == [
        ("anneal", "math", 3, 3, 24, 1),
        ("anneal", "web", 9, 8, 64, 0),
    ]
    assert {(row["loader"], row["version"], row["plan_hash"]) for row in rows} == {
        ("megatron-core", "0.16.1", plan.hash)
    }
    add_realized(run, realized(target="datasets"))
    assert [row["target"] for row in read_table(run, REALIZED).to_pylist()] == ["datasets"] * 2 + ["megatron-core"] * 2


def test_a_domain_that_was_not_planned_stands_with_what_was_drawn_of_it(
    run: Path, realized: Callable[..., Path]
) -> None:
    (stage,) = json.loads(realized().read_text())["stages"]
    stage |= {"realized": {"code": 2}, "tokens": {}}
    (row,) = add_realized(run, realized(stages=[stage]))
    assert (row["domain"], row["planned"], row["realized"], row["tokens"], row["read"]) == ("code", 0, 2, 16, 0)


def test_counts_of_another_plan_are_refused(run: Path, realized: Callable[..., Path], plan: Plan) -> None:
    with pytest.raises(InputError, match=f"counts plan ffffffffffff, the run's is {plan.hash[:12]}"):
        add_realized(run, realized(plan_hash="sha256:" + "f" * 64))
    assert read_table(run, REALIZED).num_rows == 0


def test_a_run_at_work_is_left_alone(run: Path, realized: Callable[..., Path]) -> None:
    with only_writer(run), pytest.raises(InputError, match="another midmix is running here"):
        add_realized(run, realized())
    assert read_table(run, REALIZED).num_rows == 0


@pytest.mark.parametrize("changes", [{"stages": 3}, {"format": "else"}, {"more": 1}, {"plan_hash": "md5:0"}])
def test_other_files_are_refused(run: Path, realized: Callable[..., Path], changes: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=r"got no realized\.json of verify\.py"):
        add_realized(run, realized(**changes))


def test_files_are_known_by_their_format(realized: Callable[..., Path], tmp_path: Path) -> None:
    assert is_realized(realized())
    (tmp_path / "runs.json").write_text('{"name": "a"}')
    assert not is_realized(tmp_path / "runs.json")
    (tmp_path / "runs.jsonl").write_bytes(realized().read_bytes())
    assert not is_realized(tmp_path / "runs.jsonl")
    assert not is_realized(tmp_path / "gone.json")
    assert not is_realized(tmp_path)
