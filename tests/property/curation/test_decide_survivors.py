"""Survivors over random pairs, against a slow reference that looks at every two documents."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from midmix.curation.decide.edges import CONTAINED, CONTAINS, EXACT, NEAR, RELATIONS, SEMANTIC, TEMPLATE, URL, Pairs
from midmix.curation.decide.one_pass import ACROSS, EVERYWHERE, NOWHERE, WITHIN, Policies
from midmix.curation.decide.survivors import Candidates, choose_survivors
from midmix.curation.decide.templates import KEEP_ALL, TemplatePolicy
from midmix.curation.dedup.exchange import Workspace


@dataclass(frozen=True)
class Case:
    """By place in survivor order: key, passed, source, text, URL and content hash; of texts: frame; (later, earlier)
    texts to (relation, Jaccard, containment)."""

    keys: list[int]
    passed: list[bool]
    source: list[int]
    text: list[int]
    url: list[int]
    hashes: list[int]
    frame: list[int]
    related: dict[tuple[int, int], tuple[int, float, float]]
    policies: list[tuple[int, int]]

    def first(self, values: list[int], place: int) -> int:
        return values.index(values[place])

    @property
    def pairs(self) -> list[tuple[int, int, int, float, float]]:
        """Rows of PAIRS by key: stars to the first of a text, a URL or a frame; the others between first copies."""
        nan = math.nan
        rows = []
        for place in range(len(self.keys)):
            first = self.first(self.text, place)
            if first != place:
                rows.append((place, first, EXACT, 1.0, nan))
            frames = [self.frame[text] for text in self.text]
            framed = self.first(frames, place)
            if first == place and framed != place:
                rows.append((place, framed, TEMPLATE, nan, nan))
            address = self.first(self.url, place)
            if self.url[place] and address != place:
                rows.append((place, address, URL, nan, nan))
        rows += [(*texts, *found) for texts, found in self.related.items()]
        return [(self.keys[a], self.keys[b], r, j, c) for a, b, r, j, c in rows]


@dataclass(frozen=True)
class Verdict:
    """On one document, by key."""

    reason: str | None = None
    repeats: int | None = None
    relation: str | None = None
    jaccard: float | None = None
    containment: float | None = None
    cosine: float | None = None


@st.composite
def cases(draw: st.DrawFn, most: int = 12) -> Case:
    count = draw(st.integers(1, most))

    def values(strategy: st.SearchStrategy) -> list:
        return draw(st.lists(strategy, min_size=count, max_size=count))

    # A text and a frame go by the place of their first document.
    text = values(st.integers(0, count // 2))
    text = [text.index(t) for t in text]
    frame = values(st.integers(0, count))
    num_sources = draw(st.integers(1, 3))
    firsts = sorted(set(text))
    possible = [(a, b) for a in firsts for b in firsts if b < a]
    chosen = draw(st.lists(st.sampled_from(possible), unique=True)) if possible else []
    relation = st.sampled_from([NEAR, NEAR, CONTAINED, CONTAINS, SEMANTIC])
    share = st.sampled_from([0.8, 0.85, 0.9, 0.99])
    policy = st.tuples(st.sampled_from([EVERYWHERE, EVERYWHERE, WITHIN, ACROSS, NOWHERE]), st.integers(1, 3))
    plain = draw(st.booleans())
    return Case(
        keys=draw(st.permutations(range(100, 100 + count))),
        passed=values(st.sampled_from([True, True, True, False])),
        source=values(st.integers(0, num_sources - 1)),
        text=text,
        url=values(st.integers(0, 3)) if draw(st.booleans()) else [0] * count,
        hashes=values(st.integers(0, 9)),
        frame=frame,
        related={pair: (draw(relation), draw(share), draw(share)) for pair in chosen},
        policies=[(EVERYWHERE, 1) if plain else draw(policy) for _ in range(num_sources)],
    )


def choose(
    case: Case, templates: TemplatePolicy = KEEP_ALL, memory_bytes: int = 1 << 20, rows: Sequence | None = None
) -> tuple[dict[int, Verdict], dict[int, tuple]]:
    """Key to verdict, and key to (cluster, size, template, size). Pairs come in two batches."""
    keys = sorted(case.keys)
    ordinals = [keys.index(key) for key in case.keys]
    rows = case.pairs if rows is None else rows
    columns = [np.array([keys.index(row[i]) for row in rows], np.int64) for i in (0, 1)]
    columns += [np.array([row[i] for row in rows], dtype) for i, dtype in ((2, np.uint8), (3, float), (4, float))]
    half = len(rows) // 2
    by_ordinal = np.argsort(ordinals)
    candidates = Candidates(
        order=np.array(ordinals, np.int64),
        passed=np.array(case.passed)[by_ordinal],
        source=np.array(case.source, np.int32)[by_ordinal],
        policies=Policies(
            np.array([scope for scope, _ in case.policies], np.int8), np.array([k for _, k in case.policies], np.int64)
        ),
        relations={row[2] for row in rows},
        pairs=lambda: [Pairs(*(c[:half] for c in columns)), Pairs(*(c[half:] for c in columns))],
    )
    templates = replace(templates, content_hashes=lambda: np.array(case.hashes, np.uint64)[by_ordinal])
    with tempfile.TemporaryDirectory() as folder:
        found = choose_survivors(candidates, Workspace(Path(folder), memory_bytes), templates)
        each = [found.verdicts(i, i + 1) for i in range(len(keys))]
    verdicts = {
        key: Verdict(
            v.reason[0],
            None if v.repeats[0] < 0 else keys[v.repeats[0]],
            v.relation[0],
            *(None if np.isnan(x[0]) else float(x[0]) for x in (v.jaccard, v.containment, v.cosine)),
        )
        for key, v in zip(keys, each, strict=True)
    }
    groups = {}
    for key, v in zip(keys, each, strict=True):
        named = [None if g[0] < 0 else keys[g[0]] for g in (v.cluster, v.template)]
        groups[key] = (named[0], int(v.cluster_size[0]), named[1], int(v.template_size[0]))
    return verdicts, groups


def relate(case: Case, x: int, y: int) -> tuple[int, float, float] | None:
    """How the document at x may repeat that at y: (relation, Jaccard, containment), None where it may not."""
    scope, same = case.policies[case.source[x]][0], case.source[x] == case.source[y]
    if not {EVERYWHERE: True, WITHIN: same, ACROSS: not same, NOWHERE: False}[scope]:
        return None
    a, b = case.text[x], case.text[y]
    if a == b:
        return EXACT, 1.0, math.nan
    found = case.related.get((max(a, b), min(a, b)))
    if found and found[0] == SEMANTIC and case.frame[a] == case.frame[b]:
        found = None
    if found and (found[0] in (NEAR, SEMANTIC) or (found[0] == CONTAINED) == (a > b)):
        return CONTAINED if found[0] == CONTAINS else found[0], found[1], found[2]
    if case.url[x] and case.url[x] == case.url[y]:
        return URL, math.nan, math.nan
    return None


def strength(found: tuple[int, float, float]) -> tuple[int, float]:
    """Sorts the strongest first."""
    relation, jaccard, containment = found
    return relation, -{EXACT: 1.0, NEAR: jaccard, CONTAINED: containment, URL: 0.0, SEMANTIC: jaccard}[relation]


def reference(case: Case, templates: TemplatePolicy = KEEP_ALL) -> dict[int, Verdict]:
    """The rules as they are written down, on every two documents."""
    thinned = thinned_texts(case, templates.exponent) if templates.exponent is not None else set()
    frames = [case.frame[text] for text in case.text]
    framed = [len({t for t, f in zip(case.text, frames, strict=True) if f == frame}) > 1 for frame in frames]
    kept: list[int] = []
    verdicts = {}
    for x, key in enumerate(case.keys):
        found = [(y, how) for y in kept if (how := relate(case, x, y)) is not None]
        if not case.passed[x]:
            verdicts[key] = Verdict()
        elif case.text[x] in thinned:
            verdicts[key] = Verdict("template.thin")
        elif len(found) >= case.policies[case.source[x]][1]:
            y, (relation, jaccard, containment) = min(found, key=lambda item: (strength(item[1]), item[0]))
            jaccard, containment = (None if math.isnan(v) else v for v in (jaccard, containment))
            name = RELATIONS[relation]
            numbers = (None, containment, jaccard) if relation == SEMANTIC else (jaccard, containment, None)
            verdicts[key] = Verdict(f"duplicate.{name}", case.keys[y], name, *numbers)
        elif templates.cap and framed[x] and sum(frames[y] == frames[x] for y in kept) >= templates.cap:
            verdicts[key] = Verdict("template.cap")
        else:
            verdicts[key] = Verdict()
            kept.append(x)
    return verdicts


def thinned_texts(case: Case, exponent: float) -> set[int]:
    firsts: dict[int, dict[int, int]] = {}
    for x, text in enumerate(case.text):
        if case.passed[x]:
            firsts.setdefault(case.frame[text], {}).setdefault(text, x)
    gone: set[int] = set()
    for texts in firsts.values():
        if len({t for t in case.text if case.frame[t] == case.frame[next(iter(texts))]}) > 1:
            drawn = sorted(texts, key=lambda t: (case.hashes[texts[t]], texts[t]))
            gone |= set(drawn[math.ceil(len(texts) ** exponent - 1e-9) :])
    return gone


@given(cases())
def test_verdicts_are_those_of_the_reference(case: Case) -> None:
    assert choose(case)[0] == reference(case)


@given(cases(), st.sampled_from([TemplatePolicy(cap=1), TemplatePolicy(cap=2), TemplatePolicy(exponent=0.5)]))
def test_so_are_those_under_a_policy_on_templates(case: Case, templates: TemplatePolicy) -> None:
    assert choose(case, templates)[0] == reference(case, templates)


@given(cases())
def test_a_drop_repeats_a_kept_document_and_scopes_hold(case: Case) -> None:
    verdicts, _ = choose(case)
    place = {key: i for i, key in enumerate(case.keys)}
    for key, verdict in verdicts.items():
        assert (verdict.reason is None) == (verdict.repeats is None)
        if verdict.repeats is not None:
            assert verdicts[verdict.repeats].reason is None and case.passed[place[verdict.repeats]]
            assert case.passed[place[key]] and place[verdict.repeats] < place[key]


@given(cases())
def test_choosing_again_among_the_kept_drops_nothing(case: Case) -> None:
    verdicts, _ = choose(case)
    kept = [case.passed[i] and verdicts[key].reason is None for i, key in enumerate(case.keys)]
    assert set(choose(replace(case, passed=kept))[0].values()) == {Verdict()}


@given(cases(), st.randoms(use_true_random=False))
def test_neither_the_order_of_pairs_nor_memory_matters(case: Case, random: object) -> None:
    rows = case.pairs
    random.shuffle(rows)  # type: ignore[attr-defined]
    assert choose(case, rows=rows, memory_bytes=100) == choose(case)


@pytest.mark.full
@given(cases())
def test_places_of_eight_bytes_give_the_same(case: Case) -> None:
    expected = choose(case)
    with patch("midmix.curation.decide.survivors.index_type", lambda _: np.int64):
        assert choose(case) == expected


@given(cases())
def test_a_larger_key_changes_nothing_but_names(case: Case) -> None:
    """Ties are never broken by key: with keys in reverse the same documents are kept for the same reasons."""
    turned = replace(case, keys=[1000 - key for key in case.keys])
    one, two = choose(case)[0], choose(turned)[0]
    assert {1000 - key: v.reason for key, v in two.items()} == {key: v.reason for key, v in one.items()}


@given(cases())
def test_groups_are_the_components_of_pairs(case: Case) -> None:
    _, groups = choose(case)
    frames = {key: case.frame[text] for key, text in zip(case.keys, case.text, strict=True)}
    for column, relations in ((0, {EXACT, NEAR, CONTAINED, CONTAINS, URL, SEMANTIC}), (2, {EXACT, TEMPLATE})):
        component = {key: {key} for key in case.keys}
        for doc, earlier, relation, _, _ in case.pairs:
            same_frame = frames[doc] == frames[earlier]
            if relation in relations and not (relation == SEMANTIC and same_frame):
                merged = component[doc] | component[earlier]
                component |= dict.fromkeys(merged, merged)
        texts = dict(zip(case.keys, case.text, strict=True))
        for key, members in component.items():
            alone = len(members) == 1 if column == 0 else len({texts[m] for m in members}) == 1
            expected = (None, 0) if alone else (min(members), len(members))
            assert groups[key][column : column + 2] == expected
