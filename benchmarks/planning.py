"""Planning at size: 100,000 shards of 500 domains, three stages with their own documents, from tables to plan.json.

    python benchmarks/planning.py [--shards 100000] [--domains 500] [--json FILE]

Times the step plan in a fresh process and its worker: token files checked, stages drawn, every check, the manifest and
the table written; and then the manifest read back as an exporter does. Token files are small; the time depends on their
number. CPU seconds are of both processes from their start, imports included; peak memory is the sum of their peaks.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from multiprocessing import forkserver
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from midmix.config import Config, parse_config
from midmix.table_files import write_table
from midmix.table_manifest import Attachment, Manifest, publish
from midmix.tables import EVIDENCE, PARTS, SOURCES, TOKENS, WEIGHTS, Table

LENGTH = 16
# Tokens of the documents of every shard: one in four is of the bucket of long ones.
DOCUMENTS = ((20, 25, 30, 12, 23), (20, 25, 30, 12, 23), (20, 25, 30, 12, 23), (40, 60, 32, 50, 88))


def publish_rows(folder: Path, table: Table, rows: pa.Table, attached: tuple[Attachment, ...] = ()) -> None:
    entry = write_table(folder, table, rows, stem="all")
    publish(folder, Manifest(table.name, (entry,), attached))


def write_run(base: Path, shards: int, domains: int) -> Config:
    """A run before the step plan: shards of five documents each, all of one length bucket."""
    from midmix.megatron_index import write_index

    folder = base / "run"
    (base / "tokenizer").mkdir(parents=True)
    vocabulary = {"<eos>": 0} | {f"w{i}": i for i in range(1, 1000)}
    model = {"type": "WordLevel", "vocab": vocabulary, "unk_token": "<eos>"}
    (base / "tokenizer" / "tokenizer.json").write_text(
        json.dumps({"version": "1.0", "added_tokens": [], "model": model})
    )
    (base / "tokenizer" / "tokenizer_config.json").write_text(json.dumps({"eos_token": "<eos>"}))
    names = [f"domain{d:03d}" for d in range(domains)]
    source = {"source": "crawl", "position": 0, "survivor_rank": 0, "kind": "prose", "path": "x.parquet"}
    publish_rows(folder, SOURCES, _rows(SOURCES, [source]))
    part = {"part": 0, "source": "crawl", "path": "x.parquet", "file_hash": "0", "first_row_group": 0}
    part |= {"num_row_groups": 1, "first_row": 0, "rows": 9, "text_bytes": 9, "text_column": "text"}
    publish_rows(folder, PARTS, _rows(PARTS, [part]))
    weight = {"mixture": "optimum", "weight": 1 / domains, "low": 0.0, "high": 0.1, "at_cap": False, "epochs": 1.0}
    publish_rows(folder, WEIGHTS, _rows(WEIGHTS, [weight | {"domain": name} for name in names]))
    claim = {"subject": "overall", "claim": "verdict", "verdict": "weak", "words": "a benchmark"}
    publish_rows(folder, EVIDENCE, _rows(EVIDENCE, [claim]))
    contents = []
    for lengths in DOCUMENTS:
        tokens = np.full(sum(lengths), 5, dtype="<u2")
        tokens[np.cumsum(lengths) - 1] = 0
        write_index(base / "one.idx", np.array(lengths), "uint16")
        contents.append({"bin": tokens.tobytes(), "idx": (base / "one.idx").read_bytes()})
    attached = []
    of = [(names[s * domains // shards], s) for s in range(shards)]
    first = dict(reversed(of))
    for name, number in of:
        stem = f"main/{name}/train-{number - first[name]:05d}"
        for suffix, content in contents[number % len(contents)].items():
            path = folder / "tokens" / f"{stem}.{suffix}"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
            attached.append(
                Attachment(f"{stem}.{suffix}", str(path.relative_to(folder)), len(content), f"{number:064x}")
            )
    count = len(DOCUMENTS[0])
    lengths = np.resize(np.array(DOCUMENTS), (shards, count))
    offsets = np.cumsum(lengths, axis=1) - lengths
    columns = {
        "tokenizer": pa.array(["main"] * shards * count),
        "domain": pa.array(np.repeat([name for name, _ in of], count)),
        "split": pa.array(["train"] * shards * count),
        "shard": pa.array(np.repeat([number - first[name] for name, number in of], count), pa.int32()),
        "offset": pa.array(offsets.ravel(), pa.int64()),
        "num_tokens": pa.array(lengths.ravel(), pa.int32()),
        "num_bytes": pa.array(4 * lengths.ravel(), pa.int64()),
        "doc": pa.array(np.arange(shards * count), pa.uint64()),
        "entry_offset": pa.nulls(shards * count, pa.int64()),
        "entry_tokens": pa.nulls(shards * count, pa.int32()),
    }
    publish_rows(folder, TOKENS, pa.table(columns).cast(TOKENS.schema()), tuple(attached))
    (folder / "state").mkdir()
    (folder / "state" / "lock").touch()
    return config_of(base, names, shards)


def _rows(table: Table, rows: list[dict[str, Any]]) -> pa.Table:
    return pa.Table.from_pylist(rows, schema=table.schema())


def config_of(base: Path, names: list[str], shards: int) -> Config:
    """Three stages: an anneal, one that repeats, and one of long documents; together 1.5 passes over everything."""
    budget = shards * sum(map(sum, DOCUMENTS)) // len(DOCUMENTS) // 2
    long = {"name": "long", "kind": "long-context", "sequence_length": 32, "lengths": {"long": 0.6, "short": 0.4}}
    values = {
        "sources": {"crawl": {"path": "x.parquet", "kind": "prose"}},
        "domains": dict.fromkeys(names, "kind = 'prose'"),
        "tokenizers": {"main": "tokenizer"},
        "length_buckets": {"short": 0, "long": 32},
        "mixture": {"tokens": budget, "sequence_length": LENGTH, "global_batch_sequences": 8}
        | {"targets": {"t": {"domain": names[0]}}},
        "stages": [
            {"name": "anneal", "learning_rate": {"end": 1e-4}},
            {"name": "again", "data": "repeat", "learning_rate": {"end": 5e-5}},
            long | {"tokens": budget // 2},
        ],
    }
    return parse_config(values, base=base)


def plan(base: Path, shards: int, domains: int) -> None:
    """The timed process: the step plan, and the manifest read back."""
    from midmix.flow import steps_between
    from midmix.mixer.export.trainers import read_plan
    from midmix.runner import run_steps
    from midmix.table_manifest import load_manifest

    config = config_of(base, [f"domain{d:03d}" for d in range(domains)], shards)
    start = time.perf_counter()
    run_steps(config, base / "run", steps_between("plan", "plan"), workers=1, quiet=True)
    planned = time.perf_counter() - start
    # Only what has ended is counted, and the process that starts workers ends with this one.
    forkserver._forkserver._stop()  # type: ignore[attr-defined]
    own, workers = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    peak, before = peak_mib(), time.process_time()
    found = read_plan(base / "run")
    reading = time.process_time() - before
    size = sum(a.bytes for a in load_manifest(base / "run", "plan").attached if a.name == "plan.json")
    print(
        json.dumps(
            {
                "shards": shards,
                "domains": domains,
                "shards_planned": sum(len(d.shards) for d in found.domains),
                "planning_seconds": round(planned, 2),
                "planning_cpu_seconds": round(sum(r.ru_utime + r.ru_stime for r in (own, workers)), 2),
                "reading_cpu_seconds": round(reading, 2),
                "peak_rss_mib": peak + workers.ru_maxrss // 1024,
                "reading_peak_rss_mib": peak_mib(),
                "plan_mb": round(size / 1e6, 1),
                "load": round(os.getloadavg()[0], 1),
            }
        )
    )


def peak_mib() -> int:
    """Peak memory of this process; `ru_maxrss` begins with that of the process which started it."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.split("VmHWM:")[1].split()[0]) // 1024


def main() -> None:
    """Make the run, plan it in a fresh process, print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shards", type=int, default=100_000)
    parser.add_argument("--domains", type=int, default=500)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--run", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.run:
        plan(arguments.run, arguments.shards, arguments.domains)
        return
    with tempfile.TemporaryDirectory() as folder:
        write_run(Path(folder), arguments.shards, arguments.domains)
        size = ["--shards", str(arguments.shards), "--domains", str(arguments.domains)]
        done = subprocess.run(
            [sys.executable, __file__, "--run", folder, *size], check=True, stdout=subprocess.PIPE, text=True
        )
    print(done.stdout, end="")
    if arguments.json:
        arguments.json.write_text(done.stdout, encoding="utf-8")


if __name__ == "__main__":
    main()
