"""OLMo-core's order: every pass over a file is cut into sequences from its head; one permutation of all of them.

Source: NumpyFSLDatasetMixture (numpy_dataset.py) and NumpyFSLDataLoader (data_loader.py) of ai2-olmo-core 3.0.0: the
first epoch's indices are `PCG64(seed + 1)` shuffling `arange` of uint32, whole batches in their order over all ranks.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from midmix.mixer.exposure.layout import LayoutOf
from midmix.mixer.exposure.order import Order, Place
from midmix.mixer.exposure.stream import Stream
from midmix.mixer.plan.manifest import Plan
from midmix.mixer.plan.models import Stage

# The trainer counts epochs from 1, and a stage is one.
EPOCH = 1


def order(plan: Plan, stage: Stage, seed: int, layout_of: LayoutOf) -> Order:
    """The order of a stage that was exported to OLMo-core and is read with the data loader's `seed`."""
    places, counts = _passes(plan, stage)
    starts = np.cumsum([0, *counts])
    indices = np.arange(starts[-1], dtype=np.uint32)
    np.random.Generator(np.random.PCG64(seed=seed + EPOCH)).shuffle(indices)
    stream_of = np.searchsorted(starts, indices, side="right") - 1

    @lru_cache(maxsize=64)
    def open_stream(number: int) -> Stream:
        shard = layout_of(places[number])
        return Stream(shard.documents, shard.lengths, stage.sequence_length, labels=0, firsts=shard.firsts)

    return Order(places, stream_of, indices - starts[stream_of], stage.global_batch_sequences, open_stream)


def _passes(plan: Plan, stage: Stage) -> tuple[list[Place], list[int]]:
    """Shard and sequences of every entry of the export's mixture: one pass, or a part of one, over one file."""
    places: list[Place] = []
    counts: list[int] = []
    for share in stage.mixture:
        for draw, shard in plan.drawn(share):
            whole, rest = divmod(draw.sequences, draw.available)
            passes = [draw.available] * whole + [rest] * (rest > 0)
            places += [(share.domain, shard.index)] * len(passes)
            counts += passes
    return places, counts
