"""What the mixer takes from the config: epochs that earlier stages spent, and what no design can hold."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from midmix.config import Earlier, Mixture, TokenFiles
from midmix.errors import ConfigError
from midmix.mixer.design.inputs import MixtureInputs, inputs_of
from midmix.run import Run

FILES = TokenFiles(path="old/*.bin", format="megatron", dtype="uint16", tokenizer_sha256="0" * 64)


def inputs(run: Run, **changes: Any) -> MixtureInputs:
    """Of code 2M, maths 1M and web 6M tokens for a training of 4M, with another config."""
    return inputs_of(Run(run.folder, run.config.model_copy(update=changes)), "design")


def mixture(run: Run, **changes: Any) -> Mixture:
    before: Mixture = run.config.require("mixture", "design")
    return before.model_copy(update=changes)


def test_passes_of_earlier_stages_are_not_there_any_more(tokenized: Run) -> None:
    assert inputs(tokenized).max_epochs.tolist() == [4.0, 4.0, 0.6]
    earlier = (
        Earlier(name="pretrain", tokens=9_000_000, seen={"maths": 3_000_000, "old": 1}, names={"old": None}),
        Earlier(name="decay", tokens=9_000_000, seen={"maths": 500_000, "web": 6_000_000}),
    )
    found = inputs(tokenized, earlier=earlier)
    assert found.max_epochs.tolist() == [4.0, 0.5, 0.0]
    assert found.caps.tolist() == [1.0, 0.125, 0.0]


def test_earlier_stages_lower_the_limits_beside_epochs_spent_by_name(tokenized: Run) -> None:
    earlier = (Earlier(name="pretrain", tokens=9_000_000, seen={"code": 3_000_000}),)
    found = inputs(tokenized, earlier=earlier, mixture=mixture(tokenized, spent_epochs={"code": 2.0}))
    assert found.max_epochs.tolist() == [0.5, 4.0, 0.6]


def test_an_earlier_stage_of_a_blend_counts_as_well(tokenized: Run, tmp_path: Path) -> None:
    blend = tmp_path / "blend.txt"
    blend.write_text("1 /d/maths 3 /d/code")
    earlier = (Earlier(name="pretrain", tokens=4_000_000, format="megatron", file=str(blend)),)
    assert inputs(tokenized, earlier=earlier).max_epochs.tolist() == [2.5, 3.0, 0.6]


def test_unknown_domains_of_earlier_stages_are_refused_unless_they_are_token_files(tokenized: Run) -> None:
    earlier = (Earlier(name="pretrain", tokens=9, seen={"old": 9}),)
    with pytest.raises(ConfigError, match=r"earlier\.pretrain: 'old' is no domain of this run \(code, maths, web\)"):
        inputs(tokenized, earlier=earlier)
    assert inputs(tokenized, earlier=earlier, token_files={"old": FILES}).max_epochs.tolist() == [4.0, 4.0, 0.6]


@pytest.mark.parametrize(
    ("section", "value", "words"),
    [
        ("replay", {"web": 0.5, "old": 0.5}, "mixture.replay: 'old'"),
        ("minimum", {"old": 0.1}, "mixture.minimum: 'old'"),
        ("max_epochs", {"default": 4.0, "old": 1.0}, "mixture.max_epochs: 'old'"),
        ("frozen", ({"old": 0.1, "web": 1.0},), r"mixture.frozen\[0\]: 'old'"),
    ],
)
def test_token_files_are_refused_in_what_proxies_decide(tokenized: Run, section: str, value: Any, words: str) -> None:
    with pytest.raises(
        ConfigError, match=rf"{words} are token files, which no proxy is trained on.*weights of a stage"
    ):
        inputs(tokenized, token_files={"old": FILES}, mixture=mixture(tokenized, **{section: value}))
