"""Which runs are evidence."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from midmix.errors import InputError
from midmix.mixer.fit.finals import has_learnt
from midmix.mixer.fit.swarm import noise_sd, read_swarm
from midmix.tables import DESIGNS, LOSSES

Row = dict[str, object]
MIXTURES = {0: ("control", 0.9), 1: ("natural", 0.5), 2: ("space-filling", 0.2), 3: ("replicate", 0.9)}


def designs(mixtures: dict[int, tuple[str, float]] = MIXTURES) -> pa.Table:
    rows = [
        {"run": run, "role": role, "stage": "main", "seed": 0, "domain": domain, "weight": weight}
        for run, (role, math) in mixtures.items()
        for domain, weight in (("math", math), ("web", 1 - math))
    ]
    return pa.Table.from_pylist(rows, DESIGNS.schema())


def loss(run: int, step: int, value: float | None, **other: object) -> Row:
    row = {
        "run": run, "origin": "proxy", "shape": "L2", "tokens": step * 10, "seed": 0, "step": step,
        "metric": "set:gold", "unit": "bits_per_byte", "value": value,
    }  # fmt: skip
    return row | other


def losses(*rows: Row) -> pa.Table:
    return pa.Table.from_pylist(list(rows), LOSSES.schema())


def learnt(run: int, web: float, math: float) -> list[Row]:
    """Final held-out nats of both domains, with an entropy of 5."""
    return [
        loss(run, 20, value, metric=metric, unit=unit)
        for metric, nats in (("domain:web", web), ("domain:math", math))
        for unit, value in (("nats_per_token", nats), ("unigram_nats_per_token", 5.0))
    ]


def test_the_last_step_counts_and_the_control_is_known_by_its_mixture() -> None:
    rows = [loss(run, step, 2.0 + run - step / 100) for run in MIXTURES for step in (10, 20)]
    swarm = read_swarm(designs(), losses(*rows), ["math", "web"])
    assert swarm.runs == (0, 1, 2, 3) and not swarm.left_out
    np.testing.assert_allclose(swarm.series("set:gold"), [1.8, 2.8, 3.8, 4.8])
    np.testing.assert_allclose(swarm.weights[:, 0], [0.9, 0.5, 0.2, 0.9])
    assert swarm.control == (True, False, False, True)
    assert swarm.num_mixtures == 3


def test_runs_that_died_or_are_missing_are_left_out_by_name() -> None:
    rows = [loss(0, 20, 1.0), loss(1, 20, None), loss(2, 10, 1.0)]
    swarm = read_swarm(designs(), losses(*rows), ["math", "web"])
    assert swarm.runs == (0,)
    assert set(swarm.left_out) == {1, 2, 3}
    assert swarm.left_out[2] == "was stopped before the last step"
    assert all("died" in swarm.left_out[run] for run in (1, 3))


def test_a_run_that_lacks_what_others_measured_is_left_out_with_the_metrics_names() -> None:
    sets = [f"set:{letter}" for letter in "abcde"]
    rows = [loss(run, 20, 1.0, metric=m) for run in (0, 1) for m in sets]
    rows += [loss(2, 20, 1.0, metric=m) for m in sets[:4]] + [loss(3, 20, 1.0, metric=sets[2])]
    swarm = read_swarm(designs(), losses(*rows), ["math", "web"])
    assert swarm.runs == (0, 1)
    assert swarm.left_out == {
        2: "has no set:e at the last step, which other runs have",
        3: "has no set:a, set:b, set:d and 1 more at the last step, which other runs have",
    }


def test_a_run_above_the_unigram_entropy_of_its_own_text_has_learnt_nothing() -> None:
    rows = [loss(run, 20, 1.0) for run in MIXTURES]
    rows += learnt(0, web=9.0, math=4.0)  # 0.9 math: 4.5 on average
    rows += learnt(1, web=6.1, math=4.0)  # half and half: 5.05
    rows += learnt(2, web=4.9, math=5.3)  # 0.8 web: 4.98
    swarm = read_swarm(designs(), losses(*rows), ["math", "web"])
    assert swarm.runs == (0, 2, 3)
    assert "learnt nothing" in swarm.left_out[1]


def test_evaluation_sets_stand_in_where_no_domain_was_measured() -> None:
    domains, weights = ["math", "web"], np.array([0.5, 0.5])
    assert has_learnt(weights, {"set:a": 2.0, "set:b": 3.5}, {"set:a": 3.0, "set:b": 3.0}, domains)
    assert not has_learnt(weights, {"set:a": 2.6, "set:b": 3.5}, {"set:a": 3.0, "set:b": 3.0}, domains)
    assert has_learnt(weights, {}, {}, domains)


def test_runs_of_another_model_are_not_mixed_in() -> None:
    rows = [loss(run, 20, 1.0 + run) for run in (0, 1, 3)] + [loss(2, 50, 0.1, shape="L24")]
    swarm = read_swarm(designs(), losses(*rows), ["math", "web"])
    assert swarm.runs == (0, 1, 3)
    assert swarm.left_out == {2: "of another origin, model or number of tokens"}


def test_no_results_at_all_leave_an_empty_swarm() -> None:
    swarm = read_swarm(designs(), losses(), ["math", "web"])
    assert swarm.runs == () and swarm.num_mixtures == 0 and len(swarm.left_out) == 4
    assert swarm.weights.shape == (0, 2)


def test_a_design_over_other_domains_is_refused() -> None:
    with pytest.raises(InputError, match=r"domain 'web'.*Run again from the step design"):
        read_swarm(designs(), losses(), ["math", "code"])


def test_noise_is_pooled_over_repeated_mixtures() -> None:
    groups = np.array([0, 0, 1, 1, 1, 2])
    values = np.array([1.0, 3.0, 5.0, 6.0, 7.0, 100.0])
    assert noise_sd(values, groups) == pytest.approx(np.sqrt((1 + 1 + 1 + 0 + 1) / 3))
    assert noise_sd(values[-2:], groups[-2:]) is None


def test_the_own_domain_of_a_metric() -> None:
    rows = [loss(run, 20, 1.0, metric=m) for run in MIXTURES for m in ("domain:web", "set:gold", "domain:gone")]
    swarm = read_swarm(designs(), losses(*rows), ["math", "web"])
    assert [swarm.own_domain(m) for m in swarm.metrics] == [None, 1, None]


def outside(*mixtures: float, domain: str = "math") -> list[Row]:
    """Rows of DESIGNS for runs made elsewhere, from 1,000,000."""
    return [
        {"run": 1_000_000 + i, "role": "outside", "stage": "main", "seed": 0, "domain": name, "weight": weight}
        for i, math in enumerate(mixtures)
        for name, weight in ((domain, math), ("web", 1 - math))
    ]


def grown(*rows: Row) -> pa.Table:
    return pa.concat_tables([designs(), pa.Table.from_pylist(list(rows), DESIGNS.schema())])


def large(run: int, value: float, **other: object) -> Row:
    return loss(run, 7, value, origin="olmo", shape="190M", parameters=190, tokens=4000) | other


def test_four_mixtures_of_a_larger_model_are_anchors() -> None:
    rows = [loss(run, 20, 1.0 + run) for run in MIXTURES]
    rows += [large(1_000_000 + i, 0.5 + i) for i in range(4)]
    swarm = read_swarm(grown(*outside(0.1, 0.2, 0.3, 0.9)), losses(*rows), ["math", "web"])
    assert swarm.runs == (0, 1, 2, 3) and not swarm.left_out
    assert swarm.anchors is not None and swarm.anchors.runs == (1_000_000, 1_000_001, 1_000_002, 1_000_003)
    np.testing.assert_allclose(swarm.anchors.losses[:, 0], [0.5, 1.5, 2.5, 3.5])
    np.testing.assert_allclose(swarm.anchors.weights[:, 0], [0.1, 0.2, 0.3, 0.9])
    assert str(swarm.anchors.kind) == "olmo 190M, 4,000 tokens"


def test_three_mixtures_or_a_smaller_model_are_none() -> None:
    base = [loss(run, 20, 1.0 + run, parameters=50) for run in MIXTURES]
    three = [large(1_000_000 + i, 0.5) for i in range(4)]
    swarm = read_swarm(grown(*outside(0.1, 0.2, 0.2, 0.9)), losses(*base, *three), ["math", "web"])
    assert swarm.anchors is None and "of another origin" in swarm.left_out[1_000_000]
    small = [large(1_000_000 + i, 0.5, parameters=2, tokens=100) for i in range(4)]
    assert read_swarm(grown(*outside(0.1, 0.2, 0.3, 0.9)), losses(*base, *small), ["math", "web"]).anchors is None


def test_runs_of_another_number_of_tokens_are_another_scale() -> None:
    rows = [large(1_000_000 + i, 1.0 + i) for i in range(3)] + [large(1_000_003, 9.0, tokens=8000)]
    swarm = read_swarm(grown(*outside(0.1, 0.2, 0.3, 0.9)), losses(*rows), ["math", "web"])
    assert swarm.runs == (1_000_000, 1_000_001, 1_000_002)
    assert swarm.left_out[1_000_003] == "of another origin, model or number of tokens"


def test_tokens_that_differ_by_a_batch_are_one_length() -> None:
    tokens = (4000, 4030, 3950, 4000)
    rows = [large(1_000_000 + i, 1.0 + i, tokens=t) for i, t in enumerate(tokens)]
    rows += [large(1_000_000, 9.0, tokens=2000, step=3)]  # on the way
    swarm = read_swarm(grown(*outside(0.1, 0.2, 0.3, 0.9)), losses(*rows), ["math", "web"])
    assert swarm.runs == (1_000_000, 1_000_001, 1_000_002, 1_000_003)
    np.testing.assert_allclose(swarm.series("set:gold"), [1.0, 2.0, 3.0, 4.0])


def test_a_run_made_elsewhere_on_a_domain_that_is_gone_is_left_out_by_name() -> None:
    rows = [large(1_000_000 + i, 1.0) for i in range(2)]
    swarm = read_swarm(grown(*outside(0.4, 0.6, domain="poems")), losses(*rows), ["math", "web"])
    assert swarm.runs == ()
    assert swarm.left_out[1_000_000] == "trained on domain 'poems', which is not among those at hand"


def test_a_design_trained_at_two_sizes_is_read_at_the_larger() -> None:
    rows = [loss(run, 20, 1.0 + run, parameters=50) for run in MIXTURES]
    rows += [loss(run, 20, 0.5 + run, shape="L4", parameters=200) for run in MIXTURES]
    swarm = read_swarm(designs(), losses(*rows), ["math", "web"])
    assert swarm.kind is not None and swarm.kind.shape == "L4" and swarm.anchors is None and not swarm.left_out
    np.testing.assert_allclose(swarm.series("set:gold"), [0.5, 1.5, 2.5, 3.5])


def test_a_larger_size_that_lacks_a_run_only_anchors_the_smaller() -> None:
    five = designs(MIXTURES | {4: ("space-filling", 0.4), 5: ("space-filling", 0.7)})
    rows = [loss(run, 20, 1.0 + run, parameters=50) for run in range(6)]
    rows += [loss(run, 20, 0.5 + run, shape="L4", parameters=200) for run in range(5)]
    swarm = read_swarm(five, losses(*rows), ["math", "web"])
    assert swarm.kind is not None and swarm.kind.shape == "L2"
    assert swarm.anchors is not None and swarm.anchors.kind.shape == "L4"
    assert [rung.kind.shape for rung in swarm.rungs] == ["L2", "L4"]


def test_a_run_from_a_part_of_the_text_is_no_repeat_of_its_mixture() -> None:
    rows = designs().to_pylist()
    rows[6] |= {"pool": 0.25}
    table = pa.Table.from_pylist(rows, DESIGNS.schema())
    swarm = read_swarm(table, losses(*(loss(run, 20, 1.0 + run) for run in MIXTURES)), ["math", "web"])
    assert swarm.runs == (0, 1, 2) and swarm.left_out == {3: "drew from 25% of math alone"}
