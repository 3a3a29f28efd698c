"""The folder of jobs on disk: filled beside its place, then put there.

    JOBS/JOBS.json  run-all.sh  slurm.sh  README.md
    JOBS/tokens/0/             token files, hard links into the run; one folder per set of pools
    JOBS/run-000000/           job.sh and what it reads; what the job makes stays here
    JOBS/evaluation/           texts to measure (OLMo-core)
    JOBS/learning_rate.py      (Megatron)

JOBS.json comes last, so a folder that has it is whole. Written again after the design grew, the folder takes the new
jobs, and those that are there stay as they are.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

from midmix.disk import sha256_of
from midmix.errors import InputError
from midmix.mixer.jobs.files import JobFiles
from midmix.mixer.jobs.manifest import JOBS_FILE, Jobs, read_jobs_file
from midmix.mixer.plan.files import link_or_copy

TOKENS = "tokens"


def check_destination(destination: Path, jobs: Jobs) -> None:
    """Raise InputError when `destination` holds other files, or jobs that are not those of `jobs`."""
    if not destination.exists() or (destination.is_dir() and not any(destination.iterdir())):
        return
    if not (destination / JOBS_FILE).is_file():
        raise InputError(f"{destination}: holds files and no {JOBS_FILE}. Name a new or an empty folder.")
    there = read_jobs_file(destination / JOBS_FILE)
    ours = {job.run: job for job in jobs.jobs}
    if there.identity != jobs.identity or there.evaluation != jobs.evaluation:
        raise InputError(
            f"{destination}: holds jobs of another trainer, checkpoint, budget or evaluation. Name a new folder for these."
        )
    for job in there.jobs:
        if ours.get(job.run) != job:
            raise InputError(
                f"{destination}: its run {job.run} is another mixture or seed than the design's now. Name a new folder."
            )


def check_tokens(destination: Path, jobs: Mapping[str, tuple[int, JobFiles]], paths: Mapping[str, Path]) -> None:
    """Raise InputError where a token file in `destination` is not the one that the run has now: new jobs would read it."""
    for pools, files in jobs.values():
        for path, file in files.links.items():
            there = _shared(destination, pools, path)
            if there.exists() and not there.samefile(paths[file.name]) and sha256_of(there) != file.sha256:
                raise InputError(
                    f"{there}: is not {file.name} of the run, which was tokenized again since. Name a new folder."
                )


def _shared(folder: Path, pools: int, path: str) -> Path:
    """Where jobs of one set of pools have a token file, by its path in a job's folder."""
    return folder / TOKENS / str(pools) / Path(path).relative_to(TOKENS)


def fill(
    scratch: Path, texts: Mapping[str, str], jobs: Mapping[str, tuple[int, JobFiles]], paths: Mapping[str, Path]
) -> None:
    """Write everything below `scratch`: `texts` by path, and each job's folder with the number of its set of pools.

    `paths` gives the place of every token file by its name.
    """
    for folder, (pools, files) in jobs.items():
        place = scratch / folder
        place.mkdir(parents=True)
        (place / TOKENS).symlink_to(Path("..") / TOKENS / str(pools))
        for path, text in files.texts.items():
            _write(place / path, text)
        for path, file in files.links.items():
            target = _shared(scratch, pools, path)
            if not target.exists():
                target.parent.mkdir(parents=True, exist_ok=True)
                link_or_copy(paths[file.name], target)
    for path, text in texts.items():
        _write(scratch / path, text)


def put(scratch: Path, destination: Path) -> None:
    """Make `scratch` the destination; where that is there, move what it lacks, then the files at its top, JOBS.json last."""
    if not destination.exists() or not any(destination.iterdir()):
        destination.parent.mkdir(parents=True, exist_ok=True)
        scratch.replace(destination)
        return
    kept = {job.folder for job in read_jobs_file(destination / JOBS_FILE).jobs}
    for source in sorted(path for path in scratch.iterdir() if path.is_dir()):
        target = destination / source.name
        if source.name == TOKENS:
            for pools in sorted(source.iterdir()):
                _merge(pools, target / pools.name)
        elif source.name not in kept:
            shutil.rmtree(target, ignore_errors=True)  # what a killed call left
            source.rename(target)
    files = [path for path in scratch.iterdir() if path.is_file()]
    for path in sorted(files, key=lambda path: (path.name == JOBS_FILE, path.name)):
        path.replace(destination / path.name)


def _merge(source: Path, target: Path) -> None:
    target.mkdir(parents=True, exist_ok=True)
    for file in source.iterdir():
        if not (target / file.name).exists():
            file.rename(target / file.name)


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    if path.suffix == ".sh":
        path.chmod(0o755)
