"""`JOBS.json`: which job is which run of the design, what it trains on, and where it leaves what it measures."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, ValidationError, model_validator

from midmix.errors import InputError
from midmix.mixer.plan.models import Count, Digest, Model

JOBS_FILE = "JOBS.json"
METRICS_FILES = {"olmo-core": "metrics.jsonl", "megatron": "log.txt"}
SETTINGS = {
    "trainer",
    "checkpoint",
    "tokenizer_sha256",
    "tokens",
    "sequence_length",
    "global_batch_sequences",
    "schedule",
}

Form = Literal["constant", "linear", "cosine"]
TrainerName = Literal["olmo-core", "megatron"]
# A place below the folder of the jobs: no absolute path, no way out of it.
Below = Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]*(/[A-Za-z0-9_][A-Za-z0-9_.-]*)*$")]


class JobSchedule(Model):
    """The learning rate of every job: from the checkpoint's own value by `form` to `end` at the last step."""

    form: Form
    end: float = Field(ge=0)


class ValidationSet(Model):
    """One of the trainer's validation sets by its number, and the sequences that it is measured on."""

    number: Count
    sequences: int = Field(ge=1)


class Evaluation(Model):
    """What a metric of LOSSES is measured on: tokens that are predicted, and the UTF-8 bytes of their text.

    `sets` are the validation sets that make it up, where the trainer reports these by number alone.
    """

    metric: str = Field(pattern=r"^(domain|set):.+$")
    num_tokens: int = Field(ge=1)
    num_bytes: int = Field(ge=1)
    sets: tuple[ValidationSet, ...] = ()


class Job(Model):
    """One run of the design. `weights` are its shares as designed, `mixture` the tokens that it reads, by domain."""

    run: Count
    role: str
    seed: int
    folder: Below
    weights: dict[str, float]
    pools: dict[str, float]
    mixture: dict[str, int]
    tokens: int = Field(ge=1)
    steps: int = Field(ge=1)
    metrics: Below

    @model_validator(mode="after")
    def _sums(self) -> Job:
        if sum(self.mixture.values()) != self.tokens:
            raise ValueError(
                f"run {self.run}: its mixture sums to {sum(self.mixture.values())}, expected {self.tokens}"
            )
        return self


class Jobs(Model):
    """The whole file. `tokens` is the budget that was asked for, which every job rounds down to whole batches."""

    format: Literal["midmix-jobs"] = "midmix-jobs"
    format_version: Literal["1.0"] = "1.0"
    trainer: TrainerName
    checkpoint: str
    tokenizer_sha256: Digest
    tokens: int = Field(ge=1)
    sequence_length: int = Field(ge=1)
    global_batch_sequences: int = Field(ge=1)
    schedule: JobSchedule
    evaluation: tuple[Evaluation, ...]
    jobs: tuple[Job, ...]

    @model_validator(mode="after")
    def _no_job_twice(self) -> Jobs:
        for what, found in (("run", [job.run for job in self.jobs]), ("folder", [job.folder for job in self.jobs])):
            if len(set(found)) < len(found):
                raise ValueError(f"a {what} stands twice among the jobs")
        return self

    @property
    def identity(self) -> str:
        """Eight hexadecimal digits that tell these jobs from those of another checkpoint, trainer or budget."""
        settings = self.model_dump(mode="json", include=SETTINGS)
        return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:8]

    def to_json(self) -> str:
        """The file's text."""
        return json.dumps(self.model_dump(mode="json"), indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def read_jobs_file(path: Path) -> Jobs:
    """The file at `path`. Raises InputError when it is no such file."""
    try:
        return Jobs.model_validate_json(path.read_bytes())
    except (OSError, ValidationError, ValueError) as error:
        raise InputError(
            f"{path}: got no valid {JOBS_FILE} ({error}). `midmix design RUN --to TRAINER --dest JOBS` writes one."
        ) from None
