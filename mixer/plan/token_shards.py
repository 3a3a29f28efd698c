"""Where the documents that a plan draws lie: in shards of the step tokenize, and in token files made elsewhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path

from midmix.errors import InputError
from midmix.mixer.plan.indexed import read_lengths
from midmix.mixer.plan.models import Domain, Shard
from midmix.mixer.plan.token_files import Given
from midmix.mixer.simplex import I64
from midmix.table_manifest import Manifest


class TokenShards:
    """Token shards of a run by domain and number. `manifest` is that of TOKENS, `given` the domains of `token_files`."""

    def __init__(
        self, folder: Path, manifest: Manifest, domains: Sequence[Domain], given: Mapping[str, Sequence[Given]]
    ) -> None:
        self.manifest, self.given = manifest, given
        self._folder = folder
        self._domains = domains

    def bin_path(self, domain: str, shard: int) -> Path:
        """The token file of a shard."""
        if domain in self.given:
            return self.given[domain][shard].tokens_path
        return self._folder / self._paths[self._shard(domain, shard).bin.name]

    def lengths(self, domain: str, shard: int) -> I64:
        """Tokens of every document of a shard, int64[documents]. Raises InputError when its index says something else."""
        if domain in self.given:
            return self.given[domain][shard].lengths()
        held = self._shard(domain, shard)
        lengths = read_lengths(self._folder / self._paths[held.idx.name])
        if (len(lengths), int(lengths.sum())) != (held.documents, held.tokens):
            raise InputError(
                f"{held.idx.name}: lists {int(lengths.sum())} tokens in {len(lengths)} documents, TOKENS counts "
                f"{held.tokens} in {held.documents}. Run the step tokenize again."
            )
        return lengths

    @cached_property
    def _paths(self) -> dict[str, str]:
        return self.manifest.attachments

    @cached_property
    def _shards(self) -> dict[tuple[str, int], Shard]:
        return {(domain.id, shard.index): shard for domain in self._domains for shard in domain.shards}

    def _shard(self, domain: str, shard: int) -> Shard:
        return self._shards[domain, shard]
