"""How many planted leaks are found, what is wrongly taken for one, and how long does it take?

    python benchmarks/decontaminate.py --items DATA --json leaks.json            # on what benchmarks/corpus.py makes
    python benchmarks/decontaminate.py --items DATA --data /data/mine --seed 5   # any folder of parquet with `text`

DATA holds gsm8k/test.jsonl, gsm8k/train.jsonl and humaneval/HumanEval.jsonl.gz, as their authors publish them; midmix
ships none of them. Planted: items in known rewrites, in ordinary documents (leaks/planting.py). Recall counts the items
that the coverage report calls detectable. Hard negatives: GSM8K's train split, of the same authors and templates.
Ordinary: pieces of the corpus of 300 bytes and more; every piece that would be dropped is printed, for a person to
judge. Times are processor time on one pinned core, both benchmarks loaded. Beside it, on the same documents: any
shared 13- or 8-gram, and datatrove's decontamination by default and with its n-grams of queries.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import corpus
import pyarrow as pa
from leaks.carriers import Ordinary, dense
from leaks.engine import Engine
from leaks.figures import Found, Hit, count_classes, figures, table
from leaks.formulas import AS_WRITTEN, Formula
from leaks.peers import Peer, any_ngram, datatrove
from leaks.planting import formulas, plant

from midmix.curation.decontaminate.items import item_rows

# No rule was tuned on it.
SEED = 40_577
BATCH = 4096
DOCUMENT_BYTES = 3000
EXACT = (8, 13)
Rows = dict[str, list[dict[str, str]]]
Peers = dict[str, Peer]


@dataclass(frozen=True)
class Size:
    """How much of everything; peers: how many ordinary documents each is asked about."""

    planted: int
    formulas: int
    hard_negatives: int
    ordinary: int
    timed: int
    rounds: int
    peers: dict[str, int]


MANY = 1 << 40
FULL = Size(
    400, 200, MANY, MANY, 3000, 5, {"ngram13": 20_000, "ngram8": 20_000, "datatrove": 3000, "datatrove_query": 3000}
)
QUICK = Size(12, 24, 200, 1500, 20, 1, {"ngram13": 200})
PEERS: dict[str, Callable[[Rows], Peer]] = {
    "ngram13": lambda rows: any_ngram(rows, 13),
    "ngram8": lambda rows: any_ngram(rows, 8),
    "datatrove": lambda rows: datatrove(rows, query=False),
    "datatrove_query": lambda rows: datatrove(rows, query=True),
}


def load_items(folder: Path, made: Sequence[Formula]) -> pa.Table:
    """Rows of EVALUATION_ITEMS of both benchmarks and of the formulas."""
    with tempfile.TemporaryDirectory(prefix="midmix-formulas-") as scratch:
        path = Path(scratch) / "formula.jsonl"
        path.write_text("".join(json.dumps({"question": one.written(AS_WRITTEN)}) + "\n" for one in made))
        files = {
            "gsm8k": folder / "gsm8k" / "test.jsonl",
            "humaneval": folder / "humaneval" / "HumanEval.jsonl.gz",
            "formula": path,
        }
        found = [one for name, file in files.items() for one in item_rows(name, "benchmark", str(file))]
    return pa.concat_tables(found)


def by_set(items: pa.Table) -> Rows:
    """Question and answer of every item, by set."""
    rows: Rows = {}
    for row in items.select(["set", "question", "answer"]).to_pylist():
        rows.setdefault(row["set"], []).append({"question": row["question"], "answer": row["answer"]})
    return rows


def hard_negatives(folder: Path) -> list[str]:
    """Problems of GSM8K's train split with their solutions."""
    with (folder / "gsm8k" / "train.jsonl").open(encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    return [f"{row['question']}\n{row['answer']}" for row in rows]


def found_in(engine: Engine, texts: Iterable[str]) -> Iterator[tuple[Sequence[str], list[Hit]]]:
    """Texts and hits, some thousands at a time."""
    texts = iter(texts)
    while batch := list(islice(texts, BATCH)):
        yield batch, engine.find(batch)


def measure_planted(
    engine: Engine, rows: Rows, made: Sequence[Formula], ordinary: Ordinary, seed: int, size: Size
) -> tuple[dict[str, Any], list[str]]:
    """Figures over planted leaks by class, and their table."""
    planted = plant(rows, made, ordinary, seed, size.planted)
    texts = [one.text for one in planted]
    peers = {name: PEERS[name](rows) for name in size.peers}
    answers: dict[str, list[set[Found]]] = {name: [peer(text) for text in texts] for name, peer in peers.items()}
    classes = count_classes(planted, engine.find(texts), engine.coverage, engine.exact, answers)
    expected = {one.kind: one.expected for one in planted}
    return figures(classes, expected), table(classes, expected)


def measure_hard_negatives(engine: Engine, peers: Peers, texts: list[str], size: Size) -> dict[str, Any]:
    """Shares of problems of the train split that are called leaks and variants of the test split."""
    texts = texts[: size.hard_negatives]
    labels = document_labels(engine.find(texts))
    found: dict[str, Any] = {"hard_negatives": len(texts)}
    for label in ("leak", "variant"):
        found[f"hard_negative_{label}s"] = sum(one == label for one in labels.values()) / len(texts)
    for name, peer in peers.items():
        found[f"{name}_hard_negatives"] = sum(bool(peer(text)) for text in texts) / len(texts)
    return found


def document_labels(hits: Iterable[Hit]) -> dict[int, str]:
    """Ordinal of a document to `leak` where any place in it is one, else `variant`."""
    labels: dict[int, str] = {}
    for hit in hits:
        labels[hit.doc] = "leak" if "leak" in (hit.label, labels.get(hit.doc)) else "variant"
    return labels


def measure_ordinary(
    engine: Engine, rows: Rows, peers: Peers, ordinary: Ordinary, size: Size
) -> tuple[dict[str, Any], list[str]]:
    """Shares of ordinary documents that are called leaks and variants, and each such place with its item, as lines."""
    counts = {"leak": 0, "variant": 0}
    shown: list[str] = []
    documents = 0
    for batch, hits in found_in(engine, islice(ordinary.pieces(), size.ordinary)):
        documents += len(batch)
        for label in document_labels(hits).values():
            counts[label] += 1
        shown += [show(hit, batch[hit.doc], rows) for hit in hits]
    found: dict[str, Any] = {
        "ordinary_documents": documents,
        "wrong_drops_per_million": counts["leak"] * 1e6 / documents,
        "ordinary_variants_per_million": counts["variant"] * 1e6 / documents,
    }
    for name, peer in peers.items():
        texts = list(islice(ordinary.pieces(), size.peers[name]))
        found[f"{name}_drops_per_million"] = sum(bool(peer(text)) for text in texts) * 1e6 / len(texts)
    return found, shown


def show(hit: Hit, text: str, rows: Rows) -> str:
    """A place in an ordinary document beside the item that it is taken for."""
    row = rows[hit.set][hit.item]
    of = row["answer"] if hit.field in ("answer", "body") else row["question"]
    place = text.encode()[hit.start : hit.end].decode(errors="replace")
    return f"{hit.label} ({hit.layer}, {hit.rule}) {hit.set}/{hit.item} {hit.field}\n  text: {place!r:.600}\n  item: {of!r:.600}"


def measure_times(engine: Engine, ordinary: Ordinary, solutions: list[str], size: Size) -> dict[str, Any]:
    """Processor time per 3,000 bytes: of ordinary documents of that size, and of ones made of the train split's problems."""
    found: dict[str, Any] = {}
    for name, texts in (
        ("per_document", ordinary.of_size(DOCUMENT_BYTES, size.timed)),
        ("dense", dense(solutions, DOCUMENT_BYTES)[: size.timed]),
    ):
        column = engine.column(texts)
        engine.search(column)
        spent = [seconds(lambda column=column: engine.search(column)) for _ in range(size.rounds)]
        documents = sum(len(text.encode()) for text in texts) / DOCUMENT_BYTES
        found[f"microseconds_{name}"] = statistics.median(spent) / documents * 1e6
        found[f"microseconds_{name}_least"] = min(spent) / documents * 1e6
    return found


def seconds(work: Callable[[], object]) -> float:
    """Processor time of one call."""
    start = time.process_time()
    work()
    return time.process_time() - start


def measure_peer_times(peers: Peers, ordinary: Ordinary, size: Size) -> dict[str, Any]:
    """The same of the peers, on fewer documents."""
    found = {}
    texts = ordinary.of_size(DOCUMENT_BYTES, min(size.timed, 300))
    for name, peer in peers.items():
        spent = seconds(lambda peer=peer: [peer(text) for text in texts])
        found[f"microseconds_per_document_{name}"] = spent / len(texts) * 1e6
    return found


def measure(items_folder: Path, data: Path, seed: int, size: Size) -> dict[str, Any]:
    """Every figure; the table and the wrong hits are printed on the way."""
    made = formulas(size.formulas)
    items = load_items(items_folder, made)
    rows = by_set(items)
    ordinary = Ordinary(data, seed)
    train = hard_negatives(items_folder)
    engine = Engine(items, EXACT)
    found, lines = measure_planted(engine, rows, made, ordinary, seed, size)
    print("\n".join(lines), flush=True)
    without = Engine(items.filter(pa.compute.not_equal(items.column("set"), "formula")))
    benchmarks = {name: rows[name] for name in ("gsm8k", "humaneval")}
    peers = {name: PEERS[name](benchmarks) for name in size.peers}
    found |= engine.shares() | measure_hard_negatives(without, peers, train, size)
    wrong, shown = measure_ordinary(without, rows, peers, ordinary, size)
    print("\nplaces in ordinary documents:", *(shown or ["none"]), sep="\n", flush=True)
    times = measure_times(without, ordinary, train, size) | measure_peer_times(peers, ordinary, size)
    return {"seed": seed} | found | wrong | times


def main() -> None:
    """Print every figure; with --json write them as one flat object."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--items", type=Path, required=True, help="folder of gsm8k/ and humaneval/")
    parser.add_argument("--data", type=Path, help="folder of parquet files with a column `text`; made when left out")
    parser.add_argument("--mb", type=float, default=100.0, help="how much to make")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--quick", action="store_true", help="a little of everything, for a test")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    with tempfile.TemporaryDirectory(prefix="midmix-leaks-") as scratch:
        data = arguments.data or Path(scratch)
        if arguments.data is None:
            corpus.write(arguments.mb, 1, data)
        found = measure(arguments.items, data, arguments.seed, QUICK if arguments.quick else FULL)
    rounded = {name: round(value, 5) if isinstance(value, float) else value for name, value in found.items()}
    print()
    for name, value in rounded.items():
        sys.stdout.write(f"{name:<48} {value:>12,}\n")
    if arguments.json:
        arguments.json.write_text(json.dumps(rounded, indent=1) + "\n")


if __name__ == "__main__":
    main()
