"""Duplicates in meaning: by an embedding column, and by a tiny sentence model that the test makes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import midmix
from midmix.config import parse_config
from midmix.errors import InputError
from midmix.flow import steps_between
from midmix.runner import run_steps


def texts(count: int) -> list[str]:
    return [" ".join(f"word{i}x{j}" for j in range(20 + i % 7)) for i in range(count)]


def write(path: Path, vectors: list[list[float] | None]) -> None:
    path.mkdir(exist_ok=True)
    pq.write_table(pa.table({"text": texts(len(vectors)), "emb": vectors}), path / "a.parquet")


def vectors(count: int) -> list[list[float] | None]:
    """Every fourth is close to the one before it; two have none."""
    rng = np.random.default_rng(7)
    drawn = rng.normal(size=(count, 8))
    drawn[3::4] = drawn[2::4] + rng.normal(size=(count // 4, 8)) * 0.01
    found: list[list[float] | None] = [row.tolist() for row in drawn]
    found[0], found[1] = None, [0.0] * 8
    return found


def run(base: Path, sources: list[str], semantic: dict[str, object], folder: str = "run") -> midmix.run.Run:
    listed = {name: {"path": f"{name}/*.parquet", "kind": "prose"} for name in sources}
    config = parse_config({"sources": listed, "rules": {"prose": []}, "semantic": semantic}, base=base)
    run_steps(config, base / folder, steps_between(None, "decide"), workers=1, quiet=True)
    return midmix.open(base / folder)


def test_of_two_that_mean_the_same_the_first_in_survivor_order_stays(tmp_path: Path) -> None:
    write(tmp_path / "web", vectors(80))
    made = run(tmp_path, ["web"], {"column": "emb", "cosine": 0.99, "cells": 3})
    dropped = made.sql("SELECT doc, repeats, relation, reason FROM decisions WHERE NOT keep ORDER BY doc").fetchall()
    pairs = {frozenset((2 + i, 3 + i)) for i in range(0, 80, 4)}
    assert {frozenset((doc, repeats)) for doc, repeats, _, _ in dropped} <= pairs and len(dropped) >= 18
    assert {(relation, reason) for _, _, relation, reason in dropped} == {("semantic", "duplicate.semantic")}
    lengths = [len(text) for text in texts(80)]
    assert all(lengths[repeats] >= lengths[doc] for doc, repeats, _, _ in dropped)


def test_centres_stay_when_a_source_comes_and_old_vectors_are_not_made_again(tmp_path: Path) -> None:
    write(tmp_path / "web", vectors(40))
    write(tmp_path / "more", vectors(24)[::-1])
    semantic = {"column": "emb", "cosine": 0.99, "cells": 2}
    run(tmp_path, ["web"], semantic)
    grown = run(tmp_path, ["web", "more"], semantic)
    done = grown.sql(
        "SELECT item FROM steps WHERE step = 'semantic' AND unit IN ('', 'cells') AND action = 'done'"
    ).fetchall()
    assert ("p00000000",) not in done and ("p00000001",) in done
    assert grown.sql("SELECT count(*) FROM artefacts WHERE name = 'semantic:centres'").fetchall() == [(1,)]


def test_a_source_without_the_column_says_so(tmp_path: Path) -> None:
    write(tmp_path / "web", vectors(8))
    with pytest.raises(InputError, match="no column 'vector' with embeddings"):
        run(tmp_path, ["web"], {"column": "vector"})


def test_a_sentence_model_finds_texts_of_the_same_words(tmp_path: Path) -> None:
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    said = ["red apples fall", "fall red apples", "the sea is cold", "stones and dust here"]
    words = sorted({word for text in said for word in text.split()})
    vocabulary = {word: number for number, word in enumerate(["[UNK]", "[PAD]", *words])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    model = tmp_path / "model"
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="[PAD]", unk_token="[UNK]").save_pretrained(model)
    shape = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
    BertModel(BertConfig(vocab_size=len(vocabulary), max_position_embeddings=32, **shape)).save_pretrained(model)
    (tmp_path / "web").mkdir()
    pq.write_table(pa.table({"text": said}), tmp_path / "web" / "a.parquet")
    made = run(tmp_path, ["web"], {"model": "model", "cosine": 0.9, "cells": 1})
    closest = made.sql("SELECT doc, earlier FROM semantic_pairs ORDER BY cosine DESC LIMIT 1").fetchall()
    assert sorted(closest[0]) == [0, 1]
