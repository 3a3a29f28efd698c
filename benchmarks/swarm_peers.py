"""One-by-one trainers that a batch of proxies is measured against: the same model and step without a model axis.

Plain torch, as it is mostly written: `F.linear`, `F.rms_norm`, scaled-dot-product attention, full logits in fp32.
Letters: B sequences, T tokens of a sequence, N = B x T, D width, P parameters.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from midmix.proxy_train.model import initial_row
from midmix.proxy_train.optimizer import BETA1, BETA2, EPS
from midmix.proxy_train.rope import rotary
from midmix.proxy_train.shape import NORM_EPS, Shape

RATE, WEIGHT_DECAY, CLIP = 1e-3, 0.1, 1.0
Step = Callable[[Tensor, Tensor], Tensor]


def loss_function(shape: Shape) -> Callable[..., Tensor]:
    """The mean loss of one model: (tensors by name, tokens [B, T], targets [B, T])."""
    heads, size = shape.heads, shape.head_width

    def norm(x_ND: Tensor, gain_D: Tensor) -> Tensor:
        return F.rms_norm(x_ND, gain_D.shape, gain_D, NORM_EPS)

    def turned(x: Tensor, cosine: Tensor, sine: Tensor) -> Tensor:
        first, second = x.chunk(2, -1)
        return torch.cat([first * cosine - second * sine, first * sine + second * cosine], -1)

    def loss(p: dict[str, Tensor], rotation: tuple[Tensor, Tensor], tokens: Tensor, targets: Tensor) -> Tensor:
        sequences, length = tokens.shape
        x_ND = F.embedding(tokens.flatten(), p["embedding"]) * shape.embedding_factor
        for layer in range(shape.layers):
            mixed = norm(x_ND, p[f"{layer}.attention_gain"]) @ p[f"{layer}.attention_in"]
            q, k, v = mixed.view(sequences, length, 3, heads, size).permute(2, 0, 3, 1, 4)
            y = F.scaled_dot_product_attention(turned(q, *rotation), turned(k, *rotation), v, is_causal=True)
            x_ND = x_ND + y.transpose(1, 2).reshape(sequences * length, -1) @ p[f"{layer}.attention_out"]
            both = norm(x_ND, p[f"{layer}.feed_forward_gain"]) @ p[f"{layer}.feed_forward_in"]
            gate, value = both.chunk(2, -1)
            x_ND = x_ND + (F.silu(gate) * value) @ p[f"{layer}.feed_forward_out"]
        logits = F.linear(norm(x_ND, p["final_gain"]), p["embedding"]).float()
        return F.cross_entropy(logits, targets.flatten())

    return loss


def _rotation(shape: Shape, length: int, device: torch.device) -> tuple[Tensor, Tensor]:
    like = torch.empty(0, device=device)
    return rotary(length, shape.head_width, like, shape.rope_base, shape.rope_scaling)


class Separate:
    """torch.optim.AdamW and `clip_grad_norm_` after a loss function that is eager or compiled forward and backward."""

    def __init__(
        self, shape: Shape, length: int, loss: Callable[..., Tensor], device: torch.device, *, read_loss: bool = False
    ) -> None:
        row = initial_row(shape, 0).to(device)
        self.tensors = {
            p.name: row[p.offset : p.offset + p.size].view(p.shape).clone().requires_grad_() for p in shape.parameters()
        }
        self.loss, self.rotation, self.read_loss = loss, _rotation(shape, length, device), read_loss
        groups = [
            {"params": [t for name, t in self.tensors.items() if name.endswith("gain") == gains], "weight_decay": decay}
            for gains, decay in ((False, WEIGHT_DECAY), (True, 0.0))
        ]
        self.optimizer = torch.optim.AdamW(groups, lr=RATE, betas=(BETA1, BETA2), eps=EPS, fused=not read_loss)

    def __call__(self, tokens: Tensor, targets: Tensor) -> Tensor:
        """One step; RegMix's trainer reads the loss at every one of them."""
        loss = self.loss(self.tensors, self.rotation, tokens, targets)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(list(self.tensors.values()), CLIP)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        if self.read_loss:
            loss.item()
        return loss.detach()


def whole_step(shape: Shape, loss: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """Loss, gradients, clip and AdamW in one function of tensors, to be compiled as one graph. State is flat, [P]."""
    places = shape.parameters()

    def step(row: Tensor, mean: Tensor, square: Tensor, t: Tensor, *batch: Any) -> Tensor:
        tensors = {p.name: row[p.offset : p.offset + p.size].view(p.shape) for p in places}
        gradients, value = torch.func.grad_and_value(loss)(tensors, *batch)
        flat = torch.cat([gradients[p.name].flatten() for p in places])
        flat = flat * torch.clamp(CLIP / torch.linalg.vector_norm(flat), max=1.0)
        t.add_(1)
        mean.lerp_(flat, 1 - BETA1)
        square.mul_(BETA2).addcmul_(flat, flat, value=1 - BETA2)
        row[: shape.num_decayed].mul_(1 - RATE * WEIGHT_DECAY)
        root = (square / (1 - BETA2**t)).sqrt() + EPS
        row.sub_(RATE * (mean / (1 - BETA1**t)) / root)
        return value

    return step


class Whole:
    """A model whose whole step is one compiled graph."""

    def __init__(self, shape: Shape, length: int, step: Callable[..., Tensor], device: torch.device) -> None:
        row = initial_row(shape, 0).to(device)
        self.state = (row, torch.zeros_like(row), torch.zeros_like(row), torch.zeros((), device=device))
        self.step, self.rotation = step, _rotation(shape, length, device)

    def __call__(self, tokens: Tensor, targets: Tensor) -> Tensor:
        """One step."""
        return self.step(*self.state, self.rotation, tokens, targets)


def peers(shape: Shape, models: int, length: int, device: torch.device) -> dict[str, list[Step]]:
    """`models` trainers of each kind; a kind compiles once."""
    loss = loss_function(shape)
    compiled = torch.compile(loss, dynamic=False)
    whole = torch.compile(whole_step(shape, loss), dynamic=False)
    kinds: dict[str, list[Step]] = {
        "eager": [Separate(shape, length, loss, device) for _ in range(models)],
        "regmix": [Separate(shape, length, loss, device, read_loss=True) for _ in range(models)],
        "compiled": [Separate(shape, length, compiled, device) for _ in range(models)],
        "compiled_whole": [Whole(shape, length, whole, device) for _ in range(models)],
    }
    if device.type == "cpu":
        cpp = torch.compile(whole_step(shape, loss), dynamic=False, options={"cpp_wrapper": True})
        kinds["compiled_cpp"] = [Whole(shape, length, cpp, device) for _ in range(models)]
    return kinds
