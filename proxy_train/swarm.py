"""Training a batch of proxies: all runs step together, each on its own mixture, none seeing another.

Letters: M runs, B sequences of a step, T tokens of a sequence, N = B x T, P parameters of a model, X texts.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from midmix.kernels.linear_cross_entropy import linear_cross_entropy
from midmix.proxy_train.evaluate import total_nats
from midmix.proxy_train.model import Models
from midmix.proxy_train.optimizer import AdamW
from midmix.proxy_train.pool import Feed
from midmix.proxy_train.schedule import curve_steps, wsd
from midmix.proxy_train.texts import Text

# Tokens of all models that step in one tensor on a CPU core: more leave its cache. L2-d64-ff192-v2048, 512 tokens a
# model: 25 k tokens/s one by one, 29 k with 5 models, 26 k with 9; 32 tokens: 6 k and, with 9 models, 11 k.
CPU_TOKENS_IN_FLIGHT = 2560


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How a batch trains. `learning_rates` and `clips` have one value per run."""

    steps: int
    learning_rates: tuple[float, ...]
    clips: tuple[float, ...]
    warmup_fraction: float
    decay_fraction: float
    weight_decay: float


@dataclass(frozen=True)
class Measurement:
    """Losses of all runs after `step` steps: summed nats per text [M, X], NaN for runs that have died."""

    step: int
    nats_MX: NDArray[np.float64]
    texts: Sequence[Text]


def even_slices(count: int, size: int) -> list[slice]:
    """[0, count) in the fewest slices of at most `size`, as even as can be."""
    parts = -(-count // size)
    ends = [count * i // parts for i in range(parts + 1)]
    return [slice(first, last) for first, last in pairwise(ends)]


class Swarm:
    """A batch of proxies in training."""

    def __init__(self, models: Models, feed: Feed, recipe: Recipe) -> None:
        self.models, self.feed, self.recipe = models, feed, recipe
        rows_MP = models.rows_MP
        self.optimizer = AdamW(
            rows_MP,
            decayed=models.shape.num_decayed,
            weight_decay=recipe.weight_decay,
            clip_M=torch.tensor(recipe.clips),
        )
        self.rates_M = torch.tensor(recipe.learning_rates, dtype=rows_MP.dtype, device=rows_MP.device)
        self._gradients_MP = torch.empty_like(rows_MP)
        size = len(rows_MP)
        if rows_MP.device.type == "cpu":
            size = CPU_TOKENS_IN_FLIGHT // (feed.batch_sequences * (feed.blocks.shape[1] - 1))
        # Results do not depend on the groups: no product mixes models, and a CPU gives the same bits for each.
        self._groups = [(rows, Models(models.shape, rows_MP[rows])) for rows in even_slices(len(rows_MP), max(1, size))]
        self.step = 0

    def advance(self) -> Tensor:
        """One step of every run; returns the mean training loss of each [M] before it, in nats per token."""
        recipe = self.recipe
        tokens_MBT, targets_MBT = self.feed.batch(self.step)
        losses = [
            self._differentiate(models, rows, tokens_MBT[rows], targets_MBT[rows]) for rows, models in self._groups
        ]
        factor = wsd(
            self.step, recipe.steps, warmup_fraction=recipe.warmup_fraction, decay_fraction=recipe.decay_fraction
        )
        self.optimizer.step(self._gradients_MP, self.rates_M * factor)
        self.step += 1
        return torch.cat(losses)

    def _differentiate(self, models: Models, rows: slice, tokens_GBT: Tensor, targets_GBT: Tensor) -> Tensor:
        """Mean losses [G] of a group of models; their gradients go into their rows."""
        targets_GN = targets_GBT.flatten(1)
        hidden_GND = models.hidden(tokens_GBT)
        even_GN = hidden_GND.new_full(targets_GN.shape, 1 / targets_GN.shape[1])
        loss_G, _ = linear_cross_entropy(hidden_GND, models.head_MVD, targets_GN, even_GN)
        gradients = torch.autograd.grad(loss_G.sum(), list(models.tensors.values()))
        torch.cat([gradient.flatten(1) for gradient in gradients], 1, out=self._gradients_MP[rows])
        return loss_G.detach()

    def measure(self, texts: Sequence[Text]) -> Measurement:
        """Losses now."""
        nats_MX = np.concatenate([total_nats(models, texts) for _, models in self._groups])
        nats_MX[~self.optimizer.alive_M.cpu().numpy()] = np.nan
        return Measurement(self.step, nats_MX, texts)

    def run(self, curve: Sequence[Text], final: Sequence[Text]) -> Iterator[Measurement]:
        """Train to the end; measurements on `curve` along the way and at the end, then on `final`."""
        points = set(curve_steps(self.recipe.steps))
        while self.step < self.recipe.steps:
            self.advance()
            if self.step in points:
                yield self.measure(curve)
        yield self.measure(final)
