"""Which documents still carry no planted item: each is used once, so that no two plants touch."""

from __future__ import annotations

import re

from midmix.demo.draw import Draw
from midmix.demo.record import Record
from midmix.errors import ConfigError

_WORDS = (50, 1500)
_COMMON = frozenset("the be to of and that have with".split())
# What an edit or a rule would change anyway: planted figures would no longer hold.
_TOUCHED = re.compile(
    r"\S@\S|-----BEGIN|<\||AKIA|ghp_|\bsk-|privacy|policy|cookie|terms of use|newsletter|rights reserved|#{8}",
    re.IGNORECASE,
)


class Pool:
    """Ordinary documents by source, in a drawn order."""

    def __init__(self, records: dict[str, list[Record]], draw: Draw) -> None:
        self._free = {source: draw.shuffled(rows) for source, rows in records.items()}

    def take(self, source: str, *, min_words: int = 0) -> Record:
        """An unused document of the source that should pass any rule. Raises ConfigError when there is none left."""
        free = self._free[source]
        short: list[Record] = []
        while free:
            record = free.pop()
            if is_ordinary(record):
                if len(record.text.split()) >= min_words:
                    free.extend(reversed(short))
                    return record
                short.append(record)
        raise ConfigError(
            f"demo: no document of normal length is left in {source} for what is planted; expected one for each item. "
            "Give more --megabytes."
        )


def is_ordinary(record: Record) -> bool:
    """Whether a document is of normal length and, for prose, reads like prose, and has nothing that edits touch."""
    words = record.text.split()
    if not (_WORDS[0] if record.source == "crawl" else 30) <= len(words) <= _WORDS[1]:
        return False
    if _TOUCHED.search(record.text) or "\ufffd" in record.text:
        return False
    if record.source != "crawl":
        return True
    alphabetic = sum(any(c.isalpha() for c in word) for word in words)
    length = sum(map(len, words)) / len(words)
    return alphabetic >= 0.85 * len(words) and 3.5 <= length <= 9 and len(_COMMON & {w.lower() for w in words}) >= 3
