"""Checkpoints of transformers: the values of its own pipeline, whatever batch a text is in."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from midmix.curation.classify import transformers_rater
from midmix.curation.classify.transformers_rater import (
    Reading,
    batches,
    cut_at_space,
    load_checkpoint,
    logits_of,
    rate_with_transformers,
)
from midmix.errors import ConfigError, StepError
from midmix.tables import TEXT

MakeCheckpoint = Callable[..., Path]
TOPICS = ("math", "code", "story")
READING = Reading(max_tokens=64, batch_tokens=256, device="cpu")


def some_texts(count: int, most_words: int = 90) -> list[str]:
    draw = random.Random(3)
    words = "the story of a proof in code, theorem (import) return 7+5=12 night river people xylophone Ünïcode".split()
    return [" ".join(draw.choices(words, k=draw.randint(1, most_words))) for _ in range(count)]


TEXTS = some_texts(40)


def rated(folder: Path, texts: list[str], reading: Reading = READING, **more: Any) -> Any:
    options = {"label": None, "score": False} | more
    return rate_with_transformers(folder, "hash", pa.array(texts, TEXT), reading, **options)


@pytest.fixture(scope="module")
def topics(make_checkpoint: MakeCheckpoint) -> Path:
    return make_checkpoint(TOPICS)


@pytest.fixture(scope="module")
def regressor(make_checkpoint: MakeCheckpoint) -> Path:
    return make_checkpoint(("score",), problem_type="regression")


def pipeline(folder: Path) -> Any:
    import transformers

    return transformers.pipeline("text-classification", str(folder), device="cpu")


def test_classes_are_those_of_the_pipeline_on_single_documents(topics: Path) -> None:
    found, classify = rated(topics, TEXTS), pipeline(topics)
    theirs = [classify(text, truncation=True, max_length=64)[0] for text in TEXTS]
    assert found.classes == [one["label"] for one in theirs] and len(set(found.classes)) > 1
    np.testing.assert_allclose(found.values, [one["score"] for one in theirs], atol=1e-5)


def test_probability_of_one_class(topics: Path) -> None:
    classify = pipeline(topics)
    theirs = [
        {row["label"]: row["score"] for row in classify(text, truncation=True, max_length=64, top_k=None)}["code"]
        for text in TEXTS
    ]
    found = rated(topics, TEXTS, label="code")
    assert found.classes is None
    np.testing.assert_allclose(found.values, theirs, atol=1e-5)


def test_scores_of_a_regressor(regressor: Path) -> None:
    classify = pipeline(regressor)
    theirs = [classify(text, truncation=True, max_length=64)[0]["score"] for text in TEXTS]
    found = rated(regressor, TEXTS, score=True)
    np.testing.assert_allclose(found.values, theirs, atol=1e-5)
    assert np.ptp(theirs) > 0.1


def test_several_labels_at_once(make_checkpoint: MakeCheckpoint) -> None:
    folder = make_checkpoint(TOPICS, problem_type="multi_label_classification")
    classify = pipeline(folder)
    theirs = [classify(text, truncation=True, max_length=64)[0] for text in TEXTS[:8]]
    found = rated(folder, TEXTS[:8])
    assert found.classes == [one["label"] for one in theirs]
    np.testing.assert_allclose(found.values, [one["score"] for one in theirs], atol=1e-5)


@pytest.mark.parametrize("windows", ["first", "mean", "max"])
def test_company_and_batch_size_change_nothing_beyond_rounding(topics: Path, windows: Any) -> None:
    reading = replace(READING, windows=windows, max_tokens=16)
    checkpoint = load_checkpoint(topics, "hash", "cpu")
    whole = logits_of(checkpoint, pa.array(TEXTS, TEXT), reading)
    for batch_tokens in (1, 40, 100_000):
        other = logits_of(checkpoint, pa.array(TEXTS[5:30], TEXT), replace(reading, batch_tokens=batch_tokens))
        np.testing.assert_allclose(other, whole[5:30], atol=1e-4)
    again = logits_of(checkpoint, pa.array(TEXTS, TEXT), reading)
    np.testing.assert_array_equal(again, whole)


def test_threads_of_the_process_change_no_bit(topics: Path) -> None:
    import torch

    checkpoint, texts, before = load_checkpoint(topics, "hash", "cpu"), pa.array(TEXTS, TEXT), torch.get_num_threads()
    found = []
    try:
        for threads in (1, 4):
            torch.set_num_threads(threads)
            found.append(logits_of(checkpoint, texts, READING))
            assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)
    np.testing.assert_array_equal(*found)


def test_windows_cover_the_text_and_are_joined(topics: Path) -> None:
    checkpoint = load_checkpoint(topics, "hash", "cpu")
    text = " ".join(["proof night"] * 40)  # 80 tokens: windows of 14, 5 whole ones and one of 10
    pieces = [" ".join(text.split()[at : at + 14]) for at in range(0, 80, 14)]
    alone = logits_of(checkpoint, pa.array(pieces, TEXT), replace(READING, max_tokens=16))
    assert len(alone) == 6
    texts = pa.array(["river", text, "night"], TEXT)
    for windows, joined in (("first", alone[0]), ("mean", alone.mean(axis=0)), ("max", alone.max(axis=0))):
        found = logits_of(checkpoint, texts, replace(READING, max_tokens=16, windows=windows))
        np.testing.assert_allclose(found[1], joined, atol=1e-5)
        assert len(found) == 3
        single = logits_of(checkpoint, texts.slice(2), replace(READING, max_tokens=16))
        np.testing.assert_allclose(found[2:], single, atol=1e-5)


def test_a_very_long_text_is_read_in_pieces(topics: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checkpoint = load_checkpoint(topics, "hash", "cpu")
    text = " ".join(["theorem"] * 60)
    reading = replace(READING, max_tokens=16, windows="mean")
    monkeypatch.setattr(transformers_rater, "PIECE_CHARS", len("theorem ") * 20)
    pieces = logits_of(checkpoint, pa.array([" ".join(["theorem"] * 20)], TEXT), reading)
    np.testing.assert_allclose(logits_of(checkpoint, pa.array([text + " \n"], TEXT), reading), pieces, atol=1e-5)


def test_of_a_long_text_the_beginning_is_tokenised(topics: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []
    checkpoint = load_checkpoint(topics, "hash", "cpu")

    class Watching:
        def __call__(self, text: str, **options: Any) -> Any:
            seen.append(len(text))
            return checkpoint.tokenizer(text, **options)

    watched = replace(checkpoint, tokenizer=Watching())
    for text in ("proof of " * 100_000, "x" * 5000, " " * 5000 + "proof of night " * 200):
        seen.clear()
        whole = checkpoint.tokenizer(text, truncation=True, max_length=64)["input_ids"]
        windows, _ = transformers_rater.windows_of(watched.tokenizer, pa.array([text], TEXT), READING)
        assert [ids.tolist() for ids in windows] == [whole]
        assert max(seen) < 3000 or len(text) < 10_000


def test_texts_without_a_word_have_no_value(topics: Path, regressor: Path) -> None:
    found = rated(topics, ["", "a proof", " \n\u3000"])
    assert (
        found.classes is not None
        and found.classes[0] is None
        and found.classes[1] in TOPICS
        and found.classes[2] is None
    )
    assert np.isnan(found.values).tolist() == [True, False, True]
    assert np.isnan(rated(regressor, [""], score=True).values).tolist() == [True]
    assert rated(topics, []).values.shape == (0,)


def test_batches_fit_their_tokens() -> None:
    assert list(batches([3, 3, 4, 9, 20], 12)) == [slice(0, 3), slice(3, 4), slice(4, 5)]
    assert list(batches([], 12)) == []


@pytest.mark.parametrize(
    "text, most, end",
    [("ab cd", 9, 5), ("ab cd ef", 6, 5), ("ab cd ef", 5, 5), ("ab cd ef", 4, 2), ("abcdef", 4, 4), ("ab   cd", 4, 2)],
)
def test_texts_are_cut_between_words(text: str, most: int, end: int) -> None:
    assert cut_at_space(text, most) == end


def test_weights_that_are_not_there_are_an_error(topics: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    folder = Path(shutil.copytree(topics, tmp_path / "model"))
    weights = load_file(folder / "model.safetensors")
    weights.pop("classifier.weight")
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ConfigError, match=r"its weights lack classifier\.weight"):
        load_checkpoint(folder, "lacking", "cpu")
    (folder / "model.safetensors").write_bytes(b"nothing")
    with pytest.raises(ConfigError, match="transformers cannot load it"):
        load_checkpoint(folder, "broken", "cpu")


def test_an_output_that_is_no_number_is_an_error(topics: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    folder = Path(shutil.copytree(topics, tmp_path / "model"))
    weights = load_file(folder / "model.safetensors")
    weights["classifier.bias"][1] = float("nan")
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(StepError, match="the output for text 1 is no number"):
        rate_with_transformers(folder, "nan", pa.array(["", "proof"], TEXT), READING, label=None, score=False)


def test_loading_is_quiet(topics: Path, capfd: pytest.CaptureFixture[str]) -> None:
    load_checkpoint(topics, "another", "cpu")
    assert capfd.readouterr() == ("", "")
