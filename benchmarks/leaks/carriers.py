"""Ordinary documents: what leaks are planted in, and what must not be taken for one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random

import pyarrow.compute as pc
import pyarrow.parquet as pq

LEAST_BYTES = 300
PIECE_BYTES = (400, 1000)
CARRIER_SHARE = 0.1


class Ordinary:
    """The texts of a folder, in a drawn order: a tenth of them carriers, the rest cut into pieces."""

    def __init__(self, folder: Path, seed: int) -> None:
        documents = list(_documents(folder))
        if not documents:
            raise SystemExit(f"{folder}: no parquet file with a column 'text'; benchmarks/corpus.py makes some")
        draw = Random(f"{seed}/ordinary")
        draw.shuffle(documents)
        cut = max(1, int(len(documents) * CARRIER_SHARE))
        self._carriers = {
            code: [text for kind, text in documents[:cut] if (kind == "code") == code] or [documents[0][1]]
            for code in (False, True)
        }
        self.documents = [text for _, text in documents[cut:]]
        self._seed = seed

    def carrier(self, size: int, draw: Random, *, code: bool) -> str:
        """So many characters of ordinary text, of code or of anything else."""
        pieces: list[str] = []
        while sum(map(len, pieces)) < size:
            text = draw.choice(self._carriers[code])
            start = draw.randrange(max(1, len(text) - size))
            pieces.append(text[start : start + size])
        return "\n".join(pieces)[:size]

    def pieces(self) -> Iterator[str]:
        """All documents but the carriers, cut at line ends into pieces of 400 to 1,000 bytes, at least 300."""
        draw = Random(f"{self._seed}/pieces")
        for text in self.documents:
            yield from _cut(text, draw)

    def of_size(self, size: int, count: int) -> list[str]:
        """Pieces of exactly so many bytes of ASCII, of the documents that are long enough."""
        found: list[str] = []
        for text in self.documents:
            if len(found) == count:
                break
            if len(text) >= size and text[:size].isascii():
                found.append(text[:size])
        return found


def _documents(folder: Path) -> Iterator[tuple[str, str]]:
    for path in sorted(folder.rglob("*.parquet")):
        column = pq.read_table(path, columns=["text"]).column("text")
        column = column.filter(pc.greater_equal(pc.fill_null(pc.binary_length(column), 0), LEAST_BYTES))
        yield from ((path.parent.name, text) for text in column.to_pylist())


def _cut(text: str, draw: Random) -> Iterator[str]:
    waiting: list[str] = []
    size, wanted = 0, draw.randint(*PIECE_BYTES)
    for line in text.splitlines(keepends=True):
        waiting.append(line)
        size += len(line.encode())
        if size >= wanted:
            yield "".join(waiting)
            waiting, size, wanted = [], 0, draw.randint(*PIECE_BYTES)
    if size >= LEAST_BYTES:
        yield "".join(waiting)


def dense(solutions: Sequence[str], size: int) -> list[str]:
    """Documents of about so many bytes, each many problems with their solutions."""
    found: list[str] = []
    waiting = ""
    for text in solutions:
        waiting += text + "\n\n"
        if len(waiting) >= size:
            found.append(waiting)
            waiting = ""
    return found
