"""Items in other words, from shards to decisions, by a tiny sentence model that the test makes: any number of workers."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

import midmix
from midmix.config import parse_config
from midmix.flow import steps_between
from midmix.runner import run_steps
from midmix.table_manifest import load_manifest

NUMBERS = (48, 90, 7)
ITEM = (
    "Wendelin sells {} painted clogs on Monday, and half of the remaining {} clogs on Tuesday. Each clog brings him {} "
    "florins. How many florins has Wendelin after both days?"
)
REWORDED = (
    "Painted clogs are what Wendelin sells: on Monday {}, then on Tuesday half of {}, all that were remaining. How many "
    "florins are in his purse after these days, if {} of them come with each of the clogs?"
)
FILLER = "The road to the coast was closed for most of winter number {}, so letters came by boat on day {}. "


def write_model(folder: Path) -> None:
    """The mean of what one layer makes of letters; it knows nothing, and gives similar texts similar means."""
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast, set_seed

    letters = sorted({*"abcdefghijklmnopqrstuvwxyz0123456789:,.?"})
    vocabulary = {letter: number for number, letter in enumerate(["[UNK]", "[PAD]", *letters])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="[PAD]", unk_token="[UNK]").save_pretrained(folder)
    set_seed(1)
    shape = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
    BertModel(BertConfig(vocab_size=len(vocabulary), **shape)).save_pretrained(folder)


def write_corpus(base: Path) -> None:
    """Two shards: ordinary pages, an item in other words in one page of each, with other numbers in another."""
    (base / "web").mkdir()
    for shard in range(2):
        pages = ["".join(FILLER.format(n, m + shard) for m in range(3 + n % 5)) for n in range(40)]
        pages[7] += REWORDED.format(*NUMBERS)
        pages[9] += REWORDED.format(*(number + 1 for number in NUMBERS))
        pq.write_table(pa.table({"text": pages}), base / "web" / f"{shard}.parquet")
    item = {"question": ITEM.format(*NUMBERS), "answer": "651"}
    (base / "bench.jsonl").write_text(json.dumps(item) + "\n")
    write_model(base / "model")


def run(base: Path, folder: str, workers: int) -> midmix.run.Run:
    config = parse_config(
        {
            "sources": {"web": {"path": "web/*.parquet", "kind": "prose"}},
            "rules": {"prose": []},
            "benchmarks": {"clogs": "bench.jsonl"},
            "leaks": {"embeddings": {"model": "model"}},
        },
        base=base,
    )
    run_steps(config, base / folder, steps_between(None, "decide"), workers=workers, quiet=True)
    return midmix.open(base / folder)


def test_reworded_items_are_dropped_the_same_with_any_number_of_workers(tmp_path: Path) -> None:
    write_corpus(tmp_path)
    one = run(tmp_path, "one", 1)
    found = one.sql("SELECT doc & 4294967295, label, rule, layer FROM contamination ORDER BY doc").fetchall()
    assert found == [(7, "leak", "paraphrased", "embedding")] * 2
    dropped = one.sql(
        "SELECT doc & 4294967295, reason FROM decisions WHERE NOT keep AND reason LIKE 'leak%'"
    ).fetchall()
    assert dropped == [(7, "leak.clogs")] * 2
    assert one.sql("SELECT bool_and(detectable) FROM item_coverage WHERE field = 'question'").fetchall() == [(True,)]
    run(tmp_path, "two", 2)
    for table in ("contamination", "item_embeddings", "item_coverage", "decisions"):
        hashes = [[f.sha256 for f in load_manifest(tmp_path / name, table).files] for name in ("one", "two")]
        assert hashes[0] == hashes[1], table
    assert np.unique([f.part for f in load_manifest(tmp_path / "one", "contamination").files]).size == 2
