"""The parts of a plan: pydantic models, all frozen and closed to unknown fields.

Integers are the plan: sequences per stage, domain and shard; shares, tokens and epochs are derived from them.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

ITEM_BYTES = {"uint16": 2, "int32": 4}

Count = Annotated[int, Field(ge=0)]
Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class Model(BaseModel):
    """A part of the plan: frozen, and closed to unknown fields."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class TokenFile(Model):
    """A token file by the name that TOKENS lists it under, such as `main/math/train-00000.bin`."""

    name: str
    bytes: Count
    sha256: Digest


class Shard(Model):
    """One `.bin` with its `.idx`: documents of one domain and split in a seeded permutation."""

    index: Count
    tokens: Count
    documents: Count
    bin: TokenFile
    idx: TokenFile


class SourceTokens(Model):
    """What one source gives to a domain's train split, with what was declared of it."""

    source: str
    tokens: Count
    license: str | None
    snapshot: str | None


class Domain(Model):
    """A domain's supply: tokens of the train split, and how often they may be passed over."""

    id: str
    tokens: Count
    documents: Count
    max_epochs: float = Field(ge=0)
    max_epochs_reason: str
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


class Interval(Model):
    """How far the share is known."""

    method: Literal["posterior"]
    level: float
    low: float
    high: float


class Draw(Model):
    """Sequences drawn from one shard; `available` is what one pass gives. More than that is passes over again."""

    shard: Count
    sequences: Count
    available: Count


class Share(Model):
    """A domain's part of a stage. `weight_asked` is what WEIGHTS says, `weight` what the integers give."""

    domain: str
    sequences: int = Field(ge=1)
    tokens: int = Field(ge=1)
    weight: float
    weight_asked: float
    available_sequences: Count
    cap_sequences: Count
    at_cap: bool
    epochs: float
    interval: Interval | None
    draws: tuple[Draw, ...]


class Packing(Model):
    """How documents become sequences: end to end, cut every `sequence_length` tokens, attention across documents."""

    method: Literal["concatenate-and-chunk"]
    document_mask: bool


class LearningRate(Model):
    """The rate over the stage, from `start` to `end`."""

    schedule: Literal["linear"]
    start: float = Field(gt=0)
    end: float = Field(ge=0)


class Stage(Model):
    """One stage of training with a fixed sequence length and batch."""

    id: str
    order: Count
    kind: Literal["midtrain"]
    tokens_asked: int = Field(ge=1)
    rounding: Literal["down to whole global batches"]
    token_budget: int = Field(ge=1)
    sequences: int = Field(ge=1)
    sequence_length: int = Field(ge=1)
    global_batch_sequences: int = Field(ge=1)
    seed: int
    packing: Packing
    learning_rate: LearningRate
    mixture: tuple[Share, ...]


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
