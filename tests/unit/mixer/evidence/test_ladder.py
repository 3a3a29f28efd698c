"""Whether sizes rank mixtures alike."""

from __future__ import annotations

import numpy as np
import pytest

from midmix.mixer.evidence.claim import NOT_SUPPORTED, SUPPORTED, WEAK
from midmix.mixer.evidence.ladder import correlation_interval, ladder_agreement
from midmix.mixer.fit.finals import Kind
from midmix.mixer.fit.swarm import Anchors, Swarm

METRICS, TARGETS = ("set:other", "set:gold"), np.array([1.0])


def rung(shape: str, parameters: int, shares: list[float], gold: list[float]) -> Anchors:
    weights = np.column_stack([shares, 1 - np.array(shares)])
    losses = np.column_stack([np.full(len(gold), 9.0), gold])
    return Anchors(Kind("proxy", shape, 1000, parameters), tuple(range(len(gold))), weights, losses)


def swarm(*rungs: Anchors) -> Swarm:
    top = rungs[-1]
    return Swarm(("a", "b"), METRICS, top.runs, top.weights, top.losses, (False,) * len(top.runs), {}, rungs=rungs)


def shares(count: int) -> list[float]:
    return [round(i / count, 6) for i in range(count)]


def test_sizes_are_compared_on_the_means_of_the_mixtures_that_both_ran() -> None:
    # the first mixture is repeated in the smaller: 1.0 and 3.0 make 2.0; the last is not in the larger
    small = rung("L1", 10, [0.1, 0.1, 0.2, 0.3, 0.4, 0.5, 0.9], [1.0, 3.0, 2.1, 2.2, 2.3, 2.5, 0.0])
    large = rung("L2", 40, [0.1, 0.2, 0.3, 0.4, 0.5], [1.0, 1.1, 1.2, 1.4, 1.3])
    claims = {(c.subject, c.claim): c for c in ladder_agreement(swarm(small, large), ("set:gold",), TARGETS)}
    found = claims["ladder:L1", "rank_agreement"]
    assert found.value == pytest.approx(0.9)
    assert "ranks the 5 mixtures that both ran as L2 does" in found.words and "90% of their pairs" in found.words
    assert claims["overall", "ladder_agreement"].value == found.value


def test_the_interval_is_fishers_with_fiellers_error() -> None:
    # atanh(0.5) = 0.549306, half of the interval 1.644854 x 1.03 / 5 = 0.338840
    assert correlation_interval(0.5, 28) == pytest.approx((0.207413, 0.710477), abs=1e-6)
    assert correlation_interval(1.0, 4)[1] <= 1.0


@pytest.mark.parametrize(
    ("order", "single", "overall"),
    [
        (list(range(24)), SUPPORTED, SUPPORTED),
        (list(range(5)), WEAK, WEAK),  # as good, but five mixtures leave it open
        (list(range(24))[::-1], NOT_SUPPORTED, WEAK),
    ],
)
def test_few_mixtures_or_another_order_are_no_support(order: list[int], single: str, overall: str) -> None:
    gold = [1.0 + i / 10 for i in range(len(order))]
    gold[0], gold[1] = gold[1], gold[0]
    large = rung("L2", 40, shares(len(order)), [2.0 + i / 10 for i in order])
    claims = ladder_agreement(swarm(rung("L1", 10, shares(len(order)), gold), large), ("set:gold",), TARGETS)
    assert [claim.verdict for claim in claims] == [single, overall]


def test_one_size_or_too_few_common_mixtures_say_nothing() -> None:
    one = rung("L1", 10, shares(5), [1.0] * 5)
    assert ladder_agreement(swarm(one), ("set:gold",), TARGETS) == []
    apart = rung("L2", 40, [0.91, 0.92, 0.93, 0.94], [1.0, 2.0, 3.0, 4.0])
    assert ladder_agreement(swarm(one, apart), ("set:gold",), TARGETS) == []
