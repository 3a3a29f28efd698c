"""A planned run of two stages: a repeated domain, cut shards, given token files and earlier training."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from token_run import Texts, publish_rows, random_texts, write_tokenizer, write_tokens

from midmix.config import Config, parse_config
from midmix.disk import sha256_of
from midmix.flow import steps_between
from midmix.mixer.plan.manifest import Plan, parse_plan
from midmix.runner import run_steps
from midmix.table_manifest import load_manifest
from midmix.tables import (
    CONTAMINATION,
    CUTS,
    DECISIONS,
    DOCUMENTS,
    EVIDENCE,
    PARTS,
    SOURCES,
    WEIGHTS,
    doc_key,
)

LENGTH, LONG, BATCH = 16, 64, 4
# Domain: first token id (ids tell the domain of a token), tokens per train shard about, weight in 1e-6.
DOMAINS = {
    "code": (100, (3_000, 2_500), 400_000),
    "math": (200, (300, 200, 200), 300_000),
    "web": (300, (4_000,), 300_000),
}
SOURCE_NAMES = ("crawl", "forum")
DROPPED = doc_key(0, 100_000)


def _shards() -> Iterator[tuple[str, str, int, Texts]]:
    generator = np.random.default_rng(5)
    for domain, (first_id, sizes, _) in DOMAINS.items():
        for split, shard, about in [("heldout", 0, 300), *(("train", i, about) for i, about in enumerate(sizes))]:
            yield domain, split, shard, random_texts(generator, first_id, about)


def _write_documents(folder: Path, keys: list[int]) -> None:
    sources = [
        {
            "source": name,
            "position": i,
            "survivor_rank": i,
            "kind": "prose",
            "license": "cc0",
            "path": f"{name}.parquet",
        }
        for i, name in enumerate(SOURCE_NAMES)
    ]
    publish_rows(folder, SOURCES, sources)
    part = {"file_hash": "0", "first_row_group": 0, "num_row_groups": 1, "first_row": 0, "rows": 100_001}
    part |= {"text_bytes": 9, "text_column": "text"}
    parts = [{"part": i, "source": name, "path": f"{name}.parquet"} | part for i, name in enumerate(SOURCE_NAMES)]
    publish_rows(folder, PARTS, parts)
    documents = [
        {"doc": key, "content_hash": key.to_bytes(16, "big"), "num_bytes": 4, "num_chars": 4, "user_id": f"id-{key:x}"}
        for key in sorted([*keys, DROPPED])
    ]
    publish_rows(folder, DOCUMENTS, documents)
    decision = {"keep": False, "reason": "gopher_quality.min_words", "fired": ["gopher_quality.min_words"]}
    publish_rows(folder, DECISIONS, [decision | {"doc": DROPPED}])


def _write_leaks(folder: Path, keys: list[int]) -> None:
    """Two documents that touch the quiz, one of them masked, and one that was dropped."""
    hit = {"set": "quiz", "field": "question", "layer": "alignment", "label": "leak", "rule": "full", "overlap": 0.9}
    hit |= {"start_byte": 0, "end_byte": 2}
    rows = [hit | {"doc": keys[20], "item": 3}, hit | {"doc": keys[20], "item": 5}, hit | {"doc": keys[31], "item": 3}]
    rows.append(hit | {"doc": DROPPED, "item": 4})
    publish_rows(folder, CONTAMINATION, sorted(rows, key=lambda row: (row["doc"], row["item"])))
    cut = {
        "doc": keys[31],
        "start_byte": 0,
        "end_byte": 2,
        "reason": "leak.quiz",
        "replacement": "",
        "producer": "leaks",
    }
    publish_rows(folder, CUTS, [cut])


def _config(base: Path, packing: str) -> Config:
    digest = sha256_of(base / "tokenizer" / "tokenizer.json")
    constant = {"schedule": "constant", "start": 1e-4}
    values: dict[str, Any] = {
        "sources": {name: {"path": f"{name}.parquet", "kind": "prose"} for name in SOURCE_NAMES},
        "domains": dict.fromkeys(DOMAINS, "kind = 'prose'"),
        "tokenizers": {"main": "tokenizer"},
        "benchmarks": {"quiz": "quiz.jsonl"},
        "length_buckets": {"short": 0, "long": 48},
        "token_files": {
            "old": {"path": "old-*.npy", "format": "olmo-core", "dtype": "uint16", "tokenizer_sha256": digest}
        },
        "earlier": [
            {"name": "pretrain", "tokens": 9_000, "seen": {"web": 2_000, "gone": 1_000}, "names": {"gone": None}}
        ],
        "mixture": {"tokens": 4_000, "sequence_length": LENGTH, "global_batch_sequences": BATCH}
        | {"max_epochs": {"default": 5}, "targets": {"web": {"domain": "web"}}},
        "stages": [
            {
                "name": "anneal",
                "weights": {"code": 0.3, "math": 0.45, "web": 0.15, "old": 0.1},
                "learning_rate": constant,
                "packing": packing,
            },
            {"name": "long", "kind": "long-context", "tokens": 3_000, "sequence_length": LONG}
            | {"global_batch_sequences": 1, "lengths": {"long": 0.75, "short": 0.25}, "learning_rate": constant}
            | {"packing": packing},
        ],
    }
    return parse_config(values, base=base)


@pytest.fixture(scope="session")
def planned_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run folder; tests must not change it."""
    return _planned(tmp_path_factory.mktemp("exposure"), "concatenate-and-chunk")


@pytest.fixture(scope="session")
def packed_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with both stages packed best-fit."""
    return _planned(tmp_path_factory.mktemp("packed"), "best-fit")


def _planned(base: Path, packing: str) -> Path:
    folder = base / "run"
    write_tokenizer(base / "tokenizer", 1000)
    # every third document is the forum's
    keys = write_tokens(folder, _shards(), lambda number: doc_key(number % 3 == 0, number))
    _write_documents(folder, keys)
    _write_leaks(folder, keys)
    weights = [
        {"mixture": "optimum", "domain": name, "weight": units / 1e6, "at_cap": False, "epochs": 1.0}
        for name, (_, _, units) in DOMAINS.items()
    ]
    publish_rows(folder, WEIGHTS, weights)
    claim = {"subject": "overall", "claim": "verdict", "verdict": "weak", "words": "little is known"}
    publish_rows(folder, EVIDENCE, [claim])
    (base / "old-0.npy").write_bytes(np.concatenate(random_texts(np.random.default_rng(9), 400, 900)).tobytes())
    (base / "quiz.jsonl").write_text(json.dumps({"question": "why?", "answer": "so"}))
    (folder / "state").mkdir()
    (folder / "state" / "lock").touch()
    run_steps(_config(base, packing), folder, steps_between("plan", "plan"), workers=1, quiet=True)
    return folder


@pytest.fixture(scope="session")
def plan(planned_run: Path) -> Plan:
    """The plan of `planned_run`."""
    return _plan_of(planned_run)


@pytest.fixture(scope="session", params=["planned_run", "packed_run"])
def either_run(request: pytest.FixtureRequest) -> tuple[Path, Plan]:
    """Each of the two with its plan."""
    folder = request.getfixturevalue(request.param)
    return folder, _plan_of(folder)


def _plan_of(folder: Path) -> Plan:
    path = folder / load_manifest(folder, "plan").attachments["plan.json"]
    return parse_plan(path.read_bytes(), "plan.json")
