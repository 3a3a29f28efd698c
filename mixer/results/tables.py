"""Results as rows of DESIGNS and LOSSES."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from midmix.mixer.results.result import Result
from midmix.tables.mixture import OUTSIDE

Row = dict[str, Any]
STAGE = "main"


def design_rows(runs: Mapping[str, int], results: Sequence[Result], domains: Sequence[str]) -> list[Row]:
    """Rows of DESIGNS, one per run and domain, in the order of its key. `runs` gives each name's number."""
    rows = {
        (runs[result.name], domain): {
            "run": runs[result.name],
            "role": OUTSIDE,
            "stage": STAGE,
            "seed": result.seed,
            "domain": domain,
            "weight": result.weights.get(domain, 0.0),
            "pool": result.pools.get(domain),
        }
        for result in results
        for domain in domains
    }
    return [rows[key] for key in sorted(rows)]


def loss_rows(runs: Mapping[str, int], results: Sequence[Result], origin: str) -> list[Row]:
    """Rows of LOSSES, in the order of its key."""
    rows = [
        {
            "run": runs[result.name],
            "origin": origin,
            "name": result.name,
            "shape": result.shape,
            "parameters": result.parameters,
            "tokens": result.tokens,
            "seed": result.seed,
            "step": result.step,
            "metric": metric,
            "unit": result.unit,
            "value": value,
        }
        for result in results
        for metric, value in result.metrics.items()
    ]
    return sorted(rows, key=loss_key)


def loss_key(row: Mapping[str, Any]) -> tuple[Any, ...]:
    """The key of LOSSES."""
    return (row["run"], row["shape"], row["step"], row["metric"], row["unit"])
