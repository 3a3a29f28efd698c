"""How fast and how right is deduplication, beside datatrove, rensa, datasketch and text-dedup's method?

    python benchmarks/dedup.py --json dedup.json                        # on what benchmarks/corpus.py makes
    python benchmarks/dedup.py --data /data/mine --only end_to_end      # any folder of parquet files with a column `text`

Processor time on one pinned core, runs in turn, medians of rounds. The corpus is real text with planted copies whose
true Jaccard is computed in plain Python (dedup_corpus.py, dedup_truth.py). What each part measures is said where it
is done: dedup_end_to_end.py, dedup_sketches.py (signatures), dedup_growth.py, dedup_memory.py, dedup_labelled.py.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import corpus
import dedup_corpus
import dedup_end_to_end
import dedup_growth
import dedup_labelled
import dedup_memory
import dedup_sketches

from midmix.pool import ONE_THREAD

RESULTS = Path(__file__).parent / "results.csv"


@dataclass(frozen=True)
class Sizes:
    """How much of everything."""

    megabytes: float = 120.0
    growth: tuple[float, ...] = (50.0, 100.0, 200.0, 400.0)
    copies: tuple[int, ...] = (20_000, 45_000, 100_000)
    short: tuple[int, int] = (200_000, 800_000)
    demo: float = 36.0
    signatures: float = 12e6
    rounds: int = 3


QUICK = Sizes(0.6, (0.4, 0.8), (200, 400), (1000, 2000), 3.0, 2e5, 1)


@dataclass(frozen=True)
class Bench:
    """Where things are, and how much of everything."""

    data: Path
    out: Path
    sizes: Sizes
    seed: int
    core: int

    def corpus(self, megabytes: float) -> Path:
        """A planted corpus of this size, made once."""
        folder = self.out / f"corpus-{megabytes:g}"
        if not (folder / "pairs.parquet").exists():
            dedup_corpus.write_corpus(dedup_corpus.load_texts(self.data), megabytes, self.seed, folder)
        return folder

    def folder(self, name: str) -> Path:
        """A new folder."""
        return Path(tempfile.mkdtemp(prefix=f"{name}-", dir=self.out))


def end_to_end(bench: Bench) -> dict[str, float]:
    planted = bench.corpus(bench.sizes.megabytes)
    return dedup_end_to_end.compare(planted, bench.folder("compare"), bench.core, bench.sizes.rounds)


def as_user(bench: Bench) -> dict[str, float]:
    return dedup_end_to_end.as_user(bench.corpus(bench.sizes.megabytes), bench.folder("as-user"))


def signatures(bench: Bench) -> dict[str, float]:
    chosen, size = [], 0
    for text in dedup_end_to_end.texts_of(bench.corpus(bench.sizes.megabytes)).values():
        chosen.append(text)
        size += len(text)
        if size >= bench.sizes.signatures:
            break
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {bench.core})
    try:
        return dedup_sketches.compare(chosen, 2 * bench.sizes.rounds - 1)
    finally:
        os.sched_setaffinity(0, cores)


def growth(bench: Bench) -> dict[str, float]:
    sizes = bench.sizes
    folder = bench.folder("growth")
    return dedup_growth.growth(bench.corpus(max(sizes.growth)), folder, sizes.growth, bench.core, sizes.rounds)


def copies(bench: Bench) -> dict[str, float]:
    return dedup_growth.one_text(bench.folder("copies"), bench.sizes.copies, bench.core, bench.sizes.rounds)


def memory(bench: Bench) -> dict[str, float]:
    return dedup_memory.memory(bench.folder("memory"), bench.sizes.short)


def labelled(bench: Bench) -> dict[str, float]:
    return dedup_labelled.accuracy(bench.folder("labelled"), bench.sizes.demo, bench.seed)


PARTS: dict[str, Callable[[Bench], dict[str, float]]] = {
    part.__name__: part for part in (end_to_end, as_user, signatures, growth, copies, memory, labelled)
}


def results(figures: dict[str, float]) -> list[dict[str, object]]:
    """Rows for results.csv."""
    rows = []
    for what, ours, theirs, ratio in (
        ("dedup: parquet to decisions, datatrove's parameters, fresh process", "mb_per_s_datatrove_cold", "datatrove_mb_per_s", "ratio_end_to_end"),
        ("dedup: the same, warm", "mb_per_s_datatrove_warm", "datatrove_mb_per_s", "ratio_end_to_end_warm"),
        ("dedup: parquet to decisions, our defaults, fresh process", "mb_per_s_own_cold", "datatrove_mb_per_s", "ratio_own_default"),
        ("dedup: signatures beside rensa's", "mb_per_s_signatures_ours", "mb_per_s_signatures_rensa", "ratio_rensa"),
        ("dedup: signatures beside datasketch's", "mb_per_s_signatures_ours", "mb_per_s_signatures_datasketch", "ratio_datasketch"),
    ):  # fmt: skip
        if ratio in figures:
            row: dict[str, object] = {"what": what}
            of = "signatures_" if "signatures" in what else ""
            row |= {"documents": figures[f"{of}documents"], "megabytes": round(figures[f"{of}megabytes"], 2)}
            row |= {"midmix_mb_per_s": round(figures[ours], 1), "peer_mb_per_s": round(figures[theirs], 3)}
            rows.append(
                row
                | {
                    name: round(figures[f"{ratio}{end}"], 1)
                    for name, end in (("ratio", ""), ("ratio_min", "_min"), ("ratio_max", "_max"))
                }
            )
    return rows


def append_results(rows: list[dict[str, object]]) -> None:
    """Add rows to results.csv in place of those of the same name."""
    with RESULTS.open(newline="") as stream:
        known = list(csv.DictReader(stream))
    names = {row["what"] for row in rows}
    with RESULTS.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, list(known[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows([row for row in known if row["what"] not in names] + rows)


def rounded(value: float) -> float:
    """A figure as it is printed: whole, or with six significant digits."""
    return int(value) if float(value).is_integer() else float(f"{value:.6g}")


def main() -> None:
    """Print every figure; with --json write them as one flat object."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="folder of parquet files with a column `text`; made when left out")
    parser.add_argument("--mb", type=float, help="how much text, planted copies included")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS), help="parts to do")
    parser.add_argument(
        "--quick", action="store_true", help="a sample of everything in seconds: it shows that all works"
    )
    parser.add_argument("--work", type=Path, help="folder to work in and keep; a temporary one when left out")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    chosen = {"megabytes": arguments.mb, "rounds": arguments.rounds}
    sizes = QUICK if arguments.quick else Sizes()
    sizes = Sizes(**(vars(sizes) | {name: value for name, value in chosen.items() if value is not None}))
    core = max(os.sched_getaffinity(0))
    os.environ.update(ONE_THREAD)  # on every side, in this process and those that it starts
    figures: dict[str, float] = {}
    with tempfile.TemporaryDirectory(prefix="midmix-dedup-") as name:
        out = arguments.work or Path(name)
        out.mkdir(parents=True, exist_ok=True)
        if arguments.data is None and not (out / "text" / "manifest.json").exists():
            corpus.write(sizes.megabytes, arguments.seed, out / "text")
        bench = Bench(arguments.data or out / "text", out, sizes, arguments.seed, core)
        for part in arguments.only:
            made = PARTS[part](bench)
            for key, value in made.items():
                print(f"{key:<58} {rounded(value):>14,}", flush=True)
            figures |= made
    if arguments.json:
        arguments.json.write_text(json.dumps({key: rounded(value) for key, value in figures.items()}, indent=1) + "\n")
    if not arguments.quick:
        append_results(results(figures))


if __name__ == "__main__":
    main()
