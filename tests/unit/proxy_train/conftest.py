"""What tests of the proxies share: one thread, and a Llama-style model in plain numpy as oracle.

Threads on tiny tensors wait for each other, and worker processes have one as well.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np
import pytest
import torch

from midmix.proxy_train.model import Models, initial_row
from midmix.proxy_train.shape import Shape


@pytest.fixture(autouse=True, scope="session")
def one_torch_thread() -> Iterator[None]:
    """Torch on one thread, put back afterwards."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def plain_hidden() -> Callable[[Shape, np.ndarray, list[int]], np.ndarray]:
    """Hidden states [T, D] of one model on one sequence, position by position."""
    return _reference_hidden


@pytest.fixture
def random_models() -> Callable[[Shape, int], Models]:
    """Models in fp64 whose every parameter, gains too, differs between models."""
    return _random_models


def _norm(x: np.ndarray) -> np.ndarray:
    return x / math.sqrt((x**2).mean() + 1e-6)


def _rotated(x: np.ndarray, position: int) -> np.ndarray:
    """Llama's rotary positions on one head's vector: value i turns with value i + half."""
    half = len(x) // 2
    turned = x.copy()
    for i in range(half):
        angle = position * 10_000.0 ** (-2 * i / len(x))
        turned[i] = x[i] * math.cos(angle) - x[i + half] * math.sin(angle)
        turned[i + half] = x[i + half] * math.cos(angle) + x[i] * math.sin(angle)
    return turned


def _reference_hidden(shape: Shape, row: np.ndarray, ids: list[int]) -> np.ndarray:
    p = {x.name: row[x.offset : x.offset + x.size].reshape(x.shape) for x in shape.parameters()}
    width, heads, size = shape.width, shape.heads, shape.head_width
    xs = [p["embedding"][token] * math.sqrt(width) for token in ids]
    for layer in range(shape.layers):
        mixed = [(_norm(x) * p[f"{layer}.attention_gain"]) @ p[f"{layer}.attention_in"] for x in xs]
        outputs = []
        for t in range(len(ids)):
            parts = []
            for h in range(heads):
                at = slice(h * size, (h + 1) * size)
                query = _rotated(mixed[t][:width][at], t)
                keys = [_rotated(mixed[s][width : 2 * width][at], s) for s in range(t + 1)]
                scores = np.exp([query @ key / math.sqrt(size) for key in keys])
                values = [mixed[s][2 * width :][at] for s in range(t + 1)]
                parts.append(sum(score * value for score, value in zip(scores / scores.sum(), values, strict=True)))
            outputs.append(np.concatenate(parts) @ p[f"{layer}.attention_out"])
        xs = [x + y for x, y in zip(xs, outputs, strict=True)]
        for t, x in enumerate(xs):
            inner = (_norm(x) * p[f"{layer}.feed_forward_gain"]) @ p[f"{layer}.feed_forward_in"]
            gate, value = inner[: shape.feed_forward], inner[shape.feed_forward :]
            xs[t] = x + (gate / (1 + np.exp(-gate)) * value) @ p[f"{layer}.feed_forward_out"]
    return np.array([_norm(x) * p["final_gain"] for x in xs])


def _random_models(shape: Shape, count: int) -> Models:
    generator = torch.Generator().manual_seed(5)
    rows = torch.stack([initial_row(shape, m) for m in range(count)]).double()
    return Models(shape, rows + 0.1 * torch.randn(rows.shape, generator=generator, dtype=torch.float64))
