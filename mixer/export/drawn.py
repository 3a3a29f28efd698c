"""What a stage draws from each shard, and its sequences, for trainers whose files hold sequences and not documents."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from midmix.mixer.plan.manifest import Plan
from midmix.mixer.plan.models import Stage, TokenFile

BLOCK_BYTES = 1 << 23


@dataclass(frozen=True)
class Drawn:
    """`sequences` drawn from one shard of a domain, of which `distinct` are different ones: the head of its file.

    Documents lie in a seeded permutation, so the head is a random sample.
    """

    domain: str
    shard: int
    sequences: int
    available: int
    bin: TokenFile

    @property
    def name(self) -> str:
        """The name of its file or folder: a domain that is no number, so that no trainer reads it as one."""
        return f"{self.domain}-{self.shard:05d}"

    @property
    def distinct(self) -> int:
        """Different sequences among those drawn."""
        return min(self.sequences, self.available)


def drawn(plan: Plan, stage: Stage) -> list[Drawn]:
    """Every shard that the stage draws from, in the order of the plan."""
    return [
        Drawn(share.domain, draw.shard, draw.sequences, draw.available, shard.bin)
        for share in stage.mixture
        for draw, shard in plan.drawn(share)
    ]


def sequence_blocks(
    path: Path, dtype: str, sequence_length: int, count: int, *, labels: int = 0
) -> Iterator[npt.NDArray[Any]]:
    """The first `count` sequences of a token file, [sequences, sequence_length + labels] at a time, in order.

    With `labels` = 1 each brings the first token of the next one, which is the label of its last token.
    """
    item = np.dtype(dtype).newbyteorder("<")
    tokens = np.memmap(path, dtype=item, mode="r")
    rows = max(1, BLOCK_BYTES // (sequence_length * item.itemsize))
    for first in range(0, count, rows):
        most = min(count, first + rows)
        part = tokens[first * sequence_length : most * sequence_length + labels]
        width = sequence_length + labels
        yield np.lib.stride_tricks.sliding_window_view(part, width)[::sequence_length][: most - first]


def stage_settings(plan: Plan, stage: Stage) -> dict[str, Any]:
    """What a loader of the stage wants to know beside its files; `readback.from_settings` reads it."""
    return {
        "sequence_length": stage.sequence_length,
        "global_batch_sequences": stage.global_batch_sequences,
        "seed": stage.seed,
        "dtype": plan.tokenizer.dtype,
        "document_mask": stage.packing.document_mask,
        "packing": stage.packing.method,
        "end_of_text": plan.tokenizer.eos_id,
        "learning_rate": stage.learning_rate.model_dump(mode="json", exclude_none=True),
        "rope": stage.rope.model_dump(mode="json") if stage.rope else None,
        "sequences": {share.domain: share.sequences for share in stage.mixture},
    }
