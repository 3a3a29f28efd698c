"""What packing cuts, counted by hand, and the line that says so."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
from token_run import write_tokens

from midmix.mixer.plan.packing import Cuts, count_cuts, count_in_tokens, packing_lines
from midmix.table_manifest import load_manifest

# In sequences of 8 they lie at 0-5, 5-11, 11-21 and 21-24: the second is cut at 8, the third at 16.
LENGTHS = (5, 6, 10, 3)
CUTS = Cuts(
    documents=4, tokens=24, long_documents=1, tokens_after_best_fit=2, cut=2, tokens_after_cut=3 + 5, long_cut=1
)


def test_documents_across_a_boundary_are_cut() -> None:
    assert count_cuts(np.array(LENGTHS), 8) == CUTS
    # One that ends, and one that starts, at a boundary is whole.
    assert count_cuts(np.array([8, 8]), 8) == Cuts(documents=2, tokens=16)


def test_shards_are_counted_from_the_table(tmp_path: Path) -> None:
    texts = [np.full(n, 7, "<u2") for n in LENGTHS]
    shards = [("code", "train", 0, texts), ("code", "train", 1, texts), ("code", "heldout", 0, texts)]
    write_tokens(tmp_path, [*shards, ("web", "train", 0, texts[:1])])
    files = load_manifest(tmp_path, "tokens").paths(tmp_path)
    cuts = count_in_tokens(files, [("code", 1), ("web", 0)], 8)
    assert cuts == {"code": CUTS, "web": Cuts(documents=1, tokens=5)}
    assert count_in_tokens(files, [], 8) == {}


def test_files_of_a_group_count_as_the_document_that_they_make(tmp_path: Path) -> None:
    # The second and third document of before as one of 16 tokens, cut at 8 and at 16.
    rows = [(0, 5, None), (5, 6, (5, 16)), (11, 10, (5, 16)), (21, 3, None)]
    table = {
        "domain": ["code"] * 4,
        "shard": [0] * 4,
        "tokenizer": ["main"] * 4,
        "split": ["train"] * 4,
        "offset": [offset for offset, _, _ in rows],
        "num_tokens": [tokens for _, tokens, _ in rows],
        "entry_offset": [entry[0] if entry else None for *_, entry in rows],
        "entry_tokens": [entry[1] if entry else None for *_, entry in rows],
    }
    schema = {"shard": pl.Int32, "num_tokens": pl.Int32, "entry_offset": pl.Int64, "entry_tokens": pl.Int32}
    pl.DataFrame(table, schema_overrides=schema).write_parquet(tmp_path / "tokens.parquet")
    cuts = count_in_tokens([tmp_path / "tokens.parquet"], [("code", 0)], 8)
    assert cuts == {"code": count_cuts(np.array([5, 16, 3]), 8)}


def test_a_line_says_what_each_stage_loses_and_what_the_other_method_would() -> None:
    common = {"stage": "anneal", "documents": 50, "tokens": 900}
    chunks = {"documents_cut": 20, "fitting_documents_cut": 15, "tokens_after_cut": 180, "padding_tokens": 0}
    best = {"documents_cut": 5, "fitting_documents_cut": 0, "tokens_after_cut": 9, "padding_tokens": 100}
    rows = [
        common | {"domain": domain, "method": method, "planned": method == "best-fit"} | counts
        for domain in ("code", "web")
        for method, counts in (("concatenate-and-chunk", chunks), ("best-fit", best))
    ]
    assert packing_lines(rows) == [
        "stage anneal: best-fit cuts 10.0% of documents (0.0% would fit a sequence), 1.0% of tokens follow a cut, "
        "10.00% padding; concatenate-and-chunk: 40.0% (30.0%), 20.0%"
    ]
