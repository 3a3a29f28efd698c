"""Checkpoints of LlamaForCausalLM in a Hugging Face folder: their shape, and their weights as a row of ours and back.

Read with safetensors alone. Letters: P parameters of a model.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from midmix.errors import InputError
from midmix.proxy_train.rope_scaling import BASE, Scaling
from midmix.proxy_train.shape import Shape

CONFIG, WEIGHTS, INDEX = "config.json", "model.safetensors", "model.safetensors.index.json"
_EXPECTED = {"hidden_act": "silu", "attention_bias": False, "mlp_bias": False, "quantization_config": None}


def read_config(folder: Path) -> dict[str, Any]:
    """config.json of a folder. Raises InputError where there is none, or it is not Llama's."""
    path = folder / CONFIG
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except OSError:
        raise InputError(
            f"proxy.checkpoint: no file {path}; expected a Hugging Face folder with config.json and {WEIGHTS}, "
            f"or a .safetensors file that midmix wrote"
        ) from None
    except ValueError as error:
        raise InputError(f"{path}: no JSON ({error}); copy the checkpoint anew") from None
    if not isinstance(values, dict) or values.get("model_type") != "llama":
        got = values.get("model_type") if isinstance(values, dict) else type(values).__name__
        raise InputError(
            f"{path}: model_type is {got!r}, expected 'llama'. "
            f"Proxies can start from a LlamaForCausalLM; for others use a stand-in (proxy.base)."
        )
    for name, expected in _EXPECTED.items():
        if values.get(name, expected) != expected:
            raise InputError(f"{path}: {name} is {values[name]!r}; proxies know {expected!r} alone. Use proxy.base.")
    return values


def read_shape(folder: Path) -> Shape:
    """The shape by config.json, as transformers 4 and 5 write it. Raises InputError where proxies cannot have it."""
    values, where = read_config(folder), str(folder / CONFIG)
    rope = values.get("rope_parameters") or values.get("rope_scaling") or {}
    try:
        return Shape(
            layers=values["num_hidden_layers"],
            width=values["hidden_size"],
            feed_forward=values["intermediate_size"],
            heads=values["num_attention_heads"],
            vocabulary=values["vocab_size"],
            key_value_heads=values.get("num_key_value_heads") or 0,
            head_width=values.get("head_dim") or values["hidden_size"] // values["num_attention_heads"],
            tied=values.get("tie_word_embeddings", False),
            embedding_factor=1.0,
            norm_eps=values.get("rms_norm_eps", 1e-6),
            rope_base=float(rope.get("rope_theta", values.get("rope_theta", BASE))),
            rope_scaling=Scaling.read(rope, where),
        )
    except KeyError as error:
        raise InputError(f"{where}: no {error}; expected the config of a LlamaForCausalLM") from None


def weight_files(folder: Path) -> tuple[Path, ...]:
    """The files that hold the weights, by name. Raises InputError where there are none, or pickled ones alone."""
    if (folder / WEIGHTS).is_file():
        return (folder / WEIGHTS,)
    if (folder / INDEX).is_file():
        names = sorted(set(json.loads((folder / INDEX).read_text(encoding="utf-8"))["weight_map"].values()))
        if missing := [name for name in names if not (folder / name).is_file()]:
            raise InputError(f"{folder}: {INDEX} names {', '.join(missing)}, which are not there; fetch them")
        return tuple(folder / name for name in names)
    pickled = sorted(path.name for path in (*folder.glob("*.bin"), *folder.glob("*.pt"), *folder.glob("*.pth")))
    if pickled:
        raise InputError(
            f"{folder}: weights are in {pickled[0]}, which only unpickling can read, and that may run code. "
            f"Convert it where you trust it: AutoModelForCausalLM.from_pretrained({str(folder)!r})"
            f".save_pretrained({str(folder) + '-safe'!r})"
        )
    raise InputError(f"{folder}: no {WEIGHTS} and no {INDEX}; expected the weights beside config.json")


def tensor_names(shape: Shape) -> Iterator[tuple[str, tuple[str, ...], bool]]:
    """Of each parameter of ours in the order of the row: its name, those of Llama's in it, and whether transposed."""
    yield "embedding", ("model.embed_tokens.weight",), False
    if not shape.tied:
        yield "head", ("lm_head.weight",), False
    layers = [(layer, f"model.layers.{layer}") for layer in range(shape.layers)]
    for layer, at in layers:
        attention, inner = f"{at}.self_attn", f"{at}.mlp"
        yield f"{layer}.attention_in", tuple(f"{attention}.{n}_proj.weight" for n in "qkv"), True
        yield f"{layer}.attention_out", (f"{attention}.o_proj.weight",), True
        yield f"{layer}.feed_forward_in", (f"{inner}.gate_proj.weight", f"{inner}.up_proj.weight"), True
        yield f"{layer}.feed_forward_out", (f"{inner}.down_proj.weight",), True
    for layer, at in layers:
        yield f"{layer}.attention_gain", (f"{at}.input_layernorm.weight",), False
        yield f"{layer}.feed_forward_gain", (f"{at}.post_attention_layernorm.weight",), False
    yield "final_gain", ("model.norm.weight",), False


def make_config(shape: Shape, *, length: int, end_of_text: int) -> dict[str, Any]:
    """config.json for weights by `llama_weights.to_llama`, as transformers 4 and 5 read it. `length` is what they saw."""
    scaling: Mapping[str, Any] | None = shape.rope_scaling.as_config() if shape.rope_scaling else None
    if shape.rope_scaling:
        length = max(length, round(shape.rope_scaling.factor * shape.rope_scaling.original_length))
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "torch_dtype": "float32",
        "num_hidden_layers": shape.layers,
        "hidden_size": shape.width,
        "intermediate_size": shape.feed_forward,
        "num_attention_heads": shape.heads,
        "num_key_value_heads": shape.key_value_heads,
        "head_dim": shape.head_width,
        "vocab_size": shape.vocabulary,
        "tie_word_embeddings": shape.tied and shape.embedding_factor == 1,
        "rms_norm_eps": shape.norm_eps,
        "rope_theta": shape.rope_base,
        "rope_scaling": scaling,
        "max_position_embeddings": length,
        "hidden_act": "silu",
        "attention_bias": False,
        "mlp_bias": False,
        # Every text that a proxy sees starts from the token that ends texts.
        "bos_token_id": end_of_text,
        "eos_token_id": end_of_text,
    }
