"""fastText models that rate documents: trained once, reproducibly, then frozen and applied batch by batch.

fastText's own start would make the model depend on what lay in memory before: with one thread it leaves nine tenths
of the input matrix unset. So every word gets a seeded vector, there are no n-gram buckets, the lines are shuffled by
content hash, and training runs with one thread in a process of its own.
"""

from __future__ import annotations

import functools
import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from midmix.curation.classify.sample import Sample
from midmix.errors import InputError, StepError

LABEL = "__label__"
END_OF_LINE = "</s>"
BATCH = 2048
HELDOUT_TENTH = 10


@dataclass(frozen=True)
class RaterSettings:
    """How a rater sees text and learns; all of it is part of the model's identity."""

    max_chars: int = 2000
    dimension: int = 16
    epochs: int = 5
    learning_rate: float = 0.5
    min_count: int = 2
    max_words: int = 100_000
    seed: int = 1


def normalize(text: str, max_chars: int) -> str:
    """The first characters in lower case, words apart by one space, without what fastText reads as a command."""
    start = text[:max_chars].lower().replace("\0", " ").replace(LABEL, "label").replace(END_OF_LINE, "<s>")
    return " ".join(start.split())


def train_rater(sample: Sample, settings: RaterSettings, path: Path) -> tuple[float | None, dict[str, Any]]:
    """Train on nine tenths of the sample and write the model; (accuracy on the tenth held out, counts).

    A document is held out by its content hash. Raises InputError when no word is frequent enough, StepError when
    fastText fails.
    """
    lines = [normalize(text, settings.max_chars) for text in sample.texts]
    held = [int.from_bytes(content_hash[8:]) % HELDOUT_TENTH == 0 for content_hash in sample.hashes]
    rows = list(zip(lines, sample.classes, held, strict=True))
    trained = [(line, label) for line, label, is_held in rows if not is_held]
    vocabulary = choose_words((line for line, _ in trained), settings.min_count, settings.max_words)
    if not vocabulary:
        raise InputError(
            f"no word occurs {settings.min_count} times in {len(trained)} training documents; name sources with more text"
        )
    with tempfile.TemporaryDirectory(dir=path.parent) as scratch:
        _train(Path(scratch), trained, vocabulary, settings, path)
    tested = [(line, label) for line, label, is_held in rows if is_held]
    counts = {
        "settings": asdict(settings),
        "documents": dict(sorted(Counter(label for _, label in trained).items())),
        "heldout_documents": dict(sorted(Counter(label for _, label in tested).items())),
        "words": len(vocabulary),
    }
    return _accuracy(path, tested), counts


def choose_words(lines: Iterable[str], min_count: int, max_words: int) -> list[str]:
    """Words of at least `min_count` occurrences, the most frequent first, ties in the order of code points."""
    counts = Counter(word for line in lines for word in line.split(" ") if word)
    frequent = sorted((-count, word) for word, count in counts.items() if count >= min_count)
    return [word for _, word in frequent[:max_words]]


def _train(
    scratch: Path, lines: Sequence[tuple[str, str]], vocabulary: Sequence[str], settings: RaterSettings, path: Path
) -> None:
    known = frozenset(vocabulary)
    with (scratch / "lines.txt").open("w", encoding="utf-8", newline="\n") as stream:
        for line, label in lines:
            stream.write(" ".join([LABEL + label, *(word for word in line.split(" ") if word in known)]) + "\n")
    _write_vectors(scratch / "words.vec", [END_OF_LINE, *vocabulary], settings)
    arguments = {
        "input": str(scratch / "lines.txt"), "pretrainedVectors": str(scratch / "words.vec"), "thread": 1, "verbose": 0,
        "dim": settings.dimension, "epoch": settings.epochs, "lr": settings.learning_rate, "seed": settings.seed,
        "wordNgrams": 1, "bucket": 0, "minn": 0, "maxn": 0, "minCount": 1, "loss": "softmax",
    }  # fmt: skip
    (scratch / "arguments.json").write_text(json.dumps(arguments), encoding="utf-8")
    child = [sys.executable, "-P", str(Path(__file__).with_name("train_child.py"))]
    # Large blocks come from the system as zeros, whatever the process held before.
    environment = os.environ | {"MALLOC_MMAP_THRESHOLD_": "65536"}
    done = subprocess.run(
        [*child, str(scratch / "arguments.json"), str(path)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise StepError(
            f"fastText ended with code {done.returncode} while training on {len(lines)} documents: "
            f"{done.stderr.strip()[-500:]}. Name other sources under raters, or leave the rater out."
        )


def _write_vectors(path: Path, words: Sequence[str], settings: RaterSettings) -> None:
    """A seeded vector for every word: fastText would leave most of them unset."""
    random = np.random.default_rng(settings.seed)
    with path.open("w", encoding="utf-8", newline="\n") as stream:
        stream.write(f"{len(words)} {settings.dimension}\n")
        for word in words:
            vector = random.uniform(-1 / settings.dimension, 1 / settings.dimension, settings.dimension)
            stream.write(f"{word} {' '.join(f'{value:.6f}' for value in vector)}\n")


def _accuracy(path: Path, tested: Sequence[tuple[str, str]]) -> float | None:
    if not tested:
        return None
    labels, _ = _read_model(path).predict([line for line, _ in tested], 1)
    right = sum(bool(found[0] == LABEL + label) for found, (_, label) in zip(labels, tested, strict=True))
    return right / len(tested)


def _read_model(path: Path) -> Any:
    import fasttext

    return fasttext.load_model(str(path))


# A frozen model's file never changes, so a worker reads it once for all its parts.
_frozen_model = functools.lru_cache(maxsize=4)(_read_model)


def best_class(
    path: Path, texts: pa.LargeStringArray, max_chars: int
) -> tuple[list[str | None], npt.NDArray[np.float64]]:
    """The most probable class of each of n texts and its probability; None and NaN for texts without a word."""
    return _rate(path, texts, max_chars, None)


def class_probability(path: Path, texts: pa.LargeStringArray, label: str, max_chars: int) -> npt.NDArray[np.float64]:
    """The probability of one class for each of n texts; NaN for texts without a word."""
    return _rate(path, texts, max_chars, label)[1]


def _rate(
    path: Path, texts: pa.LargeStringArray, max_chars: int, label: str | None
) -> tuple[list[str | None], npt.NDArray[np.float64]]:
    model = _frozen_model(path)
    classes: list[str | None] = []
    probabilities: list[float] = []
    for first in range(0, len(texts), BATCH):
        starts = pc.utf8_slice_codeunits(texts.slice(first, BATCH), 0, max_chars).to_pylist()
        lines = [normalize(start, max_chars) for start in starts]
        for line, labels, chances in zip(lines, *model.predict(lines, 1 if label is None else -1), strict=True):
            place = 0 if label is None else list(labels).index(LABEL + label)
            classes.append(labels[place].removeprefix(LABEL) if line else None)
            # Rounding in fastText gives sums a little over 1.
            probabilities.append(min(float(chances[place]), 1.0) if line else np.nan)
    return classes, np.array(probabilities, np.float64)
