"""The plan as one JSON file: a versioned, content-hashed manifest that every exporter reads and nothing else.

The file is canonical JSON, so equal plans are equal bytes; it holds no clock and no path, only names of token files
(as the run's TOKENS manifest lists them) with their hashes.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable
from fractions import Fraction
from functools import cached_property
from itertools import pairwise
from typing import Any, Literal, Self

from pydantic import ValidationError, model_validator

from midmix.errors import InputError
from midmix.mixer.plan.allocate import available_sequences
from midmix.mixer.plan.models import ITEM_BYTES, Claim, Digest, Domain, Model, Share, Stage, Tokenizer

FORMAT_VERSION: Literal["1.0"] = "1.0"
NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}")


class Plan(Model):
    """The whole plan. Building one checks it: names, sums, supply and caps over all stages."""

    format: Literal["midmix-plan"] = "midmix-plan"
    format_version: Literal["1.0"] = FORMAT_VERSION
    generator: str
    weight_unit: Literal["tokens"] = "tokens"
    tokenizer: Tokenizer
    domains: tuple[Domain, ...]
    stages: tuple[Stage, ...]
    evidence: tuple[Claim, ...]
    inputs: dict[str, Digest]

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        _check_unique("domain", (d.id for d in self.domains))
        _check_unique("stage", (s.id for s in self.stages))
        _check_unique("seed of a stage", (s.seed for s in self.stages))
        for domain in self.domains:
            _check_domain(domain, ITEM_BYTES[self.tokenizer.dtype])
        domains = {d.id: d for d in self.domains}
        for stage in self.stages:
            _check_stage(stage, domains)
        for domain in self.domains:
            _check_epochs(domain, self.stages)
        return self

    @cached_property
    def hash(self) -> str:
        """SHA-256 of the canonical form."""
        return hashlib.sha256(_canonical(self.model_dump(mode="json"))).hexdigest()

    def domain(self, name: str) -> Domain:
        """The domain called `name`. Raises KeyError."""
        for domain in self.domains:
            if domain.id == name:
                return domain
        raise KeyError(name)

    def to_json(self) -> bytes:
        """The file: the canonical fields, readable, with their hash."""
        fields = self.model_dump(mode="json") | {"manifest_hash": f"sha256:{self.hash}"}
        return (json.dumps(fields, indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n").encode()


def parse_plan(text: bytes, where: str) -> Plan:
    """The plan in a file's bytes. Raises InputError when it is no valid plan or its hash does not fit."""
    try:
        fields = json.loads(text)
        given = fields.pop("manifest_hash")
        plan = Plan.model_validate_json(_canonical(fields))
    except (ValidationError, ValueError, KeyError, AttributeError, TypeError) as error:
        raise InputError(f"{where}: got no valid midmix plan ({error}). Run the step plan again.") from None
    if given != f"sha256:{plan.hash}":
        raise InputError(
            f"{where}: manifest_hash is {given}, but the content hashes to sha256:{plan.hash}: it was edited. "
            f"Change the config and run the step plan again."
        )
    return plan


def _canonical(fields: dict[str, Any]) -> bytes:
    return json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def is_number(text: str) -> bool:
    """Whether a trainer that parses numbers out of paths and names would take `text` for one (`1e5`, `nan`, `2024`)."""
    try:
        float(text)
    except ValueError:
        return False
    return True


def _check_unique(what: str, names: Iterable[object]) -> None:
    seen: set[object] = set()
    for name in names:
        if name in seen:
            raise ValueError(f"{what} {name!r} stands twice")
        seen.add(name)


def _check_domain(domain: Domain, item_bytes: int) -> None:
    name = domain.id
    if not NAME.fullmatch(name) or is_number(name):
        raise ValueError(
            f"domain {name!r}: expected 1 to 64 of A-Z, a-z, 0-9, '_', '.', '-' that do not read as a number"
        )
    for shards in (domain.shards, domain.heldout):
        if any(a.index >= b.index for a, b in pairwise(shards)):
            raise ValueError(f"domain {name}: shards are numbered {[s.index for s in shards]}, expected rising numbers")
        for shard in shards:
            if shard.bin.bytes != shard.tokens * item_bytes:
                raise ValueError(
                    f"domain {name}: {shard.bin.name} has {shard.bin.bytes} bytes, "
                    f"{shard.tokens} tokens of {item_bytes} bytes were expected"
                )
    if (
        sum(s.tokens for s in domain.shards) != domain.tokens
        or sum(s.documents for s in domain.shards) != domain.documents
    ):
        raise ValueError(
            f"domain {name}: its shards do not add up to {domain.tokens} tokens in {domain.documents} documents"
        )
    if sum(s.tokens for s in domain.sources) != domain.tokens:
        raise ValueError(f"domain {name}: its sources do not add up to {domain.tokens} tokens")


def _check_stage(stage: Stage, domains: dict[str, Domain]) -> None:
    where = f"stage {stage.id}"
    _check_unique(f"{where}: domain", (share.domain for share in stage.mixture))
    if stage.token_budget != stage.sequences * stage.sequence_length or stage.sequences % stage.global_batch_sequences:
        raise ValueError(
            f"{where}: {stage.token_budget} tokens are not {stage.sequences} sequences of {stage.sequence_length} "
            f"in whole batches of {stage.global_batch_sequences}"
        )
    if sum(share.sequences for share in stage.mixture) != stage.sequences:
        raise ValueError(
            f"{where}: domains sum to {sum(s.sequences for s in stage.mixture)}, expected {stage.sequences}"
        )
    for share in stage.mixture:
        if share.domain not in domains:
            raise ValueError(f"{where}: unknown domain {share.domain!r}")
        _check_share(share, stage, domains[share.domain], f"{where}, domain {share.domain}")


def _check_share(share: Share, stage: Stage, domain: Domain, where: str) -> None:
    if [draw.shard for draw in share.draws] != [shard.index for shard in domain.shards]:
        raise ValueError(f"{where}: draws from shards {[d.shard for d in share.draws]}, it has {len(domain.shards)}")
    if sum(draw.sequences for draw in share.draws) != share.sequences:
        raise ValueError(f"{where}: shards sum to {sum(d.sequences for d in share.draws)}, expected {share.sequences}")
    if sum(draw.available for draw in share.draws) != share.available_sequences:
        raise ValueError(f"{where}: shards do not add up to {share.available_sequences} available sequences")
    for draw, shard in zip(share.draws, domain.shards, strict=True):
        if draw.available != available_sequences(shard.tokens, stage.sequence_length) or (
            draw.sequences and not draw.available
        ):
            raise ValueError(
                f"{where}, shard {draw.shard}: {draw.available} sequences do not lie in {shard.tokens} tokens"
            )
    if share.sequences > share.cap_sequences:
        raise ValueError(f"{where}: {share.sequences} sequences, its cap is {share.cap_sequences}")
    if share.tokens != share.sequences * stage.sequence_length or share.weight != share.sequences / stage.sequences:
        raise ValueError(
            f"{where}: tokens {share.tokens} or weight {share.weight} do not follow from {share.sequences} sequences"
        )


def _check_epochs(domain: Domain, stages: tuple[Stage, ...]) -> None:
    drawn = sum(share.tokens for stage in stages for share in stage.mixture if share.domain == domain.id)
    if drawn > Fraction(repr(domain.max_epochs)) * domain.tokens:
        raise ValueError(
            f"domain {domain.id}: {drawn} tokens over all stages, allowed are "
            f"{domain.max_epochs} epochs of {domain.tokens}"
        )
