"""midmix's side of benchmarks/dedup.py: the steps from `dedup` to `decide` of a run, their work done in this process.

    python benchmarks/dedup_ours.py CORE RUN...

RUN are copies of one run folder in which everything before `dedup` is done (`prepare`). The kernels are loaded from
their cache before, by the warm-up that workers have; then each copy is deduplicated in turn, the first with a process
that has done nothing yet, the second with one that is warm. Prints as JSON, for each, processor seconds by step and
by work function.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from midmix.book import Book
from midmix.config import Config, parse_config
from midmix.curation.dedup.components import run_components
from midmix.flow import STEP_NAMES, find_step, steps_between
from midmix.pool import Pool
from midmix.runner import run_steps
from midmix.step import Context
from midmix.table_files import read_table
from midmix.table_manifest import Manifest, is_made, load_manifest, publish
from midmix.tables import DECISIONS, DOCUMENTS, PAIRS, PARTS

STEPS = tuple(step.name for step in steps_between("dedup", "decide") if step.name != "decontaminate")
# What lies between signing and pairing.
EXCHANGED = ("signatures", "bands")
# datatrove's parameters: its normalisation and words, 14 bands of 8.
AS_DATATROVE: dict[str, Any] = {"profile": "prose", "bands": 14, "rows": 8}


class InProcess(Pool):
    """Does the work of a step in this process, one call after another; keeps processor seconds by the name of the work."""

    def __init__(self) -> None:
        self.workers = 1
        self.seconds: Counter[str] = Counter()

    def __exit__(self, *_: object) -> None:
        pass

    def say(self, line: str) -> None:
        pass

    def map(
        self, function: Any, calls: Sequence[tuple[Any, ...]], *, title: str, total: int, sizes: Sequence[int]
    ) -> None:
        """Call `function(*call)` for each call."""
        start = time.process_time()
        for call in calls:
            function(*call)
        self.seconds[title] += time.process_time() - start


def prepare(shards: Path, run: Path) -> None:
    """A run folder over the shards, everything before `dedup` done: no rules, no edits, no benchmarks."""
    source = {"path": str(shards / "*.parquet"), "kind": "prose"}
    config = parse_config({"sources": {"bench": source}, "rules": {"prose": []}, "edits": []}, base=shards)
    run_steps(config, run, steps_between("ingest", "classify"), quiet=True)
    _publish_empty(run, "decontaminate")


def _publish_empty(run: Path, step: str) -> None:
    """Publish what the step had nothing to write to, as the runner does."""
    for table in find_step(step).writes:
        if not is_made(run, table.name):
            publish(run, Manifest(table.name))


def copies(run: Path, count: int, name: str = "copy", **changes: Any) -> list[Path]:
    """That many copies of a prepared run, beside it, with these values in their config."""
    made = [run.with_name(f"{run.name}-{name}-{number}") for number in range(count)]
    for copy in made:
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(run, copy)
        path = copy / "state" / "config.json"
        kept = json.loads(path.read_text())
        path.write_text(json.dumps(kept | {"config": kept["config"] | changes}))
    return made


def config_of(run: Path) -> Config:
    """The config that the run folder keeps."""
    kept = json.loads((run / "state" / "config.json").read_text())
    return parse_config(kept["config"], base=Path(kept["base_was"]))


def deduplicate(run: Path, pool: InProcess | None = None) -> dict[str, float]:
    """Do `dedup` to `decide` of a prepared run here; processor seconds by step and by work function."""
    config, book, pool = config_of(run), Book(run, STEP_NAMES), pool or InProcess()
    spent: dict[str, float] = {}
    for name in STEPS:
        step = find_step(name)
        module = step.load()
        start = time.process_time()
        module.run(Context(run, config, name, module.VERSION, pool, book))
        _publish_empty(run, name)
        book.close_step(name)
        spent[name] = time.process_time() - start
    return spent | dict(pool.seconds)


def warm_up() -> None:
    """Load the modules and kernels of the steps."""
    from midmix.curation.decide import warm_up as decide
    from midmix.curation.dedup import warm_up as dedup

    for name in STEPS:
        find_step(name).load()
    dedup.warm_up()
    decide.warm_up()


def in_fresh_process(core: int, runs: Sequence[Path]) -> list[dict[str, float]]:
    """`deduplicate` of each run in turn, in a process of its own, pinned to a core, its kernels loaded before."""
    command = [sys.executable, __file__, str(core), *map(str, runs)]
    return list(json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout))


def run_as_user(run: Path) -> None:
    """The same steps as a user's run does them, worker process and all."""
    run_steps(config_of(run), run, [find_step(name) for name in STEPS], workers=1, quiet=True)


def ids(run: Path) -> dict[int, str]:
    """Document key to the corpus's own id."""
    documents = read_table(run, DOCUMENTS)
    return dict(zip(documents["doc"].to_pylist(), documents["user_id"].to_pylist(), strict=True))


def places(run: Path) -> npt.NDArray[np.uint64]:
    """Keys of all documents, shard after shard: their place is that of the document in the corpus."""
    parts = sorted(read_table(run, PARTS).to_pylist(), key=lambda part: (part["path"], part["first_row"]))
    keys = read_table(run, DOCUMENTS)["doc"].to_numpy()
    return np.concatenate([keys[keys >> np.uint64(32) == part["part"]] for part in parts])


def dropped(run: Path) -> dict[str, str]:
    """The id of every dropped document, and that of the document that it repeats."""
    names = ids(run)
    decisions = read_table(run, DECISIONS).select(["doc", "keep", "repeats"]).to_pylist()
    return {names[row["doc"]]: names.get(row["repeats"], "") for row in decisions if not row["keep"]}


def candidate_components(run: Path) -> npt.NDArray[np.int64]:
    """Of every document, by its place in the corpus, which chain of shared bands it belongs to; nothing verified."""
    keys = places(run)
    ordinals = np.empty(len(keys), np.int64)
    ordinals[np.argsort(keys)] = np.arange(len(keys))
    return run_components(run).astype(np.int64)[ordinals]


def disk(run: Path) -> dict[str, float]:
    """Bytes per document between signing and pairing, and of what pairing leaves."""
    documents = sum(file.rows for file in load_manifest(run, DOCUMENTS.name).files)

    def per_document(*tables: str) -> float:
        files = [file for name in tables for file in load_manifest(run, name).files]
        return sum((run / file.path).stat().st_size for file in files) / documents

    return {
        "disk_bytes_per_document": per_document(*EXCHANGED),
        "pairs_bytes_per_document": per_document(PAIRS.name),
    }


def main() -> None:
    """CORE RUN..."""
    os.sched_setaffinity(0, {int(sys.argv[1])})
    pa.set_cpu_count(1)
    pa.set_io_thread_count(1)
    warm_up()
    sys.stdout.write(json.dumps([deduplicate(Path(run)) for run in sys.argv[2:]]) + "\n")


if __name__ == "__main__":
    main()
