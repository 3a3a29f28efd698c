"""One job of a design: anneals a checkpoint on the mixture beside this script with OLMo-core (ai2-olmo-core 3.0.0).

    python train.py                            # one process
    torchrun --nproc-per-node=8 train.py       # one node of GPUs

Model and optimizer state come from the checkpoint, the learning rate goes on from the value that it had there, and the
trainer's state (place in the data, step, random numbers) is not loaded: with another mixture it would skip batches.
Model, optimizer and parallelism are those of the checkpoint's config.json. CHECKPOINT in the environment names another
place of the checkpoint. Every step goes to `metrics.jsonl`; at the end all held-out texts of `../evaluation` are measured.
"""

# It stands alone beside OLMo-core, which midmix does not need: what it imports of it, it imports where it runs.
# mypy: disable-error-code="misc, import-not-found"

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).resolve().parent
EVALUATION = HERE.parent / "evaluation"
METRICS = HERE / "metrics.jsonl"
# What the checkpoint's optimizer would otherwise put in the place of the config's.
FIXED_FIELDS = ("initial_lr", "betas", "weight_decay")


def read_json(path: Path) -> Any:
    """The value in a JSON file."""
    return json.loads(path.read_text(encoding="utf-8"))


def learning_rate(checkpoint: str) -> float:
    """The rate of the checkpoint's last step. Exits where its parameters have several."""
    from olmo_core.distributed.checkpoint import get_checkpoint_metadata, load_keys

    state = f"{checkpoint}/model_and_optim"
    names = get_checkpoint_metadata(state).state_dict_metadata
    keys = [k for k in names if k.startswith("optim.param_groups.") and k.endswith(".lr")]
    if not keys:
        raise SystemExit(f"{state}: got no learning rate (optim.param_groups.*.lr), expected optimizer state")
    rates = sorted({float(rate) for rate in load_keys(state, keys)})
    if len(rates) > 1 or rates[0] <= 0:
        raise SystemExit(f"{state}: got learning rates {rates}, expected one above 0 for all parameters")
    return rates[0]


def make_scheduler(form: str, start: float, end: float) -> Any:
    """The rate over the job, from `start` to `end` at its last step."""
    from olmo_core.optim import ConstantScheduler, CosWithWarmup, LinearWithWarmup

    if form == "constant":
        return ConstantScheduler()
    kind = {"linear": LinearWithWarmup, "cosine": CosWithWarmup}[form]
    return kind(warmup=0, alpha_f=end / start)


def microbatch(configured: int, rank_tokens: int, length: int) -> int:
    """Tokens of a micro-batch: the most that divide a rank's batch and are not above what the config has."""
    sequences = rank_tokens // length
    return length * max(
        n for n in range(1, sequences + 1) if sequences % n == 0 and (n == 1 or n * length <= configured)
    )


def make_train_module(values: dict[str, Any], rate: float, schedule: dict[str, Any], data: dict[str, Any]) -> Any:
    """The checkpoint's own train module with the job's rate, sequence length and batch."""
    from olmo_core.train.train_module import TransformerTrainModuleConfig

    config = TransformerTrainModuleConfig.from_dict(values)
    for field in ("tp_config", "cp_config", "pp_config"):
        if getattr(config, field) is not None:
            raise SystemExit(
                f"train_module.{field}: the losses per token that are measured need data parallelism alone"
            )
    world = int(os.environ.get("WORLD_SIZE", "1"))
    length, batch = data["sequence_length"], data["global_batch_size"]
    if batch % (world * length):
        raise SystemExit(f"{world} processes cannot share a batch of {batch // length} sequences evenly")
    return dataclasses.replace(
        config,
        optim=dataclasses.replace(config.optim, lr=rate, fixed_fields=FIXED_FIELDS),
        scheduler=make_scheduler(schedule["form"], rate, schedule["end"]),
        max_sequence_length=length,
        rank_microbatch_size=microbatch(config.rank_microbatch_size, batch // world, length),
    )


def json_lines() -> Any:
    """A callback that writes one line of `metrics.jsonl` for every step that is logged."""
    from olmo_core.distributed.utils import get_rank
    from olmo_core.train.callbacks import Callback

    @dataclasses.dataclass
    class JsonLines(Callback):
        def log_metrics(self, step: int, metrics: dict[str, float]) -> None:
            if get_rank() == 0:
                append_line({"step": step, **metrics})

    return JsonLines()


def append_line(values: dict[str, Any]) -> None:
    """Add one object to `metrics.jsonl`."""
    with METRICS.open("a", encoding="utf-8") as stream:
        stream.write(json.dumps(values) + "\n")


def heldout(rows: int) -> Any:
    """An evaluator of the mean loss per predicted token of every text, in nats; `rows` windows a batch.

    LMEvaluator counts the last place of each row, which predicts nothing and has loss 0, among the tokens
    (olmo_core/eval/lm_evaluator.py of 3.0.0); here it is left out.
    """
    import torch.nn.functional as F
    from olmo_core.eval.lm_evaluator import LMEvaluator

    class Heldout(LMEvaluator):
        def update_metrics(self, batch: dict[str, Any], ce_loss: Any, logits: Any) -> None:
            if ce_loss is None:
                raise ValueError("got no loss per token, expected one from eval_batch")
            measured = F.pad(batch["label_mask"][:, 1:], (0, 1), value=False)
            for row, (metadata, losses) in enumerate(zip(batch["metadata"], ce_loss, strict=True)):
                self.metrics[metadata["label"]].update(losses[measured[row]])

    texts = read_json(EVALUATION / "texts.json")
    batches = evaluation_batches(texts, rows)
    return Heldout(name="lm", batches=batches, labels=[text["metric"] for text in texts["texts"]])


def evaluation_batches(texts: dict[str, Any], rows: int) -> list[dict[str, Any]]:
    """This rank's share of all windows, `rows` at a time, padded to the longest of them.

    A window [begin, end, first] puts tokens begin to end in, and measures those after the first 1 + `first`. Every rank
    gets as many batches, since ranks whose parameters are sharded go through the model together.
    """
    from olmo_core.distributed.utils import get_rank, get_world_size

    tokens = np.fromfile(EVALUATION / "tokens.npy", dtype=np.dtype(texts["dtype"]).newbyteorder("<"))
    windows = [(text["metric"], *window) for text in texts["texts"] for window in text["windows"]]
    world, rank = get_world_size(), get_rank()
    windows += [(windows[0][0], 0, 2, 1)] * (-len(windows) % (world * rows))
    return list(_batches(tokens.astype(np.int64), windows, rows * world, rank * rows, rows))


def _batches(tokens: Any, windows: list[Any], stride: int, first: int, rows: int) -> Iterator[dict[str, Any]]:
    import torch

    for at in range(first, len(windows), stride):
        chosen = windows[at : at + rows]
        width = max(end - begin for _, begin, end, _ in chosen)
        ids, mask = torch.zeros(rows, width, dtype=torch.long), torch.zeros(rows, width, dtype=torch.bool)
        for row, (_, begin, end, unmeasured) in enumerate(chosen):
            ids[row, : end - begin] = torch.from_numpy(tokens[begin:end])
            mask[row, 1 + unmeasured : end - begin] = True
        yield {"input_ids": ids, "label_mask": mask, "metadata": [{"label": metric} for metric, *_ in chosen]}


def make_trainer(job: dict[str, Any], checkpoint: str, module: Any, data: Any, evaluator: Any) -> Any:
    """The trainer: from the checkpoint's model and optimizer to the job's last step, and then the evaluation."""
    from olmo_core.train import Duration, LoadStrategy, TrainerConfig
    from olmo_core.train.callbacks import CheckpointerCallback, EvaluatorCallback

    config = TrainerConfig(
        save_folder=str(HERE / "checkpoints"),
        # A job that was killed after its last save, before it was measured, saves its last step again.
        save_overwrite=True,
        load_path=checkpoint,
        load_strategy=LoadStrategy.always,
        load_optim_state=True,
        load_trainer_state=False,
        max_duration=Duration.steps(job["steps"]),
        metrics_collect_interval=1,
        callbacks={
            "checkpointer": CheckpointerCallback(
                save_interval=None, ephemeral_save_interval=250, pre_train_checkpoint=False
            ),
            "jsonl": json_lines(),
            "heldout": EvaluatorCallback(evaluators=[evaluator], eval_interval=None, eval_on_finish=True),
        },
    )
    return config.build(module, data)


def main() -> None:
    """Train the job to its end and measure it."""
    import torch
    from load import load_config
    from olmo_core.data import NumpyDataLoaderConfig
    from olmo_core.distributed.utils import get_rank
    from olmo_core.nn.transformer import TransformerConfig
    from olmo_core.train import prepare_training_environment, teardown_training_environment
    from olmo_core.version import VERSION

    job, data = read_json(HERE / "job.json"), read_json(HERE / "dataset.json")
    checkpoint = os.environ.get("CHECKPOINT", job["checkpoint"])
    config = read_json(Path(checkpoint) / "config.json")
    rate = learning_rate(checkpoint)
    on_gpu = torch.cuda.is_available()
    backend = "cpu:gloo,cuda:nccl" if on_gpu else "cpu:gloo"
    prepare_training_environment(seed=data["seed"], backend=backend if "RANK" in os.environ else None)
    model = TransformerConfig.from_dict(config["model"]).build(init_device="meta" if on_gpu else "cpu")
    settings = make_train_module(config["train_module"], rate, job["schedule"], data)
    if get_rank() == 0:
        append_line({"run": job["run"], "parameters": model.num_params, "learning_rate": rate, "olmo_core": VERSION})
    work = str(HERE / "work")
    loader = NumpyDataLoaderConfig(global_batch_size=data["global_batch_size"], seed=data["seed"], work_dir=work)
    evaluator = heldout(settings.rank_microbatch_size // data["sequence_length"])
    batches = loader.build(load_config(work).build())
    make_trainer(job, checkpoint, settings.build(model), batches, evaluator).fit()
    teardown_training_environment()


if __name__ == "__main__":  # data workers are spawned
    main()
