"""A run's plan asked both ways: what is read of some documents, when, and which documents a step reads."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from midmix.errors import ConfigError
from midmix.mixer.exposure import megatron, olmo_core
from midmix.mixer.exposure.counts import Exposure, before, in_stage
from midmix.mixer.exposure.exported import Exported
from midmix.mixer.exposure.layout import LayoutOf, Layouts
from midmix.mixer.exposure.order import Order, Place
from midmix.mixer.exposure.places import Places
from midmix.mixer.plan.manifest import Plan
from midmix.mixer.plan.models import Stage
from midmix.mixer.simplex import Mask

ORDERS: dict[str, Callable[[Plan, Stage, int, LayoutOf], Order]] = {
    "megatron": megatron.order,
    "olmo-core": olmo_core.order,
}


@dataclass(frozen=True)
class StepRead:
    """Tokens [first, end) of one document in one sequence of a step, `tokens` of them input, the rest labels.

    `doc` is None for a document of token files that came with the run: it is the `document`-th of its shard, from 0.
    """

    sequence: int
    domain: str
    shard: int
    document: int
    doc: int | None
    first: int
    end: int
    tokens: int


class Replay:
    """The plan of a run and, where `trainer` is one of ORDERS, the order in which that trainer reads every stage.

    `seed` is that of the trainer's data loader where it is not the plan's. Raises ConfigError for another trainer.
    """

    def __init__(self, folder: Path, plan: Plan, *, trainer: str | None = None, seed: int | None = None) -> None:
        if trainer is not None and trainer not in ORDERS:
            raise ConfigError(
                f"--trainer: got {trainer!r}; the orders of {' and '.join(ORDERS)} can be replayed, and in which steps "
                f"another trainer reads a document is known from its own logs alone"
            )
        self.plan, self.trainer, self.seed = plan, trainer, seed
        self._layouts = Layouts(folder, plan)
        self.places = Places(folder, plan, self._layouts)
        self._exported = Exported(plan, self._layouts.of)
        self._orders: dict[str, Order] = {}

    def order(self, stage: Stage) -> Order:
        """The order in which the trainer, which must have been named, reads a stage."""
        assert self.trainer is not None
        if stage.id not in self._orders:
            seed = stage.seed if self.seed is None else self.seed
            self._orders[stage.id] = ORDERS[self.trainer](
                self._exported.plan, self._exported.stage(stage), seed, self._exported.layout
            )
        return self._orders[stage.id]

    def stage(self, name: str | None) -> Stage:
        """The stage called `name`; the only one where it is None. Raises ConfigError."""
        stages = {stage.id: stage for stage in self.plan.stages}
        if name is None and len(stages) == 1:
            return self.plan.stages[0]
        if name not in stages:
            raise ConfigError(f"--stage: got {name!r}; the plan has {', '.join(stages)}, whose steps count from 1 each")
        return stages[name]

    def exposures(self, held: Mapping[Place, Mask]) -> list[Exposure]:
        """What earlier training and every stage read of the documents `held`, by shard: bool[documents]."""
        found = before(self.plan, held, self._layouts.of)
        exported = self._exported
        files = exported.held(held)
        for stage in exported.plan.stages:
            drawn = {(share.domain, draw.shard) for share in stage.mixture for draw in share.draws if draw.sequences}
            if drawn & files.keys():
                order = self.order(stage) if self.trainer else None
                found += in_stage(exported.plan, stage, files, exported.layout, order)
        return found

    def step(self, stage: Stage, number: int) -> list[StepRead]:
        """What step `number` (from 1) of a stage reads, sequence by sequence. Raises ConfigError."""
        reads = [
            (slot, *self._exported.origin(place, read.document), read)
            for slot, place, read in self.order(stage).step(number)
        ]
        by_place: dict[Place, set[int]] = defaultdict(set)
        for _, place, document, _ in reads:
            by_place[place].add(document)
        keys = self.places.documents(by_place)
        return [
            StepRead(slot, *place, document, keys.get((place, document)), read.first, read.end, read.tokens)
            for slot, place, document, read in reads
        ]
