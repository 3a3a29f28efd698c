"""Groups become the entries that a plain arrangement in memory makes of them, in whatever order their documents come."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from midmix.curation.tokenize import entries
from midmix.curation.tokenize.entries import Entries
from midmix.curation.tokenize.exchange import Exchange
from midmix.tables import doc_key

TOKENIZERS = ("main", "proxy")


@dataclass(frozen=True)
class Document:
    """A document of a group, which `group` and the split alone tell apart here."""

    part: int
    row: int
    domain: str
    heldout: bool
    group: int
    order: str | None
    tokens: tuple[int, int]

    @property
    def series(self) -> tuple[str, str]:
        return self.domain, "heldout" if self.heldout else "train"


ORDERS = st.one_of(
    st.none(), st.sampled_from(["9", "10", "-3", "9.5", "a", "a/b", "B", "é", "", "1e3", "nan"]), st.text(max_size=3)
)
DOCUMENTS = st.builds(
    dict,
    domain=st.sampled_from(["a", "b"]),
    heldout=st.booleans(),
    group=st.integers(0, 3),
    order=ORDERS.filter(lambda text: text is None or "\0" not in text),
    tokens=st.tuples(st.integers(1, 30), st.integers(1, 30)),
)


def number(text: str) -> float | None:
    """The value of a plain number."""
    head, _, tail = text.removeprefix("-").partition(".")
    plain = all(c in "0123456789" for c in head + tail) and head and (tail or "." not in text)
    return float(text) if plain else None


def sort_key(document: Document) -> tuple[Any, ...]:
    value = None if document.order is None else number(document.order)
    text = (document.order is None, (document.order or "").encode())
    return (value is None, value or 0.0, *text, document.part, document.row)


def arranged(documents: Iterable[Document], tokenizer: int, most_tokens: int) -> list[list[int]]:
    """Keys of the documents of every entry, by a loop over groups in memory."""
    groups: dict[Any, list[Document]] = {}
    for document in documents:
        groups.setdefault((document.series, document.group), []).append(document)
    found: list[list[int]] = []
    for members in groups.values():
        size = most_tokens
        for member in sorted(members, key=sort_key):
            if size + member.tokens[tokenizer] > most_tokens:
                found.append([])
                size = 0
            found[-1].append(doc_key(member.part, member.row))
            size += member.tokens[tokenizer]
            if size > most_tokens:  # one document longer than an entry should be
                size = most_tokens
    return sorted(found)


def columns_of(documents: list[Document]) -> pa.Table:
    draws = np.random.default_rng(7).integers(0, 2**64, (4, 2, 2), dtype=np.uint64)
    drawn = [draws[d.group][int(d.heldout)] for d in documents]
    values: dict[str, Any] = {
        "place": pa.array([int(draw[0]) for draw in drawn], pa.uint64()),
        "tie": pa.array([int(draw[1]) for draw in drawn], pa.uint64()),
        "doc": pa.array([doc_key(d.part, d.row) for d in documents], pa.uint64()),
        "num_bytes": pa.array([1] * len(documents), pa.int64()),
        "part_rank": pa.array([d.part for d in documents], pa.int32()),
        "group_order": pa.array([d.order for d in documents], pa.string()),
    }
    for index in range(2):
        values[f"offset_{index}"] = pa.array([0] * len(documents), pa.int64())
        values[f"num_tokens_{index}"] = pa.array([d.tokens[index] for d in documents], pa.int32())
    return pa.table(values)


def made(parts: list[list[Document]], most_tokens: int, memory_bytes: int) -> dict[tuple[str, ...], list[list[int]]]:
    """Entries in the order of their shards, by series."""
    with tempfile.TemporaryDirectory() as folder:
        collected = Entries(Path(folder), TOKENIZERS, 1 << 26)
        for documents in parts:
            collected.add(documents[0].part, [d.series for d in documents], columns_of(documents))
        exchange = Exchange(Path(folder), sum(map(len, parts)), memory_bytes)
        series = set()
        for tokenizer, domain, split, records in collected.records(most_tokens):
            exchange.add((tokenizer, domain, split), records)
            series.add((tokenizer, domain, split))
        found: dict[tuple[str, ...], list[list[int]]] = {}
        for name in sorted(series):
            records = np.concatenate([exchange.read(name, shard, 3) for shard in range(3)])
            starts = np.flatnonzero(records["before"] == 0)
            found[name] = [entry["doc"].tolist() for entry in np.split(records, starts[1:])]
            for entry in np.split(records, starts[1:]):
                ends = np.cumsum(entry["num_tokens"])
                assert entry["before"].tolist() == (ends - entry["num_tokens"]).tolist()
                assert set(entry["entry_tokens"].tolist()) == {int(ends[-1])}
        return found


@given(
    st.lists(st.lists(DOCUMENTS, min_size=1, max_size=12), min_size=1, max_size=4),
    st.randoms(use_true_random=False),
    st.integers(1, 80),
    st.integers(1, 5),
)
def test_entries_are_those_of_a_plain_arrangement(
    parts: list[list[dict[str, Any]]], random: Any, most_tokens: int, rows: int
) -> None:
    documents = [[Document(n, row, **d) for row, d in enumerate(part)] for n, part in enumerate(parts)]
    found = made(documents, most_tokens, 1 << 20)
    for index, tokenizer in enumerate(TOKENIZERS):
        ours = sorted(entry for name, of in found.items() if name[0] == tokenizer for entry in of)
        assert ours == arranged([d for part in documents for d in part], index, most_tokens)
    random.shuffle(documents)
    with mock.patch.object(entries, "_ROWS", rows):
        assert made(documents, most_tokens, 64 * rows) == found
