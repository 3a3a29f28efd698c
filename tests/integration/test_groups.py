"""Repositories and threads as documents: planned by their whole length, replayed by file, grown, killed and forgotten."""

from __future__ import annotations

import itertools
import json
import os
import random
import shutil
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from token_run import publish_rows

import midmix
from midmix.add.commit import commit
from midmix.add.preview import preview
from midmix.config import Config, parse_config
from midmix.demo.tokenizer import train_tokenizer
from midmix.exposed import exposed_document, exposed_source
from midmix.flow import CURATE, steps_between
from midmix.forget.without import make_without
from midmix.mixer.export.trainers import read_plan
from midmix.mixer.exposure.exported import Exported
from midmix.mixer.exposure.layout import Layout, end_to_end
from midmix.mixer.exposure.replay import ORDERS, Replay
from midmix.mixer.plan.indexed import read_lengths
from midmix.runner import run_steps
from midmix.table_manifest import load_manifest
from midmix.tables import EVIDENCE, WEIGHTS, format_key

LONG = 1500
DRAW = random.Random(3)
WORDS = ["".join(DRAW.choices("abcdefghijklmnopqrstuvwxyz", k=DRAW.randint(3, 8))) for _ in range(3000)]
Rows = list[dict[str, Any]]


def text(count: int = 30) -> str:
    return " ".join(DRAW.choices(WORDS, k=count)) + "\n"


def repositories() -> Rows:
    """40 files of one repository among 60 of twenty others and ten of none, shuffled."""
    names: list[str | None] = [*["big/one"] * 40, *(f"small/{n % 20}" for n in range(60)), *[None] * 10]
    files = [{"content": text(), "repo_name": name, "path": f"src/{n}.py"} for n, name in enumerate(names)]
    DRAW.shuffle(files)
    return files


def write_corpus(folder: Path) -> None:
    files = repositories()
    (folder / "repos").mkdir(parents=True)
    for number, part in enumerate((files[:60], files[60:])):
        pq.write_table(pa.Table.from_pylist(part), folder / f"repos/{number}.parquet", row_group_size=20)
    posts = [{"thread": n % 6, "post": str(n // 6), "body": text(12)} for n in range(72)]
    DRAW.shuffle(posts)
    (folder / "threads.jsonl").write_text("".join(json.dumps(post) + "\n" for post in posts))
    pq.write_table(pa.Table.from_pylist([{"text": text(40)} for _ in range(120)]), folder / "web.parquet")
    train_tokenizer(folder / "tokenizer", [text(200) for _ in range(20)])


def config_of(folder: Path, repos: str = "repos/", **changes: Any) -> Config:
    values: dict[str, Any] = {
        "sources": {
            "web": {"path": "web.parquet", "kind": "prose"},
            "repos": {"path": repos, "kind": "code", "text_column": "content"}
            | {"group": "repo_name", "group_order": "path"},
            "threads": {"path": "threads.jsonl", "kind": "prose", "template": "{post}. {body}"}
            | {"group": "thread", "group_order": "post"},
        },
        "rules": {"prose": ["mine"], "code": ["mine"]},
        "rule_sets": {"mine": {"empty": "num_chars < 1"}},
        "domains": {"talk": "source = 'threads' OR (source = 'repos' AND num_bytes < 190)"},
        "tokenizers": {"main": "tokenizer"},
        "heldout_fraction": 0.05,
        "part_bytes": 4096,
        "shard_tokens": 6_000,
    }
    return parse_config(values | changes, base=folder)


def curate(config: Config, run: Path, **options: Any) -> Path:
    run_steps(config, run, CURATE, **{"workers": 1, "quiet": True, **options})
    return run


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("groups")
    write_corpus(folder)
    return folder


@pytest.fixture(scope="module")
def whole(corpus: Path) -> Path:
    """The run with all sources; tests must not change it (but for the plan)."""
    return curate(config_of(corpus), corpus / "whole")


def published(run: Path) -> dict[str, Any]:
    return {t.name: load_manifest(run, t.name) for step in CURATE for t in step.writes}


def keys_of(run: Path, where: str) -> list[int]:
    """Keys of documents that are trained on."""
    found = midmix.open(run).sql(f"SELECT doc FROM tokens JOIN documents USING (doc) WHERE split = 'train' AND {where}")
    return [key for (key,) in found.fetchall()]


def test_a_repository_of_small_files_is_one_long_document(whole: Path) -> None:
    run = midmix.open(whole)
    assert run.sql("SELECT max(num_tokens) FROM tokens").fetchall()[0][0] < LONG / 2
    (big,) = run.sql(
        f"""SELECT domain, split, entry_tokens, count(*), sum(num_tokens)::BIGINT FROM tokens WHERE entry_tokens >= {LONG}
            GROUP BY ALL"""
    ).fetchall()
    assert big[0] == "repos" and big[2] == big[4] and big[3] > 25
    posts = run.sql(
        """SELECT string_agg(split_part(c.text, '.', 1), ' ' ORDER BY t."offset") FROM tokens t JOIN curated c USING (doc)
           WHERE c.source = 'threads' GROUP BY split, shard, coalesce(entry_offset, -t."offset") ORDER BY 1"""
    ).fetchall()
    assert posts == [("0 1 2 3 4 5 6 7 8 9 10 11",)] * 6


def plan_of(config: Config, run: Path) -> Config:
    """Plan two stages: an anneal on short documents, and a long-context stage that asks for long ones."""
    weights = {"repos": 0.5, "talk": 0.2, "web": 0.3}
    known = {"mixture": "optimum", "at_cap": False, "epochs": 1.0}
    publish_rows(run, WEIGHTS, [known | {"domain": name, "weight": share} for name, share in weights.items()])
    publish_rows(run, EVIDENCE, [{"subject": "overall", "claim": "verdict", "verdict": "weak", "words": "not much"}])
    constant = {"schedule": "constant", "start": 1e-4}
    values = config.model_dump(mode="json", exclude_unset=True) | {
        "length_buckets": {"short": 0, "long": LONG},
        "mixture": {"tokens": 6_000, "sequence_length": 32, "global_batch_sequences": 8, "max_epochs": {"default": 4}}
        | {"targets": {"web": {"domain": "web"}}},
        "stages": [
            {"name": "anneal", "learning_rate": constant},
            {"name": "long", "kind": "long-context", "tokens": 3_000, "sequence_length": 256, "learning_rate": constant}
            | {"global_batch_sequences": 1, "weights": {"repos": 1.0}, "lengths": {"long": 0.75, "short": 0.25}},
        ],
        "export": ["megatron", "olmo-core"],
    }
    planned = parse_config(values, base=config.base)
    run_steps(planned, run, steps_between("plan", "export"), workers=1, quiet=True)
    return planned


@pytest.fixture(scope="module")
def planned(corpus: Path, whole: Path) -> Path:
    copy = Path(shutil.copytree(whole, corpus / "planned"))
    plan_of(config_of(corpus), copy)
    return copy


def test_long_repositories_are_drawn_by_the_long_stage_alone(planned: Path) -> None:
    plan = read_plan(planned)
    drawn: dict[str, set[str | None]] = {
        stage.id: {shard.bucket for share in stage.mixture for draw, shard in plan.drawn(share) if draw.sequences}
        for stage in plan.stages
    }
    assert drawn == {"anneal": {"short"}, "long": {"short", "long"}}
    assert {length.bucket: length.sequences for length in plan.stages[1].lengths} == {"long": 8, "short": 3}
    big = keys_of(planned, "metadata->>'repo_name' = 'big/one' AND domain = 'repos'")
    (long,) = [shard for shard in plan.domain("repos").shards if shard.bucket == "long"]
    assert long.documents == 1 and long.tokens >= LONG and len(big) > 25
    replay = Replay(planned, plan)
    for key in big:
        facts, found = exposed_document(midmix.open(planned), replay, format_key(key))
        assert [(e.stage, e.documents, e.tokens) for e in found] == [("long", 1, facts["tokens"])]
        assert found[0].shards[0][0] == long.index


def ids_of(run: Path, name: str) -> npt.NDArray[np.uint16]:
    """Token ids of a file of TOKENS or of PLAN."""
    attached = load_manifest(run, "tokens").attachments | load_manifest(run, "plan").attachments
    return np.fromfile(run / attached[name], "<u2")


@pytest.mark.parametrize("trainer", ["megatron", "olmo-core"])
def test_a_step_reads_files_and_a_file_its_steps(planned: Path, trainer: str) -> None:
    plan, run = read_plan(planned), midmix.open(planned)
    replay = Replay(planned, plan, trainer=trainer)
    rows = run.sql("""SELECT doc, format('main/{}/train-{:05}.bin', domain, shard), "offset", num_tokens FROM tokens
                      WHERE split = 'train'""").fetchall()
    own = {doc: ids_of(planned, name)[offset : offset + count].tolist() for doc, name, offset, count in rows}
    shards = {(d.id, s.index): ids_of(planned, s.bin.name) for d in plan.domains for s in d.shards}
    seen: dict[tuple[str, int | None], int] = Counter()
    attached = load_manifest(planned, "tokens").attachments | load_manifest(planned, "plan").attachments
    indices = {(d.id, s.index): planned / attached[s.idx.name] for d in plan.domains for s in d.shards}

    def entries_of(place: tuple[str, int]) -> Layout:
        return end_to_end(read_lengths(indices[place]))

    exported = Exported(plan, entries_of)
    for stage in plan.stages:
        # What the trainer reads, which knows nothing of files, against our account of it by file.
        trainers_own = ORDERS[trainer](exported.plan, exported.stage(stage), stage.seed, exported.layout)
        for number in range(1, trainers_own.num_steps + 1):
            expected, found = defaultdict(list), defaultdict(list)
            for slot, place, read in trainers_own.step(number):
                shard, entry = exported.origin(place, read.document)
                start = int(entries_of(shard).lengths[:entry].sum())
                expected[slot] += shards[shard][start + read.first : start + read.end].tolist()
            for read in replay.step(stage, number):
                assert read.doc is not None and 0 <= read.first < read.end <= len(own[read.doc])
                found[read.sequence] += own[read.doc][read.first : read.end]
                seen[stage.id, read.doc] += read.tokens
            assert found == expected
    for key in own:
        _, exposures = exposed_document(run, replay, format_key(key))
        assert {e.stage: e.exact_tokens for e in exposures if e.exact_tokens} == {
            stage.id: seen[stage.id, key] for stage in plan.stages if seen[stage.id, key]
        }
    by_source: dict[tuple[str, str], int | None] = Counter()
    for source in ("web", "repos", "threads"):
        for e in exposed_source(run, replay, source)[1]:
            by_source[e.stage, e.domain] += e.exact_tokens
    assert by_source == {(stage.id, share.domain): share.tokens for stage in plan.stages for share in stage.mixture}


def test_files_of_known_repositories_that_come_later_give_the_run_made_whole(corpus: Path, whole: Path) -> None:
    run = curate(config_of(corpus, "repos/0.parquet"), corpus / "grown", workers=2)
    splits = "SELECT metadata->>'path', split FROM tokens JOIN documents USING (doc) WHERE source = 'repos'"
    before = midmix.open(run).sql(splits).fetchall()
    curate(config_of(corpus), run)
    assert set(before) < set(midmix.open(run).sql(splits).fetchall())
    shards = [{a.name: a.sha256 for a in load_manifest(folder, "tokens").attached} for folder in (run, whole)]
    assert shards[0] == shards[1]
    encoded = "SELECT action, count(*) FROM steps WHERE step = 'tokenize' AND part IS NOT NULL GROUP BY ALL"
    assert dict(midmix.open(run).sql(encoded).fetchall())["reused"] > 5


class Killed(BaseException):
    """What no handler of errors catches, as a kill."""


def test_killed_anywhere_in_tokenize_it_ends_with_the_same_bytes(
    corpus: Path, whole: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = config_of(corpus)
    undone = Path(shutil.copytree(whole, corpus / "undone"))
    shutil.rmtree(undone / "records" / "tokenize")
    steps = steps_between("tokenize", "tokenize")
    replace = os.replace
    for count in itertools.count(1, 9):
        run = Path(shutil.copytree(undone, corpus / "killed"))
        numbers = itertools.count(1)

        def dying(source: Any, target: Any) -> None:
            if next(numbers) == count:  # noqa: B023
                raise Killed
            replace(source, target)

        with monkeypatch.context() as patch:
            patch.setattr(os, "replace", dying)
            try:
                run_steps(config, run, steps, workers=1, quiet=True)
                died = False
            except Killed:
                died = True
        run_steps(config, run, steps, workers=1, quiet=True)
        assert {t: m.digest for t, m in published(run).items()} == {t: m.digest for t, m in published(whole).items()}
        shutil.rmtree(run)
        if not died:
            break
    assert count > 15


def test_forgotten_its_posts_leave_the_shards_and_groups_of_others_stay_whole(corpus: Path, whole: Path) -> None:
    run = Path(shutil.copytree(whole, corpus / "forgetting"))
    layer, _ = make_without(run, "threads", workers=1, quiet=True)
    fresh = config_of(corpus)
    values = fresh.model_dump(mode="json", exclude_unset=True)
    del values["sources"]["threads"]
    values["domains"]["talk"] = "source = 'repos' AND num_bytes < 190"
    other = curate(parse_config(values, base=fresh.base), corpus / "never")
    shards = [{a.name: a.sha256 for a in load_manifest(folder, "tokens").attached} for folder in (layer, other)]
    assert shards[0] == shards[1] and any("/talk/" in name for name in shards[0])


def test_a_newcomer_with_groups_is_taken_in_as_if_it_had_always_been_there(corpus: Path, whole: Path) -> None:
    config = config_of(corpus)
    values = config.model_dump(mode="json", exclude_unset=True)
    newcomer = {"threads": values["sources"].pop("threads")}
    (corpus / "new.yaml").write_text(yaml.safe_dump({"sources": newcomer}))
    run = curate(parse_config(values, base=corpus), corpus / "taking-in")
    _, figures = preview(run, corpus / "new.yaml", workers=1, quiet=True)
    commit(run, corpus / "new.yaml", workers=1, quiet=True)
    assert figures.tokens_by == "main"
    assert {t: m.digest for t, m in published(run).items()} == {t: m.digest for t, m in published(whole).items()}
