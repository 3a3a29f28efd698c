"""The text that jobs may draw from: domains whole, or as much of each as keeps repetition what it is in the training.

A job of fewer tokens than the training repeats a domain less. So that a mixture's losses tell what they will in the
training, every domain gives its jobs the same part of its text as the job is of the training. Small shards of a domain
are one file, as in exports: each costs every job two descriptors or more.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import numpy as np

from midmix.disk import sha256_of
from midmix.megatron_index import write_index
from midmix.mixer.export.joined_files import write_end_to_end
from midmix.mixer.plan.joined import SMALL_SEQUENCES, in_seeded_order
from midmix.mixer.plan.models import ITEM_BYTES, Domain, Shard, SourceTokens, TokenFile
from midmix.mixer.plan.pool import Lengths

# Text of fewer sequences than this would be learnt by heart at any share, as in the pools of proxies.
MINIMUM_SEQUENCES = 16
BLOCK_BYTES = 1 << 22


@dataclass(frozen=True)
class Cutter:
    """Cuts the head off token shards: documents lie in a seeded permutation, so any head is a random sample.

    `paths` gives the place of every token file by its name, and of those that are made, which lie below `folder`.
    """

    dtype: str
    lengths: Lengths
    paths: dict[str, Path]
    folder: Path

    def pool(self, domain: Domain, share: Fraction, sequence_length: int) -> Domain:
        """The domain with `share` of its tokens, whole documents, in few files; the domain itself where that changes nothing."""
        part = self._part(domain, share, sequence_length)
        return self._joined(part, SMALL_SEQUENCES * sequence_length) if in_seeded_order(domain) else part

    def _part(self, domain: Domain, share: Fraction, sequence_length: int) -> Domain:
        least = min(domain.tokens, MINIMUM_SEQUENCES * sequence_length + 1)
        left = max(math.ceil(share * domain.tokens), least)
        if left >= domain.tokens:
            return domain
        kept: list[Shard] = []
        for shard in domain.shards:
            if left <= 0:
                break
            kept.append(shard if shard.tokens <= left else self._head(domain.id, shard, left))
            left -= kept[-1].tokens
        return _with_shards(domain, kept)

    def _joined(self, domain: Domain, small_tokens: int) -> Domain:
        """The domain with its shards of fewer tokens as one, which has the place and the number of the first of them."""
        small = {shard.index: shard for shard in domain.shards if shard.tokens < small_tokens}
        if len(small) < 2:
            return domain
        shards = list(small.values())
        tokens, documents = (sum(getattr(shard, field) for shard in shards) for field in ("tokens", "documents"))
        stem = f"{domain.id}-{shards[0].index:05d}-to-{domain.shards[-1].index:05d}-{documents}"
        files = self.folder / f"{stem}.bin", self.folder / f"{stem}.idx"
        write_end_to_end(shards, self.dtype, self.paths, *files)
        bin_file, idx_file = map(self._listed, files)
        joined = replace(shards[0], tokens=tokens, documents=documents, bin=bin_file, idx=idx_file)
        others = [shard for shard in domain.shards if shard.index not in small]
        return domain.model_copy(update={"shards": tuple(sorted([joined, *others], key=lambda shard: shard.index))})

    def _head(self, domain: str, shard: Shard, tokens: int) -> Shard:
        """The first documents of a shard, at least `tokens` of them."""
        lengths = self.lengths(domain, shard.index)
        ends = np.cumsum(lengths)
        documents = int(np.searchsorted(ends, tokens)) + 1
        held = int(ends[documents - 1])
        stem = self.folder / f"{domain}-{shard.index:05d}-{documents}"
        self.folder.mkdir(parents=True, exist_ok=True)
        write_index(stem.with_name(f"{stem.name}.idx"), lengths[:documents], self.dtype)
        _copy_head(self.paths[shard.bin.name], stem.with_name(f"{stem.name}.bin"), held * ITEM_BYTES[self.dtype])
        files = [self._listed(stem.with_name(stem.name + suffix)) for suffix in (".bin", ".idx")]
        return replace(shard, tokens=held, documents=documents, bin=files[0], idx=files[1])

    def _listed(self, path: Path) -> TokenFile:
        self.paths[f"pool/{path.name}"] = path
        return TokenFile(name=f"pool/{path.name}", bytes=path.stat().st_size, sha256=sha256_of(path))


def _copy_head(source: Path, target: Path, num_bytes: int) -> None:
    with source.open("rb") as read, target.open("wb") as write:
        for start in range(0, num_bytes, BLOCK_BYTES):
            write.write(read.read(min(BLOCK_BYTES, num_bytes - start)))


def _with_shards(domain: Domain, shards: Iterable[Shard]) -> Domain:
    held = tuple(shards)
    tokens = sum(shard.tokens for shard in held)
    source = SourceTokens(source=domain.id, tokens=tokens, license=None, snapshot=None)
    documents = sum(shard.documents for shard in held)
    return domain.model_copy(update={"shards": held, "tokens": tokens, "documents": documents, "sources": (source,)})
