"""RegMix's way to train a proxy, as a step: one model, eager, its logits in full, AdamW over many micro-steps.

As in the configuration of its 1M model (sail-sg/regmix, model_training/lit_gpt/config.py and its trainer): 2 layers, width
256, 8 heads, feed-forward 512, untied head of 50,432 ids, sequences of 2,048, 512 of them a step of the optimizer in
micro-steps of 16, clip 1, and the loss read at every micro-step. One sequence a micro-step here: the logits of 16
are 6.6 GB in fp32, and time goes with the tokens.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

LAYERS, WIDTH, HEADS, FEED_FORWARD = 2, 256, 8, 512
VOCABULARY, LENGTH = 50_432, 2_048
TOKENS_PER_STEP = 512 * LENGTH
ROPE_BASE, NORM_EPS = 10_000.0, 1e-5


class Layer(nn.Module):
    """Attention and SwiGLU, each after a norm."""

    def __init__(self) -> None:
        super().__init__()
        self.attention_norm, self.feed_forward_norm = nn.RMSNorm(WIDTH, NORM_EPS), nn.RMSNorm(WIDTH, NORM_EPS)
        self.attention_in = nn.Linear(WIDTH, 3 * WIDTH, bias=False)
        self.attention_out = nn.Linear(WIDTH, WIDTH, bias=False)
        self.gate = nn.Linear(WIDTH, FEED_FORWARD, bias=False)
        self.up = nn.Linear(WIDTH, FEED_FORWARD, bias=False)
        self.down = nn.Linear(FEED_FORWARD, WIDTH, bias=False)

    def forward(self, x_BTD: Tensor, cosine_TK: Tensor, sine_TK: Tensor) -> Tensor:
        sequences, length, _ = x_BTD.shape
        parts = self.attention_in(self.attention_norm(x_BTD)).view(sequences, length, 3, HEADS, WIDTH // HEADS)
        queries, keys, values = parts.permute(2, 0, 3, 1, 4)
        queries, keys = (_turn(part, cosine_TK, sine_TK) for part in (queries, keys))
        mixed = F.scaled_dot_product_attention(queries, keys, values, is_causal=True)
        x_BTD = x_BTD + self.attention_out(mixed.transpose(1, 2).reshape(x_BTD.shape))
        normed = self.feed_forward_norm(x_BTD)
        return x_BTD + self.down(F.silu(self.gate(normed)) * self.up(normed))


class Model(nn.Module):
    """Token ids [B, T] to logits [B, T, V]."""

    def __init__(self, vocabulary: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, WIDTH)
        self.layers = nn.ModuleList(Layer() for _ in range(LAYERS))
        self.norm = nn.RMSNorm(WIDTH, NORM_EPS)
        self.head = nn.Linear(WIDTH, vocabulary, bias=False)
        half = torch.arange(0, WIDTH // HEADS, 2) / (WIDTH // HEADS)
        angles = torch.outer(torch.arange(LENGTH), ROPE_BASE**-half)
        self.register_buffer("cosine", angles.cos())
        self.register_buffer("sine", angles.sin())

    def forward(self, tokens_BT: Tensor) -> Tensor:
        x_BTD = self.embedding(tokens_BT)
        for layer in self.layers:
            x_BTD = layer(x_BTD, self.cosine, self.sine)
        logits: Tensor = self.head(self.norm(x_BTD))
        return logits


class Trainer:
    """One model of a vocabulary with its optimizer."""

    def __init__(self, vocabulary: int, device: torch.device) -> None:
        torch.manual_seed(0)
        self.model = Model(vocabulary).to(device)
        self.adamw = torch.optim.AdamW(
            self.model.parameters(), lr=4e-4, betas=(0.9, 0.95), weight_decay=0.1, fused=True
        )
        self.ids_BT = torch.randint(vocabulary, (1, LENGTH + 1), device=device)

    def micro_step(self) -> float:
        """Gradients of one sequence, added to those there are; its loss."""
        logits_BTV = self.model(self.ids_BT[:, :-1])
        loss = F.cross_entropy(logits_BTV.flatten(0, 1), self.ids_BT[:, 1:].flatten())
        loss.backward()  # type: ignore[no-untyped-call]
        return float(loss.item())

    def update(self) -> None:
        """Clip and step; once per TOKENS_PER_STEP."""
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.adamw.step()
        self.adamw.zero_grad(set_to_none=False)


def _turn(x: Tensor, cosine_TK: Tensor, sine_TK: Tensor) -> Tensor:
    first, second = x.chunk(2, -1)
    return torch.cat([first * cosine_TK - second * sine_TK, first * sine_TK + second * cosine_TK], -1)
