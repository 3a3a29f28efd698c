"""Planted rows that cannot be read or kept: null and non-string text, bad JSON and UTF-8, empty and huge documents."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any

import numpy as np

from midmix.demo.draw import Draw
from midmix.demo.record import Planted, Record

_STREAM = 99
_META = {"license": None, "synthetic": True}


def empty(count: int, draw: Draw) -> Iterator[tuple[Record, Planted]]:
    """Documents without a word: no text, or white space alone."""
    for number in range(count):
        text = draw.pick(("", "", " ", "\n", " \t \n\n "))
        record = _row(draw.pick(("crawl", "repos", "proofs")), f"empty/{number}", text)
        yield record, Planted("empty", record, detail={"chars": len(text)})


def huge(prose: str, line_bytes: int, seed: int) -> Iterator[tuple[Record, Planted]]:
    """One long prose document, and code that is one line of data."""
    whole = _row("crawl", "huge/pages", prose)
    blob = base64.b64encode(np.random.default_rng((seed, _STREAM)).bytes(line_bytes * 3 // 4)).decode()
    line = _row("repos", "huge/line", f'DATA = "{blob}"\n')
    for record, what in ((whole, "many pages"), (line, "one line")):
        yield record, Planted("huge", record, detail={"what": what, "num_bytes": len(record.text.encode())})


def null_text(count: int, draw: Draw) -> Iterator[tuple[Record, Planted]]:
    """Rows whose text, messages or question is null."""
    for number in range(count):
        source, column = draw.pick(
            (
                ("crawl", "text"),
                ("repos", "content"),
                ("proofs", "text"),
                ("problems", "question"),
                ("chats", "messages"),
            )
        )
        record = _row(source, f"null/{number}", "")
        record.fields[column] = None
        if source == "problems":
            record.fields["answer"] = f"The answer is {draw.between(2, 99)}."
        yield record, Planted("null_text", record, detail={"column": column})


def not_text(count: int, draw: Draw) -> Iterator[tuple[Record, Planted]]:
    """Lines of JSON whose text is a number, a list, an object, a boolean or missing, or that are no object at all."""
    for number in range(count):
        value = draw.pick((draw.between(1, 10**6), 2.5, True, ["a", "list"], {"an": "object"}, "missing", "no object"))
        row: Any = {"id": f"bad-{number}", "text": value, "url": f"broken:{number}"}
        if value == "missing":
            row = {"id": f"bad-{number}", "body": "The field has another name here."}
        elif value == "no object":
            row = draw.pick((["text", "in a list"], "a bare string", 17))
        yield _line(json.dumps(row).encode(), number, "not_text", {"value": json.dumps(value)})


def invalid_json(count: int, draw: Draw) -> Iterator[tuple[Record, Planted]]:
    """Lines that are cut off, lack a quote, or are not JSON at all."""
    for number in range(count):
        row = json.dumps({"id": f"bad-json-{number}", "text": f"Let x = {draw.between(2, 99)} and find x squared."})
        what, line = draw.pick(
            (
                ("cut off", row[: len(row) // 2]),
                ("no quote", row.replace('": "', '": ', 1)),
                ("no JSON", "<html><body>404</body></html>"),
            )
        )
        yield _line(line.encode(), number, "invalid_json", {"what": what})


def invalid_utf8(count: int, draw: Draw) -> Iterator[tuple[Record, Planted]]:
    """Lines of JSON whose text holds bytes that are not UTF-8."""
    for number in range(count):
        bad = draw.pick((b"\xff\xfe", b"caf\xe9", b"\xc3(", b"\xed\xa0\x80"))
        yield _line(
            b'{"id": "bad-utf8-%d", "text": "The area of the %b is 4 pi."}' % (number, bad),
            number,
            "invalid_utf8",
            {"bytes": bad.hex()},
        )


def _row(source: str, name: str, text: str) -> Record:
    return Record(source, text, f"broken:{name}", dict(_META))


def _line(line: bytes, number: int, kind: str, detail: dict[str, Any]) -> tuple[Record, Planted]:
    record = Record("proofs", "", f"broken:{kind}/{number}", dict(_META), line=line)
    return record, Planted(kind, record, detail=detail)
