"""Mean loss per measured token of every text, window by window: `python heldout_losses.py CHECKPOINT CONFIG EVALUATION`."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import torch
from olmo_core.distributed.checkpoint import load_model_and_optim_state
from olmo_core.nn.transformer import TransformerConfig


def main(checkpoint: str, config: str, evaluation: str) -> None:
    model = TransformerConfig.from_dict(json.loads(Path(config).read_text())["model"]).build(init_device="cpu")
    load_model_and_optim_state(f"{checkpoint}/model_and_optim", model)
    texts = json.loads((Path(evaluation) / "texts.json").read_text())
    tokens = torch.from_numpy(np.fromfile(Path(evaluation) / "tokens.npy", texts["dtype"]).astype(np.int64))
    means = {}
    for text in texts["texts"]:
        losses = []
        for begin, end, first in text["windows"]:
            ids = tokens[begin:end]
            with torch.no_grad():
                scores = torch.log_softmax(model(ids[None, :])[0].double(), dim=-1)
            losses += [-float(scores[i, ids[i + 1]]) for i in range(first, end - begin - 1)]
        means[text["metric"]] = sum(losses) / len(losses)
    sys.stdout.write(json.dumps(means) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
