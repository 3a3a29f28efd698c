"""Evidence as it is printed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from midmix.cli import main
from midmix.errors import InputError
from midmix.run import open_run
from midmix.table_files import write_table
from midmix.table_manifest import Manifest, publish
from midmix.tables import ANNEALS, EVIDENCE, LOSSES, Table
from midmix.verdicts import print_verdicts


def put(folder: Path, table: Table, rows: list[dict[str, Any]]) -> None:
    entry = write_table(folder, table, pa.Table.from_pylist(rows, table.schema()), stem=table.name)
    publish(folder, Manifest(table.name, (entry,)))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A run folder without a table."""
    (tmp_path / "state").mkdir()
    values = '{"config": {"sources": {"web": {"path": "web.jsonl", "kind": "prose"}}}, "base": "..", "base_was": "/"}'
    (tmp_path / "state" / "config.json").write_text(values)
    return tmp_path


def claim(subject: str, name: str, verdict: str, words: str) -> dict[str, Any]:
    return {"subject": subject, "claim": name, "verdict": verdict, "words": words}


def anneal(shape: str, pool: float, capability: str, role: str, gain: float, verdict: str) -> dict[str, Any]:
    interval = {"low": gain - 0.5, "high": gain + 0.5} if pool == 1 else {}
    return {
        "candidate": "proofs", "share": 0.5, "pool": pool, "shape": shape, "capability": capability, "role": role,
        "epochs": 1.5 / pool, "seeds": 2 if pool == 1 else 1, "gain": gain, "verdict": verdict, "words": "", **interval,
    }  # fmt: skip


def test_claims_come_by_subject_and_micro_anneals_as_a_table_for_each_size(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    put(folder, EVIDENCE, [
        claim("ladder:L1", "rank_agreement", "weak", "L1 ranks as L2."), claim("overall", "ladder_agreement", "weak", "L1 ranks as L2."),
        claim("micro-anneal:proofs", "gain_at_0.5:gold", "supported", "not printed"), claim("overall", "verdict", "weak", "First."),
    ])  # fmt: skip
    put(folder, ANNEALS, [
        anneal(shape, pool, name, role, gain, verdict)
        for shape in ("L1", "L2")
        for pool, name, role, gain, verdict in (
            (0.25, "gold", "target", 0.25, "not supported"), (1.0, "gold", "target", 1.25, "supported"),
            (1.0, "general", "retain", -0.125, "weak"),
        )
    ])  # fmt: skip
    put(folder, LOSSES, [
        {"run": 0, "origin": "proxy", "shape": shape, "parameters": n, "tokens": 1, "seed": 0, "step": 1, "metric": "m",
         "unit": "bits_per_byte", "value": 1.0}
        for shape, n in (("L1", 10), ("L2", 40))
    ])  # fmt: skip
    with pytest.raises(SystemExit) as ended:
        main(["evidence", str(folder)])
    assert ended.value.code == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines() if line.strip()]
    assert [line[-1] for line in lines[:2]] == ["First.", "L2."]
    assert [line for line in lines if line[0] == "micro-anneals,"] == [
        ["micro-anneals,", "L2"],
        ["micro-anneals,", "L1"],
    ]
    rows = [" ".join(line).replace("│ ", "") for line in lines if line[0] == "proofs"]
    assert rows[:2] == [
        "proofs 50% 100% 1.5 2 +1.2500 [+0.7500, +1.7500] supported -0.1250 [-0.6250, +0.3750] weak",
        "proofs 50% 25% 6 1 +0.2500 not supported -",
    ]


def test_before_there_is_any_the_way_there_is_said(folder: Path) -> None:
    with pytest.raises(InputError, match="no evidence yet, which step optimize makes"):
        print_verdicts(open_run(folder))
