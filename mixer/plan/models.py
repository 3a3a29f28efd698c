"""The parts of a plan: pydantic models, all frozen and closed to unknown fields.

Integers are the plan: sequences per stage, domain and shard; shares, tokens and epochs are derived from them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from midmix.config.stages import Boundary, Decay, PackingMethod, Rope, Schedule, StageKind

ITEM_BYTES = {"uint16": 2, "int32": 4}

Count = Annotated[int, Field(ge=0)]
Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class Model(BaseModel):
    """A part of the plan: frozen, and closed to unknown fields."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Leaf:
    """A part that a plan has hundreds of thousands of: a slotted dataclass, as closed, in 64 bytes where a Model takes 490.

    It is checked where a plan is read from its file; what makes a plan makes it from counts of its own.
    """

    __slots__ = ()
    __pydantic_config__: ClassVar = ConfigDict(extra="forbid")


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenFile(Leaf):
    """A token file by the name that the run lists it under, such as `main/math/train-00000.bin`."""

    name: str
    bytes: Count
    sha256: Digest


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut(Leaf):
    """Which documents of a token shard a shard of the plan holds.

    `first_document` counts among the documents of `shard` that have `min_tokens` or more and fewer than `max_tokens`.
    """

    shard: Count
    min_tokens: Count
    max_tokens: Count | None
    first_document: Count


@dataclass(frozen=True, slots=True, kw_only=True)
class Packed(Leaf):
    """Documents packed best-fit into `rows` of `sequence_length` tokens, `padding` of which fill rows up.

    `runs` is a file of int64[runs, 3], little endian, in the order of the `.bin`: document of the shard (-1 where a row
    is filled up), its first token, tokens.
    """

    sequence_length: Count
    rows: Count
    padding: Count
    runs: TokenFile


@dataclass(frozen=True, slots=True, kw_only=True)
class Shard(Leaf):
    """One `.bin` with its `.idx`: documents of one domain and split in a seeded permutation.

    `bucket` is the length bucket of all its documents, where the plan tells lengths apart. `cut` is None where the
    shard is one that the step tokenize made, or that came with the run, as it is. A `packed` one has rows in the place
    of documents: `.idx` lists a row an entry, `tokens` are those of all rows, padding included.
    """

    index: Count
    tokens: Count
    documents: Count
    bucket: str | None = None
    cut: Cut | None = None
    packed: Packed | None = None
    bin: TokenFile
    idx: TokenFile

    @property
    def text_tokens(self) -> int:
        """Tokens of its documents."""
        return self.tokens - (self.packed.padding if self.packed else 0)


class SourceTokens(Model):
    """What one source gives to a domain's train split, with what was declared of it."""

    source: str
    tokens: Count
    license: str | None
    snapshot: str | None


class Domain(Model):
    """A domain's supply: tokens of the train split, and how often they may be passed over.

    `max_epochs` counts passes over all training; `spent_epochs` are those that the config declares as made before,
    beside the earlier stages of the plan.
    """

    id: str
    tokens: Count
    documents: Count
    max_epochs: float = Field(ge=0)
    max_epochs_reason: str
    spent_epochs: float = Field(ge=0)
    sources: tuple[SourceTokens, ...]
    shards: tuple[Shard, ...]
    heldout: tuple[Shard, ...]


class Tokenizer(Model):
    """Whose token ids the shards hold. `dtype` is that of the token files."""

    id: str
    file_sha256: Digest
    vocabulary_size: int = Field(ge=1)
    eos_id: Count
    dtype: Literal["uint16", "int32"]
    adds_eos_per_document: bool
    adds_bos_per_document: bool


class LengthBucket(Model):
    """Documents of `min_tokens` or more and fewer than `max_tokens`."""

    id: str
    min_tokens: Count
    max_tokens: Count | None


class Seen(Model):
    """What an earlier stage read: `name` as its trainer's file has it, `domain` None where this plan has none of it."""

    name: str
    domain: str | None
    tokens: Count


class EarlierStage(Model):
    """A stage trained before, as declared: the recap that later stages go on from."""

    id: str
    tokens: int = Field(ge=1)
    declared_by: Literal["config", "megatron", "olmo-core"]
    file_sha256: Digest | None
    learning_rate_end: float | None
    global_batch_tokens: int | None
    seen: tuple[Seen, ...]


class Interval(Model):
    """How far the share is known."""

    method: Literal["posterior"]
    level: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Draw(Leaf):
    """Sequences drawn from one shard; `available` is what one pass gives. More than that is passes over again."""

    shard: Count
    sequences: Count
    available: Count


class Share(Model):
    """A domain's part of a stage, over the shards that the stage has of it.

    `weight_asked` is what was asked for, `weight` what the integers give; `cap_sequences` is the most that the epochs
    allowed over all stages leave to this one. `epochs` are passes over this stage's shards. Of `tokens`, `padding` fill
    rows up: the part that they have of the shards drawn from, rounded up.
    """

    domain: str
    sequences: int = Field(ge=1)
    tokens: int = Field(ge=1)
    padding: Count = 0
    weight: float
    weight_asked: float
    available_sequences: Count
    cap_sequences: Count
    at_cap: bool
    epochs: float
    interval: Interval | None
    draws: tuple[Draw, ...]


class LengthShare(Model):
    """A length bucket's part of a stage."""

    bucket: str
    sequences: Count


class Replay(Model):
    """Share of the weights that an earlier mixture has: that of a stage, or `mixture.replay`."""

    share: float = Field(gt=0, le=1)
    of: str


class Packing(Model):
    """How documents become sequences: end to end, cut every `sequence_length` tokens, or whole where they fit one.

    `document_mask` says whether attention stops at the ends of documents.
    """

    method: PackingMethod
    document_mask: bool


class LearningRate(Model):
    """The rate over the stage: `warmup_tokens` from 0 to `start`, then by `schedule` to `end`.

    wsd holds `start` until `decay_start` tokens into the stage and then falls by `decay`; power is
    min(start, amplitude x n^exponent) after n tokens of all training.
    """

    schedule: Schedule
    start: float = Field(gt=0)
    end: float = Field(ge=0)
    warmup_tokens: Count = 0
    decay_start: Count | None = None
    decay: Decay | None = None
    amplitude: float | None = None
    exponent: float | None = None


class Stage(Model):
    """One stage of training with a fixed sequence length and batch.

    `weights_sum` is what the shares that were asked for summed to before they were divided by it. `data` says whether
    the stage may draw from shards that another stage draws from.
    """

    id: str
    order: Count
    kind: StageKind
    tokens_asked: int = Field(ge=1)
    rounding: Literal["down to whole global batches"]
    start_tokens: Count
    token_budget: int = Field(ge=1)
    sequences: int = Field(ge=1)
    sequence_length: int = Field(ge=1)
    global_batch_sequences: int = Field(ge=1)
    seed: int
    data: Literal["disjoint", "repeat"]
    packing: Packing
    learning_rate: LearningRate
    rope: Rope | None
    boundary: Boundary
    weights_from: Literal["optimum", "declared"]
    weights_sum: float
    replay: Replay | None
    lengths: tuple[LengthShare, ...]
    mixture: tuple[Share, ...]

    @property
    def global_batch_tokens(self) -> int:
        """Tokens of one optimizer step."""
        return self.global_batch_sequences * self.sequence_length

    @property
    def end_tokens(self) -> int:
        """Tokens of all training at the end of the stage."""
        return self.start_tokens + self.token_budget


class Claim(Model):
    """One row of EVIDENCE."""

    subject: str
    claim: str
    verdict: str
    value: float | None
    low: float | None
    high: float | None
    unit: str | None
    words: str
