"""Training a batch of proxies: all runs step together, each on its own mixture, none seeing another.

Letters: M runs, B sequences of a step, T tokens of a sequence, N = B x T, P parameters of a model, X texts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from midmix.proxy_train.evaluate import total_nats
from midmix.proxy_train.model import Models
from midmix.proxy_train.optimizer import AdamW
from midmix.proxy_train.pool import Feed
from midmix.proxy_train.recipe import Recipe
from midmix.proxy_train.texts import Text
from midmix.proxy_train.update import update_of

# Steps before a CUDA graph is captured: they compile kernels and fill the allocator, and are then undone.
WARM_UP_STEPS = 3


@dataclass(frozen=True)
class Measurement:
    """Losses of all runs after `step` steps: summed nats per text [M, X], NaN for runs that have died."""

    step: int
    nats_MX: NDArray[np.float64]
    texts: Sequence[Text]


class Swarm:
    """A batch of proxies in training. On CUDA it computes in bfloat16 beside fp32 weights, and a step is one CUDA graph."""

    def __init__(self, models: Models, feed: Feed, recipe: Recipe) -> None:
        self.step = 0
        self._set_up(models, feed, recipe)

    def _set_up(self, models: Models, feed: Feed, recipe: Recipe) -> None:
        self.models, self.feed, self.recipe = models, feed, recipe
        rows_MP = models.rows_MP
        self._shadow_MP = rows_MP.detach().bfloat16() if rows_MP.is_cuda else None
        self.optimizer = AdamW(
            rows_MP,
            decayed=models.shape.num_decayed,
            weight_decay=recipe.weight_decay,
            clip_M=torch.tensor(recipe.clips),
            shadow_MP=self._shadow_MP,
        )
        computing = models if self._shadow_MP is None else Models(models.shape, self._shadow_MP)
        self._update = update_of(computing, self.optimizer, feed.batch_sequences, feed.blocks.shape[1] - 1)
        self.rates_M = torch.tensor(recipe.learning_rates, dtype=rows_MP.dtype, device=rows_MP.device)
        factors = [recipe.factor(step) for step in range(recipe.steps)]
        self._factors = torch.tensor(factors, dtype=rows_MP.dtype, device=rows_MP.device)
        # the number of the step as the device sees it: nothing in a step waits for the host
        self._at = torch.tensor([self.step], device=rows_MP.device)
        self._losses_M = torch.zeros_like(self.rates_M)
        self._graph: torch.cuda.CUDAGraph | None = None

    def advance(self) -> Tensor:
        """One step of every run; returns the mean training loss of each [M] before it, in nats per token."""
        self._at.fill_(self.step)
        if not self.models.rows_MP.is_cuda:
            self._advance()
        else:
            if self._graph is None:
                self._graph = self._captured()
            self._graph.replay()
        self.step += 1
        return self._losses_M.clone()

    def _advance(self) -> None:
        """One step on the device alone."""
        rates_M = self.rates_M * self._factors.index_select(0, self._at)
        self._losses_M.copy_(self._update(*self.feed.batch(self._at), rates_M))

    def _captured(self) -> torch.cuda.CUDAGraph:
        """A step as a CUDA graph, with everything as it was before."""
        before = {name: tensor.clone() for name, tensor in self.state().items()}
        side = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(WARM_UP_STEPS):
                self._advance()
        torch.cuda.current_stream().wait_stream(side)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            self._advance()
        self.set_state(before)
        return graph

    def measure(self, texts: Sequence[Text]) -> Measurement:
        """Losses now."""
        nats_MX = total_nats(self.models, texts)
        nats_MX[~self.optimizer.alive_M.cpu().numpy()] = np.nan
        return Measurement(self.step, nats_MX, texts)

    def state(self) -> dict[str, Tensor]:
        """All that the next step depends on besides its number, on the CPU; no copies of what lies there."""
        optimizer = self.optimizer
        steps = torch.tensor(optimizer.steps)
        tensors = {"weights": self.models.rows_MP, "mean": optimizer.mean_MP, "square": optimizer.square_MP}
        tensors |= {"alive": optimizer.alive_M, "steps": steps}
        return {name: tensor.detach().cpu() for name, tensor in tensors.items()}

    @torch.no_grad()
    def set_state(self, state: Mapping[str, Tensor]) -> None:
        """Be where `state` was taken; its tensors [M, P] may also be [P], the same for all runs."""
        optimizer = self.optimizer
        self.models.rows_MP.copy_(state["weights"])
        optimizer.mean_MP.copy_(state["mean"])
        optimizer.square_MP.copy_(state["square"])
        optimizer.alive_M.copy_(state["alive"])
        optimizer.steps = int(state["steps"])
        if self._shadow_MP is not None:
            self._shadow_MP.copy_(self.models.rows_MP)

    def keep(self, places: Sequence[int]) -> None:
        """Go on with the runs at these places alone; on a CPU they stay bitwise what they would have been."""
        index = torch.tensor(places)
        state, recipe = self.state(), self.recipe
        rows_MS = self.feed.rows_MS.index_select(0, index.to(self.feed.rows_MS.device))
        rates, clips = (tuple(values[i] for i in places) for values in (recipe.learning_rates, recipe.clips))
        rows_MP = self.models.rows_MP
        self._set_up(
            Models(self.models.shape, rows_MP.detach().index_select(0, index.to(rows_MP.device))),
            replace(self.feed, rows_MS=rows_MS),
            replace(recipe, learning_rates=rates, clips=clips),
        )
        self.set_state({name: value.index_select(0, index) if value.ndim else value for name, value in state.items()})
