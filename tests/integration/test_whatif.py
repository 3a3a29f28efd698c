"""What if: verdicts under other thresholds, from values alone, equal to those of a run that really has them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

import midmix
from midmix.cli import main
from midmix.config import load_config
from midmix.errors import ConfigError
from midmix.flow import steps_between
from midmix.run import Run
from midmix.runner import run_steps
from midmix.whatif import Kept, whatif

SOURCES = ("crawl", "chats")


@pytest.fixture(scope="module")
def made(corpus: Path, write_config: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, Path]:
    folder = tmp_path_factory.mktemp("whatif") / "run"
    config = write_config(
        corpus,
        "whatif.yaml",
        SOURCES,
        raters=None,
        mixture=None,
        proxy=None,
        domains=None,
        thresholds=None,
        benchmarks=None,
    )
    run_steps(load_config(config), folder, steps_between(None, "decide"), workers=1, quiet=True)
    return midmix.open(folder), config


def kept(run: Run) -> dict[str, tuple[int, int]]:
    """Source to documents and bytes that the run's decisions keep."""
    query = """SELECT source, count(*), sum(num_bytes)::BIGINT FROM documents JOIN decisions USING (doc)
        WHERE keep GROUP BY source"""
    return {source: (docs, num_bytes) for source, docs, num_bytes in run.sql(query).fetchall()}


def test_it_is_what_a_run_with_these_thresholds_keeps(made: tuple[Run, Path], tmp_path: Path) -> None:
    run, config = made
    changes = ["gopher_quality.min_words=400", "rules.prose=[gopher_quality]", "sources.chats.dedup.scope=nowhere"]
    effects = whatif(run, changes)
    assert [(e.change, e.source) for e in effects] == [
        (change, source) for change in (*changes, "all together") for source in SOURCES
    ]
    now = kept(run)
    assert all((e.now.docs, e.now.bytes) == now[e.source] for e in effects)
    for change in changes:
        assert sum(e.then.docs for e in effects if e.change == change) != sum(docs for docs, _ in now.values())
    assignments = tuple(f"thresholds.{c}" if c.startswith("gopher") else c for c in changes)
    run_steps(load_config(config, assignments), tmp_path / "run", steps_between(None, "decide"), workers=1, quiet=True)
    really = kept(midmix.open(tmp_path / "run"))
    together = {e.source: (e.then.docs, e.then.bytes) for e in effects if e.change == "all together"}
    assert together == {source: really.get(source, (0, 0)) for source in SOURCES}


def test_a_set_and_a_threshold_of_it_can_be_asked_for_together(made: tuple[Run, Path]) -> None:
    run, _ = made
    effects = whatif(run, ["rules.prose=[fineweb]", "fineweb.max_short_lines=2"])
    then = {change: sum(e.then.docs for e in effects if e.change == change) for change in {e.change for e in effects}}
    assert then["all together"] >= then["rules.prose=[fineweb]"]
    assert then["fineweb.max_short_lines=2"] == sum(e.now.docs for e in effects) // 3
    with pytest.raises(ConfigError, match=r"fineweb.max_short_lines': no kind uses this rule"):
        whatif(run, ["fineweb.max_short_lines=2"])


def test_no_text_is_read_and_nothing_is_written(made: tuple[Run, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    run, _ = made
    monkeypatch.setattr("midmix.parts.read_column", None)
    monkeypatch.setattr("midmix.parts.read_rows", None)
    before = {path: path.stat().st_mtime_ns for path in sorted(run.folder.rglob("*"))}
    (effect, *_) = whatif(run, ["gopher_quality.min_words=-1"])
    assert effect.then.docs >= effect.now.docs
    assert isinstance(effect.then, Kept) and effect.then.tokens_estimated == round(effect.then.bytes / 4)
    assert before == {path: path.stat().st_mtime_ns for path in sorted(run.folder.rglob("*"))}


def test_the_command(made: tuple[Run, Path], capsys: pytest.CaptureFixture[str]) -> None:
    run, _ = made
    with pytest.raises(SystemExit) as ended:
        main(["whatif", str(run.folder), "--set", "gopher_quality.min_words=0", "--format", "json"])
    assert ended.value.code == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [row["source"] for row in rows] == list(SOURCES)
    with pytest.raises(SystemExit):
        main(["whatif", str(run.folder), "--set", "gopher_quality.min_words=0"])
    assert "all sources" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ([], "no change given"),
        (["min_words=3"], "expected a rule's threshold"),
        (["gopher_quality.min_wrods=3"], "did you mean 'gopher_quality.min_words'"),
        (["gopher_quality.min_words=many"], "thresholds"),
    ],
)
def test_faults_say_what_was_expected(made: tuple[Run, Path], changes: list[str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        whatif(made[0], changes)


def test_rule_effect_counts_what_each_rule_costs_alone(made: tuple[Run, Path]) -> None:
    run, _ = made
    decided = run.sql("SELECT source, fired, num_bytes FROM documents JOIN decisions USING (doc)").fetchall()
    expected: dict[tuple[str, str], list[int]] = {}
    for source, fired, num_bytes in decided:
        for rule in fired:
            row = expected.setdefault((source, rule), [0, 0, 0])
            row[0] += 1
            row[1] += len(fired) == 1
            row[2] += num_bytes * (len(fired) == 1)
    found = run.sql(
        "SELECT source, rule, fired_docs, only_this_rule_docs, bytes, tokens_estimated, kind FROM rule_effect"
    ).fetchall()
    assert {(s, r): [f, o, b] for s, r, f, o, b, _, _ in found} == expected
    assert len({rule for _, rule in expected}) > 5
    assert all(abs(tokens - num_bytes / 4) <= 0.5 for *_, num_bytes, tokens, _ in found)
