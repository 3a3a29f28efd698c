"""Lines of OLMo-core's jobs, as recorded from ai2-olmo-core 3.0.0."""

from __future__ import annotations

from pathlib import Path

import pytest

from midmix.mixer.jobs.manifest import Evaluation, Job
from midmix.mixer.results.files import Bad
from midmix.mixer.results.olmo_core_metrics import read_metrics

Texts = tuple[Evaluation, ...]
HEAD = '{"run": 3, "parameters": 65696, "learning_rate": 0.004, "olmo_core": "3.0.0"}'
FIRST = '{"step": 1, "train/CE loss": 4.094733238220215, "optim/LR (group 0)": 0.002, "train/PPL": 60.02332509254502}'
LAST = '{"step": 2, "train/CE loss": 3.657931804656982, "optim/LR (group 0)": 0.0, "throughput/total tokens": 128.0}'
MEASURED = (
    '{"step": 2, "eval/lm/domain:code/CE loss": 4.107888698577881, "eval/lm/domain:code/PPL": 60.81, '
    '"eval/lm/domain:web/CE loss": 2.552830696105957, "throughput/in-loop eval batches": 7.0}'
)


def written(path: Path, *lines: str) -> Path:
    path.write_text("".join(f"{line}\n" for line in lines))
    return path


def test_the_last_steps_losses_and_the_models_size(tmp_path: Path, job: Job, evaluation: Texts) -> None:
    bad: list[Bad] = []
    found = read_metrics(written(tmp_path / "m.jsonl", HEAD, FIRST, LAST, MEASURED), job, evaluation, bad)
    assert found.parameters == 65696
    assert found.losses == {2: {"domain:code": 4.107888698577881, "domain:web": 2.552830696105957}}
    assert not bad


def test_of_two_attempts_the_later_holds(tmp_path: Path, job: Job, evaluation: Texts) -> None:
    earlier = MEASURED.replace("2.552830696105957", "9.0")
    path = written(tmp_path / "m.jsonl", HEAD, LAST, earlier, HEAD, MEASURED)
    assert read_metrics(path, job, evaluation, []).losses[2]["domain:web"] == 2.552830696105957


def test_what_was_measured_on_the_way_is_kept_by_its_step(tmp_path: Path, job: Job, evaluation: Texts) -> None:
    early = '{"step": 1, "eval/lm/domain:web/CE loss": 3.5}'
    path = written(tmp_path / "m.jsonl", HEAD, FIRST, early, LAST, MEASURED)
    losses = read_metrics(path, job, evaluation, []).losses
    assert losses == {1: {"domain:web": 3.5}, 2: {"domain:code": 4.107888698577881, "domain:web": 2.552830696105957}}


def test_a_job_that_began_again_and_is_on_its_way_has_no_end(tmp_path: Path, job: Job, evaluation: Texts) -> None:
    path = written(tmp_path / "m.jsonl", HEAD, FIRST, LAST, MEASURED, HEAD, FIRST)
    with pytest.raises(ValueError, match="reached step 1 of 2, and was not measured at its end"):
        read_metrics(path, job, evaluation, [])


def test_a_job_that_stopped_on_the_way_is_named(tmp_path: Path, job: Job, evaluation: Texts) -> None:
    earlier = MEASURED.replace('"step": 2', '"step": 1')
    for lines, step in (((HEAD, FIRST), 1), ((HEAD, FIRST, LAST), 2), ((HEAD, earlier), 1), ((), 0)):
        with pytest.raises(ValueError, match=f"reached step {step} of 2, and was not measured at its end"):
            read_metrics(written(tmp_path / "m.jsonl", *lines), job, evaluation, [])


def test_a_line_that_was_cut_is_named_and_the_rest_holds(tmp_path: Path, job: Job, evaluation: Texts) -> None:
    bad: list[Bad] = []
    path = written(tmp_path / "m.jsonl", HEAD, FIRST[:40], "[1]", LAST, MEASURED)
    assert len(read_metrics(path, job, evaluation, bad).losses[2]) == 2
    assert [str(row).removeprefix(f"{path}:")[:12] for row in bad] == ["2: is no JSO", "3: is list, "]
