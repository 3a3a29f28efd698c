"""Trains a tiny model for a few steps at a constant rate with OLMo-core: `python stable_phase.py TOKENS.npy FOLDER`.

What it leaves in FOLDER/step12 is a checkpoint as OLMo-core's own experiments leave it, with the config beside it.
"""

from __future__ import annotations

import sys
from pathlib import Path

from olmo_core.data import NumpyDataLoaderConfig, NumpyFSLDatasetConfig, TokenizerConfig
from olmo_core.nn.transformer import TransformerConfig
from olmo_core.optim import AdamWConfig, ConstantWithWarmup
from olmo_core.train import Duration, TrainerConfig, prepare_training_environment
from olmo_core.train.callbacks import CheckpointerCallback, ConfigSaverCallback
from olmo_core.train.train_module import TransformerTrainModuleConfig

LENGTH, BATCH, STEPS, RATE = 32, 256, 12, 4e-3


def main(tokens: str, folder: str) -> None:
    prepare_training_environment(seed=1, backend=None)
    tokenizer = TokenizerConfig(vocab_size=128, eos_token_id=0, pad_token_id=0)
    model = TransformerConfig.llama_like(d_model=32, n_layers=2, n_heads=2, vocab_size=128)
    module = TransformerTrainModuleConfig(
        rank_microbatch_size=BATCH,
        max_sequence_length=LENGTH,
        max_grad_norm=1.0,
        optim=AdamWConfig(lr=RATE, betas=(0.9, 0.95), weight_decay=0.1),
        scheduler=ConstantWithWarmup(warmup=4),
    )
    data = NumpyFSLDatasetConfig(
        paths=[tokens], sequence_length=LENGTH, tokenizer=tokenizer, dtype="uint16", work_dir=f"{folder}/work"
    )
    loader = NumpyDataLoaderConfig(global_batch_size=BATCH, seed=5, work_dir=f"{folder}/work")
    trainer = TrainerConfig(
        save_folder=folder,
        max_duration=Duration.steps(STEPS),
        callbacks={
            "checkpointer": CheckpointerCallback(save_async=False, pre_train_checkpoint=False),
            "config_saver": ConfigSaverCallback(),
        },
    ).build(module.build(model.build(init_device="cpu")), loader.build(data.build()))
    trainer.callbacks["config_saver"].config = {
        "model": model.as_config_dict(),
        "train_module": module.as_config_dict(),
    }
    trainer.fit()


if __name__ == "__main__":
    Path(sys.argv[2]).mkdir(parents=True)
    main(sys.argv[1], sys.argv[2])
