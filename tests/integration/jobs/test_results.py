"""Folders of jobs taken into a run: units, sizes and seeds right, what is missing or broken named, twice the same."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from midmix.cli import main
from midmix.errors import InputError
from midmix.flow import steps_between
from midmix.measured_texts import measured_texts
from midmix.mixer.jobs.make import make_jobs
from midmix.mixer.jobs.manifest import Jobs, TrainerName
from midmix.mixer.results.add import Added, add_results
from midmix.run import open_run
from midmix.runner import run_steps
from midmix.table_files import read_table
from midmix.tables import DESIGNS, LAWS, LOSSES

TOKENS, STEPS = 8_192, 32
Made = tuple[Path, Jobs]
Design = list[tuple[str, int, tuple[float, ...]]]


def make(run: Path, checkpoint: Path, trainer: TrainerName) -> Made:
    folder, opened = run.parent / f"jobs-{trainer}", open_run(run)
    return folder, make_jobs(opened, trainer, checkpoint, folder, lambda n: measured_texts(opened, n), TOKENS)


@pytest.fixture
def olmo(run: Path, olmo_checkpoint: Path) -> Made:
    """Jobs of OLMo-core that have ended: a run's loss on its domain n is 4 - n - share of it."""
    folder, jobs = make(run, olmo_checkpoint, "olmo-core")
    for job in jobs.jobs:
        head = {"run": job.run, "parameters": 65_696, "learning_rate": 4e-3}
        losses = {text.metric: nats(text.metric, job.weights, job.seed) for text in jobs.evaluation}
        last = {"step": STEPS} | {f"eval/lm/{metric}/CE loss": loss for metric, loss in losses.items()}
        lines = [head, {"step": 1, "train/CE loss": 5.0}, {"step": STEPS, "train/CE loss": 3.0}, last]
        (folder / job.metrics).write_text("".join(json.dumps(line) + "\n" for line in lines))
    return folder, jobs


def nats(metric: str, weights: dict[str, float], seed: int) -> float:
    domain = "math" if metric == "set:proofs" else metric.partition(":")[2]
    return 4 - ("code", "math", "web").index(domain) - weights.get(domain, 0.0) + 0.01 * seed


def add(run: Path, *folders: Path, **options: Any) -> Added:
    return add_results(run, folders, **{"origin": None, "defaults": {}} | options)


def losses(run: Path) -> list[dict[str, Any]]:
    return read_table(run, LOSSES).to_pylist()


def test_losses_are_nats_per_token_and_bits_per_byte_of_the_designs_mixtures(run: Path, olmo: Made) -> None:
    folder, jobs = olmo
    added = add(run, folder)
    assert (added.rows, added.bad, added.other_unit, added.renormalised) == ({"new": 8}, (), 0, ())
    rows = losses(run)
    assert len(rows) == 8 * 4 * 2
    assert {(r["origin"], r["parameters"], r["shape"], r["tokens"], r["step"]) for r in rows} == {
        ("olmo-core", 65_696, "65.7K", TOKENS, STEPS)
    }
    assert {r["name"]: r["seed"] for r in rows} == {f"{jobs.identity}/run-{job.run}": job.seed for job in jobs.jobs}
    texts = {text.metric: text for text in jobs.evaluation}
    mixtures: dict[int, dict[str, float]] = {}
    for row in read_table(run, DESIGNS).to_pylist():
        mixtures.setdefault(row["run"], {})[row["domain"]] = row["weight"]
    assert [mixtures[1_000_000 + i] for i in range(8)] == [mixtures[i] for i in range(8)]
    for row in rows:
        expected, text = nats(row["metric"], mixtures[row["run"]], row["seed"]), texts[row["metric"]]
        if row["unit"] == "bits_per_byte":
            expected *= text.num_tokens / text.num_bytes / math.log(2)
        assert row["value"] == pytest.approx(expected, rel=1e-12)


def test_a_folder_added_twice_is_the_same(run: Path, olmo: Made) -> None:
    add(run, olmo[0])
    before = [(run / "tables" / f"{table.name}.json").read_bytes() for table in (DESIGNS, LOSSES)]
    assert add(run, olmo[0] / "JOBS.json").rows == {"known": 16}
    assert [(run / "tables" / f"{table.name}.json").read_bytes() for table in (DESIGNS, LOSSES)] == before


def test_a_fit_goes_on_with_the_jobs_that_ended(run: Path, olmo: Made) -> None:
    folder, _ = olmo
    stopped, broken = (folder / f"run-00000{number}" / "metrics.jsonl" for number in (2, 6))
    stopped.write_text("".join(stopped.read_text().splitlines(keepends=True)[:2]))
    broken.write_bytes(broken.read_bytes()[:-20])
    (folder / "run-000007" / "metrics.jsonl").unlink()
    added = add(run, folder)
    assert added.rows == {"new": 5}
    said = [str(bad).removeprefix(str(folder)) for bad in added.bad]
    assert said[0] == "/run-000002/metrics.jsonl: run 2: reached step 1 of 32, and was not measured at its end"
    assert said[1].startswith("/run-000006/metrics.jsonl:4: is no JSON")
    assert said[2] == "/run-000006/metrics.jsonl: run 6: reached step 32 of 32, and was not measured at its end"
    assert said[3].startswith("/run-000007/metrics.jsonl: run 7: has no such file: it was not started")
    assert len(said) == 4
    run_steps(open_run(run).config, run, steps_between("fit", "fit"), workers=1, quiet=True)
    laws = [law for law in read_table(run, LAWS).to_pylist() if law["chosen"]]
    assert len(laws) == 4
    assert {(law["scale"], law["num_runs"]) for law in laws} == {("olmo-core 65.7K, 8,192 tokens", 5)}


def test_the_curve_of_a_job_is_kept_and_its_end_is_what_is_fitted(run: Path, olmo: Made) -> None:
    folder, jobs = olmo
    config = open_run(run).config
    add(run, folder)
    run_steps(config, run, steps_between("fit", "fit"), workers=1, quiet=True)
    laws = read_table(run, LAWS).to_pylist()
    for job in jobs.jobs:
        file, early = folder / job.metrics, {"eval/lm/domain:web/CE loss": 9.0 - job.run}
        head, *lines = file.read_text().splitlines()
        curve = [json.dumps({"step": step} | early) for step in (8, 16)]
        file.write_text("\n".join([head, *curve, *lines[1:], ""]))
    assert add(run, folder).rows == {"known": 16, "grown": 32}
    curve = [(r["step"], r["tokens"], r["value"]) for r in losses(run) if r["run"] == 1_000_002 and is_web(r)]
    assert curve == [
        (8, 2_048, 7.0),
        (16, 4_096, 7.0),
        (STEPS, TOKENS, pytest.approx(nats("domain:web", jobs.jobs[2].weights, jobs.jobs[2].seed))),
    ]
    run_steps(config, run, steps_between("fit", "fit"), workers=1, quiet=True)
    assert read_table(run, LAWS).to_pylist() == laws


def is_web(row: dict[str, Any]) -> bool:
    return bool(row["metric"] == "domain:web" and row["unit"] == "nats_per_token")


def test_what_a_job_measured_before_it_stopped_is_no_result(run: Path, olmo: Made) -> None:
    folder, jobs = olmo
    for job in jobs.jobs:
        early = {"step": STEPS // 2} | {f"eval/lm/{text.metric}/CE loss": 2.0 for text in jobs.evaluation}
        (folder / job.metrics).write_text(json.dumps({"parameters": 9}) + "\n" + json.dumps(early) + "\n")
    added = add(run, folder)
    assert (added.rows, len(added.bad), losses(run)) == ({}, 8, [])


def test_a_number_that_is_none_on_the_way_is_named_with_its_step(run: Path, olmo: Made) -> None:
    folder, jobs = olmo
    file = folder / jobs.jobs[3].metrics
    head, *lines = file.read_text().splitlines()
    file.write_text("\n".join([head, '{"step": 8, "eval/lm/domain:web/CE loss": NaN}', *lines[1:], ""]))
    added = add(run, folder)
    assert added.rows == {"new": 8}
    assert [str(bad) for bad in added.bad] == [f"{file}: run 3: domain:web at step 8 is nan, expected a finite number"]


def test_a_metric_that_is_no_number_is_named_and_the_jobs_others_hold(run: Path, olmo: Made) -> None:
    folder, _ = olmo
    file = folder / "run-000003" / "metrics.jsonl"
    file.write_text(
        file.read_text().replace('"eval/lm/set:proofs/CE loss": ', '"eval/lm/set:proofs/CE loss": NaN, "x": ')
    )
    added = add(run, folder)
    assert added.rows == {"new": 8}
    assert [str(bad) for bad in added.bad] == [f"{file}: run 3: set:proofs is nan, expected a finite number"]
    mine = {row["metric"] for row in losses(run) if row["run"] == 1_000_003}
    assert mine == {"domain:code", "domain:math", "domain:web"}


def test_what_ended_later_is_added_by_the_same_call(run: Path, olmo: Made) -> None:
    folder, _ = olmo
    file = folder / "run-000006" / "metrics.jsonl"
    file.rename(file.with_name("away"))
    assert add(run, folder).rows == {"new": 7}
    file.with_name("away").rename(file)
    assert add(run, folder).rows == {"known": 14, "new": 1}


def test_other_losses_of_a_known_job_are_refused_unless_they_replace(run: Path, olmo: Made) -> None:
    folder, jobs = olmo
    add(run, folder)
    file = folder / "run-000000" / "metrics.jsonl"
    file.write_text(file.read_text().replace('"eval/lm/domain:web/CE loss": 1.0', '"eval/lm/domain:web/CE loss": 1.5'))
    added = add(run, folder)
    (text,) = (text for text in jobs.evaluation if text.metric == "domain:web")
    bits = text.num_tokens / text.num_bytes / math.log(2)
    assert [str(bad).partition(": ")[2] for bad in added.bad] == [
        f"run {jobs.identity}/run-0: domain:web is 1.5, but 1 is there at that step",
        f"run {jobs.identity}/run-0: domain:web is {1.5 * bits:g}, but {bits:g} is there at that step",
    ]
    assert add(run, folder, replace=True).rows == {"new": 8}
    assert len(losses(run)) == 64


def test_megatrons_logs_and_lm_evaluation_harness(run: Path, megatron_checkpoint: Path) -> None:
    folder, jobs = make(run, megatron_checkpoint, "megatron")
    for job in jobs.jobs[:2]:
        lines = [f" iteration       {STEPS}/      {STEPS} | consumed samples:          256 | lm loss: 2.5E+00 |"]
        lines += [
            f" validation-{n} loss at iteration {STEPS} on validation set | lm loss value: {2 + n}.500000E+00 | lm loss PPL: 9E+00 |"
            for n in range(3)
        ]
        (folder / job.metrics).write_text("\n".join(lines) + "\n")
    results = {
        "results": {"arc_easy": {"alias": "arc_easy", "acc,none": 0.75, "acc_stderr,none": 0.1}},
        "higher_is_better": {"arc_easy": {"acc": True}},
    }
    (folder / "run-000001" / "hf" / "model").mkdir(parents=True)
    (folder / "run-000001" / "hf" / "model" / "results_2026-03-01.json").write_text(json.dumps(results))
    without_size = add(run, folder)
    assert without_size.rows == {}
    assert "run 0: does not say how many parameters the model has; give --parameters" in str(without_size.bad[0])
    added = add(run, folder, defaults={"parameters": "190M"})
    assert added.rows == {"new": 2}
    assert len(added.bad) == 6
    rows = losses(run)
    assert {(r["origin"], r["parameters"], r["shape"]) for r in rows} == {("megatron", 190_000_000, "190M")}
    assert {(r["metric"], r["value"]) for r in rows if r["unit"] == "nats_per_token"} == {
        ("domain:code", 2.5), ("domain:math", 3.5), ("domain:web", 4.5)
    }  # fmt: skip
    rates = [(r["name"], r["metric"], r["value"]) for r in rows if r["unit"] == "error_rate"]
    assert rates == [(f"{jobs.identity}/run-1", "set:arc_easy/acc", 0.25)]


def test_a_job_of_a_part_of_a_domain_is_kept_out_of_the_fit(
    run: Path, olmo_checkpoint: Path, designed: Design, redesign: Callable[[Design], None]
) -> None:
    folder, jobs = make(run, olmo_checkpoint, "olmo-core")
    values = json.loads((folder / "JOBS.json").read_text())
    values["jobs"][3]["pools"] = {"math": 0.25}
    (folder / "JOBS.json").write_text(json.dumps(values))
    line = {"step": STEPS, "eval/lm/domain:web/CE loss": 2.0}
    (folder / jobs.jobs[3].metrics).write_text(json.dumps({"parameters": 9}) + "\n" + json.dumps(line) + "\n")
    add(run, folder)
    mine = [row for row in read_table(run, DESIGNS).to_pylist() if row["role"] == "outside"]
    assert {row["domain"]: row["pool"] for row in mine} == {"code": None, "math": 0.25, "web": None}


def test_jobs_of_other_domains_are_refused_and_the_run_is_as_it_was(run: Path, olmo: Made) -> None:
    folder, _ = olmo
    values = json.loads((folder / "JOBS.json").read_text())
    values["jobs"][0] |= {"weights": {"books": 1.0}}
    (folder / "JOBS.json").write_text(json.dumps(values))
    with pytest.raises(InputError, match="trains on books, no domain of this run"):
        add(run, folder)
    assert losses(run) == []


def test_a_folder_without_jobs_is_said(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["results", "add", str(run), str(run.parent)])
    assert ended.value.code == 1
    assert "a folder without JOBS.json; give files of results, or a folder of jobs" in capsys.readouterr().err
