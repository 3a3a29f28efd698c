"""How all jobs are started: one after the other, or as an array of Slurm; and what the folder is, in words."""

from __future__ import annotations

from midmix.mixer.jobs.manifest import Jobs

STARTED_BY = {
    "olmo-core": "LAUNCH='torchrun --nproc-per-node=8'",
    "megatron": "MEGATRON_LM=/opt/Megatron-LM LAUNCH='torchrun --nproc-per-node=8' MODEL_ARGUMENTS='--bf16 ...'",
}
MEASURED = {
    "olmo-core": "held-out text of every domain and the run's evaluation sets, after the last step, as the run's own "
    "proxies are measured: an item's answer after its question",
    "megatron": "held-out text of every domain that fills a global batch, after the last step. Megatron cannot measure "
    "answers alone, so evaluation sets are not measured: use lm-evaluation-harness",
}
LOADED = {
    "olmo-core": "model and optimizer state; the trainer's state is not (`load_trainer_state=False`)",
    "megatron": "the model (`--finetune`); with its optimizer state Megatron would load the checkpoint's place in the data "
    "and begin in the middle of the blend, so Adam's moments start from zero in every job",
}


def run_all(jobs: Jobs) -> str:
    """`run-all.sh`: every job in turn; a failed one does not keep the others, and is named at the end."""
    folders = " ".join(job.folder for job in jobs.jobs)
    return f"""\
#!/usr/bin/env bash
# {STARTED_BY[jobs.trainer]} bash run-all.sh
set -uo pipefail
cd "$(dirname "${{BASH_SOURCE[0]}}")"
failed=()
for job in {folders}; do
  bash "$job/job.sh" || failed+=("$job")
done
if [ "${{#failed[@]}}" -gt 0 ]; then echo "failed: ${{failed[*]}}" >&2; exit 1; fi
"""


def slurm(jobs: Jobs) -> str:
    """`slurm.sh`: a fragment that runs one job per task of an array."""
    folders = " ".join(job.folder for job in jobs.jobs)
    return f"""\
#!/usr/bin/env bash
# {STARTED_BY[jobs.trainer]} sbatch --export=ALL slurm.sh, from this folder. Add partition, account and time.
#SBATCH --job-name=midmix-jobs
#SBATCH --array=0-{len(jobs.jobs) - 1}
#SBATCH --nodes=1
#SBATCH --ntasks-per-node=1
#SBATCH --output=slurm-%A_%a.out
set -euo pipefail
jobs=({folders})
srun bash "${{SLURM_SUBMIT_DIR:?}}/${{jobs[$SLURM_ARRAY_TASK_ID]}}/job.sh"
"""


def readme(jobs: Jobs) -> str:
    """`README.md`: what the jobs are, how they are started and read back."""
    schedule = jobs.schedule
    return f"""\
# {len(jobs.jobs)} jobs of a design for {jobs.trainer}

Each `run-*/job.sh` trains one run of the design from the checkpoint `{jobs.checkpoint}`:
{jobs.tokens:,} tokens at most in whole batches of {jobs.global_batch_sequences} x {jobs.sequence_length}, learning rate
{schedule.form} from the checkpoint's own to {schedule.end:g}. Loaded: {LOADED[jobs.trainer]}.
Measured: {MEASURED[jobs.trainer]}. Roles, mixtures in tokens and seeds are in `{"JOBS.json"}`; equal seeds read in equal order.
References, ablations and micro-anneals are mixed as they were asked for, also where that repeats a domain beyond its cap.

    {STARTED_BY[jobs.trainer]} bash run-all.sh      # or sbatch slurm.sh; a job that ended is not run again
    midmix results add RUN THIS_FOLDER              # takes in what has ended; what is missing or broken is named

`results_*.json` of lm-evaluation-harness anywhere below a job's folder are taken in with it.
"""
