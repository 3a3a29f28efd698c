"""The pass over documents in survivor order that decides who stays.

A document is dropped when as many kept documents as its source may have copies stand before it, of those that it was
itself verified against and that its source's scope looks at. So nothing is dropped for what is dropped: no chains.
A text is dropped for a longer one that holds it, never the other way round, and only where that one stands before it:
the survivor order comes first, so that a source does not lose its documents to one that was declared after it.

Documents of one text, and where scopes tell sources apart of one source, share a *cell*. A kept document is told to
the cells of its own text and of the texts that may be dropped for it, at most as often per cell as any source may have
copies, which is enough for the count: the work is linear in the verified pairs, however many copies a text has.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from midmix.curation.decide.edges import CONTAINED, URL
from midmix.jit import njit

# What became of a document.
FAILED, WAITING, KEPT, DUPLICATE, CAPPED, THINNED = range(6)
# Through what a document repeats another: the number of an edge, or one of these.
BY_TEXT, BY_URL, BY_NOTHING = -1, -2, -3
EVERYWHERE, WITHIN, ACROSS, NOWHERE = range(4)


class Policies(NamedTuple):
    """What sources allow, by their number. scope: int8; copies: int64."""

    scope: npt.NDArray[np.int8]
    copies: npt.NDArray[np.int64]


class Documents(NamedTuple):
    """By place, which is the rank in survivor order; lists end with -1.

    state: uint8; source: int32, its number; text: first place of the same text; cell: first place of the same text and
    source; next_cell: the next cell of a text, empty where every text has one; url_cell: first place of the same URL
    and source, next_url: the next document of the URL, both empty where no URLs are compared; template: its number, -1
    outside templates, empty where they have no cap.
    """

    state: npt.NDArray[np.uint8]
    source: npt.NDArray[np.int32]
    text: npt.NDArray[np.int64]
    cell: npt.NDArray[np.int64]
    next_cell: npt.NDArray[np.int64]
    url_cell: npt.NDArray[np.int64]
    next_url: npt.NDArray[np.int64]
    template: npt.NDArray[np.int64]


class Tally(NamedTuple):
    """What is known while it goes. told, counted: int32, best (place), best_via: by cell; url_told: by URL cell;
    url_count, best_url: by place; of_template: int32, by template."""

    told: npt.NDArray[np.int32]
    counted: npt.NDArray[np.int32]
    best: npt.NDArray[np.int64]
    best_via: npt.NDArray[np.int64]
    url_told: npt.NDArray[np.int32]
    url_count: npt.NDArray[np.int32]
    best_url: npt.NDArray[np.int64]
    of_template: npt.NDArray[np.int32]


@njit(inline="always")
def _looks_at(scope, same_source):  # type: ignore[no-untyped-def]
    return scope == EVERYWHERE or (scope == WITHIN and same_source) or (scope == ACROSS and not same_source)


@njit(inline="always")
def _strength(via, edges):  # type: ignore[no-untyped-def]
    """Rank of what two texts have in common (lower is stronger), and how much."""
    if via == BY_TEXT:
        return 0, 1.0
    if via == BY_NOTHING:
        return 255, 0.0
    if edges.relation[via] == CONTAINED:
        return CONTAINED, edges.containment[via]
    return int(edges.relation[via]), edges.jaccard[via]


@njit(inline="always")
def _is_edge(giver, taker, edges):  # type: ignore[no-untyped-def]
    low, high = edges.starts[giver], edges.starts[giver + 1]
    while low < high:
        middle = (low + high) // 2
        if edges.takers[middle] < taker:
            low = middle + 1
        else:
            high = middle
    return low < edges.starts[giver + 1] and edges.takers[low] == taker


@njit
def _tell_texts(x, documents, edges, policies, tally):  # type: ignore[no-untyped-def]
    """Tell the cells of x's text, and of those that may be dropped for it, that x is kept."""
    giver = documents.text[x]
    first = edges.starts[giver]
    for edge in range(first - 1, edges.starts[giver + 1]):
        via = BY_TEXT if edge < first else edge
        at = giver if edge < first else edges.takers[edge]
        rank, strength = _strength(via, edges)
        while at >= 0:
            source = documents.source[at]
            if _looks_at(policies.scope[source], source == documents.source[x]):
                tally.counted[at] += 1
                held_rank, held = _strength(tally.best_via[at], edges)
                if rank < held_rank or (rank == held_rank and strength > held):
                    tally.best[at] = x
                    tally.best_via[at] = via
            at = documents.next_cell[at] if documents.next_cell.size else -1


@njit
def _tell_urls(x, documents, edges, policies, tally):  # type: ignore[no-untyped-def]
    """Tell later documents of x's URL that x is kept, but for those that know it by their text."""
    giver = documents.text[x]
    at = documents.next_url[x]
    while at >= 0:
        source, taker = documents.source[at], documents.text[at]
        looks = _looks_at(policies.scope[source], source == documents.source[x])
        if looks and taker != giver and not _is_edge(giver, taker, edges):
            tally.url_count[at] += 1
            if tally.url_count[at] == 1:
                tally.best_url[at] = x
        at = documents.next_url[at]


@njit
def pass_over(documents, edges, policies, tally, cap, repeats, via):  # type: ignore[no-untyped-def]
    """Decide the documents that wait. repeats, via: of a duplicate, place of the kept document that it repeats, and how.

    Of several the one of the strongest relation and then the highest value is named, the first among equals. At most
    `cap` documents of a template are kept.
    """
    enough = policies.copies.max() if policies.copies.size else 1
    for x in range(documents.state.size):
        if documents.state[x] != WAITING:
            continue
        cell = documents.cell[x]
        known = tally.counted[cell] + (tally.url_count[x] if documents.url_cell.size else 0)
        if known >= policies.copies[documents.source[x]]:
            documents.state[x] = DUPLICATE
            by_text = tally.counted[cell] == known or _strength(tally.best_via[cell], edges)[0] < URL
            repeats[x] = tally.best[cell] if by_text else tally.best_url[x]
            via[x] = tally.best_via[cell] if by_text else BY_URL
            continue
        if documents.template.size and documents.template[x] >= 0:
            if tally.of_template[documents.template[x]] >= cap:
                documents.state[x] = CAPPED
                continue
            tally.of_template[documents.template[x]] += 1
        documents.state[x] = KEPT
        if tally.told[cell] < enough:
            tally.told[cell] += 1
            _tell_texts(x, documents, edges, policies, tally)
        if documents.url_cell.size and tally.url_told[documents.url_cell[x]] < enough:
            tally.url_told[documents.url_cell[x]] += 1
            _tell_urls(x, documents, edges, policies, tally)
