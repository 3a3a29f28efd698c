"""What is true of a deduplicated corpus, by slow and plain Python that shares nothing with midmix.

Two documents' Jaccard is that of their sets of word 5-grams. A pair is *found* when at least one of the two was
dropped, for then no two documents that are so alike are both kept. A drop is *false* when the kept document that it is
said to repeat was dropped itself, is missing, or is less alike than the threshold.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np
import numpy.typing as npt

NGRAM = 5
THRESHOLD = 0.8
Words = Callable[[str], list[str]]


def words(text: str) -> list[str]:
    """Runs between white space of the lower-cased text: the words of midmix's default profile."""
    return text.lower().split()


@functools.cache
def _spacy() -> Words:
    from datatrove.utils.word_tokenizers import load_word_tokenizer

    return load_word_tokenizer("en").word_tokenize


def datatrove_words(text: str) -> list[str]:
    """datatrove's words: its normalisation, then spaCy's English tokens."""
    from datatrove.utils.text import simplify_text

    return _spacy()(simplify_text(text))


def shingles(text: str, split: Words = words) -> set[tuple[str, ...]]:
    """The text's word 5-grams."""
    found = split(text)
    return set(zip(*(found[i:] for i in range(NGRAM)), strict=False))


def jaccard(one: str, other: str, split: Words = words) -> float:
    """True Jaccard of the sets of word 5-grams; 0 where neither has any."""
    a, b = shingles(one, split), shingles(other, split)
    return len(a & b) / max(1, len(a | b))


def recall(
    pairs: Iterable[tuple[str, str, float]], dropped: Mapping[str, str], low: float, high: float
) -> tuple[int, int]:
    """(found, all) of the pairs with a true Jaccard of low to high; `dropped` maps a dropped id to what it repeats."""
    chosen = [(a, b) for a, b, value in pairs if low <= value <= high]
    return sum(a in dropped or b in dropped for a, b in chosen), len(chosen)


def false_drops(
    texts: Mapping[str, str], dropped: Mapping[str, str], split: Words = words
) -> list[tuple[str, str, float]]:
    """(dropped, what it repeats, true Jaccard) of every drop that was wrong."""
    cached = functools.lru_cache(256)(lambda key: shingles(texts[key], split))
    wrong = []
    for key, kept in sorted(dropped.items(), key=lambda pair: pair[1]):
        if kept in dropped or kept not in texts:
            wrong.append((key, kept, -1.0))
        elif texts[key] != texts[kept]:
            a, b = cached(key), cached(kept)
            value = len(a & b) / max(1, len(a | b))
            if value < THRESHOLD:
                wrong.append((key, kept, value))
    return wrong


def components(count: int, groups: Iterable[Sequence[npt.NDArray[np.int64]]]) -> npt.NDArray[np.int64]:
    """The least member of each one's component, int64 [count], from edges as pairs of arrays."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    edges = [np.stack(pair) for pair in groups]
    both = np.concatenate(edges, axis=1) if edges else np.zeros((2, 0), np.int64)
    graph = coo_array((np.ones(both.shape[1], np.bool_), (both[0], both[1])), shape=(count, count))
    _, labels = connected_components(graph, directed=False)
    least = np.full(count, count, np.int64)
    np.minimum.at(least, labels, np.arange(count))
    return least[labels]


def component_drops(labels: npt.NDArray[np.int64]) -> int:
    """How many documents go if one of each component stays."""
    return len(labels) - len(np.unique(labels))
