"""tokenize on hand-made runs: shards read back, splits, domains, growth, and independence from the order of parts."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from midmix.curation.apply import step as apply_step
from midmix.curation.decide import step as decide_step
from midmix.curation.tokenize import encode as encode_module
from midmix.curation.tokenize import exchange, step
from midmix.errors import ConfigError
from midmix.table_manifest import load_manifest
from midmix.tables import CURATED, LEDGER, STEPS, TOKENS

MakeRun = Callable[..., Any]
MakeTokenizer = Callable[..., Path]
TEXTS = [f"document {n} " + "ab" * n for n in range(60)]


def tokenized(make_run: MakeRun, parts: Any, tokenizer: Path, **config: Any) -> Any:
    """A run with its steps up to tokenize done."""
    settings = {"tokenizers": {"main": str(tokenizer)}, "heldout_fraction": 0.2, "shard_tokens": 400, **config}
    run = make_run(parts, **settings)
    for name, module in (("decide", decide_step), ("apply", apply_step), ("tokenize", step)):
        run.run(module, name)
    return run


def read_shards(run: Any) -> dict[str, list[list[int]]]:
    """Name of every shard to its documents, read through the index alone."""
    attached = load_manifest(run.folder, "tokens").attachments
    shards = {}
    for name, path in attached.items():
        if name.endswith(".idx"):
            index = (run.folder / path).read_bytes()
            count = int(np.frombuffer(index, "<u8", 1, 18)[0])
            lengths = np.frombuffer(index, "<i4", count, 34)
            tokens = np.fromfile(run.folder / attached[name.replace(".idx", ".bin")], "<u2")
            assert len(tokens) == lengths.sum()
            shards[name.removesuffix(".idx")] = [d.tolist() for d in np.split(tokens, np.cumsum(lengths)[:-1])]
    return shards


def decode(document: list[int], tokenizer: Path) -> str:
    from tokenizers import Tokenizer, decoders

    loaded = Tokenizer.from_file(str(tokenizer / "tokenizer.json"))
    loaded.decoder = decoders.ByteLevel()
    assert document[-1] == 256
    return str(loaded.decode(document[:-1]))


def texts_of(run: Any, tokenizer: Path) -> dict[str, list[str]]:
    return {name: [decode(d, tokenizer) for d in documents] for name, documents in read_shards(run).items()}


def test_every_kept_document_is_in_one_shard_and_where_tokens_says(
    make_run: MakeRun, part: Any, make_tokenizer: MakeTokenizer
) -> None:
    tokenizer = make_tokenizer()
    parts = {0: part("web", TEXTS[:30], scores={3: {"num_special_tokens": 1}}), 1: part("web", TEXTS[30:])}
    run = tokenized(make_run, parts, tokenizer, sources={"web": "prose"})
    shards = read_shards(run)
    found = sorted(text for texts in texts_of(run, tokenizer).values() for text in texts)
    assert found == sorted(TEXTS[:3] + TEXTS[4:])
    text_of = {row["doc"]: row["text"] for row in run.rows(CURATED)}
    rows = run.rows(TOKENS)
    assert len(rows) == len(text_of) == 59
    for row in rows:
        documents = shards[f"{row['tokenizer']}/{row['domain']}/{row['split']}-{row['shard']:05d}"]
        starts = np.cumsum([0, *(len(d) for d in documents)]).tolist()
        document = documents[starts.index(row["offset"])]
        assert decode(document, tokenizer) == text_of[row["doc"]]
        assert row["num_tokens"] == len(document)
        assert row["num_bytes"] == len(text_of[row["doc"]].encode())
    key = [(r["tokenizer"], r["domain"], r["split"], r["shard"], r["offset"]) for r in rows]
    assert key == sorted(key)
    assert {r["split"] for r in rows} == {"train", "heldout"}
    assert max(r["shard"] for r in rows) >= 4
    assert [(r["rows_in"], r["rows_kept"]) for r in run.rows(LEDGER) if r["step"] == "tokenize"] == [(59, 59)]


def test_documents_go_to_their_domain_else_their_source(
    make_run: MakeRun, part: Any, make_tokenizer: MakeTokenizer
) -> None:
    parts = {
        0: part("web", TEXTS[:20], kinds=dict.fromkeys(range(5), "math"), quality=dict.fromkeys(range(3), 0.9)),
        1: part("proofs", TEXTS[20:30], quality=dict.fromkeys(range(10), 0.9)),
    }
    domains = {
        "math_high": "kind = 'math' and quality >= 0.8",
        "math_low": "kind = 'math' and source = 'web' and quality is null",
    }
    run = tokenized(make_run, parts, make_tokenizer(), sources={"web": "prose", "proofs": "math"}, domains=domains)
    found: dict[str, set[int]] = {}
    for row in run.rows(TOKENS):
        found.setdefault(row["domain"], set()).add(row["doc"])
    second = 1 << 32
    assert found == {
        "math_high": {0, 1, 2, *(second + n for n in range(10))},
        "math_low": {3, 4},
        "web": set(range(5, 20)),
    }


def test_overlapping_domains_are_refused(make_run: MakeRun, part: Any, make_tokenizer: MakeTokenizer) -> None:
    domains = {"a": "num_bytes > 3", "b": "kind = 'prose'"}
    with pytest.raises(ConfigError, match=r"'a' .* and 'b' .* overlap: document 0:0"):
        tokenized(make_run, {0: part("web", TEXTS[:2])}, make_tokenizer(), sources={"web": "prose"}, domains=domains)


def test_shards_do_not_depend_on_the_numbers_of_parts(
    make_run: MakeRun, part: Any, make_tokenizer: MakeTokenizer
) -> None:
    tokenizer = make_tokenizer()
    web, more = part("web", TEXTS[:40]), part("more", TEXTS[40:])
    sources = {"web": "prose", "more": "prose"}
    one = tokenized(make_run, {0: web, 1: more}, tokenizer, sources=sources, name="one")
    two = tokenized(make_run, {0: more, 7: web}, tokenizer, sources=sources, name="two")
    hashes = [[(a.name, a.sha256) for a in load_manifest(run.folder, "tokens").attached] for run in (one, two)]
    assert hashes[0] == hashes[1]


def test_a_later_source_moves_no_document_between_splits_and_encodes_nothing_old(
    make_run: MakeRun, part: Any, make_tokenizer: MakeTokenizer
) -> None:
    tokenizer = make_tokenizer()
    web, more = part("web", TEXTS[:40]), part("more", TEXTS[40:])
    small = tokenized(make_run, {0: web}, tokenizer, sources={"web": "prose"}, name="small")
    large = tokenized(make_run, {0: web, 1: more}, tokenizer, sources={"web": "prose", "more": "prose"}, name="large")
    split = {r["doc"]: r["split"] for r in large.rows(TOKENS)}
    assert {r["doc"]: r["split"] for r in small.rows(TOKENS)}.items() <= split.items()
    large.run(step, "tokenize")
    assert {r["action"] for r in large.rows(STEPS) if r["part"] is not None} == {"reused"}


def test_bytes_do_not_depend_on_memory(
    make_run: MakeRun, part: Any, make_tokenizer: MakeTokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokenizer = make_tokenizer()
    parts = {0: part("web", TEXTS[:30]), 1: part("web", TEXTS[30:])}
    whole = tokenized(make_run, parts, tokenizer, sources={"web": "prose"}, name="whole")
    monkeypatch.setattr(exchange, "_PEAK", 1 << 22)
    pieces = tokenized(make_run, parts, tokenizer, sources={"web": "prose"}, name="pieces")
    assert load_manifest(pieces.folder, "tokens").digest == load_manifest(whole.folder, "tokens").digest


def test_another_seed_gives_other_shards(make_run: MakeRun, part: Any, make_tokenizer: MakeTokenizer) -> None:
    tokenizer = make_tokenizer()
    runs = [
        tokenized(make_run, {0: part("web", TEXTS)}, tokenizer, sources={"web": "prose"}, seed=seed, name=f"seed{seed}")
        for seed in (1, 2)
    ]
    orders = [[r["doc"] for r in run.rows(TOKENS)] for run in runs]
    assert sorted(orders[0]) == sorted(orders[1])
    assert orders[0] != orders[1]


def test_two_tokenizers_have_the_same_order(make_run: MakeRun, part: Any, make_tokenizer: MakeTokenizer) -> None:
    tokenizers = {"main": str(make_tokenizer("m", extra_ids=70000)), "proxy": str(make_tokenizer("p"))}
    run = tokenized(
        make_run, {0: part("web", TEXTS)}, Path(), sources={"web": "prose"}, tokenizers=tokenizers, shard_tokens=10**6
    )
    rows = run.rows(TOKENS)
    docs = [[(r["split"], r["doc"]) for r in rows if r["tokenizer"] == name] for name in ("main", "proxy")]
    assert docs[0] == docs[1]
    sizes = {a.name: a.bytes for a in load_manifest(run.folder, "tokens").attached}
    assert sizes["main/web/train-00000.bin"] == 2 * sizes["proxy/web/train-00000.bin"]


def test_a_source_with_a_number_for_a_name_is_refused(
    make_run: MakeRun, part: Any, make_tokenizer: MakeTokenizer
) -> None:
    with pytest.raises(ConfigError, match="domain '1e5'"):
        tokenized(make_run, {0: part("1e5", TEXTS[:2])}, make_tokenizer(), sources={"1e5": "prose"})


def test_tables_and_token_files_are_the_same_bytes_by_kernels_and_by_the_library(
    make_run: MakeRun, part: Any, make_tokenizer: MakeTokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = [*TEXTS, "", "e\u0301 漢字 \u200d", "a<|end|>b", "x" * 5000, "  \n\t\r\n"]
    hashes = []
    for name, found in (("kernels", None), ("library", "a reason")):
        with monkeypatch.context() as patch:
            if found:
                patch.setattr(encode_module, "_kernels", lambda file, sha256, found=found: found)
            run = tokenized(
                make_run, {0: part("web", texts)}, make_tokenizer(name), sources={"web": "prose"}, name=name
            )
        hashes.append(
            [[f.sha256 for f in load_manifest(run.folder, table).files] for table in ("token_parts", "tokens")]
        )
        files = {
            **load_manifest(run.folder, "token_parts").attachments,
            **load_manifest(run.folder, "tokens").attachments,
        }
        hashes[-1].append([(file, (run.folder / path).read_bytes()) for file, path in sorted(files.items())])
        assert bool(run.said) is bool(found)
    assert hashes[0] == hashes[1]


def test_a_run_says_why_the_library_encodes(make_run: MakeRun, part: Any, make_tokenizer: MakeTokenizer) -> None:
    tokenizer = make_tokenizer()
    file = tokenizer / "tokenizer.json"
    written = json.loads(file.read_text())
    written["pre_tokenizer"]["add_prefix_space"] = True
    file.write_text(json.dumps(written))
    run = tokenized(make_run, {0: part("web", TEXTS)}, tokenizer, sources={"web": "prose"})
    (line,) = run.said
    assert line.startswith("tokenizers.main: its pre-tokenizer adds a space")


def test_code_is_rearranged_in_train_shards_alone_and_counted_with_its_sentinels(
    make_run: MakeRun, part: Any, make_tokenizer: MakeTokenizer
) -> None:
    parts = {0: part("web", TEXTS[:30]), 1: part("repos", TEXTS[30:])}
    sources = {"web": "prose", "repos": "code"}
    tokenizer = make_tokenizer(extra_ids=3)
    fim = {"main": {"rate": 1.0, "prefix": "<x0>", "middle": "<x1>", "suffix": "<x2>"}}
    run = tokenized(make_run, parts, tokenizer, sources=sources, fim=fim)
    for name, documents in read_shards(run).items():
        rearranged = name.startswith("main/repos/train")
        for document in documents:
            assert [sorted(set(document) & {256, 257, 258}), document[-1]] == [[256, 257, 258] * rearranged, 259]
    rows = run.rows(TOKENS)
    assert sum(r["num_tokens"] for r in rows) == sum(len(d) for s in read_shards(run).values() for d in s)
    assert {r["split"] for r in rows if r["domain"] == "repos"} == {"train", "heldout"}
