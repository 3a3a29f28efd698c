"""Spans of raw text that an edit may mask or cut: e-mail addresses, keys of known form, boilerplate lines.

Places come from a byte scan; the patterns here confirm them. Every repetition in a pattern is bounded or walks over
characters that the next item cannot start with, so matching is linear on hostile text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from midmix.curation.clean import text_buffers
from midmix.curation.score.candidates import EMAIL, LINE, SECRET, TOKEN, find_candidates
from midmix.tables import SPANS

EMAIL_REASON, EMAIL_MASK = "pii.email", "email@example.com"
SECRET_REASON, SECRET_MASK = "secret.key", "REDACTED_KEY"
LINE_REASON = "boilerplate.line"
PRODUCER = "spans"
MAX_LINE_CHARS = 200

# The name of a host ends in letters; what follows a call's bracket is an attribute (`a @ b.sum(c)` without spaces).
ADDRESS = re.compile(
    rb"[A-Za-z0-9][A-Za-z0-9._%+-]{0,63}@(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,62})\.){1,8}[A-Za-z]{2,24}(?!\.?[A-Za-z0-9]|[_(-])"
)
KEY = re.compile(
    rb"(?:AKIA|ASIA)[A-Z0-9]{16}(?![A-Za-z0-9])"
    rb"|gh[pousr]_[A-Za-z0-9]{36,255}(?![A-Za-z0-9])"
    rb"|github_pat_[A-Za-z0-9_]{22,255}(?![A-Za-z0-9_])"
    rb"|sk-(?:(?:proj|svcacct|admin|ant|or)-[A-Za-z0-9_-]{20,250}|[A-Za-z0-9]{20,200})(?![A-Za-z0-9_-])"
    rb"|xox[abeoprs]-[A-Za-z0-9-]{10,250}(?![A-Za-z0-9-])"
    rb"|AIza[A-Za-z0-9_-]{35}(?![A-Za-z0-9_-])"
)
PRIVATE_KEY = re.compile(
    rb"-----BEGIN (?:[A-Z0-9]{1,16} ){0,4}PRIVATE KEY(?: BLOCK)?-----"
    rb"[^-]{0,16384}(?:-[^-]{1,16384}){0,8}"
    rb"-----END (?:[A-Z0-9]{1,16} ){0,4}PRIVATE KEY(?: BLOCK)?-----"
)
KEY_BODY = re.compile(rb"[A-Za-z0-9+/]{40}")
SPECIAL_TOKEN = re.compile(
    rb"<\|[A-Za-z0-9_]{1,64}\|>|<\xef\xbd\x9c[^<>\n]{1,64}\xef\xbd\x9c>|\[/?INST\]|<</?SYS>>"
    rb"|<(?:start|end)_of_(?:turn|text|image)>|<(?:bos|eos)>"
)
# C4's policy phrases, and two of newsletters and footers.
PHRASE = re.compile(
    rb"terms of use|privacy policy|cookie policy|uses cookies|use of cookies|use cookies"
    rb"|subscribe to our newsletter|all rights reserved",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Findings:
    """What was found in n documents: rows of SPANS without keys, and counts, int32 [n].

    document: int64 [m], place of the document in the batch; start, end: int64 [m], bytes of its raw text.
    """

    document: npt.NDArray[np.int64]
    start: npt.NDArray[np.int64]
    end: npt.NDArray[np.int64]
    reason: list[str]
    replacement: list[str | None]
    num_emails: npt.NDArray[np.int32]
    num_secrets: npt.NDArray[np.int32]
    num_boilerplate_lines: npt.NDArray[np.int32]
    num_special_tokens: npt.NDArray[np.int32]

    def table(self, keys: npt.NDArray[np.uint64]) -> pa.Table:
        """Rows of SPANS, given the keys of the documents."""
        columns = [
            pa.array(keys[self.document]),
            pa.array(self.start),
            pa.array(self.end),
            pa.array(self.reason, pa.string()),
            pa.array(self.replacement, pa.string()),
            pa.array([PRODUCER] * len(self.reason), pa.string()),
        ]
        return pa.Table.from_arrays(columns, schema=SPANS.schema())


def find_spans(texts: pa.LargeStringArray) -> Findings:
    """All spans of a batch of texts without NULLs, and what was counted on the way."""
    offsets, data = text_buffers(texts)
    buffer = data.data
    counts = np.zeros((4, len(texts)), np.int32)
    rows: list[tuple[int, int, int, str, str | None]] = []
    done = (-1, 0)  # the document and last byte of the address or key found last
    for document, kind, first, last in find_candidates(offsets, data).tolist():
        begin = int(offsets[document])
        if kind == TOKEN:
            counts[TOKEN, document] += SPECIAL_TOKEN.match(buffer, first, last) is not None
        elif kind in (EMAIL, SECRET):
            found = _address(buffer, first, last) if kind == EMAIL else _secret(buffer, begin, first, last)
            if found is None or (done[0] == document and found[0] < done[1]):
                continue
            done = (document, found[1])
            counts[kind, document] += 1
            reason, mask = (EMAIL_REASON, EMAIL_MASK) if kind == EMAIL else (SECRET_REASON, SECRET_MASK)
            rows.append((document, found[0] - begin, found[1] - begin, reason, mask))
        elif _is_boilerplate(buffer, first, last):
            counts[kind, document] += 1
            rows.append((document, first - begin, last - begin, LINE_REASON, None))
    rows.sort(key=lambda row: row[:4])
    return _findings(rows, counts)


def _findings(rows: list[tuple[int, int, int, str, str | None]], counts: npt.NDArray[np.int32]) -> Findings:
    numbers = np.array([row[:3] for row in rows], np.int64).reshape(-1, 3)
    return Findings(
        document=numbers[:, 0],
        start=numbers[:, 1],
        end=numbers[:, 2],
        reason=[row[3] for row in rows],
        replacement=[row[4] for row in rows],
        num_emails=counts[EMAIL],
        num_secrets=counts[SECRET],
        num_boilerplate_lines=counts[LINE],
        num_special_tokens=counts[TOKEN],
    )


def _address(buffer: memoryview, first: int, last: int) -> tuple[int, int] | None:
    """The address that starts at `first`, but for the one that masks others: masked text has none."""
    found = ADDRESS.match(buffer, first, last)
    return found.span() if found and found.group() != EMAIL_MASK.encode() else None


def _secret(buffer: memoryview, begin: int, first: int, last: int) -> tuple[int, int] | None:
    if buffer[first] == ord("-"):
        block = PRIVATE_KEY.match(buffer, first - 4, last) if first - 4 >= begin else None
        return block.span() if block and KEY_BODY.search(block.group()) else None
    if first > begin and (chr(buffer[first - 1]).isalnum() or buffer[first - 1] in b"_-"):
        return None
    found = KEY.match(buffer, first, last)
    return found.span() if found else None


def _is_boilerplate(buffer: memoryview, first: int, last: int) -> bool:
    if PHRASE.search(buffer, first, last) is None:
        return False
    return len(bytes(buffer[first:last]).decode("utf-8", errors="replace").rstrip("\r\n")) < MAX_LINE_CHARS
