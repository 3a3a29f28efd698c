"""Which runs a batch goes on with."""

from __future__ import annotations

import math

import numpy as np
import pytest

from midmix.errors import InputError
from midmix.proxy_train.halving import Halving, halvings_table, stopped_after, widened
from midmix.proxy_train.pool import Run
from midmix.proxy_train.swarm import Measurement
from midmix.proxy_train.texts import Text, Window

TEXTS = [Text(metric, (Window(np.array([0, 1, 2]), 0),), 4) for metric in ("domain:a", "set:s")]


def measured(*nats: tuple[float, float]) -> Measurement:
    return Measurement(5, np.array(nats), TEXTS)


def run(number: int, protected: bool = False) -> Run:
    return Run(number, 0, 0, {}, protected=protected)


def test_the_better_half_by_the_weighted_targets_goes_on_and_what_is_protected() -> None:
    halving = Halving((5,), {"domain:a": 0.25, "set:s": 0.75})
    runs = [run(0, protected=True), run(1), run(2), run(3), run(4), run(5)]
    judged = halving.judge(measured((99, 99), (1, 3), (9, 1), (1, 3), (4, 4), (0, 5)), runs)
    # of five the better three: weighted nats 2.5, 3.0, 2.5, 4.0, 3.75, over 4 bytes in bits
    assert [one.run.number for one in judged if one.kept] == [0, 1, 2, 3]
    assert judged[2].score == pytest.approx(3.0 / 4 / math.log(2))
    assert stopped_after(judged) == {4: 5, 5: 5}


def test_equals_go_to_the_earlier_and_the_dead_stop() -> None:
    halving = Halving((5,), {"set:s": 1.0})
    judged = halving.judge(measured((1, 2), (1, math.nan), (1, 2), (1, 2)), [run(i) for i in range(4)])
    assert [one.kept for one in judged] == [True, False, True, False]
    dead = halving.judge(measured((1, math.nan), (1, math.nan)), [run(0, protected=True), run(1)])
    assert [one.kept for one in dead] == [True, False]
    rows = halvings_table(dead, "L1").to_pylist()
    assert [(r["run"], r["shape"], r["step"], r["score"], r["protected"], r["kept"]) for r in rows] == [
        (0, "L1", 5, None, True, True), (1, "L1", 5, None, False, False)
    ]  # fmt: skip


def test_halvings_fall_on_steps_within_the_run() -> None:
    assert Halving.of({"fractions": [0.001, 0.25, 0.5, 0.999], "weights": {}}, 20).steps == (5, 10)
    assert Halving.of(None, 20).steps == ()


def test_a_target_without_text_is_refused() -> None:
    with pytest.raises(InputError, match="no text of set:gone to judge runs by; measured are domain:a, set:s"):
        Halving((5,), {"set:gone": 1.0}).judge(measured((1, 1)), [run(0)])


def test_losses_of_those_left_stand_at_their_places_in_the_batch() -> None:
    found = widened(measured((1, 2), (3, 4)), [0, 2], 3)
    np.testing.assert_array_equal(found.nats_MX, [[1, 2], [math.nan, math.nan], [3, 4]])
