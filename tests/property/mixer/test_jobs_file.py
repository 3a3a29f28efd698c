"""JOBS.json over random jobs: what is written is what is read, and mixtures are the design's to a sequence."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from midmix.mixer.jobs.manifest import Evaluation, Job, Jobs, JobSchedule, ValidationSet, read_jobs_file
from midmix.mixer.plan.allocate import largest_remainder
from midmix.mixer.simplex import WEIGHT_UNITS

NAMES = st.text(st.characters(codec="utf-8", exclude_categories=("Cs",)), min_size=1, max_size=8)
COUNTS = st.integers(1, 10**12)


@st.composite
def job(draw: st.DrawFn, run: int) -> Job:
    units = draw(st.dictionaries(NAMES, st.integers(1, WEIGHT_UNITS), min_size=1, max_size=5))
    steps, batch = draw(st.integers(1, 10**6)), draw(st.integers(1, 4096))
    weights = {name: unit / sum(units.values()) for name, unit in units.items()}
    mixture = dict(zip(units, largest_remainder(steps * batch, list(units.values())), strict=True))
    return Job(
        run=run, role=draw(NAMES), seed=draw(st.integers(0, 2**31 - 1)), folder=f"run-{run:06d}", weights=weights,
        pools=draw(st.dictionaries(st.sampled_from(sorted(units)), st.floats(0.01, 1))), mixture=mixture,
        tokens=steps * batch, steps=steps, metrics=f"run-{run:06d}/log.txt",
    )  # fmt: skip


@st.composite
def jobs(draw: st.DrawFn) -> Jobs:
    runs = draw(st.lists(st.integers(0, 10**6), unique=True, max_size=4))
    sets = st.builds(ValidationSet, number=st.integers(0, 10**4), sequences=COUNTS)
    evaluation = st.builds(
        Evaluation, metric=NAMES.map(lambda name: f"set:{name}").filter(lambda name: "\n" not in name),
        num_tokens=COUNTS, num_bytes=COUNTS, sets=st.lists(sets, max_size=3).map(tuple),
    )  # fmt: skip
    return Jobs(
        trainer=draw(st.sampled_from(["olmo-core", "megatron"])),
        checkpoint=draw(NAMES),
        tokenizer_sha256=draw(st.text("0123456789abcdef", min_size=64, max_size=64)),
        tokens=draw(COUNTS),
        sequence_length=draw(st.integers(1, 10**6)),
        global_batch_sequences=draw(st.integers(1, 10**6)),
        schedule=JobSchedule(form=draw(st.sampled_from(["constant", "linear", "cosine"])), end=draw(st.floats(0, 1))),
        evaluation=tuple(draw(st.lists(evaluation, max_size=3))),
        jobs=tuple(draw(job(run)) for run in runs),
    )


@settings(max_examples=60)
@given(jobs())
def test_a_file_reads_back_as_it_was_written(value: Jobs) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "JOBS.json"
        file.write_text(value.to_json(), encoding="utf-8")
        again = read_jobs_file(file)
    assert again == value
    assert again.identity == value.identity
    assert again.to_json() == value.to_json()
    for one in again.jobs:
        for name, tokens in one.mixture.items():
            assert abs(tokens - one.weights[name] * one.tokens) < 1 + 1e-9 * one.tokens
