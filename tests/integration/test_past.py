"""A run is indexed, another is compared with the index: what the first had is dropped, by its hashes alone."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import midmix
from midmix.config import parse_config
from midmix.curation.past.job import run_index
from midmix.errors import ConfigError, InputError
from midmix.explain import explain
from midmix.flow import steps_between
from midmix.run import Run
from midmix.runner import run_steps

LONG = [f"text{number} " + " ".join(f"w{number}x{i}" for i in range(200)) for number in range(3)]
NEAR = LONG[1].replace("w1x7 ", "other ")
SHORT = "Three words only"
FRESH = "fresh " + " ".join(f"new{i}" for i in range(300))
Runner = Callable[..., Run]


def write_run(
    base: Path,
    files: dict[str, list[str]],
    folder: str,
    *,
    first: str | None = None,
    last: str = "decide",
    workers: int = 1,
    **sections: Any,
) -> Run:
    """A run without rules over files of texts."""
    for name, texts in files.items():
        (base / name).mkdir(exist_ok=True)
        pq.write_table(pa.table({"text": texts}), base / name / "a.parquet")
    sources = {name: {"path": f"{name}/*.parquet", "kind": "prose"} for name in files}
    config = parse_config({"sources": sources, "rules": {"prose": []}, **sections}, base=base)
    run_steps(config, base / folder, steps_between(first, last), workers=workers, quiet=True)
    return midmix.open(base / folder)


@pytest.fixture(scope="module")
def earlier(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of three long texts and a short one, with its index beside it; tests leave both as they are."""
    base = tmp_path_factory.mktemp("past")
    write_run(base, {"old": [*LONG, SHORT]}, "earlier", last="apply")
    run_index(base / "earlier", base / "index", workers=1, quiet=True)
    return base / "earlier"


@pytest.fixture
def run(tmp_path: Path, earlier: Path) -> Runner:
    """Runs that are compared with the index, or with what `dedup` names."""
    against = {"against": {"pre": str(earlier.parent / "index")}}
    return lambda *given, dedup=against, **named: write_run(tmp_path, *given, dedup=dedup, **named)


def digests(folder: Path) -> dict[str, bytes]:
    names = ("past_pairs", "decisions")
    return {name: (folder / "tables" / f"{name}.json").read_bytes() for name in names}


def test_what_the_past_has_is_dropped_and_the_fresh_text_stays(run: Runner, tmp_path: Path) -> None:
    new = [FRESH, LONG[0], NEAR, SHORT, LONG[0]]
    made = run({"new": new}, "later")
    assert made.sql("SELECT doc FROM decisions WHERE keep").fetchall() == [(0,)]
    found = made.sql("SELECT doc, corpus, past, relation, jaccard FROM past_pairs ORDER BY doc").fetchall()
    # Of 197 shingles of five words each, the changed word is in five: 192 / 202.
    assert found == [
        (1, "pre", 0, "exact", 1.0),
        (2, "pre", 1, "near", 192 / 202),
        (3, "pre", 3, "exact", 1.0),
        (4, "pre", 0, "exact", 1.0),
    ]
    assert [(row["corpus"], row["past"]) for row in explain(made, "0:2").past] == [("pre", "0:1")]
    reasons = made.sql("SELECT DISTINCT reason FROM decisions WHERE NOT keep").fetchall()
    assert reasons == [("past.pre",)]
    # A place that nobody took is nobody's to lose: copies in the run repeat no kept document.
    assert made.sql("SELECT count(*) FROM decisions WHERE repeats IS NOT NULL").fetchall() == [(0,)]
    # Exact copies are known by their hash: of all texts that of the near one alone is read.
    [(read,)] = made.sql("SELECT sum(text_bytes_read) FROM steps WHERE step = 'past'").fetchall()
    assert len(NEAR) <= read <= len(NEAR) + 64
    run({"new": new}, "two", workers=2)
    assert digests(tmp_path / "two") == digests(tmp_path / "later")


def test_a_source_that_comes_later_gives_the_same_as_all_at_once(run: Runner, tmp_path: Path) -> None:
    first, second = {"new": [FRESH, NEAR]}, {"more": [SHORT, f"{FRESH} and more of it", LONG[2]]}
    run(first, "grown")
    grown = run(first | second, "grown")
    run(first | second, "whole")
    assert digests(tmp_path / "grown") == digests(tmp_path / "whole")
    old = "SELECT unit, action FROM steps WHERE step = 'past' AND item = 'p00000000' ORDER BY unit"
    assert ("pairs.pre", "reused") in grown.sql(old).fetchall()
    without = run(first | second, "grown", first="past", last="past", dedup={})
    assert without.sql("SELECT count(*) FROM past_pairs").fetchall() == [(0,)]


def contents(index: Path) -> dict[str, bytes]:
    """Every file of an index but its state and records, which have a clock, by relative path."""
    paths = [path for path in index.rglob("*") if path.is_file()]
    found = {str(path.relative_to(index)): path.read_bytes() for path in paths}
    return {name: data for name, data in found.items() if not name.startswith(("state/", "records/"))}


def test_an_index_cut_off_before_its_end_is_finished_and_holds_no_text(earlier: Path, tmp_path: Path) -> None:
    whole = contents(earlier.parent / "index")
    assert "index.json" in whole and not any(b"w1x17" in data for data in whole.values())
    index = Path(shutil.copytree(earlier.parent / "index", tmp_path / "index"))
    for path in (index / "index.json", index / "tables" / "bands.json"):
        path.unlink()
    run_index(earlier, index, workers=1, quiet=True)
    assert contents(index) == whole
    run_index(earlier, tmp_path / "other", workers=2, quiet=True)
    assert contents(tmp_path / "other") == whole


def test_clear_errors(run: Runner, earlier: Path, tmp_path: Path) -> None:
    index = str(earlier.parent / "index")
    with pytest.raises(ConfigError, match=r"against\.pre.*ngram is 5 there and 7 here; bands is 20 there and 10 here"):
        run({"new": [FRESH]}, "x", dedup={"against": {"pre": index}, "ngram": 7, "bands": 10})
    with pytest.raises(InputError, match="no finished index"):
        run({"new": [FRESH]}, "x", dedup={"against": {"pre": str(earlier)}})
    with pytest.raises(InputError, match="holds files but no index"):
        run_index(earlier, earlier, workers=1, quiet=True)
    write_run(tmp_path, {"new": [FRESH]}, "short", last="ingest")
    with pytest.raises(InputError, match="no table 'curated'"):
        run_index(tmp_path / "short", tmp_path / "nothing", workers=1, quiet=True)
