"""Survivors over random pairs: no drop without a kept, verified partner; no chains; nothing left that must go."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from midmix.curation.dedup.exchange import Workspace
from midmix.curation.dedup.survivors import Pairs, choose_survivors

NO_DOCUMENT = -1


@dataclass(frozen=True)
class Found:
    """Verdicts by place: key of the kept document that each repeats, Jaccard, whether it is a copy, cluster."""

    repeats: list[int]
    jaccard: list[float]
    exact: list[bool]
    cluster: list[int]


@dataclass(frozen=True)
class Case:
    """`order`: keys in survivor order; `text`: text of each place; `near`: (later, earlier) places to Jaccard."""

    order: list[int]
    passed: list[bool]
    text: list[int]
    near: dict[tuple[int, int], float]

    @property
    def pairs(self) -> list[tuple[int, int, float, bool]]:
        """PAIRS by key: copies with their first, near ones between firsts."""
        first = [self.text.index(t) for t in self.text]
        copies = [(i, f, 1.0, True) for i, f in enumerate(first) if i != f]
        return [
            (self.order[a], self.order[b], j, e)
            for a, b, j, e in [*copies, *((*p, j, False) for p, j in self.near.items())]
        ]


@st.composite
def cases(draw: st.DrawFn) -> Case:
    count = draw(st.integers(1, 14))
    order = draw(st.permutations(range(100, 100 + count)))
    passed = draw(st.lists(st.booleans(), min_size=count, max_size=count))
    text = draw(st.lists(st.integers(0, count), min_size=count, max_size=count))
    firsts = [i for i in range(count) if text.index(text[i]) == i]
    possible = [(a, b) for a in firsts for b in firsts if b < a]
    chosen = draw(st.lists(st.sampled_from(possible), unique=True)) if possible else []
    values = draw(st.lists(st.sampled_from([0.8, 0.85, 0.9, 0.99]), min_size=len(chosen), max_size=len(chosen)))
    return Case(order, passed, text, dict(zip(chosen, values, strict=True)))


def choose(case: Case, pairs: list[tuple[int, int, float, bool]] | None = None, memory_bytes: int = 1 << 20) -> Found:
    """By place. Pairs come in two batches."""
    pairs = case.pairs if pairs is None else pairs
    keys = sorted(case.order)
    ordinals = [keys.index(d) for d in case.order]
    columns = [np.array([keys.index(p[i]) for p in pairs], np.int64) for i in (0, 1)]
    columns += [np.array([p[2] for p in pairs], np.float64), np.array([p[3] for p in pairs], np.bool_)]
    half = len(pairs) // 2
    passed = np.zeros(len(keys), np.bool_)
    passed[ordinals] = case.passed
    with tempfile.TemporaryDirectory() as folder:
        found = choose_survivors(
            np.array(ordinals, np.int64),
            passed,
            lambda: [Pairs(*(c[:half] for c in columns)), Pairs(*(c[half:] for c in columns))],
            Workspace(Path(folder), memory_bytes),
        )
        verdicts = [found.verdicts(i, i + 1) for i in ordinals]
    return Found(
        [NO_DOCUMENT if v.repeats[0] < 0 else keys[v.repeats[0]] for v in verdicts],
        [float(v.jaccard[0]) for v in verdicts],
        [bool(v.exact[0]) for v in verdicts],
        [keys[v.cluster[0]] for v in verdicts],
    )


def similarity(case: Case, a: int, b: int) -> float | None:
    """Verified Jaccard of the texts at two places, None where they were not compared."""
    if case.text[a] == case.text[b]:
        return 1.0
    one, two = (case.text.index(case.text[i]) for i in (a, b))
    return case.near.get((max(one, two), min(one, two)))


@given(cases())
def test_every_drop_repeats_an_earlier_kept_document_that_it_was_compared_with(case: Case) -> None:
    found = choose(case)
    kept = {i for i in range(len(case.order)) if case.passed[i] and found.repeats[i] == NO_DOCUMENT}
    for i, repeats in enumerate(found.repeats):
        if repeats == NO_DOCUMENT:
            assert np.isnan(found.jaccard[i])
            continue
        partner = case.order.index(repeats)
        assert case.passed[i]
        assert partner < i
        assert partner in kept
        assert similarity(case, i, partner) == found.jaccard[i]
        assert found.exact[i] == (case.text[i] == case.text[partner])


@given(cases())
def test_no_two_kept_documents_are_verified_duplicates(case: Case) -> None:
    found = choose(case)
    kept = [i for i in range(len(case.order)) if case.passed[i] and found.repeats[i] == NO_DOCUMENT]
    assert not any(similarity(case, a, b) for a in kept for b in kept if b < a)


@given(cases())
def test_choosing_again_among_the_kept_drops_nothing(case: Case) -> None:
    found = choose(case)
    kept = [bool(p) and r == NO_DOCUMENT for p, r in zip(case.passed, found.repeats, strict=True)]
    again = choose(Case(case.order, kept, case.text, case.near))
    assert again.repeats == [NO_DOCUMENT] * len(case.order)


@given(cases(), st.randoms(use_true_random=False))
def test_the_order_of_pairs_does_not_matter(case: Case, random: object) -> None:
    pairs = case.pairs
    random.shuffle(pairs)  # type: ignore[attr-defined]
    one, two = choose(case), choose(case, pairs)
    assert (one.repeats, one.exact, one.cluster) == (two.repeats, two.exact, two.cluster)
    assert np.array_equal(one.jaccard, two.jaccard, equal_nan=True)


@given(cases())
def test_memory_does_not_matter(case: Case) -> None:
    one, two = choose(case), choose(case, memory_bytes=100)
    assert (one.repeats, one.exact, one.cluster) == (two.repeats, two.exact, two.cluster)
    assert np.array_equal(one.jaccard, two.jaccard, equal_nan=True)


@given(cases())
def test_clusters_are_the_components_of_pairs(case: Case) -> None:
    component = {d: {d} for d in case.order}
    for doc, earlier, _, _ in case.pairs:
        merged = component[doc] | component[earlier]
        component |= dict.fromkeys(merged, merged)
    assert choose(case).cluster == [min(component[d]) for d in case.order]


@given(cases())
def test_a_larger_key_changes_nothing_but_names(case: Case) -> None:
    """Ties are never broken by key: with keys in reverse the same places are kept."""
    turned = Case([1000 - d for d in case.order], case.passed, case.text, case.near)
    one, two = choose(case), choose(turned)
    assert [1000 - r if r != NO_DOCUMENT else r for r in two.repeats] == one.repeats
