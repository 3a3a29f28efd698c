"""A job of Megatron-LM: the export of its one stage, held-out text as validation sets of their own, and a launch script."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence

from midmix.mixer.export.exporter import make_folder
from midmix.mixer.export.folder import json_text
from midmix.mixer.export.megatron import MEGATRON
from midmix.mixer.jobs.checkpoint import Checkpoint
from midmix.mixer.jobs.files import JobFiles
from midmix.mixer.jobs.manifest import Evaluation, Job, ValidationSet
from midmix.mixer.plan.allocate import available_sequences
from midmix.mixer.plan.manifest import Plan
from midmix.mixer.plan.models import Domain, TokenFile


def validation_sets(
    domains: Sequence[Domain], num_bytes: Mapping[tuple[str, int], int], length: int, batch: int
) -> tuple[list[tuple[str, TokenFile, TokenFile]], list[Evaluation]]:
    """Held-out shards as validation sets: (prefix, .bin, .idx) in the order of their numbers, and what they measure.

    `num_bytes` are the bytes of each held-out shard by domain and number. Megatron drops the last batch that is not
    whole, so a shard below one global batch is no validation set.
    """
    files: list[tuple[str, TokenFile, TokenFile]] = []
    found: list[Evaluation] = []
    for domain in domains:
        sets: list[ValidationSet] = []
        tokens = bytes_ = 0
        for shard in domain.heldout:
            sequences = available_sequences(shard.tokens, length) // batch * batch
            if sequences:
                sets.append(ValidationSet(number=len(files), sequences=sequences))
                files.append((f"tokens/{domain.id}-heldout-{shard.index:05d}", shard.bin, shard.idx))
                tokens, bytes_ = tokens + shard.tokens, bytes_ + num_bytes[domain.id, shard.index]
        if sets:
            metric = f"domain:{domain.id}"
            found.append(Evaluation(metric=metric, num_tokens=tokens, num_bytes=bytes_, sets=tuple(sets)))
    return files, found


def megatron_job(
    plan: Plan, job: Job, checkpoint: Checkpoint, heldout: Sequence[tuple[str, TokenFile, TokenFile]]
) -> JobFiles:
    """The files of a job. The rate is the checkpoint's own, which the launch script reads."""
    export = make_folder(MEGATRON, plan, "")
    train = json.loads(export.texts["blend.json"])["train"]
    texts = {
        # Without weights, as Megatron wants validation sets that are measured one by one.
        "blend.json": json_text({"train": train, "valid": [prefix for prefix, _, _ in heldout], "test": None}),
        "arguments.txt": _arguments(export.texts["arguments.txt"], job),
        "load.py": export.texts["load.py"],
        "job.sh": _shell(job, checkpoint),
    }
    links = {path: file for path, file in export.links.items() if "-heldout-" not in path}
    for prefix, bin_file, idx_file in heldout:
        links[f"{prefix}.bin"], links[f"{prefix}.idx"] = bin_file, idx_file
    return JobFiles(texts, links)


def _arguments(exported: str, job: Job) -> str:
    """The stage's arguments but those that are the checkpoint's, and those of a job. One iteration is one step."""
    taken = ("--lr ", "--max-position-embeddings ")
    lines = [line for line in exported.splitlines() if line.startswith("--") and not line.startswith(taken)]
    own = [
        "--use-checkpoint-args",
        "--full-validation",
        "--multiple-validation-sets",
        # Validation once, after the last step.
        f"--eval-interval {job.steps + 1}",
        f"--save-interval {job.steps}",
        "--log-interval 1",
    ]
    return "\n".join([*lines, *own, ""])


def _shell(job: Job, checkpoint: Checkpoint) -> str:
    return f"""\
#!/usr/bin/env bash
# Run {job.run} of the design ({job.role}, seed {job.seed}): {job.tokens:,} tokens in {job.steps:,} steps.
# MEGATRON_LM is a checkout of Megatron-LM, LAUNCH starts a script, MODEL_ARGUMENTS is what the checkpoint's own arguments
# leave out: --tokenizer-type HuggingFaceTokenizer --tokenizer-model ..., parallelism, precision, micro-batch size, and the
# optimizer's betas, weight decay and clipping.
# CHECKPOINT names another place of the checkpoint, LEARNING_RATE another rate than that of its last step.
set -euo pipefail
cd "$(dirname "${{BASH_SOURCE[0]}}")"
if [ -e done ]; then exit 0; fi
: "${{MEGATRON_LM:?set it to a checkout of Megatron-LM}}"
if [ -z "${{CHECKPOINT:-}}" ]; then CHECKPOINT={shlex.quote(str(checkpoint.folder))}; fi
rate="${{LEARNING_RATE:-$(python ../learning_rate.py "$CHECKPOINT" {checkpoint.iteration})}}"
# --finetune loads the model alone: with the optimizer Megatron loads its place in the data, in the middle of this blend.
start=(--load "$CHECKPOINT" --ckpt-step {checkpoint.iteration} --finetune)
if [ -e checkpoints/latest_checkpointed_iteration.txt ]; then start=(--load checkpoints); fi
# shellcheck disable=SC2046,SC2086
${{LAUNCH:-torchrun --nproc-per-node=1}} "$MEGATRON_LM/pretrain_gpt.py" $(cat arguments.txt) \\
  --lr "$rate" "${{start[@]}}" --save checkpoints ${{MODEL_ARGUMENTS:-}} 2>&1 | tee -a log.txt
touch done
"""
