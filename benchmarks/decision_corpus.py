"""The run folder that the decision benchmark trains from: the demo corpus, curated and tokenized in two vocabularies."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from decision_setting import HALF, MAIN, Setting

from midmix.config import load_config
from midmix.demo.job import write_corpus
from midmix.demo.tokenizer import VOCABULARY
from midmix.flow import steps_between
from midmix.runner import run_steps


def make_run(out: Path, megabytes: float, setting: Setting) -> Path:
    """The run folder, its steps done until tokenize; what is done already is not done again."""
    folder = out / "run"
    corpus = write_corpus(folder, megabytes)
    cut_tokenizer(corpus / "tokenizer", corpus / "tokenizer-half", VOCABULARY // 2)
    assignments = (
        f"tokenizers.{MAIN}=tokenizer",
        f"tokenizers.{HALF}=tokenizer-half",
        f"mixture.tokens={setting.target_tokens}",
    )
    run_steps(load_config(corpus / "config.yaml", assignments), folder, steps_between("ingest", "tokenize"))
    return folder


def cut_tokenizer(source: Path, target: Path, num_ids: int) -> None:
    """A byte-pair tokenizer of fewer ids: its first ones and the merges that make them.

    Merges are learnt greedily one after the other, so training for that many ids on the same text would give the same.
    """
    tokenizer = json.loads((source / "tokenizer.json").read_text(encoding="utf-8"))
    model = tokenizer["model"]
    kept = {token: number for token, number in model["vocab"].items() if number < num_ids}
    tokenizer["model"] = {**model, "vocab": kept, "merges": [m for m in model["merges"] if "".join(m) in kept]}
    target.mkdir(exist_ok=True)
    text = json.dumps(tokenizer, ensure_ascii=False)
    (target / "tokenizer.json").write_text(text, encoding="utf-8")
    shutil.copy(source / "tokenizer_config.json", target)
