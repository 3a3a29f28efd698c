"""OLMo-core: a source mixture whose every entry is one pass, or a part of one, over one token file.

OLMo-core floors each file of a source to whole sequences and hands what is missing to other files, by remainder and
across sources, so that a source of many files, or one that is repeated, misses its ratio. An entry that asks for
n <= available sequences of one file has no such loss: its tokens come within one of n sequences, the largest
remainders are those of the entries that were floored, and each gets its sequence back. Entries take the head of
their file; documents lie in a seeded permutation, so the head is a random sample.
Source: olmo_core/data/source_mixture.py of ai2-olmo-core 3.0.0.
"""

from __future__ import annotations

import json
from decimal import ROUND_DOWN, Decimal
from pathlib import Path

from midmix.mixer.export.folder import Export, json_text, only_stage
from midmix.mixer.plan.manifest import Plan
from midmix.mixer.plan.models import Share, Stage, TokenFile

TARGET_VERSION = "3.0.0"
RATIO_DIGITS = 15
DTYPES = {"uint16": "uint16", "int32": "uint32"}  # the same bits: ids are below 2^31
SMALL_SHARD_SEQUENCES = 100
LOST = (
    "intervals, evidence, provenance, hashes of files",
    "tokenizer identity: not checked by OLMo-core; dtype, vocabulary and ids are set in dataset.json",
    "seed: it orders the batches; which sequences are drawn does not depend on it (the head of each file)",
)


def export(plan: Plan, root: str) -> Export:
    """The folder for OLMo-core. `root` is put before every path: "" for relative ones, else an absolute folder."""
    stage = only_stage(plan, "olmo-core")
    links: dict[str, TokenFile] = {}
    entries = [entry for share in stage.mixture for entry in _entries(plan, share, stage, root, links)]
    return Export(
        target="ai2-olmo-core",
        target_version=TARGET_VERSION,
        unit_conversion="target_ratio = sequences of the entry / of the stage; an entry is one pass over a file",
        texts={
            "mixture.yaml": _mixture(entries),
            "dataset.json": _dataset(plan, stage, root, entries, links),
            "load.py": Path(__file__).with_name("olmo_core_load.py").read_text(encoding="utf-8"),
            "README.md": _readme(plan, stage),
        },
        links=links,
        lost=LOST,
        notes=tuple(_small(plan, stage)),
        facts={"sequences": {share.domain: share.sequences for share in stage.mixture}},
    )


def exact_ratios(counts: list[int]) -> list[Decimal]:
    """Shares of `counts` in 15 decimals that sum to exactly 1 as decimals; the largest takes the remainder."""
    total = Decimal(sum(counts))
    unit = Decimal(1).scaleb(-RATIO_DIGITS)
    ratios = [(count / total).quantize(unit, rounding=ROUND_DOWN) for count in counts]
    largest = max(range(len(counts)), key=lambda i: (counts[i], -i))
    ratios[largest] += 1 - sum(ratios)
    return ratios


def _mixture(entries: list[tuple[str, str, int]]) -> str:
    """The sources as YAML: one JSON-like mapping a line, ratios in plain decimals."""
    ratios = exact_ratios([count for _, _, count in entries])
    lines = [
        f"- {{source_name: {json.dumps(name)}, target_ratio: {ratio:f}, paths: [{json.dumps(path)}], "
        f"max_repetition_ratio: 1.0, max_source_fraction: 1.0}}"
        for (name, path, _), ratio in zip(entries, ratios, strict=True)
    ]
    return "\n".join(["sources:", *lines, ""])


def _entries(
    plan: Plan, share: Share, stage: Stage, root: str, links: dict[str, TokenFile]
) -> list[tuple[str, str, int]]:
    """(source_name, path, sequences) of every pass over every shard that the share draws from."""
    entries = []
    for draw, shard in zip(share.draws, plan.domain(share.domain).shards, strict=True):
        if not draw.sequences:
            continue
        # Base names differ between stages: OLMo-core fingerprints data by base name and size alone.
        path = f"tokens/{stage.id}-{share.domain}-{shard.index:05d}.npy"
        links[path] = shard.bin
        whole, rest = divmod(draw.sequences, draw.available)
        for number, count in enumerate([draw.available] * whole + [rest] * (rest > 0), start=1):
            entries.append(
                (f"{share.domain}.{shard.index:05d}.pass{number}", f"{root}/{path}" if root else path, count)
            )
    return entries


def _dataset(
    plan: Plan, stage: Stage, root: str, entries: list[tuple[str, str, int]], links: dict[str, TokenFile]
) -> str:
    heldout: dict[str, list[str]] = {}
    for domain in plan.domains:
        for shard in domain.heldout:
            path = f"tokens/{stage.id}-{domain.id}-heldout-{shard.index:05d}.npy"
            links[path] = shard.bin
            heldout.setdefault(domain.id, []).append(f"{root}/{path}" if root else path)
    return json_text(
        {
            "requested_tokens": stage.token_budget,
            "global_batch_size": stage.global_batch_sequences * stage.sequence_length,
            "sequence_length": stage.sequence_length,
            "dtype": DTYPES[plan.tokenizer.dtype],
            "seed": stage.seed,
            "tokenizer": {
                "vocab_size": plan.tokenizer.vocabulary_size,
                "eos_token_id": plan.tokenizer.eos_id,
                "pad_token_id": plan.tokenizer.eos_id,
            },
            "sequences": {share.domain: share.sequences for share in stage.mixture},
            "sources": {name: count for name, _, count in entries},
            "heldout": heldout,
        }
    )


def _small(plan: Plan, stage: Stage) -> list[str]:
    limit = SMALL_SHARD_SEQUENCES * stage.sequence_length
    return [
        f"domain {share.domain}: {count} of its shards are below {SMALL_SHARD_SEQUENCES} sequences; the ratios of this "
        f"file are exact, ratios over several files by hand would not be"
        for share in stage.mixture
        if (count := sum(shard.tokens < limit for shard in plan.domain(share.domain).shards))
    ]


def _readme(plan: Plan, stage: Stage) -> str:
    return f"""\
# Stage {stage.id} for OLMo-core

`load.py` builds the dataset: `python load.py WORK_DIR` prints its size, `from load import load_config` gives the
`NumpyFSLDatasetConfig`. Ratios in `mixture.yaml` are shares of tokens; every entry is one pass over one file, so
a repeated file stands several times. `.npy` files are raw token ids without a NumPy header. Give every stage a
fresh work folder. Learning rate: {stage.learning_rate.schedule} from {stage.learning_rate.start} to
{stage.learning_rate.end} over {stage.sequences // stage.global_batch_sequences} steps; load the checkpoint with
`load_trainer_state=False`. Plan {plan.hash}.
"""
