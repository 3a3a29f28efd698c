"""Which addresses are one page."""

from __future__ import annotations

import duckdb
import pytest

from midmix.overlap import URL_MACRO


@pytest.fixture(scope="module")
def connection() -> duckdb.DuckDBPyConnection:
    made = duckdb.connect(":memory:")
    made.execute(URL_MACRO)
    return made


@pytest.mark.parametrize(
    ("url", "page"),
    [
        ("http://a.org/x/y", "a.org/x/y"),
        ("https://www.A.org:443/x/y/?q=1#top", "a.org/x/y"),
        ("HTTPS://user:word@WWW.a.org/X", "a.org/X"),
        ("a.org/x", "a.org/x"),
        ("//a.org/x", "a.org/x"),
        ("http://a.org", "a.org"),
        (" http://a.org/ ", "a.org"),
        ("http://a.org?q=/x", "a.org"),
        ("https://b.org/@user/x@y", "b.org/@user/x@y"),
        ("https://b.org/http://a.org/x", "b.org/http://a.org/x"),
        ("", None),
        ("#top", None),
        (None, None),
    ],
)
def test_page_of_an_address(connection: duckdb.DuckDBPyConnection, url: str | None, page: str | None) -> None:
    assert connection.execute("SELECT url_key(?)", [url]).fetchall() == [(page,)]
