"""The step fit on tables that hold own and outside runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from midmix.mixer.fit.step import fit
from midmix.tables import DESIGNS, LAWS, LOSSES, PREDICTIONS, Table
from midmix.task import Output, Task

RNG = np.random.default_rng(0)
OWN, LARGE = RNG.dirichlet(np.ones(3), 12), RNG.dirichlet(np.ones(3), 5)
GAINS = {"set:gold": [3.0, 1.0, 0.3], "domain:z": [0.2, 1.0, 4.0]}


def rows(weights: np.ndarray, first: int, metrics: dict[str, float], **kind: Any) -> tuple[list[Any], list[Any]]:
    """Rows of DESIGNS and LOSSES; `metrics` gives the factor on each metric's small loss."""
    role = "outside" if kind["origin"] != "proxy" else "space-filling"
    designs = [
        {"run": first + i, "role": role, "stage": "main", "seed": 0, "domain": domain, "weight": float(weight)}
        for i, mixture in enumerate(weights)
        for domain, weight in zip("xyz", mixture, strict=True)
    ]
    losses = [
        {"run": first + i, "name": None, "seed": 0, "step": 9, "metric": metric, "unit": "bits_per_byte",
         "value": factor * float(mixture @ np.array(GAINS[metric])) ** -0.3, **kind}
        for i, mixture in enumerate(weights)
        for metric, factor in metrics.items()
    ]  # fmt: skip
    return designs, losses


def do(folder: Path, designs: list[Any], losses: list[Any]) -> dict[str, list[dict[str, Any]]]:
    """The tables that the step writes."""
    inputs: dict[str, tuple[Path, ...]] = {}
    for table, values in ((DESIGNS, designs), (LOSSES, losses)):
        pq.write_table(pa.Table.from_pylist(values, table.schema()), folder / f"{table.name}.parquet")
        inputs[table.name] = (folder / f"{table.name}.parquet",)
    output = Output(folder, "all", None)
    fit(Task("all", None, {"": {}}, inputs, {}, None, folder, 2**28, 1), output)
    return {name: pq.read_table(folder / entry.path).to_pylist() for name, entry in output.files}


def is_sorted(found: list[dict[str, Any]], table: Table) -> bool:
    keys = [tuple(row[name] for name in table.key) for row in found]
    return keys == sorted(set(keys))


def test_outside_runs_set_the_scale_of_the_metrics_that_they_measured(tmp_path: Path) -> None:
    own = rows(OWN, 0, {"set:gold": 1.0, "domain:z": 1.0}, origin="proxy", shape="L2", parameters=10, tokens=100)
    large = rows(LARGE, 1_000_000, {"set:gold": 0.6}, origin="olmo", shape="190M", parameters=190, tokens=1000)
    tables = do(tmp_path, own[0] + large[0], own[1] + large[1])
    laws = {row["metric"]: row for row in tables["laws"] if row["chosen"]}
    assert laws["set:gold"]["scale"] == "olmo 190M, 1,000 tokens" and laws["set:gold"]["num_runs"] == 17
    assert laws["domain:z"]["scale"] == "proxy L2, 100 tokens" and laws["domain:z"]["num_runs"] == 12
    assert is_sorted(tables["laws"], LAWS) and is_sorted(tables["predictions"], PREDICTIONS)
    measured = {r["run"]: r["measured"] for r in tables["predictions"] if r["metric"] == "set:gold"}
    small = {r["run"]: r["value"] for r in own[1] if r["metric"] == "set:gold"}
    ratio = [measured[run] / small[run] for run in small]
    np.testing.assert_allclose(ratio, 0.6, rtol=0.02)


def test_no_runs_give_empty_tables(tmp_path: Path) -> None:
    assert do(tmp_path, [], []) == {"laws": [], "predictions": []}
