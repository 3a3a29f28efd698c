"""What an alignment of a field with a text says: a leak, a variant (other numbers), or nothing.

The rules were tuned on planted leaks of GSM8K and HumanEval, GSM8K's training split and ordinary text; what they find
of others is measured by `benchmarks/decontaminate.py`. Shares are of the field's weight without its numbers.
"""

from __future__ import annotations

from typing import NamedTuple

from midmix.jit import njit

# A shorter field cannot be told from chance, but for a short question with two numbers that stands there whole.
MIN_TOKENS, MIN_WHOLE_TOKENS, MIN_WHOLE_NUMBERS = 12, 8, 2
# Code without its names is told from chance only where it is long, and stands there nearly whole.
MIN_CODE_TOKENS, CODE_RUN = 20, 12
LONG_CODE_TOKENS, CODE_SHARE, SHORT_CODE_SHARE = 32, 0.8, 0.95
# A paraphrase has no order of words to go by: numbers tell it, with words that few items share. Of GSM8K's training
# split 5 of 7,473 problems pass for one of the test split even if every window is proposed.
MIN_PARAPHRASE_TOKENS, PARAPHRASE_SHARE, TWO_NUMBERS_SHARE = 20, 0.65, 0.75
LEAK, VARIANT = range(2)
LABELS = ("leak", "variant")
NONE = -1
FULL, PART, REWORDED, NAMES, BAG, WHOLE, RENAMED, PARAPHRASED = range(8)
RULES = ("full", "part", "reworded", "names", "bag", "whole", "renamed", "paraphrased")
# Kinds of fields: a body of code has few words of its own, an answer has numbers that chance repeats, and only the
# question of a word problem tells by itself where it is short. CODE_FIELD is a body of code without its names.
PLAIN_FIELD, ANSWER_FIELD, BODY_FIELD, QUESTION_FIELD, CODE_FIELD = range(5)


class Evidence(NamedTuple):
    """What the best local alignment of a field with a text shows.

    length, numbers: tokens of the field, and how many of them are numbers; matched: share of the weight that stands in
    both; density: the same of the weight inside the aligned span alone; substituted: share of words that one other
    word replaces throughout; tokens: aligned tokens that are equal; equal_numbers, other_numbers: aligned numbers,
    equal or not; present_numbers: numbers of the field anywhere in the text's window; run: longest run of tokens that
    are equal but for numbers; run_numbers: numbers in it that differ; overlap: weight of n-grams found.
    """

    length: int
    numbers: int
    matched: float
    density: float
    substituted: float
    tokens: int
    equal_numbers: int
    other_numbers: int
    present_numbers: int
    run: int
    run_numbers: int
    overlap: float


@njit
def full_share(length: int) -> float:
    """The least share of a field of so many tokens: .95 to 15 tokens, falling to .6 from 40 on."""
    return min(0.95, max(0.6, 0.95 - 0.35 * (length - 15) / 25))


@njit
def is_long_enough(length: int, numbers: int, kind: int) -> bool:
    """Whether a field of so many tokens, some of them numbers, can be told from chance at all."""
    if kind == CODE_FIELD:
        return length >= MIN_CODE_TOKENS
    if kind == QUESTION_FIELD and numbers >= MIN_WHOLE_NUMBERS:
        return length >= MIN_WHOLE_TOKENS
    return length >= MIN_TOKENS


@njit
def judge(e: Evidence, kind: int) -> tuple[int, int]:
    """(label, rule) by the first rule that fires, else (NONE, NONE)."""
    if kind == CODE_FIELD:
        share = CODE_SHARE if e.length >= LONG_CODE_TOKENS else SHORT_CODE_SHARE
        enough = e.matched >= share and e.density >= share and e.run >= CODE_RUN
        return (LEAK, RENAMED) if enough and is_long_enough(e.length, e.numbers, kind) else (NONE, NONE)
    least = full_share(e.length)
    all_present = e.present_numbers >= e.numbers and e.other_numbers == 0
    if e.length < MIN_TOKENS:
        whole = is_long_enough(e.length, e.numbers, kind) and e.run == e.length and e.run_numbers == 0
        return (LEAK, WHOLE) if whole else (NONE, NONE)
    if (
        e.matched >= least
        and e.density >= (0.8 if e.length < 40 else 0.65)
        and e.tokens + e.other_numbers >= 0.75 * e.length * least
        and e.run >= min(10.0, 0.5 * e.length)
    ):
        if e.length < 20 and e.other_numbers == 0 and e.present_numbers < e.numbers:
            return NONE, NONE
        return (VARIANT if e.other_numbers else LEAK), FULL
    if (
        e.density >= 0.9
        and e.run >= (16 if kind == BODY_FIELD else 10)
        and e.run >= 0.4 * e.length
        and e.length >= 18
        and e.matched >= 0.4
    ):
        return (VARIANT if e.run_numbers else LEAK), PART
    if kind != BODY_FIELD and e.numbers >= 2 and all_present and e.length >= 16 and e.run >= 5:
        many = e.numbers >= 3
        enough = e.matched >= (0.42 if many else 0.47) and e.matched + e.substituted >= (0.7 if many else 0.75)
        if enough and e.equal_numbers >= 0.6 * e.numbers:
            return LEAK, REWORDED
    if e.other_numbers and e.matched + e.substituted >= 0.85 and e.matched >= 0.47 and e.run >= 5 and e.length >= 18:
        aligned = e.equal_numbers + e.other_numbers >= 0.8 * e.numbers and e.numbers >= 2
        if aligned and (kind != ANSWER_FIELD or (e.length >= 30 and e.matched + e.substituted >= 0.9)):
            return VARIANT, NAMES
    has_numbers = e.numbers >= 1 and e.present_numbers >= e.numbers
    if kind != BODY_FIELD and has_numbers and e.overlap >= 0.45 and e.length >= 16 and e.run >= 6:
        return LEAK, BAG
    return NONE, NONE


@njit
def is_paraphrase(length: int, numbers: int, present: int, held: float, kind: int) -> bool:
    """Whether a text that was proposed for its meaning says an item in other words.

    All numbers of the item stand in it, each as often as there, and `held`, the share of its other words' weight, is
    high: the more so where there are only two numbers. Answers and code repeat by chance what this asks for.
    """
    if kind in (ANSWER_FIELD, BODY_FIELD) or length < MIN_PARAPHRASE_TOKENS or present < numbers:
        return False
    return (numbers >= 3 and held >= PARAPHRASE_SHARE) or (numbers == 2 and held >= TWO_NUMBERS_SHARE)
