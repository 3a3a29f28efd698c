"""A job of two steps, measured on two texts, and a log to write."""

from __future__ import annotations

import pytest

from midmix.mixer.jobs.manifest import Evaluation, Job, ValidationSet


@pytest.fixture
def job() -> Job:
    return Job(
        run=3, role="natural", seed=1, folder="run-000003", weights={"code": 0.25, "web": 0.75}, pools={},
        mixture={"code": 32, "web": 96}, tokens=128, steps=2, metrics="run-000003/log.txt",
    )  # fmt: skip


@pytest.fixture
def evaluation() -> tuple[Evaluation, ...]:
    code = (ValidationSet(number=0, sequences=4),)
    web = (ValidationSet(number=1, sequences=12), ValidationSet(number=2, sequences=4))
    return (
        Evaluation(metric="domain:code", num_tokens=40, num_bytes=100, sets=code),
        Evaluation(metric="domain:web", num_tokens=160, num_bytes=800, sets=web),
    )
