"""The sections of the plan: stages of training in order, what was trained before them, and lengths as an axis."""

from __future__ import annotations

import math
from typing import Literal

from pydantic import Field, field_validator, model_validator

from midmix.config.section import Section

STAGE_NAME = r"^[a-z0-9][a-z0-9_.-]{0,63}$"
StageKind = Literal["pretrain", "midtrain", "long-context"]
PackingMethod = Literal["concatenate-and-chunk", "best-fit"]
Schedule = Literal["constant", "linear", "linear-to-zero", "cosine", "wsd", "power", "1-sqrt", "exponential"]
Decay = Literal["linear", "cosine", "1-sqrt", "exponential"]


class Rate(Section):
    """The learning rate over a stage. What is left out follows from the stage before: it goes on where that one ended.

    `warmup_tokens` rise from 0 to `start`. `decay_start` (tokens into the stage) and `decay` belong to wsd; `amplitude`
    and `exponent` to power, whose rate after n tokens of all training is min(start, amplitude x n^exponent).
    """

    schedule: Schedule = "linear"
    start: float | None = Field(default=None, gt=0)
    end: float | None = Field(default=None, ge=0)
    warmup_tokens: int = Field(default=0, ge=0)
    decay_start: int | None = Field(default=None, ge=0)
    decay: Decay | None = None
    amplitude: float | None = Field(default=None, gt=0)
    exponent: float | None = Field(default=None, lt=0)

    @model_validator(mode="after")
    def _fields_of_the_schedule(self) -> Rate:
        for names, schedule in ((("decay_start", "decay"), "wsd"), (("amplitude", "exponent"), "power")):
            given = [name for name in names if getattr(self, name) is not None]
            if self.schedule == schedule and len(given) < len(names):
                raise ValueError(f"schedule {schedule} needs {' and '.join(names)}, got {given or 'neither'}")
            if self.schedule != schedule and given:
                raise ValueError(f"{given[0]} belongs to schedule {schedule}, got schedule {self.schedule}")
        return self


class Rope(Section):
    """Rotary position embedding: the base, and how positions beyond `original_length` are scaled by `factor`.

    none: as it is; abf: another base alone (adjusted base frequency); pi: position interpolation; ntk: NTK-aware; yarn.
    """

    base: float = Field(gt=0)
    scaling: Literal["none", "abf", "pi", "ntk", "yarn"] = "none"
    factor: float | None = Field(default=None, gt=1)
    original_length: int | None = Field(default=None, ge=1)

    @model_validator(mode="after")
    def _fields_of_the_scaling(self) -> Rope:
        scaled = self.scaling in ("pi", "ntk", "yarn")
        given = (self.factor is not None, self.original_length is not None)
        if scaled != all(given) or any(given) != all(given):
            raise ValueError(
                f"scaling {self.scaling} {'needs' if scaled else 'has no'} factor and original_length, "
                f"got factor {self.factor}, original_length {self.original_length}"
            )
        return self


class Boundary(Section):
    """What is meant to change where a stage begins. What is not declared is checked to go on as it was."""

    learning_rate: Literal["continue", "restart"] = "continue"
    optimizer: Literal["load", "fresh"] = "load"
    batch: Literal["same", "changed"] = "same"


class StageSection(Section):
    """One stage. What is left out comes from `mixture`, or from the stage before.

    `weights` are the run's optimum or shares of sources and domains. `replay` is the share given to an earlier mixture:
    that of the stage or earlier stage `replay_of`, else `mixture.replay`, else the stage before. `lengths` gives each
    length bucket its share of the stage; without it all lengths are drawn from alike. `data: repeat` may read again what
    other stages read. `packing` lays documents end to end and cuts every `sequence_length` tokens, or places them whole
    where they fit a sequence and fills it up with end-of-text ids (best-fit).
    """

    name: str = Field(pattern=STAGE_NAME)
    kind: StageKind = "midtrain"
    tokens: int | None = Field(default=None, ge=1)
    sequence_length: int | None = Field(default=None, ge=8)
    global_batch_sequences: int | None = Field(default=None, ge=1)
    weights: Literal["optimum"] | dict[str, float] = "optimum"
    replay: float = Field(default=0.0, ge=0, le=1)
    replay_of: str | None = None
    lengths: dict[str, float] = {}
    data: Literal["disjoint", "repeat"] = "disjoint"
    packing: PackingMethod = "concatenate-and-chunk"
    document_mask: bool = False
    learning_rate: Rate = Rate()
    rope: Rope | None = None
    boundary: Boundary = Boundary()

    @field_validator("weights", "lengths")
    @classmethod
    def _shares(cls, value: str | dict[str, float]) -> str | dict[str, float]:
        for name, share in value.items() if isinstance(value, dict) else ():
            if not 0 <= share < math.inf:
                raise ValueError(f"{name} is {share}, expected a share of 0 or more")
        if isinstance(value, dict) and value and not any(value.values()):
            raise ValueError("all are 0; at least one must be more")
        return value


class Earlier(Section):
    """A stage that was trained before this run, by the file that the trainer mixed it with, and its tokens.

    `file` is a Megatron blend (JSON or text) or an OLMo-core source mixture (YAML). `names` maps what stands there (a
    path, its last part or a source_name) to a domain of this run, or to nothing where this run has none of it.
    `learning_rate` and `global_batch_tokens` are those at its end.
    """

    name: str = Field(pattern=STAGE_NAME)
    tokens: int = Field(ge=1)
    format: Literal["megatron", "olmo-core"] | None = None
    file: str | None = None
    seen: dict[str, int] = {}
    names: dict[str, str | None] = {}
    learning_rate: float | None = Field(default=None, gt=0)
    global_batch_tokens: int | None = Field(default=None, ge=1)

    @model_validator(mode="after")
    def _one_form(self) -> Earlier:
        if (self.file is None) == (not self.seen):
            raise ValueError("needs exactly one of 'file' (a blend or mixture file) and 'seen' (tokens by domain)")
        if (self.file is None) != (self.format is None):
            raise ValueError("'file' and 'format' (megatron or olmo-core) go together")
        if sum(self.seen.values()) > self.tokens:
            raise ValueError(f"seen sums to {sum(self.seen.values()):,} tokens, more than tokens: {self.tokens:,}")
        return self


class TokenFiles(Section):
    """A domain that enters as token files made before: `.bin` with `.idx` (megatron) or raw `.npy` (olmo-core).

    `tokenizer_sha256` is the hash of the tokenizer.json that made them; it must be that of `tokenizers.main`. Such a
    domain is drawn from where a stage's weights name it.
    """

    path: str
    format: Literal["megatron", "olmo-core"]
    dtype: Literal["uint16", "uint32", "int32"]
    tokenizer_sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    license: str | None = None
    snapshot: str | None = None
    max_epochs: float = Field(default=4.0, ge=0)


def check_chain(stages: tuple[StageSection, ...], earlier: tuple[Earlier, ...], length_buckets: dict[str, int]) -> None:
    """Raise ValueError where stages, earlier stages and length buckets do not name each other rightly."""
    names = [stage.name for stage in earlier] + [stage.name for stage in stages]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"stages: {name!r} stands twice; every stage and earlier stage needs its own name")
        if name.isdecimal():
            raise ValueError(f"stages: {name!r} is digits alone, which trainers read as a weight; give it letters")
    floors = list(length_buckets.values())
    if floors and (floors[0] != 0 or floors != sorted(set(floors))):
        raise ValueError(
            f"length_buckets: got {length_buckets}, expected each bucket's least tokens per document, rising from 0"
        )
    for number, stage in enumerate(stages, start=len(earlier)):
        for bucket in stage.lengths:
            if bucket not in length_buckets:
                known = ", ".join(length_buckets) or "none"
                raise ValueError(f"stages.{stage.name}.lengths: no length bucket {bucket!r}; there are: {known}")
        if stage.replay_of is not None and stage.replay_of not in names[:number]:
            raise ValueError(
                f"stages.{stage.name}.replay_of: {stage.replay_of!r} is no stage before it ({', '.join(names[:number])})"
            )
    packed = [stage.name for stage in stages if stage.packing == "best-fit"]
    repeated = [stage.name for stage in stages if stage.data == "repeat"]
    if packed and repeated:
        raise ValueError(
            f"stages.{packed[0]}.packing: best-fit gives a stage rows of its own documents, which "
            f"stages.{repeated[0]} with data: repeat would read again otherwise packed; drop one of the two"
        )
