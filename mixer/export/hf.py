"""Hugging Face datasets: `load.py` with `mixture.json`, a map-style dataset of packed sequences over the token files.

A row is a sequence, so shares of rows are shares of tokens. Repetition is written out by index: `interleave_datasets`
would draw rows at random, end early or ignore its probabilities in the tail.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from midmix.mixer.export.folder import Export, Part, json_text, stage_facts, stage_parts
from midmix.mixer.export.readback import StageRead
from midmix.mixer.plan.allocate import available_sequences
from midmix.mixer.plan.manifest import Plan
from midmix.mixer.plan.models import Domain, Shard, Stage, TokenFile

TARGET_VERSION = "5.2.0"
LOST = (
    "the label of a sequence's last token: rows have sequence_length tokens and models shift labels inside",
    "caps on epochs: written out as rows; nothing stops a trainer from a second pass over the dataset",
    "batch size, learning rate and RoPE: arguments of the trainer; `mixture.json` has them",
    "tokenizer identity: not checked",
    "intervals, evidence, provenance",
)


def export(plan: Plan, root: str) -> Export:
    """The folder for Hugging Face datasets. Its paths are always relative to it: `load.py` finds its own folder."""
    part = stage_parts(plan, root, _stage)
    return Export(
        target="datasets",
        target_version=TARGET_VERSION,
        unit_conversion="one row = one packed sequence; a shard stands with the number of rows drawn from it",
        texts=part.texts,
        links=part.links,
        lost=LOST,
        notes=part.notes,
        facts=stage_facts(plan),
    )


def _stage(plan: Plan, stage: Stage, root: str) -> Part:
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
    mixture = {
        "sequence_length": stage.sequence_length,
        "dtype": plan.tokenizer.dtype,
        "seed": stage.seed,
        "global_batch_sequences": stage.global_batch_sequences,
        "document_mask": stage.packing.document_mask,
        "learning_rate": stage.learning_rate.model_dump(mode="json", exclude_none=True),
        "rope": stage.rope.model_dump(mode="json") if stage.rope else None,
        "sequences": {share.domain: share.sequences for share in stage.mixture},
        "splits": {"train": train, "heldout": heldout},
    }
    texts = {
        "mixture.json": json_text(mixture),
        "load.py": Path(__file__).with_name("hf_load.py").read_text(encoding="utf-8"),
        "README.md": _readme(plan, stage),
    }
    notes = ("attention stops at no end of a document: rows hold no mask",) if stage.packing.document_mask else ()
    return Part(texts, links, notes)


def read_back(folder: Mapping[str, str]) -> StageRead:
    """A stage as its file in the folder has it: rows drawn from each token file."""
    mixture = json.loads(folder["mixture.json"])
    train = mixture["splits"]["train"]
    return StageRead(
        sequence_length=mixture["sequence_length"],
        global_batch_sequences=mixture["global_batch_sequences"],
        sequences=sum(entry["sequences"] for entry in train),
        seed=mixture["seed"],
        start=mixture["learning_rate"]["start"],
        end=mixture["learning_rate"]["end"],
        draws={(e["domain"], int(e["tokens"].rsplit("-", 1)[1].split(".")[0])): e["sequences"] for e in train},
    )


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
`DataCollatorForLanguageModeling(tokenizer, mlm=False)`. `rows(".")` yields the same without datasets. Plan {plan.hash}.
"""
