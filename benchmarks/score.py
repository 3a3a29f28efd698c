"""How fast are the rules that datatrove has too, and are the decisions the same? Processor time on one pinned core.

    python benchmarks/score.py --json score.json             # on what benchmarks/corpus.py makes
    python benchmarks/score.py --data /data/mine --rounds 1  # any folder of parquet files with a column `text`

Both sides take the same documents in turn, slice by slice, in one process. Their side: datatrove's filter objects,
every filter on every document, words shared by its own cache, texts in memory, no input or output counted. Ours: the
slice's parquet read, values computed, SCORES, SPANS and DECISIONS written as parquet. Kernels are compiled before;
our dictionary of words is empty when a round begins. A ratio is the median of the rounds' ratios; decision and first
reason of every document are compared on the way, on some thousands of odd ones (benchmarks/odd.py) as well, which are
not timed.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import corpus
import numpy as np
import pyarrow as pa
import pyarrow.compute
import pyarrow.parquet as pq
from odd import odd_documents
from score_ours import CONFIG, SETS, Ours

from midmix.config import parse_config
from midmix.curation.decide.resolve import rule_sets
from midmix.curation.score.words.split import own_dictionary
from midmix.tables import TEXT

SLICE_BYTES = 16 << 20
ODD_DOCUMENTS = 4000
Verdict = tuple[bool, str | None]


def slices(data: Path, folder: Path) -> list[Path]:
    """The corpus as parquet files of about 4 MiB of text each, kinds in turn; empty texts, which datatrove skips, left out."""
    files = sorted(data.rglob("*.parquet"))
    if not files:
        raise SystemExit(f"{data}: no parquet file with a column 'text'; benchmarks/corpus.py makes some")
    kinds: dict[str, list[pa.LargeStringArray]] = defaultdict(list)
    for file in files:
        kinds[file.parent.name].extend(_cut(pq.read_table(file, columns=["text"]).column("text")))
    paths = []
    for number, batches in enumerate(itertools.zip_longest(*kinds.values())):
        for kind, batch in zip(kinds, batches, strict=True):
            if batch is not None:
                paths.append(folder / f"{kind}-{number:04d}.parquet")
                pq.write_table(pa.table({"text": batch}), paths[-1], compression="zstd", row_group_size=1000)
    return paths


def _cut(texts: pa.ChunkedArray) -> Iterator[pa.LargeStringArray]:
    column = texts.cast(TEXT).combine_chunks().drop_null()
    texts = column.filter(pa.compute.greater(pa.compute.binary_length(column), 0))
    sizes = np.cumsum(pa.compute.binary_length(texts).to_numpy())
    begin = 0
    while begin < len(texts):
        before = sizes[begin - 1] if begin else 0
        end = max(begin + 1, int(np.searchsorted(sizes, before + SLICE_BYTES, side="right")))
        yield texts.slice(begin, end - begin)
        begin = end


class Theirs:
    """Their side of one comparison: datatrove's filters, on texts in memory."""

    def __init__(self, sets: Sequence[str]) -> None:
        import importlib.metadata  # noqa: F401  datatrove uses it without importing it

        from datatrove.pipeline import filters
        from datatrove.utils.logging import logger

        logger.remove()
        known = {
            "gopher_quality": filters.GopherQualityFilter,
            "gopher_repetition": filters.GopherRepetitionFilter,
            "fineweb": filters.FineWebQualityFilter,
            "c4": filters.C4QualityFilter,
        }
        self.filters = {name: known[name]() for name in sets}

    def __call__(self, texts: list[str]) -> dict[str, list[Verdict]]:
        """Decision and first reason of every filter on every document."""
        from datatrove.data import Document

        verdicts: dict[str, list[Verdict]] = {name: [] for name in self.filters}
        for text in texts:
            for name, one in self.filters.items():
                # A document of its own for each: C4 rewrites the text.
                found = one.filter(Document(text=text, id=""))
                verdicts[name].append((True, None) if found is True else (False, found[1]))
        return verdicts


def ours_as_theirs(fired: list[list[str]], sets: Sequence[str]) -> dict[str, list[Verdict]]:
    """Our decisions by rule set, the first reason in datatrove's words."""
    peers = {
        rule.full_name: rule.peer for rules in rule_sets(parse_config(CONFIG, base=Path())).values() for rule in rules
    }
    verdicts: dict[str, list[Verdict]] = {}
    for name in sets:
        firsts = [next((rule for rule in rules if rule.partition(".")[0] == name), None) for rules in fired]
        verdicts[name] = [(first is None, None if first is None else peers[first]) for first in firsts]
    return verdicts


def seconds(work: Callable[[], Any]) -> tuple[float, Any]:
    """Processor time of one call, and what it gave."""
    start = time.process_time()
    found = work()
    return time.process_time() - start, found


def compare(
    paths: Sequence[Path], odd: Sequence[Path], sets: Sequence[str], folder: Path, rounds: int
) -> dict[str, Any]:
    """Both sides in turn on every slice: sums by round, MB/s by kind, and how many verdicts differ."""
    texts = {path: pq.read_table(path).column("text").to_pylist() for path in paths}
    size = {path: sum(len(text.encode()) for text in texts[path]) for path in paths}
    theirs, ours = Theirs(sets), Ours(folder, sets)
    ours(paths[0]), theirs(texts[paths[0]][:20])
    spent: list[dict[Path, tuple[float, float]]] = []
    disagreements = 0
    for _ in range(rounds):
        own_dictionary.cache_clear()
        spent.append({})
        for path in paths:
            mine, fired = seconds(lambda path=path: ours(path))
            peers, verdicts = seconds(lambda path=path: theirs(texts[path]))
            spent[-1][path] = (mine, peers)
            here = ours_as_theirs(fired, sets)
            disagreements += sum(a != b for name in sets for a, b in zip(here[name], verdicts[name], strict=True))
    documents = sum(map(len, texts.values()))
    for path in odd:
        documents += pq.read_metadata(path).num_rows
        here, verdicts = ours_as_theirs(ours(path), sets), theirs(pq.read_table(path).column("text").to_pylist())
        disagreements += sum(a != b for name in sets for a, b in zip(here[name], verdicts[name], strict=True))
    return {"documents": documents, "disagreements": disagreements, **_rates(spent, size)}


def _rates(spent: list[dict[Path, tuple[float, float]]], size: dict[Path, int]) -> dict[str, Any]:
    kinds: dict[str, list[Path]] = defaultdict(list)
    for path in size:
        kinds["all"].append(path)
        kinds[path.name.partition("-")[0]].append(path)

    def total(times: dict[Path, tuple[float, float]], paths: list[Path], side: int) -> float:
        return sum(times[path][side] for path in paths)

    megabytes = {kind: sum(size[path] for path in paths) / 1e6 for kind, paths in kinds.items()}
    return {
        "ratios": [total(times, kinds["all"], 1) / total(times, kinds["all"], 0) for times in spent],
        "mb": megabytes,
        "ours": {k: megabytes[k] / statistics.median(total(t, p, 0) for t in spent) for k, p in kinds.items()},
        "theirs": {k: megabytes[k] / statistics.median(total(t, p, 1) for t in spent) for k, p in kinds.items()},
    }


def parquet_limit(paths: Sequence[Path], folder: Path) -> float:
    """MB/s of reading every slice and writing it again, in processor time: what no step over files can beat."""

    def copy() -> int:
        size = 0
        for path in paths:
            table = pq.read_table(path, use_threads=False)
            pq.write_table(table, folder / "copy.parquet", compression="zstd")
            size += pa.compute.sum(pa.compute.binary_length(table.column("text"))).as_py()
        return size

    spent, size = seconds(copy)
    return size / 1e6 / spent


class Worker:
    """A process that scores some slices when told to."""

    def __init__(self, paths: Sequence[Path], folder: Path, core: int) -> None:
        folder.mkdir(exist_ok=True)
        script = Path(__file__).with_name("score_ours.py")
        command = [sys.executable, str(script), str(folder), str(core), *map(str, paths)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout and self._process.stdout.readline() == "ready\n"

    def start(self) -> None:
        """Let it begin."""
        assert self._process.stdin
        self._process.stdin.write("\n")
        self._process.stdin.flush()

    def finish(self) -> int:
        """Wait until its work is done; the peak of its resident memory in MiB."""
        assert self._process.stdout
        return int(self._process.stdout.readline())

    def end(self) -> None:
        """Wait until the process is gone."""
        self._process.communicate()


def wall(groups: Sequence[Sequence[Path]], folder: Path, cores: Sequence[int]) -> tuple[float, int]:
    """Wall time of one worker per group at the same time, their start left out; the highest peak of memory, MiB."""
    workers = [
        Worker(paths, folder / f"w{i}", core) for i, (paths, core) in enumerate(zip(groups, cores, strict=False))
    ]
    start = time.perf_counter()
    for worker in workers:
        worker.start()
    peaks = [worker.finish() for worker in workers]
    spent = time.perf_counter() - start
    for worker in workers:
        worker.end()
    return spent, max(peaks)


def halves(paths: Sequence[Path]) -> tuple[list[Path], list[Path]]:
    """The slices dealt out to two workers, the largest first to whoever has less, as from a queue."""
    dealt: tuple[list[Path], list[Path]] = ([], [])
    sizes = [0, 0]
    for path in sorted(paths, key=lambda p: -p.stat().st_size):
        least = sizes.index(min(sizes))
        dealt[least].append(path)
        sizes[least] += path.stat().st_size
    return dealt


def two_workers(paths: Sequence[Path], folder: Path, cores: Sequence[int], rounds: int) -> tuple[float, int]:
    """Median speed-up of two workers over one in wall time, in turn; and the peak of memory of the one, MiB.

    Each has filled its dictionary of words before, as a worker of a real corpus has after a hundredth of its time.
    """
    ratios, peak = [], 0
    for _ in range(rounds):
        alone, most = wall([paths], folder, cores)
        both, _ = wall(halves(paths), folder, cores)
        ratios.append(alone / both)
        peak = max(peak, most)
    return statistics.median(ratios), peak


def flat(found: dict[str, dict[str, Any]], limit: float) -> dict[str, float | int]:
    """The figures by the names that they are asked for."""
    four = next(iter(found.values()))
    figures: dict[str, float | int] = {
        "documents_compared": four["documents"],
        "disagreements": sum(one["disagreements"] for one in found.values()),
    }
    for name, one in found.items():
        figures[f"ratio_{name}"] = round(statistics.median(one["ratios"]), 1)
        figures[f"ratio_{name}_min"] = round(min(one["ratios"]), 1)
        figures[f"ratio_{name}_max"] = round(max(one["ratios"]), 1)
        figures[f"mb_per_s_{name}"] = round(one["ours"]["all"], 1)
        figures[f"datatrove_mb_per_s_{name}"] = round(one["theirs"]["all"], 3)
    for kind, rate in found["four_sets"]["ours"].items() if "four_sets" in found else ():
        if kind != "all":
            figures[f"mb_per_s_four_sets_{kind}"] = round(rate, 1)
            figures[f"ratio_four_sets_{kind}"] = round(rate / four["theirs"][kind], 1)
    figures["megabytes"] = round(four["mb"]["all"], 1)
    figures["share_of_parquet_limit"] = round(four["ours"]["all"] / limit, 3)
    return figures


def main() -> None:
    """Print every figure; with --json write them as one flat object."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="folder of parquet files with a column `text`; made when left out")
    parser.add_argument("--mb", type=float, default=80.0, help="how much to make")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--sets", nargs="*", default=["four_sets", *SETS], help="comparisons to make")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    cores = sorted(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory(prefix="midmix-score-") as name:
        folder = Path(name)
        if arguments.data is None:
            corpus.write(arguments.mb, 1, folder / "corpus")
        paths = slices(arguments.data or folder / "corpus", folder)
        odd = [folder / "odd.parquet"]
        pq.write_table(pa.table({"text": list(odd_documents(ODD_DOCUMENTS))}), odd[0], row_group_size=1000)
        figures: dict[str, float | int] = {}
        if len(cores) > 1:
            figures["speedup_two_workers"], figures["peak_rss_mib"] = two_workers(
                paths, folder, cores, arguments.rounds
            )
        os.sched_setaffinity(0, {cores[-1]})
        found = {}
        for chosen in arguments.sets:
            sets = SETS if chosen == "four_sets" else (chosen,)
            found[chosen] = compare(paths, odd, sets, folder, arguments.rounds)
        figures = flat(found, parquet_limit(paths, folder)) | figures
    for key, value in figures.items():
        sys.stdout.write(f"{key:<40} {value:>12,}\n")
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
