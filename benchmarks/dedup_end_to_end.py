"""Parquet to decisions beside datatrove's four stages; then what was found is held against what is true.

Both sides run in processes of their own, in turn, pinned to one core, tokenizer and kernels loaded before the clock
starts. Ours does the steps from `dedup` to `decide` twice in a process, the first time cold, the second warm; with
datatrove's parameters, and with our own defaults.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import dedup_ours as ours
import dedup_truth as truth
import numpy as np
import pyarrow.parquet as pq

SIDES: dict[str, dict[str, Any]] = {"datatrove": ours.AS_DATATROVE, "own": {}}
JUST_ABOVE = 0.82


@dataclass
class Spent:
    """Processor seconds by round: datatrove's stages; ours by parameters, cold and warm."""

    theirs: list[dict[str, float]] = field(default_factory=list)
    cold: dict[str, list[dict[str, float]]] = field(default_factory=lambda: {name: [] for name in SIDES})
    warm: dict[str, list[dict[str, float]]] = field(default_factory=lambda: {name: [] for name in SIDES})


def their_run(shards: Path, out: Path, core: int) -> dict[str, float]:
    """Seconds of datatrove's stages, in a process of its own."""
    script = Path(__file__).with_name("dedup_datatrove.py")
    command = [sys.executable, str(script), str(core), str(shards), str(out), "--clusters"]
    found = subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    return dict(json.loads(found.stdout))


def run_all(corpus: Path, out: Path, core: int, rounds: int) -> tuple[Spent, dict[str, Path]]:
    """Every round of both sides, and the last finished run of each of ours."""
    spent, runs = Spent(), {}
    ours.prepare(corpus / "shards", out / "run")
    for number in range(rounds):
        spent.theirs.append(their_run(corpus / "shards", out / f"theirs-{number}", core))
        for name, dedup in SIDES.items():
            made = ours.copies(out / "run", 2, name, dedup=dedup)
            os.sync()  # or the copies are still being written back while the clock runs
            cold, warm = ours.in_fresh_process(core, made)
            spent.cold[name].append(cold)
            spent.warm[name].append(warm)
            runs[name] = made[0]
    return spent, runs


def total(spent: dict[str, float]) -> float:
    """Seconds of all of our steps."""
    return sum(spent[step] for step in ours.STEPS)


def ratios(theirs: Sequence[dict[str, float]], mine: Sequence[dict[str, float]]) -> list[float]:
    """How many times faster, by round."""
    return [sum(a.values()) / total(b) for a, b in zip(theirs, mine, strict=True)]


def speed(spent: Spent, megabytes: float) -> dict[str, float]:
    """Ratios, rates, and where the time goes."""
    found = {
        "ratio_end_to_end": ratios(spent.theirs, spent.cold["datatrove"]),
        "ratio_end_to_end_warm": ratios(spent.theirs, spent.warm["datatrove"]),
        "ratio_own_default": ratios(spent.theirs, spent.cold["own"]),
        "ratio_own_default_warm": ratios(spent.theirs, spent.warm["own"]),
    }
    figures = {}
    for name, values in found.items():
        figures |= {name: statistics.median(values), f"{name}_min": min(values), f"{name}_max": max(values)}
    figures["datatrove_mb_per_s"] = megabytes / statistics.median(sum(one.values()) for one in spent.theirs)
    for name in SIDES:
        for warmth, times in (("cold", spent.cold[name]), ("warm", spent.warm[name])):
            figures[f"mb_per_s_{name}_{warmth}"] = megabytes / statistics.median(map(total, times))
            for part in times[0]:
                figures[f"seconds {name} {warmth} {part}"] = statistics.median(one[part] for one in times)
    return figures


def clusters_equal(corpus: Path, theirs: Path, run: Path) -> bool:
    """Whether the components of our candidates are datatrove's clusters, document for document."""
    rows = [pq.read_metadata(shard).num_rows for shard in sorted((corpus / "shards").glob("*.parquet"))]
    starts = np.concatenate([[0], np.cumsum(rows)])
    expected = {
        frozenset(int(starts[shard]) + ordinal for shard, ordinal in cluster)
        for cluster in json.loads((theirs / "clusters.json").read_text())
    }
    labels = ours.candidate_components(run)
    order = np.argsort(labels, kind="stable")
    groups = np.split(order, np.flatnonzero(np.diff(labels[order])) + 1)
    return expected == {frozenset(group.tolist()) for group in groups if len(group) > 1}


def accuracy(corpus: Path, run: Path) -> dict[str, float]:
    """Recall over planted pairs, and drops that were wrong, of one finished run of word 5-grams."""
    table = pq.read_table(corpus / "pairs.parquet")
    pairs = list(zip(*(table[name].to_pylist() for name in ("a", "b", "jaccard")), strict=True))
    dropped = ours.dropped(run)
    hits, all_pairs = truth.recall(pairs, dropped, truth.THRESHOLD, 1)
    just, all_just = truth.recall(pairs, dropped, truth.THRESHOLD, JUST_ABOVE)
    return {
        "recall_j80": hits / max(1, all_pairs),
        "recall_j80_j82": just / max(1, all_just),
        "pairs_j80": all_pairs,
        "pairs_j80_j82": all_just,
        "drops": len(dropped),
        "component_drops_in_addition": truth.component_drops(ours.candidate_components(run)) - len(dropped),
    }


def texts_of(corpus: Path) -> dict[str, str]:
    """Id to text of the whole corpus."""
    tables = [pq.read_table(shard) for shard in sorted((corpus / "shards").glob("*.parquet"))]
    return {key: text for t in tables for key, text in zip(t["id"].to_pylist(), t["text"].to_pylist(), strict=True)}


def wrong_drops(corpus: Path, runs: dict[str, Path]) -> dict[str, float]:
    """`false_drops` of both runs, each shown on standard error."""
    texts = texts_of(corpus)
    splits = {"own": truth.words, "datatrove": truth.datatrove_words}
    figures: dict[str, float] = {"false_drops": 0}
    for name, run in runs.items():
        dropped = ours.dropped(run)
        wrong = truth.false_drops(texts, dropped, splits[name])
        for key, kept, value in wrong[:20]:
            sys.stderr.write(f"false drop ({name}): {key} repeats {kept}, Jaccard {value:.4f}\n")
        figures["false_drops"] += len(wrong)
        figures[f"drops_{name}"] = len(dropped)
    return figures


def as_user(corpus: Path, out: Path) -> dict[str, float]:
    """Wall seconds of the same steps as a user's run does them, with a worker process, beside those of the work alone."""
    ours.prepare(corpus / "shards", out / "run")
    figures = {}
    for name, work in (("in_process", ours.deduplicate), ("run_folder", ours.run_as_user)):
        (run,) = ours.copies(out / "run", 1, name)
        start = time.perf_counter()
        work(run)
        figures[f"wall_seconds_{name}"] = time.perf_counter() - start
    return figures


def compare(corpus: Path, out: Path, core: int, rounds: int) -> dict[str, float]:
    """All figures of this comparison."""
    spent, runs = run_all(corpus, out, core, rounds)
    megabytes = sum(len(text.encode()) for text in texts_of(corpus).values()) / 1e6
    figures: dict[str, float] = {
        "clusters_equal": int(clusters_equal(corpus, out / f"theirs-{rounds - 1}", runs["datatrove"]))
    }
    figures |= speed(spent, megabytes)
    figures |= accuracy(corpus, runs["own"])
    figures |= wrong_drops(corpus, runs)
    figures |= ours.disk(runs["datatrove"])
    figures |= {f"{name}_20_bands": value for name, value in ours.disk(runs["own"]).items()}
    return figures | {"documents": len(texts_of(corpus)), "megabytes": megabytes}
