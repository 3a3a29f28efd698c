"""Losses of a batch of models on texts.

Letters: M models, R windows of one pass, T tokens of the longest of them, N = R x T, X texts.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from midmix.kernels.linear_cross_entropy import linear_cross_entropy_values
from midmix.kernels.loss_sums import loss_sums
from midmix.proxy_train.model import Models
from midmix.proxy_train.texts import Text, Window

# Tokens per model of one pass. Fixed per device, so that a model's losses do not depend on how many others there are.
_TOKENS_PER_PASS = {"cpu": 512, "cuda": 4096}
_NOT_MEASURED = -1


@torch.no_grad()
def total_nats(models: Models, texts: Sequence[Text]) -> NDArray[np.float64]:
    """Sum of losses in nats over the measured tokens of each text [M, X]."""
    windows = [(index, window) for index, text in enumerate(texts) for window in text.windows]
    windows.sort(key=lambda pair: len(pair[1].ids))
    device = models.rows_MP.device
    total_MX = torch.zeros(len(models.rows_MP), len(texts), dtype=torch.float64, device=device)
    budget = _TOKENS_PER_PASS.get(device.type, 4096)
    at = 0
    while at < len(windows):
        count = max(1, budget // max(1, len(windows[at][1].ids) - 1))
        total_MX += _sums(models, windows[at : at + count], len(texts))
        at += count
    return np.asarray(total_MX.cpu().numpy())


def _sums(models: Models, windows: Sequence[tuple[int, Window]], num_texts: int) -> Tensor:
    """Sum of losses over the measured tokens of windows, by the number of their text [M, X]; short ones are padded behind."""
    length = max(len(window.ids) for _, window in windows)
    ids = np.zeros((len(windows), length), dtype=np.int64)
    text = np.full((len(windows), length - 1), _NOT_MEASURED)
    for row, (index, window) in enumerate(windows):
        ids[row, : len(window.ids)] = window.ids
        text[row, window.first : len(window.ids) - 1] = index
    count, device = len(models.rows_MP), models.rows_MP.device
    tokens_MRT = torch.from_numpy(ids).to(device).expand(count, -1, -1)
    hidden_MND = models.hidden(tokens_MRT[..., :-1])
    nll_MN = linear_cross_entropy_values(hidden_MND, models.head_MVD, tokens_MRT[..., 1:].reshape(count, -1))
    text_MN = torch.from_numpy(text).to(device).flatten().expand(count, -1)
    sums_MX: Tensor = loss_sums(nll_MN, text_MN, num_texts)[0]
    return sums_MX


def bits_per_byte(nats: NDArray[np.float64], num_bytes: NDArray[np.int64]) -> NDArray[np.float64]:
    """Nats [..., X] over the bytes of the same texts [X], in bits."""
    return np.asarray(nats / math.log(2) / num_bytes)
