"""Folded shingles and the join with an index, on tiny exact values; and what becomes of documents that it finds."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from midmix.curation.decide import step as decide
from midmix.curation.dedup.overlap import count_shared
from midmix.curation.dedup.shingles import Shingles
from midmix.curation.past.candidates import distinct_pairs, join
from midmix.curation.past.folded import Folded, fold
from midmix.curation.past.keys import all_key_rows, text_key_rows
from midmix.table_files import write_table
from midmix.table_manifest import Manifest, publish
from midmix.tables import BANDS, DECISIONS, HASH, PAST_PAIRS, parse_key

MakeRun = Callable[..., Any]


def ints(*values: int) -> Any:
    return np.array(values, np.int64)


def sets(*documents: list[int]) -> Folded:
    """Documents of shingles whose high halves are given."""
    hashes = np.array([h << 32 | i for d in documents for i, h in enumerate(d)], np.uint64)
    return fold(Shingles(np.cumsum([0, *map(len, documents)]), hashes, ints()))


def test_shingles_fold_to_their_distinct_high_halves_and_none_is_zero() -> None:
    folded = sets([5, 3, 5], [], [0, 2**32 - 1])
    assert folded.offsets.tolist() == [0, 2, 2, 4]
    assert folded.values.tolist() == [3, 5, 1, 2**32 - 1]


def test_folded_shingles_are_read_as_written_and_taken_by_row(tmp_path: Path) -> None:
    folded = Folded.concat([sets([3, 5], []), sets([7])])
    folded.write(tmp_path / "a.bin")
    some = Folded.read(tmp_path / "a.bin").take(ints(1, 2, 0))
    assert some.offsets.tolist() == [0, 0, 1, 3]
    assert some.values.tolist() == [7, 3, 5]
    assert (tmp_path / "a.bin").stat().st_size == 8 * 5 + 4 * 3


def test_shared_shingles_are_counted_on_folded_sets() -> None:
    own, past = sets(list(range(1, 101))), sets(list(range(51, 201)), [900])
    shared = np.empty(2, np.int32)
    least = ints(0, 0)
    count_shared(ints(0, 0), ints(0, 1), least, own.offsets, own.spread, past.offsets, past.spread, shared)
    assert shared.tolist() == [50, 0]


def test_each_document_meets_the_first_sixteen_of_a_bucket() -> None:
    past = np.arange(100, 120)[::-1].copy()
    places, found = join(ints(7, 8, 7), ints(1, 2, 3), np.full(20, 7, np.int64), past)
    assert places.tolist() == [1] * 16 + [3] * 16
    assert found.tolist() == [*range(100, 116)] * 2


def test_pairs_that_share_several_keys_stand_once() -> None:
    places, past = distinct_pairs(ints(2, 1, 2, 1), ints(5, 9, 5, 8))
    assert places.tolist() == [1, 1, 2] and past.tolist() == [8, 9, 5]


def test_keys_of_whole_texts_stand_among_the_bands() -> None:
    # The first 8 bytes, as a signed number, without their lowest 8 bits.
    hashes = pa.array([(n << 8 | 0xFF).to_bytes(8, "little", signed=True) + bytes(8) for n in (9, -4)], HASH)
    assert text_key_rows(hashes).to_pydict() == {"key": [-4, 9], "row": [1, 0]}
    bands = pa.table({"band": ints(-7, 9), "row": pa.array([1, 1], pa.int32())}, schema=BANDS.schema())
    assert all_key_rows(bands, hashes).to_pydict() == {"band": [-7, -4, 9, 9], "row": [1, 1, 0, 1]}


def test_nothing_loses_its_place_to_a_document_of_the_past(make_run: MakeRun, part: Any) -> None:
    made = make_run(
        {0: part("web", ["long text", "long tex", "other"])},
        sources={"web": "prose"},
        pairs=[("0:1", "0:0", "near", 0.9)],
        leaks=[("0:2", "arc", {})],
    )
    rows = [
        {"doc": parse_key(doc), "corpus": "pre", "past": 7, "relation": "near", "jaccard": 0.9}
        for doc in ("0:0", "0:2")
    ]
    data = pa.Table.from_pylist(rows, PAST_PAIRS.schema())
    publish(made.folder, Manifest(PAST_PAIRS.name, (write_table(made.folder, PAST_PAIRS, data, stem="x", part=0),)))
    made.run(decide, "decide")
    found = [(row["reason"], row["fired"], row["repeats"]) for row in made.rows(DECISIONS)]
    assert found == [("past.pre", ["past.pre"], None), (None, [], None), ("leak.arc", ["leak.arc", "past.pre"], None)]
