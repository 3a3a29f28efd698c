"""Training text of a batch of runs: blocks of token shards sampled to pools, and dealt out step by step.

Letters: M runs, K domains, B sequences of a step, T tokens of a sequence, S sequences of a run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from midmix.errors import InputError
from midmix.proxy_train.order import choose_domains, occurrences, pool_blocks, pool_size, visit_order
from midmix.proxy_train.shards import Blocks, Shards

# A domain of fewer blocks than this in a proxy's share of the text would be learnt by heart: it keeps this many.
MINIMUM_BLOCKS = 16


@dataclass(frozen=True, kw_only=True)
class Feed:
    """What every step of every run reads: `blocks` [rows, T + 1] and, per run and sequence, which row [M, S]."""

    blocks: Tensor
    rows_MS: Tensor
    batch_sequences: int

    def batch(self, step: int | Tensor) -> tuple[Tensor, Tensor]:
        """Inputs and targets [M, B, T] of a step, whose number may be a tensor [1] on the device."""
        columns_B = torch.arange(self.batch_sequences, device=self.rows_MS.device) + step * self.batch_sequences
        rows_MB = self.rows_MS.index_select(1, columns_B)
        tokens = self.blocks.index_select(0, rows_MB.flatten()).long().view(*rows_MB.shape, -1)
        return tokens[..., :-1], tokens[..., 1:]


@dataclass(frozen=True)
class Run:
    """One proxy run: its number and seed in DESIGNS, what its randomness comes from, and its shares by domain.

    `pools` gives the share of a domain's text that the run draws from, where it is not all. A `protected` run is never
    stopped by halving.
    """

    number: int
    seed: int
    stream: int
    weights: Mapping[str, float]
    pools: Mapping[str, float] = field(default_factory=dict)
    protected: bool = False


def make_feed(
    shards: Mapping[str, Shards],
    runs: Sequence[Run],
    *,
    length: int,
    batch_sequences: int,
    steps: int,
    target_tokens: int,
    device: torch.device,
) -> Feed:
    """The text of a batch of runs, repetition matched to a target run of `target_tokens`. Raises InputError."""
    domains = sorted({name for run in runs for name, weight in run.weights.items() if weight > 0})
    blocks = {name: Blocks(_shards_of(shards, name).open(), length) for name in domains}
    weights_MK = np.array([[run.weights.get(name, 0.0) for name in domains] for run in runs])
    sequences = steps * batch_sequences
    chosen_MS = choose_domains(weights_MK, sequences)
    pools: dict[tuple[int, str, float], tuple[int, int]] = {}
    stored: list[NDArray[np.int32]] = []
    rows_MS = np.empty_like(chosen_MS)
    for m, run in enumerate(runs):
        draws_S = occurrences(chosen_MS[m], len(domains))
        for k, name in enumerate(domains):
            if run.weights.get(name, 0.0) <= 0:
                continue
            key = (run.stream, name, run.pools.get(name, 1.0))
            if key not in pools:
                size = _matched_size(blocks[name], name, proxy_tokens=sequences * length, target_tokens=target_tokens)
                pool = _sample(blocks[name], name, run.stream, size, share=key[2])
                pools[key] = sum(map(len, stored)), len(pool)
                stored.append(pool)
            first, size = pools[key]
            mine = chosen_MS[m] == k
            rows_MS[m, mine] = first + visit_order(draws_S[mine], size, seed=run.stream, domain=name)
    return Feed(
        blocks=torch.from_numpy(np.concatenate(stored)).to(device),
        rows_MS=torch.from_numpy(rows_MS).to(device),
        batch_sequences=batch_sequences,
    )


def _shards_of(shards: Mapping[str, Shards], domain: str) -> Shards:
    if domain not in shards:
        raise InputError(
            f"designs: domain {domain!r} has a weight but no training tokens; known are {', '.join(sorted(shards))}. "
            f"Run the steps tokenize and design again."
        )
    return shards[domain]


def _matched_size(blocks: Blocks, domain: str, *, proxy_tokens: int, target_tokens: int) -> int:
    available = sum(blocks.counts)
    if available == 0:
        raise InputError(
            f"domain {domain!r}: its training tokens do not fill one sequence of {blocks.length}. "
            f"Give it more text, merge it with another domain, or lower proxy.sequence_length."
        )
    return pool_size(available, proxy_tokens=proxy_tokens, target_tokens=target_tokens, minimum=MINIMUM_BLOCKS)


def _sample(blocks: Blocks, domain: str, seed: int, size: int, *, share: float) -> NDArray[np.int32]:
    """The pool of `size` blocks, or `share` of it: at least one block, and none that the whole pool lacks."""
    chosen = pool_blocks(sum(blocks.counts), size, seed=seed, domain=domain)
    if share < 1:
        chosen = chosen[pool_blocks(size, max(1, round(share * size)), seed=seed, domain=domain)]
    return blocks.read(chosen)
