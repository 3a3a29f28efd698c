"""Which pre-tokenizers the kernels know: by their exact regular expressions, never by a name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from midmix.curation.tokenize.bpe.categories import (
    LETTER,
    LOWER,
    MARK,
    NUMBER,
    OTHER,
    PUNCTUATION,
    SPACE,
    SYMBOL,
    UPPER,
    categories,
    numeric,
)

# How a text is cut; the kernels of `split` know these by number.
GPT2, LETTERS, CASED, PIECES, DIGITS = range(5)
# Added to the class of a character that PIECES cuts out before anything else but numbers, and DIGITS before all else.
APART = 16
_APART_RANGES = ((0x4E00, 0x9FA5), (0x3040, 0x309F), (0x30A0, 0x30FF))

_APOSTROPHES = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)"
_TAIL = r"|\s*[\r\n]+|\s+(?!\S)|\s+"
_O200K_WORD = r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]"
_O200K_REST = r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
_DEEPSEEK_WORDS = (
    r"""[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*"""
)


class NotCovered(Exception):
    """Why the kernels cannot stand in for a tokenizer."""


@dataclass(frozen=True)
class Cut:
    """A way to cut texts: its kernel, how many digits go together, and whether marks count as letters."""

    kind: int
    max_digits: int = 0
    with_marks: bool = False

    def classes(self) -> npt.NDArray[np.uint8]:
        """Class of every code point, as this cut sees it: uint8[0x110000]."""
        as_is = np.arange(SPACE + 1, dtype=np.uint8)
        if self.kind != PIECES:
            as_is[[PUNCTUATION, SYMBOL]] = OTHER
        if self.kind in (GPT2, LETTERS, DIGITS):
            as_is[[UPPER, LOWER]] = LETTER
            as_is[MARK] = LETTER if self.with_marks else OTHER
        elif self.kind == PIECES:
            as_is[[UPPER, LOWER, MARK]] = LETTER
            as_is[PUNCTUATION] = SYMBOL
        found = as_is[categories()]
        if self.kind == PIECES:
            for first, last in _APART_RANGES:
                found[first : last + 1] += APART
        if self.kind == DIGITS:
            found[numeric() == 1] = APART
            if (found == NUMBER).any():
                raise NotCovered("its Digits leaves characters that its regular expression takes for numbers")
        return found


# ByteLevel's own expression: 's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
BYTE_LEVEL = Cut(GPT2)
# Digits(individual_digits) before it: StarCoder, SmolLM
SINGLE_DIGITS = Cut(DIGITS)
# The expressions of Split before ByteLevel, as released tokenizers spell them.
EXPRESSIONS: dict[tuple[str, ...], Cut] = {
    # cl100k, Llama 3, OLMo 2
    (_APOSTROPHES + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*" + _TAIL,): Cut(LETTERS, 3),
    # Qwen2, Qwen2.5, Qwen3
    (_APOSTROPHES + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*" + _TAIL,): Cut(LETTERS, 1),
    # Qwen3.5
    (_APOSTROPHES + r"|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*" + _TAIL,): Cut(
        LETTERS, 1, with_marks=True
    ),
    # o200k, gpt-oss, Llama 4
    (
        f"{_O200K_WORD}*{_O200K_REST}+{_APOSTROPHES}?|{_O200K_WORD}+{_O200K_REST}*{_APOSTROPHES}?"
        r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*" + _TAIL,
    ): Cut(CASED, 3),
    # DeepSeek-V3, R1: one expression after the other, each on the pieces of the one before
    (r"\p{N}{1,3}", "[一-龥぀-ゟ゠-ヿ]+", _DEEPSEEK_WORDS + _TAIL): Cut(PIECES, 3),
}


def _steps(part: Mapping[str, Any] | None, name: str) -> list[Mapping[str, Any]]:
    """The parts of a normalizer or pre-tokenizer, sequences opened."""
    if part is None:
        return []
    return [step for inner in part[name] for step in _steps(inner, name)] if part["type"] == "Sequence" else [part]


def read_cut(pre_tokenizer: Mapping[str, Any] | None) -> Cut:
    """How a pre-tokenizer, as in tokenizer.json, cuts texts. Raises NotCovered."""
    steps = _steps(pre_tokenizer, "pretokenizers")
    if not steps or steps[-1]["type"] != "ByteLevel":
        raise NotCovered(f"its pre-tokenizer is {_names(steps)}, not one that ends with ByteLevel")
    last = steps[-1]
    if last["add_prefix_space"]:
        raise NotCovered("its pre-tokenizer adds a space before a text (add_prefix_space)")
    if last["use_regex"]:
        if len(steps) == 2 and steps[0]["type"] == "Digits" and steps[0]["individual_digits"]:
            return SINGLE_DIGITS
        if len(steps) > 1:
            raise NotCovered(f"its pre-tokenizer is {_names(steps)}, not ByteLevel alone with its own expression")
        return BYTE_LEVEL
    cut = EXPRESSIONS.get(tuple(_expression(step, alone=len(steps) == 2) for step in steps[:-1]))
    if cut is None:
        raise NotCovered("its pre-tokenizer's regular expression is none of those that the kernels know")
    return cut


def _expression(step: Mapping[str, Any], *, alone: bool) -> str:
    """The expression of a Split that keeps all of a text; "" for anything else."""
    # An expression that stands alone matches every character: to isolate matches, or to remove all else, is one.
    ways = [("Isolated", False), ("Removed", True)] if alone else [("Isolated", False)]
    if step["type"] != "Split" or (step["behavior"], step["invert"]) not in ways:
        return ""
    return str(step["pattern"].get("Regex", ""))


def _names(steps: Sequence[Mapping[str, Any]]) -> str:
    return " + ".join(step["type"] for step in steps) or "none"


def read_nfc(normalizer: Mapping[str, Any] | None) -> bool:
    """Whether texts are put into NFC. Raises NotCovered where anything else is done to them."""
    steps = _steps(normalizer, "normalizers")
    if any(step["type"] != "NFC" for step in steps):
        raise NotCovered(f"its normalizer is {_names(steps)}, not NFC")
    return bool(steps)
