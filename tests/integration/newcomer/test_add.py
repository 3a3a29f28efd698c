"""A newcomer: its preview says what it brings and touches nothing, and taken in the run equals one made whole."""

from __future__ import annotations

import itertools
import json
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

import midmix
from midmix.add.commit import commit, text_to_paste
from midmix.add.figures import Figures
from midmix.add.newcomer import read_newcomer
from midmix.add.preview import preview
from midmix.add.previews import discard_named
from midmix.cli import main
from midmix.errors import ConfigError, InputError, MidmixError
from midmix.run import Run
from midmix.status import status_lines

Manifests = Callable[[Path], dict[str, Any]]
Hashes = Callable[[Path], dict[str, str]]
Differences = Callable[[Path, Path], list[str]]
Make = Callable[[Path, Path], Run]
Refused = Callable[[Path, Path, type[MidmixError], str], None]
KilledAt = Callable[[int, Callable[[], object]], bool]
Rows = list[dict[str, Any]]


def write_yaml(path: Path, value: dict[str, Any]) -> Path:
    path.write_text(yaml.safe_dump(value, sort_keys=False))
    return path


def one(values: Rows, **names: Any) -> dict[str, Any]:
    [found] = [v for v in values if all(v[k] == w for k, w in names.items())]
    return found


def test_the_preview_touches_nothing_of_the_run(made: Path, previewed: tuple[Path, Figures], files_of: Hashes) -> None:
    layer, _ = previewed
    assert files_of(layer.parents[1]) == files_of(made)
    assert [p.name for p in layer.parents[1].iterdir() if p.name not in {q.name for q in made.iterdir()}] == [
        "previews"
    ]


def test_it_says_what_comes_and_what_goes(previewed: tuple[Path, Figures], given: Any) -> None:
    _, figures = previewed
    [source] = figures.sources
    size = sum(len(t.encode()) for t in given.new)
    assert (source["rows"], source["set_aside"], source["docs"], source["bytes"]) == (
        len(given.new) + 1,
        1,
        len(given.new),
        size,
    )
    reasons = {row["reason"]: row["docs"] for row in figures.dropped}
    assert reasons == {"mine.min_chars": 2, "leak.quiz": 1, "duplicate.exact": 4, "duplicate.near": 2}
    kept = [*given.own, given.twice]
    assert (source["kept_docs"], source["kept_bytes"]) == (len(kept), sum(len(t) for t in kept))
    assert sum(row["bytes"] for row in figures.dropped) == size - source["kept_bytes"]
    assert figures.lost == figures.regained == figures.lost_docs == []


def test_it_says_what_is_shared_with_whom(previewed: tuple[Path, Figures], given: Any) -> None:
    _, figures = previewed
    found = {
        (row["a"], row["b"], row["by"]): (row["docs"], row["share_of_a"], row["share_of_b"]) for row in figures.overlap
    }
    share = 1 / len(given.new)
    assert found == {
        ("new", "web", "exact"): (3, 3 * share, 3 / 60),
        ("new", "web", "url"): (1, share, 1 / 60),
        ("new", "web", "any"): (4, 4 * share, 4 / 60),
        ("new", "wiki", "near"): (2, 2 * share, 2 / 30),
        ("new", "wiki", "any"): (2, 2 * share, 2 / 30),
        ("new", "new", "exact"): (2, 2 * share, 2 * share),
        ("new", "new", "any"): (2, 2 * share, 2 * share),
    }


def test_it_shows_the_text_of_a_leak(previewed: tuple[Path, Figures], given: Any) -> None:
    _, figures = previewed
    [leak] = figures.leaks
    assert (leak["set"], leak["items"], leak["docs"], leak["dropped"]) == ("quiz", 1, 1, 1)
    hit = one(figures.hits, field="question")
    assert (hit["item"], hit["label"], hit["question"]) == (2, "leak", given.items[2]["question"])
    assert hit["match"].rstrip(".") == given.items[2]["question"].rstrip(".")
    assert given.leak.startswith(hit["before"][-40:], given.leak.index(hit["before"][-40:])) and hit["after"]
    assert hit["before"] + hit["match"] + hit["after"] in given.leak


def test_it_counts_the_tokens_that_the_run_will_have(previewed: tuple[Path, Figures], whole: Path) -> None:
    _, figures = previewed
    run = midmix.open(whole)
    rows_ = run.sql(
        """SELECT coalesce(l.kind, s.kind), count(*), sum(num_tokens)::BIGINT FROM tokens t JOIN documents d USING (doc)
           JOIN sources s USING (source) LEFT JOIN labels l USING (doc) WHERE d.source = 'new' GROUP BY ALL ORDER BY 1"""
    ).fetchall()
    assert [(n["kind"], n["new_docs"], n["net_tokens"]) for n in figures.net] == rows_
    assert figures.tokens_by == "main" and figures.sources[0]["kept_tokens"] == sum(tokens for *_, tokens in rows_)


def test_every_question_can_be_asked_of_the_preview(previewed: tuple[Path, Figures], whole: Path) -> None:
    layer, _ = previewed
    ours, run = midmix.open(layer), midmix.open(whole)
    for view in (
        "documents",
        "judged",
        "pairs",
        "decisions",
        "contamination",
        "overlap",
        "ledger",
        "curated",
        "artefacts",
    ):
        query = f"SELECT * FROM {view} ORDER BY ALL"
        if view == "ledger":
            query = "SELECT * FROM ledger WHERE step <> 'tokenize' ORDER BY ALL"
        assert ours.sql(query).fetchall() == run.sql(query).fetchall(), view


def test_of_old_text_only_what_may_be_repeated_is_read(previewed: tuple[Path, Figures], given: Any) -> None:
    read = dict(
        midmix.open(previewed[0]).sql(
            """SELECT step, sum(text_bytes_read)::BIGINT FROM steps JOIN parts p USING (part)
               WHERE p.source <> 'new' AND text_bytes_read > 0 GROUP BY ALL"""
        ).fetchall()
    )  # fmt: skip
    least = len(given.wiki[5]) + len(given.wiki[6])
    assert read.keys() == {"dedup"} and least <= read["dedup"] < 1.1 * least


def test_the_same_again_does_nothing_again(with_preview: Path, previewed: tuple[Path, Figures], market: Path) -> None:
    layer, same = preview(with_preview, market / "elsewhere/new.yaml", workers=1, quiet=True)
    assert (layer.name, same) == (previewed[0].name, previewed[1])
    assert midmix.open(layer).sql("SELECT DISTINCT action, text_bytes_read FROM steps").fetchall() == [("reused", 0)]


def test_taken_in_it_is_the_run_made_whole_and_the_preview_is_used(
    with_preview: Path,
    market: Path,
    whole: Path,
    killed_at: KilledAt,
    published: Manifests,
    differences: Differences,
    make: Make,
) -> None:
    config, before = (market / "config.yaml").read_bytes(), published(with_preview)
    take_in = partial(commit, with_preview, market / "new.yaml", workers=1, quiet=True)
    assert killed_at(30, take_in)
    assert published(with_preview) == before
    run, newcomer = take_in()
    assert differences(with_preview, whole) == []
    done = run.sql("SELECT step, p.source FROM steps LEFT JOIN parts p USING (part) WHERE action = 'done'").fetchall()
    # The clusters of old documents know of the new ones, so their parts are applied again.
    assert set(done) <= {("tokenize", None), ("apply", "web"), ("apply", "wiki")}
    assert not (with_preview / "previews").exists()
    assert list(run.config.sources) == ["web", "wiki", "new"] and run.config.sources["new"].license == "cc0"
    assert (market / "config.yaml").read_bytes() == config
    assert yaml.safe_load(text_to_paste(newcomer)) == yaml.safe_load((market / "new.yaml").read_text())
    make(market / "whole.yaml", with_preview)
    assert midmix.open(with_preview).sql("SELECT DISTINCT action FROM steps").fetchall() == [("reused",)]
    again, _ = take_in()
    assert again.sql("SELECT DISTINCT action FROM steps").fetchall() == [("reused",)]


def test_the_command_prints_and_writes_it(
    with_preview: Path,
    previewed: tuple[Path, Figures],
    market: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    given: Any,
) -> None:
    arguments = ["add", str(with_preview), str(market / "new.yaml")]
    with pytest.raises(SystemExit) as done:
        main([*arguments, "--preview", "--json", str(tmp_path / "figures.json")])
    assert done.value.code == 0
    assert json.loads((tmp_path / "figures.json").read_text()) == previewed[1].values()
    printed = capsys.readouterr().out
    assert all(
        words in printed for words in (given.items[2]["question"][:40], "duplicate.near", "--discard", "net new tokens")
    )
    for wrong in ([], ["--preview", "--commit"], ["--commit", "--json", "x"]):
        with pytest.raises(SystemExit) as done:
            main([*arguments, *wrong])
        assert done.value.code == 2


def test_a_newcomer_that_stands_first_takes_places(base: Path, market: Path) -> None:
    _, figures = preview(base, market / "first.yaml", workers=1, quiet=True)
    lost = {(r["source"], r["reason"], r["to_source"]): r["docs"] for r in figures.lost}
    assert lost == {("web", "duplicate.exact", "new"): 3, ("wiki", "duplicate.near", "new"): 2}
    run = midmix.open(base)
    [tokens] = run.sql(
        "SELECT sum(num_tokens)::BIGINT FROM tokens JOIN documents USING (doc) WHERE user_id IN "
        "('web.org-1', 'web.org-2', 'web.org-3', 'wiki.org-5', 'wiki.org-6')"
    ).fetchall()[0]
    assert sum(row["lost_tokens"] for row in figures.net) == tokens == sum(row["tokens"] for row in figures.lost)
    assert [row["net_tokens"] for row in figures.net] == [row["new_tokens"] - row["lost_tokens"] for row in figures.net]


@pytest.fixture
def refused(files_of: Hashes) -> Refused:
    """Assert that neither a preview nor a commit begins, and that nothing changes."""

    def check(run: Path, file: Path, error: type[MidmixError], words: str) -> None:
        before = files_of(run)
        for call in (preview, commit):
            with pytest.raises(error, match=words):
                call(run, file, workers=1, quiet=True)
        assert files_of(run) == before and not (run / "previews").exists()

    return check


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (
            {"sources": {"web": {"path": "new/", "kind": "prose"}}},
            "'sources.web': .* has one of this name already, another",
        ),
        ({"sources": {"web": {"path": "web.parquet", "kind": "prose"}}, "survivor": ["web"]}, "already, the same"),
        ({"sources": {"new": {"path": "new/"}}}, "'sources.new.kind' is missing"),
        ({"sources": {"new": {"path": "no/", "kind": "prose"}}}, "source new: no .parquet"),
        (
            {"sources": {"new": {"path": "new/", "kind": "prose"}}, "rules": {}},
            "got 'rules', expected sources, benchmarks",
        ),
        ({"benchmarks": {"more": "items.jsonl"}}, "got no source"),
        ({"sources": {"new": {"path": "new/", "kind": "prose"}}, "survivor": ["old"]}, "survivor: no source 'old'"),
        ({"sources": {"new": {"path": "new/", "kind": "prose"}}, "benchmarks": {"quiz": "x"}}, "'benchmarks.quiz': "),
    ],
)
def test_a_wrong_file_is_refused(
    base: Path, market: Path, values: dict[str, Any], words: str, refused: Refused
) -> None:
    refused(base, write_yaml(market / "wrong.yaml", values), ConfigError, words)


def test_a_missing_file_is_refused(base: Path, market: Path, refused: Refused) -> None:
    refused(base, market / "missing.yaml", ConfigError, "missing.yaml: No such file")


def test_a_run_that_cannot_take_it_is_refused(
    with_preview: Path, previewed: tuple[Path, Figures], market: Path, refused: Refused
) -> None:
    base = with_preview
    layer = base / "previews" / previewed[0].name
    assert status_lines(base)[-1].startswith(f"preview {layer.name} of new: finished, ")
    with pytest.raises(InputError, match="is a preview itself"):
        preview(layer, market / "new.yaml", workers=1, quiet=True)
    discard_named(base, layer.name)
    (base / "tables/decisions.json").unlink()
    refused(base, market / "new.yaml", InputError, "has done decontaminate; .* reached decide")


def test_changed_files_of_the_run_are_taken_in_first(own: tuple[Path, Path], given: Any) -> None:
    folder, run = own
    pq.write_table(pa.table({"text": given.web[:-1]}), folder / "web.parquet")
    with pytest.raises(InputError, match=r"source web: web\.parquet has changed since"):
        preview(run, folder / "new.yaml", workers=1, quiet=True)
    with pytest.raises(InputError, match=r"source web: web\.parquet has changed since"):
        commit(run, folder / "new.yaml", workers=1, quiet=True)
    assert not (run / "previews").exists()


@pytest.fixture
def own(market: Path, made: Path, tmp_path: Path) -> tuple[Path, Path]:
    """A market and its run that a test may change."""
    names = ("new", "tokenizer")
    for name in names:
        shutil.copytree(market / name, tmp_path / name)
    for name in ("web.parquet", "wiki.jsonl", "items.jsonl", "new.yaml"):
        shutil.copy2(market / name, tmp_path / name)
    return tmp_path, Path(shutil.copytree(made, tmp_path / "made"))


def test_paths_start_from_where_the_run_has_its_own(base: Path, market: Path) -> None:
    run = midmix.open(base)
    entry = {"kind": "prose", "path": "../new/*.parquet"}
    values = {"sources": {"a": entry, "b": entry | {"path": "s3://b/x"}, "c": entry | {"path": "/abs/x"}}}
    read = read_newcomer(write_yaml(market / "elsewhere/paths.yaml", values | {"benchmarks": {"q": "q.jsonl"}}), run)
    assert [source["path"] for source in read.sources.values()] == ["new/*.parquet", "s3://b/x", "/abs/x"]
    assert read.benchmarks == {"q": "elsewhere/q.jsonl"}


def shingles(words: str) -> set[tuple[str, ...]]:
    split = words.lower().split()
    return {tuple(split[i : i + 5]) for i in range(len(split) - 4)}


def place(url: str) -> str:
    parts = urlsplit(url)
    return str(parts.hostname).removeprefix("www.") + parts.path.rstrip("/")


def test_overlap_is_what_comparing_all_with_all_finds(whole: Path, given: Any) -> None:
    run = midmix.open(whole)
    known = run.sql("SELECT doc, source, url, num_bytes FROM documents ORDER BY doc").fetchall()
    raw = {"web": given.web, "wiki": given.wiki, "new": given.new}
    tokens = dict(run.sql("SELECT doc, num_tokens FROM tokens").fetchall())
    docs = [(key, source, place(url), raw[source][i]) for source in raw for i, (key, _, url, _) in enumerate(
        row for row in known if row[1] == source)]  # fmt: skip
    grams = {key: shingles(words) for key, _, _, words in docs}
    found: dict[tuple[str, str, str], set[int]] = {}
    for one_, other in itertools.permutations(docs, 2):
        both = len(grams[one_[0]] & grams[other[0]])
        near = both and both >= 0.8 * len(grams[one_[0]] | grams[other[0]])
        for by, holds in (
            ("exact", one_[3] == other[3]),
            ("near", near and one_[3] != other[3]),
            ("url", one_[2] == other[2]),
        ):
            if holds:
                for name in (by, "any"):
                    found.setdefault((one_[1], other[1], name), set()).add(one_[0])
    rows_ = run.sql('SELECT a, b, "by", docs, tokens, share_of_a, share_of_b FROM overlap').fetchall()
    assert {row[:3]: row[3] for row in rows_} == {names: len(keys) for names, keys in found.items()}
    counted = {row[:3]: row[4] for row in rows_}
    for names, keys in found.items():
        if keys <= tokens.keys():
            assert counted[names] == sum(tokens[key] for key in keys)
    for a, b, by, count, _, of_a, of_b in rows_:
        assert (of_a, of_b) == (count / len(raw[a]), len(found[b, a, by]) / len(raw[b]))
    assert any(keys <= tokens.keys() for keys in found.values()) and len(found) > 8
