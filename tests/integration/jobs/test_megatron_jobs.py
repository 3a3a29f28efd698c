"""Jobs of Megatron, checked by megatron-core's own loader and scheduler: blend, validation sets, and the checkpoint's rate."""

from __future__ import annotations

import argparse
import importlib.util
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from midmix.measured_texts import measured_texts
from midmix.mixer.jobs.make import make_jobs
from midmix.mixer.jobs.manifest import Jobs
from midmix.run import open_run

LENGTH, BATCH, TOKENS = 32, 8, 8_192

pytestmark = pytest.mark.skipif(
    any(importlib.util.find_spec(name) is None for name in ("megatron", "torch")),
    reason="needs megatron-core: pip install torch==2.13.0 megatron-core==0.16.1",
)


@pytest.fixture
def one_rank() -> Iterator[None]:
    """torch.distributed with one process, which megatron-core asks for where it caches its indices."""
    import torch

    store = torch.distributed.HashStore()
    torch.distributed.init_process_group("gloo", store=store, rank=0, world_size=1)
    yield
    torch.distributed.destroy_process_group()


@pytest.fixture
def made(run: Path, megatron_checkpoint: Path) -> tuple[Path, Jobs]:
    folder, opened = run.parent / "jobs", open_run(run)
    jobs = make_jobs(opened, "megatron", megatron_checkpoint, folder, lambda n: measured_texts(opened, n), TOKENS)
    return folder, jobs


def datasets(job: Path) -> tuple[Any, Any]:
    """Train and validation datasets as Megatron builds them from the job's blend, from within its folder."""
    from megatron.core.datasets.blended_megatron_dataset_builder import BlendedMegatronDatasetBuilder
    from megatron.core.datasets.gpt_dataset import GPTDataset, GPTDatasetConfig
    from megatron.core.datasets.utils import get_blend_from_list

    words = (line.partition(" ") for line in (job / "arguments.txt").read_text().splitlines())
    given = {name: value for name, _, value in words}
    blend = json.loads((job / given["--per-split-data-args-path"]).read_text())

    class Tokenizer:
        eod, pad, vocab_size, unique_identifiers = 0, 0, 128, {"name": "w"}

    config = GPTDatasetConfig(
        random_seed=int(given["--seed"]),
        sequence_length=int(given["--seq-length"]),
        blend_per_split=[get_blend_from_list(blend[split]) for split in ("train", "valid", "test")],
        multiple_validation_sets="--multiple-validation-sets" in given,
        full_validation="--full-validation" in given,
        path_to_cache=given["--data-cache-path"],
        tokenizer=Tokenizer(),
        reset_position_ids=False,
        reset_attention_mask=False,
        eod_mask_loss=False,
    )
    sizes = [int(given["--train-samples"]), None, 0]
    train, valid, _ = BlendedMegatronDatasetBuilder(GPTDataset, sizes, lambda: True, config).build()
    return train, valid


@pytest.mark.usefixtures("one_rank")
def test_megatron_draws_the_mixture_and_validates_every_domain(
    made: tuple[Path, Jobs], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, jobs = made
    for job in (jobs.jobs[0], jobs.jobs[5]):
        monkeypatch.chdir(folder / job.folder)
        train, valid = datasets(folder / job.folder)
        drawn: Counter[str] = Counter()
        for sample in range(job.tokens // LENGTH):
            tokens = train[sample]["tokens"].numpy()
            # Ids of domain n are 1 + 40 n and the 39 after; 0 ends a document.
            drawn[("code", "math", "web")[(int(tokens[tokens > 0][0]) - 1) // 40]] += LENGTH
        assert drawn == job.mixture
        assert [Path(d.dataset_path).name for d in valid] == [f"{n}-heldout-00000" for n in ("code", "math", "web")]
        for dataset, evaluation in zip(valid, jobs.evaluation, strict=True):
            assert len(dataset) // BATCH * BATCH == evaluation.sets[0].sequences


def test_the_rate_goes_on_from_the_checkpoints(made: tuple[Path, Jobs], megatron_checkpoint: Path) -> None:
    import torch
    from megatron.core.optimizer_param_scheduler import OptimizerParamScheduler

    group = {"params": [torch.nn.Parameter(torch.zeros(3))], "default_config": True, "max_lr": 3e-4, "min_lr": 0.0}
    optimizer = torch.optim.AdamW([group], lr=1.0)
    scheduler = OptimizerParamScheduler(optimizer, 0.0, 3e-4, 0.0, 10, 1000, "cosine", 0.1, 0.1, 1000, "constant")
    scheduler.step(600)
    expected = scheduler.get_lr(optimizer.param_groups[0])
    state = {
        "args": argparse.Namespace(hidden_size=8),
        "optimizer": {"optimizer": {"param_groups": optimizer.state_dict()["param_groups"]}},
        "opt_param_scheduler": scheduler.state_dict(),
    }
    torch.save(state, megatron_checkpoint / "iter_0000100" / "common.pt")
    script = [sys.executable, str(made[0] / "learning_rate.py"), str(megatron_checkpoint), "100"]
    done = subprocess.run(script, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) == expected == pytest.approx(3e-4 * 0.3515398)
    torch.save({"args": argparse.Namespace()}, megatron_checkpoint / "iter_0000100" / "common.pt")
    done = subprocess.run(script, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "got learning rates [], expected one above 0. Set LEARNING_RATE" in done.stderr
