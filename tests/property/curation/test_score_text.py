"""The group `text` against plain Python, character by character."""

from __future__ import annotations

import re
import unicodedata

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from midmix.curation.score.characters import TABLE_SIZE, character_flags, punctuation
from midmix.curation.score.groups import score_texts
from midmix.tables import TEXT

CONTINUATION = "[\x80-\xbf]"
UTF8_AS_LATIN = re.compile(
    f"[\xc2-\xdf]{CONTINUATION}|\xe0[\xa0-\xbf]{CONTINUATION}|[\xe1-\xec\xee\xef]{CONTINUATION}{{2}}"
    f"|\xed[\x80-\x9f]{CONTINUATION}|\xf0[\x90-\xbf]{CONTINUATION}{{2}}|[\xf1-\xf3]{CONTINUATION}{{3}}"
    f"|\xf4[\x80-\x8f]{CONTINUATION}{{2}}"
)
WINDOWS = {bytes([b]).decode("cp1252", "ignore"): chr(b) for b in range(0x80, 0xA0)}
PIECES = st.sampled_from(
    [
        "a",
        "é",
        "Ã©",
        "â€™",
        "ðŸ˜€",
        " ",
        "\n",
        "\r\n",
        "\r",
        "\u2028",
        "\x1c",
        "\x85",
        "0",
        "٣",
        "½",
        "\ufffd",
        "\x00",
        "漢",
        "😀",
        "\u0301",
    ]
)
TEXTS = st.one_of(st.lists(PIECES, max_size=40).map("".join), st.text(max_size=40))


def share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0


def reference(text: str) -> dict[str, float]:
    lines = text.splitlines()
    latin = "".join(WINDOWS.get(c, c if ord(c) < 256 else "?") for c in text)
    control = sum(unicodedata.category(c) == "Cc" and c not in "\t\r\n" for c in text)
    return {
        "num_lines": len(lines),
        "num_words": len(text.split()),
        "max_line_chars": max(map(len, lines), default=0),
        "mean_line_chars": share(sum(map(len, lines)), len(lines)),
        "alphabetic_fraction": share(sum(c.isalpha() for c in text), len(text)),
        "alphanumeric_fraction": share(sum(c.isalnum() for c in text), len(text)),
        "digit_fraction": share(sum(c.isdecimal() for c in text), len(text)),
        "whitespace_fraction": share(sum(c.isspace() for c in text), len(text)),
        "replacement_fraction": share(text.count("\ufffd"), len(text)),
        "control_fraction": share(control, len(text)),
        "mojibake_per_1k_chars": share(1000 * len(UTF8_AS_LATIN.findall(latin)), len(text)),
    }


def check(texts: list[str]) -> None:
    scores = score_texts(pa.array(texts, TEXT), ("text",))[0]["text"]
    expected = [reference(text) for text in texts]
    for name in reference(""):
        np.testing.assert_array_equal(scores[name], [row[name] for row in expected], err_msg=name)


def test_real_texts(real_texts: list[str]) -> None:
    check(real_texts)


@given(st.lists(TEXTS, max_size=5))
def test_any_texts(texts: list[str]) -> None:
    check(texts)


def test_flags_of_every_code_point() -> None:
    table = character_flags()
    for code in range(0x110000):
        char = chr(code)
        flags = table[min(code, TABLE_SIZE - 1)]
        kinds = (char.isspace(), char.isalpha(), char.isalnum(), char.isdecimal())
        assert [bool(flags & bit) for bit in (1, 2, 4, 8)] == list(kinds), hex(code)
        if code < 0xD800 or code > 0xDFFF:
            assert bool(flags & 16) == (len(f"a{char}b".splitlines()) == 2), hex(code)


def test_punctuation_is_that_of_datatrove() -> None:
    from datatrove.utils.text import PUNCTUATION_SET

    assert {chr(code) for code in punctuation()} == PUNCTUATION_SET


def test_a_slice_scores_as_its_own_array(real_texts: list[str]) -> None:
    texts = pa.array(real_texts, TEXT)
    whole = score_texts(texts)[0]
    part = score_texts(texts.slice(5, 20))[0]
    for group, columns in part.items():
        for name, values in columns.items():
            np.testing.assert_array_equal(values, whole[group][name][5:25], err_msg=name)
