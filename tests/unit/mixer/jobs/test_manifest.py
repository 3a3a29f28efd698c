"""JOBS.json: read back as written, refused where it was cut, edited beyond sense or leads out of its folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from midmix.errors import InputError
from midmix.mixer.jobs.manifest import Jobs, read_jobs_file

JOB = {
    "run": 0, "role": "natural", "seed": 0, "folder": "run-000000", "weights": {"web": 1.0}, "pools": {},
    "mixture": {"web": 64}, "tokens": 64, "steps": 2, "metrics": "run-000000/log.txt",
}  # fmt: skip
VALUES: dict[str, Any] = {
    "trainer": "megatron", "checkpoint": "/c", "tokenizer_sha256": "0" * 64, "tokens": 64, "sequence_length": 8,
    "global_batch_sequences": 4, "schedule": {"form": "linear", "end": 0.0},
    "evaluation": [{"metric": "domain:web", "num_tokens": 9, "num_bytes": 20}], "jobs": [JOB],
}  # fmt: skip


def test_identity_is_of_the_settings_alone() -> None:
    jobs = Jobs.model_validate(VALUES)
    grown = Jobs.model_validate(VALUES | {"jobs": [JOB, JOB | {"run": 1, "folder": "run-000001"}]})
    other = Jobs.model_validate(VALUES | {"checkpoint": "/d"})
    assert jobs.identity == grown.identity != other.identity
    assert len(jobs.identity) == 8


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"jobs": [JOB | {"metrics": "../../etc/passwd"}]}, "pattern"),
        ({"jobs": [JOB | {"folder": "/run"}]}, "pattern"),
        ({"jobs": [JOB | {"metrics": "run/.."}]}, "pattern"),
        ({"jobs": [JOB, JOB]}, "a run stands twice"),
        ({"jobs": [JOB, JOB | {"run": 1}]}, "a folder stands twice"),
        ({"jobs": [JOB | {"mixture": {"web": 65}}]}, "its mixture sums to 65, expected 64"),
        ({"trainer": "other"}, "'olmo-core' or 'megatron'"),
        ({"more": 1}, "Extra inputs"),
    ],
)
def test_a_file_that_makes_no_sense_is_refused(tmp_path: Path, change: dict[str, Any], words: str) -> None:
    file = tmp_path / "JOBS.json"
    file.write_text(json.dumps(VALUES | change))
    with pytest.raises(InputError, match=words):
        read_jobs_file(file)


def test_a_file_that_was_cut_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "JOBS.json"
    text = Jobs.model_validate(VALUES).to_json()
    for length in (0, 1, len(text) // 2, len(text) - 3):
        file.write_text(text[:length])
        with pytest.raises(InputError, match=r"got no valid JOBS\.json"):
            read_jobs_file(file)
    with pytest.raises(InputError, match=r"got no valid JOBS\.json"):
        read_jobs_file(tmp_path / "none.json")
