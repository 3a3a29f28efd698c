"""The group `prose`: the values behind Gopher's quality and repetition rules.

Source: datatrove 0.10.1, GopherQualityFilter and GopherRepetitionFilter. Ours differs in two ways: words are runs
between white space instead of spaCy's tokens, and a ratio whose denominator is 0 is 0.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from midmix.curation.score.characters import ALPHA, PUNCTUATION, SPACE
from midmix.curation.score.repetition import repeated_segments, word_ngrams
from midmix.curation.score.segments import Batch, ratio
from midmix.jit import njit

STOP_WORDS = ("the", "be", "to", "of", "and", "that", "have", "with")
TOP_NGRAMS = (2, 3, 4)
REPEATED_NGRAMS = (5, 6, 7, 8, 9, 10)

HASH = ord("#")
DOT = ord(".")
DASH = ord("-")
ELLIPSIS = 0x2026
BULLET = 0x2022


def score_prose(batch: Batch) -> dict[str, npt.NDArray[np.generic]]:
    """Columns of the group `prose` for a batch of n documents, each of length n."""
    words = batch.words
    num_words = words.counts
    stop_words = np.array([_pack(word) for word in STOP_WORDS], np.int64)
    nonsymbol, nonsymbol_chars, alpha, stops = _measure_words(
        batch.codes, batch.flags, words.starts, words.ends, words.first, stop_words
    ).T
    hashes, ellipses = _count_symbols(batch.codes, batch.offsets).T
    lines = batch.lines
    bullets, trailing = _mark_lines(batch.codes, batch.flags, lines.starts, lines.ends, lines.first).T
    return {
        "num_nonsymbol_words": nonsymbol.astype(np.int32),
        "mean_word_chars": ratio(nonsymbol_chars, nonsymbol),
        "hash_word_ratio": ratio(hashes, num_words),
        "ellipsis_word_ratio": ratio(ellipses, num_words),
        "bullet_line_fraction": ratio(bullets, lines.counts),
        "ellipsis_line_fraction": ratio(trailing, lines.counts),
        "alpha_word_fraction": ratio(alpha, num_words),
        "num_stop_words": stops.astype(np.int32),
        **_repetition(batch),
    }


def _repetition(batch: Batch) -> dict[str, npt.NDArray[np.generic]]:
    chars = batch.num_chars
    lines, repeated_lines, line_chars = repeated_segments(batch, min_newlines=1, strip=False).T
    paragraphs, repeated_paragraphs, paragraph_chars = repeated_segments(batch, min_newlines=2, strip=True).T
    top, repeated = word_ngrams(batch, TOP_NGRAMS, REPEATED_NGRAMS)
    return {
        "dup_paragraph_fraction": ratio(repeated_paragraphs, paragraphs),
        "dup_paragraph_char_fraction": ratio(paragraph_chars, chars),
        "dup_line_fraction": ratio(repeated_lines, lines),
        "dup_line_char_fraction": ratio(line_chars, chars),
        **{f"top_{n}gram_char_fraction": ratio(top[:, i], chars) for i, n in enumerate(TOP_NGRAMS)},
        **{f"dup_{n}gram_char_fraction": ratio(repeated[:, i], chars) for i, n in enumerate(REPEATED_NGRAMS)},
    }


def _pack(word: str) -> int:
    """A word of up to four ASCII letters as one number, first letter highest."""
    return int.from_bytes(word.encode(), "big")


@njit
def _measure_words(codes, flags, starts, ends, first, stop_words):  # type: ignore[no-untyped-def]
    """Per document: words that are no symbols, their code points, words with a letter, distinct stop words."""
    measures = np.zeros((len(first) - 1, 4), np.int64)
    for document in range(len(first) - 1):
        seen = 0
        for word in range(first[document], first[document + 1]):
            length = ends[word] - starts[word]
            has_letter = False
            has_other = False
            packed = np.int64(0)
            for at in range(starts[word], ends[word]):
                has_letter |= (flags[at] & ALPHA) != 0
                has_other |= (flags[at] & PUNCTUATION) == 0
                packed = packed << 8 | np.int64(codes[at] & 0xFF)
            measures[document, 0] += has_other
            measures[document, 1] += length * has_other
            measures[document, 2] += has_letter
            if 2 <= length <= 4:
                for number in range(len(stop_words)):
                    if packed == stop_words[number]:
                        seen |= _ascii(codes, starts[word], ends[word]) << number
        while seen:
            measures[document, 3] += seen & 1
            seen >>= 1
    return measures


@njit
def _ascii(codes, start, end):  # type: ignore[no-untyped-def]
    """1 if all characters are ASCII, else 0: packing kept their low bytes alone."""
    for at in range(start, end):
        if codes[at] >= 0x80:
            return 0
    return 1


@njit
def _count_symbols(codes, offsets):  # type: ignore[no-untyped-def]
    """Per document: '#' characters, and '...' without overlap plus '…'."""
    counts = np.zeros((len(offsets) - 1, 2), np.int64)
    for document in range(len(offsets) - 1):
        dots = 0
        for at in range(offsets[document], offsets[document + 1]):
            code = codes[at]
            counts[document, 0] += code == HASH
            counts[document, 1] += code == ELLIPSIS
            dots = dots + 1 if code == DOT else 0
            if dots == 3:
                counts[document, 1] += 1
                dots = 0
    return counts


@njit
def _mark_lines(codes, flags, starts, ends, first):  # type: ignore[no-untyped-def]
    """Per document: lines that start with a bullet, and lines that end with an ellipsis, white space aside."""
    marks = np.zeros((len(first) - 1, 2), np.int64)
    for document in range(len(first) - 1):
        for line in range(first[document], first[document + 1]):
            start = starts[line]
            last = ends[line] - 1
            while start <= last and flags[start] & SPACE:
                start += 1
            while last > start and flags[last] & SPACE:
                last -= 1
            if start > last:
                continue
            marks[document, 0] += codes[start] == BULLET or codes[start] == DASH
            three_dots = last - 2 >= start and codes[last] == DOT and codes[last - 1] == DOT and codes[last - 2] == DOT
            marks[document, 1] += codes[last] == ELLIPSIS or three_dots
    return marks
