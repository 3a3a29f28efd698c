"""Tables of evaluation items, of what can be found of them, and of their text in documents."""

from __future__ import annotations

import pyarrow as pa

from midmix.tables.table import Column, Table, doc_column

EVALUATION_ITEMS = Table(
    "evaluation_items",
    "Items of benchmarks and of the run's own evaluation sets.",
    ("set", "item"),
    (
        Column("set", pa.string(), "name in the config"),
        Column("role", pa.string(), "benchmark, target or retain"),
        Column("item", pa.int64(), "ordinal of the row in its file, from 0"),
        Column("id", pa.string(), "the benchmark's own name of the item", nullable=True),
        Column("split", pa.string(), "split of the benchmark, such as test", nullable=True),
        Column(
            "question", pa.string(), "question, prompt or context; NULL where the item is plain text", nullable=True
        ),
        Column("answer", pa.string(), "answer, or the plain text"),
        Column("passage", pa.string(), "text that the question is about", nullable=True),
        Column("choices", pa.list_(pa.string()), "answers to choose from, in order", nullable=True),
    ),
)

ITEM_COVERAGE = Table(
    "item_coverage",
    "What can be found of evaluation items: one row per (item, field, layer). An item is detectable if a field is.",
    ("set", "item", "field", "layer"),
    (
        Column("set", pa.string(), "benchmark or evaluation set"),
        Column("item", pa.int64(), "item"),
        Column("field", pa.string(), "question, answer, passage, choices; of code prompt, docstring, prose, body"),
        Column("layer", pa.string(), "alignment, structure (renamed code), embedding, or N-gram such as 13-gram"),
        Column("num_tokens", pa.int32(), "tokens of the field as the layer reads it"),
        Column("detectable", pa.bool_(), "whether the layer can find the field"),
        Column(
            "reason",
            pa.string(),
            "why not: too short, no rare words (all its n-grams are of many items) or multiple choice only (the answer "
            "names a choice); NULL where detectable",
            nullable=True,
        ),
    ),
)

ITEM_EMBEDDINGS = Table(
    "item_embeddings",
    "The direction of the embedding of each text of evaluation items that documents are compared with, on request.",
    ("set", "anchor"),
    (
        Column("set", pa.string(), "benchmark or evaluation set"),
        Column("anchor", pa.int64(), "ordinal of the text in its set"),
        Column("embedding", pa.list_(pa.float32()), "unit length"),
    ),
    internal=True,
)

CONTAMINATION = Table(
    "contamination",
    "Documents that hold text of an evaluation item, one row per place.",
    ("doc", "set", "item", "field", "layer", "start_byte"),
    (
        doc_column(),
        Column("set", pa.string(), "benchmark or evaluation set"),
        Column("item", pa.int64(), "item"),
        Column("field", pa.string(), "question, answer, passage, choices; of code prompt, docstring, prose, body"),
        Column("layer", pa.string(), "alignment, structure (renamed code), embedding, or N-gram such as 13-gram"),
        Column("label", pa.string(), "leak, or variant: the same item with other numbers"),
        Column(
            "rule",
            pa.string(),
            "what the layer's verdict rests on: full, part, reworded, names, bag, whole, renamed, paraphrased; or exact",
        ),
        Column(
            "overlap",
            pa.float64(),
            "share of the field's weight (alignment, embedding) or of its n-grams that was found",
        ),
        Column("start_byte", pa.int64(), "first byte of the place in the raw text"),
        Column("end_byte", pa.int64(), "byte after its last one in the raw text"),
    ),
)
