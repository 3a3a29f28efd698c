"""datatrove's side of benchmarks/dedup.py: its four MinHash stages as its users run them, with its defaults.

    python benchmarks/dedup_datatrove.py CORE SHARDS OUT [--clusters]

One task per shard; the stages are called one after another in this process, without an executor, so that nothing but
their own work is timed. The tokenizer is loaded before. Prints the processor seconds of each stage as JSON; with
--clusters, OUT/clusters.json says afterwards, untimed, which documents (shard, ordinal) it holds for one.
"""

from __future__ import annotations

import json
import os
import struct
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

BANDS = 14


def stages(shards: Path, out: Path) -> dict[str, Callable[[], None]]:
    """The four stages by name."""
    import importlib.metadata  # noqa: F401  datatrove uses it without importing it

    from datatrove.pipeline.dedup import minhash
    from datatrove.pipeline.readers import ParquetReader
    from datatrove.pipeline.writers import ParquetWriter

    tasks = range(len(list(shards.glob("*.parquet"))))
    config = minhash.MinhashConfig()
    assert (config.num_buckets, config.hashes_per_bucket, config.n_grams) == (BANDS, 8, 5)
    folder = {name: str(out / name) for name in ("signatures", "buckets", "remove", "kept")}
    sign = minhash.MinhashDedupSignature(folder["signatures"], config)
    sign.get_shingles("The tokenizer is loaded by the first text that comes.")

    def read(task: int) -> Any:
        return ParquetReader(str(shards)).run(None, task, len(tasks))

    def signatures() -> None:
        for task in tasks:
            sign.run(read(task), task, len(tasks))

    def buckets() -> None:
        for task in range(BANDS):
            minhash.MinhashDedupBuckets(folder["signatures"], folder["buckets"], config=config).run(None, task, BANDS)

    def cluster() -> None:
        minhash.MinhashDedupCluster(folder["buckets"], folder["remove"], config).run(None, 0, 1)

    def filtered() -> None:
        for task in tasks:
            kept = minhash.MinhashDedupFilter(folder["remove"]).run(read(task), task, len(tasks))
            for _ in ParquetWriter(folder["kept"]).run(kept, task, len(tasks)):
                pass

    return {"signatures": signatures, "buckets": buckets, "cluster": cluster, "filter": filtered}


def clusters(out: Path) -> list[list[tuple[int, int]]]:
    """What its third stage holds for one: lists of (shard, ordinal)."""
    from datatrove.pipeline.dedup import minhash

    named = out / "named"
    minhash.MinhashDedupCluster(str(out / "buckets"), str(named), minhash.MinhashConfig(), save_cluster_id=True).run()
    found: defaultdict[int, list[tuple[int, int]]] = defaultdict(list)
    for file in sorted(named.glob("*.clusters")):
        for ordinal, cluster in struct.iter_unpack("<II", file.read_bytes()):
            found[cluster].append((int(file.stem), ordinal))
    return list(found.values())


def main() -> None:
    """CORE SHARDS OUT [--clusters]"""
    core, shards, out = sys.argv[1:4]
    os.sched_setaffinity(0, {int(core)})
    os.environ["TQDM_DISABLE"] = "1"
    from datatrove.utils.logging import logger

    logger.remove()
    spent = {}
    for name, stage in stages(Path(shards), Path(out)).items():
        start = time.process_time()
        stage()
        spent[name] = time.process_time() - start
    if "--clusters" in sys.argv:
        (Path(out) / "clusters.json").write_text(json.dumps(clusters(Path(out))))
    sys.stdout.write(json.dumps(spent) + "\n")


if __name__ == "__main__":
    main()
