"""What the summary proposes to look at."""

from typing import Any

import duckdb
import pytest

from midmix.summary import _most_dropped


class Asked:
    """Stands in for a run: a connection with a table of decisions."""

    def __init__(self, reasons: list[str | None]) -> None:
        self._connection = duckdb.connect()
        self._connection.execute("CREATE TABLE decisions (keep BOOLEAN, reason VARCHAR)")
        for reason in reasons:
            self._connection.execute("INSERT INTO decisions VALUES (?, ?)", [reason is None, reason])

    def sql(self, query: str) -> Any:
        return self._connection.sql(query)


@pytest.mark.parametrize(
    ("reasons", "condition"),
    [
        (["c4.x", "leak.gsm", "leak.gsm", None, None, None], "reason = 'leak.gsm'"),
        (["b", "a"], "reason = 'a'"),
        ([None], "keep"),
    ],
)
def test_a_sample_of_what_most_documents_were_dropped_for(reasons: list[str | None], condition: str) -> None:
    assert _most_dropped(Asked(reasons)) == condition  # type: ignore[arg-type]
