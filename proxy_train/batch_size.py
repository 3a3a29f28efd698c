"""How many runs train in one batch, by their sizes alone: the cut, and so every byte, is the same on every machine."""

from __future__ import annotations

from midmix.proxy_train.shape import Shape

# Tokens of all runs in one step: enough to fill a GPU with small models, and few enough for their activations.
TOKENS_IN_FLIGHT = 32_768
STATE_BYTES = 8_000_000_000
# Weights, gradient and both moments in fp32, and weights in bf16; and what a step holds for a moment.
BYTES_PER_PARAMETER = 20


def rows_per_batch(shape: Shape, tokens_per_step: int) -> int:
    """Runs of a batch, at least 1: 32,768 tokens in flight, and state of at most 8 GB."""
    in_flight = TOKENS_IN_FLIGHT // tokens_per_step
    in_memory = STATE_BYTES // (BYTES_PER_PARAMETER * shape.num_parameters)
    return max(1, min(in_flight, in_memory))
