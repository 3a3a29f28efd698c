"""THE MAP: every step of midmix in order, with the tables it reads and writes.

The command line, `docs/flow.md` and the runner are made from this list; nothing else knows the order.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, cast

from midmix import tables as t
from midmix.errors import ConfigError
from midmix.tables import Table

if TYPE_CHECKING:
    from midmix.step import Context


class StepModule(Protocol):
    """What the module of a step offers."""

    VERSION: int

    def run(self, context: Context) -> None:
        """Do the step."""


@dataclass(frozen=True)
class Step:
    """One step: its name, the module that does it, the tables it reads and writes, and what it is for."""

    name: str
    module: str
    reads: tuple[Table, ...]
    writes: tuple[Table, ...]
    summary: str

    def load(self) -> StepModule:
        """The step's module, imported now."""
        return cast(StepModule, importlib.import_module(self.module))


CURATE = (
    Step(
        "ingest", "midmix.curation.ingest.step", (), (t.SOURCES, t.COPIES, t.PARTS, t.DOCUMENTS, t.QUARANTINE),
        "find files, cut them into parts, read every row once; bad ones are set aside",
    ),
    Step(
        "score", "midmix.curation.score.step", (t.DOCUMENTS,), (t.SCORES, t.SPANS),
        "values for the rules, and spans that an edit would cut or mask",
    ),
    Step(
        "classify", "midmix.curation.classify.step", (t.SOURCES, t.PARTS, t.DOCUMENTS, t.SCORES),
        (t.ARTEFACTS, t.LABELS, t.RATER_AUDIT),
        "language, kind, quality, the config's other raters and levels, from frozen models; and how far they agree",
    ),
    Step(
        "dedup", "midmix.curation.dedup.step", (t.SOURCES, t.PARTS, t.DOCUMENTS, t.SCORES, t.SPANS, t.LABELS),
        (t.SURVIVOR_SCORES, t.SIGNATURES, t.BANDS, t.SKETCHES, t.TEXT_KEYS, t.PLACES, t.CANDIDATES, t.NEEDED, t.SHINGLES, t.PAIRS, t.APART),
        "candidate pairs from hashes, verified on the clean text",
    ),
    Step(
        "past", "midmix.curation.past.step", (t.PARTS, t.DOCUMENTS, t.SPANS, t.SIGNATURES, t.BANDS),
        (t.PAST_KEYS, t.PAST_CANDIDATES, t.PAST_PAIRS),
        "what an earlier corpus has already, by its index; for those who ask",
    ),
    Step(
        "passages", "midmix.curation.passages.step", (t.DOCUMENTS, t.SPANS),
        (t.PASSAGES, t.ANCHORS, t.SHARED_ANCHORS, t.SHARED_WINDOWS, t.REPEATED_PASSAGES),
        "lines, paragraphs and exact substrings that several documents share",
    ),
    Step(
        "semantic", "midmix.curation.semantic.step",
        (t.SOURCES, t.PARTS, t.DOCUMENTS, t.SPANS, t.SURVIVOR_SCORES), (t.ARTEFACTS, t.EMBEDDINGS, t.CELLS, t.SEMANTIC_PAIRS),
        "documents that mean the same, by their embeddings; for those who ask",
    ),
    Step(
        "decontaminate", "midmix.curation.decontaminate.step", (t.DOCUMENTS, t.SPANS),
        (t.EVALUATION_ITEMS, t.ITEM_EMBEDDINGS, t.ITEM_COVERAGE, t.CONTAMINATION),
        "text of benchmarks and evaluation sets in the documents",
    ),
    Step(
        "decide", "midmix.curation.decide.step",
        (t.SOURCES, t.PARTS, t.DOCUMENTS, t.SCORES, t.LABELS, t.SURVIVOR_SCORES, t.PAIRS, t.SEMANTIC_PAIRS, t.PAST_PAIRS,
         t.REPEATED_PASSAGES, t.EVALUATION_ITEMS, t.CONTAMINATION),
        (t.DECISIONS, t.CUTS),
        "rules and leaks, then the survivors among those that passed; the only place with thresholds",
    ),
    Step(
        "apply", "midmix.curation.apply.step", (t.DOCUMENTS, t.SPANS, t.LABELS, t.DECISIONS, t.CUTS), (t.CURATED,),
        "kept text with the edits and cuts carried out, once",
    ),
    Step(
        "tokenize", "midmix.curation.tokenize.step",
        (t.SOURCES, t.PARTS, t.DOCUMENTS, t.SCORES, t.LABELS, t.CURATED), (t.TOKEN_PARTS, t.TOKENS),
        "token ids, then shards per domain and split in a seeded permutation, documents of a group joined",
    ),
)  # fmt: skip

MIX = (
    Step("design", "midmix.mixer.design.step", (t.PARTS, t.TOKENS), (t.DESIGNS,), "mixtures to try, within caps"),
    Step(
        "train", "midmix.proxy_train.step", (t.DESIGNS, t.TOKENS, t.EVALUATION_ITEMS), (t.LOSSES, t.HALVINGS, t.PROXIES),
        "small proxies, many in one batch, controls on replay and on web alone among them",
    ),
    Step("fit", "midmix.mixer.fit.step", (t.DESIGNS, t.LOSSES), (t.LAWS, t.PREDICTIONS), "laws with held-out error and noise floor"),
    Step(
        "optimize", "midmix.mixer.optimize.step", (t.PARTS, t.TOKENS, t.DESIGNS, t.LOSSES, t.PROXIES, t.LAWS),
        (t.WEIGHTS, t.ALTERNATIVES, t.PRICES, t.FRONTIER, t.ANNEALS, t.EVIDENCE),
        "weights with intervals under limits and retention, what binds and what it costs, and what they rest on",
    ),
    Step(
        "plan", "midmix.mixer.plan.step", (t.SOURCES, t.PARTS, t.WEIGHTS, t.TOKENS, t.EVIDENCE), (t.PLAN, t.PACKING),
        "exact integer sequences per domain and shard",
    ),
)  # fmt: skip

EXPORT = Step("export", "midmix.mixer.export.step", (t.PLAN, t.TOKENS), (t.EXPORTS,), "one folder per trainer")

FLOW: tuple[Step, ...] = (*CURATE, *MIX, EXPORT)
STEP_NAMES: tuple[str, ...] = tuple(step.name for step in FLOW)


def find_step(name: str) -> Step:
    """The step called `name`. Raises ConfigError that lists the steps."""
    for step in FLOW:
        if step.name == name:
            return step
    raise ConfigError(f"got step {name!r}; the steps are {', '.join(STEP_NAMES)}")


def steps_between(first: str | None, last: str | None) -> tuple[Step, ...]:
    """The steps from `first` to `last`, both included. Raises ConfigError when they are in the wrong order."""
    start = FLOW.index(find_step(first)) if first else 0
    end = FLOW.index(find_step(last)) if last else len(FLOW) - 1
    if start > end:
        raise ConfigError(f"--from {first} comes after --until {last}; the order is {', '.join(STEP_NAMES)}")
    return FLOW[start : end + 1]
