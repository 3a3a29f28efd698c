"""Who survives among documents that passed, from verified pairs, in survivor order.

Copies of one text count as one: pairs of their first copy hold for all of them. Only documents that have a pair take
part; they go by their ordinal, the place among the keys of those, or by their place in survivor order. What is known
of each lies on disk, so memory holds one range of pairs at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import duckdb
import numpy as np
import numpy.typing as npt

from midmix.curation.decide.edges import (
    CONTAINED,
    CONTAINS,
    EXACT,
    NEAR,
    SEMANTIC,
    TEMPLATE,
    URL,
    Pairs,
    directed_edges,
)
from midmix.curation.decide.groups import count_members, cut_by_source, flatten, link_members, unite
from midmix.curation.decide.one_pass import (
    BY_NOTHING,
    EVERYWHERE,
    FAILED,
    WAITING,
    Documents,
    Policies,
    Tally,
    pass_over,
)
from midmix.curation.decide.outcome import Group, Survivors
from midmix.curation.decide.templates import KEEP_ALL, TemplatePolicy, thin
from midmix.curation.dedup.exchange import Workspace
from midmix.curation.order import survivor_keys
from midmix.errors import StepError

# Rows that are read or changed at a time.
CHUNK_ROWS = 16_384


def survivor_order(
    connection: duckdb.DuckDBPyConnection, keys: npt.NDArray[np.uint64], files: Mapping[str, Any], work: Workspace
) -> npt.NDArray[np.int64]:
    """Ordinals (places in `keys`, ascending) in survivor order, on disk; `files` as of `survivor_keys`.

    Raises StepError when the tables lack a key.
    """
    order = work.array("order", index_type(len(keys)), len(keys))
    found = 0
    for some in survivor_keys(connection, files, keys):
        order[found : found + len(some)] = np.searchsorted(keys, some)
        found += len(some)
    if found != len(keys):
        raise StepError(
            f"{len(keys)} documents have pairs, but {found} of them are listed. Run from 'dedup' again with --rerun."
        )
    return order


def index_type(count: int) -> npt.DTypeLike:
    """The narrowest type for places below `count`."""
    return np.int32 if count < 2**31 else np.int64


@dataclass(frozen=True)
class Candidates:
    """The documents that have a pair, by ordinal; `pairs` gives their pairs, in any order, each time it is called.

    order: ordinals in survivor order; passed: bool, whether rules and leaks let each through; source: int32, its
    source's number in `policies`; relations: places in RELATIONS that there are.
    """

    order: npt.NDArray[np.int64]
    passed: npt.NDArray[np.bool_]
    source: npt.NDArray[np.int32]
    policies: Policies
    relations: Collection[int]
    pairs: Callable[[], Iterable[Pairs]]


def choose_survivors(given: Candidates, work: Workspace, templates: TemplatePolicy = KEEP_ALL) -> Survivors:
    """Which documents repeat a kept one, out of core: one pass over them in survivor order (see `one_pass`).

    Of texts that differ in numbers alone, thinning takes its share before that pass, a cap within it.
    """
    return _Chooser(given, work).choose(templates)


class _Chooser:
    def __init__(self, given: Candidates, work: Workspace) -> None:
        self._given, self._work, self._count = given, work, len(given.order)
        self._index = index_type(self._count)

    def choose(self, templates: TemplatePolicy) -> Survivors:
        given, places = self._given, self._numbers("places")
        for some in self._chunks():
            places[given.order[some]] = np.arange(some.start, some.stop)
        text, cluster, template = self._groups(places)
        edges = directed_edges(self._unlike(template.of), text, places, self._work)
        state, source = self._array("state", np.uint8), self._array("source", np.int32)
        for some in self._chunks():
            ordinals = given.order[some]
            source[some] = given.source[ordinals]
            state[some] = np.where(given.passed[ordinals], WAITING, FAILED)
        numbers = self._template_numbers(template, templates)
        if templates.exponent is not None and len(numbers):
            thin(state, text, numbers, templates, given.order, self._work)
        documents = Documents(
            state, source, text, *self._cells(text, source), *self._urls(places, source),
            numbers if templates.cap else numbers[:0],
        )  # fmt: skip
        repeats, via = self._numbers("repeats", -1), self._array("via", np.int64, BY_NOTHING)
        tally = self._tally(documents)
        pass_over(documents, edges, given.policies, tally, templates.cap or 0, repeats, via)
        return Survivors(given.order, places, cluster, template, text, state, repeats, via, edges)

    def _array(self, name: str, dtype: npt.DTypeLike, fill: int = 0) -> npt.NDArray[Any]:
        found = self._work.array(name, dtype, self._count)
        if fill:
            found[:] = fill
        return found

    def _numbers(self, name: str, fill: int = 0) -> npt.NDArray[Any]:
        return self._array(name, self._index, fill)

    def _singles(self, name: str) -> npt.NDArray[Any]:
        found = self._numbers(name)
        for some in self._chunks():
            found[some] = np.arange(some.start, some.stop)
        return found

    def _chunks(self) -> Iterator[slice]:
        for first in range(0, self._count, CHUNK_ROWS):
            yield slice(first, min(first + CHUNK_ROWS, self._count))

    def _has(self, *relations: int) -> bool:
        return any(relation in self._given.relations for relation in relations)

    def _unlike(self, template: npt.NDArray[np.int64]) -> Iterable[Pairs]:
        """The pairs but for those that mean the same and differ in numbers alone."""
        pairs = self._given.pairs()
        return (batch.without_templates(template) for batch in pairs) if len(template) else pairs

    def _groups(self, places: npt.NDArray[np.int64]) -> tuple[npt.NDArray[np.int64], Group, Group]:
        """First place of each place's text; clusters and templates by ordinal."""
        text, cluster = self._singles("text"), self._singles("cluster")
        template = self._singles("template") if self._has(TEMPLATE) else np.zeros(0, self._index)
        framed = self._array("framed", np.bool_) if len(template) else np.zeros(0, np.bool_)
        for batch in self._given.pairs():
            later, earlier = batch.of(EXACT)
            unite(text, places[later], places[earlier])
            unite(cluster, *batch.of(EXACT, NEAR, CONTAINED, CONTAINS, URL))
            if len(template):
                unite(template, later, earlier)
                later, earlier = batch.of(TEMPLATE)
                unite(template, later, earlier)
                framed[later] = True
        flatten(template)
        for batch in self._unlike(template) if self._has(SEMANTIC) else ():
            unite(cluster, *batch.of(SEMANTIC))
        flatten(text)
        flatten(cluster)
        return text, self._sized("cluster", cluster), self._sized("template", template, framed)

    def _sized(self, name: str, group: npt.NDArray[np.int64], chosen: npt.NDArray[np.bool_] | None = None) -> Group:
        """Sizes of groups; 0 of documents alone, and where `chosen` is given of groups without a chosen member."""
        if not len(group):
            return Group(group, group)
        size = self._numbers(f"{name}_size")
        count_members(group, size)
        if chosen is None:
            for some in self._chunks():
                size[some][size[some] == 1] = 0
            return Group(group, size)
        shown = self._array(f"{name}_shown", np.bool_)
        for some in self._chunks():
            shown[group[some][chosen[some]]] = True
        for some in self._chunks():
            size[some][~shown[some]] = 0
        return Group(group, size)

    def _template_numbers(self, template: Group, policy: TemplatePolicy) -> npt.NDArray[np.int64]:
        """By place, the template's number or -1; empty where templates are kept whole."""
        if not len(template.of) or policy == KEEP_ALL:
            return np.zeros(0, self._index)
        numbers = self._numbers("template_numbers")
        for some in self._chunks():
            roots = template.of[self._given.order[some]]
            numbers[some] = np.where(template.size[roots] > 0, roots, -1)
        return numbers

    def _cells(
        self, text: npt.NDArray[np.int64], source: npt.NDArray[np.int32]
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        if (self._given.policies.scope == EVERYWHERE).all():
            return text, text[:0]
        cell, following = self._numbers("cell"), self._numbers("next_cell")
        cut_by_source(text, source, cell, following)
        return cell, following

    def _urls(
        self, places: npt.NDArray[np.int64], source: npt.NDArray[np.int32]
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        if not self._has(URL):
            return np.zeros(0, self._index), np.zeros(0, self._index)
        url = self._singles("url")
        for batch in self._given.pairs():
            later, earlier = batch.of(URL)
            unite(url, places[later], places[earlier])
        flatten(url)
        following, cell, scratch = (self._numbers(name) for name in ("next_url", "url_cell", "url_scratch"))
        cut_by_source(url, source, cell, scratch)
        link_members(url, following, scratch)
        return cell, following

    def _tally(self, documents: Documents) -> Tally:
        told, count = self._array("told", np.int32), self._array("count", np.int32)
        best, best_via = self._numbers("best"), self._array("best_via", np.int64, BY_NOTHING)
        none, nowhere = np.zeros(0, np.int32), np.zeros(0, self._index)
        urls = (none, none, nowhere)
        if len(documents.url_cell):
            urls = self._array("url_told", np.int32), self._array("url_count", np.int32), self._numbers("best_url")
        of_template = self._array("of_template", np.int32) if len(documents.template) else none
        return Tally(told, count, best, best_via, *urls, of_template)
