"""Verified pairs of texts on disk, by the text that another may be dropped for."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from midmix.curation.dedup.exchange import Exchange, Workspace

# Relations of PAIRS and SEMANTIC_PAIRS, the stronger first; `contains` is `contained` the other way round.
RELATIONS = ("exact", "near", "contained", "contains", "url", "semantic", "template")
EXACT, NEAR, CONTAINED, CONTAINS, URL, SEMANTIC, TEMPLATE = range(7)
EDGE = np.dtype(
    [
        ("giver", np.int64),
        ("taker", np.int64),
        ("relation", np.uint8),
        ("jaccard", np.float64),
        ("containment", np.float64),
    ]
)
_COLUMNS = ("taker", "relation", "jaccard", "containment")


@dataclass(frozen=True)
class Pairs:
    """Some pairs. later, earlier: int64, ordinals; relation: uint8, place in RELATIONS; jaccard, or the cosine of
    embeddings, and containment: NaN where they are not known."""

    later: npt.NDArray[np.int64]
    earlier: npt.NDArray[np.int64]
    relation: npt.NDArray[np.uint8]
    jaccard: npt.NDArray[np.float64]
    containment: npt.NDArray[np.float64]

    def of(self, *relations: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """(later, earlier) of the pairs of some relations."""
        chosen = np.isin(self.relation, relations)
        return self.later[chosen], self.earlier[chosen]

    def without_templates(self, template: npt.NDArray[np.int64]) -> Pairs:
        """All but the SEMANTIC pairs of one template (its number by ordinal).

        Texts of one template mean the same to an embedding, yet the same problem with other numbers is no duplicate.
        """
        chosen = (self.relation != SEMANTIC) | (template[self.later] != template[self.earlier])
        return Pairs(*(column[chosen] for column in vars(self).values()))


class Edges(NamedTuple):
    """The texts that may be dropped for the text at t are takers[starts[t]:starts[t + 1]], ascending; all on disk.

    starts: int64 [n + 1]; takers: int64; relation: uint8, NEAR, CONTAINED or SEMANTIC; jaccard (of SEMANTIC
    the cosine), containment: float64.
    """

    starts: npt.NDArray[np.int64]
    takers: npt.NDArray[np.int64]
    relation: npt.NDArray[np.uint8]
    jaccard: npt.NDArray[np.float64]
    containment: npt.NDArray[np.float64]


def directed_edges(
    pairs: Iterable[Pairs], text: npt.NDArray[np.int64], places: npt.NDArray[np.int64], work: Workspace
) -> Edges:
    """Near and semantic pairs both ways, and for each text those that lie in it.

    text: first place of each place's text, since what holds for one copy of a text holds for all; places: by ordinal.
    Of several pairs of two texts the strongest relation counts.
    """
    exchange = work.exchange("edges", EDGE, len(text))
    rows = 0
    for batch in pairs:
        later, earlier = text[places[batch.later]], text[places[batch.earlier]]
        for relation, taker, giver in (
            (NEAR, later, earlier),
            (NEAR, earlier, later),
            (SEMANTIC, later, earlier),
            (SEMANTIC, earlier, later),
            (CONTAINED, later, earlier),
            (CONTAINS, earlier, later),
        ):
            chosen = (batch.relation == relation) & (later != earlier)
            stored = np.full(np.count_nonzero(chosen), CONTAINED if relation == CONTAINS else relation, np.uint8)
            exchange.append(giver[chosen], taker[chosen], stored, batch.jaccard[chosen], batch.containment[chosen])
            rows += len(stored)
    return _by_giver(exchange, len(text), rows, work)


def _by_giver(exchange: Exchange, count: int, rows: int, work: Workspace) -> Edges:
    """The records of an exchange of at most `rows`, the first of each pair of `count` texts."""
    starts = work.array("edge_starts", np.int64, count + 1)
    columns = [work.array(f"edge_{name}", EDGE[name], rows) for name in _COLUMNS]
    filled, before = 0, np.full(1, -1, EDGE)
    for records in exchange.sorted_ranges():
        ends = np.concatenate([before, records])[["giver", "taker"]]
        before = records[-1:] if len(records) else before
        records = records[ends[1:] != ends[:-1]]
        np.add.at(starts, records["giver"] + 1, 1)
        for name, column in zip(_COLUMNS, columns, strict=True):
            column[filled : filled + len(records)] = records[name]
        filled += len(records)
    np.cumsum(starts, out=starts)
    return Edges(starts, *(column[:filled] for column in columns))
