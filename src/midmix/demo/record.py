"""A document on its way into the demo's files, and what was planted on it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from midmix.demo.problems import Exercise


@dataclass(eq=False)
class Record:
    """One row of a source. `file` and `row` are known once it is written.

    `text` is what a run reads (of chats: the contents alone, for the run adds the roles). A row with `line` is
    written as those bytes; `fields` replace columns of the row, such as a text that is null.
    """

    source: str
    text: str
    url: str
    metadata: dict[str, Any]
    exercise: Exercise | None = None
    index: int = -1
    messages: list[dict[str, str]] | None = None
    line: bytes | None = None
    fields: dict[str, Any] = field(default_factory=dict)
    file: str = ""
    row: int = -1

    def copy(self, source: str, url: str) -> Record:
        """The same text as a new row of a source that has one text column, or of its own source."""
        if source == self.source:
            return Record(source, self.text, url, dict(self.metadata), self.exercise, self.index, self.messages)
        return Record(source, self.text, url, dict(self.metadata))


@dataclass(frozen=True)
class Planted:
    """A line of the answer sheet. `kind` is one of KINDS, `other` the other half of a pair, `detail` is kept as JSON."""

    kind: str
    record: Record
    other: Record | None = None
    jaccard: float | None = None
    detail: dict[str, Any] = field(default_factory=dict)


KINDS = (
    "exact", "near", "template", "leak", "secret", "boilerplate", "mojibake", "empty", "huge", "null_text", "not_text",
    "invalid_json", "invalid_utf8", "truncated_file",
)  # fmt: skip
