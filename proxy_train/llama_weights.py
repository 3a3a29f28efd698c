"""Weights of a LlamaForCausalLM as a row of ours and back. Letters: P parameters of a model."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from midmix.errors import InputError
from midmix.proxy_train.llama import tensor_names
from midmix.proxy_train.shape import Shape


def read_row(files: Sequence[Path], shape: Shape) -> Tensor:
    """The weights in `files` as a row [P] in fp32. Raises InputError where they are not those of the shape."""
    found = _read(files)
    row = torch.empty(shape.num_parameters)
    for parameter, (name, theirs, transposed) in zip(shape.parameters(), tensor_names(shape), strict=True):
        if missing := [tensor for tensor in theirs if tensor not in found]:
            raise InputError(f"{files[0].parent}: no tensor {missing[0]}; expected the weights of a LlamaForCausalLM")
        value = torch.cat([found.pop(tensor).float() for tensor in theirs])
        value = value.T if transposed else value
        if value.shape != parameter.shape:
            raise InputError(
                f"{files[0].parent}: {', '.join(theirs)} make {name} of {list(value.shape)}, "
                f"but config.json says {list(parameter.shape)}; take both from one checkpoint"
            )
        row[parameter.offset : parameter.offset + parameter.size] = value.reshape(-1)
    # A tied head may be stored a second time, and old files hold the rotary frequencies.
    odd = [n for n in found if not n.endswith("rotary_emb.inv_freq") and not (shape.tied and n == "lm_head.weight")]
    if odd:
        raise InputError(f"{files[0].parent}: a tensor {odd[0]} that LlamaForCausalLM does not have; use proxy.base")
    return row


def _read(files: Sequence[Path]) -> dict[str, Tensor]:
    found: dict[str, Tensor] = {}
    for path in files:
        try:
            with safe_open(path, framework="pt") as file:
                found |= {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118, no mapping
        except (OSError, SafetensorError) as error:
            raise InputError(f"{path}: cannot be read ({error}); fetch it anew") from None
    return found


def to_llama(row_P: Tensor, shape: Shape) -> dict[str, Tensor]:
    """A row as the tensors of a LlamaForCausalLM, whose config is `llama.make_config`.

    Llama does not scale embeddings: where ours are scaled, the factor goes into them, and the head is one apart.
    """
    made: dict[str, Tensor] = {}
    parts = [shape.heads * shape.head_width, *[shape.key_value_heads * shape.head_width] * 2]
    for parameter, (_, theirs, transposed) in zip(shape.parameters(), tensor_names(shape), strict=True):
        value = row_P[parameter.offset : parameter.offset + parameter.size].view(parameter.shape)
        value = value.T if transposed else value
        sizes = parts if len(theirs) == 3 else [len(value) // len(theirs)] * len(theirs)
        for name, end, size in zip(theirs, accumulate(sizes), sizes, strict=True):
            made[name] = value[end - size : end].contiguous()
    if shape.embedding_factor != 1:
        embedding = made["model.embed_tokens.weight"]
        made.setdefault("lm_head.weight", embedding)
        made["model.embed_tokens.weight"] = embedding * shape.embedding_factor
    return made
