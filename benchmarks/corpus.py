"""More of the demo's text for benchmarks: what the environment holds, nothing repeated, then the declared generator.

    python benchmarks/corpus.py --mb 200 --seed 1 --out /data/bench

writes OUT/<kind>/<kind>-NNNN.parquet (columns id, url, text, metadata) and OUT/manifest.json with the bytes per kind
and how many of them are generated. The same pins, Python version, size and seed give the same bytes.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from midmix.demo.gather import generated
from midmix.demo.harvest import Found, descriptions, documents, require, source_files
from midmix.demo.problems import LOGIC_PROBLEMS, WORD_PROBLEMS, exercises
from midmix.demo.wheels import HELD_OUT, LIBRARIES, MATH, RESERVE
from midmix.demo.write import METADATA

ROW_GROUP_BYTES, FILE_BYTES = 1 << 20, 64 << 20
SCHEMA = pa.schema([("id", pa.string()), ("url", pa.string()), ("text", pa.string()), ("metadata", METADATA)])
Row = dict[str, object]


class Shards:
    """Parquet files of one kind, cut by size."""

    def __init__(self, folder: Path, kind: str) -> None:
        self._folder, self._kind = folder / kind, kind
        self._writer: pq.ParquetWriter | None = None
        self._rows: list[Row] = []
        self._waiting = self._written = self._files = 0

    def add(self, row: Row, num_bytes: int) -> None:
        """Add a document of so many bytes."""
        self._rows.append(row)
        self._waiting += num_bytes
        if self._waiting >= ROW_GROUP_BYTES:
            self._flush()

    def close(self) -> None:
        """Write what is left."""
        if self._rows:
            self._flush()
        if self._writer:
            self._writer.close()
            self._writer = None

    def _flush(self) -> None:
        if self._writer is None:
            self._folder.mkdir(parents=True, exist_ok=True)
            path = self._folder / f"{self._kind}-{self._files:04d}.parquet"
            self._writer = pq.ParquetWriter(path, SCHEMA, compression="zstd")
            self._files, self._written = self._files + 1, 0
        self._writer.write_table(pa.Table.from_pylist(self._rows, SCHEMA))
        self._written += self._waiting
        self._rows, self._waiting = [], 0
        if self._written >= FILE_BYTES:
            self._writer.close()
            self._writer = None


def harvested(seed: int) -> Iterator[Found]:
    """All documents of the listed wheels, without exact repeats: those of the demo first, then the reserve."""
    seen: set[str] = set()
    for found in chain(_documents(seed), descriptions((*LIBRARIES, *MATH, *HELD_OUT))):
        if found.text not in seen:
            seen.add(found.text)
            yield found


def _documents(seed: int) -> Iterator[Found]:
    first = source_files((*LIBRARIES, *MATH, *HELD_OUT), seed)
    known = {(file.wheel.name, file.path) for file in first}
    reserve = (file for file in source_files(RESERVE, seed) if (file.wheel.name, file.path) not in known)
    for file in chain(first, reserve):
        yield from documents(file, math=file.wheel in MATH)


def write(megabytes: float, seed: int, out: Path) -> dict[str, object]:
    """Write the corpus and return its manifest."""
    require((*LIBRARIES, *MATH, *HELD_OUT, *RESERVE))
    shards: dict[str, Shards] = {}
    size: Counter[str] = Counter()
    want = int(megabytes * 1e6)

    def add(kind: str, url: str, text: str, metadata: dict[str, object]) -> None:
        num_bytes = len(text.encode())
        shards.setdefault(kind, Shards(out, kind)).add(
            {"id": url, "url": url, "text": text, "metadata": metadata}, num_bytes
        )
        size[kind] += num_bytes

    for found in harvested(seed):
        if size.total() >= want:
            break
        values = {"wheel": found.wheel, "version": found.version, "path": found.path, "member": found.member}
        add(found.kind, found.url, found.text, {**values, "license": found.license, "synthetic": False})
    if size.total() < want:
        for index, item in exercises(seed, "problems", families=WORD_PROBLEMS + LOGIC_PROBLEMS):
            record = generated("problems", index, item)
            add("reasoning", record.url, record.text, record.metadata)
            if size.total() >= want:
                break
    for shard in shards.values():
        shard.close()
    manifest: dict[str, object] = {
        "megabytes": megabytes,
        "seed": seed,
        "bytes": dict(sorted(size.items())),
        "generated": size["reasoning"],
    }
    out.mkdir(parents=True, exist_ok=True)
    (out / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8", newline="\n")
    return manifest


def main() -> int:
    """Parse the arguments, write the corpus, print its manifest."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mb", type=float, required=True, help="megabytes of text")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    print(json.dumps(write(arguments.mb, arguments.seed, arguments.out)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
