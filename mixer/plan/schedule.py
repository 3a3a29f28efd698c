"""The learning rate at any token of a stage, by each schedule's formula."""

from __future__ import annotations

import math
from collections.abc import Callable

from midmix.mixer.plan.models import LearningRate, Stage

# start, end, fraction of the way -> rate
FORMS: dict[str, Callable[[float, float, float], float]] = {
    "constant": lambda start, end, x: start,
    "linear": lambda start, end, x: start + (end - start) * x,
    "linear-to-zero": lambda start, end, x: start * (1 - x),
    "cosine": lambda start, end, x: end + (start - end) * (1 + math.cos(math.pi * x)) / 2,
    "1-sqrt": lambda start, end, x: end + (start - end) * (1 - math.sqrt(x)),
    "exponential": lambda start, end, x: start * (end / start) ** x,
}


def rate_at(stage: Stage, tokens: int) -> float:
    """The learning rate after `tokens` of the stage, from 0 to its budget. Raises ValueError beyond."""
    if not 0 <= tokens <= stage.token_budget:
        raise ValueError(f"stage {stage.id}: got {tokens} tokens, it has {stage.token_budget}")
    return _rate(stage.learning_rate, tokens, stage.token_budget, stage.start_tokens)


def _rate(rate: LearningRate, tokens: int, budget: int, before: int) -> float:
    if tokens < rate.warmup_tokens:
        return rate.start * tokens / rate.warmup_tokens
    if rate.schedule == "power":
        return power(rate, before + tokens)
    first = rate.warmup_tokens
    form = rate.schedule
    if rate.schedule == "wsd":
        assert rate.decay_start is not None and rate.decay is not None
        if tokens <= rate.decay_start:
            return rate.start
        first, form = rate.decay_start, rate.decay
    return FORMS[form](rate.start, rate.end, (tokens - first) / (budget - first))


def power(rate: LearningRate, tokens: int) -> float:
    """min(start, amplitude x n^exponent) after `tokens` of all training: the power scheduler before its decay.

    Source: arXiv 2408.13359; `amplitude` is its batch size times a.
    """
    assert rate.amplitude is not None and rate.exponent is not None
    return rate.start if tokens == 0 else min(rate.start, rate.amplitude * float(tokens) ** rate.exponent)


def check_rate(rate: LearningRate, budget: int, before: int, where: str) -> None:
    """Raise ValueError where the schedule cannot be, or does not end where it says."""
    if rate.warmup_tokens >= budget:
        raise ValueError(f"{where}: warm-up of {rate.warmup_tokens} tokens in a stage of {budget}")
    if rate.schedule == "wsd" and (rate.decay is None or rate.decay_start is None):
        raise ValueError(f"{where}: wsd without decay and decay_start")
    if rate.schedule == "power" and (rate.amplitude is None or rate.exponent is None):
        raise ValueError(f"{where}: power without amplitude and exponent")
    if rate.decay_start is not None and not rate.warmup_tokens <= rate.decay_start < budget:
        raise ValueError(
            f"{where}: the decay starts at {rate.decay_start} tokens, expected {rate.warmup_tokens} to {budget - 1}"
        )
    form = rate.decay if rate.schedule == "wsd" else rate.schedule
    if form == "exponential" and rate.end == 0:
        raise ValueError(f"{where}: an exponential decay never ends at 0; give the rate that it ends at")
    end = _rate(rate, budget, budget, before)
    if not math.isclose(end, rate.end, rel_tol=1e-6, abs_tol=0.0):
        raise ValueError(f"{where}: {rate.schedule} ends at {end:.6g}, the plan says {rate.end:.6g}")
