"""A run folder that is tokenized, of three domains, and made-up losses for its design."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from midmix.mixer.design.dry_run import design_of
from midmix.mixer.design.inputs import inputs_of
from midmix.run import Run, open_run
from midmix.table_files import write_table
from midmix.table_manifest import Manifest, publish
from midmix.tables import DESIGNS, LOSSES, PARTS, TOKENS, Table

HELD = {"code": 2_000_000, "maths": 1_000_000, "web": 6_000_000}
CONFIG = {
    "sources": {name: {"path": f"{name}.jsonl", "kind": "prose"} for name in HELD},
    "proxy": {"runs": 10, "seeds": 2, "tokens": 1_000_000},
    "mixture": {
        "tokens": 4_000_000,
        "replay": {"web": 1.0},
        "minimum": {"code": 0.05},
        "max_epochs": {"default": 4.0, "web": 0.6},
        "targets": {"gold": {"set": "gold.jsonl"}},
    },
}

PutTable = Callable[[Path, Table, list[dict[str, Any]]], None]


def put(folder: Path, table: Table, rows: list[dict[str, Any]]) -> None:
    """Publish a table of these rows."""
    entry = write_table(folder, table, pa.Table.from_pylist(rows, table.schema()), stem=table.name)
    publish(folder, Manifest(table.name, (entry,)))


def gold(weights: np.ndarray) -> np.ndarray:
    """Losses [...] of mixtures [..., 3] of code, maths and web: half wants maths, half wants web."""
    first, second = ((weights @ np.array(gains)) ** -0.4 for gains in ((0.3, 4.0, 0.3), (0.5, 0.2, 3.0)))
    loss: np.ndarray = (first + second) / 2
    return loss


@pytest.fixture
def tokenized(tmp_path: Path) -> Run:
    """The run, with nothing designed."""
    folder = tmp_path / "run"
    (folder / "state").mkdir(parents=True)
    state = {"config": CONFIG, "base": "..", "base_was": str(tmp_path)}
    (folder / "state" / "config.json").write_text(json.dumps(state))
    optional = {c.name: None for c in PARTS.columns if c.nullable}
    numbers = {"first_row_group": 0, "num_row_groups": 1, "first_row": 0, "rows": 1, "text_bytes": 1}
    put(
        folder,
        PARTS,
        [
            {"part": i, "source": s, "path": s, "file_hash": "0", "text_column": "text", **numbers, **optional}
            for i, s in enumerate(HELD)
        ],
    )
    put(
        folder,
        TOKENS,
        [
            {
                "tokenizer": "main", "domain": domain, "split": "train", "shard": 0, "offset": 0, "num_tokens": tokens,
                "num_bytes": tokens, "doc": i << 32,
            }
            for i, (domain, tokens) in enumerate(HELD.items())
        ],
    )  # fmt: skip
    return open_run(folder)


@pytest.fixture
def trained(tokenized: Run) -> Run:
    """The same, its design trained: gold is best between maths and web (`gold`), noise 0.002."""
    inputs = inputs_of(tokenized, "design")
    chosen = design_of(tokenized.config, inputs)
    put(
        tokenized.folder,
        DESIGNS,
        [
            {"run": i, "role": role, "stage": "main", "seed": seed, "domain": domain, "weight": float(weight)}
            for i, (role, seed, weights) in enumerate(zip(chosen.roles, chosen.seeds, chosen.weights, strict=True))
            for domain, weight in zip(inputs.supply.domains, weights, strict=True)
        ],
    )
    rng = np.random.default_rng(0)
    put(
        tokenized.folder,
        LOSSES,
        [
            {
                "run": i, "origin": "proxy", "name": None, "shape": "L2", "parameters": 100_000, "tokens": 1_000_000,
                "seed": seed, "step": 100, "metric": "set:gold", "unit": "bits_per_byte",
                "value": float(gold(weights)) + rng.normal(0, 0.002),
            }
            for i, (seed, weights) in enumerate(zip(chosen.seeds, chosen.weights, strict=True))
        ],
    )  # fmt: skip
    return open_run(tokenized.folder)
