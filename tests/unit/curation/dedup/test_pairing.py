"""Pairing by parts of it: equality, containment, URLs, ways of shingling, components, and the same without a folder."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from midmix.curation.dedup import step
from midmix.curation.dedup.components import run_components
from midmix.curation.dedup.equals import first_of_equals
from midmix.curation.dedup.in_memory import pair_documents
from midmix.curation.dedup.overlap import APART, Bounds, count_shared
from midmix.curation.dedup.parameters import signature_settings
from midmix.curation.dedup.signatures import sign
from midmix.table_files import read_table, write_table
from midmix.table_manifest import Manifest, load_manifest, publish
from midmix.tables import BANDS, DOCUMENTS, PAIRS, SKETCHES, TEXT, doc_key, format_key

MakeRun = Callable[..., Any]


def words(rng: random.Random, count: int) -> list[str]:
    return [f"w{rng.randrange(30_000)}" for _ in range(count)]


def found_rows(run: Any) -> list[tuple[str, str, str, float | None, float | None]]:
    return [
        (format_key(r["doc"]), format_key(r["earlier"]), r["relation"], r["jaccard"], r["containment"])
        for r in run.rows(PAIRS)
    ]


def text_read(run: Any, unit: str) -> int:
    return sum(row["text_bytes_read"] for row in run.books["dedup"].rows if row["unit"] == unit)


def test_first_of_equals_by_both_halves_and_place() -> None:
    high = np.array([5, 5, 5, 1, 5, 1])
    low = np.array([9, 8, 9, 0, 9, 0])
    ordinals, places = np.array([10, 11, 12, 13, 14, 15]), np.array([7, 0, 3, 9, 4, 2])
    later, first = first_of_equals(high, low, ordinals, places)
    assert sorted(zip(later.tolist(), first.tolist(), strict=True)) == [(10, 12), (13, 15), (14, 12)]


def test_counting_stops_only_where_no_bound_can_be_met() -> None:
    rng = random.Random(1)
    sets = [set(rng.sample(range(1, 60), rng.randrange(1, 40))) for _ in range(60)]
    sets += [{*rng.sample(range(1, 60), rng.randrange(3)), *s} for s in sets] + sets[:5]
    offsets = np.cumsum([0, *map(len, sets)])
    hashes = np.array([value << 20 for s in sets for value in sorted(s)], np.uint64)
    pairs = np.array([(i, j) for i in range(len(sets)) for j in range(i)])
    sizes = np.diff(offsets)
    later, earlier = np.ascontiguousarray(pairs.T)
    truth = np.array([len(sets[i] & sets[j]) for i, j in pairs])
    for bounds in (Bounds(0.3), Bounds(0.8), Bounds(0.8, 0.5), Bounds(1.0, 1.0)):
        least = bounds.least_shared(sizes[later], sizes[earlier])
        shared = np.empty(len(later), np.int32)
        count_shared(later, earlier, least, offsets, hashes, offsets, hashes, shared)
        near = truth / (sizes[later] + sizes[earlier] - truth) >= bounds.jaccard
        if bounds.containment is not None:
            near |= truth / np.minimum(sizes[later], sizes[earlier]) >= bounds.containment
        assert near.any() and not near.all()
        assert (shared[near] == truth[near]).all()
        assert ((shared == APART) | (shared == truth)).all()
        assert (shared == APART).sum() > 0.9 * (~near).sum()


def test_a_text_in_a_longer_one(make_run: MakeRun, part: Any) -> None:
    rng = random.Random(2)
    short = [words(rng, rng.randrange(120, 200)) for _ in range(12)]
    long = [[*words(rng, 800), *s, *words(rng, 800)] for s in short]
    texts = [" ".join(t) for t in (*short[:6], *long, *short[6:])]
    run = make_run({0: part("a", texts)}, sources={"a": "prose"}, dedup={"containment": 0.9})
    run.run(step, "dedup")
    rows = found_rows(run)
    # Of equal rank the longer text stands first, so it is the later one that lies in it.
    expected = {(f"0:{i if i < 6 else i + 12}", f"0:{6 + i}") for i in range(12)}
    assert {(doc, earlier) for doc, earlier, relation, _, _ in rows if relation == "contained"} == expected
    assert all(containment == 1.0 and jaccard < 0.2 for *_, r, jaccard, containment in rows if r == "contained")
    without = make_run({0: part("a", texts)}, sources={"a": "prose"}, name="without")
    without.run(step, "dedup")
    assert not any(relation == "contained" for _, _, relation, _, _ in found_rows(without))
    assert not load_manifest(without.folder, SKETCHES.name).files


def test_containment_asked_for_later_equals_a_run_made_whole(make_run: MakeRun, part: Any) -> None:
    rng = random.Random(3)
    longer = words(rng, 400)
    texts = [" ".join(t) for t in (longer, longer[:150], longer[:399], words(rng, 90), longer[100:390])]
    first, whole = (make_run({0: part("a", texts)}, sources={"a": "prose"}, name=name) for name in ("first", "whole"))
    first.run(step, "dedup")
    assert {relation for _, _, relation, _, _ in found_rows(first)} >= {"near"}
    config = first.config.dedup.model_copy(update={"containment": 0.95})
    first.config = whole.config = first.config.model_copy(update={"dedup": config})
    first.run(step, "dedup")
    whole.run(step, "dedup")
    assert found_rows(first) == found_rows(whole)
    assert {relation for _, _, relation, _, _ in found_rows(whole)} >= {"near", "contained"}
    near = next(row for row in found_rows(whole) if row[2] == "near")
    assert near == ("0:2", "0:0", "near", 395 / 396, 1.0)


def test_contains_where_the_longer_one_stands_later(make_run: MakeRun, part: Any) -> None:
    rng = random.Random(4)
    inner = words(rng, 200)
    parts = {0: part("a", [" ".join([*words(rng, 900), *inner])]), 1: part("b", [" ".join(inner)])}
    run = make_run(parts, sources={"a": "prose", "b": "prose"}, survivor=["b", "a"], dedup={"containment": 0.9})
    run.run(step, "dedup")
    ((doc, earlier, relation, jaccard, containment),) = found_rows(run)
    assert (doc, earlier, relation, containment) == ("0:0", "1:0", "contains", 1.0)
    assert jaccard == 196 / 1096


def with_urls(run: Any, urls: dict[int, list[str | None]]) -> None:
    """Give the documents of each part their URLs."""
    entries = []
    for entry in load_manifest(run.folder, DOCUMENTS.name).files:
        assert entry.part is not None
        rows = read_table(run.folder, DOCUMENTS).to_pylist()
        chosen = [row for row in rows if row["doc"] >> 32 == entry.part]
        for row, url in zip(chosen, urls[entry.part], strict=True):
            row["url"] = url
        table = pa.Table.from_pylist(chosen, DOCUMENTS.schema())
        entries.append(write_table(run.folder, DOCUMENTS, table, stem=f"u{entry.part}", part=entry.part))
    publish(run.folder, Manifest(DOCUMENTS.name, tuple(entries)))


def test_equal_urls_are_pairs_where_they_are_asked_for(make_run: MakeRun, part: Any) -> None:
    rng = random.Random(5)
    same = " ".join(words(rng, 30))
    parts = {0: part("a", [same, " ".join(words(rng, 40)), "x"]), 1: part("b", [" ".join(words(rng, 10)), same])}
    urls = {0: ["u/1", "u/2", None], 1: ["u/2", "u/1"]}
    made = {}
    for name, url in (("with", True), ("without", False)):
        run = make_run(parts, sources={"a": "prose", "b": "prose"}, dedup={"url": url}, name=name)
        with_urls(run, urls)
        run.run(step, "dedup")
        made[name] = found_rows(run)
    exact = ("1:1", "0:0", "exact", 1.0, 1.0)
    assert made["without"] == [exact]
    assert made["with"] == [("1:0", "0:1", "url", None, None), exact, ("1:1", "0:0", "url", None, None)]


def test_texts_shingled_in_different_ways_are_compared_as_copies_alone(make_run: MakeRun, part: Any) -> None:
    rng = random.Random(6)
    base = words(rng, 100)
    parts = {
        0: part("web", [" ".join(base), " ".join(base[1:])]),
        1: part("sums", [" ".join(base[2:]), " ".join(base)]),
    }
    sources = {"web": "prose", "sums": "math"}
    one = make_run(parts, sources=sources, name="one")
    one.run(step, "dedup")
    two = make_run(parts, sources=sources, dedup={"profile": {"prose": "plain", "math": "math"}}, name="two")
    two.run(step, "dedup")
    pairs = {(doc, earlier): relation for doc, earlier, relation, _, _ in found_rows(two)}
    assert pairs == {("0:1", "0:0"): "near", ("1:1", "0:0"): "exact"}
    assert {(d, e) for d, e, _, _, _ in found_rows(one)} == {*pairs, ("1:0", "0:0"), ("1:0", "0:1")}


def chained(rng: random.Random, count: int) -> list[str]:
    """Texts each of which takes over most of the one before."""
    text = words(rng, 120)
    texts = []
    for _ in range(count):
        texts.append(" ".join(text))
        text = [*text[12:], *words(rng, 12)]
    return texts


def test_components_are_those_of_shared_bands(make_run: MakeRun, part: Any) -> None:
    rng = random.Random(7)
    texts = [*chained(rng, 30), "short", *chained(rng, 10), *(" ".join(words(rng, 50)) for _ in range(20))]
    rng.shuffle(texts)
    run = make_run({0: part("a", texts[:25]), 2: part("a", texts[25:])}, sources={"a": "prose"})
    run.run(step, "dedup")
    owners: dict[int, list[int]] = {}
    for entry in load_manifest(run.folder, BANDS.name).files:
        table = read_table(run.folder, BANDS) if entry is None else _read(run.folder / entry.path)
        for band, row in zip(*(c.to_pylist() for c in table.columns), strict=True):
            owners.setdefault(band, []).append(row + (25 if entry.part == 2 else 0))
    expected = list(range(len(texts)))
    for _ in expected:
        for mates in owners.values():
            lowest = min(expected[mate] for mate in mates)
            for mate in mates:
                expected[mate] = lowest
    found = run_components(run.folder).tolist()
    assert found == expected
    assert max(found.count(name) for name in found) > 20


def _read(path: Path) -> pa.Table:
    import pyarrow.parquet as pq

    return pq.read_table(path)


@pytest.mark.parametrize("threshold", [0.8, 0.4])
def test_the_same_without_a_run_folder(make_run: MakeRun, part: Any, threshold: float) -> None:
    rng = random.Random(8)
    texts = chained(rng, 60)
    texts += [texts[3], texts[3], f"{texts[7]} 5 of 9", f"{texts[7]} 7 of 9", "tiny", "tiny"]
    rng.shuffle(texts)
    parts = {0: part("a", texts[:20]), 1: part("a", texts[20:])}
    run = make_run(parts, sources={"a": "prose"}, dedup={"jaccard": threshold})
    run.run(step, "dedup")
    how = signature_settings(run.config.dedup, "prose")
    arrays = [pa.array(p.texts, TEXT) for p in parts.values()]
    keys = [np.array([doc_key(n, row) for row in range(len(a))], np.uint64) for n, a in enumerate(arrays)]
    signed = [sign(k, a, how) for k, a in zip(keys, arrays, strict=True)]
    places = np.argsort(_survivor_order(run.folder), kind="stable")
    found = pair_documents(
        signed, [how, how], lambda n, rows: arrays[n].take(pa.array(rows)), Bounds(threshold), places
    )
    assert found.equals(read_table(run.folder, PAIRS))
    assert {*found["relation"].to_pylist()} == {"exact", "near", "template"}


def _survivor_order(folder: Path) -> np.ndarray:
    """Ordinals in survivor order: here longer texts first, then by content hash."""
    rows = read_table(folder, DOCUMENTS).to_pylist()
    return np.array(
        sorted(range(len(rows)), key=lambda i: (-rows[i]["num_bytes"], rows[i]["content_hash"], rows[i]["doc"]))
    )
