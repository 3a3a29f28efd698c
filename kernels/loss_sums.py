"""Sums of token losses and counts of tokens per model and domain, the same bits at every run.

No atomics: one Triton program owns a model's sums of some domains and reads the tokens in order, on CUDA; elsewhere
torch. A loss that is not finite reaches the sum of its own domain alone. Letters: M models, N tokens, K domains.
"""

from __future__ import annotations

import torch
from torch import Tensor

from midmix.kernels.launch import HAS_TRITON, can_launch

BLOCK_K, BLOCK_N = 8, 256


def loss_sums_reference(losses_MN: Tensor, domains_MN: Tensor, num_domains: int) -> tuple[Tensor, Tensor]:
    """Sums [M, K], float64, and counts [M, K], int64, by one pass over the tokens per domain."""
    shape_MK = (len(losses_MN), num_domains)
    sums_MK = losses_MN.new_empty(shape_MK, dtype=torch.float64)
    counts_MK = losses_MN.new_empty(shape_MK, dtype=torch.int64)
    for domain in range(num_domains):
        mine_MN = domains_MN == domain
        # where, never a product: 0 x NaN would be NaN
        sums_MK[:, domain] = torch.where(mine_MN, losses_MN.double(), 0.0).sum(1)
        counts_MK[:, domain] = mine_MN.sum(1)
    return sums_MK, counts_MK


if HAS_TRITON:
    import triton
    import triton.language as tl

    # Triton compiles the annotations as well, so that only its own may stand here.
    @triton.jit  # type: ignore[untyped-decorator]
    def sums_kernel(  # type: ignore[no-untyped-def]
        losses, domains, sums, counts, tokens, num_domains, BLOCK_K: tl.constexpr, BLOCK_N: tl.constexpr
    ):
        model = tl.program_id(1).to(tl.int64)
        mine = tl.program_id(0) * BLOCK_K + tl.arange(0, BLOCK_K)
        total = tl.zeros((BLOCK_K, BLOCK_N), tl.float64)
        count = tl.zeros((BLOCK_K, BLOCK_N), tl.int32)
        for start in range(0, tokens, BLOCK_N):
            rows = start + tl.arange(0, BLOCK_N)
            domain = tl.load(domains + model * tokens + rows, mask=rows < tokens, other=-1)
            loss = tl.load(losses + model * tokens + rows, mask=rows < tokens, other=0.0).to(tl.float64)
            match = mine[:, None] == domain[None, :]
            total += tl.where(match, loss[None, :], 0.0)
            count += match.to(tl.int32)
        here = model * num_domains + mine
        tl.store(sums + here, tl.sum(total, 1), mask=mine < num_domains)
        tl.store(counts + here, tl.sum(count, 1).to(tl.int64), mask=mine < num_domains)


def is_supported(losses_MN: Tensor) -> bool:
    """Whether the Triton form takes these losses: where Triton runs, fp32, fp16 or bf16."""
    return can_launch(losses_MN) and losses_MN.dtype in (torch.float32, torch.float16, torch.bfloat16)


def loss_sums_triton(losses_MN: Tensor, domains_MN: Tensor, num_domains: int) -> tuple[Tensor, Tensor]:
    """The Triton form of `loss_sums_reference`: the same counts, sums in another order."""
    models, tokens = losses_MN.shape
    sums_MK = losses_MN.new_empty((models, num_domains), dtype=torch.float64)
    counts_MK = losses_MN.new_empty((models, num_domains), dtype=torch.int64)
    grid = (-(-num_domains // BLOCK_K), models)
    if all(grid):
        sums_kernel[grid](
            losses_MN.contiguous(), domains_MN.contiguous(), sums_MK, counts_MK, tokens, num_domains,
            BLOCK_K=BLOCK_K, BLOCK_N=BLOCK_N,
        )  # fmt: skip
    return sums_MK, counts_MK


@torch.library.custom_op("midmix::loss_sums", mutates_args=())
def loss_sums(losses_MN: Tensor, domains_MN: Tensor, num_domains: int) -> tuple[Tensor, Tensor]:
    """Sums of losses [M, K], float64, in the unit of the losses, and counts of tokens [M, K], int64.

    `domains_MN` (integers) says the domain of each token; one outside [0, num_domains) is counted nowhere.
    """
    form = loss_sums_triton if is_supported(losses_MN) else loss_sums_reference
    return form(losses_MN, domains_MN, num_domains)


@loss_sums.register_fake
def _(losses_MN: Tensor, domains_MN: Tensor, num_domains: int) -> tuple[Tensor, Tensor]:
    shape_MK = (len(losses_MN), num_domains)
    return losses_MN.new_empty(shape_MK, dtype=torch.float64), losses_MN.new_empty(shape_MK, dtype=torch.int64)
