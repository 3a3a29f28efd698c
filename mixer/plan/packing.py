"""What packing cuts: measured of every stage and domain, by the stage's method and by the other, over one pass."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from midmix.mixer.plan.chain import of_piece
from midmix.mixer.plan.draft import Draft
from midmix.mixer.plan.models import Stage
from midmix.mixer.plan.supply import TOKENIZER, starts_entry
from midmix.mixer.plan.token_shards import TokenShards
from midmix.mixer.simplex import I64

CHUNKS, BEST_FIT = "concatenate-and-chunk", "best-fit"
COUNTS = ("documents", "documents_cut", "fitting_documents_cut", "tokens", "tokens_after_cut", "padding_tokens")


@dataclass(frozen=True)
class Cuts:
    """Sums over documents: how many there are, how many are longer than a sequence, and what each method cuts."""

    documents: int = 0
    tokens: int = 0
    long_documents: int = 0
    tokens_after_best_fit: int = 0
    cut: int = 0
    tokens_after_cut: int = 0
    long_cut: int = 0

    def __add__(self, other: Cuts) -> Cuts:
        return Cuts(*(a + b for a, b in zip(astuple(self), astuple(other), strict=True)))


def count_cuts(lengths: I64, sequence_length: int) -> Cuts:
    """Sums over the documents of one shard, `lengths` their tokens in order, int64[documents]."""
    ends = np.cumsum(lengths)
    first_cuts = ((ends - lengths) // sequence_length + 1) * sequence_length
    cut, long = ends > first_cuts, lengths > sequence_length
    return Cuts(
        documents=len(lengths),
        tokens=int(lengths.sum()),
        long_documents=int(long.sum()),
        tokens_after_best_fit=int((lengths[long] - sequence_length).sum()),
        cut=int(cut.sum()),
        tokens_after_cut=int((ends - first_cuts)[cut].sum()),
        long_cut=int((cut & long).sum()),
    )


def count_in_tokens(
    token_files: Sequence[Path], shards: Sequence[tuple[str, int]], sequence_length: int
) -> dict[str, Cuts]:
    """The same sums by domain over whole shards (domain and number), from TOKENS."""
    if not shards:
        return {}
    # files of a group are one document, which its first row has the place and the tokens of
    size, start = pl.coalesce("entry_tokens", "num_tokens").cast(pl.Int64), pl.col("offset")
    after = start + size - (start // sequence_length + 1) * sequence_length
    wanted = pl.LazyFrame(shards, schema={"domain": pl.String, "shard": pl.Int32}, orient="row")
    sums = (
        pl.scan_parquet(list(token_files))
        .filter((pl.col("tokenizer") == TOKENIZER) & (pl.col("split") == "train") & (starts_entry() == 1))
        .join(wanted, on=["domain", "shard"], how="semi")
        .select("domain", tokens=size, after=after.clip(0), over=(size - sequence_length).clip(0))
        .group_by("domain")
        .agg(
            documents=pl.len().cast(pl.Int64),
            tokens=pl.col("tokens").sum(),
            long_documents=(pl.col("over") > 0).sum().cast(pl.Int64),
            tokens_after_best_fit=pl.col("over").sum(),
            cut=(pl.col("after") > 0).sum().cast(pl.Int64),
            tokens_after_cut=pl.col("after").sum(),
            long_cut=((pl.col("after") > 0) & (pl.col("over") > 0)).sum().cast(pl.Int64),
        )
    )
    return {row.pop("domain"): Cuts(**row) for row in sums.collect(engine="streaming").to_dicts()}


def measure_packing(draft: Draft, tokens: TokenShards, token_files: Sequence[Path]) -> list[dict[str, Any]]:
    """Rows of PACKING, sorted by its key. `token_files` are those of TOKENS.

    Shards that stages draw from as they are, are counted in TOKENS, at once; of those that are cut or packed, which are
    read and written anyway, the index is read.
    """
    rows = [row for stage in draft.stages for row in _of_stage(stage, draft, tokens, token_files)]
    return sorted(rows, key=lambda row: (row["stage"], row["domain"], row["method"]))


def _of_stage(stage: Stage, draft: Draft, tokens: TokenShards, token_files: Sequence[Path]) -> list[dict[str, Any]]:
    length = stage.sequence_length
    drawn = {
        share.domain: [draft.shards[share.domain][draw.shard] for draw in share.draws if draw.sequences]
        for share in stage.mixture
    }
    whole = [
        (domain, piece.shard)
        for domain, pieces in drawn.items()
        if domain not in tokens.given
        for piece in pieces
        if piece.whole
    ]
    cuts = count_in_tokens(token_files, whole, length)
    rows: list[dict[str, Any]] = []
    for domain, pieces in drawn.items():
        found = cuts.get(domain, Cuts())
        for piece in pieces:
            if not piece.whole or domain in tokens.given:
                found += count_cuts(of_piece(piece, tokens.lengths(domain, piece.shard)), length)
        packed = stage.packing.method == BEST_FIT
        padding = sum(piece.file_tokens - piece.tokens for piece in pieces) if packed else None
        rows += _rows(stage, domain, found, padding)
    return rows


def _rows(stage: Stage, domain: str, cuts: Cuts, padding: int | None) -> list[dict[str, Any]]:
    """Both methods' rows. Best-fit cuts the documents that are longer than a sequence, and no other.

    Its `padding` is known of rows that are packed alone: packing for the figure would take a compiler's memory, 100 MiB.
    """
    common = {"stage": stage.id, "domain": domain, "documents": cuts.documents, "tokens": cuts.tokens}
    chunks = {
        "documents_cut": cuts.cut,
        "fitting_documents_cut": cuts.cut - cuts.long_cut,
        "tokens_after_cut": cuts.tokens_after_cut,
        "padding_tokens": 0,
    }
    best_fit = {
        "documents_cut": cuts.long_documents,
        "fitting_documents_cut": 0,
        "tokens_after_cut": cuts.tokens_after_best_fit,
        "padding_tokens": padding,
    }
    return [
        common | {"method": method, "planned": method == stage.packing.method} | sums
        for method, sums in ((CHUNKS, chunks), (BEST_FIT, best_fit))
    ]


def packing_lines(rows: Iterable[Mapping[str, Any]]) -> list[str]:
    """A line for each stage, from rows of PACKING: what its method cuts, and what the other would."""
    sums: dict[str, dict[bool, Counter[str]]] = {}
    methods: dict[tuple[str, bool], str] = {}
    for row in rows:
        counts = sums.setdefault(row["stage"], {True: Counter(), False: Counter()})[row["planned"]]
        counts.update({name: int(row[name] or 0) for name in COUNTS})
        methods[row["stage"], row["planned"]] = row["method"]
    lines = []
    for stage, by_plan in sums.items():
        cut, fitting, after, padding = _shares(by_plan[True])
        words = (
            f"stage {stage}: {methods[stage, True]} cuts {cut:.1%} of documents ({fitting:.1%} would fit a sequence), "
            f"{after:.1%} of tokens follow a cut, {padding:.2%} padding"
        )
        cut, fitting, after, _ = _shares(by_plan[False])
        lines.append(f"{words}; {methods[stage, False]}: {cut:.1%} ({fitting:.1%}), {after:.1%}")
    return lines


def _shares(counts: Counter[str]) -> tuple[float, float, float, float]:
    """Documents cut, those that would have fitted, tokens after a cut, and padding, as shares."""
    documents, tokens, padding = counts["documents"], counts["tokens"], counts["padding_tokens"]
    return (
        counts["documents_cut"] / documents,
        counts["fitting_documents_cut"] / documents,
        counts["tokens_after_cut"] / tokens,
        padding / (tokens + padding),
    )
