"""Losses of a batch of models on texts.

Letters: M models, R windows of one pass, T tokens of the longest of them, X texts.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from midmix.kernels.linear_cross_entropy import linear_cross_entropy_values
from midmix.proxy_train.model import Models
from midmix.proxy_train.texts import Text, Window

# Tokens per model of one pass. Fixed per device, so that a model's losses do not depend on how many others there are.
_TOKENS_PER_PASS = {"cpu": 512, "cuda": 4096}


@torch.no_grad()
def total_nats(models: Models, texts: Sequence[Text]) -> NDArray[np.float64]:
    """Sum of losses in nats over the measured tokens of each text [M, X]."""
    rows_MP = models.rows_MP
    windows = [(index, window) for index, text in enumerate(texts) for window in text.windows]
    windows.sort(key=lambda pair: len(pair[1].ids))
    total_MX = np.zeros((rows_MP.shape[0], len(texts)))
    budget = _TOKENS_PER_PASS.get(rows_MP.device.type, 4096)
    at = 0
    while at < len(windows):
        count = max(1, budget // max(1, len(windows[at][1].ids) - 1))
        group = windows[at : at + count]
        nats_MR = _window_nats(models, [window for _, window in group])
        for column, (index, _) in enumerate(group):
            total_MX[:, index] += nats_MR[:, column]
        at += count
    return total_MX


def _window_nats(models: Models, windows: Sequence[Window]) -> NDArray[np.float64]:
    """Sum of losses over the measured tokens of each window [M, R]; shorter windows are padded behind."""
    length = max(len(window.ids) for window in windows)
    ids = np.zeros((len(windows), length), dtype=np.int64)
    measured = np.zeros((len(windows), length - 1), dtype=bool)
    for row, window in enumerate(windows):
        ids[row, : len(window.ids)] = window.ids
        measured[row, window.first : len(window.ids) - 1] = True
    count = models.rows_MP.shape[0]
    tokens_MRT = torch.from_numpy(ids).to(models.rows_MP.device).expand(count, -1, -1)
    hidden_MND = models.hidden(tokens_MRT[..., :-1])
    nll_MN = linear_cross_entropy_values(hidden_MND, models.head_MVD, tokens_MRT[..., 1:].reshape(count, -1))
    nll_MRT = nll_MN.view(count, *measured.shape).double().cpu().numpy()
    return np.asarray(np.where(measured, nll_MRT, 0.0).sum(axis=2))


def bits_per_byte(nats: NDArray[np.float64], num_bytes: NDArray[np.int64]) -> NDArray[np.float64]:
    """Nats [..., X] over the bytes of the same texts [X], in bits."""
    return np.asarray(nats / math.log(2) / num_bytes)
