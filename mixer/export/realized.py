"""What a trainer's own loader drew, as `verify.py` wrote it where the trainer lives: taken back into the run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import pyarrow as pa
from pydantic import Field, ValidationError

from midmix.errors import InputError
from midmix.mixer.export.trainers import read_plan
from midmix.mixer.plan.models import Count, Model
from midmix.table_files import read_table, write_table
from midmix.table_manifest import Manifest, publish
from midmix.tables import REALIZED
from midmix.writer import only_writer

FORMAT = "midmix-realized"
Counts = dict[str, Count]


class RealizedStage(Model):
    """One stage: sequences by domain as planned, as drawn and as read, and the loader that drew them."""

    stage: str
    sequence_length: int = Field(ge=1)
    planned: Counts
    realized: Counts
    tokens: Counts
    read: Counts
    highest_id: int
    loader: str
    loader_version: str


class Realized(Model):
    """The file `realized.json`."""

    format: Literal["midmix-realized"]
    target: str
    plan_hash: Annotated[str, Field(pattern=r"^sha256:[0-9a-f]{64}$")]
    exact: bool
    stages: tuple[RealizedStage, ...]


def add_realized(folder: Path, path: Path) -> list[dict[str, Any]]:
    """Take `realized.json` into the run's table REALIZED, in the place of that target's rows; returns its rows.

    Raises InputError when it is no such file, or counts another plan than the run's.
    """
    try:
        found = Realized.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        raise InputError(f"{path}: got no realized.json of verify.py ({error}). Run verify.py of the export.") from None
    plan = read_plan(folder)
    if found.plan_hash != f"sha256:{plan.hash}":
        raise InputError(
            f"{path}: counts plan {found.plan_hash[7:19]}, the run's is {plan.hash[:12]}. Export the run's plan again."
        )
    rows = [
        {"target": found.target, "stage": stage.stage, "domain": domain, "planned": stage.planned.get(domain, 0)}
        | {"realized": realized, "tokens": realized * stage.sequence_length, "read": stage.read.get(domain, 0)}
        | {"loader": stage.loader, "version": stage.loader_version, "plan_hash": plan.hash}
        for stage in found.stages
        for domain, realized in stage.realized.items()
    ]
    with only_writer(folder):
        others = [row for row in read_table(folder, REALIZED).to_pylist() if row["target"] != found.target]
        table = pa.Table.from_pylist(sorted([*others, *rows], key=_key), schema=REALIZED.schema())
        publish(folder, Manifest(REALIZED.name, (write_table(folder, REALIZED, table, stem="all"),)))
    return rows


def is_realized(path: Path) -> bool:
    """Whether a file is one of `verify.py`, by its format."""
    if path.suffix != ".json" or not path.is_file():
        return False
    return f'"{FORMAT}"'.encode() in path.read_bytes()


def _key(row: dict[str, Any]) -> tuple[str, str, str]:
    return row["target"], row["stage"], row["domain"]
