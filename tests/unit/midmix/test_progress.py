"""Progress says what is done, and nothing of what nobody asked for."""

import io
import sys
from pathlib import Path

import pytest

from midmix.progress import Progress, counted


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


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_work_outside_of_steps_has_a_bar_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("midmix.progress.BAR_SECONDS", 0.0)
    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    with counted("materialised", 40) as advance:
        advance(10)
        advance(20)
    assert "materialised" in screen.getvalue() and "30/40" in screen.getvalue()


def test_it_shows_nothing_elsewhere_nor_of_no_work(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with counted("materialised", 40) as advance:
        advance(10)
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "")
    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    with counted("megatron", 0) as advance:
        advance(0)
    assert screen.getvalue() == ""
