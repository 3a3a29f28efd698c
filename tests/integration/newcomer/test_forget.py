"""A source is forgotten: the run without it is the run that never had it, and the receipt names what went."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pytest

import midmix
from midmix.cli import main
from midmix.config import Config, parse_config
from midmix.errors import ConfigError, InputError
from midmix.flow import CURATE, steps_between
from midmix.forget.config import config_without
from midmix.forget.findings import Findings
from midmix.forget.forecast import forecast
from midmix.forget.purge import purge
from midmix.forget.without import make_without
from midmix.mixer.export.trainers import read_plan
from midmix.runner import run_steps
from midmix.table_files import read_table, write_table
from midmix.table_manifest import Manifest, load_manifest, publish
from midmix.tables import EVIDENCE, PARTS, TOKENS, WEIGHTS, Table

Manifests = Callable[[Path], dict[str, Any]]
Hashes = Callable[[Path], dict[str, str]]
KilledAt = Callable[[int, Callable[[], object]], bool]
SHARES = {"web": 0.4, "wiki": 0.2, "new": 0.4}


def with_mixture(run: Path) -> Config:
    """The run's config with a plan of two stages in it."""
    config = midmix.open(run).config
    values = config.model_dump(mode="json", exclude_unset=True)
    constant = {"schedule": "constant", "start": 1e-4}
    values["mixture"] = {
        "tokens": 3_000,
        "sequence_length": 16,
        "global_batch_sequences": 4,
        "max_epochs": {"default": 4, "new": 2},
        "targets": {"web": {"domain": "web"}},
    }
    values["earlier"] = [{"name": "pretrain", "tokens": 9_000, "seen": {"web": 500, "new": 700}}]
    values["stages"] = [
        {"name": "anneal", "learning_rate": constant},
        {"name": "more", "tokens": 1_000, "weights": {"web": 0.5, "new": 0.5}, "learning_rate": constant},
    ]
    values["export"] = ["megatron", "hf"]
    return parse_config(values, base=config.base)


def publish_rows(run: Path, table: Table, rows: list[dict[str, Any]]) -> None:
    entry = write_table(run, table, pa.Table.from_pylist(rows, schema=table.schema()), stem="all")
    publish(run, Manifest(table.name, (entry,)))


def plan_and_export(run: Path) -> None:
    """Give a run weights, and do the steps plan and export."""
    weights = [
        {"mixture": mixture, "domain": name, "weight": share, "at_cap": False, "epochs": share}
        for mixture in ("natural", "optimum")
        for name, share in sorted(SHARES.items())
    ]
    publish_rows(run, WEIGHTS, weights)
    publish_rows(run, EVIDENCE, [{"subject": "overall", "claim": "verdict", "verdict": "weak", "words": "not much"}])
    run_steps(with_mixture(run), run, steps_between("plan", "export"), workers=1, quiet=True)


@pytest.fixture(scope="session")
def planned(whole: Path, market: Path) -> Path:
    """A copy of the run with the newcomer, planned and exported; tests must not change it (see `run`)."""
    copy = Path(shutil.copytree(whole, market / "planned"))
    plan_and_export(copy)
    return copy


@pytest.fixture
def run(planned: Path, market: Path, tmp_path: Path) -> Iterator[Path]:
    """A copy of the planned run, which a test may change."""
    copy = Path(shutil.copytree(planned, market / tmp_path.name))
    yield copy
    shutil.rmtree(copy)


@dataclass(frozen=True)
class Forgotten:
    """A run, the layer without a source, what was found, and the hashes of the run's files before."""

    run: Path
    layer: Path
    found: Findings
    before: dict[str, str]


@dataclass(frozen=True)
class Purged:
    """A run without a source and the receipt; what its files and the source's tokens were before, and what was foretold."""

    run: Path
    path: Path
    receipt: dict[str, Any]
    before: dict[str, str]
    sizes: dict[str, int]
    tokens: set[bytes]
    foretold: list[dict[str, Any]]


def forgotten(planned: Path, source: str, files_of: Hashes) -> Forgotten:
    run = Path(shutil.copytree(planned, planned.with_name(f"planned-{source}")))
    before = files_of(run)
    return Forgotten(run, *make_without(run, source, workers=1, quiet=True), before)


@pytest.fixture(scope="session")
def without_new(planned: Path, files_of: Hashes) -> Forgotten:
    """The newcomer forgotten, nothing purged; tests must not change it."""
    return forgotten(planned, "new", files_of)


@pytest.fixture(scope="session")
def without_web(planned: Path, files_of: Hashes) -> Forgotten:
    """The first source forgotten, nothing purged; tests must not change it."""
    return forgotten(planned, "web", files_of)


@pytest.fixture(scope="session")
def purged(planned: Path, files_of: Hashes) -> Purged:
    """The newcomer purged from a run with a report; tests must not change it."""
    run = Path(shutil.copytree(planned, planned.with_name("purged")))
    (run / "report.html").write_text("a text of the source")
    before, tokens = files_of(run), tokens_of_source(run, "new")
    sizes = {name: (run / name).stat().st_size for name in before}
    layer, _ = make_without(run, "new", workers=1, quiet=True)
    foretold = forecast(run, layer, "new")
    return Purged(run, *purge(run, "new", workers=1, quiet=True), before, sizes, tokens, foretold)


def tokens_of_source(run: Path, source: str) -> set[bytes]:
    """Token ids of every document of a source, as bytes."""
    manifest = load_manifest(run, "tokens")
    parts = {row["part"] for row in read_table(run, PARTS).to_pylist() if row["source"] == source}
    found = set()
    for row in read_table(run, TOKENS).to_pylist():
        if row["doc"] >> 32 in parts:
            path = run / manifest.attachments[f"main/{row['domain']}/{row['split']}-{row['shard']:05d}.bin"]
            found.add(path.read_bytes()[2 * row["offset"] : 2 * (row["offset"] + row["num_tokens"])])
    return found


def differing(published: Manifests, ours: Path, theirs: Path) -> set[str]:
    mine, other = published(ours), published(theirs)
    return {name for name in other if mine[name] != other[name]}


def test_without_a_purge_nothing_of_the_run_changes(without_new: Forgotten, files_of: Hashes) -> None:
    assert files_of(without_new.run) == without_new.before
    assert without_new.layer.parent == without_new.run / "previews"


def test_the_plan_holds_no_token_of_the_source(without_new: Forgotten) -> None:
    layer, mine = without_new.layer, tokens_of_source(without_new.run, "new")
    plan = read_plan(layer)
    assert [domain.id for domain in plan.domains] == ["web", "wiki"]
    assert {s.source for domain in plan.domains for s in domain.sources} == {"web", "wiki"}
    kept = tokens_of_source(layer, "web") | tokens_of_source(layer, "wiki")
    assert mine - kept
    attached = {a.name: a for name in ("tokens", "plan") for a in load_manifest(layer, name).attached}
    for domain in plan.domains:
        for shard in (*domain.shards, *domain.heldout):
            data = (layer / attached[shard.bin.name].path).read_bytes()
            assert not any(document in data for document in mine - kept)
    shares = {share.domain: share.weight_asked for share in plan.stages[0].mixture}
    assert shares == pytest.approx({"web": 2 / 3, "wiki": 1 / 3}, abs=1e-6)
    assert [share.domain for share in plan.stages[1].mixture] == ["web"]
    assert "without:new" in {claim.claim for claim in plan.evidence}
    assert [(seen.name, seen.domain) for seen in plan.earlier[0].seen] == [("web", "web"), ("new", None)]


def test_copies_that_stay_are_named_with_what_they_copy(without_new: Forgotten) -> None:
    found = without_new.found
    # Three copies of web, two of wiki with another end, and one page under the address of web's.
    assert [(row["source"], row["relation"]) for row in found.copies] == [
        *[("web", "exact")] * 3, ("wiki", "near"), ("wiki", "near"), ("web", "url"),
    ]  # fmt: skip
    assert all(row["jaccard"] > 0.9 for row in found.copies if row["relation"] == "near")
    run = midmix.open(without_new.run)
    for row in found.copies:
        if row["relation"] == "exact":
            hashes = f"SELECT content_hash FROM documents WHERE doc IN (key('{row['doc']}'), key('{row['copy_of']}'))"
            assert len(set(run.sql(hashes).fetchall())) == 1
    assert found.earlier == [{"stage": "pretrain", "name": "new", "tokens": 700}]
    assert (found.back, found.leaving, found.artefacts) == ([], [], [])


def test_purged_it_is_the_run_that_never_had_the_source(
    purged: Purged, made: Path, market: Path, published: Manifests
) -> None:
    # Ids of parts are never used again: the number of the highest one is all that is left of it.
    assert differing(published, purged.run, made) == {"parts"}
    assert read_table(purged.run, PARTS) == read_table(made, PARTS)
    other = Path(shutil.copytree(made, market / "made-planned"))
    for table in (WEIGHTS, EVIDENCE):
        publish_rows(other, table, read_table(purged.run, table).to_pylist())
    run_steps(midmix.open(purged.run).config, other, steps_between("plan", "export"), workers=1, quiet=True)
    for name in ("plan", "exports"):
        assert load_manifest(purged.run, name).digest == load_manifest(other, name).digest
    shutil.rmtree(other)


def test_the_receipt_names_every_file_with_size_and_hash(purged: Purged, files_of: Hashes) -> None:
    assert json.loads(purged.path.read_text()) == purged.receipt
    before, after = purged.before, files_of(purged.run)
    named = {row["path"]: row for row in purged.receipt["purged"]}
    assert named.keys() == {name for name in before if after.get(name) != before[name]}
    for name, row in named.items():
        assert (row["sha256"], row["bytes"]) == (before[name], purged.sizes[name])
        assert row["how"] == ("rewritten" if name in after else "removed")
    assert named["report.html"]["how"] == "rewritten"
    assert not (purged.run / "previews").exists()
    assert not list((purged.run / "state" / "forgetting").iterdir())


def test_what_a_purge_would_touch_is_what_it_touched(purged: Purged) -> None:
    files = {row["path"]: (row["bytes"], row["how"]) for row in purged.foretold}
    touched = {row["path"]: (row["bytes"], row["how"]) for row in purged.receipt["purged"]}
    exported = {path for path in files if path.startswith("export/")}
    assert {path: row for path, row in files.items() if path not in exported} == {
        path: row for path, row in touched.items() if not path.startswith("export/")
    }
    assert exported >= {path for path in touched if path.startswith("export/")}
    assert {files[path][1] for path in exported} == {"made again"}
    assert all(size == purged.sizes[path] for path, (size, _) in files.items())


def test_no_file_of_the_run_holds_its_tokens_or_text(purged: Purged, market: Path) -> None:
    kept = tokens_of_source(purged.run, "web") | tokens_of_source(purged.run, "wiki")
    assert purged.tokens - kept
    for file in purged.run.rglob("*.bin"):
        data = file.read_bytes()
        assert not any(document in data for document in purged.tokens - kept), file
    texts = midmix.open(purged.run).sql("SELECT text FROM curated").fetchall()
    own = [json.loads(line)["text"] for line in (market / "new/b.jsonl").read_text().splitlines()]
    assert {text for (text,) in texts}.isdisjoint(set(own[:15]))


def test_a_purged_source_does_not_come_back_unseen(purged: Purged, planned: Path) -> None:
    config, run = midmix.open(planned).config, purged.run
    with pytest.raises(ConfigError, match=r"sources.new: was purged from .* `forgotten: true`"):
        run_steps(config, run, steps_between("ingest", "ingest"), workers=1, quiet=True)
    with pytest.raises(ConfigError, match="is forgotten already"):
        make_without(run, "new", workers=1, quiet=True)
    run_steps(config_without(config, "new"), run, steps_between("ingest", "tokenize"), workers=1, quiet=True)
    assert set(midmix.open(run).sql("SELECT DISTINCT action FROM steps").fetchall()) == {("reused",)}


@pytest.mark.full
@pytest.mark.parametrize("count", [3, 40, 120, 200])
def test_a_killed_purge_is_finished_by_the_same_call(
    run: Path, made: Path, published: Manifests, files_of: Hashes, killed_at: KilledAt, count: int
) -> None:
    before = files_of(run)
    make_without(run, "new", workers=1, quiet=True)
    assert killed_at(count, lambda: purge(run, "new", workers=1, quiet=True))
    _, receipt = purge(run, "new", workers=1, quiet=True)
    assert differing(published, run, made) == {"parts"}
    after = files_of(run)
    named = {row["path"] for row in receipt["purged"]}
    gone = {name for name in before if name not in after}
    assert gone <= named


def test_documents_come_back_whose_better_twin_left(without_web: Forgotten) -> None:
    found = without_web.found
    # Of web's own text wiki and the newcomer had copies.
    assert {row["source"] for row in found.back} == {"wiki", "new"}
    assert all(row["was"].startswith("duplicate") for row in found.back)
    kept = dict(midmix.open(without_web.layer).sql("SELECT doc, keep FROM decisions").fetchall())
    was = dict(midmix.open(without_web.run).sql("SELECT doc, keep FROM decisions").fetchall())
    assert len(found.back) == sum(keep and not was[doc] for doc, keep in kept.items()) > 0
    assert [row["name"] for row in found.artefacts] == ["rater:kind"]


def test_the_first_source_is_forgotten_as_if_it_had_never_been(
    without_web: Forgotten, market: Path, with_artefacts_of: Callable[..., Path], by_place: Callable[..., pl.DataFrame]
) -> None:
    layer = without_web.layer
    other = with_artefacts_of(without_web.run, market / "fresh")
    run_steps(midmix.open(layer).config, other, CURATE, workers=1, quiet=True)
    for table, columns in {
        "decisions": ("keep", "reason", "fired", "relation", "jaccard", "containment", "cluster_size"),
        "labels": (),
        "curated": ("text", "content_hash", "bytes_removed"),
        "tokens": (),
    }.items():
        ours, theirs = (by_place(folder, table, *columns) for folder in (layer, other))
        assert ours.height > 0 and ours.equals(theirs), table
    shards = [{a.name: a.sha256 for a in load_manifest(folder, "tokens").attached} for folder in (layer, other)]
    assert shards[0] == shards[1]
    shutil.rmtree(other)


def ask(capsys: pytest.CaptureFixture[str], run: Path, *arguments: str, code: int = 0) -> str:
    with pytest.raises(SystemExit) as done:
        main(["forget", str(run), *arguments, "--workers", "1"])
    captured = capsys.readouterr()
    assert done.value.code == code, captured.err
    return captured.err if code else captured.out


def test_the_command_says_what_stays_and_what_went(
    run: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    text = ask(capsys, run, "--source", "new", "--json", str(tmp_path / "found.json"))
    assert "copies that stay under other sources (exact 3, near 2, url 1): 6" in text
    assert "read before this run: 700 tokens in pretrain" in text
    assert "nothing was deleted" in text
    assert "files that --purge would touch: " in text and "removed      data/tokens/" in text
    assert {row["how"] for row in json.loads((tmp_path / "found.json").read_text())["purge"]} == {
        "removed", "rewritten", "made again"
    }  # fmt: skip
    assert len(json.loads((tmp_path / "found.json").read_text())["copies"]) == 6
    text = ask(capsys, run, "--source", "new", "--purge")
    assert "purged: " in text and "new/b.jsonl" in text and "forgotten: true" in text


def test_what_cannot_be_forgotten_is_refused(run: Path, market: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "no source 'news'; did you mean 'new'?" in ask(capsys, run, "--source", "news", code=2)
    config = midmix.open(run).config
    alone = config.model_dump(mode="json", exclude_unset=True)
    alone["stages"][1]["weights"] = {"new": 1.0}
    with pytest.raises(ConfigError, match=r"stages.more.weights is 'new' alone"):
        config_without(parse_config(alone, base=config.base), "new")
    with pytest.raises(ConfigError, match="is the only source that the run reads"):
        config_without(config_without(config_without(config, "new"), "wiki"), "web")


def test_a_changed_file_of_another_source_is_refused(run: Path, market: Path) -> None:
    wiki = market / "wiki.jsonl"
    before = wiki.read_bytes()
    try:
        wiki.write_bytes(before + b'{"id": "x", "text": "one more"}\n')
        with pytest.raises(InputError, match=r"source wiki: wiki.jsonl has changed"):
            make_without(run, "new", workers=1, quiet=True)
    finally:
        wiki.write_bytes(before)


def test_a_file_of_the_source_may_be_gone_already(run: Path, market: Path) -> None:
    file = market / "new/b.jsonl"
    before = file.read_bytes()
    try:
        file.unlink()
        layer, _ = make_without(run, "new", workers=1, quiet=True)
        assert "new" not in {d.id for d in read_plan(layer).domains}
    finally:
        file.write_bytes(before)
