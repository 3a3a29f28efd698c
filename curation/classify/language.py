"""The language of a text, by py3langid's naive Bayes model over byte n-grams, which its wheel carries.

Source: py3langid 0.4.0, langid.py, LanguageIdentifier with norm_probs. Ours reads the same model and differs in
arithmetic alone: sums run in one order in float64, where the library multiplies float32 matrices, whose last bits
depend on the number of threads and the CPU.
"""

from __future__ import annotations

import functools
import math
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from midmix.curation.clean import text_buffers
from midmix.jit import njit
from midmix.tables import TEXT

MAX_CHARS = 1000
# The model's code for text in no language.
NO_LANGUAGE = "zxx"


@dataclass(frozen=True)
class LanguageModel:
    """An automaton over bytes whose states may emit a feature, and a weight per feature and class.

    moves: uint32 [rows x 256]; rows: int64 [states], where a state's moves start; emitted: int32 [states], a feature or
    -1; weights: float32 [features, classes], logarithms; prior: float64 [classes]; same: int64 [classes], the first
    class with the same code; codes: the code of each class.
    """

    moves: npt.NDArray[np.uint32]
    rows: npt.NDArray[np.int64]
    emitted: npt.NDArray[np.int32]
    weights: npt.NDArray[np.float32]
    prior: npt.NDArray[np.float64]
    same: npt.NDArray[np.int64]
    codes: Sequence[str]


@functools.cache
def load_language_model() -> LanguageModel:
    """The model, read once per process (half a second)."""
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    library = LanguageIdentifier.from_model_file(MODEL_FILE)
    codes = library.nb_classes
    return LanguageModel(
        moves=np.array(library.tk_nextmove, np.uint32),
        rows=np.array(library.tk_row, np.int64) << 8,
        emitted=np.array(library.tk_output, np.int32),
        weights=library.nb_ptc.astype(np.float32),
        prior=library.nb_pc.astype(np.float64),
        same=np.array([codes.index(code) for code in codes], np.int64),
        codes=codes,
    )


def identify_languages(texts: pa.LargeStringArray, min_confidence: float) -> tuple[pa.StringArray, pa.FloatArray]:
    """Language and its probability for each of n texts, judged by their first 1000 characters.

    The language is NULL below the confidence and for text in no language; both are NULL where the model knows no
    feature of the text.
    """
    model = load_language_model()
    offsets, data = text_buffers(_prepare(texts))
    best, confidence = _classify(
        offsets, data, model.moves, model.rows, model.emitted, model.weights, model.prior, model.same
    )
    sure = (confidence >= min_confidence) & (best != model.codes.index(NO_LANGUAGE))
    languages = pa.array([model.codes[i] for i in best.tolist()], pa.string())
    return (
        pc.if_else(pa.array(sure), languages, pa.scalar(None, pa.string())),
        pa.array(confidence.astype(np.float32), mask=confidence == 0),
    )


def _prepare(texts: pa.LargeStringArray) -> pa.LargeStringArray:
    starts = pc.utf8_slice_codeunits(texts, 0, MAX_CHARS).to_pylist()
    lowered = (text.lower() if text.isupper() else text for text in starts)
    return pa.array([unicodedata.normalize("NFC", text) for text in lowered], TEXT)


@njit
def _classify(offsets, data, moves, rows, emitted, weights, prior, same):  # type: ignore[no-untyped-def]
    """Per text: the most probable class and its probability; 0 where no feature was emitted."""
    num_texts, num_classes = len(offsets) - 1, len(prior)
    best = np.zeros(num_texts, np.int64)
    confidence = np.zeros(num_texts, np.float64)
    counts = np.zeros(len(weights), np.int64)
    seen = np.empty(len(weights), np.int64)
    for text in range(num_texts):
        num_seen = 0
        state = np.int64(0)
        for at in range(offsets[text], offsets[text + 1]):
            state = np.int64(moves[rows[state] + data[at]])
            feature = emitted[state]
            if feature >= 0:
                if counts[feature] == 0:
                    seen[num_seen] = feature
                    num_seen += 1
                counts[feature] += 1
        if num_seen == 0:
            continue
        scores = prior.copy()
        for number in range(num_seen):
            feature = seen[number]
            weight = math.log1p(float(counts[feature]))
            counts[feature] = 0
            for index in range(num_classes):
                scores[index] += weight * weights[feature, index]
        # The root of the length keeps probabilities comparable between short and long texts.
        scores *= 1.0 / math.sqrt(offsets[text + 1] - offsets[text])
        probabilities = np.zeros(num_classes)
        highest = scores.max()
        for index in range(num_classes):
            probabilities[same[index]] += math.exp(scores[index] - highest)
        best[text] = probabilities.argmax()
        confidence[text] = probabilities[best[text]] / probabilities.sum()
    return best, confidence
