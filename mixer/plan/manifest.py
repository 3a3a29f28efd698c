"""The plan as one JSON file: a versioned, content-hashed manifest that every exporter reads and nothing else.

The file is canonical JSON, so equal plans are equal bytes; it holds no clock and no path, only names of token files
(as the run's TOKENS manifest lists them) with their hashes.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from typing import Literal, Self

from pydantic import ValidationError, model_validator

from midmix.errors import InputError
from midmix.mixer.plan.canonical import compact, indented
from midmix.mixer.plan.checks import (
    check_buckets,
    check_disjoint,
    check_domain,
    check_earlier,
    check_epochs,
    check_stage,
    check_tokenizer,
    check_unique,
)
from midmix.mixer.plan.continuity import check_continuity
from midmix.mixer.plan.models import (
    Claim,
    Digest,
    Domain,
    Draw,
    EarlierStage,
    LengthBucket,
    Model,
    Shard,
    Share,
    Stage,
    Tokenizer,
)

FORMAT_VERSION: Literal["2.0"] = "2.0"


class Plan(Model):
    """The whole plan. Building one checks it: names, sums, supply, caps over all stages, disjoint shards, continuity."""

    format: Literal["midmix-plan"] = "midmix-plan"
    format_version: Literal["2.0"] = FORMAT_VERSION
    generator: str
    weight_unit: Literal["tokens"] = "tokens"
    tokenizer: Tokenizer
    length_buckets: tuple[LengthBucket, ...]
    domains: tuple[Domain, ...]
    earlier: tuple[EarlierStage, ...]
    stages: tuple[Stage, ...]
    evidence: tuple[Claim, ...]
    inputs: dict[str, Digest]

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        check_unique("domain", (d.id for d in self.domains))
        check_unique("stage", [e.id for e in self.earlier] + [s.id for s in self.stages])
        check_unique("seed of a stage", (s.seed for s in self.stages))
        check_tokenizer(self.tokenizer)
        check_buckets(self.length_buckets)
        for domain in self.domains:
            check_domain(domain, self.tokenizer.dtype, self.length_buckets)
        check_earlier(self.earlier, self._by_id)
        for stage in self.stages:
            check_stage(stage, self._by_id, self.length_buckets)
        check_disjoint(self.stages)
        check_epochs(self.domains, self.earlier, self.stages)
        check_continuity(self.earlier, self.stages)
        return self

    @cached_property
    def hash(self) -> str:
        """SHA-256 of the canonical form."""
        return _hash(_object(self._fields()))

    def domain(self, name: str) -> Domain:
        """The domain called `name`. Raises KeyError."""
        return self._by_id[name]

    def drawn(self, share: Share) -> list[tuple[Draw, Shard]]:
        """What a share draws and from where, shards of which nothing is drawn left out."""
        shards = self._shards[share.domain]
        return [(draw, shards[draw.shard]) for draw in share.draws if draw.sequences]

    @cached_property
    def _shards(self) -> dict[str, dict[int, Shard]]:
        return {domain.id: {shard.index: shard for shard in domain.shards} for domain in self.domains}

    @cached_property
    def _by_id(self) -> dict[str, Domain]:
        return {domain.id: domain for domain in self.domains}

    def to_json(self) -> bytes:
        """The file: the canonical fields, readable, with their hash."""
        return b"".join(self.blocks())

    def blocks(self) -> Iterator[bytes]:
        """The same in pieces: that of 100,000 shards has 64 MB."""
        fields = self._fields()
        fields["manifest_hash"] = compact(f"sha256:{_hash(_object(fields))}")
        yield from indented(b"".join(_object(fields)))
        yield b"\n"

    def _fields(self) -> dict[str, bytes]:
        """Canonical JSON of every field; of a domain or a stage at a time, since 100,000 shards are many dictionaries."""
        fields = {}
        for name in type(self).model_fields:
            value = getattr(self, name)
            if isinstance(value, tuple):
                fields[name] = b"[" + b",".join(compact(item.model_dump(mode="json")) for item in value) + b"]"
            else:
                fields[name] = compact(value.model_dump(mode="json") if isinstance(value, Model) else value)
        return fields


def parse_plan(text: bytes, where: str) -> Plan:
    """The plan in a file's bytes. Raises InputError when it is no valid plan or its hash does not fit."""
    try:
        fields = json.loads(text)
        given = fields.pop("manifest_hash")
        content = compact(fields)
        del fields  # 100,000 shards are some hundred megabytes of dictionaries
        plan = Plan.model_validate_json(content)
    except (ValidationError, ValueError, KeyError, AttributeError, TypeError) as error:
        raise InputError(f"{where}: got no valid midmix plan ({error}). Run the step plan again.") from None
    if given != f"sha256:{_hash((content,))}":
        raise InputError(
            f"{where}: manifest_hash is {given}, but the content hashes to sha256:{_hash((content,))}: it was edited. "
            f"Change the config and run the step plan again."
        )
    return plan


def _hash(content: Iterable[bytes]) -> str:
    digest = hashlib.sha256()
    for piece in content:
        digest.update(piece)
    return digest.hexdigest()


def _object(fields: Mapping[str, bytes]) -> Iterator[bytes]:
    """A JSON object of fields in canonical form, in pieces."""
    for number, (name, value) in enumerate(sorted(fields.items())):
        yield b"," if number else b"{"
        yield compact(name) + b":"
        yield value
    yield b"}"
