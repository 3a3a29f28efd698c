"""What every trainer's file gives: how one stage becomes files, how it is read back, and what the trainer cannot say."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from midmix.mixer.export.readback import StageRead
from midmix.mixer.plan.manifest import Plan
from midmix.mixer.plan.models import Stage, TokenFile

# Is told how many sequences more are written.
Tell = Callable[[int], None]
# Writes files below a folder from the run's token files (path by name), and names them, relative to it.
Writer = Callable[[Path, Mapping[str, Path], Tell], list[str]]


@dataclass(frozen=True)
class Part:
    """What one stage brings; paths are relative to its folder, with `/`.

    `texts` are files by content, `links` token files of the run by the path that they get, `writers` make the files
    whose bytes are in no file of the run, `sequences` of them.
    """

    texts: dict[str, str]
    links: dict[str, TokenFile]
    notes: tuple[str, ...] = ()
    writers: tuple[Writer, ...] = ()
    sequences: int = 0


@dataclass(frozen=True)
class Exporter:
    """One trainer. `scripts` go into every stage's folder: standalone files of this package by the name they get there.

    `stage` gets the plan, a stage, and the folder that its paths stand under ("" for relative ones); it raises
    InputError where the plan does not fit the trainer. `needs` is a module that writes its files, and its package.
    """

    target: str
    target_version: str
    unit_conversion: str
    lost: tuple[str, ...]
    stage: Callable[[Plan, Stage, str], Part]
    read_back: Callable[[Mapping[str, str]], StageRead]
    scripts: Mapping[str, str]
    needs: tuple[str, str] | None = None


@dataclass(frozen=True)
class Export:
    """A trainer's folder before it is written. Paths are relative to it; each writer stands with its folder.

    `sequences` are those that the writers write.
    """

    exporter: Exporter
    texts: dict[str, str]
    links: dict[str, TokenFile]
    writers: tuple[tuple[str, Writer], ...]
    notes: tuple[str, ...]
    sequences: int = 0


def stage_folder(plan: Plan, stage: Stage) -> str:
    """Where a stage's files lie in the trainer's folder: in it where the plan has one stage, else in one of its name."""
    return "" if len(plan.stages) == 1 else f"{stage.id}/"


def make_folder(exporter: Exporter, plan: Plan, root: str) -> Export:
    """The whole folder: every stage's part, its scripts, and `verify.py`. `root` is put before every path.

    Raises InputError when the plan does not fit the trainer.
    """
    texts = {"verify.py": script("verify.py")}
    links: dict[str, TokenFile] = {}
    writers: list[tuple[str, Writer]] = []
    notes: list[str] = []
    sequences = 0
    for stage in plan.stages:
        folder = stage_folder(plan, stage)
        part = exporter.stage(plan, stage, f"{root}/{folder}".rstrip("/") if root else "")
        files = {name: script(source) for name, source in exporter.scripts.items()} | part.texts
        texts |= {folder + path: text for path, text in files.items()}
        links |= {folder + path: file for path, file in part.links.items()}
        writers += [(folder, writer) for writer in part.writers]
        sequences += part.sequences
        notes += [f"stage {stage.id}: {note}" if folder else note for note in part.notes]
    return Export(exporter, texts, links, tuple(writers), tuple(notes), sequences)


def padding_notes(stage: Stage, done: str) -> tuple[str, ...]:
    """What `EXPORT.json` says of the tokens that fill rows up: their share, and what is done with them."""
    if stage.packing.method != "best-fit":
        return ()
    padding = sum(share.padding for share in stage.mixture)
    return (
        f"rows are filled up with end-of-text: about {padding} of {stage.token_budget} tokens "
        f"({padding / stage.token_budget:.3%}); {done}",
    )


TRAINED_ON = "they are trained on, this format has no mask for them"


def script(name: str) -> str:
    """A standalone script of this package, as it goes into an export."""
    return Path(__file__).with_name(name).read_text(encoding="utf-8")


def stage_facts(plan: Plan) -> list[dict[str, Any]]:
    """What `EXPORT.json` says of every stage, in the order in which they are trained."""
    return [
        {
            "stage": stage.id,
            "folder": stage_folder(plan, stage) or ".",
            "sequence_length": stage.sequence_length,
            "sequences": {share.domain: share.sequences for share in stage.mixture},
        }
        for stage in plan.stages
    ]
