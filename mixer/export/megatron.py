"""Megatron-LM, NeMo and Megatron-Bridge: one blend of indexed token files per split, and the arguments that go with it.

A weight is the number of sequences drawn from a shard, as text. Megatron normalises the weights and gives sample k to
the shard that is furthest behind its share. A shard that has had all its sequences is ahead of its share until the
end, so it is not chosen again: after `train-samples` samples every shard has had exactly its number.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

from midmix.errors import InputError
from midmix.mixer.export.exporter import Exporter, Part, padding_notes
from midmix.mixer.export.folder import json_text
from midmix.mixer.export.megatron_arguments import launch_arguments
from midmix.mixer.export.readback import StageRead
from midmix.mixer.plan.allocate import available_sequences
from midmix.mixer.plan.checks import is_number
from midmix.mixer.plan.manifest import Plan
from midmix.mixer.plan.models import Domain, Shard, Stage, TokenFile

MAX_DATASETS = 32_766  # BlendedDataset keeps their numbers in int16
# Beyond this many samples the rounding of Megatron's float64 shares may reach one sample.
MAX_EXACT_SAMPLES = 50_000_000
MASKED = (
    "--eod-mask-loss leaves out the loss of every label after an end-of-text id, of these and of the first token of each "
    "document that follows another; where a row ends within a document, its last label is the first token of another row"
)
PREFIX = re.compile(r"tokens/(.+)-train-(\d+)$")
LOST = (
    "caps on epochs: Megatron repeats without a word; they were checked here",
    "which sequences of a shard are drawn in a pass that is not whole: Megatron shuffles each shard by the seed",
    "tokenizer identity: not checked by Megatron",
    "intervals, evidence, provenance",
)


def _stage(plan: Plan, stage: Stage, root: str) -> Part:
    links: dict[str, TokenFile] = {}
    train, valid = _train(plan, stage, root, links), _valid(plan, stage, root, links)
    if max(len(train), len(valid)) // 2 > MAX_DATASETS:
        raise InputError(
            f"megatron: {len(train) // 2} shards to draw from, it takes {MAX_DATASETS}; raise shard_tokens"
        )
    notes = [] if valid else ["no held-out shard holds a whole sequence: there is no validation blend"]
    if stage.sequences > MAX_EXACT_SAMPLES:
        notes.append(f"{stage.sequences} samples: above {MAX_EXACT_SAMPLES}, a shard may be one sample off")
    if not root:
        notes.append("prefixes are relative: launch from this folder, or export with `midmix export --dest`")
    notes += padding_notes(stage, MASKED)
    arguments, lost = launch_arguments(stage)
    texts = {
        "blend.json": json_text({"train": train, "valid": valid or None, "test": None}),
        "arguments.txt": _arguments(plan, stage, root, arguments, lost),
        "README.md": _readme(plan, stage),
    }
    return Part(texts, links, (*notes, *lost))


def read_back(folder: Mapping[str, str]) -> StageRead:
    """A stage as its files in the folder have it: what Megatron would draw, by which arguments."""
    words = json.loads(folder["blend.json"])["train"]
    given = dict(
        line.split(" ", 1) for line in folder["arguments.txt"].splitlines() if line.startswith("--") and " " in line
    )
    draws: dict[tuple[str, int], int] = {}
    for weight, prefix in zip(words[::2], words[1::2], strict=True):
        found = PREFIX.search(prefix)
        if found is None:
            raise InputError(f"megatron: got prefix {prefix!r}, expected tokens/DOMAIN-train-NUMBER")
        draws[found[1], int(found[2])] = int(weight)
    return StageRead(
        sequence_length=int(given["--seq-length"]),
        global_batch_sequences=int(given["--global-batch-size"]),
        sequences=int(given["--train-samples"]),
        seed=int(given["--seed"]),
        start=float(given["--lr"]),
        end=float(given["--min-lr"]),
        draws=draws,
    )


def _train(plan: Plan, stage: Stage, root: str, links: dict[str, TokenFile]) -> list[str]:
    blend: list[str] = []
    for share in stage.mixture:
        domain = plan.domain(share.domain)
        for draw, shard in plan.drawn(share):
            blend += [str(draw.sequences), _link(domain, shard, "train", root, links)]
    return blend


def _valid(plan: Plan, stage: Stage, root: str, links: dict[str, TokenFile]) -> list[str]:
    """Held-out shards of all domains, weighed by their own sizes."""
    blend: list[str] = []
    for domain in plan.domains:
        for shard in domain.heldout:
            whole = available_sequences(shard.tokens, stage.sequence_length)
            if whole:
                blend += [str(whole), _link(domain, shard, "heldout", root, links)]
    return blend


def _link(domain: Domain, shard: Shard, split: str, root: str, links: dict[str, TokenFile]) -> str:
    path = f"tokens/{domain.id}-{split}-{shard.index:05d}"
    links[f"{path}.bin"], links[f"{path}.idx"] = shard.bin, shard.idx
    prefix = f"{root}/{path}" if root else path
    if is_number(prefix) or any(c.isspace() for c in prefix):
        raise InputError(f"megatron: it would not read {prefix!r} as one path; export to a folder without white space")
    return prefix


def _arguments(plan: Plan, stage: Stage, root: str, arguments: list[str], lost: list[str]) -> str:
    prefix = f"{root}/" if root else ""
    lines = "\n".join([*arguments, *(f"# By hand: {words}" for words in lost)])
    start, end = stage.learning_rate.start, stage.learning_rate.end
    return f"""\
# Plan {plan.hash[:12]}, stage {stage.id}. One sample is one sequence of {stage.sequence_length} tokens.
# Use: torchrun ... pretrain_gpt.py $(grep -v '^#' arguments.txt) <model, checkpoint and optimizer arguments>
--per-split-data-args-path {prefix}blend.json
--data-cache-path {prefix}cache
--train-samples {stage.sequences}
--global-batch-size {stage.global_batch_sequences}
--seq-length {stage.sequence_length}
--seed {stage.seed}
# The blend is exact from sample 0 on: start the stage with consumed samples at 0. A checkpoint that is loaded with
# its iteration makes Megatron start at the consumed samples of the checkpoint, in the middle of this blend.
# Learning rate of the stage: {stage.learning_rate.schedule} from {start} to {end}. The checkpoint's last rate should be
# the first one here; the scheduler's state in the checkpoint is overridden.
{lines}
# Tokenizer: token ids are those of {plan.tokenizer.id} ({plan.tokenizer.vocabulary_size} ids, end of text
# {plan.tokenizer.eos_id}, tokenizer.json sha256 {plan.tokenizer.file_sha256[:16]}); Megatron does not check it:
#   --tokenizer-type HuggingFaceTokenizer --tokenizer-model <its folder>
"""


def _readme(plan: Plan, stage: Stage) -> str:
    return f"""\
# Stage {stage.id} for Megatron

Weights in `blend.json` count sequences of {stage.sequence_length} tokens drawn from each shard; they sum to
{stage.sequences}, which is `--train-samples`. Launch arguments are in `arguments.txt`, hashes and what Megatron cannot
express in `EXPORT.json`. Plan {plan.hash}.
"""


MEGATRON = Exporter(
    target="megatron-core",
    target_version="0.16.1",
    unit_conversion="weight = sequences drawn from the shard; one sample is one sequence (and a label token)",
    lost=LOST,
    stage=_stage,
    read_back=read_back,
    scripts={"load.py": "megatron_load.py"},
)
