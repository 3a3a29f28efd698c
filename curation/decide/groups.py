"""Groups of documents: union-find over arrays that lie on disk, and groups cut by source into cells."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from midmix.jit import njit


@njit
def unite(parent: npt.NDArray[np.integer], left: npt.NDArray[np.int64], right: npt.NDArray[np.int64]) -> None:
    """Unite the groups of left[i] and right[i], the lowest of each as its root; paths are halved on the way."""
    for i in range(left.size):
        a, b = np.int64(left[i]), np.int64(right[i])
        while parent[a] != a:
            parent[a] = parent[parent[a]]
            a = np.int64(parent[a])
        while parent[b] != b:
            parent[b] = parent[parent[b]]
            b = np.int64(parent[b])
        parent[max(a, b)] = min(a, b)


@njit
def flatten(parent: npt.NDArray[np.integer]) -> None:
    """Point each member at the root of its group; parents are never above their children."""
    for a in range(parent.size):
        parent[a] = parent[parent[a]]


@njit
def count_members(group: npt.NDArray[np.integer], size: npt.NDArray[np.integer]) -> None:
    """Add to size[root] the members of each group."""
    for a in range(group.size):
        size[group[a]] += 1


@njit
def link_members(
    group: npt.NDArray[np.integer], following: npt.NDArray[np.integer], last: npt.NDArray[np.integer]
) -> None:
    """Set following[i] to the next member of i's group, -1 for the last one; `last` is scratch."""
    for a in range(group.size):
        following[a] = -1
        if group[a] != a:
            following[last[group[a]]] = a
        last[group[a]] = a


@njit
def cut_by_source(
    group: npt.NDArray[np.integer],
    source: npt.NDArray[np.int32],
    cell: npt.NDArray[np.integer],
    following: npt.NDArray[np.integer],
) -> None:
    """Cut groups into cells, the members of one source, named after the first of them.

    The first cell of a group has the name of the group; following[cell] is the group's next cell, -1 for its last one.
    """
    for a in range(group.size):
        at = np.int64(group[a])
        if at == a:
            following[a] = -1
            cell[a] = a
            continue
        while source[at] != source[a] and following[at] >= 0:
            at = np.int64(following[at])
        if source[at] != source[a]:
            following[at] = a
            following[a] = -1
            at = np.int64(a)
        cell[a] = at
