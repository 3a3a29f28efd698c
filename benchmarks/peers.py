"""How fast are MinHash signatures beside datatrove's? Processor time on one pinned core, in turn, on the same documents.

    python benchmarks/peers.py --parquet OUT/prose/*.parquet --documents 400 --rounds 5

datatrove runs as its users run it: English words by spaCy, signatures one document after another; the tokenizer and our
kernels are loaded and warmed up first, and reading is left out on both sides. datatrove's 14 x 8 of 5-word shingles with
its normalisation, against 20 x 5 without one, with two BLAKE2b hashes of the text on top. Rules are in score.py.
"""

from __future__ import annotations

import argparse
import csv
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

RESULTS = Path(__file__).parent / "results.csv"


def load(paths: list[str], documents: int) -> list[str]:
    """The first documents with text."""
    texts: list[str] = []
    for path in paths:
        texts += [t for t in pq.read_table(path, columns=["text"])["text"].to_pylist() if t]
        if len(texts) >= documents:
            break
    return texts[:documents]


def signatures(texts: list[str]) -> tuple[Callable[[], object], Callable[[], object]]:
    """(ours, datatrove's) for MinHash signatures."""
    from datatrove.pipeline.dedup.minhash import MinhashConfig, MinhashDedupSignature

    from midmix.config import Dedup
    from midmix.curation.dedup.parameters import signature_settings
    from midmix.curation.dedup.signatures import sign

    column, keys = pa.array(texts, pa.large_string()), np.arange(len(texts), dtype=np.uint64)
    settings = signature_settings(Dedup(), "prose")
    peer = MinhashDedupSignature(tempfile.mkdtemp(), MinhashConfig())

    def theirs() -> object:
        return [peer.get_signature(s) for t in texts if (s := peer.get_shingles(t)) is not None and len(s)]

    return lambda: sign(keys, column, settings), theirs


def seconds(work: Callable[[], object]) -> float:
    """Processor time of one call."""
    start = time.process_time()
    work()
    return time.process_time() - start


def compare(
    name: str, texts: list[str], pair: tuple[Callable[[], object], Callable[[], object]], rounds: int
) -> dict[str, object]:
    """Median of alternating runs after one warm-up each."""
    ours, theirs = pair
    ours(), theirs()
    times = [(seconds(ours), seconds(theirs)) for _ in range(rounds)]
    megabytes = sum(len(t.encode()) for t in texts) / 1e6
    return {
        "what": name,
        "documents": len(texts),
        "megabytes": round(megabytes, 2),
        "midmix_mb_per_s": round(megabytes / statistics.median(t for t, _ in times), 1),
        "peer_mb_per_s": round(megabytes / statistics.median(t for _, t in times), 3),
        "ratio": round(statistics.median(b / a for a, b in times), 1),
        "ratio_min": round(min(b / a for a, b in times), 1),
        "ratio_max": round(max(b / a for a, b in times), 1),
    }


def main() -> None:
    """Print a row per comparison and append it to results.csv."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--parquet", nargs="+", required=True)
    parser.add_argument("--documents", type=int, default=400)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    texts = load(arguments.parquet, arguments.documents)
    rows = [
        compare("dedup: MinHash signatures", texts, signatures(texts), arguments.rounds),
    ]
    new = not RESULTS.exists()
    with RESULTS.open("a", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]), lineterminator="\n")
        if new:
            writer.writeheader()
        writer.writerows(rows)
    for row in rows:
        sys.stdout.write(", ".join(f"{k} {v}" for k, v in row.items()) + "\n")


if __name__ == "__main__":
    main()
