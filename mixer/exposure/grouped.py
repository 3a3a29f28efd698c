"""Documents that the step tokenize grouped: a trainer takes the files of a repository for one, and we still tell them apart."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property, lru_cache
from pathlib import Path

import numpy as np
import polars as pl

from midmix.mixer.plan.supply import TOKENIZER, starts_entry
from midmix.mixer.simplex import I64


class Grouped:
    """What entries of the train shards of TOKENS hold, by domain and number of the shard; `files` are those of TOKENS."""

    def __init__(self, files: Sequence[Path]) -> None:
        main = (pl.col("tokenizer") == TOKENIZER) & (pl.col("split") == "train")
        self._rows = pl.scan_parquet(list(files)).filter(main) if files else None
        self.documents = lru_cache(maxsize=64)(self._documents)

    @cached_property
    def shards(self) -> frozenset[tuple[str, int]]:
        """The shards in which any documents are grouped."""
        if self._rows is None:
            return frozenset()
        some = self._rows.filter(pl.col("entry_offset").is_not_null()).select("domain", "shard").unique()
        return frozenset(some.collect(engine="streaming").rows())

    def _documents(self, domain: str, number: int) -> tuple[I64, I64]:
        """Of one of `shards`, tokens of every document, int64[documents], and documents of every entry, int64[entries]."""
        assert self._rows is not None
        mine = self._rows.filter((pl.col("domain") == domain) & (pl.col("shard") == number))
        columns = mine.select("offset", "num_tokens", starts_entry().alias("starts"))
        rows = columns.collect(engine="streaming").sort("offset")
        starts = np.flatnonzero(rows["starts"].to_numpy())
        return rows["num_tokens"].to_numpy().astype(np.int64), np.diff(starts, append=rows.height)
