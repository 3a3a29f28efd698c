"""What an export says, read from its own files: it must be the plan, or nothing is written."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from midmix.errors import InputError
from midmix.mixer.plan.models import Stage


@dataclass(frozen=True)
class StageRead:
    """A stage as a trainer's files have it. `draws` are sequences by domain and shard, without zeros."""

    sequence_length: int
    global_batch_sequences: int
    sequences: int
    seed: int
    start: float
    end: float
    draws: Mapping[tuple[str, int], int]


def from_settings(settings: Mapping[str, Any], draws: Mapping[tuple[str, int], int]) -> StageRead:
    """A stage by what `drawn.stage_settings` wrote of it, and what its files draw."""
    return StageRead(
        sequence_length=settings["sequence_length"],
        global_batch_sequences=settings["global_batch_sequences"],
        sequences=sum(draws.values()),
        seed=settings["seed"],
        start=settings["learning_rate"]["start"],
        end=settings["learning_rate"]["end"],
        draws=draws,
    )


def expected(stage: Stage) -> StageRead:
    """The same of the plan."""
    return StageRead(
        sequence_length=stage.sequence_length,
        global_batch_sequences=stage.global_batch_sequences,
        sequences=stage.sequences,
        seed=stage.seed,
        start=stage.learning_rate.start,
        end=stage.learning_rate.end,
        draws={
            (share.domain, draw.shard): draw.sequences
            for share in stage.mixture
            for draw in share.draws
            if draw.sequences
        },
    )


def check(stage: Stage, read: StageRead, trainer: str) -> None:
    """Raise InputError, with both values, where what a trainer would read is not the plan.

    Rates may differ by their last digits: some trainers have the end of a decay as a share of its start.
    """
    planned = expected(stage)
    for field in planned.__dataclass_fields__:
        got, wanted = getattr(read, field), getattr(planned, field)
        same = math.isclose(got, wanted, rel_tol=1e-12) if field in ("start", "end") else got == wanted
        if not same:
            raise InputError(f"{trainer}, stage {stage.id}: its files say {field} {got!r}, the plan {wanted!r}")
