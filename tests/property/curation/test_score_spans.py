"""Spans against a search over the whole text, on planted and on hostile text."""

from __future__ import annotations

import re
import time

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from midmix.curation.score.spans import find_spans
from midmix.tables import TEXT

# Secrets are put together here, so that no scanner takes this file for a leak.
SECRETS = (
    "AKIA" + "IOSFODNN7EXAMPLE",
    "ghp_" + "a1B2" * 9,
    "github_pat_" + "11AA_" * 6,
    "sk-" + "aB3" * 16,
    "sk-proj-" + "aB-3_" * 8,
    "xoxb-" + "123456789012-abcdefABCDEF",
    "AIza" + "Sy_-9" * 7,
    "-----BEGIN RSA " + "PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n" + "MIIEpAIBAAKCAQEA0Z3VS5JJcds3xfn/ygWyF8PbnGy0AHB7\n" * 3
    + "-----END RSA " + "PRIVATE KEY-----",
)  # fmt: skip
EMAILS = ("a@b.co", "jane.doe+x@mail.example.org", "x_1%y@sub-domain.host.museum")
LINES = ("We use cookies to improve this site.", "Privacy Policy | Terms of Use", "(c) 2020. ALL RIGHTS RESERVED")
PLAIN = st.text(st.characters(blacklist_characters="@\n", blacklist_categories=("Cs",)), max_size=12)
BEFORE = st.sampled_from([" ", "\n", "(", '"', "é ", "😀", "\n\n"])
AFTER = st.sampled_from([" ", "\n", ")", '"', ". ", "é", "😀", ", x"])


def spans(texts: list[str]) -> list[tuple[int, int, int, str]]:
    found = find_spans(pa.array(texts, TEXT))
    return list(zip(found.document.tolist(), found.start.tolist(), found.end.tolist(), found.reason, strict=True))


@given(st.lists(st.tuples(PLAIN, BEFORE, st.sampled_from(SECRETS + EMAILS), AFTER), min_size=1, max_size=4))
def test_what_is_planted_is_found_at_its_bytes(pieces: list[tuple[str, str, str, str]]) -> None:
    text, expected = "", []
    for before, left, item, right in pieces:
        text += before + left
        start = len(text.encode())
        text += item
        reason = "pii.email" if item in EMAILS else "secret.key"
        expected.append((0, start, start + len(item.encode()), reason))
        text += right
    assert [s for s in spans([text]) if s[3] != "boilerplate.line"] == expected


@given(st.lists(st.one_of(st.sampled_from(LINES), PLAIN), max_size=8), st.booleans())
def test_boilerplate_lines_are_cut_with_their_newline(lines: list[str], last: bool) -> None:
    text = "\n".join(lines) + ("\n" if last else "")
    expected, start = [], 0
    for line in text.encode().splitlines(keepends=True) if "\r" not in text else []:
        if line.decode().rstrip("\n") in LINES:
            expected.append((0, start, start + len(line), "boilerplate.line"))
        start += len(line)
    if "\r" not in text:
        assert [s for s in spans([text]) if s[3] == "boilerplate.line"] == expected


def test_real_texts_have_the_addresses_that_a_full_search_finds(real_texts: list[str]) -> None:
    address = re.compile(rb"[A-Za-z0-9][A-Za-z0-9._%+-]*@(?:[A-Za-z0-9-]+\.)+[A-Za-z]{2,24}(?!\.?[A-Za-z0-9]|[_(-])")
    expected = [
        (number, found.start(), found.end(), "pii.email")
        for number, text in enumerate(real_texts)
        for found in address.finditer(text.encode())
    ]
    assert [s for s in spans(real_texts) if s[3] == "pii.email"] == expected
    assert expected


MEGABYTE = 1_000_000
HOSTILE = {
    "at signs": "@" * MEGABYTE,
    "local part": "a" * MEGABYTE + "@",
    "local parts": "a.b-c@" * (MEGABYTE // 6),
    "labels": "a@" + "b." * (MEGABYTE // 2),
    "one label": "a@" + "b" * MEGABYTE,
    "labels again": ("a@" + "b." * 40 + " ") * (MEGABYTE // 83),
    "pem starts": ("-----BEGIN " + "PRIVATE KEY-----") * (MEGABYTE // 27),
    "pem bodies": ("-----BEGIN " + "PRIVATE KEY-----\n" + "A" * 40 + "-") * (MEGABYTE // 70),
    "pem body": "-----BEGIN " + "PRIVATE KEY-----" + "a-" * (MEGABYTE // 2),
    "pem words": "-----BEGIN " + "A " * (MEGABYTE // 2),
    "hyphens": "-" * MEGABYTE,
    "key starts": "sk-" * (MEGABYTE // 3),
    "keys cut short": (" sk-" + "a" * 19) * (MEGABYTE // 23),
    "long keys": (" ghp_" + "a" * 300) * (MEGABYTE // 305),
    "tokens": "<|" * (MEGABYTE // 2),
    "long tokens": ("<|" + "a" * 65) * (MEGABYTE // 67),
    "one policy line": "terms of " * (MEGABYTE // 9),
    "policy lines": ("terms of " * 80 + "\n") * (MEGABYTE // 721),
    "cookies": "cookie" * (MEGABYTE // 6),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_text_takes_linear_time(name: str) -> None:
    spans(["warm"])
    start = time.process_time()
    spans([HOSTILE[name]])
    assert time.process_time() - start < 15  # a second, and hours where the time is quadratic
