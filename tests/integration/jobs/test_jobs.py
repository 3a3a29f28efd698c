"""A design as jobs of a trainer: what is written, what is refused, and that a folder of jobs grows and never changes."""

from __future__ import annotations

import ast
import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from midmix.cli import main
from midmix.errors import ConfigError, InputError
from midmix.measured_texts import measured_texts
from midmix.mixer.jobs import pools, write
from midmix.mixer.jobs.make import make_jobs
from midmix.mixer.jobs.manifest import Jobs, TrainerName, read_jobs_file
from midmix.mixer.jobs.runs import read_runs
from midmix.run import open_run

LENGTH, BATCH, TRAINING, TOKENS = 32, 8, 32_768, 8_192
DOMAINS = ("code", "math", "web")
Design = list[tuple[str, int, tuple[float, ...]]]


def make(run: Path, checkpoint: Path, trainer: TrainerName = "olmo-core", tokens: int = TOKENS) -> tuple[Path, Jobs]:
    destination = run.parent / f"jobs-{trainer}"
    opened = open_run(run)
    jobs = make_jobs(opened, trainer, checkpoint, destination, lambda n: measured_texts(opened, n), tokens)
    assert read_jobs_file(destination / "JOBS.json") == jobs
    return destination, jobs


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_every_run_of_the_design_is_a_job_of_its_mixture(run: Path, olmo_checkpoint: Path, designed: Design) -> None:
    folder, jobs = make(run, olmo_checkpoint)
    assert [(job.run, job.role, job.seed) for job in jobs.jobs] == [
        (number, role, seed) for number, (role, seed, _) in enumerate(designed)
    ]
    for job, (_, seed, weights) in zip(jobs.jobs, designed, strict=True):
        assert (job.tokens, job.steps) == (TOKENS, 32)
        assert job.weights == {name: weight for name, weight in zip(DOMAINS, weights, strict=True) if weight}
        for name, weight in job.weights.items():
            assert abs(job.mixture[name] - weight * TOKENS) < LENGTH
        data = json.loads((folder / job.folder / "dataset.json").read_text())
        assert {name: n * LENGTH for name, n in data["sequences"].items()} == job.mixture
        assert (data["requested_tokens"], data["global_batch_size"], data["seed"]) == (TOKENS, LENGTH * BATCH, 1 + seed)
        sources = yaml.safe_load((folder / job.folder / "mixture.yaml").read_text())["sources"]
        ratios: dict[str, float] = {}
        for source in sources:
            name = source["source_name"].partition(".")[0]
            ratios[name] = ratios.get(name, 0.0) + source["target_ratio"]
            assert all((folder / job.folder / path).is_file() for path in source["paths"])
        assert {name: round(ratio * TOKENS) for name, ratio in ratios.items()} == job.mixture


def test_a_job_says_what_to_load_and_how_the_rate_ends(run: Path, olmo_checkpoint: Path) -> None:
    folder, jobs = make(run, olmo_checkpoint)
    assert json.loads((folder / "run-000003" / "job.json").read_text()) == {
        "run": 3,
        "checkpoint": str(olmo_checkpoint),
        "steps": 32,
        "schedule": {"form": "linear", "end": 0.0},
    }
    assert jobs.checkpoint == str(olmo_checkpoint)
    script = ast.parse((folder / "run-000003" / "train.py").read_text())
    settings = {
        keyword.arg: ast.unparse(keyword.value)
        for node in ast.walk(script)
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "TrainerConfig"
        for keyword in node.keywords
    }
    assert settings["load_trainer_state"] == "False"
    assert settings["load_optim_state"] == "True"
    assert settings["load_strategy"] == "LoadStrategy.always"
    assert settings["max_duration"] == "Duration.steps(job['steps'])"


@pytest.mark.parametrize("trainer", ["olmo-core", "megatron"])
def test_every_script_parses(run: Path, request: pytest.FixtureRequest, trainer: TrainerName) -> None:
    folder, jobs = make(run, request.getfixturevalue(f"{trainer.partition('-')[0]}_checkpoint"), trainer)
    scripts = [path for path in folder.rglob("*.py") if "tokens" not in path.parts]
    assert len(scripts) == {"olmo-core": 2 * len(jobs.jobs), "megatron": 1 + len(jobs.jobs)}[trainer]
    for path in scripts:
        compile(path.read_text(), str(path), "exec")
    shells = [folder / "run-all.sh", folder / "slurm.sh", *folder.glob("run-*/job.sh")]
    assert len(shells) == 2 + len(jobs.jobs)
    for path in shells:
        assert path.stat().st_mode & 0o111
        done = subprocess.run(["bash", "-n", path], capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, "")
    assert f"--array=0-{len(jobs.jobs) - 1}\n" in (folder / "slurm.sh").read_text()


def test_run_all_goes_on_past_a_failed_job_and_names_it(run: Path, olmo_checkpoint: Path) -> None:
    folder, jobs = make(run, olmo_checkpoint)
    (folder / "run-000002" / "train.py").write_text("raise SystemExit(3)\n")
    for job in jobs.jobs:
        if job.run != 2:
            (folder / job.folder / "train.py").write_text("open('ran', 'x').close()\n")
    done = subprocess.run(["bash", folder / "run-all.sh"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr.strip()) == (1, "failed: run-000002")
    assert len(list(folder.glob("run-*/ran"))) == len(list(folder.glob("run-*/done"))) == len(jobs.jobs) - 1
    (folder / "run-000002" / "train.py").write_text("open('ran', 'x').close()\n")
    assert subprocess.run(["bash", folder / "run-all.sh"], check=False).returncode == 0  # none ran twice


def test_a_job_shorter_than_the_training_draws_from_as_much_less_text(run: Path, olmo_checkpoint: Path) -> None:
    folder, _ = make(run, olmo_checkpoint)
    for name, whole in (("code", 15_000), ("math", 7_000), ("web", 30_000)):
        files = sorted((folder / "tokens" / "0").glob(f"job-{name}-*.npy"))
        tokens = sum(path.stat().st_size for path in files) // 2
        assert whole / 4 <= tokens < whole / 4 + 200
        source = next(iter(run.glob(f"data/tokens/main/{name}/train-00000-*.bin"))).read_bytes()
        assert source.startswith(files[0].read_bytes())


@pytest.mark.parametrize("trainer", ["olmo-core", "megatron"])
def test_small_shards_are_one_file_for_every_job(
    run: Path, request: pytest.FixtureRequest, trainer: TrainerName, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pools, "SMALL_SEQUENCES", 1000)
    checkpoint = request.getfixturevalue(f"{trainer.partition('-')[0]}_checkpoint")
    folder, jobs = make(run, checkpoint, trainer, TRAINING)
    name = {"olmo-core": "job-code-*.npy", "megatron": "code-train-*.bin"}[trainer]
    (joined,) = (folder / "tokens" / "0").glob(name)
    shards = [next(iter(run.glob(f"data/tokens/main/code/train-{i:05d}-*.bin"))) for i in (0, 1)]
    assert joined.read_bytes() == b"".join(shard.read_bytes() for shard in shards)
    before = contents(folder)
    assert make(run, checkpoint, trainer, TRAINING) == (folder, jobs)  # made again, it is the same file
    assert contents(folder) == before


def test_candidates_alone_and_what_repeats_them_keep_to_caps(
    run: Path, olmo_checkpoint: Path, redesign: Callable[[Design], None]
) -> None:
    state = run / "state" / "config.json"
    kept = json.loads(state.read_text())
    kept["config"]["mixture"]["max_epochs"] = {"default": 4, "math": 1}
    state.write_text(json.dumps(kept))
    beyond, within = (0.0, 0.5, 0.5), (0.4, 0.1, 0.5)  # of math 16,384 and 3,277 of 7,000 tokens
    roles = ("control", "web", "natural", "baseline", "replicate", "ablation", "micro-anneal")
    redesign([("space-filling", 0, within), ("replicate", 1, within), *((role, 0, beyond) for role in roles)])
    _, jobs = make(run, olmo_checkpoint)
    assert [job.mixture["math"] for job in jobs.jobs] == [832, 832, *[4096] * len(roles)]
    redesign([("space-filling", 0, beyond), ("micro-anneal", 0, beyond)])
    assert [designed.beyond_caps for designed in read_runs(run)] == [
        False,
        True,
    ]  # alike, and asked for with its repeats
    for role in ("interior", "space-filling", "sequential"):
        redesign([("control", 0, within), ("replicate", 1, beyond), (role, 0, beyond)])
        with pytest.raises(ConfigError, match=r"run 1: domain math has a weight of 0\.5000"):
            make(run, olmo_checkpoint)


def test_texts_are_measured_token_by_token_as_windows(run: Path, olmo_checkpoint: Path) -> None:
    folder, jobs = make(run, olmo_checkpoint)
    texts = json.loads((folder / "evaluation" / "texts.json").read_text())
    tokens = np.fromfile(folder / "evaluation" / "tokens.npy", texts["dtype"])
    assert [text["metric"] for text in texts["texts"]] == [e.metric for e in jobs.evaluation]
    assert [e.metric for e in jobs.evaluation] == ["domain:code", "domain:math", "domain:web", "set:proofs"]
    for text, evaluation in zip(texts["texts"], jobs.evaluation, strict=True):
        windows = text["windows"]
        assert all(0 < end - begin <= LENGTH and tokens[begin] >= 0 for begin, end, _ in windows)
        assert sum(end - begin - 1 - first for begin, end, first in windows) == evaluation.num_tokens
    held = np.concatenate([tokens[b + (i > 0) : e] for i, (b, e, _) in enumerate(texts["texts"][0]["windows"])])
    source = np.fromfile(next(iter(run.glob("data/tokens/main/code/heldout-00000-*.bin"))), "<u2")
    assert held[0] == 0  # an end of text stands before the first document
    assert (held[1:] == source[: len(held) - 1]).all()


def test_megatrons_job_is_its_blend_without_the_plans_rate(run: Path, megatron_checkpoint: Path) -> None:
    folder, jobs = make(run, megatron_checkpoint, "megatron")
    job = jobs.jobs[3]
    blend = json.loads((folder / job.folder / "blend.json").read_text())
    drawn: dict[str, int] = {}
    for count, prefix in zip(blend["train"][::2], blend["train"][1::2], strict=True):
        drawn[prefix.split("/")[1].partition("-")[0]] = drawn.get(prefix.split("/")[1].partition("-")[0], 0) + int(
            count
        )
        assert (folder / job.folder / f"{prefix}.bin").is_file() and (folder / job.folder / f"{prefix}.idx").is_file()
    assert {name: n * LENGTH for name, n in drawn.items()} == job.mixture
    assert blend["valid"] == [f"tokens/{name}-heldout-00000" for name in DOMAINS]
    assert [[s.number for s in e.sets] for e in jobs.evaluation] == [[0], [1], [2]]
    assert all(e.sets[0].sequences % BATCH == 0 for e in jobs.evaluation)
    lines = (folder / job.folder / "arguments.txt").read_text().splitlines()
    assert "--train-samples 256" in lines and "--seed 1" in lines and "--full-validation" in lines
    assert "--min-lr 0.0" in lines and not [line for line in lines if line.startswith("--lr ")]
    shell = (folder / job.folder / "job.sh").read_text()
    assert f"CHECKPOINT={megatron_checkpoint}; fi" in shell
    assert '--load "$CHECKPOINT" --ckpt-step 100 --finetune' in shell
    assert jobs.checkpoint == str(megatron_checkpoint / "iter_0000100")


def test_the_same_design_gives_the_same_bytes(run: Path, olmo_checkpoint: Path) -> None:
    folder, _ = make(run, olmo_checkpoint)
    before = contents(folder)
    folder.rename(folder.with_name("first"))
    assert contents(make(run, olmo_checkpoint)[0]) == before


def test_a_grown_design_adds_jobs_and_leaves_those_that_ran(
    run: Path, olmo_checkpoint: Path, designed: Design, redesign: Callable[[Design], None]
) -> None:
    folder, _ = make(run, olmo_checkpoint)
    (folder / "run-000001" / "metrics.jsonl").write_text("{}\n")
    before = contents(folder)
    redesign([*designed, ("sequential", 0, (0.2, 0.2, 0.6))])
    _, jobs = make(run, olmo_checkpoint)
    assert [job.run for job in jobs.jobs] == list(range(9))
    after = contents(folder)
    changed = {name for name in before if after[name] != before[name]}
    assert changed == {"JOBS.json", "README.md", "run-all.sh", "slurm.sh"}
    assert {name.partition("/")[0] for name in after.keys() - before.keys()} == {"run-000008"}


def test_a_killed_call_is_mended_by_the_same_call(
    run: Path,
    olmo_checkpoint: Path,
    designed: Design,
    redesign: Callable[[Design], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    folder, before = make(run, olmo_checkpoint)
    redesign([*designed, ("sequential", 0, (0.2, 0.2, 0.6))])

    def crash(source: Path, target: Path) -> None:
        raise RuntimeError("power cut")

    monkeypatch.setattr(write, "_merge", crash)
    with pytest.raises(RuntimeError, match="power cut"):
        make(run, olmo_checkpoint)
    assert read_jobs_file(folder / "JOBS.json") == before
    assert [path for path in run.parent.iterdir() if path.name.startswith(".")] == []
    monkeypatch.undo()
    assert len(make(run, olmo_checkpoint)[1].jobs) == 9
    assert (folder / "run-000008" / "job.sh").is_file()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"design": [("natural", 0, (0.5, 0.0, 0.5))]}, "its run 0 is another mixture or seed"),
        ({"tokens": 4_096}, "holds jobs of another trainer, checkpoint, budget or evaluation"),
        ({"file": "notes.txt"}, r"holds files and no JOBS\.json"),
    ],
)
def test_a_folder_of_something_else_is_left_as_it_is(
    run: Path, olmo_checkpoint: Path, redesign: Callable[[Design], None], change: dict[str, Any], words: str
) -> None:
    folder, _ = make(run, olmo_checkpoint)
    if "design" in change:
        redesign(change["design"])
    if "file" in change:
        (folder / "JOBS.json").rename(folder / change["file"])
    before = contents(folder)
    with pytest.raises(InputError, match=words):
        make(run, olmo_checkpoint, tokens=change.get("tokens", TOKENS))
    assert contents(folder) == before


def test_token_files_of_another_state_are_refused(
    run: Path, olmo_checkpoint: Path, designed: Design, redesign: Callable[[Design], None]
) -> None:
    folder, _ = make(run, olmo_checkpoint)
    file = folder / "tokens" / "0" / "job-web-00000.npy"
    content = file.read_bytes()
    file.unlink()
    file.write_bytes(content[:-2] + b"\x07\x00")
    redesign([*designed, ("sequential", 0, (0.2, 0.2, 0.6))])
    with pytest.raises(InputError, match=r"job-web-00000\.npy: is not .* of the run, which was tokenized again since"):
        make(run, olmo_checkpoint)


def test_what_cannot_be_made_leaves_nothing(
    run: Path, olmo_checkpoint: Path, redesign: Callable[[Design], None]
) -> None:
    redesign([("natural", 0, (0.3, 0.1, 0.6)), ("interior", 0, (0.0, 0.95, 0.05))])
    with pytest.raises(ConfigError, match=r"run 1: domain math .* are missing"):
        make(run, olmo_checkpoint, tokens=TRAINING)
    redesign([])
    with pytest.raises(InputError, match="no design, so there is nothing to make jobs of"):
        make(run, olmo_checkpoint)
    assert sorted(path.name for path in run.parent.iterdir()) == ["run", "stable", "tokenizer"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--to", "nanotron"], "--to: got 'nanotron', expected olmo-core or megatron"),
        (["--to", "megatron"], "--to: needs --dest"),
        (["--tokens", "4B"], "--dest, --checkpoint and --tokens are for --to"),
        (["--to", "megatron", "--next", "3"], "exclude each other"),
        (["--to", "olmo-core", "--dest", "x", "--checkpoint", "nowhere"], "--checkpoint nowhere: no OLMo-core checkpoint"),
        (["--to", "olmo-core", "--dest", "x", "--checkpoint", "y", "--tokens", "much"], "--tokens is 'MUCH', expected a number"),
    ],
)  # fmt: skip
def test_a_wrong_command_line_is_said(
    run: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], words: str
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["design", str(run), *arguments])
    assert ended.value.code == 2
    assert words in " ".join(capsys.readouterr().err.split())


def test_the_command_says_what_it_wrote_and_what_is_next(
    run: Path, olmo_checkpoint: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    jobs = run.parent / "jobs"
    with pytest.raises(SystemExit) as ended:
        main(["design", str(run), "--to", "olmo-core", "--dest", str(jobs), "--checkpoint", str(olmo_checkpoint), "--tokens", "8192"])  # fmt: skip
    assert ended.value.code == 0
    said = capsys.readouterr().out
    assert "8 jobs (1 control, 2 natural, 1 interior, 3 space-filling, 1 replicate) of 8,192 tokens in 32 steps" in said
    assert f"then: midmix results add {run} {jobs}" in said
