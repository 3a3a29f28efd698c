"""Plan and export of a small run, read back by the trainers' own loaders: every count is the planned one.

megatron-core, datasets and ai2-olmo-core are tried where they are installed.
"""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from midmix.artifact import Manifest, attach_file, load_manifest, publish, read_table, write_table
from midmix.config import Config, parse_config
from midmix.errors import ConfigError, InputError
from midmix.flow import EXPORT, FLOW
from midmix.mixer.export.step import export_plan
from midmix.mixer.plan.manifest import Plan, parse_plan
from midmix.runner import run_steps
from midmix.tables import EVIDENCE, EXPORTS, PARTS, PLAN, SOURCES, TOKENS, WEIGHTS, Table

LENGTH = 16
BATCH = 8
# Domain: (first token id, tokens per train shard about, max epochs, weight in 1e-6). Ids tell the domain of a token.
DOMAINS = {
    "code": (100, (4_000, 4_000, 700), 4.0, 450_001),
    "math": (200, (900, 30), 4.0, 250_000),
    "web": (300, (9_000,), 1.0, 299_999),
}
STEPS = FLOW[[s.name for s in FLOW].index("plan") :]


def missing(*packages: str) -> list[str]:
    return [name for name in packages if importlib.util.find_spec(name) is None]


def write_index(path: Path, lengths: list[int]) -> None:
    """A Megatron index, field by field as its reader lists them."""
    offsets = np.cumsum([0, *lengths[:-1]]) * 2
    path.write_bytes(
        b"MMIDIDX\x00\x00"
        + np.array([1], "<u8").tobytes()
        + bytes([8])
        + np.array([len(lengths), len(lengths) + 1], "<u8").tobytes()
        + np.array(lengths, "<i4").tobytes()
        + offsets.astype("<i8").tobytes()
        + np.arange(len(lengths) + 1, dtype="<i8").tobytes()
    )


def write_tokenizer(folder: Path) -> None:
    folder.mkdir()
    vocabulary = {"<eos>": 0} | {f"w{i}": i for i in range(1, 1000)}
    model = {"type": "WordLevel", "vocab": vocabulary, "unk_token": "<eos>"}
    (folder / "tokenizer.json").write_text(json.dumps({"version": "1.0", "added_tokens": [], "model": model}))
    (folder / "tokenizer_config.json").write_text(json.dumps({"eos_token": "<eos>"}))


def documents(generator: np.random.Generator, first_id: int, about: int) -> list[np.ndarray[Any, Any]]:
    lengths: list[int] = []
    while sum(lengths) < about:
        lengths.append(int(generator.integers(2, 60)))
    return [np.append(generator.integers(first_id, first_id + 90, n - 1), 0).astype("<u2") for n in lengths]


def publish_rows(folder: Path, table: Table, rows: list[dict[str, Any]], attached: tuple[Any, ...] = ()) -> None:
    entry = write_table(folder, table, pa.Table.from_pylist(rows, schema=table.schema()), stem="all")
    publish(folder, Manifest(table.name, (entry,), attached))


def write_tokens(folder: Path) -> None:
    generator = np.random.default_rng(5)
    rows, attached, row = [], [], 0
    for domain, (first_id, sizes, _, _) in DOMAINS.items():
        shards = [("heldout", 0, 300)] + [("train", i, about) for i, about in enumerate(sizes)]
        for split, shard, about in shards:
            texts = documents(generator, first_id, about)
            tokens = np.concatenate(texts)
            stem = f"main/{domain}/{split}-{shard:05d}"
            attached.append(attach_file(folder, TOKENS, f"{stem}.bin", lambda p, t=tokens: p.write_bytes(t.tobytes())))
            lengths = [len(t) for t in texts]
            attached.append(attach_file(folder, TOKENS, f"{stem}.idx", lambda p, n=lengths: write_index(p, n)))
            offset = 0
            for text in texts:
                rows.append(
                    {"tokenizer": "main", "domain": domain, "split": split, "shard": shard, "offset": offset}
                    | {"num_tokens": len(text), "num_bytes": 4 * len(text), "doc": row}
                )
                offset, row = offset + len(text), row + 1
    publish_rows(folder, TOKENS, rows, tuple(attached))


def write_run(folder: Path) -> Config:
    """A run folder as it is before the step plan, and its config."""
    base = folder.parent / f"{folder.name}-base"
    base.mkdir(parents=True)
    write_tokenizer(base / "tokenizer")
    source = {"position": 0, "survivor_rank": 0, "kind": "prose", "license": "cc0", "path": "x.parquet"}
    publish_rows(folder, SOURCES, [{"source": "crawl", "snapshot": None, "origin": None, "teacher": None} | source])
    part = {"part": 0, "source": "crawl", "path": "x.parquet", "file_hash": "0", "first_row_group": 0}
    part |= {"num_row_groups": 1, "first_row": 0, "rows": 9, "text_bytes": 9, "text_column": "text"}
    publish_rows(folder, PARTS, [part])
    write_tokens(folder)
    weights = [
        {
            "mixture": "optimum",
            "domain": d,
            "weight": units / 1e6,
            "low": 0.1,
            "high": 0.6,
            "at_cap": False,
            "epochs": 1.0,
        }
        for d, (_, _, _, units) in DOMAINS.items()
    ]
    publish_rows(folder, WEIGHTS, weights)
    claim = {
        "subject": "overall",
        "claim": "verdict",
        "verdict": "weak",
        "value": float("nan"),
        "words": "little is known",
    }
    publish_rows(folder, EVIDENCE, [claim])
    (folder / "state").mkdir()
    (folder / "state" / "lock").touch()  # what a run folder is known by
    return config_of(base, 20_000)


def config_of(base: Path, tokens: int) -> Config:
    mixture = {
        "tokens": tokens,
        "sequence_length": LENGTH,
        "global_batch_sequences": BATCH,
        "max_epochs": {"default": 4, "web": 1},
        "targets": {"web": {"domain": "web"}},
    }
    values = {
        "sources": {"crawl": {"path": "x.parquet", "kind": "prose"}},
        "domains": dict.fromkeys(DOMAINS, "kind = 'prose'"),
        "tokenizers": {"main": "tokenizer"},
        "mixture": mixture,
    }
    return parse_config(values, base=base)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run") / "run"
    run_steps(write_run(folder), folder, STEPS, workers=1, quiet=True)
    return folder


def plan_of(run: Path) -> Plan:
    path = run / load_manifest(run, "plan").attachments["plan.json"]
    return parse_plan(path.read_bytes(), "plan.json")


def planned(run: Path) -> dict[str, int]:
    return {share.domain: share.sequences for share in plan_of(run).stages[0].mixture}


def test_plan_fills_whole_batches_within_the_caps(run: Path) -> None:
    stage = plan_of(run).stages[0]
    counts = planned(run)
    assert stage.sequences == 20_000 // (LENGTH * BATCH) * BATCH == 1248
    assert sum(counts.values()) == stage.sequences
    shares = {share.domain: share for share in stage.mixture}
    math = shares["math"]
    assert math.at_cap and math.sequences == math.cap_sequences == 4 * math.available_sequences
    # What math cannot take goes to the others in proportion to their weights.
    assert counts["code"] == round((stage.sequences - math.sequences) * 450_001 / 750_000)
    rows = read_table(run, PLAN).to_pylist()
    assert Counter({d: sum(r["sequences"] for r in rows if r["domain"] == d) for d in DOMAINS}) == counts
    code = [r for r in rows if r["domain"] == "code"]
    assert all(
        abs(r["sequences"] - r["available"] * counts["code"] / shares["code"].available_sequences) < 1 for r in code
    )
    assert abs(sum(r["weight"] for r in rows) - 1) < 1e-12


def test_plan_and_export_are_the_same_bytes_elsewhere(run: Path, tmp_path: Path) -> None:
    other = tmp_path / "deeper" / "other"
    run_steps(write_run(other), other, STEPS, workers=1, quiet=True)
    assert load_manifest(run, "plan").digest == load_manifest(other, "plan").digest
    assert load_manifest(run, "exports").digest == load_manifest(other, "exports").digest
    for row in read_table(run, EXPORTS).to_pylist():
        file = Path("export") / row["trainer"] / row["file"]
        assert (run / file).read_bytes() == (other / file).read_bytes()
        assert str(run).encode() not in (run / file).read_bytes()


def test_exports_lists_every_file_with_its_hash(run: Path) -> None:
    from midmix.artifact import sha256_of

    rows = read_table(run, EXPORTS).to_pylist()
    listed = {f"{row['trainer']}/{row['file']}": (row["bytes"], row["sha256"]) for row in rows}
    there = {
        str(p.relative_to(run / "export")): (p.stat().st_size, sha256_of(p))
        for p in (run / "export").rglob("*")
        if p.is_file()
    }
    assert listed == there
    assert [(row["trainer"], row["file"]) for row in rows] == sorted((row["trainer"], row["file"]) for row in rows)


def test_deleted_folder_is_written_again_and_an_old_trainer_goes(run: Path, tmp_path: Path) -> None:
    other = tmp_path / "run"
    config = write_run(other)
    run_steps(config, other, STEPS, workers=1, quiet=True)
    (other / "export" / "hf" / "load.py").unlink()
    run_steps(config, other, (EXPORT,), workers=1, quiet=True)
    assert (other / "export" / "hf" / "load.py").is_file()
    fewer = config.model_copy(update={"export": ("hf",)})
    run_steps(fewer, other, (EXPORT,), workers=1, quiet=True)
    assert [p.name for p in (other / "export").iterdir()] == ["hf"]


def test_plan_of_other_tokens_is_not_exported(run: Path, tmp_path: Path) -> None:
    other = tmp_path / "run"
    run_steps(write_run(other), other, STEPS[:1], workers=1, quiet=True)
    manifest = load_manifest(other, "tokens")
    changed = attach_file(other, TOKENS, manifest.attached[0].name, lambda p: p.write_bytes(b"other"))
    publish(other, Manifest("tokens", manifest.files, (changed, *manifest.attached[1:])))
    with pytest.raises(InputError, match="another file than the plan counts"):
        export_plan(other, ["hf"], tmp_path / "out", absolute=True)
    assert not (tmp_path / "out").exists()


def test_budget_beyond_the_supply_is_refused_with_the_numbers(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    write_run(folder)
    with pytest.raises(ConfigError, match=r"are missing.*Lower mixture.tokens to [\d,]+"):
        run_steps(config_of(tmp_path / "run-base", 400_000), folder, STEPS[:1], workers=1, quiet=True)


# -- megatron-core


@pytest.fixture
def one_rank() -> Iterator[None]:
    """torch.distributed with one process, which megatron-core asks for where it caches its indices."""
    import torch

    store = torch.distributed.HashStore()
    torch.distributed.init_process_group("gloo", store=store, rank=0, world_size=1)
    yield
    torch.distributed.destroy_process_group()


def megatron_blend(folder: Path, plan: Plan, cache: Path) -> tuple[Any, Any]:
    from megatron.core.datasets.blended_megatron_dataset_builder import BlendedMegatronDatasetBuilder
    from megatron.core.datasets.gpt_dataset import GPTDataset, GPTDatasetConfig
    from megatron.core.datasets.utils import get_blend_from_list

    stage = plan.stages[0]
    blend = json.loads((folder / "blend.json").read_text())

    class Tokenizer:
        eod, pad, vocab_size, unique_identifiers = 0, 0, 1000, {"name": "w"}

    config = GPTDatasetConfig(
        random_seed=stage.seed,
        sequence_length=stage.sequence_length,
        blend_per_split=[get_blend_from_list(blend[split]) for split in ("train", "valid", "test")],
        path_to_cache=str(cache),
        tokenizer=Tokenizer(),
        reset_position_ids=False,
        reset_attention_mask=False,
        eod_mask_loss=False,
    )
    sizes = [stage.sequences, 40, 0]
    train, valid, _ = BlendedMegatronDatasetBuilder(GPTDataset, sizes, lambda: True, config).build()
    return train, valid


needs_megatron = pytest.mark.skipif(
    bool(missing("megatron", "torch")), reason="needs megatron-core: pip install torch==2.13.0 megatron-core==0.16.1"
)


@needs_megatron
@pytest.mark.usefixtures("one_rank")
def test_megatron_draws_exactly_the_planned_sequences(run: Path, tmp_path: Path) -> None:
    (folder,) = export_plan(run, ["megatron"], tmp_path / "out", absolute=True)
    plan = plan_of(run)
    train, valid = megatron_blend(folder, plan, tmp_path / "cache")
    stage = plan.stages[0]
    prefixes = [dataset.dataset_path for dataset in train.datasets]
    drawn = Counter(prefixes[i] for i in train.dataset_index[: stage.sequences])
    expected = {
        f"{folder}/tokens/{share.domain}-train-{draw.shard:05d}": draw.sequences
        for share in stage.mixture
        for draw in share.draws
        if draw.sequences
    }
    assert drawn == expected
    # The same from the tokens themselves: ids tell the domain.
    by_token: Counter[str] = Counter()
    for sample in range(stage.sequences):
        tokens = train[sample]["tokens"].numpy()
        assert len(tokens) == LENGTH
        by_token[
            next(d for d, (first, *_) in DOMAINS.items() if ((tokens >= first) & (tokens < first + 100)).any())
        ] += 1
    assert by_token == planned(run)
    assert len(valid) >= 40
    assert all("-heldout-" in dataset.dataset_path for dataset in valid.datasets)


@needs_megatron
def test_megatron_reads_the_documents_of_every_shard(run: Path, tmp_path: Path) -> None:
    from megatron.core.datasets.indexed_dataset import IndexedDataset

    (folder,) = export_plan(run, ["megatron"], tmp_path / "out", absolute=True)
    for domain in plan_of(run).domains:
        for shard in domain.shards:
            prefix = folder / "tokens" / f"{domain.id}-train-{shard.index:05d}"
            if not prefix.with_suffix(".idx").exists():
                continue
            dataset = IndexedDataset(str(prefix))
            assert len(dataset) == shard.documents
            assert int(dataset.sequence_lengths.sum()) == shard.tokens
            assert all(dataset[i][-1] == 0 for i in range(len(dataset)))


# -- Hugging Face datasets


def load_script(folder: Path) -> Any:
    spec = importlib.util.spec_from_file_location("exported_load", folder / "load.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["exported_load"] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.skipif(bool(missing("datasets")), reason="needs datasets: pip install datasets==5.2.0")
def test_datasets_holds_exactly_the_planned_rows(run: Path, tmp_path: Path) -> None:
    (folder,) = export_plan(run, ["hf"], tmp_path / "out", absolute=True)
    script = load_script(folder)
    dataset = script.load(folder)
    assert len(dataset) == sum(planned(run).values())
    assert Counter(dataset[:]["domain"]) == planned(run)
    direct = list(script.rows(folder))
    assert all(np.array_equal(dataset[i]["input_ids"], direct[i]["input_ids"]) for i in range(len(direct)))
    assert all(len(row["input_ids"]) == LENGTH for row in direct)
    assert len(script.load(folder, split="heldout")) > 0


# -- OLMo-core


@pytest.mark.skipif(
    bool(missing("olmo_core")), reason="needs ai2-olmo-core: pip install torch==2.13.0 ai2-olmo-core==3.0.0"
)
def test_olmo_core_builds_exactly_the_planned_sequences(run: Path, tmp_path: Path) -> None:
    (folder,) = export_plan(run, ["olmo-core"], tmp_path / "out", absolute=False)
    done = subprocess.run(
        [sys.executable, str(folder / "load.py"), str(tmp_path / "work")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout.strip().splitlines()[-1])
    assert found["built"] == found["planned"] == planned(run)
