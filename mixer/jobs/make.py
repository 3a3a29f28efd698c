"""A run's design -> one job per run for the user's own trainer. All is checked before the folder appears."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import pyarrow.parquet as pq

from midmix.config import Config, Mixture
from midmix.config.stages import StageSection
from midmix.errors import ConfigError
from midmix.mixer.jobs.checkpoint import Checkpoint, megatron_checkpoint, olmo_core_checkpoint
from midmix.mixer.jobs.evaluation import FOLDER, MeasuredText, write_texts
from midmix.mixer.jobs.files import JobFiles
from midmix.mixer.jobs.launch import readme, run_all, slurm
from midmix.mixer.jobs.manifest import JOBS_FILE, METRICS_FILES, Evaluation, Form, Job, Jobs, JobSchedule, TrainerName
from midmix.mixer.jobs.megatron import megatron_job, validation_sets
from midmix.mixer.jobs.olmo_core import olmo_core_job
from midmix.mixer.jobs.pools import Cutter
from midmix.mixer.jobs.runs import DesignedRun, pool_key, read_runs
from midmix.mixer.jobs.stage import make_stage, plan_of
from midmix.mixer.jobs.write import check_destination, check_tokens, fill, put
from midmix.mixer.plan.checks import tokens_before
from midmix.mixer.plan.earlier import declared_earlier
from midmix.mixer.plan.manifest import Plan
from midmix.mixer.plan.models import Domain, Stage, Tokenizer
from midmix.mixer.plan.prepare import identify_main, read_domains
from midmix.mixer.plan.token_shards import TokenShards
from midmix.mixer.plan.wishes import ANNEAL, Wish, make_wishes
from midmix.run import Run
from midmix.table_manifest import load_manifest
from midmix.tables import PARTS, SOURCES, TOKENS

FORMS: dict[str, Form] = {"linear": "linear", "linear-to-zero": "linear", "cosine": "cosine", "constant": "constant"}
CHECKPOINTS: dict[TrainerName, Callable[[Path], Checkpoint]] = {
    "olmo-core": olmo_core_checkpoint,
    "megatron": megatron_checkpoint,
}
# The texts to measure, for sequences of a length.
Texts = Callable[[int], Sequence[MeasuredText]]


@dataclass(frozen=True)
class Supplied:
    """What jobs draw from: the tokenizer, every domain whole, and where the token files lie."""

    tokenizer: Tokenizer
    domains: Mapping[str, Domain]
    cutter: Cutter


def make_jobs(
    run: Run, trainer: TrainerName, checkpoint: Path, destination: Path, texts: Texts, tokens: int | None = None
) -> Jobs:
    """Write the jobs of the run's design to `destination`, each of `tokens` (those of the training where None).

    Raises ConfigError for a checkpoint of no known form, a schedule that the trainers lack, or a domain that is too
    short for a run; InputError without a design, or where `destination` holds something else. Then nothing is written.
    """
    mixture: Mixture = run.config.require("mixture", "design")
    runs = read_runs(run.folder)
    found = CHECKPOINTS[trainer](checkpoint)
    wish = _wish(run.config, mixture, tokens or mixture.tokens)
    destination = destination.resolve()
    scratch = destination.with_name(f".{destination.name}-{os.getpid()}")
    shutil.rmtree(scratch, ignore_errors=True)
    try:
        supplied = _supplied(run, mixture, scratch / "pools")
        share = min(Fraction(1), Fraction(wish.tokens, mixture.tokens))
        stages = _stages(runs, wish, supplied, share, run.config.seed)
        measured = list(texts(wish.sequence_length)) if trainer == "olmo-core" else []
        target = _megatron(run, found, wish, supplied) if trainer == "megatron" else _olmo_core(found, wish, measured)
        jobs, files = _jobs(target, wish, supplied.tokenizer, stages)
        check_destination(destination, jobs)
        check_tokens(destination, files, supplied.cutter.paths)
        _fill(scratch, jobs, files, supplied, measured)
        put(scratch, destination)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return jobs


def _wish(config: Config, mixture: Mixture, tokens: int) -> Wish:
    """The stage whose mixture is designed, with the jobs' tokens and every default filled in."""
    sections = config.stages or (ANNEAL,)
    section = next((s for s in sections if s.weights == "optimum"), sections[0])
    if section.learning_rate.schedule not in FORMS:
        raise ConfigError(
            f"stages.{section.name}.learning_rate: jobs cannot follow schedule {section.learning_rate.schedule}; they know "
            f"{', '.join(FORMS)}. Give the stage one of these."
        )
    stage = StageSection(
        name=section.name,
        kind=section.kind,
        tokens=tokens,
        sequence_length=section.sequence_length,
        global_batch_sequences=section.global_batch_sequences,
        document_mask=section.document_mask,
        learning_rate=section.learning_rate.model_copy(update={"start": None, "warmup_tokens": 0}),
    )
    return make_wishes([stage], mixture, (), {}, lambda shares, where: shares)[0]


def _supplied(run: Run, mixture: Mixture, pools: Path) -> Supplied:
    tokenizer = identify_main(run.config)
    manifest = load_manifest(run.folder, TOKENS.name)
    inputs = {t.name: load_manifest(run.folder, t.name).paths(run.folder) for t in (TOKENS, PARTS, SOURCES)}
    _, domains = read_domains(run.config, mixture, tokenizer, run.folder, manifest, inputs)
    before = tokens_before(declared_earlier(run.config))
    domains = tuple(_spent(domain, before.get(domain.id, 0)) for domain in domains)
    paths = {name: run.folder / path for name, path in manifest.attachments.items()}
    lengths = TokenShards(run.folder, manifest, domains, {}).lengths
    return Supplied(tokenizer, {d.id: d for d in domains}, Cutter(tokenizer.dtype, lengths, paths, pools))


def _spent(domain: Domain, tokens: int) -> Domain:
    """The domain with the passes that earlier stages made counted among those that are spent."""
    return domain.model_copy(update={"spent_epochs": domain.spent_epochs + tokens / domain.tokens})


@dataclass(frozen=True)
class Staged:
    """A run of the design as a stage, the domains that it draws from, and the number of its set of pools."""

    run: DesignedRun
    stage: Stage
    domains: Mapping[str, Domain]
    pools: int


def _stages(runs: Sequence[DesignedRun], wish: Wish, supplied: Supplied, share: Fraction, seed: int) -> list[Staged]:
    sets: dict[object, tuple[int, dict[str, Domain]]] = {}
    staged = []
    for run in runs:
        number, domains = sets.setdefault(pool_key(run.pools), (len(sets), {}))
        for name in run.weights.keys() - domains.keys():
            if name in supplied.domains:
                part = share * Fraction(repr(run.pools.get(name, 1.0)))
                domains[name] = supplied.cutter.pool(supplied.domains[name], part, wish.sequence_length)
        staged.append(Staged(run, make_stage(run, wish, domains, seed), domains, number))
    return staged


@dataclass(frozen=True)
class Target:
    """How a trainer's jobs are made: what each is measured on, and the files of one."""

    trainer: TrainerName
    checkpoint: Checkpoint
    schedule: JobSchedule
    evaluation: Sequence[Evaluation]
    files: Callable[[Plan, Job], JobFiles]


def _olmo_core(checkpoint: Checkpoint, wish: Wish, measured: Sequence[MeasuredText]) -> Target:
    schedule = _schedule(wish)
    evaluation = [text.evaluation for text in measured]
    return Target(
        "olmo-core", checkpoint, schedule, evaluation, lambda plan, job: olmo_core_job(plan, job, checkpoint, schedule)
    )


def _megatron(run: Run, checkpoint: Checkpoint, wish: Wish, supplied: Supplied) -> Target:
    heldout, evaluation = validation_sets(
        list(supplied.domains.values()), _heldout_bytes(run.folder), wish.sequence_length, wish.global_batch_sequences
    )
    if not evaluation:
        raise ConfigError(
            f"no domain's held-out text fills a global batch of {wish.global_batch_sequences:,} sequences of "
            f"{wish.sequence_length:,}, so the jobs would measure nothing. Raise heldout_fraction, or lower the batch."
        )
    return Target(
        "megatron",
        checkpoint,
        _schedule(wish),
        evaluation,
        lambda plan, job: megatron_job(plan, job, checkpoint, heldout),
    )


def _schedule(wish: Wish) -> JobSchedule:
    return JobSchedule(form=FORMS[wish.rate.schedule], end=wish.rate.end)


def _jobs(
    target: Target, wish: Wish, tokenizer: Tokenizer, staged: Sequence[Staged]
) -> tuple[Jobs, dict[str, tuple[int, JobFiles]]]:
    """JOBS.json, and every job's files by folder, with the number of its set of pools."""
    listed = [_job(one, target.trainer) for one in staged]
    files = {
        job.folder: (one.pools, target.files(plan_of(one.stage, one.domains, tokenizer), job))
        for job, one in zip(listed, staged, strict=True)
    }
    jobs = Jobs(
        trainer=target.trainer,
        checkpoint=str(target.checkpoint.saved),
        tokenizer_sha256=tokenizer.file_sha256,
        tokens=wish.tokens,
        sequence_length=wish.sequence_length,
        global_batch_sequences=wish.global_batch_sequences,
        schedule=target.schedule,
        evaluation=tuple(target.evaluation),
        jobs=tuple(listed),
    )
    return jobs, files


def _job(one: Staged, trainer: TrainerName) -> Job:
    folder = f"run-{one.run.run:06d}"
    return Job(
        run=one.run.run,
        role=one.run.role,
        seed=one.run.seed,
        folder=folder,
        weights=one.run.weights,
        pools=one.run.pools,
        mixture={share.domain: share.tokens for share in one.stage.mixture},
        tokens=one.stage.token_budget,
        steps=one.stage.sequences // one.stage.global_batch_sequences,
        metrics=f"{folder}/{METRICS_FILES[trainer]}",
    )


def _heldout_bytes(folder: Path) -> dict[tuple[str, int], int]:
    """UTF-8 bytes of every held-out shard of the main tokenizer, by domain and number."""
    found: dict[tuple[str, int], int] = {}
    wanted = [("tokenizer", "=", "main"), ("split", "=", "heldout")]
    for path in load_manifest(folder, TOKENS.name).paths(folder):
        rows = pq.read_table(path, columns=["domain", "shard", "num_bytes"], filters=wanted)
        sums = rows.group_by(["domain", "shard"]).aggregate([("num_bytes", "sum")])
        for row in sums.to_pylist():
            key = row["domain"], row["shard"]
            found[key] = found.get(key, 0) + row["num_bytes_sum"]
    return found


def _fill(
    scratch: Path,
    jobs: Jobs,
    files: Mapping[str, tuple[int, JobFiles]],
    supplied: Supplied,
    measured: Sequence[MeasuredText],
) -> None:
    texts = {JOBS_FILE: jobs.to_json(), "run-all.sh": run_all(jobs), "slurm.sh": slurm(jobs), "README.md": readme(jobs)}
    if jobs.trainer == "megatron":
        source = Path(__file__).with_name("megatron_learning_rate.py")
        texts["learning_rate.py"] = source.read_text(encoding="utf-8")
    fill(scratch, texts, files, supplied.cutter.paths)
    if measured:
        write_texts(scratch / FOLDER, measured, supplied.tokenizer.dtype)
    shutil.rmtree(supplied.cutter.folder, ignore_errors=True)
