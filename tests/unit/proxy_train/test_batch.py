"""A small run folder with tokens and items, trained in this process and in workers."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from midmix.config import Config
from midmix.errors import InputError
from midmix.flow import FLOW
from midmix.proxy_train.batch import train_runs
from midmix.proxy_train.start import FROM_SEED, schedule_settings
from midmix.proxy_train.step import batches_of, read_runs, training_settings
from midmix.proxy_train.tokens import load_tokenizer, make_item
from midmix.runner import run_steps
from midmix.table_files import publish_unit
from midmix.table_manifest import Manifest, load_manifest, publish
from midmix.tables import DESIGNS, EVALUATION_ITEMS, LOSSES, PROXIES, TOKENS
from midmix.task import Output, Task


def _train(folder: Path, config: Config, workers: int) -> list[Path]:
    steps = [step for step in FLOW if step.name == "train"]
    run_steps(config, folder, steps, workers=workers, quiet=True)
    return list(load_manifest(folder, LOSSES.name).paths(folder))


def test_losses_are_the_same_bytes_for_any_number_of_workers(
    make_run: Callable[[str], Path], make_config: Callable[..., Config]
) -> None:
    config = make_config()
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
    whole = (
        training_settings(proxy, vocabulary=257)
        | schedule_settings(proxy, FROM_SEED)
        | {
            "start": FROM_SEED,
            "tokenizer": "main",
            "target_tokens": 20_000,
            "runs": read_runs(pq.read_table(load_manifest(folder, DESIGNS.name).paths(folder)[0]), 1),
        }
    )
    inputs = {t.name: load_manifest(folder, t.name).paths(folder) for t in (DESIGNS, TOKENS, EVALUATION_ITEMS)}
    return Task(
        item="batch-000",
        part=None,
        units={"": whole | settings},
        inputs=inputs,
        previous={},
        extra={"tokenizer": config.tokenizers["main"], "starts": {}},
        folder=folder,
        memory_bytes=2**30,
        seed=1,
    )


def test_a_run_that_dies_has_null_losses(make_run: Callable[[str], Path], make_config: Callable[..., Config]) -> None:
    folder = make_run("dead")
    output = Output(folder, "batch-000", None)
    train_runs(_task(folder, make_config(), learning_rate=1e30), output)
    files = {table: folder / entry.path for table, entry in output.files}
    assert pq.read_table(files[PROXIES.name])["weights"].to_pylist() == [None] * 3 and output.attached == []
    rows = pq.read_table(files[LOSSES.name]).to_pylist()
    by_unit = {unit: [r["value"] for r in rows if r["unit"] == unit] for unit in {r["unit"] for r in rows}}
    assert set(by_unit["nats_per_token"]) == set(by_unit["bits_per_byte"]) == {None}
    assert None not in by_unit["unigram_nats_per_token"]


def test_nothing_to_measure_is_an_error(make_run: Callable[[str], Path], make_config: Callable[..., Config]) -> None:
    folder = make_run("blind")
    task = _task(folder, make_config())
    manifest = load_manifest(folder, TOKENS.name)
    publish(folder, Manifest(TOKENS.name, manifest.files, tuple(a for a in manifest.attached if "train" in a.name)))
    publish(folder, Manifest(EVALUATION_ITEMS.name))
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
    assert list(after) == ["batch-000", "batch-001", "added-000-000"]
    assert {name: after[name] for name in before} == before
    publish_runs("added", 100_000, 101_000, 101_001, 101_002)
    later = batches_of(tmp_path, {"x": 1}, size=2, seed=1)
    assert list(later) == [*after, "added-001-000", "added-001-001"]
    assert {name: later[name] for name in after} == after


def test_an_item_is_its_question_a_separator_and_its_answer(tokenizer_folder: Path) -> None:
    tokenizer = load_tokenizer("main", str(tokenizer_folder))
    item = make_item(tokenizer, "a?", "é<|end|>")
    assert len(item.question) == len(b"a?\n\n")
    assert item.num_bytes == len(item.answer) == len("é<|end|>".encode())
    assert 256 not in item.answer
    assert len(make_item(tokenizer, None, "x").question) == 0
