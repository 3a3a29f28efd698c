"""Everything that is planted in the corpus, and how much of it: in proportion to the text, but enough to be counted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from midmix.demo import copies, damage, insertions
from midmix.demo.draw import Draw
from midmix.demo.evaluation import Evaluation
from midmix.demo.gather import Base
from midmix.demo.pool import Pool
from midmix.demo.problems import Apart
from midmix.demo.record import Planted, Record

FULL_MEGABYTES = 36.0
FEWEST = 24
# At full size, at least.
COUNTS: Mapping[str, int] = {
    "exact": 240, "near": 640, "template": 140, "leak": 170, "secret": 120, "boilerplate": 80, "mojibake": 60, "empty": 30,
    "null_text": 40, "not_text": 40, "invalid_json": 30, "invalid_utf8": 24,
}  # fmt: skip
_HUGE_BYTES, _LINE_BYTES = 2_000_000, 1_000_000
_STREAM, _ORDER = 50, 51


@dataclass
class Corpus:
    """Rows by source in the order they are written, rows of the file that is cut off, and the answer sheet."""

    records: dict[str, list[Record]]
    lost: list[Record]
    planted: list[Planted]


def counts(megabytes: float) -> dict[str, int]:
    """How many of each kind are planted in a corpus of this size."""
    scaled = {kind: max(FEWEST, round(count * megabytes / FULL_MEGABYTES)) for kind, count in COUNTS.items()}
    return scaled | {"near": max(scaled["near"], 2 * FEWEST + 8)}


def huge_bytes(megabytes: float) -> tuple[int, int]:
    """Bytes of the huge prose document and of the longest line."""
    scale = min(1.0, megabytes / FULL_MEGABYTES)
    return int(_HUGE_BYTES * scale), int(_LINE_BYTES * scale)


def plant(base: Base, sets: Evaluation, apart: Apart, megabytes: float, seed: int) -> Corpus:
    """The corpus with everything planted, each source shuffled. Every item is put on a document of its own."""
    draw, number = Draw(seed, _STREAM), counts(megabytes)
    pool = Pool(base.records, draw)
    records = {source: list(rows) for source, rows in base.records.items()}
    planted: list[Planted] = []

    def add(pairs: Iterable[tuple[Record, Planted]]) -> None:
        for record, item in pairs:
            records[record.source].append(record)
            planted.append(item)

    add(copies.exact_copies(pool, number["exact"], draw))
    add(copies.near_copies(pool, number["near"], draw))
    add(copies.other_numbers(pool, number["template"], seed, apart))
    planted += insertions.leaks(pool, sets.bench, number["leak"], draw)
    planted += insertions.secrets(pool, number["secret"], draw)
    planted += insertions.boilerplate(pool, number["boilerplate"], draw)
    planted += insertions.mojibake(pool, number["mojibake"], draw)
    lost = [pool.take("crawl") for _ in range(2 * FEWEST)]
    gone = {id(record) for record in lost}
    records["crawl"] = [record for record in records["crawl"] if id(record) not in gone]
    add(damage.empty(number["empty"], draw))
    add(damage.huge(base.spare_prose, huge_bytes(megabytes)[1], seed))
    add(damage.null_text(number["null_text"], draw))
    add(damage.not_text(number["not_text"], draw))
    add(damage.invalid_json(number["invalid_json"], draw))
    add(damage.invalid_utf8(number["invalid_utf8"], draw))
    order = Draw(seed, _ORDER)
    return Corpus({source: order.shuffled(rows) for source, rows in records.items()}, lost, planted)
