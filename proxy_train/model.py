"""A batch of same-shape Llama-style models in tensors with a leading model axis; one model is a batch of one.

RMSNorm, rotary positions, causal attention, SwiGLU, head tied or not. All parameters of a model lie in one row, so that the
optimizer, the clip and the freeze work on rows. Letters: M models, B sequences, T tokens of a sequence, N = B x T,
D width, H heads, G key-value heads, K width of a head, P parameters of a model.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from midmix.proxy_train.rope import rotary, rotate
from midmix.proxy_train.shape import Shape


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
        self._rotations: dict[int, tuple[Tensor, Tensor]] = {}
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
        """The output head, which is the embedding where they are tied."""
        return self.tensors["embedding" if self.shape.tied else "head"]

    def hidden(self, tokens_MBT: Tensor) -> Tensor:
        """Normed hidden states [M, B*T, D] for token ids [M, B, T]."""
        return self.hidden_of(self.embedded(tokens_MBT), tokens_MBT.shape[2])

    def embedded(self, tokens_MBT: Tensor) -> Tensor:
        """What the first layer reads [M, B*T, D], detached."""
        models, width = len(tokens_MBT), self.shape.width
        first_M11 = torch.arange(models, device=tokens_MBT.device)[:, None, None] * self.shape.vocabulary
        table = self.tensors["embedding"].detach().reshape(-1, width)
        x_MND = F.embedding(tokens_MBT + first_M11, table).view(models, -1, width)
        # Ours are scaled as in Gemma, so that a tied embedding is small as a head and of unit size as input: 0.2-0.4 nats
        # lower after 0.2M tokens than unscaled (L2-d64-ff192-v2048).
        return x_MND * self.shape.embedding_factor if self.shape.embedding_factor != 1 else x_MND

    def hidden_of(self, x_MND: Tensor, length: int) -> Tensor:
        """Normed hidden states [M, N, D] of what the first layer reads, in sequences of `length` tokens."""
        shape = self.shape
        if length not in self._rotations:
            self._rotations[length] = rotary(length, shape.head_width, x_MND, shape.rope_base, shape.rope_scaling)
        rotation = self._rotations[length]
        for layer in range(shape.layers):
            x_MND = self._attention(x_MND, layer, length, rotation)
            x_MND = self._feed_forward(x_MND, layer)
        return self._norm(x_MND) * self.tensors["final_gain"][:, None]

    def _norm(self, x_MND: Tensor) -> Tensor:
        return F.rms_norm(x_MND, (x_MND.shape[-1],), eps=self.shape.norm_eps)

    def _gained(self, name: str) -> Tensor:
        """The weights that follow a norm with its gain in them: the same product, on fewer values than the tokens have."""
        return self.tensors[f"{name}_in"] * self.tensors[f"{name}_gain"][:, :, None]

    def _attention(self, x_MND: Tensor, layer: int, length: int, rotation: tuple[Tensor, Tensor]) -> Tensor:
        shape = self.shape
        folded = (-1, length, shape.heads + 2 * shape.key_value_heads, shape.head_width)
        parts = torch.bmm(self._norm(x_MND), self._gained(f"{layer}.attention")).view(folded).transpose(1, 2)
        turned = rotate(parts[:, : shape.heads + shape.key_value_heads], rotation)
        queries, keys = turned[:, : shape.heads], turned[:, shape.heads :]
        values = parts[:, shape.heads + shape.key_value_heads :]
        if (shared := shape.heads // shape.key_value_heads) > 1:
            keys, values = keys.repeat_interleave(shared, 1), values.repeat_interleave(shared, 1)
        mixed = F.scaled_dot_product_attention(queries, keys, values, is_causal=True)
        mixed_MND = mixed.transpose(1, 2).reshape(*x_MND.shape[:2], -1)
        return torch.baddbmm(x_MND, mixed_MND, self.tensors[f"{layer}.attention_out"])

    def _feed_forward(self, x_MND: Tensor, layer: int) -> Tensor:
        gate, value = torch.bmm(self._norm(x_MND), self._gained(f"{layer}.feed_forward")).chunk(2, -1)
        return torch.baddbmm(x_MND, F.silu(gate) * value, self.tensors[f"{layer}.feed_forward_out"])

    @property
    def inner(self) -> list[Tensor]:
        """Every tensor between embedding and head, in the order of the row."""
        return [tensor for name, tensor in self.tensors.items() if name not in ("embedding", "head")]
