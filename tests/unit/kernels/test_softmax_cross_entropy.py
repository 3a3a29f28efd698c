import importlib.util
import os
import subprocess
import sys

import pytest
import torch

from midmix.kernels.softmax_cross_entropy import is_supported, softmax_cross_entropy_reference_

# The interpreter has to be asked for before the kernel's module is imported, so it gets a process of its own.
_INTERPRETED = """
import torch
from midmix.kernels.softmax_cross_entropy import softmax_cross_entropy_reference_, softmax_cross_entropy_triton_
import midmix.kernels.softmax_cross_entropy as kernel
generator = torch.Generator().manual_seed(0)
for rows, columns, block, dtype, tolerance in [
    (5, 7, 4096, torch.float32, 2e-6),
    (3, 1000, 128, torch.float32, 2e-6),
    (4, 257, 4096, torch.float16, 2e-3),
    (2, 64, 64, torch.float32, 2e-6),
]:
    kernel._LARGEST_BLOCK = block
    canary = torch.full((rows + 1, columns + 3), 123.0, dtype=dtype)
    logits = canary[:rows, :columns]
    logits.copy_(torch.randn(rows, columns, generator=generator) * 4)
    targets = torch.randint(columns, (rows,), generator=generator)
    weights = torch.rand(rows, generator=generator)
    exact = logits.double()
    expected = softmax_cross_entropy_reference_(exact, targets, weights.double())
    losses = softmax_cross_entropy_triton_(logits, targets, weights)
    assert (losses.double() - expected).abs().max() < 1e-5, (rows, columns, losses, expected)
    assert (logits.double() - exact).abs().max() < tolerance, (rows, columns)
    assert (canary[rows] == 123).all() and (canary[:, columns:] == 123).all(), "wrote outside its rows"
print("compared")
"""

# Compiled for GPUs that need not be there: what the interpreter accepts, the compiler may refuse.
_COMPILED = """
import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource
from midmix.kernels.softmax_cross_entropy import _row_kernel
for dtype in ("fp32", "bf16"):
    pointers = {"logits": f"*{dtype}", "targets": "*i64", "weights": "*fp32", "losses": "*fp32"}
    signature = pointers | {"columns": "i32", "stride": "i32", "BLOCK": "constexpr"}
    for capability in (80, 90):
        source = ASTSource(fn=_row_kernel, signature=signature, constexprs={"BLOCK": 2048})
        compiled = triton.compile(source, target=GPUTarget("cuda", capability, 32), options={"num_warps": 8})
        assert compiled.metadata.shared < 1024, compiled.metadata.shared
print("compiled")
"""
needs_triton = pytest.mark.skipif(
    importlib.util.find_spec("triton") is None, reason="triton is not installed; torch's CPU build brings none"
)


def _in_process(code: str, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_reference_gives_losses_and_the_gradient_in_place() -> None:
    generator = torch.Generator().manual_seed(1)
    logits = torch.randn(6, 9, generator=generator, dtype=torch.float64).requires_grad_()
    targets, weights = torch.tensor([0, 8, 3, 3, 1, 7]), torch.rand(6, generator=generator, dtype=torch.float64)
    expected = torch.nn.functional.cross_entropy(logits, targets, reduction="none")
    (gradient,) = torch.autograd.grad((expected * weights).sum(), logits)
    used = logits.detach().clone()
    losses = softmax_cross_entropy_reference_(used, targets, weights)
    torch.testing.assert_close(losses, expected.detach(), rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(used, gradient, rtol=1e-12, atol=1e-12)


def test_exact_tiny_values() -> None:
    logits = torch.tensor([[0.0, 0.0], [0.0, 0.0]], dtype=torch.float64)
    losses = softmax_cross_entropy_reference_(
        logits, torch.tensor([0, 1]), torch.tensor([1.0, 4.0], dtype=torch.float64)
    )
    assert logits.tolist() == [[-0.5, 0.5], [2.0, -2.0]]
    torch.testing.assert_close(losses, torch.log(torch.tensor([2.0, 2.0], dtype=torch.float64)))


def test_the_triton_form_is_for_cuda_alone() -> None:
    assert not is_supported(torch.zeros(2, 3))


@needs_triton
def test_triton_kernel_in_the_interpreter() -> None:
    assert _in_process(_INTERPRETED, TRITON_INTERPRET="1") == "compared\n"


@needs_triton
def test_triton_kernel_compiles_for_gpus() -> None:
    assert _in_process(_COMPILED) == "compiled\n"
