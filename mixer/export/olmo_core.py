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
from collections.abc import Mapping
from decimal import ROUND_DOWN, Decimal
from typing import Any

import yaml

from midmix.mixer.export.exporter import Exporter, Part
from midmix.mixer.export.folder import json_text
from midmix.mixer.export.olmo_core_packed import packed_draws, packed_part
from midmix.mixer.export.readback import StageRead
from midmix.mixer.plan.manifest import Plan
from midmix.mixer.plan.models import LearningRate, Share, Stage, TokenFile

RATIO_DIGITS = 15
DTYPES = {"uint16": "uint16", "int32": "uint32"}  # the same bits: ids are below 2^31
SMALL_SHARD_SEQUENCES = 100
LOST = (
    "intervals, evidence, provenance, hashes of files",
    "tokenizer identity: not checked by OLMo-core; dtype, vocabulary and ids are set in dataset.json",
    "seed: it orders the batches; which sequences are drawn does not depend on it (the head of each file)",
)


def _stage(plan: Plan, stage: Stage, root: str) -> Part:
    links: dict[str, TokenFile] = {}
    entries = [entry for share in stage.mixture for entry in _entries(plan, share, stage, root, links)]
    if stage.packing.method == "best-fit":
        heldout: dict[str, TokenFile] = {}
        return packed_part(plan, stage, root, _dataset(plan, stage, root, entries, heldout), heldout)
    texts = {
        "mixture.yaml": _mixture(entries),
        "dataset.json": json_text(_dataset(plan, stage, root, entries, links)),
        "README.md": _readme(plan, stage),
    }
    return Part(texts, links, tuple(_small(plan, stage)))


def read_back(folder: Mapping[str, str]) -> StageRead:
    """A stage as its files in the folder have it: what OLMo-core would draw of each file."""
    settings = json.loads(folder["dataset.json"])
    length = settings["sequence_length"]
    sequences = settings["requested_tokens"] // length
    draws: dict[tuple[str, int], int] = {}
    if "label_mask_paths" in settings:
        return _stage_read(settings, packed_draws(settings))
    for source in yaml.load(folder["mixture.yaml"], getattr(yaml, "CSafeLoader", yaml.SafeLoader))["sources"]:
        domain, shard, _ = source["source_name"].rsplit(".", 2)
        taken = round(source["target_ratio"] * sequences)
        draws[domain, int(shard)] = draws.get((domain, int(shard)), 0) + taken
    return _stage_read(settings, draws)


def _stage_read(settings: Mapping[str, Any], draws: Mapping[tuple[str, int], int]) -> StageRead:
    length = settings["sequence_length"]
    return StageRead(
        sequence_length=length,
        global_batch_sequences=settings["global_batch_size"] // length,
        sequences=settings["requested_tokens"] // length,
        seed=settings["seed"],
        start=settings["learning_rate"]["start"],
        end=settings["learning_rate"]["end"],
        draws=draws,
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
    for draw, shard in plan.drawn(share):
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
) -> dict[str, Any]:
    heldout: dict[str, list[str]] = {}
    for domain in plan.domains:
        for shard in domain.heldout:
            path = f"tokens/{stage.id}-{domain.id}-heldout-{shard.index:05d}.npy"
            links[path] = shard.bin
            heldout.setdefault(domain.id, []).append(f"{root}/{path}" if root else path)
    return {
        "requested_tokens": stage.token_budget,
        "global_batch_size": stage.global_batch_sequences * stage.sequence_length,
        "sequence_length": stage.sequence_length,
        "dtype": DTYPES[plan.tokenizer.dtype],
        "seed": stage.seed,
        "document_mask": stage.packing.document_mask,
        "learning_rate": stage.learning_rate.model_dump(mode="json", exclude_none=True),
        "rope": stage.rope.model_dump(mode="json") if stage.rope else None,
        "tokenizer": {
            "vocab_size": plan.tokenizer.vocabulary_size,
            "eos_token_id": plan.tokenizer.eos_id,
            "pad_token_id": plan.tokenizer.eos_id,
        },
        "sequences": {share.domain: share.sequences for share in stage.mixture},
        "sources": {name: count for name, _, count in entries},
        "heldout": heldout,
    }


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
`load_trainer_state=False`. {_scheduler(stage.learning_rate)}{_rope(stage)}Plan {plan.hash}.
"""


def _scheduler(rate: LearningRate) -> str:
    """The scheduler's class where one fits; warm-up and decay of these count steps of the stage."""
    name = {"constant": "ConstantScheduler", "linear": "LinearWithWarmup", "linear-to-zero": "LinearWithWarmup"}
    name |= {"cosine": "CosWithWarmup"}
    if rate.schedule not in name:
        return f"Write a scheduler of the form {rate.schedule}: OLMo-core has none that is equal. "
    return f"Scheduler: `{name[rate.schedule]}`, `alpha_f={rate.end / rate.start:.6g}`. "


def _rope(stage: Stage) -> str:
    rope = stage.rope
    if rope is None:
        return ""
    words = f"RoPE: `rope_theta={rope.base:.0f}`"
    if rope.scaling == "yarn":
        words += f", `YaRNRoPEScalingConfig(factor={rope.factor:g}, old_context_len={rope.original_length})`"
    elif rope.factor is not None:
        words += f", scaling {rope.scaling} by {rope.factor:g} from {rope.original_length} positions"
    return f"{words}. "


OLMO_CORE = Exporter(
    target="ai2-olmo-core",
    target_version="3.0.0",
    unit_conversion="target_ratio = sequences of the entry / of the stage; an entry is one pass over a file",
    lost=LOST,
    stage=_stage,
    read_back=read_back,
    scripts={"load.py": "olmo_core_load.py"},
)
