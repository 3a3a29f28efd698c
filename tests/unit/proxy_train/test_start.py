"""Runs that start from checkpoints: which are refused, what is recorded, and a stand-in base made once."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from tokenizers import Tokenizer
from transformers import LlamaConfig, LlamaForCausalLM

import midmix
from midmix.config import Config
from midmix.disk import sha256_of
from midmix.errors import ConfigError, InputError, StepError
from midmix.flow import FLOW
from midmix.proxy_train.export import export_proxy
from midmix.proxy_train.start import checkpoint_settings, schedule_settings
from midmix.runner import run_steps
from midmix.table_files import publish_unit, read_table
from midmix.table_manifest import load_manifest
from midmix.tables import DESIGNS, LOSSES, PROXIES, STEPS

MakeRun = Callable[[str], Path]
MakeConfig = Callable[..., Config]
NUM_IDS = 257
SIZES = ("layers", "width", "heads")  # what a checkpoint gives


def _llama(folder: Path, vocabulary: int = NUM_IDS) -> Path:
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 4, "num_key_value_heads": 2}
    LlamaForCausalLM(LlamaConfig(**sizes, intermediate_size=24, vocab_size=vocabulary)).save_pretrained(folder)
    return folder


def _train(folder: Path, config: Config) -> list[dict[str, Any]]:
    run_steps(config, folder, [step for step in FLOW if step.name == "train"], workers=1, quiet=True)
    return read_table(folder, PROXIES).to_pylist()


def test_a_vocabulary_that_is_not_the_runs_is_refused(tmp_path: Path, tokenizer_folder: Path) -> None:
    ours = tokenizer_folder / "tokenizer.json"
    for vocabulary in (NUM_IDS, 384):  # padded to a multiple of 128
        found = checkpoint_settings(_llama(tmp_path / f"v{vocabulary}", vocabulary), ours, NUM_IDS)
        assert found["shape"]["vocabulary"] == vocabulary and found["start"]["moments"] == "zero"
    for vocabulary in (256, 385):
        with pytest.raises(InputError, match=rf"vocabulary of {vocabulary}, .* 257 ids.*tokenize again"):
            checkpoint_settings(_llama(tmp_path / f"v{vocabulary}", vocabulary), ours, NUM_IDS)


def test_a_tokenizer_that_is_not_the_runs_is_refused_by_content_not_by_layout(
    tmp_path: Path, tokenizer_folder: Path
) -> None:
    ours, folder = tokenizer_folder / "tokenizer.json", _llama(tmp_path / "llama", 512)
    values = json.loads(ours.read_text())
    (folder / "tokenizer.json").write_text(json.dumps(values | {"truncation": None}, indent=3))
    assert checkpoint_settings(folder, ours, NUM_IDS)["shape"]["vocabulary"] == 512
    other = Tokenizer.from_file(str(ours))
    other.add_tokens(["another"])
    other.save(str(folder / "tokenizer.json"))
    with pytest.raises(InputError) as caught:
        checkpoint_settings(folder, ours, NUM_IDS)
    assert str(folder / "tokenizer.json") in str(caught.value) and str(ours) in str(caught.value)
    with pytest.raises(InputError, match=r"nothing at .*gone"):
        checkpoint_settings(tmp_path / "gone", ours, NUM_IDS)


def test_an_anneal_warms_up_only_without_moments(make_config: MakeConfig) -> None:
    def fractions(config: Config, **start: str) -> tuple[float, float]:
        assert config.proxy is not None
        settings = schedule_settings(config.proxy, start)
        return settings["warmup_fraction"], settings["decay_fraction"]

    config = make_config()
    assert fractions(config, kind="seed", moments="zero") == (0.05, 0.5)
    assert fractions(config, kind="checkpoint", moments="zero") == (0.05, 1.0)
    assert fractions(config, kind="stand-in base", moments="carried") == (0.0, 1.0)
    given = make_config(warmup_fraction=0.2, decay_fraction=0.3)
    assert fractions(given, kind="checkpoint", moments="carried") == (0.2, 0.3)


def test_runs_from_a_hugging_face_folder_have_its_shape(
    make_run: MakeRun, make_config: MakeConfig, tmp_path: Path
) -> None:
    folder = make_run("run")
    config = make_config(
        SIZES, checkpoint=str(_llama(tmp_path / "llama")), learning_rate=1e-3, decay="cosine", end_fraction=0.1
    )
    rows = _train(folder, config)
    assert {(r["start"], r["moments"], r["start_tokens"], r["tokens"]) for r in rows} == {
        ("checkpoint", "zero", None, 1280)
    }
    assert (
        {r["shape"] for r in rows}
        == {"L1-d16-ff24-v257-kv2-untied"}
        == set(read_table(folder, LOSSES)["shape"].to_pylist())
    )
    made = export_proxy(midmix.open(folder), 2, tmp_path / "exported")
    assert made.difference < 1e-5
    assert LlamaForCausalLM.from_pretrained(made.folder).config.num_key_value_heads == 2


def test_a_base_is_made_once_and_all_runs_branch_from_it(
    make_run: MakeRun, make_config: MakeConfig, tmp_path: Path
) -> None:
    folder = make_run("run")
    rows = _train(folder, make_config(base={"tokens": 640}))
    assert sorted(r["run"] for r in rows) == [-1, 0, 1, 2]
    manifest = load_manifest(folder, PROXIES.name)
    base = folder / manifest.attachments["base-L1-d16-ff48-v257.safetensors"]
    starts = {r["run"]: (r["start"], r["start_sha256"], r["moments"], r["start_tokens"], r["tokens"]) for r in rows}
    assert starts.pop(-1) == ("seed", None, "zero", 0, 640)
    assert set(starts.values()) == {("stand-in base", sha256_of(base), "carried", 640, 1280)}
    _train(folder, make_config(base={"tokens": 640}, tokens=960, decay="cosine"))
    steps = read_table(folder, STEPS).to_pylist()
    actions = {r["item"]: r["action"] for r in steps if r["step"] == "train"}
    assert actions == {"base-L1-d16-ff48-v257": "reused", "batch-000": "done", "batch-001": "done"}
    # the same from its file, as another run would name it
    other = make_run("other")
    again = _train(other, make_config(SIZES, checkpoint=str(base), learning_rate=8e-3, tokens=960, decay="cosine"))
    assert {(r["start"], r["moments"], r["start_tokens"]) for r in again} == {("checkpoint", "carried", 640)}
    assert read_table(other, LOSSES).equals(read_table(folder, LOSSES))


def test_a_base_without_a_replay_mixture_is_refused(make_run: MakeRun, make_config: MakeConfig) -> None:
    folder = make_run("run")
    rows = read_table(folder, DESIGNS).to_pylist()
    others = [row for row in rows if row["role"] != "control"]
    publish_unit(folder, DESIGNS, "", pa.Table.from_pylist(others, DESIGNS.schema()))
    with pytest.raises(InputError, match=r"proxy\.base: no run on replay alone"):
        _train(folder, make_config(base={"tokens": 640}))


def test_a_proxy_is_exported_with_its_tokenizer_or_refused(
    make_run: MakeRun, make_config: MakeConfig, tmp_path: Path, tokenizer_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = make_run("run")
    _train(folder, make_config())
    run = midmix.open(folder)
    made = export_proxy(run, 1, tmp_path / "one")
    assert made.difference < 1e-5 < made.largest
    model = LlamaForCausalLM.from_pretrained(tmp_path / "one")
    assert not model.config.tie_word_embeddings and model.config.eos_token_id == 256
    assert (tmp_path / "one" / "tokenizer.json").read_bytes() == (tokenizer_folder / "tokenizer.json").read_bytes()
    with pytest.raises(ConfigError, match="is there already"):
        export_proxy(run, 1, tmp_path / "one")
    with pytest.raises(ConfigError, match=r"--run 9: no such proxy; trained are \[0, 1, 2\]"):
        export_proxy(run, 9, tmp_path / "nine")
    monkeypatch.setattr("midmix.proxy_train.export.MOST_DIFFERENCE", -1.0)
    with pytest.raises(StepError, match="computes logits that differ"):
        export_proxy(run, 2, tmp_path / "two")
    assert not (tmp_path / "two").exists()
    monkeypatch.undo()
    shutil.copyfile(_other_tokenizer(tokenizer_folder), tokenizer_folder / "tokenizer.json")
    with pytest.raises(InputError, match="not the tokenizer that the proxy was trained with"):
        export_proxy(run, 2, tmp_path / "two")


def _other_tokenizer(folder: Path) -> Path:
    other = Tokenizer.from_file(str(folder / "tokenizer.json"))
    other.add_tokens(["another"])
    other.save(str(folder / "other.json"))
    return folder / "other.json"


def test_weights_that_were_not_kept_cannot_be_exported(
    make_run: MakeRun, make_config: MakeConfig, tmp_path: Path
) -> None:
    folder = make_run("run")
    rows = _train(folder, make_config(keep_weights=False))
    assert {r["weights"] for r in rows} == {None} and not load_manifest(folder, PROXIES.name).attached
    with pytest.raises(ConfigError, match="its weights were not kept"):
        export_proxy(midmix.open(folder), 0, tmp_path / "none")


def test_a_checkpoint_gives_the_sizes_and_asks_for_a_learning_rate(make_config: MakeConfig) -> None:
    with pytest.raises(ConfigError, match="checkpoint and no learning_rate"):
        make_config(SIZES, checkpoint="x")
    with pytest.raises(ConfigError, match="checkpoint and heads, layers, width"):
        make_config(checkpoint="x", learning_rate=1e-3)
    with pytest.raises(ConfigError, match="checkpoint and base"):
        make_config(SIZES, checkpoint="x", learning_rate=1e-3, base={"tokens": 5})
