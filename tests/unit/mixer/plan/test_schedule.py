"""Rates by hand at the start, in the middle and at the end of each schedule."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from midmix.mixer.plan.manifest import Plan
from midmix.mixer.plan.models import LearningRate, Stage
from midmix.mixer.plan.schedule import check_rate, rate_at

PlanMaker = Callable[..., Plan]


@pytest.fixture
def stage(make_plan: PlanMaker) -> Stage:
    """A stage of 1,600 tokens after 1,600 others."""
    plan = make_plan({"web": [6401]}, {"web": 1}, tokens=1600)
    return plan.stages[0].model_copy(update={"start_tokens": 1600})


@pytest.mark.parametrize(
    ("fields", "rates"),
    [
        ({"schedule": "constant", "end": 4.0}, [4, 4, 4, 4, 4]),
        ({"schedule": "linear", "end": 2.0}, [4, 3.5, 3, 2.5, 2]),
        ({"schedule": "linear-to-zero", "end": 0.0}, [4, 3, 2, 1, 0]),
        ({"schedule": "cosine", "end": 2.0}, [4, 3.7071067811865475, 3, 2.2928932188134525, 2]),
        ({"schedule": "1-sqrt", "end": 2.0}, [4, 3, 2.585786437626905, 2.2679491924311228, 2]),
        ({"schedule": "exponential", "end": 0.25}, [4, 2, 1, 0.5, 0.25]),
        ({"schedule": "wsd", "end": 0.0, "decay": "linear", "decay_start": 800}, [4, 4, 4, 2, 0]),
        ({"schedule": "wsd", "end": 1.0, "decay": "exponential", "decay_start": 800}, [4, 4, 4, 2, 1]),
        ({"schedule": "power", "end": 2.0, "amplitude": 2.0 * 3200**0.5, "exponent": -0.5}, [2.8284271, 2.5298221, 2.3094011, 2.1380899, 2]),
        ({"schedule": "linear", "end": 0.0, "warmup_tokens": 800}, [0, 2, 4, 2, 0]),
    ],
)  # fmt: skip
def test_rates_by_hand(stage: Stage, fields: dict[str, Any], rates: list[float]) -> None:
    rate = LearningRate(start=4.0, **fields)
    check_rate(rate, 1600, 1600, "stage x")
    found = [rate_at(stage.model_copy(update={"learning_rate": rate}), t) for t in (0, 400, 800, 1200, 1600)]
    assert found == pytest.approx(rates, rel=1e-7)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"schedule": "constant", "end": 3.0}, "constant ends at 4, the plan says 3"),
        ({"schedule": "linear-to-zero", "end": 1.0}, "linear-to-zero ends at 0, the plan says 1"),
        ({"schedule": "exponential", "end": 0.0}, "never ends at 0"),
        ({"schedule": "linear", "end": 0.0, "warmup_tokens": 1600}, "warm-up of 1600 tokens in a stage of 1600"),
        ({"schedule": "wsd", "end": 0.0}, "wsd without decay"),
        ({"schedule": "wsd", "end": 0.0, "decay": "linear", "decay_start": 1600}, "expected 0 to 1599"),
        ({"schedule": "power", "end": 0.0}, "power without amplitude"),
    ],
)
def test_schedules_that_cannot_be_are_refused(fields: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        check_rate(LearningRate(start=4.0, **fields), 1600, 0, "stage x")


def test_no_rate_beyond_the_stage(stage: Stage) -> None:
    with pytest.raises(ValueError, match="got 1601 tokens, it has 1600"):
        rate_at(stage, 1601)
