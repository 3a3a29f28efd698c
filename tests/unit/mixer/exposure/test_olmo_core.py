"""OLMo-core's order of a small plan; the permutation as ai2-olmo-core 3.0.0 gave it, written down."""

from __future__ import annotations

import numpy as np

from midmix.mixer.exposure.layout import end_to_end
from midmix.mixer.exposure.olmo_core import order
from midmix.mixer.plan.manifest import Plan

# `get_rng(7 + 1)` of olmo_core.data.utils shuffling 12 indices.
PERMUTED = [7, 3, 8, 0, 1, 10, 6, 11, 5, 9, 2, 4]


def test_passes_over_files_are_shuffled_as_one(plan: Plan) -> None:
    stage = plan.stages[0]
    found = order(plan, stage, 7, lambda place: end_to_end(np.array([100])))
    # Math is drawn 3 times from 2 sequences: a pass, and half a pass from the head of the file.
    assert list(found.places) == [("math", 0), ("math", 0), ("web", 0), ("web", 1)]
    whole = [(0, 0), (0, 1), (1, 0), *((2, draw) for draw in range(6)), *((3, draw) for draw in range(3))]
    assert list(zip(found.stream_of.tolist(), found.draw_of.tolist(), strict=True)) == [whole[i] for i in PERMUTED]
    assert (found.batch, found.num_steps) == (2, 6)


def test_a_sequence_lies_where_the_file_has_it(plan: Plan) -> None:
    found = order(plan, plan.stages[0], 7, lambda place: end_to_end(np.array([10, 100])))
    # The first step reads sequence 4 of web's first file and the second sequence of math's first pass ... of 8 tokens.
    reads = [(place, read.document, read.first, read.end) for _, place, read in found.step(1)]
    assert reads == [(("web", 0), 1, 22, 30), (("web", 0), 0, 0, 8)]
