import math

import numpy as np
import pytest

from midmix.proxy_train.losses import BITS, NATS, Values, curve_values, losses_table, unigram_values
from midmix.proxy_train.pool import Run
from midmix.proxy_train.shape import Shape
from midmix.proxy_train.swarm import Measurement
from midmix.proxy_train.texts import Text, Window

SHAPE = Shape(layers=1, width=8, feed_forward=8, heads=1, vocabulary=16)
PART = [Text("domain:a", (Window(np.array([0, 1, 2]), 0),), 5)]
WHOLE = [Text("domain:a", (Window(np.array([0, 1, 2, 2, 1]), 0),), 8)]


def _measured(*nats: tuple[int, list[float], list[Text]]) -> list[Measurement]:
    return [Measurement(step, np.array(values)[:, None], texts) for step, values, texts in nats]


def test_the_way_is_scaled_to_the_text_of_the_end() -> None:
    found = list(curve_values(_measured((5, [8.0], PART), (9, [6.0], PART), (9, [18.0], WHOLE))))
    nats = {v.step: v.values_MX.item() for v in found if v.unit == NATS}
    bits = {v.step: v.values_MX.item() * math.log(2) for v in found if v.unit == BITS}
    # at the end 18 / 4 tokens on the whole against 6 / 2 on the part: 1.5 times; 18 / 8 bytes against 6 / 5: 1.875
    assert nats == {5: 8 / 2 * 1.5, 9: 4.5}
    assert bits == pytest.approx({5: 8 / 5 * 1.875, 9: 2.25})


def test_a_run_that_dies_keeps_its_curve_on_the_scale_of_the_others() -> None:
    dead = math.nan
    found = list(curve_values(_measured((5, [8.0, 8.0], PART), (9, [6.0, dead], PART), (9, [18.0, dead], WHOLE))))
    rows = losses_table(found, [Run(0, 3, 0, {}), Run(1, 4, 0, {})], SHAPE, 10).to_pylist()
    nats = [(r["run"], r["seed"], r["step"], r["tokens"], r["value"]) for r in rows if r["unit"] == NATS]
    assert nats == [(0, 3, 5, 50, 6.0), (0, 3, 9, 90, 4.5), (1, 4, 5, 50, 6.0), (1, 4, 9, 90, None)]
    alone = next(curve_values(_measured((5, [8.0], PART), (9, [dead], PART), (9, [dead], WHOLE))))
    assert alone.values_MX.item() == 4.0


def test_unigrams_are_the_domains_own_or_the_mixtures() -> None:
    shares = {"a": np.array([0.5, 0.25, 0.25]), "b": np.array([0.0, 0.5, 0.5])}
    texts = [*WHOLE, Text("set:s", WHOLE[0].windows, 8)]
    (found,) = unigram_values(
        [Run(0, 0, 0, {"a": 0.0, "b": 1.0}), Run(1, 0, 0, {"a": 0.5, "b": 0.5})], texts, shares, 9
    )
    expected = -np.log([[0.25, 0.5], [0.25, 0.375]])
    np.testing.assert_allclose(found.values_MX, expected, rtol=1e-14)


def test_rows_are_in_the_order_of_the_key() -> None:
    values = [Values(2, unit, ("set:b", "domain:a"), np.ones((2, 2))) for unit in ("n", "b")]
    rows = losses_table(values, [Run(4, 0, 0, {}), Run(3, 0, 0, {})], SHAPE, 1).to_pylist()
    keys = [(r["run"], r["step"], r["metric"], r["unit"]) for r in rows]
    assert keys == sorted(keys)
    assert len(keys) == 8


def test_a_run_that_was_stopped_has_no_rows_after_that() -> None:
    values = [
        Values(step, NATS, ("domain:a",), np.array([[1.0], [math.nan if step > 4 else 2.0]])) for step in (2, 4, 6)
    ]
    rows = losses_table(values, [Run(0, 0, 0, {}), Run(1, 0, 0, {})], SHAPE, 1, {1: 4}).to_pylist()
    assert [(r["run"], r["step"], r["value"]) for r in rows] == [
        (0, 2, 1.0), (0, 4, 1.0), (0, 6, 1.0), (1, 2, 2.0), (1, 4, 2.0)
    ]  # fmt: skip
