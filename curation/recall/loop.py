"""The recall loop: seeds, train, score the pool, keep the top, look where it came from, and again until it stops paying.

What is measured is the share of held-back positives in the pool's top. They are never trained on, nor are verified
copies of them, nor documents with benchmark items: a gain cannot come from having seen the answers. A killed loop goes
on with its first unfinished round.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from midmix.curation.recall.pool import Candidates, find_candidates
from midmix.curation.recall.round import hit_rates, learn, next_positives, rank, score_pool
from midmix.curation.recall.settings import RecallSettings
from midmix.disk import write_atomically, write_json
from midmix.errors import DriftError
from midmix.parts import Part, load_parts
from midmix.pool import Pool
from midmix.run import Run
from midmix.table_manifest import load_manifest
from midmix.tables import DOCUMENTS

RECORD = "recall.json"
MODEL = "model.bin"
STOPPED = {
    "gain": "held-back recall rose by less than the least gain",
    "same": "the next round would train on the same documents",
    "rounds": "all rounds were done",
}


@dataclass(frozen=True)
class Round:
    """What a round did. `heldback_recall` is the share of held-back positives in the pool's top."""

    number: int
    positives: int
    negatives: int
    accuracy: float | None
    threshold: float
    top_docs: int
    heldback_recall: float
    new_docs: int
    hit_rates: tuple[tuple[str, int, int], ...]


@dataclass(frozen=True)
class Recall:
    """The whole loop: its rounds, why it stopped, and which round's model was kept."""

    rounds: tuple[Round, ...]
    stopped: str
    best: int
    pool_docs: int
    heldback_docs: int
    leaked_docs: int
    copies_of_heldback: int


def recall(run: Run, settings: RecallSettings, folder: Path, pool: Pool, *, said: Callable[[Round], None]) -> Recall:
    """Do what is left of the loop in `folder`: recall.json, and model.bin of the best round, a fastText model.

    `said` is told of every round, also of those done before. Raises DriftError when the folder holds another loop,
    ConfigError and InputError as `find_candidates`.
    """
    candidates = find_candidates(run, settings)
    parts = {part.id: part for part in load_parts(run.folder, run.config)}
    asked = {"settings": asdict(settings), "documents": load_manifest(run.folder, DOCUMENTS.name).digest}
    rounds = _done_before(folder, json.loads(json.dumps(asked)))
    seeds = np.flatnonzero(candidates.positive & ~candidates.held & ~candidates.barred)[: settings.seeds]
    state = _State(candidates, parts, settings, folder, pool, seeds)
    for before in rounds:
        said(before)
    while not (stopped := _stop(rounds, settings)):
        rounds.append(state.round(rounds))
        write_json(folder / RECORD, asked | {"rounds": [asdict(r) for r in rounds]}, scratch=folder / "scratch")
        said(rounds[-1])
    best = max(rounds, key=lambda r: (r.heldback_recall, -r.number)).number
    model = (folder / f"round-{best:02d}" / MODEL).read_bytes()
    write_atomically(folder / MODEL, lambda path: path.write_bytes(model), scratch=folder / "scratch")
    shutil.rmtree(folder / "scratch", ignore_errors=True)
    return Recall(
        tuple(rounds), stopped, best, len(candidates.keys), int(candidates.held.sum()),
        candidates.num_leaks, candidates.num_copies,
    )  # fmt: skip


def _done_before(folder: Path, asked: dict[str, Any]) -> list[Round]:
    try:
        record = json.loads((folder / RECORD).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return []
    changed = [
        f"{name} was {record['settings'].get(name)!r}, is {value!r}"
        for name, value in asked["settings"].items()
        if record["settings"].get(name) != value
    ]
    if record["documents"] != asked["documents"]:
        changed.append("the run holds other documents")
    if changed:
        raise DriftError(
            f"{folder}: holds another recall loop: {'; '.join(changed)}. Give another --out, or delete it."
        )
    return [Round(**r | {"hit_rates": tuple(map(tuple, r["hit_rates"]))}) for r in record["rounds"]]


def _stop(rounds: list[Round], settings: RecallSettings) -> str:
    if not rounds:
        return ""
    if len(rounds) >= settings.rounds:
        return "rounds"
    if not rounds[-1].new_docs:
        return "same"
    gained = len(rounds) < 2 or rounds[-1].heldback_recall - rounds[-2].heldback_recall >= settings.min_gain
    return "" if gained else "gain"


@dataclass(frozen=True)
class _State:
    """What every round needs."""

    candidates: Candidates
    parts: dict[int, Part]
    settings: RecallSettings
    folder: Path
    pool: Pool
    seeds: npt.NDArray[np.int64]

    def round(self, before: list[Round]) -> Round:
        """Do the next round; what it is to train on lies beside the round before."""
        number = len(before) + 1
        here = self.folder / f"round-{number:02d}"
        here.mkdir(parents=True, exist_ok=True)
        known = self.folder / f"round-{number - 1:02d}" / "positives.npy"
        positives = np.load(known) if before else self.seeds
        negatives, accuracy = learn(self.candidates, positives, self.parts, self.settings, here / MODEL)
        scores = score_pool(self.candidates, self.parts, here / MODEL, self.folder / "scratch" / here.name, self.pool)
        ranked = rank(self.candidates, scores, self.seeds, self.settings.top_share)
        following = next_positives(self.candidates, ranked.top, self.seeds, self.settings)
        np.save(here / "positives.npy", following)
        return Round(
            number=number,
            positives=len(positives),
            negatives=negatives,
            accuracy=accuracy,
            threshold=ranked.threshold,
            top_docs=int(ranked.top.sum()),
            heldback_recall=float(ranked.top[self.candidates.held].mean()),
            new_docs=len(np.setdiff1d(following, positives)),
            hit_rates=tuple(hit_rates(self.candidates, ranked.top)),
        )
