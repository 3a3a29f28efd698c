"""What tests of the proxies share: one thread, a small run folder, and a Llama-style model in plain numpy as oracle.

Threads on tiny tensors wait for each other, and worker processes have one as well.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch
from tokenizers import AddedToken, Tokenizer, models, pre_tokenizers

from midmix.config import Config, parse_config
from midmix.proxy_train.model import Models, initial_row
from midmix.proxy_train.shape import Shape
from midmix.proxy_train.tokens import load_tokenizer
from midmix.table_files import attach_file, write_table
from midmix.table_manifest import Manifest, publish
from midmix.tables import DESIGNS, EVALUATION_ITEMS, TOKENS, Table

TEXTS = {
    "code": [f"def f{i}(x):\n    return x + {i}\n" for i in range(120)],
    "prose": [f"The {i}th morning was as grey as the one before it.\n" for i in range(120)],
}
PROXY = {
    "layers": 1, "width": 16, "heads": 2, "sequence_length": 32, "batch_sequences": 2, "tokens": 1280,
    "rows_per_batch": 2, "heldout_tokens": 200,
}  # fmt: skip


@pytest.fixture
def tokenizer_folder(tmp_path: Path) -> Path:
    """A byte-level tokenizer with an end-of-text token, id 256."""
    vocabulary = {c: i for i, c in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.add_special_tokens([AddedToken("<|end|>", special=True)])
    folder = tmp_path / "tokenizer"
    folder.mkdir()
    tokenizer.save(str(folder / "tokenizer.json"))
    return folder


def _table(folder: Path, table: Table, rows: list[dict[str, Any]], attached: tuple[Any, ...] = ()) -> None:
    data = pa.Table.from_pylist(rows, schema=table.schema())
    publish(folder, Manifest(table.name, (write_table(folder, table, data, stem="all"),), attached))


def _write_tokens(folder: Path, tokenizer_folder: Path) -> None:
    tokenizer = load_tokenizer("main", str(tokenizer_folder))
    rows, attached = [], []
    for domain, texts in TEXTS.items():
        for split, chosen in (("heldout", texts[:20]), ("train", texts[20:])):
            ids = [np.array([*tokenizer.encode(t, add_special_tokens=False).ids, 256], np.uint16) for t in chosen]
            offsets = np.cumsum([0, *map(len, ids)])
            for row, (text, tokens, offset) in enumerate(zip(chosen, ids, offsets, strict=False)):
                place = {"tokenizer": "main", "domain": domain, "split": split, "shard": 0, "offset": int(offset)}
                rows.append(place | {"num_tokens": len(tokens), "num_bytes": len(text.encode()), "doc": row})
            name = f"main/{domain}/{split}-00000.bin"
            attached.append(attach_file(folder, TOKENS, name, lambda path, ids=ids: np.concatenate(ids).tofile(path)))
    _table(folder, TOKENS, rows, tuple(attached))


@pytest.fixture
def make_config(tmp_path: Path, tokenizer_folder: Path) -> Callable[..., Config]:
    """Makes the config of such a run, without some settings of its proxies and with others changed."""

    def make(without: tuple[str, ...] = (), **proxy: object) -> Config:
        values = {
            "sources": {name: {"path": f"{name}.parquet", "kind": "prose"} for name in TEXTS},
            "tokenizers": {"main": str(tokenizer_folder)},
            "proxy": {name: value for name, value in PROXY.items() if name not in without} | proxy,
            "mixture": {"tokens": 20_000, "targets": {"sums": {"set": "sums.jsonl"}}},
        }
        return parse_config(values, base=tmp_path)

    return make


@pytest.fixture
def make_run(tmp_path: Path, tokenizer_folder: Path) -> Callable[[str], Path]:
    """Makes a run folder that is ready to train three runs on two domains and one set of items."""

    def make(name: str) -> Path:
        folder = tmp_path / name
        _write_tokens(folder, tokenizer_folder)
        (folder / "state").mkdir()
        (folder / "state" / "lock").touch()  # what a run folder is known by
        weights = [(0.5, 0.5), (0.9, 0.1), (0.0, 1.0)]
        designs = [
            {
                "run": run,
                "role": "control" if run == 1 else "interior",
                "stage": "main",
                "seed": 0,
                "domain": domain,
                "weight": weight,
            }
            for run, shares in enumerate(weights)
            for domain, weight in zip(TEXTS, shares, strict=True)
        ]
        _table(folder, DESIGNS, designs)
        item = {"set": "sums", "role": "target"}
        items = [item | {"item": i, "question": f"What is {i} + 1?", "answer": f"{i + 1}"} for i in range(9)]
        leak = {"set": "bench", "role": "benchmark", "item": 0, "question": None, "answer": "x"}
        _table(folder, EVALUATION_ITEMS, [leak, *items])
        return folder

    return make


@pytest.fixture(autouse=True, scope="session")
def one_torch_thread() -> Iterator[None]:
    """Torch on one thread, put back afterwards."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def plain_hidden() -> Callable[[Shape, np.ndarray, list[int]], np.ndarray]:
    """Hidden states [T, D] of one model on one sequence, position by position."""
    return _reference_hidden


@pytest.fixture
def random_models() -> Callable[[Shape, int], Models]:
    """Models in fp64 whose every parameter, gains too, differs between models."""
    return _random_models


def _norm(x: np.ndarray) -> np.ndarray:
    return x / math.sqrt((x**2).mean() + 1e-6)


def _rotated(x: np.ndarray, position: int) -> np.ndarray:
    """Llama's rotary positions on one head's vector: value i turns with value i + half."""
    half = len(x) // 2
    turned = x.copy()
    for i in range(half):
        angle = position * 10_000.0 ** (-2 * i / len(x))
        turned[i] = x[i] * math.cos(angle) - x[i + half] * math.sin(angle)
        turned[i + half] = x[i + half] * math.cos(angle) + x[i] * math.sin(angle)
    return turned


def _reference_hidden(shape: Shape, row: np.ndarray, ids: list[int]) -> np.ndarray:
    p = {x.name: row[x.offset : x.offset + x.size].reshape(x.shape) for x in shape.parameters()}
    width, heads, size = shape.width, shape.heads, shape.head_width
    xs = [p["embedding"][token] * math.sqrt(width) for token in ids]
    for layer in range(shape.layers):
        mixed = [(_norm(x) * p[f"{layer}.attention_gain"]) @ p[f"{layer}.attention_in"] for x in xs]
        outputs = []
        for t in range(len(ids)):
            parts = []
            for h in range(heads):
                at = slice(h * size, (h + 1) * size)
                query = _rotated(mixed[t][:width][at], t)
                keys = [_rotated(mixed[s][width : 2 * width][at], s) for s in range(t + 1)]
                scores = np.exp([query @ key / math.sqrt(size) for key in keys])
                values = [mixed[s][2 * width :][at] for s in range(t + 1)]
                parts.append(sum(score * value for score, value in zip(scores / scores.sum(), values, strict=True)))
            outputs.append(np.concatenate(parts) @ p[f"{layer}.attention_out"])
        xs = [x + y for x, y in zip(xs, outputs, strict=True)]
        for t, x in enumerate(xs):
            inner = (_norm(x) * p[f"{layer}.feed_forward_gain"]) @ p[f"{layer}.feed_forward_in"]
            gate, value = inner[: shape.feed_forward], inner[shape.feed_forward :]
            xs[t] = x + (gate / (1 + np.exp(-gate)) * value) @ p[f"{layer}.feed_forward_out"]
    return np.array([_norm(x) * p["final_gain"] for x in xs])


def _random_models(shape: Shape, count: int) -> Models:
    generator = torch.Generator().manual_seed(5)
    rows = torch.stack([initial_row(shape, m) for m in range(count)]).double()
    return Models(shape, rows + 0.1 * torch.randn(rows.shape, generator=generator, dtype=torch.float64))
