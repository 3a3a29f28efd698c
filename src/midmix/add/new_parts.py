"""Steps done in a layer for its new parts alone, beside which the tables keep what the base has of the old ones.

So the kept text and the tokens of a newcomer are there to be counted, and to be taken in, while no old text is read.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from midmix.config import Config
from midmix.errors import StepError
from midmix.flow import Step, StepModule, find_step
from midmix.layer import base_of, way_to_base
from midmix.parts import load_parts
from midmix.table_files import read_table
from midmix.table_manifest import Manifest, load_manifest, publish
from midmix.tables import CURATED, DROPS, LEDGER, TOKEN_PARTS

if TYPE_CHECKING:
    from midmix.step import Context


@dataclass(frozen=True)
class NewParts(Step):
    """A step of the map done for new parts alone; `do` is what is done, of the step's module."""

    do: str = "run"

    def load(self) -> StepModule:
        """What the runner calls."""
        module = super().load()
        return _Module(module.VERSION, getattr(module, self.do), self)


@dataclass
class _Module:
    VERSION: int
    do: Callable[[Context], object]
    step: Step

    def run(self, context: Context) -> None:
        """Do the step for the parts that the base has not."""
        base, way = base_of(context.folder), way_to_base(context.folder)
        if base is None or way is None:
            raise StepError(f"{context.folder}: stands on no other run; `midmix run` does its steps")
        old = {part.id for part in load_parts(base, context.config)}
        context.parts = [part for part in context.parts if part.id not in old]
        self.do(context)
        for table in self.step.writes:
            new, before = load_manifest(context.folder, table.name), load_manifest(base, table.name).from_layer(way)
            merged = Manifest(table.name, (*before.files, *new.files), (*before.attached, *new.attached))
            publish(context.folder, merged)
        context.book.counts += [(self.step.name, count) for count in _counts(base, self.step.name)]


def _counts(base: Path, step: str) -> list[dict[str, Any]]:
    """What the base accounts for in a step, by source."""
    dropped: dict[str, dict[str, tuple[int, int]]] = {}
    for row in read_table(base, DROPS).to_pylist():
        if row["step"] == step:
            dropped.setdefault(row["source"], {})[row["reason"]] = (row["documents"], row["bytes"])
    return [
        {
            "source": row["source"],
            "rows_in": row["rows_in"],
            "kept": row["rows_kept"],
            "dropped": dropped.get(row["source"], {}),
            "quarantined": row["rows_quarantined"],
        }
        for row in read_table(base, LEDGER).to_pylist()
        if row["step"] == step
    ]


def counting_steps(config: Config) -> tuple[Step, ...]:
    """The steps that count a newcomer's tokens as they will be; none where the config names no tokenizer."""
    if not config.tokenizers:
        return ()
    apply, tokenize = find_step("apply"), find_step("tokenize")
    return (
        NewParts(apply.name, apply.module, apply.reads, (CURATED,), "kept text of new parts"),
        NewParts(tokenize.name, tokenize.module, tokenize.reads, (TOKEN_PARTS,), "their tokens", "encode_parts"),
    )
