"""Steps of an order, and the steps of documents."""

from __future__ import annotations

import numpy as np
import pytest

from midmix.errors import ConfigError
from midmix.mixer.exposure.order import Order
from midmix.mixer.exposure.stream import Stream

WEB, CODE = ("web", 0), ("code", 3)


@pytest.fixture
def order() -> Order:
    """Two steps of two sequences of 2 tokens: web 1, code 0; code 1, web 0."""
    streams = [Stream(np.arange(2), np.array([1, 3]), 2, 0), Stream(np.arange(1), np.array([4]), 2, 0)]
    return Order([WEB, CODE], np.array([0, 1, 1, 0]), np.array([1, 0, 1, 0]), 2, streams.__getitem__)


def test_a_step_names_what_it_reads(order: Order) -> None:
    found = [(slot, place, read.document, read.first, read.end) for slot, place, read in order.step(1)]
    assert found == [(0, WEB, 1, 1, 3), (1, CODE, 0, 0, 2)]
    found = [(slot, place, read.document, read.first, read.end) for slot, place, read in order.step(2)]
    assert found == [(0, CODE, 0, 2, 4), (1, WEB, 0, 0, 1), (1, WEB, 1, 0, 1)]


@pytest.mark.parametrize("step", [0, 3])
def test_a_step_that_is_not_there_is_refused(order: Order, step: int) -> None:
    with pytest.raises(ConfigError, match=rf"got {step}; the stage has steps 1 to 2"):
        next(order.step(step))


def test_steps_of_documents_sum_over_shards(order: Order) -> None:
    steps = order.steps_of({WEB: np.array([False, True])})
    assert (steps.steps.tolist(), steps.tokens.tolist()) == ([1, 2], [2, 1])
    steps = order.steps_of({WEB: np.array([True, False]), CODE: np.array([True])})
    assert (steps.steps.tolist(), steps.tokens.tolist()) == ([1, 2], [2, 3])
    assert not len(order.steps_of({("math", 0): np.array([True])}).steps)
