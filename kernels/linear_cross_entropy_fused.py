"""Cross-entropy of a batch of models whose logits never leave the chip: the form for small widths, in Triton.

One pass gives the losses, a second makes the logits again for the gradient of the hidden states and a third for that
of the heads: 10VD operations a token instead of 6VD, for none of the traffic of logits. Every output tile has one
owner that adds in one order, so there are no atomics and two runs give the same bits. On paper this is ahead of chunks
up to D = 256 and even with them at 384; at 768 a row of tiles does not fit.
Letters: M models, N tokens, D width, V vocabulary.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor

from midmix.kernels.launch import HAS_TRITON, INTERPRETED, can_launch

LARGEST_WIDTH = 384
STAGES = 2

if HAS_TRITON:
    import triton
    import triton.language as tl

    # Triton compiles the annotations as well, so that only its own may stand here. Widths above 256 are held in two
    # pieces, WIDE + TAIL >= WIDTH: 384 as 256 + 128, a quarter less than 512.
    @triton.jit  # type: ignore[untyped-decorator]
    def _load(  # type: ignore[no-untyped-def]
        base, model, rows, count, WIDTH: tl.constexpr, FIRST: tl.constexpr, PIECE: tl.constexpr
    ):
        wide = FIRST + tl.arange(0, PIECE)
        inside = (rows < count)[:, None] & (wide < WIDTH)[None, :]
        return tl.load(base + (model * count + rows)[:, None] * WIDTH + wide[None, :], mask=inside, other=0.0)

    @triton.jit  # type: ignore[untyped-decorator]
    def _store(  # type: ignore[no-untyped-def]
        base, tile, model, rows, count, WIDTH: tl.constexpr, FIRST: tl.constexpr, PIECE: tl.constexpr
    ):
        wide = FIRST + tl.arange(0, PIECE)
        inside = (rows < count)[:, None] & (wide < WIDTH)[None, :]
        tl.store(base + (model * count + rows)[:, None] * WIDTH + wide[None, :], tile, mask=inside)

    @triton.jit  # type: ignore[untyped-decorator]
    def loss_kernel(  # type: ignore[no-untyped-def]
        hidden, head, targets, losses, log_totals, tokens, vocabulary,
        WIDTH: tl.constexpr, WIDE: tl.constexpr, TAIL: tl.constexpr,
        OWNED: tl.constexpr, STREAMED: tl.constexpr, PRECISION: tl.constexpr,
    ):  # fmt: skip
        # owns OWNED tokens of one model, streams the vocabulary with a running maximum and sum
        model = tl.program_id(1).to(tl.int64)
        rows = tl.program_id(0) * OWNED + tl.arange(0, OWNED)
        at = model * tokens + rows
        target = tl.load(targets + at, mask=rows < tokens, other=-1)
        x = _load(hidden, model, rows, tokens, WIDTH, 0, WIDE)
        if TAIL:
            x_tail = _load(hidden, model, rows, tokens, WIDTH, WIDE, TAIL)
        top = tl.full((OWNED,), float("-inf"), tl.float32)
        total = tl.zeros((OWNED,), tl.float32)
        chosen = tl.zeros((OWNED,), tl.float32)
        for start in range(0, vocabulary, STREAMED):
            columns = start + tl.arange(0, STREAMED)
            w = _load(head, model, columns, vocabulary, WIDTH, 0, WIDE)
            score = tl.dot(x, tl.trans(w), input_precision=PRECISION)
            if TAIL:
                w_tail = _load(head, model, columns, vocabulary, WIDTH, WIDE, TAIL)
                score = tl.dot(x_tail, tl.trans(w_tail), score, input_precision=PRECISION)
            chosen += tl.sum(tl.where(columns[None, :] == target[:, None], score, 0.0), 1)
            score = tl.where((columns < vocabulary)[None, :], score, float("-inf"))
            higher = tl.maximum(top, tl.max(score, 1))
            total = total * tl.exp(top - higher) + tl.sum(tl.exp(score - higher[:, None]), 1)
            top = higher
        log_total = top + tl.log(total)
        tl.store(log_totals + at, log_total, mask=rows < tokens)
        tl.store(losses + at, log_total - chosen, mask=rows < tokens)

    @triton.jit  # type: ignore[untyped-decorator]
    def hidden_gradient_kernel(  # type: ignore[no-untyped-def]
        hidden, head, targets, weights, log_totals, gradients, tokens, vocabulary,
        WIDTH: tl.constexpr, WIDE: tl.constexpr, TAIL: tl.constexpr,
        OWNED: tl.constexpr, STREAMED: tl.constexpr, PRECISION: tl.constexpr,
    ):  # fmt: skip
        # owns OWNED tokens of one model, streams the vocabulary; the weight comes last, so that it rounds nothing away
        model = tl.program_id(1).to(tl.int64)
        rows = tl.program_id(0) * OWNED + tl.arange(0, OWNED)
        at = model * tokens + rows
        target = tl.load(targets + at, mask=rows < tokens, other=-1)
        log_total = tl.load(log_totals + at, mask=rows < tokens, other=0.0)
        x = _load(hidden, model, rows, tokens, WIDTH, 0, WIDE)
        gradient = tl.zeros((OWNED, WIDE), tl.float32)
        if TAIL:
            x_tail = _load(hidden, model, rows, tokens, WIDTH, WIDE, TAIL)
            gradient_tail = tl.zeros((OWNED, TAIL), tl.float32)
        for start in range(0, vocabulary, STREAMED):
            columns = start + tl.arange(0, STREAMED)
            w = _load(head, model, columns, vocabulary, WIDTH, 0, WIDE)
            score = tl.dot(x, tl.trans(w), input_precision=PRECISION)
            if TAIL:
                w_tail = _load(head, model, columns, vocabulary, WIDTH, WIDE, TAIL)
                score = tl.dot(x_tail, tl.trans(w_tail), score, input_precision=PRECISION)
            share = tl.exp(score - log_total[:, None])
            share = tl.where(columns[None, :] == target[:, None], share - 1.0, share)
            share = tl.where((columns < vocabulary)[None, :], share, 0.0).to(w.dtype)
            gradient = tl.dot(share, w, gradient, input_precision=PRECISION)
            if TAIL:
                gradient_tail = tl.dot(share, w_tail, gradient_tail, input_precision=PRECISION)
        weight = tl.load(weights + at, mask=rows < tokens, other=0.0).to(tl.float32)[:, None]
        _store(gradients, gradient * weight, model, rows, tokens, WIDTH, 0, WIDE)
        if TAIL:
            _store(gradients, gradient_tail * weight, model, rows, tokens, WIDTH, WIDE, TAIL)

    @triton.jit  # type: ignore[untyped-decorator]
    def head_gradient_kernel(  # type: ignore[no-untyped-def]
        hidden, head, targets, weights, log_totals, gradients, tokens, vocabulary,
        WIDTH: tl.constexpr, WIDE: tl.constexpr, TAIL: tl.constexpr,
        OWNED: tl.constexpr, STREAMED: tl.constexpr, PRECISION: tl.constexpr,
    ):  # fmt: skip
        # owns OWNED rows of one model's head, streams its tokens in their order
        model = tl.program_id(1).to(tl.int64)
        columns = tl.program_id(0) * OWNED + tl.arange(0, OWNED)
        w = _load(head, model, columns, vocabulary, WIDTH, 0, WIDE)
        gradient = tl.zeros((OWNED, WIDE), tl.float32)
        if TAIL:
            w_tail = _load(head, model, columns, vocabulary, WIDTH, WIDE, TAIL)
            gradient_tail = tl.zeros((OWNED, TAIL), tl.float32)
        for start in range(0, tokens, STREAMED):
            rows = start + tl.arange(0, STREAMED)
            at = model * tokens + rows
            target = tl.load(targets + at, mask=rows < tokens, other=-1)
            log_total = tl.load(log_totals + at, mask=rows < tokens, other=0.0)
            weight = tl.load(weights + at, mask=rows < tokens, other=0.0).to(tl.float32)
            x = _load(hidden, model, rows, tokens, WIDTH, 0, WIDE)
            score = tl.dot(w, tl.trans(x), input_precision=PRECISION)
            if TAIL:
                x_tail = _load(hidden, model, rows, tokens, WIDTH, WIDE, TAIL)
                score = tl.dot(w_tail, tl.trans(x_tail), score, input_precision=PRECISION)
            share = tl.exp(score - log_total[None, :])
            share = tl.where(columns[:, None] == target[None, :], share - 1.0, share) * weight[None, :]
            gradient = tl.dot(share.to(x.dtype), x, gradient, input_precision=PRECISION)
            if TAIL:
                gradient_tail = tl.dot(share.to(x.dtype), x_tail, gradient_tail, input_precision=PRECISION)
        _store(gradients, gradient, model, columns, vocabulary, WIDTH, 0, WIDE)
        if TAIL:
            _store(gradients, gradient_tail, model, columns, vocabulary, WIDTH, WIDE, TAIL)


class Tiles(NamedTuple):
    """How a kernel cuts its work: pieces of the width, rows that a program owns and streams, warps."""

    wide: int
    tail: int
    owned: int
    streamed: int
    warps: int

    def constants(self, width: int) -> dict[str, Any]:
        """The kernel's compile-time arguments. fp32 is multiplied as fp32, never as TF32."""
        sizes = {"WIDTH": width, "WIDE": self.wide, "TAIL": self.tail, "OWNED": self.owned, "STREAMED": self.streamed}
        return sizes | {"PRECISION": "ieee"}


def tiles_of(width: int) -> Tiles:
    """Tiles for a width, multiplied by the tensor cores of sm_80, sm_90 and sm_100.

    Multiples of 16 spill nothing but 8 bytes on sm_100 between 257 and 383. Streaming 64 rows at D = 256 spills on
    sm_90, and so does a width of 384 padded to 512; 96 held as 64 + 32 spills on sm_80.
    """
    wide = min(256, max(16, 1 << (width - 1).bit_length()))
    tail = 128 if width > wide else 0
    small = wide <= 128
    return Tiles(wide, tail, owned=64, streamed=64 if small else 32, warps=4 if small else 8)


def is_supported(hidden_MND: Tensor, head_MVD: Tensor) -> bool:
    """Whether the fused form takes these: where Triton runs, 16-bit, D <= 384 and a multiple of 16.

    fp32 stays with cuBLAS, which multiplies it exactly and faster; the interpreter takes it too. Rows that start off
    16 bytes would spill registers.
    """
    width = hidden_MND.shape[-1]
    dtypes = (torch.float16, torch.float32) if INTERPRETED else (torch.float16, torch.bfloat16)
    return (
        can_launch(hidden_MND)
        and hidden_MND.dtype == head_MVD.dtype
        and hidden_MND.dtype in dtypes
        and width <= LARGEST_WIDTH
        and width % 16 == 0
    )


def losses_fused(hidden_MND: Tensor, head_MVD: Tensor, targets_MN: Tensor) -> tuple[Tensor, Tensor]:
    """Losses and the logs of the softmax's denominators, both [M, N] in fp32; all arguments contiguous."""
    models, tokens, width = hidden_MND.shape
    nll_MN, log_totals_MN = (hidden_MND.new_empty((models, tokens), dtype=torch.float32) for _ in range(2))
    tiles = tiles_of(width)
    if nll_MN.numel():
        loss_kernel[(triton.cdiv(tokens, tiles.owned), models)](
            hidden_MND, head_MVD, targets_MN, nll_MN, log_totals_MN, tokens, head_MVD.shape[1],
            **tiles.constants(width), num_warps=tiles.warps, num_stages=STAGES,
        )  # fmt: skip
    return nll_MN, log_totals_MN


def linear_cross_entropy_fused(
    hidden_MND: Tensor, head_MVD: Tensor, targets_MN: Tensor, weights_MN: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """What `linear_cross_entropy_chunked` gives, in Triton and without logits; sums are kept in fp32."""
    hidden_MND, head_MVD, targets_MN, weights_MN = (
        tensor.contiguous() for tensor in (hidden_MND, head_MVD, targets_MN, weights_MN)
    )
    models, tokens, width = hidden_MND.shape
    vocabulary = head_MVD.shape[1]
    nll_MN, log_totals_MN = losses_fused(hidden_MND, head_MVD, targets_MN)
    d_hidden_MND, d_head_MVD = torch.empty_like(hidden_MND), torch.empty_like(head_MVD)
    tiles = tiles_of(width)
    options = {**tiles.constants(width), "num_warps": tiles.warps, "num_stages": STAGES}
    for kernel, gradients, count in (
        (hidden_gradient_kernel, d_hidden_MND, tokens),
        (head_gradient_kernel, d_head_MVD, vocabulary),
    ):
        if gradients.numel():
            kernel[(triton.cdiv(count, tiles.owned), models)](
                hidden_MND, head_MVD, targets_MN, weights_MN, log_totals_MN, gradients, tokens, vocabulary, **options
            )
    return nll_MN.to(weights_MN.dtype), d_hidden_MND, d_head_MVD
