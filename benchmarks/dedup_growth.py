"""How the time of deduplication grows: over a corpus, and over edited copies of one text.

An exponent is the slope of a least-squares line through log time over log size.
"""

from __future__ import annotations

import importlib.metadata
import os
import random
import statistics
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from dedup_ours import STEPS, copies, in_fresh_process, prepare

COPY_EDITS = (0.002, 0.06)  # share of a copy's words that are edited: a third lies below the threshold


def exponent(sizes: Sequence[float], seconds: Sequence[float]) -> float:
    """The slope of log seconds over log size."""
    return float(np.polyfit(np.log(sizes), np.log(seconds), 1)[0])


def nested(corpus: Path, out: Path, megabytes: Sequence[float]) -> dict[float, Path]:
    """Folders of the corpus's first shards, as many as hold so much text; size in MB to folder."""
    shards = sorted((corpus / "shards").glob("*.parquet"))
    sizes = np.cumsum([pq.read_table(shard, columns=["text"]).nbytes for shard in shards]) / 1e6
    found: dict[float, Path] = {}
    for wanted in megabytes:
        number = min(len(shards), 1 + int(np.searchsorted(sizes, 0.97 * wanted)))
        folder = out / f"first-{wanted:g}"
        folder.mkdir(parents=True)
        for shard in shards[:number]:
            os.link(shard, folder / shard.name)
        found[float(sizes[number - 1])] = folder
    return found


def seconds_of(shards: Path, out: Path, core: int, rounds: int) -> float:
    """Median processor seconds of both steps, each time in a fresh process."""
    prepare(shards, out)
    runs = []
    for _ in range(rounds):
        (spent,) = in_fresh_process(core, copies(out, 1))
        runs.append(sum(spent[step] for step in STEPS))
    return statistics.median(runs)


def growth(corpus: Path, out: Path, megabytes: Sequence[float], core: int, rounds: int) -> dict[str, float]:
    """`growth_exponent`, and the seconds at every size."""
    times = {
        size: seconds_of(shards, out / f"run-{size:.1f}", core, rounds)
        for size, shards in nested(corpus, out, megabytes).items()
    }
    named = {f"growth_seconds_{size:.1f}_mb": spent for size, spent in times.items()}
    return {"growth_exponent": exponent(list(times), list(times.values()))} | named


def licence() -> str:
    """A licence of about 170 words that comes with an installed package."""
    distribution = importlib.metadata.distribution("pluggy")
    (path,) = [path for path in distribution.files or () if path.name == "LICENSE"]
    return path.read_text()


def write_copies(text: str, count: int, shards: Path, seed: int) -> None:
    """That many copies of one text, each with some of its words replaced."""
    draw, pieces = random.Random(seed), text.split(" ")
    words = sorted({word for word in pieces if word.isalpha()})
    low, high = COPY_EDITS
    rows = []
    for _ in range(count):
        edited = list(pieces)
        for place in draw.sample(range(len(pieces)), round((low + (high - low) * draw.random()) * len(pieces))):
            edited[place] = f"{draw.choice(words)}{draw.randrange(100)}x"
        rows.append(" ".join(edited))
    write_shards(rows, shards)


def write_shards(texts: Sequence[str], shards: Path, *, per_shard: int = 50_000) -> None:
    """Texts as shards with ids."""
    shards.mkdir(parents=True)
    for number, start in enumerate(range(0, len(texts), per_shard)):
        some = texts[start : start + per_shard]
        table = pa.table({"id": [f"d{start + i:07d}" for i in range(len(some))], "text": some})
        pq.write_table(table, shards / f"shard-{number:04d}.parquet", compression="zstd", row_group_size=5000)


def one_text(out: Path, counts: Sequence[int], core: int, rounds: int) -> dict[str, float]:
    """`copies_exponent`, and the seconds at every number of copies."""
    times = []
    for count in counts:
        write_copies(licence(), count, out / f"copies-{count}", count)
        times.append(seconds_of(out / f"copies-{count}", out / f"copies-run-{count}", core, rounds))
    named = {f"copies_seconds_{count}": spent for count, spent in zip(counts, times, strict=True)}
    return {"copies_exponent": exponent(counts, times)} | named
