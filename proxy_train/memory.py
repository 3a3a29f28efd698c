"""Whether a batch fits the memory of its device: asked before its weights are read."""

from __future__ import annotations

import os

import torch

from midmix.errors import InputError
from midmix.proxy_train.batch_size import BYTES_PER_PARAMETER
from midmix.proxy_train.shape import Shape


def refuse_too_large(shape: Shape, runs: int, device: torch.device) -> None:
    """Raise InputError where the state of a batch is more than all memory of the device."""
    needed, there = runs * shape.num_parameters * BYTES_PER_PARAMETER, device_bytes(device)
    if needed > there:
        raise InputError(
            f"{runs} runs of {shape.name} in a batch have {needed / 1e9:,.1f} GB of state, the device ({device.type}) has "
            f"{there / 1e9:,.1f} GB. Lower proxy.rows_per_batch, or take a smaller stand-in (proxy.base) for the checkpoint."
        )


def device_bytes(device: torch.device) -> int:
    """All memory of a device."""
    if device.type == "cuda":
        return int(torch.cuda.get_device_properties(device).total_memory)
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
