"""The group `math`: LaTeX, operators, equations, steps and stated answers."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from midmix.curation.score.characters import ALNUM, DIGIT, MATH, SPACE
from midmix.curation.score.code import first_characters, per_document
from midmix.curation.score.phrases import pack_phrases, phrase_at
from midmix.curation.score.segments import Batch, ratio
from midmix.jit import njit

MARKERS = ("first", "therefore", "then", "so")
BEFORE_EQUALS = ")]}|$'!"  # besides letters and digits
AFTER_EQUALS = "([{\\-+$|."
DECORATION = "*#>_-"  # Markdown in front of a marker
STEP = ("step",)
ANSWER = ("answer",)
BOXED = ("\\boxed",)


def score_math(batch: Batch) -> dict[str, npt.NDArray[np.generic]]:
    """Columns of the group `math` for a batch of n documents, each of length n."""
    codes, flags, chars = batch.codes, batch.flags, batch.num_chars
    starts, ends, first = batch.lines.starts, batch.lines.ends, batch.lines.first
    begins = first_characters(flags, starts, ends)
    filled = per_document(begins < ends, first)
    commands, operators = _count_symbols(codes, flags, batch.offsets).T
    equations = _equation_lines(codes, flags, begins, ends, _codes(BEFORE_EQUALS), _codes(AFTER_EQUALS))
    markers = _step_markers(codes, flags, begins, ends, _codes(DECORATION), pack_phrases(MARKERS), pack_phrases(STEP))
    answers = _answer_lines(codes, flags, begins, ends, pack_phrases(ANSWER), pack_phrases(BOXED))
    return {
        "latex_command_density": ratio(1000 * commands, chars),
        "operator_fraction": ratio(operators, chars),
        "equation_line_fraction": ratio(per_document(equations, first), filled),
        "num_step_markers": per_document(markers, first).astype(np.int32),
        "has_final_answer": per_document(answers, first) > 0,
    }


def _codes(chars: str) -> npt.NDArray[np.uint32]:
    return np.array([ord(char) for char in chars], np.uint32)


@njit(inline="always")
def _is_letter(code):  # type: ignore[no-untyped-def]
    return 97 <= code <= 122 or 65 <= code <= 90


@njit
def _count_symbols(codes, flags, offsets):  # type: ignore[no-untyped-def]
    """Per document: LaTeX commands (a backslash and two letters or more), and operators."""
    counts = np.zeros((len(offsets) - 1, 2), np.int64)
    for document in range(len(offsets) - 1):
        end = offsets[document + 1]
        for at in range(offsets[document], end):
            counts[document, 1] += (flags[at] & MATH) != 0
            if codes[at] == 92 and at + 2 < end and _is_letter(codes[at + 1]) and _is_letter(codes[at + 2]):
                counts[document, 0] += 1
    return counts


@njit
def _among(code, chosen):  # type: ignore[no-untyped-def]
    found = False
    for other in chosen:
        found |= code == other
    return found


@njit
def _equation_lines(codes, flags, begins, ends, before, after):  # type: ignore[no-untyped-def]
    """Lines with a lone `=` between two terms; spaces and LaTeX's `&` may stand around it."""
    found = np.zeros(len(begins), np.bool_)
    for line in range(len(begins)):
        for at in range(begins[line] + 1, ends[line] - 1):
            if codes[at] != 61:
                continue
            left, right = at - 1, at + 1
            while left > begins[line] and (flags[left] & SPACE or codes[left] == 38):
                left -= 1
            while right < ends[line] - 1 and (flags[right] & SPACE or codes[right] == 38):
                right += 1
            has_left = flags[left] & ALNUM or _among(codes[left], before)
            has_right = flags[right] & ALNUM or _among(codes[right], after)
            if has_left and has_right and not (left == at - 1 and codes[left] == 33):
                found[line] = True
                break
    return found


@njit
def _step_markers(codes, flags, begins, ends, decoration, markers, step):  # type: ignore[no-untyped-def]
    """Per line: `Step n`, or one of the markers, at the start of the line or of a sentence, whatever the case."""
    counts = np.zeros(len(begins), np.int64)
    for line in range(len(begins)):
        at, end = begins[line], ends[line]
        while at < end and (flags[at] & SPACE or _among(codes[at], decoration)):
            at += 1
        counts[line] += at < end and _is_marker(codes, flags, at, end, markers, step)
        while at < end:
            code = codes[at]
            at += 1
            if (code == 46 or code == 33 or code == 63) and at < end and flags[at] & SPACE:
                while at < end and flags[at] & SPACE:
                    at += 1
                counts[line] += at < end and _is_marker(codes, flags, at, end, markers, step)
    return counts


@njit
def _is_marker(codes, flags, at, end, markers, step):  # type: ignore[no-untyped-def]
    length = phrase_at(codes, at, end, markers, True)
    if length > 0:
        return at + length == end or not flags[at + length] & ALNUM
    length = phrase_at(codes, at, end, step, True)
    if length == 0 or at + length == end or not flags[at + length] & SPACE:
        return False
    number = at + length
    while number < end and flags[number] & SPACE:
        number += 1
    return number < end and flags[number] & DIGIT != 0


@njit
def _answer_lines(codes, flags, begins, ends, answer, boxed):  # type: ignore[no-untyped-def]
    """Lines that state an answer: `#### 42` at their start, `\\boxed`, or the word answer and a colon."""
    found = np.zeros(len(begins), np.bool_)
    for line in range(len(begins)):
        begin, end = begins[line], ends[line]
        found[line] = _is_hash_answer(codes, flags, begin, end)
        for at in range(begin, end):
            code = codes[at]
            if code == 92 and phrase_at(codes, at, end, boxed, False) > 0:
                found[line] = True
            elif (code == 97 or code == 65) and (at == begin or not flags[at - 1] & ALNUM):
                length = phrase_at(codes, at, end, answer, True)
                if length > 0 and _has_colon(codes, flags, at + length, end):
                    found[line] = True
    return found


@njit
def _is_hash_answer(codes, flags, at, end):  # type: ignore[no-untyped-def]
    """`####` and a number: a Markdown heading of the fourth level has words there."""
    hashes = 0
    while at < end and codes[at] == 35:
        hashes += 1
        at += 1
    if hashes != 4:
        return False
    while at < end and flags[at] & SPACE:
        at += 1
    while at < end and (codes[at] == 36 or codes[at] == 45 or codes[at] == 43):
        at += 1
    return at < end and flags[at] & DIGIT != 0


@njit
def _has_colon(codes, flags, at, end):  # type: ignore[no-untyped-def]
    skipped = 0
    while at < end and skipped < 4 and (flags[at] & SPACE or codes[at] == 42 or codes[at] == 95):
        at += 1
        skipped += 1
    return at < end and (codes[at] == 58 or codes[at] == 0xFF1A)
