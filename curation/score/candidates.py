"""Where in a text an address, a key, a special token or a policy phrase may stand: a scan over its bytes.

The scan is generous; `midmix.curation.score.spans` confirms each place with a pattern. It is linear in the text, and
what it looks at around a place is bounded.
"""

from __future__ import annotations

import functools

import numpy as np
import numpy.typing as npt

from midmix.jit import njit

EMAIL, SECRET, TOKEN, LINE = 0, 1, 2, 3
MAX_LOCAL_BYTES = 64
MAX_LINE_BYTES = 800  # 200 code points

# How keys start; '?' stands for any byte. A PEM block starts with five hyphens and BEGIN.
SECRET_STARTS = ("AKIA", "ASIA", "gh?_", "github_p", "sk-", "xox?-", "AIza", "-BEGIN ")
# How chat and end-of-text tokens start.
TOKEN_STARTS = ("<|", "<\uff5c", "[INST]", "[/INST]", "<<SYS>>", "<</SYS>>", "<start_", "<end_", "<bos>", "<eos>")
# A piece of each policy phrase, in lower case; the scan ignores its case.
LINE_STARTS = ("terms of", "privacy ", "cookie", "newslett", "rights r")
WIDTH = 8


def find_candidates(offsets: npt.NDArray[np.int64], data: npt.NDArray[np.uint8]) -> npt.NDArray[np.int64]:
    """Places worth a closer look, int64 [m, 4]: document, what (EMAIL, ...), first byte in `data`, byte after the last.

    An address' place starts with its local part and a line's is the whole line, newline included; the last byte of the
    other two is that of their document. Places of one kind are in the order of the text.
    """
    places: npt.NDArray[np.int64] = _scan(offsets, data, *_patterns())
    return places


@functools.cache
def _patterns() -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
    """Starts as uint8 [k, 9] (0 ends one, 1 is any byte), their kinds [k], and the pairs of bytes that begin one."""
    starts = (
        [(SECRET, s) for s in SECRET_STARTS] + [(TOKEN, s) for s in TOKEN_STARTS] + [(LINE, s) for s in LINE_STARTS]
    )
    patterns = np.zeros((len(starts), WIDTH + 1), np.uint8)
    pairs = np.zeros((256, 256), np.bool_)
    pairs[ord("@")] = True
    for row, (kind, start) in enumerate(starts):
        raw = start.encode()
        patterns[row, : len(raw)] = np.frombuffer(raw.replace(b"?", b"\1"), np.uint8)
        for first, second in {(raw[0], raw[1]), *(tuple(c.encode()) for c in _cases(start) if kind == LINE)}:
            pairs[first, second] = True
    return patterns, np.array([kind for kind, _ in starts], np.int64), pairs


def _cases(start: str) -> list[str]:
    a, b = start[0], start[1]
    return [a + b, a.upper() + b, a + b.upper(), a.upper() + b.upper()]


@njit
def _scan(offsets, data, patterns, kinds, pairs):  # type: ignore[no-untyped-def]
    found = np.empty((1024, 4), np.int64)
    count = 0
    for document in range(len(offsets) - 1):
        begin, end = offsets[document], offsets[document + 1]
        line_end = begin  # lines up to here are listed already
        for at in range(begin, end - 1):
            if not pairs[data[at], data[at + 1]]:
                continue
            first, last = at, end
            if data[at] == 64:
                kind = EMAIL
                first = _local_start(data, begin, at)
                if first == at:
                    continue
            else:
                kind = _kind_at(data, at, end, patterns, kinds)
                if kind < 0:
                    continue
            if kind == LINE:
                if at < line_end:
                    continue
                first, last = _line_around(data, begin, at, end)
                if last < 0:
                    continue
                line_end = last
            if count == len(found):
                found = np.concatenate((found, np.empty_like(found)))
            found[count, 0] = document
            found[count, 1] = kind
            found[count, 2] = first
            found[count, 3] = last
            count += 1
    return found[:count].copy()


@njit
def _kind_at(data, at, end, patterns, kinds):  # type: ignore[no-untyped-def]
    """What the bytes from `at` may start, or -1."""
    for row in range(len(patterns)):
        matched = 0
        while patterns[row, matched] != 0 and at + matched < end:
            byte = data[at + matched]
            if kinds[row] == LINE and 65 <= byte <= 90:
                byte += 32
            if patterns[row, matched] != 1 and byte != patterns[row, matched]:
                break
            matched += 1
        if patterns[row, matched] == 0:
            return kinds[row]
    return -1


@njit
def _local_start(data, begin, at):  # type: ignore[no-untyped-def]
    """First byte of the local part in front of an '@', which starts with a letter or digit; `at` if there is none."""
    first = at
    start = at
    while first > begin and at - first < MAX_LOCAL_BYTES:
        byte = data[first - 1]
        if 97 <= byte <= 122 or 65 <= byte <= 90 or 48 <= byte <= 57:
            start = first - 1
        elif not (byte == 46 or byte == 95 or byte == 37 or byte == 43 or byte == 45):
            break
        first -= 1
    return start


@njit
def _line_around(data, begin, at, end):  # type: ignore[no-untyped-def]
    """The line around a byte, newline included; (0, -1) where it has more than 800 bytes."""
    first, last = at, at
    while first > begin and data[first - 1] != 10:
        first -= 1
        if at - first > MAX_LINE_BYTES:
            return 0, -1
    while last < end and data[last] != 10:
        last += 1
        if last - first > MAX_LINE_BYTES:
            return 0, -1
    return first, min(last + 1, end)
