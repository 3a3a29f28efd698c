"""A run that is tokenized and designed, its three domains languages of their own, and an OLMo-core checkpoint for it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from token_run import Texts, publish_rows, write_tokens

from midmix.tables import DESIGNS, EVALUATION_ITEMS, PARTS, SOURCES

LENGTH, BATCH, TRAINING = 32, 8, 32_768
VOCABULARY = 128
# Domain: tokens per train shard about. Ids of domain number n are 1 + 40 n and the 39 after; 0 ends a document.
DOMAINS = {"code": (9_000, 6_000), "math": (7_000,), "web": (30_000,)}
# (role, seed, weights in the order of DOMAINS)
DESIGN = [
    ("control", 0, (0.0, 0.0, 1.0)),
    ("natural", 0, (0.3, 0.1, 0.6)),
    ("natural", 1, (0.3, 0.1, 0.6)),
    ("interior", 0, (0.25, 0.25, 0.5)),
    ("space-filling", 0, (0.4, 0.1, 0.5)),
    ("space-filling", 0, (0.1, 0.4, 0.5)),
    ("space-filling", 0, (0.15, 0.15, 0.7)),
    ("replicate", 1, (0.25, 0.25, 0.5)),
]


def documents(generator: np.random.Generator, domain: int, about: int) -> Iterator[np.ndarray[Any, Any]]:
    """Walks in steps of 1, 2 or 3 through the domain's ids, which a model learns in some tens of steps."""
    while about > 0:
        walk = np.cumsum(generator.integers(1, 4, int(generator.integers(8, 60))))
        ids = np.append(1 + 40 * domain + walk % 40, 0).astype("<u2")
        about -= len(ids)
        yield ids


def shards() -> Iterator[tuple[str, str, int, Texts]]:
    generator = np.random.default_rng(3)
    for number, (domain, sizes) in enumerate(DOMAINS.items()):
        for split, shard, about in [("heldout", 0, 700), *(("train", i, about) for i, about in enumerate(sizes))]:
            yield domain, split, shard, list(documents(generator, number, about))


def put_config(base: Path, folder: Path) -> None:
    """The tokenizer, whose words are w1 to w127, and the run's state."""
    (base / "tokenizer").mkdir()
    vocabulary = {"<eos>": 0} | {f"w{i}": i for i in range(1, VOCABULARY)}
    model = {"type": "WordLevel", "vocab": vocabulary, "unk_token": "<eos>"}
    split = {"type": "Whitespace"}
    values = {"version": "1.0", "added_tokens": [], "pre_tokenizer": split, "model": model}
    (base / "tokenizer" / "tokenizer.json").write_text(json.dumps(values))
    (base / "tokenizer" / "tokenizer_config.json").write_text(json.dumps({"eos_token": "<eos>"}))
    config = {
        "sources": {name: {"path": f"{name}.jsonl", "kind": "prose"} for name in DOMAINS},
        "tokenizers": {"main": "tokenizer"},
        "mixture": {
            "tokens": TRAINING, "sequence_length": LENGTH, "global_batch_sequences": BATCH, "replay": {"web": 1.0},
            "max_epochs": {"default": 4}, "targets": {"proofs": {"set": "proofs.jsonl"}, "math": {"domain": "math"}},
        },
        "proxy": {"heldout_tokens": 400, "runs": 8},
    }  # fmt: skip
    (folder / "state").mkdir(parents=True)
    (folder / "state" / "lock").touch()
    state = {"config": config, "base": "..", "base_was": str(base)}
    (folder / "state" / "config.json").write_text(json.dumps(state))


def put_design(folder: Path, design: list[tuple[str, int, tuple[float, ...]]] = DESIGN) -> None:
    rows = [
        {"run": run, "role": role, "stage": "main", "seed": seed, "domain": domain, "weight": weight}
        for run, (role, seed, weights) in enumerate(design)
        for domain, weight in zip(DOMAINS, weights, strict=True)
    ]
    publish_rows(folder, DESIGNS, rows)


def put_items(folder: Path) -> None:
    generator = np.random.default_rng(4)
    rows = []
    for item in range(12):
        words = [f"w{i}" for i in next(documents(generator, 1, 1))[:-1]]
        texts = {"question": " ".join(words[:4]), "answer": " ".join(words[4:])}
        rows.append({"set": "proofs", "role": "target", "item": item} | texts)
    publish_rows(folder, EVALUATION_ITEMS, rows)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """The run folder, with everything before the step train."""
    folder = tmp_path / "run"
    put_config(tmp_path, folder)
    numbers = {"first_row_group": 0, "num_row_groups": 1, "first_row": 0, "rows": 9, "text_bytes": 9}
    parts, sources = [], []
    for i, name in enumerate(DOMAINS):
        parts.append({"part": i, "source": name, "path": name, "file_hash": "0", "text_column": "text", **numbers})
        sources.append({"source": name, "position": i, "survivor_rank": i, "kind": "prose", "path": name})
    publish_rows(folder, PARTS, parts)
    publish_rows(folder, SOURCES, sources)
    write_tokens(folder, shards())
    put_items(folder)
    put_design(folder)
    return folder


Design = list[tuple[str, int, tuple[float, ...]]]


@pytest.fixture
def redesign(run: Path) -> Callable[[Design], None]:
    """Puts another design in the place of the run's: (role, seed, weights of code, math and web)."""
    return lambda design: put_design(run, design)


@pytest.fixture
def designed() -> Design:
    """The run's design."""
    return list(DESIGN)


@pytest.fixture
def olmo_checkpoint(tmp_path: Path) -> Path:
    """The files by which a checkpoint of OLMo-core is known, without weights."""
    folder = tmp_path / "stable" / "step12"
    (folder / "model_and_optim").mkdir(parents=True)
    (folder / "model_and_optim" / ".metadata").touch()
    kind = "olmo_core.train.train_module.transformer.config.TransformerTrainModuleConfig"
    (folder / "config.json").write_text(json.dumps({"model": {}, "train_module": {"_CLASS_": kind}}))
    return folder


@pytest.fixture
def megatron_checkpoint(tmp_path: Path) -> Path:
    """The same of Megatron."""
    folder = tmp_path / "saved"
    (folder / "iter_0000100").mkdir(parents=True)
    (folder / "iter_0000100" / "common.pt").touch()
    (folder / "latest_checkpointed_iteration.txt").write_text("100\n")
    return folder
