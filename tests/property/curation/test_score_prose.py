"""The group `prose` against plain Python, and its decisions against datatrove's own filters."""

from __future__ import annotations

import re
from collections import Counter

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from midmix.curation.score.groups import score_texts
from midmix.tables import TEXT

STOP_WORDS = {"the", "be", "to", "of", "and", "that", "have", "with"}
PIECES = st.sampled_from(
    [
        "a",
        "b",
        "ab",
        "c",
        "the",
        "of",
        "and",
        "#",
        "-",
        "• ",
        "...",
        ".",
        "…",
        " ",
        " ",
        " ",
        "\n",
        "\n\n",
        "\r\n",
        "é",
        "😀",
        "。",
        "\u2028",
        "1",
    ]
)
TEXTS = st.lists(PIECES, max_size=120).map("".join)


def share(part: float, whole: int) -> float:
    return part / whole if whole else 0.0


def repeats(pieces: list[str]) -> tuple[int, int]:
    seen: set[str] = set()
    again = [p for p in pieces if p in seen or seen.add(p)]  # type: ignore[func-returns-value]
    return len(again), sum(map(len, again))


def top_chars(words: list[str], n: int) -> int:
    grams = Counter(" ".join(words[i : i + n]) for i in range(len(words) - n + 1))
    return max(((len(g) * count, count) for g, count in grams.items()), key=lambda pair: pair[1], default=(0, 0))[0]


def repeated_chars(words: list[str], n: int) -> int:
    seen: set[str] = set()
    chars, i = 0, 0
    while i < len(words) - n + 1:
        gram = "".join(words[i : i + n])
        if gram in seen:
            chars += len(gram)
            i += n
        else:
            seen.add(gram)
            i += 1
    return chars


def reference(text: str, punctuation: set[str]) -> dict[str, float]:
    words, lines = text.split(), text.splitlines()
    real = [w for w in words if any(c not in punctuation for c in w)]
    paragraphs, blocks = re.split(r"\n{2,}", text.strip()), re.split(r"\n+", text)
    dup_paragraphs, dup_blocks = repeats(paragraphs), repeats(blocks)
    return {
        "num_nonsymbol_words": len(real),
        "mean_word_chars": share(sum(map(len, real)), len(real)),
        "hash_word_ratio": share(text.count("#"), len(words)),
        "ellipsis_word_ratio": share(text.count("...") + text.count("…"), len(words)),
        "bullet_line_fraction": share(sum(s.lstrip().startswith(("•", "-")) for s in lines), len(lines)),
        "ellipsis_line_fraction": share(sum(s.rstrip().endswith(("...", "…")) for s in lines), len(lines)),
        "alpha_word_fraction": share(sum(any(c.isalpha() for c in w) for w in words), len(words)),
        "num_stop_words": len(STOP_WORDS & set(words)),
        "dup_paragraph_fraction": share(dup_paragraphs[0], len(paragraphs)),
        "dup_paragraph_char_fraction": share(dup_paragraphs[1], len(text)),
        "dup_line_fraction": share(dup_blocks[0], len(blocks)),
        "dup_line_char_fraction": share(dup_blocks[1], len(text)),
        **{f"top_{n}gram_char_fraction": share(top_chars(words, n), len(text)) for n in (2, 3, 4)},
        **{f"dup_{n}gram_char_fraction": share(repeated_chars(words, n), len(text)) for n in range(5, 11)},
    }


@pytest.fixture(scope="module")
def punctuation() -> set[str]:
    from datatrove.utils.text import PUNCTUATION_SET

    return set(PUNCTUATION_SET)


def score(texts: list[str]) -> dict[str, np.ndarray]:
    return score_texts(pa.array(texts, TEXT), ("prose",))[0]["prose"]


def check(texts: list[str], punctuation: set[str]) -> None:
    scores = score(texts)
    expected = [reference(text, punctuation) for text in texts]
    for name in scores:
        np.testing.assert_array_equal(scores[name], [row[name] for row in expected], err_msg=name)


def test_real_texts(real_texts: list[str], punctuation: set[str]) -> None:
    check(real_texts, punctuation)


@given(st.lists(TEXTS, max_size=4))
def test_any_texts(texts: list[str]) -> None:
    from datatrove.utils.text import PUNCTUATION_SET

    check(texts, set(PUNCTUATION_SET))


def quality_reason(row: dict[str, float]) -> str | None:
    """GopherQualityFilter on our columns, with datatrove's defaults and order."""
    return next(
        (
            reason
            for reason, fired in (
                ("gopher_short_doc", row["num_nonsymbol_words"] < 50),
                ("gopher_long_doc", row["num_nonsymbol_words"] > 100_000),
                ("gopher_below_avg_threshold", row["mean_word_chars"] < 3),
                ("gopher_above_avg_threshold", row["mean_word_chars"] > 10),
                ("gopher_too_many_hashes", row["hash_word_ratio"] > 0.1),
                ("gopher_too_many_ellipsis", row["ellipsis_word_ratio"] > 0.1),
                ("gopher_too_many_bullets", row["bullet_line_fraction"] > 0.9),
                ("gopher_too_many_end_ellipsis", row["ellipsis_line_fraction"] > 0.3),
                ("gopher_below_alpha_threshold", row["alpha_word_fraction"] < 0.8),
                ("gopher_enough_stop_words", row["num_stop_words"] < 2),
            )
            if fired
        ),
        None,
    )


def repetition_reason(row: dict[str, float]) -> str | None:
    """GopherRepetitionFilter on our columns, with datatrove's defaults and order."""
    limits = {
        "dup_para_frac": ("dup_paragraph_fraction", 0.3),
        "dup_para_char_frac": ("dup_paragraph_char_fraction", 0.2),
        "dup_line_frac": ("dup_line_fraction", 0.3),
        "dup_line_char_frac": ("dup_line_char_fraction", 0.2),
        **{f"top_{n}_gram": (f"top_{n}gram_char_fraction", t) for n, t in ((2, 0.2), (3, 0.18), (4, 0.16))},
        **{f"duplicated_{n}_n_grams": (f"dup_{n}gram_char_fraction", 0.2 - n / 100) for n in range(5, 11)},
    }
    return next((reason for reason, (column, limit) in limits.items() if row[column] > round(limit, 2)), None)


def test_decisions_are_those_of_datatrove(real_texts: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    from datatrove.data import Document
    from datatrove.pipeline.filters import gopher_quality_filter, gopher_repetition_filter

    for module in (gopher_quality_filter, gopher_repetition_filter):
        monkeypatch.setattr(module, "split_into_words", lambda text, language: text.split())
    filters = (
        (gopher_quality_filter.GopherQualityFilter(), quality_reason),
        (gopher_repetition_filter.GopherRepetitionFilter(), repetition_reason),
    )
    texts = [text for text in real_texts if text]
    scores = score(texts)
    reasons: Counter[str | None] = Counter()
    for number, text in enumerate(texts):
        row = {name: float(values[number]) for name, values in scores.items()}
        for peer, ours in filters:
            verdict = peer.filter(Document(text=text, id="x"))
            expected = None if verdict is True else verdict[1]
            assert ours(row) == expected, text[:200]
            reasons[expected] += 1
    assert len(reasons) >= 8 and reasons[None] >= 10
