"""What packing cuts: measured of every stage and domain, by the stage's method and by the other, over one pass."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from midmix.mixer.plan.best_fit import rows_of_counts
from midmix.mixer.plan.chain import of_piece
from midmix.mixer.plan.draft import Draft
from midmix.mixer.plan.models import Stage
from midmix.mixer.plan.pool import Piece
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
) -> tuple[dict[str, Cuts], dict[str, tuple[I64, I64]]]:
    """The same sums by domain over whole shards (domain and number), from TOKENS; and how many documents leave how much.

    The latter is, by domain, what is left of documents by whole sequences, and how many leave that: int64[n] each.
    """
    if not shards:
        return {}, {}
    # files of a group are one document, which its first row has the place and the tokens of
    size, start = pl.coalesce("entry_tokens", "num_tokens").cast(pl.Int64), pl.col("offset")
    after = start + size - (start // sequence_length + 1) * sequence_length
    over = size - sequence_length
    wanted = pl.LazyFrame(shards, schema={"domain": pl.String, "shard": pl.Int32}, orient="row")
    rows = (
        pl.scan_parquet(list(token_files))
        .filter((pl.col("tokenizer") == TOKENIZER) & (pl.col("split") == "train") & (starts_entry() == 1))
        .join(wanted, on=["domain", "shard"], how="semi")
        .select(
            "domain",
            tokens=size,
            after=after.clip(0),
            over=over.clip(0),
            left=size % sequence_length,
        )
    )
    sums = rows.group_by("domain").agg(
        documents=pl.len().cast(pl.Int64),
        tokens=pl.col("tokens").sum(),
        long_documents=(pl.col("over") > 0).sum().cast(pl.Int64),
        tokens_after_best_fit=pl.col("over").sum(),
        cut=(pl.col("after") > 0).sum().cast(pl.Int64),
        tokens_after_cut=pl.col("after").sum(),
        long_cut=((pl.col("after") > 0) & (pl.col("over") > 0)).sum().cast(pl.Int64),
    )
    left = rows.group_by("domain", "left").len()
    found, remainders = pl.collect_all([sums, left], engine="streaming")
    return (
        {row.pop("domain"): Cuts(**row) for row in found.to_dicts()},
        {
            group["domain"][0]: (group["left"].to_numpy(), group["len"].to_numpy().astype(np.int64))
            for group in remainders.partition_by("domain")
        },
    )


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
    cuts, remainders = count_in_tokens(token_files, whole, length)
    rows: list[dict[str, Any]] = []
    for domain, pieces in drawn.items():
        found, counts = cuts.get(domain, Cuts()), np.zeros(length, np.int64)
        places, many = remainders.get(domain, (np.zeros(0, np.int64),) * 2)
        counts[places] += many
        for piece in pieces:
            if not piece.whole or domain in tokens.given:
                lengths = of_piece(piece, tokens.lengths(domain, piece.shard))
                found += count_cuts(lengths, length)
                counts += np.bincount(lengths % length, minlength=length)
        rows += _rows(stage, domain, found, _padding(pieces, found, counts))
    return rows


def _padding(pieces: Sequence[Piece], cuts: Cuts, counts: I64) -> int:
    """Tokens that fill up rows: of packed pieces, or of all documents were they packed as one."""
    if pieces[0].rows is not None:
        return sum(piece.file_tokens - piece.tokens for piece in pieces)
    left = int((counts * np.arange(len(counts))).sum())
    return rows_of_counts(counts) * len(counts) - left


def _rows(stage: Stage, domain: str, cuts: Cuts, padding: int) -> list[dict[str, Any]]:
    """Both methods' rows. Best-fit cuts the documents that are longer than a sequence, and no other."""
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
        counts.update({name: int(value) for name, value in row.items() if name in COUNTS})
        methods[row["stage"], row["planned"]] = row["method"]
    lines = []
    for stage, by_plan in sums.items():
        cut, fitting, after, padding = _shares(by_plan[True])
        words = (
            f"stage {stage}: {methods[stage, True]} cuts {cut:.1%} of documents ({fitting:.1%} would fit a sequence), "
        )
        words += f"{after:.1%} of tokens follow a cut, {padding:.2%} padding; "
        cut, fitting, after, padding = _shares(by_plan[False])
        lines.append(f"{words}{methods[stage, False]}: {cut:.1%} ({fitting:.1%}), {after:.1%}, {padding:.2%}")
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
