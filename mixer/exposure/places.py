"""Where documents lie in the plan's shards: TOKENS says which shard of tokenize, the plan what it made of that."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from midmix.artifact import load_manifest
from midmix.errors import InputError
from midmix.mixer.exposure.layout import Layouts
from midmix.mixer.exposure.order import Place
from midmix.mixer.plan.files import chosen
from midmix.mixer.plan.indexed import read_lengths
from midmix.mixer.plan.manifest import Plan
from midmix.mixer.plan.models import Domain, Shard
from midmix.mixer.plan.pool import Bucket, Piece
from midmix.mixer.plan.supply import TOKENIZER
from midmix.mixer.simplex import I64, Mask
from midmix.tables import TOKENS

Keys = npt.NDArray[np.uint64]
COLUMNS = ("domain", "shard", "offset", "num_tokens", "doc")


class Places:
    """Documents of a run by their place in the shards of its plan, and back. `layouts` are those of `open_layouts`."""

    def __init__(self, folder: Path, plan: Plan, layouts: Layouts) -> None:
        self._layouts = layouts
        self._manifest = load_manifest(folder, TOKENS.name)
        self._files = list(self._manifest.paths(folder))
        self._attached = {a.name: folder / a.path for a in self._manifest.attached}
        self._shards = {(domain.id, shard.index): shard for domain in plan.domains for shard in domain.shards}
        # What the plan made of each shard of tokenize.
        self._made_of: dict[Place, list[Shard]] = defaultdict(list)
        for (domain, _), shard in self._shards.items():
            self._made_of[domain, _origin(shard)].append(shard)

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
            lengths = self._made_lengths(domain, number)
            starts = np.cumsum(lengths) - lengths
            mask = np.zeros(len(lengths), np.bool_)
            mask[np.searchsorted(starts, group["offset"].to_numpy())] = True
            for shard in self._made_of[domain, number]:
                inside = mask if shard.cut is None else mask[chosen(piece_of(shard), lengths)]
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
            number = _origin(shard)
            if f"{_stem(place[0], number)}.idx" not in self._attached:
                continue
            lengths = self._made_lengths(place[0], number)
            starts = np.cumsum(lengths) - lengths
            if shard.cut is not None:
                starts = starts[chosen(piece_of(shard), lengths)]
            origins |= {(place[0], number, int(starts[n])): (place, n) for n in ordinals}
        shards = {(domain, number) for domain, number, _ in origins}
        wanted = pl.DataFrame(sorted(shards), schema={"domain": pl.String, "shard": pl.Int32}, orient="row")
        rows = self._rows("train").join(wanted.lazy(), on=["domain", "shard"], how="semi").collect(engine="streaming")
        keys = {(d, s, o): doc for d, s, o, doc in rows.select("domain", "shard", "offset", "doc").iter_rows()}
        return {where: keys[origin] for origin, where in origins.items()}

    def _made_lengths(self, domain: str, number: int) -> I64:
        """Tokens of the documents of a shard that the step tokenize made."""
        shard = self._shards.get((domain, number))
        if shard is not None and shard.cut is None:
            return self._layouts((domain, number)).lengths
        return read_lengths(self._attached[f"{_stem(domain, number)}.idx"])


def piece_of(shard: Shard) -> Piece:
    """The piece that a shard was cut or packed as."""
    assert shard.cut is not None
    bucket = Bucket(shard.bucket or "", shard.cut.min_tokens, shard.cut.max_tokens)
    return Piece(shard.cut.shard, shard.text_tokens, shard.documents, bucket, shard.cut.first_document, whole=False)


def _origin(shard: Shard) -> int:
    """The number of the shard of tokenize (or of the given file) whose documents a shard of the plan holds."""
    return shard.index if shard.cut is None else shard.cut.shard


def _stem(domain: str, number: int) -> str:
    return f"{TOKENIZER}/{domain}/train-{number:05d}"
