"""A job of OLMo-core: the export of its one stage, what the script needs to know, and the script."""

from __future__ import annotations

import json
from pathlib import Path

from midmix.mixer.export.exporter import make_folder
from midmix.mixer.export.folder import json_text
from midmix.mixer.export.olmo_core import OLMO_CORE
from midmix.mixer.jobs.checkpoint import Checkpoint
from midmix.mixer.jobs.files import JobFiles
from midmix.mixer.jobs.manifest import Job, JobSchedule
from midmix.mixer.plan.manifest import Plan

SCRIPT = "olmo_core_train.py"


def olmo_core_job(plan: Plan, job: Job, checkpoint: Checkpoint, schedule: JobSchedule) -> JobFiles:
    """The files of a job. Texts to measure lie beside its folder; the stage's own rate gives way to the checkpoint's."""
    export = make_folder(OLMO_CORE, plan, "")
    data = json.loads(export.texts["dataset.json"])
    data = {name: value for name, value in data.items() if name not in ("learning_rate", "rope", "heldout")}
    values = {
        "run": job.run,
        "checkpoint": str(checkpoint.folder),
        "steps": job.steps,
        "schedule": schedule.model_dump(mode="json"),
    }
    texts = {
        "mixture.yaml": export.texts["mixture.yaml"],
        "dataset.json": json_text(data),
        "load.py": export.texts["load.py"],
        "train.py": Path(__file__).with_name(SCRIPT).read_text(encoding="utf-8"),
        "job.json": json_text(values),
        "job.sh": _shell(job),
    }
    return JobFiles(texts, {path: file for path, file in export.links.items() if "-heldout-" not in path})


def _shell(job: Job) -> str:
    return f"""\
#!/usr/bin/env bash
# Run {job.run} of the design ({job.role}, seed {job.seed}): {job.tokens:,} tokens in {job.steps:,} steps.
# LAUNCH starts the script, such as "torchrun --nproc-per-node=8"; CHECKPOINT names another place of the checkpoint.
# A job that was stopped goes on from its own last checkpoint.
set -euo pipefail
cd "$(dirname "${{BASH_SOURCE[0]}}")"
if [ -e done ]; then exit 0; fi
${{LAUNCH:-python}} train.py
touch done
"""
