"""Where a text has functions, against regular expressions."""

from __future__ import annotations

import re

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from midmix.curation.decontaminate.code_span import code_span

PIECES = st.sampled_from(
    ["return", "x" * 250, "return x", " return", "\n  return y", "\treturn;", "\n return z;\n", "def ", "def f(a):", "\ndef g(): return 1", " ",
     "\n", "re", "turn", "rreturn", "returnn", "urn", "xdef ", "de", "f ", ":", ";", "a", "é"]
)  # fmt: skip


def expected(text: bytes) -> tuple[int, int]:
    """The same by patterns."""
    returns = None
    for found in re.finditer(rb"retu", text):
        before = text[: found.start()]
        indent = re.search(rb"[ \t]*\Z", before)
        rest = before[: indent.start()] if indent else before
        opens = not rest or rest.endswith(b":") or (rest.endswith(b"\n") and indent is not None and indent.group())
        if opens and not text[found.start() :].split(b"\n")[0].endswith(b";"):
            returns = found.start()
            break
    if returns is None:
        return 0, 0
    first = re.search(rb"def ", text[:returns])
    last = text.rindex(b"retu")
    stop = text.find(b"\n", last)
    return first.start() if first else 0, stop if stop >= 0 else len(text)


@given(st.lists(PIECES, max_size=14).map("".join), st.binary(max_size=4))
def test_the_same_as_patterns(text: str, around: bytes) -> None:
    data = text.encode()
    buffer = np.frombuffer(around + data + b"return x\n" + around, np.uint8)
    first, last = code_span(buffer, len(around), len(around) + len(data))
    assert (first - len(around), last - len(around)) == expected(data)
