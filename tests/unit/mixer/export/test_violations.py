"""Plans that break a rule are refused by every exporter before a file is written, with the domain and the number."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from midmix.errors import ConfigError, InputError
from midmix.mixer.export.trainers import TRAINERS, check_needs, export_plan
from midmix.mixer.plan.manifest import Plan
from midmix.table_files import attach_file
from midmix.table_manifest import Manifest, publish
from midmix.tables import PLAN

Fields = dict[str, Any]


def over_cap(plan: Fields) -> None:
    plan["domains"][0]["max_epochs"] = 0.5


def over_cap_of_the_stage(plan: Fields) -> None:
    plan["stages"][0]["mixture"][0]["cap_sequences"] = 2


def short_supply(plan: Fields) -> None:
    plan["stages"][0]["mixture"][1]["draws"][0]["available"] += 1
    plan["stages"][0]["mixture"][1]["available_sequences"] += 1


def weights_that_do_not_sum(plan: Fields) -> None:
    share = plan["stages"][0]["mixture"][0]
    share["sequences"], share["draws"][0]["sequences"], share["cap_sequences"] = 4, 4, 9
    share["tokens"], share["weight"] = 32, 4 / 12


def weight_of_another_count(plan: Fields) -> None:
    plan["stages"][0]["mixture"][0]["weight"] = 0.3


def numeric_name(plan: Fields) -> None:
    plan["domains"][0]["id"] = plan["stages"][0]["mixture"][0]["domain"] = "2024"


def shard_below_a_sequence(plan: Fields) -> None:
    draws = plan["stages"][0]["mixture"][0]["draws"]
    draws[0]["sequences"] = 2
    draws.append({"shard": 1, "sequences": 1, "available": 0})
    plan["stages"][0]["mixture"][0]["draws"] = draws[:1] + draws[-1:]


def tokenizer_of_other_files(plan: Fields) -> None:
    plan["tokenizer"]["dtype"] = "int32"


def tokenizer_beyond_its_dtype(plan: Fields) -> None:
    plan["tokenizer"]["vocabulary_size"] = 100_000


VIOLATIONS: list[tuple[Callable[[Fields], None], str]] = [
    (over_cap, r"domain math: 24 tokens over all stages, allowed are 0\.5 epochs of 25"),
    (over_cap_of_the_stage, r"domain math: 3 sequences, its cap is 2"),
    (short_supply, r"domain web, shard 0: 11 sequences do not lie in 81 tokens"),
    (weights_that_do_not_sum, r"stage anneal: domains sum to 13, expected 12"),
    (weight_of_another_count, r"domain math: tokens 24 or weight 0\.3 do not follow from 3 sequences"),
    (numeric_name, r"domain '2024': expected .* that do not read as a number"),
    (shard_below_a_sequence, r"domain math, shard 1: 0 sequences do not lie in 8 tokens"),
    (tokenizer_of_other_files, r"domain math: .* has 34 bytes, 17 tokens of 4 bytes were expected"),
    (tokenizer_beyond_its_dtype, r"tokenizer t: 100000 ids do not fit into uint16"),
]


@pytest.mark.parametrize("trainer", TRAINERS)
@pytest.mark.parametrize(("violate", "words"), VIOLATIONS, ids=[violate.__name__ for violate, _ in VIOLATIONS])
def test_a_plan_that_breaks_a_rule_is_not_exported(
    plan: Plan, trainer: str, violate: Callable[[Fields], None], words: str, tmp_path: Path
) -> None:
    fields = json.loads(plan.to_json())
    del fields["manifest_hash"]
    violate(fields)
    content = json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    fields["manifest_hash"] = f"sha256:{hashlib.sha256(content).hexdigest()}"
    text = json.dumps(fields).encode()
    attached = attach_file(tmp_path / "run", PLAN, "plan.json", lambda path: _write(path, text))
    publish(tmp_path / "run", Manifest("plan", (), (attached,)))
    with pytest.raises(InputError, match=words):
        export_plan(tmp_path / "run", [trainer], tmp_path / "out", absolute=True)
    assert not (tmp_path / "out").exists()


def test_a_missing_library_is_named_before_a_file_is_written(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(TRAINERS, "hf", replace(TRAINERS["hf"], needs=("no_such_module", "no-such-package")))
    with pytest.raises(ConfigError, match="hf: its files are written by no-such-package, which is not installed"):
        check_needs("hf")


def _write(path: Path, content: bytes) -> None:
    path.write_bytes(content)
