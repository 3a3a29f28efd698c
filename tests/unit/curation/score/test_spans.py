"""What counts as an address, a key, a special token, a boilerplate line, and what does not."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from midmix.curation.score.spans import find_spans
from midmix.tables import SPANS, TEXT


def found(text: str) -> list[tuple[str, str]]:
    spans = find_spans(pa.array([text], TEXT))
    data = text.encode()
    return [(reason, data[s:e].decode()) for reason, s, e in zip(spans.reason, spans.start, spans.end, strict=True)]


@pytest.mark.parametrize(
    "text, address",
    [
        ("mail Jane.Doe@mail.example.org.", "Jane.Doe@mail.example.org"),
        ("<x@y.io>", "x@y.io"),
        ("é a+b@c-d.net, f", "a+b@c-d.net"),
        ("..x@y.io", "x@y.io"),
        ("z" * 70 + "@y.io", "z" * 64 + "@y.io"),
    ],
)
def test_addresses(text: str, address: str) -> None:
    assert found(text) == [("pii.email", address)]


@pytest.mark.parametrize(
    "text",
    [
        "@decorator", "a @ b.com", "x@localhost", "x@y.c", "x@-y.com", "W@x.sum(axis)", "W@np.linalg.inv(x)", "a@b..com",
        "x@y.com_1", "é@b.com", "-@b.com", "email@example.com", "user@host.c0m",
    ],
)  # fmt: skip
def test_no_addresses(text: str) -> None:
    assert found(text) == []


@pytest.mark.parametrize(
    "text",
    [
        "xAKIA" + "IOSFODNN7EXAMPLE", "AKIA" + "IOSFODNN7EXAMPLEX", "AKIA" + "iosfodnn7example", "ghp_short", "sk-learn",
        "sk-estimator-id-1-with-a-long-name", "task-" + "a" * 30, "xoxo-" + "1", "AIza" + "x" * 36,
        "-----BEGIN " + "PRIVATE KEY-----\nshort\n-----END " + "PRIVATE KEY-----",
        "-----BEGIN " + "PUBLIC KEY-----\n" + "A" * 64 + "\n-----END " + "PUBLIC KEY-----",
    ],
)  # fmt: skip
def test_no_keys(text: str) -> None:
    assert found(text) == []


def test_a_key_within_a_private_key_is_counted_once() -> None:
    block = (
        "-----BEGIN "
        + "PRIVATE KEY-----\n"
        + "AKIA"
        + "IOSFODNN7EXAMPLE\n"
        + "A" * 48
        + "\n-----END "
        + "PRIVATE KEY-----"
    )
    spans = find_spans(pa.array([f"x\n{block}\n"], TEXT))
    assert (spans.start.tolist(), spans.end.tolist(), spans.reason) == ([2], [2 + len(block)], ["secret.key"])
    assert spans.num_secrets.tolist() == [1]


@pytest.mark.parametrize(
    "text, lines",
    [
        ("a\nWe use cookies.\nb", ["We use cookies.\n"]),
        ("Terms of Use", ["Terms of Use"]),
        ("a\r\nRead our PRIVACY policy\r\nb", ["Read our PRIVACY policy\r\n"]),
        ("x terms of use, use of cookies\nSubscribe to our newsletter!\n", ["x terms of use, use of cookies\n", "Subscribe to our newsletter!\n"]),
        ("é" * 187 + " terms of use", []),
        ("é" * 186 + " terms of use", ["é" * 186 + " terms of use"]),
        ("cookie recipes, private rights, terms of trade", []),
    ],
)  # fmt: skip
def test_boilerplate_lines(text: str, lines: list[str]) -> None:
    assert found(text) == [("boilerplate.line", line) for line in lines]


@pytest.mark.parametrize(
    "text, count",
    [
        ("<|im_start|>user\n<|im_end|>", 2), ("[INST] <<SYS>> x <</SYS>> [/INST]", 4), ("<start_of_turn>a<end_of_turn><bos><eos>", 4),
        ("<｜begin▁of▁sentence｜>", 1), ("<|>", 0), ("<| x |>", 0), ("<start_here> <s> [INSTALL] a<|b", 0),
    ],
)  # fmt: skip
def test_special_tokens(text: str, count: int) -> None:
    assert find_spans(pa.array([text], TEXT)).num_special_tokens.tolist() == [count]


def test_rows_are_sorted_and_counted_by_document() -> None:
    texts = ["", "use cookies a@b.co c@d.co", "x", "AKIA" + "IOSFODNN7EXAMPLE e@f.co"]
    findings = find_spans(pa.array(texts, TEXT))
    table = findings.table(np.array([10, 11, 12, 13], np.uint64))
    assert table.schema == SPANS.schema()
    rows = [(r["doc"], r["start_byte"], r["end_byte"], r["reason"], r["replacement"]) for r in table.to_pylist()]
    assert rows == [
        (11, 0, 25, "boilerplate.line", None),
        (11, 12, 18, "pii.email", "email@example.com"),
        (11, 19, 25, "pii.email", "email@example.com"),
        (13, 0, 20, "secret.key", "REDACTED_KEY"),
        (13, 21, 27, "pii.email", "email@example.com"),
    ]
    assert findings.num_emails.tolist() == [0, 2, 0, 1]
    assert findings.num_secrets.tolist() == [0, 0, 0, 1]
    assert findings.num_boilerplate_lines.tolist() == [0, 1, 0, 0]


def test_masked_text_has_nothing_left_to_mask() -> None:
    assert found("write to email@example.com with REDACTED_KEY") == []
