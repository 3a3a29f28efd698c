"""AdamW by Triton against float64: no worse than torch in fp32, dead rows frozen, and nothing written outside."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
import torch
from torch import Tensor

from midmix.kernels.adamw import BLOCK_P, adamw_reference_, adamw_step, is_supported
from midmix.kernels.launch import INTERPRETED

MODELS, DECAYED = 3, 700
# What the relative error may exceed torch's by: a rounding of fp32.
TOLERANCE = 1.2e-7
CANARY = 123.0


@dataclass
class State:
    """Rows with both moments and a shadow, each in front of a canary."""

    columns: int
    dtype: torch.dtype
    device: torch.device
    tensors: list[Tensor] = field(init=False)

    def __post_init__(self) -> None:
        size = MODELS * self.columns
        kinds = [self.dtype] * 3 + [torch.bfloat16]
        self.buffers = [torch.full((size + 8,), CANARY, dtype=kind, device=self.device) for kind in kinds]
        self.tensors = [buffer[:size].view(MODELS, self.columns) for buffer in self.buffers]
        generator = torch.Generator().manual_seed(0)
        self.tensors[0].copy_(torch.randn(MODELS, self.columns, generator=generator))
        self.tensors[1].zero_()
        self.tensors[2].zero_()

    def arguments(self, gradients: Tensor, alive: Tensor, steps: int) -> tuple[object, ...]:
        """Those of `adamw_step`: every model with its own rate, decay and clip."""
        values, mean, square, shadow = self.tensors
        rates, decays, scales = (
            torch.tensor(row, dtype=self.dtype, device=self.device)
            for row in ([0.1, 0.003, 0.01], [0.1, 0.0, 0.3], [1.0, 0.5, 0.01])
        )
        moments = (mean, square, gradients.to(self.device, self.dtype))
        corrections = 1 - torch.tensor([0.9, 0.99], dtype=torch.float64, device=self.device) ** steps
        return values, *moments, rates, decays, scales, alive, corrections, DECAYED, 0.9, 0.99, 1e-8, shadow


def _gradients(step: int, columns: int) -> Tensor:
    return torch.randn(MODELS, columns, generator=torch.Generator().manual_seed(step + 1))


def _alive(device: torch.device) -> Tensor:
    return torch.ones(MODELS, dtype=torch.bool, device=device)


@pytest.mark.parametrize("columns", [BLOCK_P + 7, 3 * BLOCK_P, 701])
def test_error_is_no_worse_than_torch(columns: int, device: torch.device) -> None:
    truth, peer, ours = (State(columns, dtype, device) for dtype in (torch.float64, torch.float32, torch.float32))
    truth.tensors[0].copy_(ours.tensors[0])
    for step in range(1, 6):
        gradients = _gradients(step, columns)
        adamw_reference_(*truth.arguments(gradients, _alive(device), step))  # type: ignore[arg-type]
        adamw_reference_(*peer.arguments(gradients.clone(), _alive(device), step))  # type: ignore[arg-type]
        arguments = ours.arguments(gradients.clone(), _alive(device), step)
        assert is_supported(*ours.tensors[:3], arguments[3])  # type: ignore[arg-type]
        adamw_step(*arguments)
    for exact, theirs, mine in zip(truth.tensors[:3], peer.tensors, ours.tensors, strict=False):
        ours_off, torch_off = (((one - exact).norm() / exact.norm()).item() for one in (mine, theirs))
        assert ours_off <= torch_off + TOLERANCE
    # a GPU rounds to the nearest bfloat16, the interpreter cuts off
    shadow_error = ((ours.tensors[3].float() - ours.tensors[0]) / ours.tensors[0]).abs().max()
    assert shadow_error <= 2.0 ** (-7 if INTERPRETED else -8) * 1.01
    assert all((buffer[MODELS * columns :] == CANARY).all() for buffer in ours.buffers)


def test_a_dead_row_is_frozen_and_its_neighbours_are_bitwise_the_same(device: torch.device) -> None:
    clean, dirty = (State(BLOCK_P + 7, torch.float32, device) for _ in range(2))
    alive = _alive(device)
    alive[1] = False
    frozen = dirty.tensors[0][1].clone()
    for step in range(1, 4):
        gradients = _gradients(step, BLOCK_P + 7)
        adamw_step(*clean.arguments(gradients.clone(), _alive(device), step))
        gradients[1] = torch.nan
        adamw_step(*dirty.arguments(gradients, alive, step))
    for one, other in zip(clean.tensors, dirty.tensors, strict=True):
        assert torch.equal(one[[0, 2]], other[[0, 2]])
        assert other.isfinite().all()
    assert torch.equal(dirty.tensors[0][1], frozen)
