"""Where documents lie in the plan's shards: TOKENS says which shard of tokenize, the plan what it made of that."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from midmix.errors import InputError
from midmix.mixer.exposure.layout import Layouts, made_number
from midmix.mixer.exposure.order import Place
from midmix.mixer.plan.manifest import Plan
from midmix.mixer.plan.models import Domain, Shard
from midmix.mixer.plan.supply import TOKENIZER
from midmix.mixer.simplex import I64, Mask
from midmix.table_manifest import load_manifest
from midmix.tables import TOKENS

Keys = npt.NDArray[np.uint64]
COLUMNS = ("domain", "shard", "offset", "num_tokens", "doc")


class Places:
    """Documents of a run by their place in the shards of its plan, and back."""

    def __init__(self, folder: Path, plan: Plan, layouts: Layouts) -> None:
        self._layouts = layouts
        self._manifest = load_manifest(folder, TOKENS.name)
        self._files = list(self._manifest.paths(folder))
        self._shards = {(domain.id, shard.index): shard for domain in plan.domains for shard in domain.shards}
        # What the plan made of each shard of tokenize.
        self._made_of: dict[Place, list[Shard]] = defaultdict(list)
        for (domain, _), shard in self._shards.items():
            self._made_of[domain, made_number(shard)].append(shard)

    def _rows(self, split: str) -> pl.LazyFrame:
        if not self._files:
            raise InputError("the run has no table 'tokens'. Run the steps up to tokenize first.")
        main = (pl.col("tokenizer") == TOKENIZER) & (pl.col("split") == split)
        return pl.scan_parquet(self._files).filter(main).select(COLUMNS)

    def tokens_of(self, keys: Keys, *, split: str = "train") -> pl.DataFrame:
        """Rows of TOKENS of some documents in a split, sorted by key: domain, shard, offset, num_tokens, doc."""
        asked = pl.Series(keys, dtype=pl.UInt64)
        return self._rows(split).filter(pl.col("doc").is_in(asked.implode())).collect(engine="streaming").sort("doc")

    def tokens_of_parts(self, parts: Sequence[int]) -> pl.DataFrame:
        """The same of all train documents of some parts."""
        part = pl.col("doc") // (1 << 32)
        rows = self._rows("train").filter(part.is_in(list(parts)))
        return rows.collect(engine="streaming").sort("doc")

    def held(self, rows: pl.DataFrame) -> dict[Place, Mask]:
        """Which documents of the plan's shards `rows` of TOKENS are: bool[documents] of every shard that has some."""
        found: dict[Place, Mask] = {}
        for group in rows.sort("domain", "shard").partition_by("domain", "shard", maintain_order=True):
            domain, number = group["domain"][0], int(group["shard"][0])
            starts = self._starts(domain, number)
            mask = np.zeros(len(starts), np.bool_)
            mask[np.searchsorted(starts, group["offset"].to_numpy())] = True
            for shard in self._made_of[domain, number]:
                inside = mask[self._layouts.held(domain, shard)]
                if inside.any():
                    found[domain, shard.index] = inside
        return found

    def whole(self, domain: Domain) -> dict[Place, Mask]:
        """Every document of a domain."""
        return {(domain.id, shard.index): np.ones(shard.documents, np.bool_) for shard in domain.shards}

    def documents(self, read: Mapping[Place, Iterable[int]]) -> dict[tuple[Place, int], int]:
        """Keys of documents by shard of the plan and ordinal; those of given token files have none."""
        origins: dict[tuple[str, int, int], tuple[Place, int]] = {}
        for place, ordinals in read.items():
            shard = self._shards[place]
            if not self._layouts.is_made(place):
                continue
            number = made_number(shard)
            starts = self._starts(place[0], number)[self._layouts.held(place[0], shard)]
            origins |= {(place[0], number, int(starts[n])): (place, n) for n in ordinals}
        shards = {(domain, number) for domain, number, _ in origins}
        wanted = pl.DataFrame(sorted(shards), schema={"domain": pl.String, "shard": pl.Int32}, orient="row")
        rows = self._rows("train").join(wanted.lazy(), on=["domain", "shard"], how="semi").collect(engine="streaming")
        keys = {(d, s, o): doc for d, s, o, doc in rows.select("domain", "shard", "offset", "doc").iter_rows()}
        return {where: keys[origin] for origin, where in origins.items()}

    def _starts(self, domain: str, number: int) -> I64:
        """First token of every document of a shard that the step tokenize made, int64[documents]."""
        lengths = self._layouts.made((domain, number)).lengths
        return np.cumsum(lengths) - lengths
