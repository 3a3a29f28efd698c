"""What deduplication takes in memory: per document, and whether it grows.

Memory is that of a child process forked for each work function of the steps: its peak less what it had at its
start, mapped files left out, which are the system's to take back. Per document it is the difference of a large and a
small corpus over that of their sizes, so that what does not grow cancels out. `cluster_bytes_per_document` is the
most of any function between signing and PAIRS, and of components of unverified candidates; signing goes part by part
and is left out, `decide` is told on its own. The same with as little memory allowed as there may be says whether
ranges bound it.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
import traceback
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dedup_growth import write_shards
from dedup_ours import InProcess, copies, deduplicate, prepare, warm_up

from midmix.curation.dedup.components import run_components

SHORT_WORDS = (12, 24)
LITTLE_MB = 64


def short_texts(count: int, seed: int) -> list[str]:
    """Short documents, one in eight an exact or edited copy of one before."""
    draw = random.Random(seed)
    words = ["".join(draw.choices("abcdefghijklmnopqrstuvwxyz", k=draw.randint(3, 9))) for _ in range(20_000)]
    texts: list[str] = []
    for number in range(count):
        if number % 8 == 7:
            copy = texts[draw.randrange(len(texts))]
            texts.append(f"{copy} {draw.choice(words)}" if draw.random() < 0.6 else copy)
        else:
            texts.append(" ".join(draw.choices(words, k=draw.randint(*SHORT_WORDS))))
    return texts


def _own_memory(pid: int) -> int:
    with open(f"/proc/{pid}/status") as lines:
        return sum(int(line.split()[1]) for line in lines if line.startswith(("RssAnon:", "RssShmem:"))) * 1024


class Forked(InProcess):
    """Does the work of a step in a child for each batch of calls, and notes the peaks of its memory in bytes."""

    def __init__(self) -> None:
        super().__init__()
        self.peaks: Counter[str] = Counter()

    def map(
        self, function: Any, calls: Sequence[tuple[Any, ...]], *, title: str, total: int, sizes: Sequence[int]
    ) -> None:
        """Call `function(*call)` for each call, all in one child."""
        child = os.fork()
        if not child:
            try:
                for call in calls:
                    function(*call)
                os._exit(0)
            except BaseException:
                traceback.print_exc()
                os._exit(1)
        self.peaks[title] = max(self.peaks[title], self._peak(child))

    def _peak(self, child: int) -> int:
        first = most = _own_memory(child)
        while not (ended := os.waitpid(child, os.WNOHANG))[0]:
            most = max(most, _own_memory(child))
            time.sleep(0.001)
        if ended[1]:
            raise RuntimeError("the work failed; its error is printed above")
        return most - first


def peaks(run: Path, **changes: int) -> dict[str, int]:
    """Peak bytes of each work function of the steps."""
    (copy,) = copies(run, 1, **changes)
    command = [sys.executable, __file__, str(copy)]
    return dict(json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout))


def memory(out: Path, counts: tuple[int, int]) -> dict[str, float]:
    """`cluster_bytes_per_document`, and the peaks of both corpora with little memory allowed."""
    usual: dict[int, dict[str, int]] = {}
    bounded: dict[int, dict[str, int]] = {}
    for count in counts:
        run = out / f"short-run-{count}"
        write_shards(short_texts(count, 1), out / f"short-{count}")
        prepare(out / f"short-{count}", run)
        usual[count], bounded[count] = peaks(run), peaks(run, memory_mb=LITTLE_MB)
    small, large = counts
    titles = [title for title in usual[large] if "sign" not in title]
    figures = {}
    for name, found in (("", usual), (f" of {LITTLE_MB} MB", bounded)):
        for count in counts:
            figures[f"peak_mib_{count}{name}"] = max(found[count][title] for title in titles) / 2**20
        for title in titles:
            grown = (found[large][title] - found[small].get(title, 0)) / (large - small)
            figures[f"bytes_per_document{name} {title}"] = grown
    of_dedup = [figures[f"bytes_per_document {title}"] for title in titles if not title.startswith("decide")]
    return {"cluster_bytes_per_document": max(0.0, *of_dedup)} | figures


def main() -> None:
    """RUN: print the peaks of its steps, and of components of unverified candidates, as JSON."""
    warm_up()
    pool = Forked()
    run = Path(sys.argv[1])
    deduplicate(run, pool)
    pool.map(run_components, [(run,)], title="components", total=1, sizes=[0])
    sys.stdout.write(json.dumps(pool.peaks) + "\n")


if __name__ == "__main__":
    main()
