"""Runs that are killed, stopped, damaged or moved: nothing is left behind, what is lost is made anew, the mend is named."""

import contextlib
import fcntl
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

import midmix
from midmix.cli import main
from midmix.config import load_config
from midmix.errors import ConfigError, InputError
from midmix.flow import steps_between
from midmix.runner import config_warnings, run_steps
from midmix.sample import sample
from midmix.status import read_status

WORDS = "some words of a text that is long enough to be told from any other one".split()


def make_corpus(folder: Path, **more: Any) -> Path:
    texts = [" ".join([*WORDS[i % 7 :], str(i), *WORDS[: i % 5]]) for i in range(40)]
    pq.write_table(pa.table({"text": texts}), folder / "a.parquet", row_group_size=10, compression="none")
    path = folder / "config.yaml"
    values = {"sources": {"s": {"path": "a.parquet", "kind": "prose"}}, "part_bytes": 1024}
    path.write_text(yaml.safe_dump(values | more))
    return path


def run_to(config: Path, out: Path, last: str = "score", first: str | None = None, **options: Any) -> dict[str, int]:
    """Run, and count what was done anew by step."""
    run_steps(load_config(config), out, steps_between(first, last), workers=1, quiet=True, **options)
    done = midmix.open(out).sql("SELECT step, count(*) FROM steps WHERE action = 'done' GROUP BY step").fetchall()
    return dict(done)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("finished")
    run_to(make_corpus(folder), folder / "out")
    return folder


@pytest.fixture
def own(finished: Path, tmp_path: Path) -> Path:
    """A folder with corpus, config and finished run that a test may damage."""
    return Path(shutil.copytree(finished, tmp_path / "own"))


def is_held(lock: Path) -> bool:
    """Whether a process holds the lock file."""
    with contextlib.suppress(FileNotFoundError), lock.open("a") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return True
    return False


def wait_until(condition: Any, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.02)
    return False


@contextlib.contextmanager
def started(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], Path]]:
    """A run in a process of its own, whose worker has just been started."""
    out = tmp_path / "out"
    command = [sys.executable, "-m", "midmix", "run", str(make_corpus(tmp_path)), "--out", str(out), "--workers", "1"]
    process = subprocess.Popen(
        [*command, "--until", "score"], stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert wait_until(lambda: is_held(out / "state" / "workers.lock"), 60)
        yield process, out
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_no_worker_outlives_a_killed_run(tmp_path: Path, number: signal.Signals) -> None:
    with started(tmp_path) as (process, out):
        os.kill(process.pid, number)
        assert process.wait() == -number
        assert wait_until(lambda: not is_held(out / "state" / "workers.lock"), 20), "a worker is left"
    assert not read_status(out).alive


def test_ctrl_c_ends_at_once_and_says_how_to_go_on(tmp_path: Path) -> None:
    with started(tmp_path) as (process, out):
        os.kill(process.pid, signal.SIGINT)
        _, errors = process.communicate(timeout=30)
        assert process.returncode == 1
        assert "stopped; run it again" in errors and "Traceback" not in errors
        assert not is_held(out / "state" / "workers.lock")
    run_to(tmp_path / "config.yaml", out)
    assert midmix.open(out).sql("SELECT count(*) FROM scores").fetchall() == [(40,)]


def test_lost_damaged_and_foreign_files_of_a_run_are_made_anew(own: Path) -> None:
    config, out = own / "config.yaml", own / "out"
    assert run_to(config, out) == {}
    first, second, third, *_ = sorted((out / "data" / "scores" / "text").iterdir())
    before = second.read_bytes()
    first.unlink()
    second.write_bytes(before[:100])
    (out / "records" / "score" / "text" / f"{third.name[:9]}.json").write_text("{}")
    assert run_to(config, out) == {"score": 3}
    assert second.read_bytes() == before and run_to(config, out) == {}
    (out / "tables" / "scores.json").unlink()
    assert run_to(config, out) == {}
    assert midmix.open(out).sql("SELECT count(*) FROM scores").fetchall() == [(40,)]


@pytest.mark.parametrize("text", ["{", "{}", "[]", '{"schema_version": 2, "files": [{}], "attached": []}'])
def test_a_damaged_manifest_is_named_with_a_mend_that_works(own: Path, text: str) -> None:
    path = own / "out" / "tables" / "scores.json"
    path.write_text(text)
    with pytest.raises(InputError, match=r"scores\.json.*Delete it and run midmix with this folder again"):
        midmix.open(own / "out").sql("SELECT 1")
    path.unlink()
    assert run_to(own / "config.yaml", own / "out") == {}
    assert midmix.open(own / "out").sql("SELECT count(*) FROM scores").fetchall() == [(40,)]


@pytest.mark.parametrize("text", ["{", "{}", "[]", '{"base": 1}'])
def test_a_damaged_state_is_mended_by_a_run(own: Path, text: str) -> None:
    (own / "out" / "state" / "config.json").write_text(text)
    (own / "out" / "state" / "files.json").write_text(text)
    with pytest.raises(InputError, match=r"config\.json.*Run midmix with this folder again"):
        midmix.open(own / "out")
    assert run_to(own / "config.yaml", own / "out") == {}


def test_a_lost_artefact_is_asked_for_not_silently_trained_again(tmp_path: Path) -> None:
    config = make_corpus(tmp_path, raters={"quality": {"positive": ["s"], "negative": ["t"]}})
    values = yaml.safe_load(config.read_text())
    values["sources"]["t"] = {"path": "b.parquet", "kind": "prose"}
    config.write_text(yaml.safe_dump(values, sort_keys=False))
    texts = [f"{' '.join(reversed(WORDS))} {i}" for i in range(40)]
    pq.write_table(pa.table({"text": texts}), tmp_path / "b.parquet")
    run_to(config, tmp_path / "out", "classify")
    (path,) = (tmp_path / "out" / "data" / "artefacts").glob("rater-quality-*.bin")
    before = path.read_bytes()
    path.unlink()
    with pytest.raises(InputError, match=r"rater:quality.*put it back, or add --rerun"):
        run_to(config, tmp_path / "out", "classify")
    run_to(config, tmp_path / "out", "classify", rerun=True)
    assert path.read_bytes() == before


def test_texts_are_found_after_the_run_alone_was_moved(own: Path, tmp_path: Path) -> None:
    (tmp_path / "far" / "away").mkdir(parents=True)
    moved = Path(shutil.move(own / "out", tmp_path / "far" / "away" / "out"))
    assert len(list(sample(midmix.open(moved), count=3))) == 3
    both = Path(shutil.move(own, tmp_path / "far" / "own"))
    shutil.move(moved, both / "out")
    assert len(list(sample(midmix.open(both / "out"), count=3))) == 3


def test_text_that_changed_since_ingest_is_not_taken_for_the_old(own: Path) -> None:
    table = pq.read_table(own / "a.parquet")
    pq.write_table(table.slice(0, 39), own / "a.parquet", row_group_size=10, compression="none")
    with pytest.raises(InputError, match=r"a\.parquet.*changed since it was ingested.*--from ingest"):
        run_to(own / "config.yaml", own / "out", "passages", "passages")
    (own / "a.parquet").unlink()
    with pytest.raises(InputError, match=r"a\.parquet.*o such file"):
        run_to(own / "config.yaml", own / "out", "passages", "passages")


@pytest.mark.parametrize("name", ["out[1]", "o*t", "o?t"])
def test_a_folder_whose_name_matches_others_is_refused(own: Path, name: str) -> None:
    with pytest.raises(ConfigError, match="match other folders"):
        run_to(own / "config.yaml", own / name)
    (own / "out").rename(own / name)
    with pytest.raises(ConfigError, match="match other folders"):
        midmix.open(own / name)


def test_config_keys_that_stand_twice_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text("sources:\n  a: {path: x, kind: prose}\n  b: {path: x, kind: prose}\n  a: {path: y, kind: code}\n")
    with pytest.raises(ConfigError, match=r"(?s)c\.yaml.*'a' stands twice.*line 4"):
        load_config(path)


@pytest.mark.parametrize("assignment", ["dedup=[1", "dedup={a: 1, a: 2}"])
def test_an_assignment_that_is_no_yaml_is_named(finished: Path, assignment: str) -> None:
    with pytest.raises(ConfigError, match="--set: 'dedup="):
        load_config(finished / "config.yaml", (assignment,))


def test_an_assignment_into_an_empty_section(finished: Path, tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text((finished / "config.yaml").read_text() + "\ndedup:\nproxy:\n")
    config = load_config(path, ("dedup.jaccard=0.7", "proxy.layers=3"))
    assert config.dedup.jaccard == 0.7 and config.proxy is not None and config.proxy.layers == 3


@pytest.mark.parametrize(
    ("assignment", "words"),
    [
        ("edits=[pii.emails]", "'edits.0'.*'pii.email'.*got 'pii.emails'"),
        ("mixture={tokens: 1, targets: {x: {domain: crwal}}}", "mixture.targets.x: no domain 'crwal'"),
        ("mixture={tokens: 1, targets: {x: {domain: s}}, replay: {s: .inf}}", "mixture.replay.*s is inf"),
    ],
)
def test_names_and_numbers_that_cannot_be_are_refused_at_once(finished: Path, assignment: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        load_config(finished / "config.yaml", (assignment,))


def command(*arguments: object) -> int:
    with pytest.raises(SystemExit) as done:
        main([str(a) for a in arguments])
    assert isinstance(done.value.code, int)
    return done.value.code


def test_faults_of_the_machine_are_no_faults_of_midmix(own: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (("init", own / "nowhere" / "x"), ("run", own / "config.yaml", "--out", "/proc/x")):
        assert command(*arguments) == 1
        error = capsys.readouterr().err
        assert "No such file or directory" in error and "fault of midmix" not in error and "Traceback" not in error


def test_a_dry_run_finds_faults_of_the_config(own: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ("run", own / "config.yaml", "--out", own / "none", "--dry-run", "--set")
    assert command(*arguments, "thresholds={gopher_quality.min_wods: 3}") == 2
    assert "did you mean 'gopher_quality.min_words'" in capsys.readouterr().err
    assert command(*arguments, "domains={x: sum(num_bytes) > 1}") == 2
    assert command(*arguments, "seed=2") == 0
    assert not (own / "none").exists()


def test_a_script_without_a_main_guard_is_not_run_again_by_the_workers(tmp_path: Path) -> None:
    config = make_corpus(tmp_path)
    script = tmp_path / "script.py"
    script.write_text(
        "from pathlib import Path\nprint('top')\nfrom midmix.config import load_config\n"
        "from midmix.flow import steps_between\nfrom midmix.runner import run_steps\n"
        f"run_steps(load_config(Path({str(config)!r})), Path({str(tmp_path / 'out')!r}), "
        "steps_between(None, 'ingest'), workers=2, quiet=True)\nprint(__file__, __spec__)\n"
    )
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == ["top", f"{script} None"]


def test_a_step_that_had_nothing_to_write_is_done(tmp_path: Path) -> None:
    run_to(make_corpus(tmp_path), tmp_path / "out", "dedup")
    assert read_status(tmp_path / "out").done == ("ingest", "score", "classify", "dedup")


def test_a_rule_that_was_silenced_leaves_the_run_readable(tmp_path: Path) -> None:
    thresholds = {"gopher_quality.min_words": -float("inf"), "gopher_quality.max_words": float("inf")}
    run_to(make_corpus(tmp_path, thresholds=thresholds), tmp_path / "out", "decide")
    run = midmix.open(tmp_path / "out")
    assert run.config.thresholds == thresholds
    assert run.sql("SELECT count(*) FROM rules WHERE fired AND isinf(threshold)").fetchall() == [(0,)]


def test_debug_shows_where_and_keeps_the_exit_code(finished: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command("sql", finished / "out", "SELEC 1", "--debug") == 2
    assert "Traceback" in capsys.readouterr().err
    assert command("sql", finished / "nowhere", "SELECT 1", "--debug") == 1


@pytest.mark.parametrize("names", [("corpus", "data/sources"), ("state", "data/sources"), ("tables", "data/sources")])
def test_a_folder_of_the_users_is_not_taken_for_a_run_and_swept(tmp_path: Path, names: tuple[str, ...]) -> None:
    project = tmp_path / "project"
    for name in names:
        (project / name).mkdir(parents=True)
    precious = project / "data" / "sources" / "precious.parquet"
    precious.write_bytes(b"x")
    with pytest.raises(InputError, match="no run folder"):
        run_to(make_corpus(tmp_path), project)
    assert precious.exists()


def test_a_run_below_its_own_source_does_not_read_itself(tmp_path: Path) -> None:
    config = make_corpus(tmp_path, sources={"s": {"path": ".", "kind": "prose"}})
    for _ in range(2):
        run_to(config, tmp_path / "out", "ingest")
    run = midmix.open(tmp_path / "out")
    assert run.sql("SELECT DISTINCT path FROM parts").fetchall() == [("a.parquet",)]
    assert run.sql("SELECT count(*) FROM quarantine").fetchall() == [(0,)]


def test_a_domain_that_no_document_can_be_in_is_warned_of(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = load_config(make_corpus(tmp_path, domains={"best": "Quality >= 0.8", "long": "num_words > 9"}))
    run_steps(config, tmp_path / "out", steps_between(None, "ingest"), workers=1)
    warnings = [line for line in capsys.readouterr().err.splitlines() if line.startswith("warning")]
    assert warnings == [
        "warning: domains.best asks for 'quality', which is NULL for every document without raters.quality in the config"
    ]


def test_the_example_config_warns_of_nothing(tmp_path: Path) -> None:
    assert command("init", tmp_path / "c.yaml") == 0
    assert config_warnings(load_config(tmp_path / "c.yaml")) == []


def test_a_reader_that_has_enough_is_no_failure(finished: Path) -> None:
    sql = [sys.executable, "-m", "midmix", "sql", str(finished / "out"), "FROM range(1000000)", "--format", "csv"]
    with subprocess.Popen(sql, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stderr is not None
        assert process.stdout.readline() == "range\n"
        process.stdout.close()
        assert (process.wait(60), process.stderr.read()) == (0, "")


def test_status_after_a_failure_counts_what_was_done(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="tokenizers"):
        run_to(make_corpus(tmp_path), tmp_path / "out", "tokenize")
    running = read_status(tmp_path / "out").running
    assert running is not None and running["step"] == "apply" and running["done"] == running["total"] == 4
