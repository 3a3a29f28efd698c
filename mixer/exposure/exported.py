"""The plan as its exports hold it, small shards joined, and where the documents of its own shards are in that."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from midmix.mixer.exposure.layout import Layout, LayoutOf, joined
from midmix.mixer.exposure.order import Place
from midmix.mixer.plan.joined import find_joints, join
from midmix.mixer.plan.manifest import Plan
from midmix.mixer.plan.models import Shard, Stage
from midmix.mixer.simplex import Mask


class Exported:
    """What trainers read: `plan` with the shards that exports have. `layout_of` is of the shards of the plan itself."""

    def __init__(self, plan: Plan, layout_of: LayoutOf) -> None:
        joints = find_joints(plan)
        self.plan = join(plan, joints)
        self._layout_of = layout_of
        self._joined: dict[Place, tuple[Shard, ...]] = {(j.domain, j.number): j.shards for j in joints}
        self._file = {(j.domain, shard.index): (j.domain, j.number) for j in joints for shard in j.shards}

    def stage(self, stage: Stage) -> Stage:
        """A stage of the plan as it is exported."""
        return self.plan.stages[stage.order]

    def layout(self, file: Place) -> Layout:
        """The layout of an exported shard."""
        shards = self._joined.get(file)
        if shards is None:
            return self._layout_of(file)
        return joined([self._layout_of((file[0], shard.index)) for shard in shards])

    def held(self, held: Mapping[Place, Mask]) -> dict[Place, Mask]:
        """Documents by shard of the plan as documents by exported shard: bool[documents] of every one that has some."""
        files = {place: mask for place, mask in held.items() if place not in self._file}
        for file in {self._file[place]: None for place in held if place in self._file}:
            counts = zip(self._joined[file], self._counts(file), strict=True)
            masks = [held.get((file[0], shard.index), np.zeros(count, np.bool_)) for shard, count in counts]
            files[file] = np.concatenate(masks)
        return files

    def origin(self, file: Place, document: int) -> tuple[Place, int]:
        """Shard of the plan, and ordinal in it, of a document of an exported shard."""
        shards = self._joined.get(file)
        if shards is None:
            return file, document
        counts = self._counts(file)
        ends = np.cumsum(counts)
        number = int(np.searchsorted(ends, document, side="right"))
        return (file[0], shards[number].index), document - int(ends[number]) + counts[number]

    def _counts(self, file: Place) -> list[int]:
        """Documents of each of the shards that are one file."""
        return [self._layout_of((file[0], shard.index)).num_documents for shard in self._joined[file]]
