"""A small run folder with tokens and items, trained in this process and in workers."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tokenizers import AddedToken, Tokenizer, models, pre_tokenizers

from midmix.artifact import Manifest, attach_file, load_manifest, publish, publish_unit, write_table
from midmix.config import Config, parse_config
from midmix.errors import InputError
from midmix.flow import FLOW
from midmix.proxy_train.batch import train_runs
from midmix.proxy_train.step import batches_of, read_runs, training_settings
from midmix.proxy_train.tokens import load_tokenizer, make_item
from midmix.runner import run_steps
from midmix.tables import DESIGNS, EVALUATION_ITEMS, LOSSES, TOKENS, Table
from midmix.task import Output, Task

TEXTS = {
    "code": [f"def f{i}(x):\n    return x + {i}\n" for i in range(120)],
    "prose": [f"The {i}th morning was as grey as the one before it.\n" for i in range(120)],
}
PROXY = {
    "layers": 1, "width": 16, "heads": 2, "sequence_length": 32, "batch_sequences": 2, "tokens": 1280,
    "rows_per_batch": 2, "heldout_tokens": 200,
}  # fmt: skip


@pytest.fixture
def tokenizer_folder(tmp_path: Path) -> Path:
    """A byte-level tokenizer with an end-of-text token, id 256."""
    vocabulary = {c: i for i, c in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.add_special_tokens([AddedToken("<|end|>", special=True)])
    folder = tmp_path / "tokenizer"
    folder.mkdir()
    tokenizer.save(str(folder / "tokenizer.json"))
    return folder


def _table(folder: Path, table: Table, rows: list[dict[str, Any]], attached: tuple[Any, ...] = ()) -> None:
    data = pa.Table.from_pylist(rows, schema=table.schema())
    publish(folder, Manifest(table.name, (write_table(folder, table, data, stem="all"),), attached))


def _write_tokens(folder: Path, tokenizer_folder: Path) -> None:
    tokenizer = load_tokenizer("main", str(tokenizer_folder))
    rows, attached = [], []
    for domain, texts in TEXTS.items():
        for split, chosen in (("heldout", texts[:20]), ("train", texts[20:])):
            ids = [np.array([*tokenizer.encode(t, add_special_tokens=False).ids, 256], np.uint16) for t in chosen]
            offsets = np.cumsum([0, *map(len, ids)])
            for row, (text, tokens, offset) in enumerate(zip(chosen, ids, offsets, strict=False)):
                place = {"tokenizer": "main", "domain": domain, "split": split, "shard": 0, "offset": int(offset)}
                rows.append(place | {"num_tokens": len(tokens), "num_bytes": len(text.encode()), "doc": row})
            name = f"main/{domain}/{split}-00000.bin"
            attached.append(attach_file(folder, TOKENS, name, lambda path, ids=ids: np.concatenate(ids).tofile(path)))
    _table(folder, TOKENS, rows, tuple(attached))


def _config(tmp_path: Path, tokenizer_folder: Path, **proxy: object) -> Config:
    values = {
        "sources": {name: {"path": f"{name}.parquet", "kind": "prose"} for name in TEXTS},
        "tokenizers": {"main": str(tokenizer_folder)},
        "proxy": PROXY | proxy,
        "mixture": {"tokens": 20_000, "targets": {"sums": {"set": "sums.jsonl"}}},
    }
    return parse_config(values, base=tmp_path)


@pytest.fixture
def make_run(tmp_path: Path, tokenizer_folder: Path) -> Callable[[str], Path]:
    """Makes a run folder that is ready to train three runs on two domains and one set of items."""

    def make(name: str) -> Path:
        folder = tmp_path / name
        _write_tokens(folder, tokenizer_folder)
        (folder / "state").mkdir()
        (folder / "state" / "lock").touch()  # what a run folder is known by
        weights = [(0.5, 0.5), (0.9, 0.1), (0.0, 1.0)]
        designs = [
            {"run": run, "role": "interior", "stage": "main", "seed": 0, "domain": domain, "weight": weight}
            for run, shares in enumerate(weights)
            for domain, weight in zip(TEXTS, shares, strict=True)
        ]
        _table(folder, DESIGNS, designs)
        item = {"set": "sums", "role": "target"}
        items = [item | {"item": i, "question": f"What is {i} + 1?", "answer": f"{i + 1}"} for i in range(9)]
        leak = {"set": "bench", "role": "benchmark", "item": 0, "question": None, "answer": "x"}
        _table(folder, EVALUATION_ITEMS, [leak, *items])
        return folder

    return make


def _train(folder: Path, config: Config, workers: int) -> list[Path]:
    steps = [step for step in FLOW if step.name == "train"]
    run_steps(config, folder, steps, workers=workers, quiet=True)
    return list(load_manifest(folder, LOSSES.name).paths(folder))


def test_losses_are_the_same_bytes_for_any_number_of_workers(
    make_run: Callable[[str], Path], tmp_path: Path, tokenizer_folder: Path
) -> None:
    config = _config(tmp_path, tokenizer_folder)
    one, two = _train(make_run("one"), config, 1), _train(make_run("two"), config, 2)
    assert [path.name for path in one] == [path.name for path in two]
    assert [path.read_bytes() for path in one] == [path.read_bytes() for path in two]
    rows = pa.concat_tables([pq.read_table(path) for path in one]).to_pylist()
    _check_rows(rows)


def _check_rows(rows: list[dict[str, Any]]) -> None:
    keys = [(r["run"], r["step"], r["metric"], r["unit"]) for r in rows]
    assert keys == sorted(set(keys))
    assert {r["metric"] for r in rows} == {"domain:code", "domain:prose", "set:sums"}
    assert {(r["origin"], r["shape"]) for r in rows} == {("proxy", "L1-d16-ff48-v257")}
    assert {(r["step"], r["tokens"]) for r in rows} == {(s, 64 * s) for s in (2, 4, 7, 9, 11, 13, 16, 18, 20)}
    last = {(r["run"], r["metric"], r["unit"]): r["value"] for r in rows if r["step"] == 20}
    assert len(last) == 3 * 3 * 3
    for run in range(3):
        for metric in ("domain:code", "domain:prose", "set:sums"):
            assert 0 < last[run, metric, "nats_per_token"] < math.log(257) + 1
    # a byte tokenizer: bits per byte of items are nats per token in bits
    ratio = last[0, "set:sums", "bits_per_byte"] / last[0, "set:sums", "nats_per_token"]
    assert ratio == pytest.approx(1 / math.log(2))
    assert last[1, "domain:code", "nats_per_token"] < last[2, "domain:code", "nats_per_token"]
    assert last[0, "domain:code", "unigram_nats_per_token"] == last[2, "domain:code", "unigram_nats_per_token"]


def _task(folder: Path, config: Config, **settings: object) -> Task:
    proxy = config.proxy
    assert proxy is not None
    whole = training_settings(proxy, vocabulary=257) | {
        "tokenizer": "main",
        "target_tokens": 20_000,
        "runs": read_runs(pq.read_table(load_manifest(folder, DESIGNS.name).paths(folder)[0]), 1),
    }
    inputs = {t.name: load_manifest(folder, t.name).paths(folder) for t in (DESIGNS, TOKENS, EVALUATION_ITEMS)}
    return Task(
        item="batch-000",
        part=None,
        units={"": whole | settings},
        inputs=inputs,
        previous={},
        extra=config.tokenizers["main"],
        folder=folder,
        memory_bytes=2**30,
        seed=1,
    )


def test_a_run_that_dies_has_null_losses(
    make_run: Callable[[str], Path], tmp_path: Path, tokenizer_folder: Path
) -> None:
    folder = make_run("dead")
    output = Output(folder, "batch-000", None)
    train_runs(_task(folder, _config(tmp_path, tokenizer_folder), learning_rate=1e30), output)
    rows = pq.read_table(folder / output.files[0][1].path).to_pylist()
    by_unit = {unit: [r["value"] for r in rows if r["unit"] == unit] for unit in {r["unit"] for r in rows}}
    assert set(by_unit["nats_per_token"]) == set(by_unit["bits_per_byte"]) == {None}
    assert None not in by_unit["unigram_nats_per_token"]


def test_nothing_to_measure_is_an_error(
    make_run: Callable[[str], Path], tmp_path: Path, tokenizer_folder: Path
) -> None:
    folder = make_run("blind")
    task = _task(folder, _config(tmp_path, tokenizer_folder))
    manifest = load_manifest(folder, TOKENS.name)
    publish(folder, Manifest(TOKENS.name, manifest.files, tuple(a for a in manifest.attached if "train" in a.name)))
    _table(folder, EVALUATION_ITEMS, [])
    task.inputs[EVALUATION_ITEMS.name] = load_manifest(folder, EVALUATION_ITEMS.name).paths(folder)
    with pytest.raises(InputError, match="no held-out text and no item"):
        train_runs(task, Output(folder, "batch-000", None))


def test_runs_are_read_in_order_and_streams_follow_seeds() -> None:
    def row(run: int, domain: str, weight: float, seed: int) -> dict[str, Any]:
        return {"run": run, "role": "interior", "stage": "main", "seed": seed, "domain": domain, "weight": weight}

    rows = [row(1, "a", 1.0, 4), row(0, "b", 0.25, 3), row(0, "a", 0.75, 3), row(2, "a", 1.0, 3)]
    runs = read_runs(pa.Table.from_pylist(rows, schema=DESIGNS.schema()), 1)
    assert [run["number"] for run in runs] == [0, 1, 2]
    assert runs[0]["weights"] == {"a": 0.75, "b": 0.25}
    assert runs[0]["stream"] == runs[2]["stream"] != runs[1]["stream"]
    other = read_runs(pa.Table.from_pylist(rows, schema=DESIGNS.schema()), 2)
    assert other[0]["stream"] != runs[0]["stream"]


@pytest.mark.parametrize(
    ("rows", "message"),
    [([("main", 0.9)], "sum to 0.900000"), ([("main", 0.5), ("late", 0.5)], "has stages")],
)
def test_designs_that_cannot_be_trained_are_refused(rows: list[tuple[str, float]], message: str) -> None:
    base = {"run": 0, "role": "interior", "seed": 0, "domain": "a"}
    table = pa.Table.from_pylist([base | {"stage": s, "weight": w} for s, w in rows], schema=DESIGNS.schema())
    with pytest.raises(InputError, match=message):
        read_runs(table, 1)


def test_a_design_that_grows_leaves_its_batches_as_they_were(tmp_path: Path) -> None:
    def publish_runs(unit: str, *numbers: int) -> None:
        base = {"role": "interior", "stage": "main", "seed": 0, "domain": "a", "weight": 1.0}
        publish_unit(
            tmp_path, DESIGNS, unit, pa.Table.from_pylist([base | {"run": n} for n in numbers], DESIGNS.schema())
        )

    with pytest.raises(InputError, match="no run at all"):
        batches_of(tmp_path, {}, size=2, seed=1)
    publish_runs("", 0, 1, 2)
    before = batches_of(tmp_path, {"x": 1}, size=2, seed=1)
    publish_runs("outside", 1_000_000)
    publish_runs("added", 100_000)
    after = batches_of(tmp_path, {"x": 1}, size=2, seed=1)
    assert [[run["number"] for run in batch["runs"]] for batch in after.values()] == [[0, 1], [2], [100_000]]
    assert list(after) == ["batch-000", "batch-001", "added-000"]
    assert {name: after[name] for name in before} == before


def test_an_item_is_its_question_a_separator_and_its_answer(tokenizer_folder: Path) -> None:
    tokenizer = load_tokenizer("main", str(tokenizer_folder))
    item = make_item(tokenizer, "a?", "é<|end|>")
    assert len(item.question) == len(b"a?\n\n")
    assert item.num_bytes == len(item.answer) == len("é<|end|>".encode())
    assert 256 not in item.answer
    assert len(make_item(tokenizer, None, "x").question) == 0
