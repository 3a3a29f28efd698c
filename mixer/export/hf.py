"""Hugging Face datasets: `load.py` with `mixture.json`, a map-style dataset of packed sequences over the token files.

A row is a sequence, so shares of rows are shares of tokens. Repetition is written out by index: `interleave_datasets`
would draw rows at random, end early or ignore its probabilities in the tail.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from midmix.mixer.export.drawn import stage_settings
from midmix.mixer.export.exporter import Exporter, Part, padding_notes
from midmix.mixer.export.folder import json_text
from midmix.mixer.export.readback import StageRead, from_settings
from midmix.mixer.plan.allocate import available_sequences
from midmix.mixer.plan.manifest import Plan
from midmix.mixer.plan.models import Domain, Shard, Stage, TokenFile

LOST = (
    "the label of a sequence's last token: rows have sequence_length tokens and models shift labels inside",
    "caps on epochs: written out as rows; nothing stops a trainer from a second pass over the dataset",
    "batch size, learning rate and RoPE: arguments of the trainer; `mixture.json` has them",
    "tokenizer identity: not checked",
    "intervals, evidence, provenance",
)


def linked_mixture(plan: Plan, stage: Stage) -> tuple[dict[str, Any], dict[str, TokenFile]]:
    """`mixture.json` of a loader over the token files as they are (see `hf_load`), and the files by their paths."""
    links: dict[str, TokenFile] = {}
    train = [
        _entry(plan.domain(share.domain), shard, "train", draw.sequences, draw.available, links)
        for share in stage.mixture
        for draw, shard in plan.drawn(share)
    ]
    heldout = [
        _entry(domain, shard, "heldout", whole, whole, links)
        for domain in plan.domains
        for shard in domain.heldout
        if (whole := available_sequences(shard.tokens, stage.sequence_length))
    ]
    return stage_settings(plan, stage) | {"splits": {"train": train, "heldout": heldout}}, links


def _stage(plan: Plan, stage: Stage, root: str) -> Part:
    mixture, links = linked_mixture(plan, stage)
    texts = {
        "mixture.json": json_text(mixture),
        "README.md": _readme(plan, stage),
    }
    notes = ("attention stops at no end of a document: rows hold no mask",) if stage.packing.document_mask else ()
    return Part(texts, links, (*notes, *padding_notes(stage, "`labels` has -100 there")))


def read_back(folder: Mapping[str, str]) -> StageRead:
    """A stage as its file in the folder has it: rows drawn from each token file."""
    mixture = json.loads(folder["mixture.json"])
    draws = {
        (entry["domain"], int(entry["tokens"].rsplit("-", 1)[1].split(".")[0])): entry["sequences"]
        for entry in mixture["splits"]["train"]
    }
    return from_settings(mixture, draws)


def _entry(
    domain: Domain, shard: Shard, split: str, sequences: int, available: int, links: dict[str, TokenFile]
) -> dict[str, object]:
    path = f"tokens/{domain.id}-{split}-{shard.index:05d}.bin"
    links[path] = shard.bin
    return {"domain": domain.id, "tokens": path, "sequences": sequences, "available": available}


def _readme(plan: Plan, stage: Stage) -> str:
    return f"""\
# Stage {stage.id} for Hugging Face datasets

    from load import load
    train = load(".")                      # datasets.Dataset of {stage.sequences} rows: input_ids, domain
    heldout = load(".", split="heldout")

Every row is {stage.sequence_length} tokens; train it for one epoch, in order. The order is mixed by the seed and every
stretch of it holds the planned shares. With `transformers.Trainer` use `remove_unused_columns=False` and
{_collator(stage)}. `rows(".")` yields the same without datasets. Plan {plan.hash}.
"""


def _collator(stage: Stage) -> str:
    if stage.packing.method == "best-fit":
        return "`default_data_collator`: rows have `labels` too, with -100 where a row is filled up"
    return "`DataCollatorForLanguageModeling(tokenizer, mlm=False)`"


HF = Exporter(
    target="datasets",
    target_version="5.2.0",
    unit_conversion="one row = one packed sequence; a shard stands with the number of rows drawn from it",
    lost=LOST,
    stage=_stage,
    read_back=read_back,
    scripts={"load.py": "hf_load.py"},
)
