"""What became of documents that have a pair: verdicts, read from the arrays that the pass left on disk."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from midmix.curation.decide.edges import EXACT, RELATIONS, SEMANTIC, URL, Edges
from midmix.curation.decide.one_pass import BY_TEXT, BY_URL, CAPPED, DUPLICATE, THINNED

REASONS = {CAPPED: "template.cap", THINNED: "template.thin"}


@dataclass(frozen=True)
class Verdicts:
    """Verdicts on consecutive documents.

    reason: of a document that is dropped here, else None; repeats: ordinal of the kept document that it repeats, -1 where
    it repeats none; relation: how; jaccard, containment, cosine: NaN where not known; cluster, template: lowest ordinal of the
    group, -1 outside groups; cluster_size, template_size: documents in it.
    """

    reason: npt.NDArray[np.object_]
    repeats: npt.NDArray[np.int64]
    relation: npt.NDArray[np.object_]
    jaccard: npt.NDArray[np.float64]
    containment: npt.NDArray[np.float64]
    cosine: npt.NDArray[np.float64]
    cluster: npt.NDArray[np.int64]
    cluster_size: npt.NDArray[np.int64]
    template: npt.NDArray[np.int64]
    template_size: npt.NDArray[np.int64]


@dataclass(frozen=True)
class Group:
    """A partition of the documents by ordinal: the lowest of each group, and by that the number of members."""

    of: npt.NDArray[np.int64]
    size: npt.NDArray[np.int64]


@dataclass(frozen=True)
class Survivors:
    """What became of each document, on disk. By ordinal: places, cluster, template; by place: order and the others."""

    order: npt.NDArray[np.int64]
    places: npt.NDArray[np.int64]
    cluster: Group
    template: Group
    text: npt.NDArray[np.int64]
    state: npt.NDArray[np.uint8]
    repeats: npt.NDArray[np.int64]
    via: npt.NDArray[np.int64]
    edges: Edges

    def verdicts(self, first: int, last: int) -> Verdicts:
        """Verdicts on the documents of ordinals first to last, end exclusive."""
        places = self.places[first:last]
        state, via = self.state[places], self.via[places]
        by_edge = np.maximum(via, 0)
        dropped = state == DUPLICATE
        names = np.array([*RELATIONS, None], object)
        of_edge = via >= 0
        relation = np.select([via == BY_TEXT, via == BY_URL], [EXACT, URL], len(RELATIONS))
        relation[of_edge] = self.edges.relation[by_edge[of_edge]]
        jaccard, containment = np.where(via == BY_TEXT, 1.0, np.nan), np.full(last - first, np.nan)
        jaccard[of_edge] = self.edges.jaccard[by_edge[of_edge]]
        cosine = np.where(relation == SEMANTIC, jaccard, np.nan)
        jaccard[relation == SEMANTIC] = np.nan
        containment[of_edge] = self.edges.containment[by_edge[of_edge]]
        reason = np.full(last - first, None, object)
        for code, name in REASONS.items():
            reason[state == code] = name
        reason[dropped] = "duplicate." + names[relation[dropped]]
        repeats = np.full(last - first, -1, np.int64)
        repeats[dropped] = self.order[self.repeats[places[dropped]]]
        return Verdicts(
            reason, repeats, names[relation], jaccard, containment, cosine,
            *_named(self.cluster, first, last), *_named(self.template, first, last),
        )  # fmt: skip


def _named(group: Group, first: int, last: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    if not len(group.of):
        return np.full(last - first, -1, np.int64), np.zeros(last - first, np.int64)
    roots = group.of[first:last].astype(np.int64)
    sizes = group.size[roots].astype(np.int64)
    return np.where(sizes > 0, roots, -1), sizes
