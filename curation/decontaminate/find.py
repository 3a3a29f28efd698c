"""What is found of evaluation items in texts: places of all layers, one row per place of a field."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from midmix.curation.decontaminate.embedding_search import EmbeddingIndex, search_embeddings
from midmix.curation.decontaminate.fields import FIELDS, Field
from midmix.curation.decontaminate.index import AlignmentIndex, SetIndex, combine, index_code, index_items
from midmix.curation.decontaminate.ngram_search import search_ngrams
from midmix.curation.decontaminate.ngrams import NgramIndex, ngram_index
from midmix.curation.decontaminate.search import search
from midmix.curation.decontaminate.verdict import LABELS, LEAK, RULES
from midmix.jit import njit

ALIGNMENT, STRUCTURE, EMBEDDING = "alignment", "structure", "embedding"
EXACT = "exact"
FOUND = pa.schema(
    [
        ("document", pa.int64()), ("set", pa.string()), ("item", pa.int64()), ("field", pa.string()),
        ("layer", pa.string()), ("label", pa.string()), ("rule", pa.string()), ("overlap", pa.float64()),
        ("start_byte", pa.int64()), ("end_byte", pa.int64()),
    ]
)  # fmt: skip


@dataclass(frozen=True)
class Index:
    """What texts are searched with, a part for each kind of layer; None where no set asks for it."""

    alignment: AlignmentIndex | None = None
    structure: AlignmentIndex | None = None
    ngrams: NgramIndex | None = None
    embedding: EmbeddingIndex | None = None


def build_index(
    items: pa.Table, ngrams: Collection[int] | Collection[tuple[str, int]] = (), sets: Collection[str] | None = None
) -> Index:
    """The index of rows of EVALUATION_ITEMS of one or more sets.

    `sets` names those that are aligned, by default all; `ngrams` holds lengths for every set, or pairs (set, length).
    """
    names = pc.unique(items.column("set")).to_pylist()
    of_set = {name: items.filter(pc.equal(items.column("set"), name)) for name in names}
    aligned = [name for name in names if sets is None or name in sets]
    pairs = sorted({p for n in ngrams for p in ([n] if isinstance(n, tuple) else [(name, n) for name in names])})
    code = [index for index in (index_code(name, of_set[name]) for name in aligned) if index.fields]
    return Index(
        combine([index_items(name, of_set[name]) for name in aligned]) if aligned else None,
        combine(code) if code else None,
        ngram_index([(name, of_set[name], n) for name, n in pairs if name in of_set]) if pairs else None,
    )


def ngram_layer(n: int) -> str:
    """The name of the layer of exact n-grams."""
    return f"{n}-gram"


def find_leaks_in(texts: pa.LargeStringArray, index: Index) -> pa.Table:
    """Places of items in texts, as FOUND, sorted by document, set, item, field, layer and place.

    `document` is the ordinal of the text; bytes are of the text's own UTF-8. Places of one field that overlap are one
    place, a leak where one of them is; `rule` and `overlap` are of the best of them.
    """
    tables = [FOUND.empty_table()]
    if index.alignment is not None:
        tables.append(_aligned(texts, index.alignment, ALIGNMENT))
    if index.structure is not None:
        tables.append(_aligned(texts, index.structure, STRUCTURE))
    if index.ngrams is not None:
        tables.append(_exact(texts, index.ngrams))
    if index.embedding is not None:
        tables.append(_embedded(texts, index.embedding))
    keys = ("document", "set", "item", "field", "layer", "start_byte")
    return pa.concat_tables(tables).sort_by([(key, "ascending") for key in keys]).combine_chunks()


def _aligned(texts: pa.LargeStringArray, index: AlignmentIndex, layer: str) -> pa.Table:
    rows, shares = search(texts, index.lookup)
    sets, fields = index.piece_sets[rows[:, 1]], index.piece_fields[rows[:, 1]]
    return _united(np.column_stack([rows[:, 0], sets, fields, rows[:, 2:]]), shares, index.sets, layer)


def _embedded(texts: pa.LargeStringArray, index: EmbeddingIndex) -> pa.Table:
    rows, shares = search_embeddings(texts, index)
    for number, one in enumerate(index.sets):
        mine = rows[:, 1] == number
        rows[mine, 2] = one.alignment.piece_fields[rows[mine, 2]]
    return _united(rows, shares, [one.alignment.sets[0] for one in index.sets], EMBEDDING)


def _united(
    rows: npt.NDArray[np.int64], shares: npt.NDArray[np.float64], sets: Sequence[SetIndex], layer: str
) -> pa.Table:
    """FOUND from rows as `unite` takes them."""
    rows, shares = unite(rows, shares)
    return _table(
        rows[:, [0, 5, 6]],
        [(sets[s].name, sets[s].fields[f], layer) for s, f in rows[:, 1:3].tolist()],
        [(LABELS[label], RULES[rule]) for label, rule in rows[:, 3:5].tolist()],
        shares,
    )


def _exact(texts: pa.LargeStringArray, index: NgramIndex) -> pa.Table:
    rows = search_ngrams(texts, index)
    where = zip(index.entry_grams[rows[:, 1]].tolist(), index.entry_fields[rows[:, 1]].tolist(), strict=True)
    grams = [(index.grams[g], f) for g, f in where]
    return _table(
        rows[:, [0, 3, 4]],
        [(g.name, g.fields[f], ngram_layer(g.n)) for g, f in grams],
        [(LABELS[LEAK], EXACT)] * len(rows),
        rows[:, 2] / index.totals[rows[:, 1]],
    )


def _table(
    places: npt.NDArray[np.int64],
    what: Sequence[tuple[str, Field, str]],
    verdicts: Sequence[tuple[str, str]],
    shares: npt.NDArray[np.float64],
) -> pa.Table:
    """FOUND from (document, first byte, byte after the last), (set, field, layer) and (label, rule)."""
    columns: list[Any] = [
        places[:, 0],
        [name for name, _, _ in what],
        [field.item for _, field, _ in what],
        [FIELDS[field.code] for _, field, _ in what],
        [layer for _, _, layer in what],
        [label for label, _ in verdicts],
        [rule for _, rule in verdicts],
        shares,
        places[:, 1],
        places[:, 2],
    ]
    return pa.table([pa.array(c, f.type) for c, f in zip(columns, FOUND, strict=True)], schema=FOUND)


def unite(
    rows: npt.NDArray[np.int64], shares: npt.NDArray[np.float64]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """Unite places that overlap. Rows: document, set, field, label, rule, first byte, byte after the last."""
    order = np.lexsort((-shares, rows[:, 6], rows[:, 5], rows[:, 2], rows[:, 1], rows[:, 0]))
    rows, shares = rows[order], shares[order]
    count = _unite(rows, shares)
    return rows[:count], shares[:count]


@njit
def _unite(rows, shares):  # type: ignore[no-untyped-def]
    """Unite sorted rows in place; how many are left. The lower label is the graver one."""
    count = 0
    for k in range(rows.shape[0]):
        at = count - 1
        same = count > 0
        for column in range(3):
            same = same and rows[at, column] == rows[k, column]
        if not same or rows[k, 5] >= rows[at, 6]:
            rows[count], shares[count] = rows[k], shares[k]
            count += 1
            continue
        if rows[k, 3] < rows[at, 3] or (rows[k, 3] == rows[at, 3] and shares[k] > shares[at]):
            rows[at, 3], rows[at, 4], shares[at] = rows[k, 3], rows[k, 4], shares[k]
        rows[at, 6] = max(rows[at, 6], rows[k, 6])
    return count
