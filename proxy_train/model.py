"""A batch of same-shape Llama-style models in tensors with a leading model axis; one model is a batch of one.

RMSNorm, rotary positions, causal attention, SwiGLU, tied head. All parameters of a model lie in one row, so that the
optimizer, the clip and the freeze work on rows. Letters: M models, B sequences, T tokens of a sequence, N = B x T,
D width, H heads, K width of a head, P parameters of a model.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from midmix.proxy_train.shape import Shape

ROPE_BASE = 10_000.0
NORM_EPS = 1e-6


def initial_row(shape: Shape, seed: int) -> Tensor:
    """Starting parameters [P] of one model, fp32 on the CPU; the same for every model of this shape and seed."""
    generator = torch.Generator().manual_seed(seed)
    values = []
    for parameter in shape.parameters():
        if parameter.initial_sd:
            values.append(torch.randn(parameter.size, generator=generator) * parameter.initial_sd)
        else:
            values.append(torch.ones(parameter.size))
    return torch.cat(values)


class Models:
    """M models of one shape. `rows_MP` holds every parameter; `tensors` are views of it by name, leaves of autograd."""

    def __init__(self, shape: Shape, rows_MP: Tensor) -> None:
        self.shape, self.rows_MP = shape, rows_MP
        self.tensors: dict[str, Tensor] = {}
        for p in shape.parameters():
            view = rows_MP[:, p.offset : p.offset + p.size].view(-1, *p.shape)
            self.tensors[p.name] = view.requires_grad_()

    @classmethod
    def start(
        cls, shape: Shape, seeds: Sequence[int], *, device: torch.device, dtype: torch.dtype = torch.float32
    ) -> Models:
        """Models with the initial weights of their seeds: common random numbers for all runs of a seed."""
        by_seed = {seed: initial_row(shape, seed) for seed in sorted(set(seeds))}
        return cls(shape, torch.stack([by_seed[seed] for seed in seeds]).to(device=device, dtype=dtype))

    @property
    def head_MVD(self) -> Tensor:
        """The output head, which is the embedding."""
        return self.tensors["embedding"]

    def hidden(self, tokens_MBT: Tensor) -> Tensor:
        """Normed hidden states [M, B*T, D] for token ids [M, B, T]."""
        models, sequences, length = tokens_MBT.shape
        vocabulary, width = self.shape.vocabulary, self.shape.width
        first_M11 = torch.arange(models, device=tokens_MBT.device)[:, None, None] * vocabulary
        table = self.tensors["embedding"].reshape(models * vocabulary, width)
        # Scaled as in Gemma, so that a tied embedding is small as a head and of unit size as input: 0.2-0.4 nats lower
        # after 0.2M tokens than unscaled (L2-d64-ff192-v2048).
        x_MND = F.embedding(tokens_MBT + first_M11, table).view(models, sequences * length, width) * width**0.5
        rotation = rotary(length, self.shape.head_width, x_MND)
        for layer in range(self.shape.layers):
            x_MND = self._attention(x_MND, layer, (sequences, length), rotation)
            x_MND = self._feed_forward(x_MND, layer)
        return self._norm(x_MND) * self.tensors["final_gain"][:, None]

    def _norm(self, x_MND: Tensor) -> Tensor:
        return F.rms_norm(x_MND, (x_MND.shape[-1],), eps=NORM_EPS)

    def _gained(self, name: str) -> Tensor:
        """The weights that follow a norm with its gain in them: the same product, on fewer values than the tokens have."""
        return self.tensors[f"{name}_in"] * self.tensors[f"{name}_gain"][:, :, None]

    def _attention(self, x_MND: Tensor, layer: int, size: tuple[int, int], rotation: tuple[Tensor, Tensor]) -> Tensor:
        models, (sequences, length) = x_MND.shape[0], size
        folded = (models * sequences, length, 3, self.shape.heads, self.shape.head_width)
        parts = torch.bmm(self._norm(x_MND), self._gained(f"{layer}.attention")).view(folded).permute(2, 0, 3, 1, 4)
        queries, keys = rotate(parts[:2], rotation).unbind(0)
        mixed = F.scaled_dot_product_attention(queries, keys, parts[2], is_causal=True)
        mixed_MND = mixed.transpose(1, 2).reshape(x_MND.shape)
        return torch.baddbmm(x_MND, mixed_MND, self.tensors[f"{layer}.attention_out"])

    def _feed_forward(self, x_MND: Tensor, layer: int) -> Tensor:
        gate, value = torch.bmm(self._norm(x_MND), self._gained(f"{layer}.feed_forward")).chunk(2, -1)
        return torch.baddbmm(x_MND, F.silu(gate) * value, self.tensors[f"{layer}.feed_forward_out"])


def rotary(length: int, head_width: int, like: Tensor) -> tuple[Tensor, Tensor]:
    """Cosine and sine [T, K/2] of the rotary angles, base 10000, on the device and in the dtype of `like`."""
    steps = torch.arange(0, head_width, 2, dtype=torch.float64) / head_width
    angles = torch.outer(torch.arange(length, dtype=torch.float64), ROPE_BASE**-steps)
    return angles.cos().to(like), angles.sin().to(like)


def rotate(x: Tensor, rotation: tuple[Tensor, Tensor]) -> Tensor:
    """`x` [..., T, K] with every pair (first half, second half) turned by its position's angle, as in Llama."""
    cosine, sine = rotation
    first, second = x.chunk(2, -1)
    return torch.cat([first * cosine - second * sine, first * sine + second * cosine], -1)
