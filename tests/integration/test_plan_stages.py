"""A plan of three stages on a run: lengths, earlier training and token files count; each stage has folders of its own."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from token_run import random_texts, write_base, write_tokenizer, write_tokens

import midmix
from midmix.cli import main
from midmix.config import Config, parse_config
from midmix.disk import sha256_of
from midmix.errors import ConfigError, InputError
from midmix.flow import FLOW
from midmix.mixer.plan.indexed import read_index, read_lengths
from midmix.mixer.plan.manifest import Plan, parse_plan
from midmix.mixer.plan.packing import packing_lines
from midmix.runner import run_steps
from midmix.summary import print_summary
from midmix.table_files import read_table
from midmix.table_manifest import load_manifest
from midmix.tables import PACKING, PLAN

LENGTH, LONG, BATCH = 16, 64, 4
FLOORS = {"short": 0, "long": 48}
# Domain: (first token id, tokens per train shard about, weight in 1e-6). Ids tell the domain of a token.
DOMAINS = {"code": (100, (6_000, 5_000), 500_000), "math": (200, (3_000,), 200_000), "web": (300, (9_000,), 300_000)}
STEPS = FLOW[[s.name for s in FLOW].index("plan") :]


def write_run(base: Path) -> Path:
    """A run folder as it is before the step plan, with a tokenizer, given token files and an earlier blend beside it."""
    folder = base / "run"
    write_tokenizer(base / "tokenizer", 1000)
    generator = np.random.default_rng(5)
    write_tokens(
        folder,
        [
            (domain, split, shard, random_texts(generator, first_id, about))
            for domain, (first_id, sizes, _) in DOMAINS.items()
            for split, shard, about in [("heldout", 0, 300), *(("train", i, about) for i, about in enumerate(sizes))]
        ],
    )
    write_base(folder, {domain: units / 1e6 for domain, (_, _, units) in DOMAINS.items()})
    generator = np.random.default_rng(9)
    for number, about in enumerate((2_000, 1_500)):
        tokens = np.concatenate(random_texts(generator, 400, about))
        (base / f"old-{number}.npy").write_bytes(tokens.tobytes())
    (base / "blend.json").write_text(json.dumps({"train": ["30", "/data/web_text_document", "10", "/data/gone"]}))
    return folder


def config_of(base: Path, **changes: Any) -> Config:
    digest = sha256_of(base / "tokenizer" / "tokenizer.json")
    continued = {"schedule": "linear", "start": 3e-4, "end": 1e-4}
    long = {"schedule": "linear-to-zero", "start": 1e-4}
    values: dict[str, Any] = {
        "sources": {"crawl": {"path": "x.parquet", "kind": "prose"}},
        "domains": dict.fromkeys(DOMAINS, "kind = 'prose'"),
        "tokenizers": {"main": "tokenizer"},
        "length_buckets": FLOORS,
        "token_files": {
            "old": {"path": "old-*.npy", "format": "olmo-core", "dtype": "uint16", "tokenizer_sha256": digest}
        },
        "earlier": [
            {"name": "pretrain", "tokens": 12_000, "format": "megatron", "file": "blend.json"}
            | {"names": {"gone": None}, "learning_rate": 3e-4, "global_batch_tokens": LENGTH * BATCH}
        ],
        "mixture": {"tokens": 6_000, "sequence_length": LENGTH, "global_batch_sequences": BATCH}
        | {"max_epochs": {"default": 4, "math": 2}, "targets": {"web": {"domain": "web"}}},
        "stages": [
            {"name": "anneal", "learning_rate": continued, "replay": 0.25, "replay_of": "pretrain"},
            {"name": "more", "tokens": 3_000, "learning_rate": {"schedule": "constant"}}
            | {"weights": {"math": 0.6, "old": 0.4}},
            {"name": "long", "kind": "long-context", "tokens": 4_000, "sequence_length": LONG, "learning_rate": long}
            | {"global_batch_sequences": 1, "lengths": {"long": 0.75, "short": 0.25}, "document_mask": True}
            | {"rope": {"base": 500_000, "scaling": "yarn", "factor": 4, "original_length": LENGTH}},
        ],
    }
    return parse_config(values | changes, base=base)


def plan_of(run: Path) -> Plan:
    path = run / load_manifest(run, "plan").attachments["plan.json"]
    return parse_plan(path.read_bytes(), "plan.json")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    base = tmp_path_factory.mktemp("stages")
    folder = write_run(base)
    run_steps(config_of(base), folder, STEPS, workers=1, quiet=True)
    return folder


def test_every_stage_has_its_tokens_and_shares(run: Path) -> None:
    plan = plan_of(run)
    anneal, more, long = plan.stages
    assert [(s.sequences, s.token_budget, s.start_tokens) for s in plan.stages] == [
        (372, 5_952, 12_000),
        (184, 2_944, 17_952),
        (62, 3_968, 20_896),
    ]
    shares = {share.domain: share.weight_asked for share in anneal.mixture}
    # Three quarters of the optimum, one quarter of what pre-training read of this run: web alone.
    assert {d: round(w, 6) for d, w in shares.items()} == {"code": 0.375, "math": 0.15, "web": 0.475}
    assert {share.domain: share.weight_asked for share in more.mixture} == {"math": 0.6, "old": 0.4}
    # Largest remainders of 46.5 and 15.5; equal ones go to the larger.
    assert {length.bucket: length.sequences for length in long.lengths} == {"long": 47, "short": 15}
    assert long.rope is not None and long.rope.scaling == "yarn"


def test_epochs_count_what_was_trained_before(run: Path) -> None:
    plan = plan_of(run)
    (pretrain,) = plan.earlier
    assert [(s.name, s.domain, s.tokens) for s in pretrain.seen] == [("web", "web", 9_000), ("gone", None, 3_000)]
    drawn = Counter({d.id: 0 for d in plan.domains})
    for stage in plan.stages:
        drawn.update({share.domain: share.tokens for share in stage.mixture})
    for domain in plan.domains:
        before = 9_000 if domain.id == "web" else 0
        assert drawn[domain.id] + before <= domain.max_epochs * domain.tokens
    math = plan.domain("math")
    assert math.max_epochs == 2


def test_stages_share_no_document_and_lose_none(run: Path) -> None:
    plan = plan_of(run)
    shards: dict[tuple[str, int], str] = {}
    for stage in plan.stages:
        for share in stage.mixture:
            for draw in share.draws:
                assert shards.setdefault((share.domain, draw.shard), stage.id) == stage.id
    attached = load_manifest(run, "tokens").attachments | load_manifest(run, "plan").attachments
    for name, (_, sizes, _) in DOMAINS.items():
        texts: list[bytes] = []
        for shard in plan.domain(name).shards:
            bin_path, idx_path = run / attached[shard.bin.name], run / attached[shard.idx.name]
            index = read_index(idx_path, bin_path)
            assert (index.tokens, index.documents) == (shard.tokens, shard.documents)
            found = cut_up(bin_path.read_bytes(), read_lengths(idx_path))
            texts += found
            assert shard.bucket is None or all((len(t) // 2 >= 48) == (shard.bucket == "long") for t in found)
        before: list[bytes] = []
        for number in range(len(sizes)):
            stem = f"main/{name}/train-{number:05d}"
            before += cut_up((run / attached[f"{stem}.bin"]).read_bytes(), read_lengths(run / attached[f"{stem}.idx"]))
        assert Counter(texts) == Counter(before)


def cut_up(tokens: bytes, lengths: Any) -> list[bytes]:
    ends = np.cumsum(lengths) * 2
    return [tokens[end - 2 * length : end] for end, length in zip(ends, lengths, strict=True)]


def test_long_documents_are_kept_for_the_stage_that_asks_for_them(run: Path) -> None:
    plan = plan_of(run)
    rows = read_table(run, PLAN).to_pylist()
    assert {row["bucket"] for row in rows} == {"long", "short"}
    long = {row["domain"]: 0 for row in rows}
    for row in rows:
        if row["stage"] == "long" and row["bucket"] == "long":
            long[row["domain"]] += row["sequences"]
    assert sum(long.values()) == 47
    assert rows == sorted(rows, key=lambda row: (row["stage"], row["domain"], row["shard"]))
    assert sum(row["tokens"] for row in rows) == sum(stage.token_budget for stage in plan.stages)


def test_every_trainer_has_a_folder_per_stage(run: Path) -> None:
    for trainer in ("megatron", "olmo-core", "hf"):
        record = json.loads((run / "export" / trainer / "EXPORT.json").read_text())
        assert [s["folder"] for s in record["stages"]] == ["anneal/", "more/", "long/"]
    arguments = (run / "export" / "megatron" / "long" / "arguments.txt").read_text()
    for words in ("--seq-length 64", "--rotary-base 500000", "--reset-attention-mask", "# By hand: RoPE scaling yarn"):
        assert words in arguments
    names = {p.name for p in (run / "export" / "olmo-core").rglob("*.npy") if "heldout" not in p.name}
    assert len(names) == len([p for p in (run / "export" / "olmo-core").rglob("*.npy") if "heldout" not in p.name])


def test_the_same_plan_elsewhere_and_nothing_done_twice(run: Path, tmp_path: Path) -> None:
    folder = write_run(tmp_path)
    config = config_of(tmp_path)
    run_steps(config, folder, STEPS, workers=1, quiet=True)
    assert load_manifest(run, "plan").attachments == load_manifest(folder, "plan").attachments
    assert plan_of(folder).hash == plan_of(run).hash


@pytest.mark.parametrize(
    ("stage", "words"),
    [
        (
            {"weights": {"math": 1.0}, "tokens": 9_000},
            r"stages\.more\.tokens: the plan needs 560 sequences of 16 .* are missing",
        ),
        ({"weights": {"math": 0.6, "old": 0.5}}, r"stages\.more\.weights: shares sum to 1\.1, expected 1"),
        ({"weights": {"maths": 1.0}}, "'maths' is neither a source nor a domain"),
        (
            {"learning_rate": {"schedule": "linear", "start": 2e-4}},
            "starts at 0.0002, the stage before ended at 0.0001",
        ),
        ({"learning_rate": {"schedule": "exponential"}}, "an exponential decay never ends at 0"),
        ({"learning_rate": {"schedule": "constant", "end": 5e-5}}, "constant ends at 0.0001, the plan says 5e-05"),
        ({"global_batch_sequences": 8}, "its batch is 128 tokens, that of the stage before 64"),
        ({"boundary": {"optimizer": "fresh"}}, "a fresh optimizer at the full rate of 0.0001"),
        ({"rope": {"base": 1e4, "scaling": "pi", "factor": 1.5, "original_length": 8}}, "reaches 12 positions"),
        ({"lengths": {"long": 1.0}, "tokens": 90_000}, "of length long, but the domains with a weight give"),
        ({"sequence_length": 24}, "no whole number of sequences of 24"),
        ({"tokens": 10}, r"stages\.more\.tokens is 10, below one global batch of 64"),
    ],
)
def test_violations_are_refused_before_a_file_is_written(tmp_path: Path, stage: dict[str, Any], words: str) -> None:
    folder = write_run(tmp_path)
    stages = [s.model_dump(mode="json", exclude_unset=True) for s in config_of(tmp_path).stages]
    stages[1] = {"weights": {"math": 0.6, "old": 0.4}} | stages[1] | stage
    with pytest.raises(ConfigError, match=words):
        run_steps(config_of(tmp_path, stages=stages), folder, STEPS[:1], workers=1, quiet=True)
    assert not load_manifest(folder, "plan").attached
    assert not (folder / "plan").exists()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"stages": [{"name": "a", "lengths": {"huge": 1}}]}, "no length bucket 'huge'; there are: short, long"),
        ({"stages": [{"name": "a"}, {"name": "a"}]}, "'a' stands twice"),
        ({"stages": [{"name": "2024"}]}, "digits alone"),
        ({"stages": [{"name": "a", "replay": 0.5, "replay_of": "b"}]}, "'b' is no stage before it"),
        ({"stages": [{"name": "a", "weights": {"web": -1}}]}, "web is -1.0, expected a share of 0 or more"),
        ({"stages": [{"name": "a", "learning_rate": {"schedule": "wsd"}}]}, "needs decay_start and decay"),
        ({"stages": [{"name": "a", "rope": {"base": 1e4, "scaling": "yarn"}}]}, "needs factor and original_length"),
        ({"length_buckets": {"short": 0, "long": 0}}, "rising from 0"),
        ({"stages": [{"name": "a", "packing": "worst-fit"}]}, r"'concatenate-and-chunk' or 'best-fit'"),
        (
            {"stages": [{"name": "a", "packing": "best-fit"}, {"name": "b", "data": "repeat"}]},
            r"stages\.a\.packing: best-fit .* stages\.b with data: repeat",
        ),
        (
            {"earlier": [{"name": "p", "tokens": 10, "seen": {"web": 11}}]},
            "seen sums to 11 tokens, more than tokens: 10",
        ),
        ({"earlier": [{"name": "p", "tokens": 10}]}, "exactly one of 'file'"),
        (
            {
                "token_files": {
                    "2024": {"path": "x", "format": "megatron", "dtype": "uint16", "tokenizer_sha256": "0" * 64}
                }
            },
            "token_files: '2024' is no name",
        ),
    ],
)
def test_config_that_cannot_be_is_refused(tmp_path: Path, change: dict[str, Any], words: str) -> None:
    write_run(tmp_path)
    with pytest.raises(ConfigError, match=words):
        config_of(tmp_path, **change)


def test_earlier_tokens_use_up_the_epochs(tmp_path: Path) -> None:
    folder = write_run(tmp_path)
    earlier = {"name": "pretrain", "tokens": 90_000, "learning_rate": 3e-4, "seen": {"math": 6_000, "web": 9}}
    run_steps(config_of(tmp_path, earlier=[earlier]), folder, STEPS[:1], workers=1, quiet=True)
    # Of math two passes are allowed and 6,000 of its tokens were read: what is left of them goes to the first stage.
    plan = plan_of(folder)
    math = plan.domain("math")
    drawn = sum(share.tokens for stage in plan.stages for share in stage.mixture if share.domain == "math")
    assert drawn <= 2 * math.tokens - 6_000 < drawn + 3 * LONG


def test_a_domain_that_no_stage_and_no_file_has_is_named(tmp_path: Path) -> None:
    folder = write_run(tmp_path)
    earlier = [{"name": "pretrain", "tokens": 10, "seen": {"wbe": 5}}]
    with pytest.raises(
        ConfigError, match=r"earlier\.pretrain: 'wbe' is no domain of this run \(code, math, web, old\)"
    ):
        run_steps(config_of(tmp_path, earlier=earlier), folder, STEPS[:1], workers=1, quiet=True)


def test_token_files_of_another_tokenizer_are_refused(tmp_path: Path) -> None:
    folder = write_run(tmp_path)
    given = {"path": "old-*.npy", "format": "olmo-core", "dtype": "uint16", "tokenizer_sha256": "f" * 64}
    with pytest.raises(ConfigError, match="unknown tokenizer, sha256 ffffffffffffffff"):
        run_steps(config_of(tmp_path, token_files={"old": given}), folder, STEPS[:1], workers=1, quiet=True)


def test_token_files_that_are_cut_off_are_refused(tmp_path: Path) -> None:
    folder = write_run(tmp_path)
    path = tmp_path / "old-0.npy"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(InputError, match="no whole number of uint16 ids"):
        run_steps(config_of(tmp_path), folder, STEPS[:1], workers=1, quiet=True)
    path.write_bytes(path.read_bytes()[:-3])
    with pytest.raises(InputError, match="expected the end-of-text id 0"):
        run_steps(config_of(tmp_path), folder, STEPS[:1], workers=1, quiet=True)


# -- packing


PACKED = {"sequence_length": LONG, "global_batch_sequences": 1, "packing": "best-fit", "tokens": 3_000}


def packed_config(base: Path, **stage: Any) -> Config:
    """The three stages, the first of them packed, in rows that some documents are longer than."""
    stages = [s.model_dump(mode="json", exclude_unset=True) for s in config_of(base).stages]
    stages[0] |= PACKED | stage
    return config_of(base, stages=stages)


@pytest.fixture(scope="module")
def packed_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    base = tmp_path_factory.mktemp("packed")
    folder = write_run(base)
    run_steps(packed_config(base), folder, STEPS[:1], workers=1, quiet=True)
    return folder


def documents_of(run: Path, domain: str) -> list[bytes]:
    """Train documents of a domain of the run."""
    attached = load_manifest(run, "tokens").attachments
    stems = [f"main/{domain}/train-{number:05d}" for number in range(len(DOMAINS[domain][1]))]
    return [
        text
        for stem in stems
        for text in cut_up((run / attached[f"{stem}.bin"]).read_bytes(), read_lengths(run / attached[f"{stem}.idx"]))
    ]


def test_packed_shards_hold_their_documents_once_and_whole_where_they_fit(packed_run: Path) -> None:
    plan = plan_of(packed_run)
    attached = load_manifest(packed_run, "tokens").attachments | load_manifest(packed_run, "plan").attachments
    for name in DOMAINS:
        texts: list[bytes] = []
        for shard in plan.domain(name).shards:
            content = (packed_run / attached[shard.bin.name]).read_bytes()
            lengths = read_lengths(packed_run / attached[shard.idx.name])
            if shard.packed is None:
                texts += cut_up(content, lengths)
                continue
            assert set(lengths.tolist()) == {LONG} and len(lengths) == shard.packed.rows
            runs = np.fromfile(packed_run / attached[shard.packed.runs.name], "<i8").reshape(-1, 3)
            assert runs[runs[:, 0] < 0, 2].sum() == shard.packed.padding
            parts: dict[int, dict[int, bytes]] = {}
            for (document, first, _), part in zip(runs.tolist(), cut_up(content, runs[:, 2]), strict=True):
                parts.setdefault(document, {})[first] = part
            assert set(b"".join(parts.pop(-1, {}).values())) <= {0}
            assert len(parts) == shard.documents
            assert all(len(found) == -(-sum(map(len, found.values())) // 2 // LONG) for found in parts.values())
            texts += [b"".join(part for _, part in sorted(found.items())) for found in parts.values()]
        assert Counter(texts) == Counter(documents_of(packed_run, name))


def test_a_packed_stage_writes_no_more_than_it_draws(packed_run: Path, tmp_path: Path) -> None:
    plan = plan_of(packed_run)
    stage = plan.stages[0]
    assert stage.packing.method == "best-fit"
    assert all(draw.sequences for share in stage.mixture for draw in share.draws)
    folder = write_run(tmp_path)
    run_steps(packed_config(tmp_path, tokens=640), folder, STEPS[:1], workers=1, quiet=True)
    code = plan_of(folder).domain("code")
    packed = [shard for shard in code.shards if shard.packed]
    # A few rows of code are drawn, which the first of its pieces of each length gives.
    assert 0 < len(packed) < len(code.shards) / 2
    assert sum(shard.text_tokens for shard in code.shards) == code.tokens


def test_passes_are_of_text_and_padding_is_apart(packed_run: Path) -> None:
    plan = plan_of(packed_run)
    for share in plan.stages[0].mixture:
        shards = [shard for _, shard in plan.drawn(share)]
        padding, tokens = sum(s.packed.padding for s in shards if s.packed), sum(s.tokens for s in shards)
        assert 0 < share.padding == -(-share.tokens * padding // tokens)
        assert share.available_sequences == sum(s.packed.rows - 1 for s in shards if s.packed)
    assert all(share.padding == 0 for stage in plan.stages[1:] for share in stage.mixture)


def test_packing_counts_what_both_methods_cut(packed_run: Path) -> None:
    plan = plan_of(packed_run)
    rows = {(r["stage"], r["domain"], r["method"]): r for r in read_table(packed_run, PACKING).to_pylist()}
    assert len(rows) == 2 * sum(len(stage.mixture) for stage in plan.stages)
    attached = load_manifest(packed_run, "tokens").attachments | load_manifest(packed_run, "plan").attachments
    for stage in plan.stages:
        length = stage.sequence_length
        for share in stage.mixture:
            chunks = Counter[str]()
            for _, shard in plan.drawn(share):
                if shard.packed:
                    runs = np.fromfile(packed_run / attached[shard.packed.runs.name], "<i8").reshape(-1, 3)
                    lengths = np.bincount(runs[runs[:, 0] >= 0, 0], runs[runs[:, 0] >= 0, 2]).astype(int)
                else:
                    lengths = read_lengths(packed_run / attached[shard.idx.name])
                end = 0
                for n in lengths.tolist():
                    start, end = end, end + n
                    first = min(n, length - start % length)
                    chunks += Counter(
                        documents=1, tokens=n, cut=int(first < n), fitting=int(first < n <= length), after=n - first,
                        long=int(n > length), after_long=max(0, n - length),
                    )  # fmt: skip
            found = rows[stage.id, share.domain, "concatenate-and-chunk"]
            assert (found["documents"], found["tokens"]) == (chunks["documents"], chunks["tokens"])
            assert (found["documents_cut"], found["fitting_documents_cut"]) == (chunks["cut"], chunks["fitting"])
            assert (found["tokens_after_cut"], found["padding_tokens"]) == (chunks["after"], 0)
            found = rows[stage.id, share.domain, "best-fit"]
            assert (found["documents_cut"], found["fitting_documents_cut"]) == (chunks["long"], 0)
            assert found["tokens_after_cut"] == chunks["after_long"]
            assert found["planned"] == (stage.id == "anneal")
            assert (found["padding_tokens"] is None) != found["planned"]
            if found["planned"]:
                assert (found["tokens"] + found["padding_tokens"]) % length == 0
                drawn = [shard for _, shard in plan.drawn(share)]
                assert found["padding_tokens"] == sum(s.packed.padding for s in drawn if s.packed)


def test_packing_is_the_same_elsewhere(packed_run: Path, tmp_path: Path) -> None:
    folder = write_run(tmp_path)
    run_steps(packed_config(tmp_path), folder, STEPS[:1], workers=1, quiet=True)
    for table in ("plan", "packing"):
        assert load_manifest(folder, table).digest == load_manifest(packed_run, table).digest


def test_rows_lie_in_an_order_by_the_seed(packed_run: Path, tmp_path: Path) -> None:
    folder = write_run(tmp_path)
    other = packed_config(tmp_path).model_copy(update={"seed": 12})
    run_steps(other, folder, STEPS[:1], workers=1, quiet=True)
    rows = []
    for run in (packed_run, folder):
        shard = next(shard for shard in plan_of(run).domain("web").shards if shard.packed)
        path = run / load_manifest(run, "plan").attachments[shard.bin.name]
        rows.append([row.tobytes() for row in np.fromfile(path, "<u2").reshape(-1, LONG)])
    assert rows[0] != rows[1] and sorted(map(sorted, rows[0])) == sorted(map(sorted, rows[1]))


def test_dry_run_says_what_packing_cuts(packed_run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command("plan", str(packed_run), "--dry-run") == 0
    shown = capsys.readouterr().out
    for line in packing_lines(read_table(packed_run, PACKING).to_pylist()):
        assert line in shown
    print_summary(midmix.open(packed_run))
    assert "stage anneal: best-fit cuts" in capsys.readouterr().out


# -- asking for a plan, and for what changed


def test_dry_run_prints_the_chain_and_writes_nothing(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = sorted(run.rglob("*"))
    assert command("plan", str(run), "--dry-run", "--parameters", "1B", "--mfu", "0.5", "--tflops", "1") == 0
    words = " ".join(capsys.readouterr().out.split())
    assert sorted(run.rglob("*")) == before
    # 6 x 1e9 x 5,952 FLOPs at 5e11 a second are 71 seconds, 0.02 hours.
    for expected in (
        "anneal midtrain 12,000 5,952 93 16 0.0003 0.0002 0.0001 0",
        "long long-context 20,896 3,968 62 64 0.0001 5e-05 0 0",
        "GPU-hours: 6 x 1,000,000,000 parameters x tokens at 50% of 1 TFLOP/s",
    ):
        assert expected in words
    plan = plan_of(run)
    web = plan.domain("web")
    drawn = sum(share.tokens for stage in plan.stages for share in stage.mixture if share.domain == "web")
    assert f"{(drawn + 9_000) / web.tokens:.2f} of 4" in words


def test_dry_run_takes_other_settings(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command("plan", str(run), "--dry-run", "--set", "mixture.tokens=3000") == 0
    assert "2,944" in capsys.readouterr().out
    assert command("plan", str(run), "--dry-run", "--set", "mixture.tokens=300000") != 0
    assert "are missing" in capsys.readouterr().err


def test_dry_run_of_a_recipe(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    recipe = str(repository / "configs" / "recipes" / "olmo2-7b.yaml")
    assert command("plan", recipe, "--dry-run", "--parameters", "7B") == 0
    words = " ".join(capsys.readouterr().out.split())
    # 6 x 7e9 x 49,996,103,680 FLOPs at 40% of 989 TFLOP/s.
    assert "anneal midtrain 0 49,996,103,680 11,920 4,096 6.15e-05 3.07e-05 0 1,474" in words
    assert "stage anneal: weights sum to 1.0001; they were divided by that" in words
    assert command("plan", recipe) == 2
    assert "is a recipe, which has no token files" in capsys.readouterr().err


def test_diff_names_what_changed_in_tokens_and_epochs(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = write_run(tmp_path)
    stages = [s.model_dump(mode="json", exclude_unset=True) for s in config_of(tmp_path).stages]
    stages[1]["weights"] = {"math": 0.5, "old": 0.5}
    run_steps(config_of(tmp_path, stages=stages[:2]), folder, STEPS[:1], workers=1, quiet=True)
    assert command("diff", str(run), str(folder)) == 0
    words = " ".join(capsys.readouterr().out.split())
    shares = [{s.domain: s for s in plan_of(place).stages[1].mixture} for place in (run, folder)]
    before, after = shares[0]["math"], shares[1]["math"]
    assert (before.tokens, after.tokens) == (1_760, 1_472)
    assert f"more math 1,760 1,472 -288 {before.epochs:.2f} {after.epochs:.2f}" in words
    assert "more old 1,184 1,472 +288" in words
    assert "stage long: 3968 tokens -> none" in words
    assert command("diff", str(run), str(run)) == 0
    assert capsys.readouterr().out.startswith("the same plan")
    assert command("diff", str(run), str(tmp_path / "none")) == 2
    assert "no such file or run folder" in capsys.readouterr().err


def command(*arguments: str) -> int:
    with pytest.raises(SystemExit) as end:
        main(list(arguments))
    return int(end.value.code or 0)
