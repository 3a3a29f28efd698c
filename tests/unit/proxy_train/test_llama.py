"""Checkpoints that transformers makes and reads, against our model on the same ids."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import LlamaConfig, LlamaForCausalLM

from midmix.errors import InputError
from midmix.proxy_train.llama import make_config, read_shape, weight_files
from midmix.proxy_train.llama_weights import read_row, to_llama
from midmix.proxy_train.model import Models
from midmix.proxy_train.rope_scaling import Scaling
from midmix.proxy_train.shape import Shape

LLAMA3 = {
    "rope_type": "llama3", "rope_theta": 50_000.0, "factor": 4.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
    "original_max_position_embeddings": 16,
}  # fmt: skip
VARIANTS: dict[str, dict[str, Any]] = {
    "tied": {"tie_word_embeddings": True},
    "untied": {"tie_word_embeddings": False},
    "grouped": {"num_key_value_heads": 2},
    "one key-value head and wide heads": {"num_key_value_heads": 1, "head_dim": 12},
    "linear": {"rope_parameters": {"rope_type": "linear", "factor": 3.0, "rope_theta": 10_000.0}},
    "llama3": {"rope_parameters": LLAMA3, "num_key_value_heads": 2, "tie_word_embeddings": True},
    "eps": {"rms_norm_eps": 1e-2},
}


def make_folder(folder: Path, **values: Any) -> LlamaForCausalLM:
    """A tiny checkpoint with gains that are not all one."""
    sizes = {
        "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 48, "vocab_size": 61,
        "max_position_embeddings": 128, "initializer_range": 0.2,
    }  # fmt: skip
    torch.manual_seed(0)
    model = LlamaForCausalLM(LlamaConfig(**sizes | values)).eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "norm" in name:
                parameter += 0.3 * torch.randn_like(parameter)
    model.save_pretrained(folder)
    return model


def our_logits(shape: Shape, row: torch.Tensor, ids: torch.Tensor) -> torch.Tensor:
    """Logits [B, T, V] of one model on ids [B, T]."""
    models = Models(shape, row[None].clone())
    hidden = models.hidden(ids[None])
    return (hidden @ models.head_MVD.transpose(1, 2)).detach().view(*ids.shape, -1)


def their_logits(model: LlamaForCausalLM, ids: torch.Tensor) -> torch.Tensor:
    with torch.no_grad():
        return model(ids).logits


IDS = torch.randint(61, (3, 40), generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("values", VARIANTS.values(), ids=VARIANTS)
def test_a_checkpoint_has_the_same_logits_and_goes_back_to_the_same_tensors(
    values: Mapping[str, Any], tmp_path: Path
) -> None:
    model = make_folder(tmp_path, **values)
    shape = read_shape(tmp_path)
    row = read_row(weight_files(tmp_path), shape)
    theirs = their_logits(model, IDS)
    assert theirs.abs().max() > 0.5
    assert (our_logits(shape, row, IDS) - theirs).abs().max() < 1e-5
    stored, ours = load_file(tmp_path / "model.safetensors"), to_llama(row, shape)
    assert stored.keys() == ours.keys()
    assert all(torch.equal(stored[name], ours[name]) for name in stored)


@pytest.mark.parametrize(
    "shape",
    [
        Shape(layers=2, width=32, feed_forward=48, heads=4, vocabulary=61),
        Shape(layers=1, width=24, feed_forward=40, heads=2, vocabulary=61, key_value_heads=1, head_width=16),
        Shape(2, 32, 48, 4, 61, tied=False, embedding_factor=1.0, rope_scaling=Scaling("llama3", 4.0, 1.0, 4.0, 16)),
        Shape(2, 32, 48, 4, 61, rope_base=5e5, rope_scaling=Scaling("linear", 2.0)),
    ],
    ids=["ours", "grouped", "llama3", "linear"],
)
def test_our_models_go_to_transformers_and_come_back(shape: Shape, tmp_path: Path) -> None:
    row = 0.2 * torch.randn(shape.num_parameters, generator=torch.Generator().manual_seed(2))
    config = make_config(shape, length=64, end_of_text=7)
    (tmp_path / "config.json").write_text(json.dumps(config))
    save_file(to_llama(row, shape), tmp_path / "model.safetensors", {"format": "pt"})
    model = LlamaForCausalLM.from_pretrained(tmp_path).eval()
    assert model.dtype == torch.float32 and model.config.eos_token_id == 7
    ours = our_logits(shape, row, IDS)
    assert ours.abs().max() > 0.5
    assert (ours - their_logits(model, IDS)).abs().max() < 1e-5
    back = read_shape(tmp_path)
    again = our_logits(back, read_row(weight_files(tmp_path), back), IDS)
    assert (ours - again).abs().max() < 1e-5


def test_configs_of_transformers_4_read_as_those_of_5(tmp_path: Path) -> None:
    make_folder(tmp_path, rope_parameters=LLAMA3)
    path = tmp_path / "config.json"
    values = json.loads(path.read_text())
    shape = read_shape(tmp_path)
    assert shape.rope_base == 50_000.0 and shape.rope_scaling == Scaling("llama3", 4.0, 1.0, 4.0, 16)
    rope = values.pop("rope_parameters")
    del values["head_dim"]
    path.write_text(json.dumps(values | {"rope_theta": rope.pop("rope_theta"), "rope_scaling": rope}))
    assert read_shape(tmp_path) == shape
    path.write_text(json.dumps(values))
    assert read_shape(tmp_path).rope_scaling is None


def test_shards_of_a_large_checkpoint_are_read_together(tmp_path: Path) -> None:
    model = make_folder(tmp_path / "one")
    model.save_pretrained(tmp_path / "many", max_shard_size="20KB")
    files = weight_files(tmp_path / "many")
    assert len(files) > 2
    shape = read_shape(tmp_path / "one")
    assert torch.equal(read_row(files, shape), read_row(weight_files(tmp_path / "one"), shape))
    files[1].unlink()
    with pytest.raises(InputError, match=rf"names {files[1].name}, which are not there"):
        weight_files(tmp_path / "many")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model_type": "gemma"}, "model_type is 'gemma', expected 'llama'"),
        ({"attention_bias": True}, "attention_bias is True"),
        ({"hidden_act": "gelu"}, "hidden_act is 'gelu'"),
        ({"rope_parameters": {"rope_type": "yarn", "factor": 4.0}}, "rope type 'yarn'; expected default, linear or llama3"),
        ({"rope_parameters": {"rope_type": "llama3", "factor": 4.0}}, "lacks low_freq_factor"),
    ],
)  # fmt: skip
def test_what_proxies_cannot_be_is_refused(change: Mapping[str, Any], message: str, tmp_path: Path) -> None:
    make_folder(tmp_path)
    path = tmp_path / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(InputError, match=message):
        read_shape(tmp_path)


def test_missing_pickled_and_foreign_weights_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no file .*config\.json"):
        read_shape(tmp_path)
    make_folder(tmp_path)
    shape, file = read_shape(tmp_path), tmp_path / "model.safetensors"
    tensors = load_file(file)
    save_file(tensors | {"model.layers.0.self_attn.q_proj.bias": torch.zeros(32)}, file)
    with pytest.raises(InputError, match=r"q_proj\.bias that LlamaForCausalLM does not have"):
        read_row([file], shape)
    save_file({name: t for name, t in tensors.items() if name != "model.norm.weight"}, file)
    with pytest.raises(InputError, match=r"no tensor model\.norm\.weight"):
        read_row([file], shape)
    save_file(tensors | {"model.norm.weight": torch.zeros(31)}, file)
    with pytest.raises(InputError, match=r"final_gain of \[31\], but config.json says \[32\]"):
        read_row([file], shape)
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(InputError, match="cannot be read"):
        read_row([file], shape)
    file.unlink()
    with pytest.raises(InputError, match=r"no model\.safetensors"):
        weight_files(tmp_path)
    (tmp_path / "pytorch_model.bin").touch()
    with pytest.raises(InputError, match=r"pytorch_model\.bin, which only unpickling can read.*save_pretrained"):
        weight_files(tmp_path)
