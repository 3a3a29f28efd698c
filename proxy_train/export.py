"""A trained proxy as a Hugging Face folder that transformers loads, held against the proxy itself before it counts."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from midmix.errors import ConfigError, InputError, StepError
from midmix.proxy_train.checkpoint import read_tensors, write_safetensors
from midmix.proxy_train.llama import CONFIG, WEIGHTS, make_config
from midmix.proxy_train.shape import Shape
from midmix.proxy_train.start import FORM
from midmix.proxy_train.tokens import tokenizer_identity
from midmix.run import Run
from midmix.table_files import read_table
from midmix.table_manifest import load_manifest
from midmix.tables import PROXIES

_TOKENIZER_FILES = (
    *("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json"),
    *("vocab.json", "merges.txt", "tokenizer.model"),
)
# Both compute in fp32, in another order: 3.3e-6 at a largest logit of 8.5 on trained proxies of the demo.
MOST_DIFFERENCE = 1e-4
_CHECKED_TOKENS = 64


@dataclass(frozen=True)
class Exported:
    """A folder that was written, and how far its logits in transformers are from the proxy's."""

    folder: Path
    parameters: int
    difference: float
    largest: float


def proxies(run: Run) -> list[dict[str, Any]]:
    """Rows of PROXIES with the path and bytes of their weights, None where none were kept."""
    attached = {a.name: a for a in load_manifest(run.folder, PROXIES.name).attached}
    table = read_table(run.folder, PROXIES).sort_by([("run", "ascending"), ("shape", "ascending")])
    rows: list[dict[str, Any]] = table.to_pylist()
    for row in rows:
        found = attached.get(row["weights"] or "")
        row["path"], row["bytes"] = (run.folder / found.path, found.bytes) if found else (None, None)
    return rows


def export_proxy(run: Run, number: int, dest: Path, shape: str | None = None) -> Exported:
    """Write proxy `number` (-1: the stand-in base) as a LlamaForCausalLM in fp32 with its tokenizer.

    Raises ConfigError where there is no such proxy or `dest` is taken, InputError where its weights are gone or damaged,
    StepError where transformers computes other logits from the folder.
    """
    if dest.exists() and (not dest.is_dir() or any(dest.iterdir())):
        raise ConfigError(f"--dest: {dest} is there already; name a new folder or empty it")
    tensors, facts = read_tensors(_chosen(run, number, shape)["path"], form=FORM)
    partial = dest.with_name(dest.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    found = Shape.from_values(facts["shape"])
    _write_model(partial, tensors["weights"], found, facts)
    _copy_tokenizer(run, facts, partial)
    difference, largest = _compared(partial, tensors["weights"], found)
    if not difference <= MOST_DIFFERENCE * largest:
        raise StepError(
            f"{partial}: transformers computes logits that differ by {difference:.2g} of {largest:.2g} from the proxy's, "
            f"expected at most {MOST_DIFFERENCE:g} of the largest. This is a fault of midmix or of this transformers."
        )
    shutil.rmtree(dest, ignore_errors=True)
    partial.rename(dest)
    return Exported(dest, found.num_parameters, difference, largest)


def _chosen(run: Run, number: int, shape: str | None) -> dict[str, Any]:
    rows = proxies(run)
    mine = [row for row in rows if row["run"] == number and shape in (None, row["shape"])]
    if not mine:
        known = pa.compute.unique(pa.array([row["run"] for row in rows], pa.int32())).to_pylist()
        raise ConfigError(f"--run {number}{f' --shape {shape}' if shape else ''}: no such proxy; trained are {known}")
    if len(mine) > 1:
        raise ConfigError(
            f"--run {number}: trained at {', '.join(row['shape'] for row in mine)}; choose one by --shape"
        )
    if mine[0]["path"] is None:
        raise ConfigError(
            f"--run {number}: its weights were not kept, since it died, was stopped by halving, or proxy.keep_weights is "
            f"false; see `midmix proxies list`"
        )
    return mine[0]


def _write_model(folder: Path, row_P: Any, shape: Shape, facts: Mapping[str, Any]) -> None:
    from midmix.proxy_train.llama_weights import to_llama

    config = make_config(shape, length=facts["sequence_length"], end_of_text=facts["end_of_text"])
    (folder / CONFIG).write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
    write_safetensors(folder / WEIGHTS, to_llama(row_P, shape), {"format": "pt"})


def _copy_tokenizer(run: Run, facts: Mapping[str, Any], dest: Path) -> None:
    tokenizers = run.config.require("tokenizers", "train")
    folder = Path(run.config.resolve(tokenizers["proxy" if "proxy" in tokenizers else "main"]))
    file = folder / "tokenizer.json"
    if not file.is_file() or tokenizer_identity(file) != facts["tokenizer_identity"]:
        raise InputError(
            f"{file}: not the tokenizer that the proxy was trained with ({facts['tokenizer_identity'][:12]}); "
            f"put that back, or train again"
        )
    for name in _TOKENIZER_FILES:
        if (folder / name).is_file():
            shutil.copyfile(folder / name, dest / name)


def _compared(folder: Path, row_P: Any, shape: Shape) -> tuple[float, float]:
    """Largest difference of logits, transformers' on the folder against ours, and our largest logit."""
    import torch
    from transformers import LlamaForCausalLM
    from transformers.utils import logging as said

    from midmix.proxy_train.model import Models

    ids = torch.arange(_CHECKED_TOKENS) * 7919 % shape.vocabulary
    models = Models(shape, row_P[None].clone())
    with torch.no_grad():
        ours = models.hidden(ids.view(1, 1, -1)) @ models.head_MVD.transpose(1, 2)
        progress: Any = said
        progress.disable_progress_bar()
        model: Any = LlamaForCausalLM.from_pretrained(folder)
        progress.enable_progress_bar()
        theirs = model.float().eval()(ids[None]).logits
    return float((ours[0] - theirs[0]).abs().max()), float(ours.abs().max())
