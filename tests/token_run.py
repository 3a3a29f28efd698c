"""What a run folder holds before the step plan, for tests of plan, export and jobs: token shards without any text."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from midmix.megatron_index import write_index
from midmix.mixer.plan.models import Tokenizer
from midmix.table_files import attach_file, write_table
from midmix.table_manifest import Manifest, publish
from midmix.tables import EVIDENCE, PARTS, SOURCES, TOKENS, WEIGHTS, Table

Texts = Sequence[npt.NDArray[np.uint16]]
# What plans that are made without a run say of their tokenizer: 1,000 words, of which id 0 ends a text.
PLAN_TOKENIZER = Tokenizer(
    id="t",
    file_sha256="0" * 64,
    vocabulary_size=1000,
    eos_id=0,
    dtype="uint16",
    adds_eos_per_document=True,
    adds_bos_per_document=False,
)


def publish_rows(folder: Path, table: Table, rows: list[dict[str, Any]], attached: tuple[Any, ...] = ()) -> None:
    """Make `rows` the whole table."""
    entry = write_table(folder, table, pa.Table.from_pylist(rows, schema=table.schema()), stem="all")
    publish(folder, Manifest(table.name, (entry,), attached))


def write_tokenizer(folder: Path, num_ids: int) -> None:
    """A tokenizer of whole words; id 0 ends a text."""
    folder.mkdir(parents=True)
    vocabulary = {"<eos>": 0} | {f"w{i}": i for i in range(1, num_ids)}
    model = {"type": "WordLevel", "vocab": vocabulary, "unk_token": "<eos>"}
    (folder / "tokenizer.json").write_text(json.dumps({"version": "1.0", "added_tokens": [], "model": model}))
    (folder / "tokenizer_config.json").write_text(json.dumps({"eos_token": "<eos>"}))


def random_texts(generator: np.random.Generator, first_id: int, about: int) -> Texts:
    """Documents of 2 to 95 tokens, `about` in all, of 90 ids from `first_id` on."""
    lengths: list[int] = []
    while sum(lengths) < about:
        lengths.append(int(generator.integers(2, 96)))
    return [np.append(generator.integers(first_id, first_id + 90, n - 1), 0).astype("<u2") for n in lengths]


def write_tokens(
    folder: Path, shards: Iterable[tuple[str, str, int, Texts]], key_of: Callable[[int], int] = lambda number: number
) -> list[int]:
    """TOKENS with the given shards: domain, split, number and documents of each. Returns the documents' keys."""
    rows: list[dict[str, Any]] = []
    attached = []
    for domain, split, shard, texts in shards:
        stem = f"main/{domain}/{split}-{shard:05d}"
        tokens, lengths = np.concatenate(texts), np.array([len(text) for text in texts])
        attached.append(attach_file(folder, TOKENS, f"{stem}.bin", lambda p, t=tokens: p.write_bytes(t.tobytes())))
        attached.append(attach_file(folder, TOKENS, f"{stem}.idx", lambda p, n=lengths: write_index(p, n, "uint16")))
        for offset, length in zip((np.cumsum(lengths) - lengths).tolist(), lengths.tolist(), strict=True):
            key = {"tokenizer": "main", "domain": domain, "split": split, "shard": shard, "offset": offset}
            rows.append(key | {"num_tokens": length, "num_bytes": 4 * (length - 1), "doc": key_of(len(rows))})
    publish_rows(folder, TOKENS, rows, tuple(attached))
    return [row["doc"] for row in rows]


def write_base(folder: Path, weights: Mapping[str, float]) -> None:
    """One source with its part, an optimum of those weights, a word of evidence, and the lock that a run is known by."""
    source = {"position": 0, "survivor_rank": 0, "kind": "prose", "license": "cc0", "path": "x.parquet"}
    publish_rows(folder, SOURCES, [{"source": "crawl", "snapshot": None, "origin": None, "teacher": None} | source])
    part = {"part": 0, "source": "crawl", "path": "x.parquet", "file_hash": "0", "first_row_group": 0}
    part |= {"num_row_groups": 1, "first_row": 0, "rows": 9, "text_bytes": 9, "text_column": "text"}
    publish_rows(folder, PARTS, [part])
    known = {"mixture": "optimum", "low": 0.1, "high": 0.6, "at_cap": False, "epochs": 1.0}
    publish_rows(folder, WEIGHTS, [known | {"domain": name, "weight": weight} for name, weight in weights.items()])
    claim = {"subject": "overall", "claim": "verdict", "verdict": "weak", "value": None, "words": "little is known"}
    publish_rows(folder, EVIDENCE, [claim])
    (folder / "state").mkdir()
    (folder / "state" / "lock").touch()
