"""Progress says what is done, and nothing of what nobody asked for."""

from pathlib import Path

import pytest

from midmix.progress import Progress


@pytest.mark.parametrize(
    ("total", "reused", "said"),
    [(0, 0, ""), (3, 2, "dedup: sign part             1 of 3 tasks done, 2 reused in 0.0 s\n")],
)
def test_a_line_where_there_were_tasks(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], total: int, reused: int, said: str
) -> None:
    with Progress(tmp_path).step("dedup: sign part", total, reused, 0) as advance:
        for _ in range(total - reused):
            advance(0)
    assert capsys.readouterr().err == said
