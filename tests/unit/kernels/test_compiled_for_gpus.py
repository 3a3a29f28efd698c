"""Kernels compiled for GPUs that need not be there: what the interpreter accepts, the compiler may refuse.

Read back from the machine code: registers spilled to memory, and shared memory, at the tiles that are launched.
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from midmix.kernels import adamw, linear_cross_entropy_fused, loss_sums, softmax_cross_entropy

triton = pytest.importorskip("triton", reason="triton is not installed; torch's CPU build brings none")

# Bytes of shared memory that a program may have: sm_80's code also runs on sm_86 and sm_89, which have 99 KB.
SHARED = {80: 99 * 1024, 90: 227 * 1024, 100: 227 * 1024}
# Bytes per thread; what triton 3.7.1 spills on sm_100 between 257 and 383 is one pair of registers.
SPILLED = 8
TENSOR_CORES = {80: "mma.sync", 90: "wgmma", 100: "tcgen05"}
FUSED = {
    "loss_kernel": ("hidden", "head", "targets", "losses", "log_totals"),
    "hidden_gradient_kernel": ("hidden", "head", "targets", "weights", "log_totals", "gradients"),
    "head_gradient_kernel": ("hidden", "head", "targets", "weights", "log_totals", "gradients"),
}


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRITON_CACHE_DIR", str(tmp_path))


def _compiled(
    kernel: Any, types: dict[str, str], constants: dict[str, Any], capability: int, **options: int
) -> tuple[str, int]:
    """PTX and bytes of shared memory, after a look at the machine code: next to nothing may be spilled."""
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource

    signature = {name: types.get(name, "constexpr") for name in kernel.arg_names}
    aligned = {
        (place,): [["tt.divisibility", 16]] for place, kind in enumerate(signature.values()) if kind.startswith("*")
    }
    source = ASTSource(fn=kernel, signature=signature, constexprs=constants, attrs=aligned)
    compiled = triton.compile(source, target=GPUTarget("cuda", capability, 32), options=options)
    usage = _resources(compiled.asm["cubin"])
    assert usage["STACK"] <= SPILLED and usage["LOCAL"] == 0, (kernel.__name__, capability, usage)
    return compiled.asm["ptx"], compiled.metadata.shared


def _resources(cubin: bytes) -> dict[str, int]:
    """Registers and bytes of a kernel; what it spills is on its stack."""
    folder = Path(triton.__file__).parent / "backends/nvidia/bin"
    file = Path(triton.knobs.cache.dir) / "kernel.cubin"
    file.write_bytes(cubin)
    command = [str(folder / "cuobjdump"), "-res-usage", str(file)]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return {name: int(value) for name, value in re.findall(r"(REG|STACK|SHARED|LOCAL):(\d+)", printed)}


# Those that come nearest to spilling, of each kind of tile.
@pytest.mark.parametrize(
    ("width", "capability"),
    [(64, 90), (112, 80), (256, 80), (256, 90), (256, 100), (320, 80), (320, 100), (384, 80), (384, 90), (384, 100)],
)
@pytest.mark.parametrize("name", FUSED)
def test_fused_linear_cross_entropy(name: str, width: int, capability: int) -> None:
    half, wide = ("hidden", "head", "gradients"), ("weights", "losses", "log_totals")
    types = dict.fromkeys(half, "*bf16") | dict.fromkeys(wide, "*fp32")
    types = {pointer: (types | {"targets": "*i64"})[pointer] for pointer in FUSED[name]}
    tiles = linear_cross_entropy_fused.tiles_of(width)
    ptx, shared = _compiled(
        getattr(linear_cross_entropy_fused, name),
        types | {"tokens": "i32", "vocabulary": "i32"},
        tiles.constants(width),
        capability,
        num_warps=tiles.warps,
        num_stages=linear_cross_entropy_fused.STAGES,
    )
    assert TENSOR_CORES[capability] in ptx
    assert shared <= SHARED[capability]


@pytest.mark.parametrize("capability", SHARED)
def test_adamw(capability: int) -> None:
    state = ("values", "means", "squares", "gradients", "rates", "decays", "scales", "corrections")
    numbers = ("weight1", "beta2", "weight2", "eps")
    types = dict.fromkeys(state, "*fp32") | {"shadow": "*bf16", "alive": "*i1", "columns": "i32", "decayed": "i32"}
    constants = {"HAS_SHADOW": True, "BLOCK": adamw.BLOCK_P}
    _, shared = _compiled(adamw.adamw_kernel, types | dict.fromkeys(numbers, "fp32"), constants, capability)
    assert shared == 0


@pytest.mark.parametrize("capability", SHARED)
def test_loss_sums(capability: int) -> None:
    types = {"losses": "*fp32", "domains": "*i64", "sums": "*fp64", "counts": "*i64"}
    types |= {"tokens": "i32", "num_domains": "i32"}
    constants = {"BLOCK_K": loss_sums.BLOCK_K, "BLOCK_N": loss_sums.BLOCK_N}
    _, shared = _compiled(loss_sums.sums_kernel, types, constants, capability)
    assert shared < 4096


@pytest.mark.parametrize("capability", SHARED)
@pytest.mark.parametrize("dtype", ["fp32", "bf16"])
def test_softmax_cross_entropy(dtype: str, capability: int) -> None:
    types = {"logits": f"*{dtype}", "targets": "*i64", "weights": "*fp32", "losses": "*fp32"}
    constants = {"BLOCK": softmax_cross_entropy.LARGEST_BLOCK}
    _, shared = _compiled(
        softmax_cross_entropy.row_kernel, types | {"columns": "i32", "stride": "i32"}, constants, capability,
        num_warps=16,
    )  # fmt: skip
    assert shared < 1024


def test_every_width_has_tiles_that_hold_it() -> None:
    for width in range(1, linear_cross_entropy_fused.LARGEST_WIDTH + 1):
        tiles = linear_cross_entropy_fused.tiles_of(width)
        assert width <= tiles.wide + tiles.tail < 2 * max(16, width)
