"""Domains of the plan with real token files, and a wish of 12 sequences of 8 in batches of 4."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from token_run import PLAN_TOKENIZER

from midmix.config import Mixture, StageSection
from midmix.disk import sha256_of
from midmix.megatron_index import write_index
from midmix.mixer.plan.models import Domain, Shard, SourceTokens, TokenFile, Tokenizer
from midmix.mixer.plan.wishes import Wish, make_wishes


class Files:
    """Token files of domains: documents of `document_tokens` tokens each, ids counting up."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.paths: dict[str, Path] = {}
        self.document_tokens = 5

    def domain(self, name: str, *shard_documents: int, max_epochs: float = 4.0, spent_epochs: float = 0.0) -> Domain:
        """A domain with a shard for each number of documents."""
        shards = tuple(self._shard(name, i, n) for i, n in enumerate(shard_documents))
        tokens = sum(shard.tokens for shard in shards)
        return Domain(
            id=name,
            tokens=tokens,
            documents=sum(shard_documents),
            max_epochs=max_epochs,
            max_epochs_reason="mixture.max_epochs.default",
            spent_epochs=spent_epochs,
            sources=(SourceTokens(source=name, tokens=tokens, license=None, snapshot=None),),
            shards=shards,
            heldout=(),
        )

    def lengths(self, domain: str, shard: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
        size = self.paths[f"{domain}/{shard}.bin"].stat().st_size // 2
        return np.full(size // self.document_tokens, self.document_tokens, dtype=np.int64)

    def _shard(self, domain: str, number: int, documents: int) -> Shard:
        stem = self.folder / f"{domain}-{number}"
        np.arange(documents * self.document_tokens, dtype="<u2").tofile(stem.with_suffix(".bin"))
        write_index(stem.with_suffix(".idx"), np.full(documents, self.document_tokens), "<u2")
        files = []
        for suffix in (".bin", ".idx"):
            path = stem.with_suffix(suffix)
            self.paths[f"{domain}/{number}{suffix}"] = path
            files.append(
                TokenFile(name=f"{domain}/{number}{suffix}", bytes=path.stat().st_size, sha256=sha256_of(path))
            )
        tokens = documents * self.document_tokens
        return Shard(index=number, tokens=tokens, documents=documents, bin=files[0], idx=files[1])


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


@pytest.fixture
def tokenizer() -> Tokenizer:
    return PLAN_TOKENIZER


@pytest.fixture
def wish() -> Wish:
    mixture = Mixture.model_validate(
        {"tokens": 100, "sequence_length": 8, "global_batch_sequences": 4, "targets": {"web": {"domain": "web"}}}
    )
    return make_wishes([StageSection(name="anneal")], mixture, (), {}, lambda shares, where: shares)[0]
