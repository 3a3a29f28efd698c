"""What micro-anneals say of each candidate and capability."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from scipy.stats import t as student

from midmix.mixer.design.inputs import MixtureInputs
from midmix.mixer.design.supply import Supply
from midmix.mixer.evidence.claim import NOT_SUPPORTED, SUPPORTED, WEAK
from midmix.mixer.evidence.micro_anneals import anneal_rows, claims_of, effect_of, read_treatments
from midmix.mixer.limits import make_limits
from midmix.mixer.optimize.problem import Goals
from midmix.tables import DESIGNS, LOSSES

DOMAINS = ("code", "maths", "web")
SUPPLY = Supply(DOMAINS, DOMAINS, np.diag([500, 100, 900]))
REPLAY, WEB, HALF = [0.2, 0.0, 0.8], [0.0, 0.0, 1.0], [0.1, 0.5, 0.4]
INPUTS = MixtureInputs(
    SUPPLY, 1000, np.full(3, 4.0), make_limits(DOMAINS, np.ones(3)), None, np.array(REPLAY), np.array(WEB)
)
GOALS = Goals({"gold": ("set:gold", 1.0)}, {"general": ("set:general", 0.05)})

# run: (role, seed, weights, candidate, pool of maths)
RUNS: dict[int, tuple[str, int, list[float], str | None, float | None]] = {
    0: ("control", 0, REPLAY, None, None),
    1: ("web", 0, WEB, None, None),
    2: ("replicate", 1, REPLAY, None, None),
    100_000: ("micro-anneal", 1, WEB, None, None),
    100_001: ("micro-anneal", 0, HALF, "maths", None),
    100_002: ("micro-anneal", 1, HALF, "maths", None),
    100_003: ("micro-anneal", 0, HALF, "maths", 0.25),
    100_004: ("micro-anneal", 1, HALF, "maths", 0.25),
}
GOLD = {0: 2.0, 2: 2.1, 1: 2.2, 100_000: 2.31, 100_001: 1.5, 100_002: 1.6, 100_003: 1.99, 100_004: 2.1}
GENERAL = {0: 1.0, 2: 1.01, 1: 1.0, 100_000: 1.01, 100_001: 1.02, 100_002: 1.03, 100_003: 1.2, 100_004: 1.21}


def designs() -> pa.Table:
    rows = [
        {
            "run": run, "role": role, "stage": "main", "seed": seed, "domain": domain, "weight": weight,
            "candidate": candidate, "pool": pool if domain == "maths" else None,
        }
        for run, (role, seed, weights, candidate, pool) in RUNS.items()
        for domain, weight in zip(DOMAINS, weights, strict=True)
    ]  # fmt: skip
    return pa.Table.from_pylist(rows, DESIGNS.schema())


def losses(*, shape: str = "L2", skip: tuple[int, ...] = ()) -> pa.Table:
    rows = [
        {
            "run": run, "origin": "proxy", "shape": shape, "parameters": 10, "tokens": 100, "seed": RUNS[run][1], "step": 9,
            "metric": metric, "unit": "bits_per_byte", "value": value,
        }
        for metric, values in (("set:gold", GOLD), ("set:general", GENERAL))
        for run, value in values.items()
        if run not in skip
    ]  # fmt: skip
    return pa.Table.from_pylist(rows, LOSSES.schema())


def by_cell(rows: list[dict[str, Any]]) -> dict[tuple[float, str], dict[str, Any]]:
    return {(row["pool"], row["capability"]): row for row in rows}


def test_each_variant_and_capability_has_a_row_with_its_verdict() -> None:
    rows = by_cell(anneal_rows(designs(), losses(), INPUTS, GOALS))
    assert set(rows) == {(1.0, "gold"), (1.0, "general"), (0.25, "gold"), (0.25, "general")}
    whole, part = rows[1.0, "gold"], rows[0.25, "gold"]
    assert whole["gain"] == pytest.approx(0.5) and whole["gain_over_web"] == pytest.approx(0.705)
    assert whole["verdict"] == SUPPORTED and whole["seeds"] == 2 and whole["share"] == 0.5
    # half of 1000 tokens over 100 of maths, or over a quarter of them
    assert (whole["epochs"], part["epochs"]) == (pytest.approx(5), pytest.approx(20))
    assert part["gain"] == pytest.approx(0.005) and part["verdict"] != SUPPORTED
    assert "50% maths from 25% of its text (20 epochs): gold falls by 0.0050 bits per byte" in part["words"]
    # a rise of 0.02 is within 0.05, one of 0.2 is not
    assert rows[1.0, "general"]["verdict"] == SUPPORTED and "the bound of 0.05 is kept" in rows[1.0, "general"]["words"]
    assert rows[0.25, "general"]["verdict"] == NOT_SUPPORTED


def test_the_noise_is_what_mixture_and_seed_leave() -> None:
    treatments = read_treatments(designs(), DOMAINS)
    assert [t.runs for t in treatments] == [
        {0: 0, 1: 2}, {0: 1, 1: 100_000}, {0: 100_001, 1: 100_002}, {0: 100_003, 1: 100_004}
    ]  # fmt: skip
    assert [t.is_whole for t in treatments] == [True, True, True, False]
    effect = effect_of(treatments[2], treatments[0], treatments, GOLD)
    # seeds differ by 0.1, 0.11, 0.1 and 0.11, so that half of each less the mean, 0.0525, is 0.0025 off, in 8 cells
    assert effect is not None and effect.freedom == 3 and effect.seeds == 2
    assert effect.sd == pytest.approx(np.sqrt(8 * 0.0025**2 / 3))
    low, high = effect.interval() or (0, 0)
    assert high - low == pytest.approx(2 * student.ppf(0.95, 3) * effect.sd)


def test_a_single_seed_is_no_support() -> None:
    rows = by_cell(anneal_rows(designs(), losses(skip=(2, 100_002, 100_004)), INPUTS, GOALS))
    whole = rows[1.0, "gold"]
    assert whole["seeds"] == 1 and whole["low"] is None and whole["verdict"] == NOT_SUPPORTED
    assert "a single seed cannot tell that from noise" in whole["words"]


def test_runs_that_died_are_not_compared() -> None:
    rows = by_cell(anneal_rows(designs(), losses(skip=(100_001, 100_002)), INPUTS, GOALS))
    assert set(rows) == {(0.25, "gold"), (0.25, "general")}
    assert anneal_rows(designs(), losses(skip=(0, 2)), INPUTS, GOALS) == []


def test_claims_are_those_of_the_size_in_force() -> None:
    both = pa.concat_tables([losses(), losses(shape="L4")])
    rows = anneal_rows(designs(), both, INPUTS, GOALS)
    assert [row["shape"] for row in rows if row["capability"] == "gold"] == ["L2", "L4"] * 2
    claims = claims_of(rows, "L4")
    assert [(c.subject, c.claim) for c in claims] == [
        ("micro-anneal:maths", "gain_at_0.5_from_0.25:general"),
        ("micro-anneal:maths", "gain_at_0.5_from_0.25:gold"),
        ("micro-anneal:maths", "gain_at_0.5:general"),
        ("micro-anneal:maths", "gain_at_0.5:gold"),
    ]
    assert {claim.verdict for claim in claims} <= {SUPPORTED, WEAK, NOT_SUPPORTED}
