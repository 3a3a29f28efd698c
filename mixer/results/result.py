"""One run made elsewhere, at one step: its mixture, model, tokens, seed and what was measured."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from midmix.mixer.results.files import Place, Record, is_empty, number

TOLERANCE = 0.01  # weights rounded to three digits over some tens of domains sum to 1 within this
UNKNOWN = "of unknown size"
UNITS = {"": 1, "K": 10**3, "M": 10**6, "B": 10**9, "T": 10**12}
LOSS_UNITS = ("bits_per_byte", "nats_per_token")
WEIGHT, METRIC, NAMED = ("weight:", "weights:"), ("metric:", "metrics:"), ("set:", "domain:")  # what columns begin with
FIELDS = ("name", "run", "index", "parameters", "tokens", "seed", "step", "shape", "unit", "origin")


@dataclass(frozen=True)
class Result:
    """`weights` (by domain) sum to 1; `total` is what they summed to before. `metrics` are losses at `tokens`.

    `pools` are the parts of a domain's text that the run drew from, where it was not all.
    """

    place: Place
    name: str
    weights: Mapping[str, float]
    total: float
    shape: str
    parameters: int
    tokens: int
    seed: int
    step: int
    unit: str
    metrics: Mapping[str, float]
    pools: Mapping[str, float] = field(default_factory=dict)


def make_result(
    record: Record,
    weights: Mapping[str, Any],
    metrics: Mapping[str, Any],
    defaults: Mapping[str, Any],
) -> Result:
    """A result from the raw cells of its weights and metrics. Raises ValueError that says what is wrong with the row."""
    shares, total = checked_weights(weights)
    measured = {name: number(value, name) for name, value in metrics.items() if not is_empty(value)}
    if not measured:
        raise ValueError("has no metric, expected one or more")
    values = {**defaults, **{k: v for k, v in record.values.items() if k in FIELDS and not is_empty(v)}}
    parameters, tokens = (count(values.get(field), field) for field in ("parameters", "tokens"))
    seed, step = (count(values.get(field, 0), field) for field in ("seed", "step"))
    given = next((values[field] for field in ("name", "run", "index") if field in values), None)
    name = str(given) if given is not None else _fingerprint(shares, parameters, tokens, seed)
    shape, unit = (
        str(values.get("shape", short_count(parameters) if parameters else UNKNOWN)),
        str(values.get("unit", "bits_per_byte")),
    )
    if unit not in LOSS_UNITS:
        raise ValueError(f"unit is {unit!r}, expected {' or '.join(LOSS_UNITS)}")
    return Result(record.place, name, shares, total, shape, parameters, tokens, seed, step, unit, measured)


def checked_weights(cells: Mapping[str, Any]) -> tuple[dict[str, float], float]:
    """Weights that sum to 1, and what they summed to. Raises ValueError on any that is none, or a sum too far from 1."""
    weights = {name: number(cell, f"the weight of {name}") for name, cell in cells.items() if not is_empty(cell)}
    for name, weight in weights.items():
        if weight < 0:
            raise ValueError(f"the weight of {name} is {weight:g}, expected 0 or more")
    total = math.fsum(weights.values())
    if abs(total - 1) > TOLERANCE:
        raise ValueError(f"the weights sum to {total:.4f}, expected 1 (within {TOLERANCE:g})")
    return {name: weight / total for name, weight in weights.items()}, total


def count(value: Any, what: str) -> int:
    """A whole number of 0 or more, such as 190000000 or 190M. Raises ValueError."""
    if is_empty(value):
        raise ValueError(f"has no {what}: give a column '{what}', or --{what}")
    text = str(value).strip().upper().replace("_", "")
    suffix = text[-1] if text[-1:] in UNITS and text[-1:] else ""
    found = number(text.removesuffix(suffix), what) * UNITS[suffix]
    if found < 0 or found != round(found):
        raise ValueError(f"{what} is {value}, expected a whole number of 0 or more")
    return round(found)


def short_count(value: int) -> str:
    """190000000 as 190M, to three digits."""
    for suffix in ("T", "B", "M", "K"):
        if value >= UNITS[suffix]:
            return f"{value / UNITS[suffix]:.3g}{suffix}"
    return str(value)


def _fingerprint(weights: Mapping[str, float], *numbers: int) -> str:
    shares = {name: round(weight, 6) for name, weight in weights.items() if weight}
    text = json.dumps([sorted(shares.items()), numbers])
    return hashlib.sha256(text.encode()).hexdigest()[:12]
