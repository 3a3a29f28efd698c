"""Every rule: a value over the columns of the view `judged`, a comparison and a default threshold.

A rule fires, and speaks for dropping, when `value op threshold`. A NULL value never fires. The order in a rule set,
and of the rule sets of a kind, is the declared order: the first rule that fires is the reason of a drop.

Gopher's rules have the thresholds and the order of datatrove 0.10.1 (`gopher_quality_filter.py`,
`gopher_repetition_filter.py`), but words are runs between white space, as in the paper (arXiv 2112.11446, A1.1):
punctuation is no word of its own, so ordinary prose clears `few_alphabetic_words` by more than it does there.
"""

from __future__ import annotations

from dataclasses import dataclass

from midmix.config import Kind

GOPHER = "arXiv 2112.11446 table A1; datatrove 0.10.1"
STARCODER = "arXiv 2305.06161 section 3; bigcode-dataset preprocessing/filtering.py"
STARCODER2 = "arXiv 2402.19173 section 2"
REFINECODE = "arXiv 2411.04905 appendix A; OpenCoder code_filter_config.py"
OWN = "midmix"


@dataclass(frozen=True)
class Rule:
    """One predicate. `value_sql` is an expression over `judged`; the threshold is the default one."""

    rule_set: str
    name: str
    value_sql: str
    op: str
    threshold: float
    meaning: str
    source: str

    @property
    def full_name(self) -> str:
        """As decisions and the config name it: `rule_set.name`."""
        return f"{self.rule_set}.{self.name}"


def _rules(rule_set: str, source: str, *rows: tuple[str, str, str, float, str]) -> tuple[Rule, ...]:
    return tuple(Rule(rule_set, name, value, op, limit, meaning, source) for name, value, op, limit, meaning in rows)


HYGIENE = (
    *_rules("hygiene", OWN, ("empty", "num_words", "<", 1, "no word at all")),
    *_rules("hygiene", REFINECODE, ("too_long", "num_bytes", ">", 3_000_000, "bytes of raw text")),
    *_rules(
        "hygiene",
        OWN,
        ("special_tokens", "num_special_tokens", ">", 0, "chat or end-of-text tokens in the text"),
        ("mojibake", "mojibake_per_1k_chars", ">", 2, "UTF-8 read as Latin-1, per 1000 code points"),
        ("control_characters", "control_fraction", ">", 0.005, "control characters / code points"),
    ),
    *_rules(
        "hygiene",
        REFINECODE,
        ("replacement_characters", "replacement_fraction", ">", 0.01, "U+FFFD / code points"),
    ),
)

GOPHER_QUALITY = _rules(
    "gopher_quality",
    GOPHER,
    ("too_few_words", "num_nonsymbol_words", "<", 50, "words that are more than punctuation"),
    ("too_many_words", "num_nonsymbol_words", ">", 100_000, "words that are more than punctuation"),
    ("short_words", "mean_word_chars", "<", 3, "mean code points per word"),
    ("long_words", "mean_word_chars", ">", 10, "mean code points per word"),
    ("too_many_hashes", "hash_word_ratio", ">", 0.1, "'#' / words"),
    ("too_many_ellipses", "ellipsis_word_ratio", ">", 0.1, "ellipses / words"),
    ("too_many_bullets", "bullet_line_fraction", ">", 0.9, "lines that start with a bullet / lines"),
    ("too_many_ellipsis_lines", "ellipsis_line_fraction", ">", 0.3, "lines that end with an ellipsis / lines"),
    ("few_alphabetic_words", "alpha_word_fraction", "<", 0.8, "words with a letter / words"),
    ("few_stop_words", "num_stop_words", "<", 2, "distinct ones of the, be, to, of, and, that, have, with"),
)

GOPHER_REPETITION = _rules(
    "gopher_repetition",
    GOPHER,
    ("dup_paragraphs", "dup_paragraph_fraction", ">", 0.3, "repeated paragraphs / paragraphs"),
    ("dup_paragraph_chars", "dup_paragraph_char_fraction", ">", 0.2, "code points in repeated paragraphs / all"),
    ("dup_lines", "dup_line_fraction", ">", 0.3, "repeated lines / lines"),
    ("dup_line_chars", "dup_line_char_fraction", ">", 0.2, "code points in repeated lines / all"),
    ("top_2gram", "top_2gram_char_fraction", ">", 0.2, "code points in the most frequent word 2-gram / all"),
    ("top_3gram", "top_3gram_char_fraction", ">", 0.18, "the same for 3-grams"),
    ("top_4gram", "top_4gram_char_fraction", ">", 0.16, "the same for 4-grams"),
    ("dup_5grams", "dup_5gram_char_fraction", ">", 0.15, "code points in repeated word 5-grams / all"),
    ("dup_6grams", "dup_6gram_char_fraction", ">", 0.14, "the same for 6-grams"),
    ("dup_7grams", "dup_7gram_char_fraction", ">", 0.13, "the same for 7-grams"),
    ("dup_8grams", "dup_8gram_char_fraction", ">", 0.12, "the same for 8-grams"),
    ("dup_9grams", "dup_9gram_char_fraction", ">", 0.11, "the same for 9-grams"),
    ("dup_10grams", "dup_10gram_char_fraction", ">", 0.1, "the same for 10-grams"),
)

CODE_BASIC = (
    *_rules(
        "code_basic",
        STARCODER,
        ("long_line", "max_line_chars", ">", 1000, "code points of the longest line"),
        ("long_lines", "mean_line_chars", ">", 100, "mean code points per line"),
        ("few_alphanumerics", "alphanumeric_fraction", "<", 0.25, "alphanumeric code points / all"),
    ),
    *_rules(
        "code_basic",
        STARCODER2,
        ("too_many_lines", "num_lines", ">", 100_000, "lines"),
        ("encoded_data", "encoded_data_fraction", ">", 0.5, "code points in long runs of base64 or hex / all"),
        ("autogenerated", "autogenerated", "=", 1, "says in its first five lines that it is generated"),
    ),
)

MATH_BASIC = _rules(
    "math_basic",
    OWN,
    ("too_few_words", "num_words", "<", 10, "words"),
    ("replacement_characters", "replacement_fraction", ">", 0.001, "U+FFFD / code points: lost symbols"),
    ("mostly_digits", "digit_fraction", ">", 0.5, "digits / code points: tables of numbers"),
)

REASONING_BASIC = _rules(
    "reasoning_basic",
    OWN,
    ("too_few_words", "num_words", "<", 10, "words"),
    ("mostly_digits", "digit_fraction", ">", 0.5, "digits / code points"),
    ("looping_lines", "dup_line_char_fraction", ">", 0.5, "code points in repeated lines / all: a chain that loops"),
    ("looping_10grams", "dup_10gram_char_fraction", ">", 0.5, "code points in repeated word 10-grams / all"),
)

RULE_SETS: dict[str, tuple[Rule, ...]] = {
    "hygiene": HYGIENE,
    "gopher_quality": GOPHER_QUALITY,
    "gopher_repetition": GOPHER_REPETITION,
    "code_basic": CODE_BASIC,
    "math_basic": MATH_BASIC,
    "reasoning_basic": REASONING_BASIC,
}

DEFAULT_SETS: dict[Kind, tuple[str, ...]] = {
    "prose": ("hygiene", "gopher_quality", "gopher_repetition"),
    "code": ("hygiene", "code_basic"),
    "math": ("hygiene", "math_basic"),
    "reasoning": ("hygiene", "reasoning_basic"),
}
