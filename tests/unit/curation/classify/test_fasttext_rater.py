"""Raters: what they read, that they learn, and that the same sample gives the same bytes whatever lies in memory."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from midmix.curation.classify import fasttext_rater
from midmix.curation.classify.fasttext_rater import (
    RaterSettings,
    best_class,
    choose_words,
    class_probability,
    normalize,
    train_rater,
)
from midmix.curation.classify.sample import Sample
from midmix.errors import InputError, StepError
from midmix.tables import TEXT

ANIMALS, TOOLS = "cat dog horse mouse bird fish".split(), "saw axe hammer drill file plane".split()


def make_sample(count: int = 120) -> Sample:
    random = np.random.default_rng(7)
    texts, classes = [], []
    for number in range(count):
        words = ANIMALS if number % 2 else TOOLS
        texts.append(" ".join([*random.choice(words, 9), f"unique{number}", "\n__label__tools </s> and"]))
        classes.append("animals" if number % 2 else "tools")
    hashes = [hashlib.blake2b(text.encode(), digest_size=16).digest() for text in texts]
    return Sample(texts, classes, hashes, 0)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("rater") / "model.bin"
    quality, record = train_rater(make_sample(), RaterSettings(), path)
    assert quality == 1.0
    counts = record["documents"], record["heldout_documents"]
    assert sum(counts[0].values()) + sum(counts[1].values()) == 120 and sum(counts[1].values()) >= 5
    # Words of one document alone are not learnt; "label", "<s>" and "and" stand in all.
    assert record["words"] == len(ANIMALS) + len(TOOLS) + 3
    return path


def test_normalize() -> None:
    assert normalize("  The\u3000CAT\n\tsat\x00Down ", 100) == "the cat sat down"
    assert normalize("abcdef", 3) == "abc"
    assert normalize("x __LABEL__y </S> z", 100) == "x labely <s> z"
    assert normalize(" \n", 10) == ""


def test_words_are_chosen_by_count_then_spelling() -> None:
    assert choose_words(["b a c", "a b", "", "z z z"], 2, 10) == ["z", "a", "b"]
    assert choose_words(["b a c", "a b", "z z z"], 2, 2) == ["z", "a"]


def test_classes_and_probabilities(model: Path) -> None:
    texts = pa.array(["a cat and a dog", "hammer, saw axe drill", "", "\n "], TEXT)
    classes, confidence = best_class(model, texts, 2000)
    assert classes == ["animals", "tools", None, None]
    assert (confidence[:2] > 0.9).all() and (confidence[:2] <= 1).all() and np.isnan(confidence[2:]).all()
    chance = class_probability(model, texts, "tools", 2000)
    np.testing.assert_allclose(chance[:2], [1 - confidence[0], confidence[1]], atol=1e-4)
    assert np.isnan(chance[2:]).all()


def test_batches_and_company_change_nothing(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    texts = pa.array(make_sample(50).texts, TEXT)
    whole = best_class(model, texts, 2000)
    monkeypatch.setattr(fasttext_rater, "BATCH", 7)
    pieces = best_class(model, texts.slice(3), 2000)
    assert pieces[0] == whole[0][3:]
    np.testing.assert_array_equal(pieces[1], whole[1][3:])


@pytest.mark.parametrize("garbage", ["", "170", "85"])
def test_the_same_sample_gives_the_same_bytes(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, garbage: str
) -> None:
    if garbage:
        monkeypatch.setenv("MALLOC_PERTURB_", garbage)
    train_rater(make_sample(), RaterSettings(), tmp_path / "again.bin")
    assert (tmp_path / "again.bin").read_bytes() == model.read_bytes()


def test_another_seed_gives_another_model(model: Path, tmp_path: Path) -> None:
    train_rater(make_sample(), RaterSettings(seed=2), tmp_path / "other.bin")
    assert (tmp_path / "other.bin").read_bytes() != model.read_bytes()


def test_training_leaves_no_file_behind_and_prints_nothing(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    train_rater(make_sample(), RaterSettings(), tmp_path / "model.bin")
    best_class(tmp_path / "model.bin", pa.array(["cat"], TEXT), 10)
    assert [path.name for path in tmp_path.iterdir()] == ["model.bin"]
    assert capfd.readouterr() == ("", "")


def test_a_sample_without_frequent_words_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no word occurs 500 times"):
        train_rater(make_sample(), RaterSettings(min_count=500), tmp_path / "model.bin")


def test_a_failed_training_names_its_cause(tmp_path: Path) -> None:
    with pytest.raises(StepError, match="fastText ended with code"):
        train_rater(make_sample(), RaterSettings(learning_rate=1e30), tmp_path / "model.bin")
