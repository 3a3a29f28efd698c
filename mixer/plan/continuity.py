"""What must go on across the boundary of two stages, unless the plan declares that it changes."""

from __future__ import annotations

import math
from collections.abc import Sequence

from midmix.mixer.plan.models import EarlierStage, Stage
from midmix.mixer.plan.schedule import check_rate, rate_at

# Reports round rates to three digits.
RATE_TOLERANCE = 1e-3


def check_continuity(earlier: Sequence[EarlierStage], stages: Sequence[Stage]) -> None:
    """Raise ValueError, with both numbers, where rate, optimizer state, batch or tokens do not go on."""
    tokens = sum(stage.tokens for stage in earlier)
    rate = earlier[-1].learning_rate_end if earlier else None
    batch = earlier[-1].global_batch_tokens if earlier else None
    for stage in stages:
        where = f"stage {stage.id}"
        if stage.start_tokens != tokens:
            raise ValueError(f"{where}: starts at {stage.start_tokens} tokens, {tokens} were trained before it")
        check_rate(stage.learning_rate, stage.token_budget, stage.start_tokens, where)
        _check_rate_goes_on(stage, rate, where)
        if batch is not None and stage.boundary.batch == "same" and stage.global_batch_tokens != batch:
            raise ValueError(
                f"{where}: its batch is {stage.global_batch_tokens} tokens, that of the stage before {batch}; "
                f"make them equal or declare boundary.batch: changed"
            )
        if stage.boundary.optimizer == "fresh" and not stage.learning_rate.warmup_tokens:
            raise ValueError(
                f"{where}: a fresh optimizer at the full rate of {stage.learning_rate.start:.6g} from the first step; "
                f"load its state, or give learning_rate.warmup_tokens"
            )
        _check_rope(stage, where)
        tokens, rate, batch = stage.end_tokens, rate_at(stage, stage.token_budget), stage.global_batch_tokens


def _check_rate_goes_on(stage: Stage, before: float | None, where: str) -> None:
    if before is None or stage.boundary.learning_rate == "restart":
        return
    now = rate_at(stage, 0)
    if not math.isclose(now, before, rel_tol=RATE_TOLERANCE, abs_tol=0.0):
        raise ValueError(
            f"{where}: its learning rate starts at {now:.6g}, the stage before ended at {before:.6g}; "
            f"make them meet or declare boundary.learning_rate: restart"
        )


def _check_rope(stage: Stage, where: str) -> None:
    rope = stage.rope
    if rope is None or rope.factor is None or rope.original_length is None:
        return
    reach = rope.factor * rope.original_length
    if reach < stage.sequence_length:
        raise ValueError(
            f"{where}: {rope.scaling} x{rope.factor:g} of {rope.original_length} reaches {reach:.0f} positions, "
            f"its sequences have {stage.sequence_length}"
        )
