"""Curation under a memory cap below the size of its tables.

The corpus has very many short documents, so that tables dwarf the text of a part, and crowds of copies and near copies,
so that pairs abound. What counts is private memory: RssAnon of all processes of a run, read every few milliseconds and
compared, step by step, with the same step of a run over next to nothing. That leaves out what costs no memory at any
size (code, models, kernels) and what the system takes back when it is short (pages of files). Nothing needs rights
that a test lacks, as a control group would.

The cap is also real: RLIMIT_DATA holds for every process of the run, and beyond it the kernel refuses memory. At full
size the limit itself, with all code and models in it, is below the size of the tables. Arrow's own allocator
reserves a gigabyte of addresses at once, which the limit would count; the system's is used instead.
"""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
import yaml

import midmix
from midmix.flow import CURATE
from midmix.pool import ONE_THREAD
from midmix.table_manifest import load_manifest

CHILDREN = Path(f"/proc/self/task/{os.getpid()}/children")
pytestmark = pytest.mark.skipif(not CHILDREN.exists(), reason="reads memory and children from /proc")

MB = 2**20
MEMORY_MB = 64
# What `past` and `semantic` do is asked for with an index and a model, which are not here.
STEPS = [step.name for step in CURATE if step.name not in ("past", "semantic")]
NUM_WORDS = 20_000
ENVIRONMENT = ONE_THREAD | {"ARROW_DEFAULT_MEMORY_POOL": "system"}
BLOCK = 4096


def write_texts(path: Path, documents: int, seed: int) -> None:
    """Texts of 12 to 24 words; in every block a seventh are copies, and a seventh differ from a text in one end."""
    rng = np.random.default_rng(seed)
    letters = rng.integers(ord("a"), ord("z") + 1, (NUM_WORDS, 6), np.uint8)
    words = pa.array([bytes(word).decode() for word in letters])
    copied, edited = rng.integers(0, NUM_WORDS, (2, 32, 24))
    schema = pa.schema([("text", pa.string()), ("id", pa.int64())])
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        for first in range(0, documents, BLOCK):
            count = min(BLOCK, documents - first)
            chosen = rng.integers(0, NUM_WORDS, (count, 24))
            lengths = rng.integers(12, 25, count)
            crowd, which = rng.integers(0, 7, count), rng.integers(0, 32, count)
            chosen[crowd == 0] = copied[which[crowd == 0]]
            chosen[crowd == 1, :23] = edited[which[crowd == 1], :23]
            lengths[crowd < 2] = 24
            flat = chosen[np.arange(24) < lengths[:, None]]
            offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
            lists = pa.ListArray.from_arrays(pa.array(offsets), words.take(pa.array(flat)))
            ids = pa.array(np.arange(first, first + count))
            writer.write_table(pa.table([pc.binary_join(lists, " "), ids], schema=schema), row_group_size=BLOCK)


def write_tokenizer(folder: Path, texts: Path) -> None:
    """A BPE tokenizer of 512 ids, trained on the first thousand texts."""
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(
        vocab_size=512,
        special_tokens=["<eos>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(pq.read_table(texts)["text"][:1000].to_pylist(), trainer)
    folder.mkdir()
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text(json.dumps({"eos_token": "<eos>"}))


def write_corpus(folder: Path, documents: int) -> Path:
    """Two sources, a benchmark, a tokenizer, and the config; returns its path."""
    folder.mkdir()
    write_texts(folder / "crawl.parquet", documents * 3 // 4, seed=1)
    write_texts(folder / "notes.parquet", documents - documents * 3 // 4, seed=2)
    write_tokenizer(folder / "tokenizer", folder / "crawl.parquet")
    items = pq.read_table(folder / "notes.parquet")["text"][:3].to_pylist()
    (folder / "quiz.jsonl").write_text("".join(json.dumps({"text": item}) + "\n" for item in items))
    values = {
        "sources": {
            "crawl": {"path": "crawl.parquet", "kind": "prose"},
            "notes": {"path": "notes.parquet", "kind": "math"},
        },
        "part_bytes": MB,
        "memory_mb": MEMORY_MB,
        "rules": {"prose": ["hygiene"], "math": ["hygiene"]},
        "benchmarks": {"quiz": "quiz.jsonl"},
        "tokenizers": {"main": "tokenizer"},
        "domains": {"long": "num_words > 18"},
        "passages": {
            "lines": {"min_bytes": 100, "action": "count"},
            "substrings": {"min_bytes": 120, "action": "count"},
        },
    }
    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump(values))
    return path


@dataclass(frozen=True)
class Measured:
    """Bytes at the highest: private memory of all processes by step, and private addresses of any one process."""

    memory: dict[str, int]
    addresses: int


def limited(limit: int | None, *command: str) -> list[str]:
    """A command under an RLIMIT_DATA of some bytes."""
    return [
        "sh",
        "-c",
        'ulimit -d "$1" && shift && exec "$@"',
        "sh",
        str(limit // 1024) if limit else "unlimited",
        *command,
    ]


def run_measured(config: Path, out: Path, limit: int | None = None) -> Measured:
    """Curate in processes of their own, with one worker, and watch them. Fails when the run does."""
    command = limited(limit, sys.executable, "-m", "midmix", "run", str(config), "--out", str(out), "--workers", "1")
    log = out.with_suffix(".log")
    memory = dict.fromkeys(STEPS, 0)
    addresses = 0
    with log.open("w") as stream:
        process = subprocess.Popen(
            [*command, "--until", "tokenize"], env=os.environ | ENVIRONMENT, stdout=stream, stderr=stream
        )
        while process.poll() is None:
            step = running_step(out)
            found = [status_of(pid) for pid in family(process.pid)]
            if step in memory:
                memory[step] = max(memory[step], sum(s.get("RssAnon", 0) for s in found))
            addresses = max([addresses, *(s.get("VmData", 0) for s in found)])
            time.sleep(0.005)
    assert process.returncode == 0, log.read_text()
    return Measured(memory, addresses)


def running_step(out: Path) -> str:
    """The step that a run is at, empty between steps."""
    try:
        return str(json.loads((out / "state" / "running.json").read_text())["step"])
    except (OSError, ValueError):
        return ""


def family(pid: int) -> Iterator[int]:
    """A process and all below it."""
    yield pid
    try:
        threads = os.listdir(f"/proc/{pid}/task")
        children = " ".join(Path(f"/proc/{pid}/task/{thread}/children").read_text() for thread in threads)
    except OSError:  # it ended
        return
    for child in children.split():
        yield from family(int(child))


def status_of(pid: int) -> dict[str, int]:
    """Sizes of /proc/PID/status in bytes; empty when the process ended."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return {}
    return {line.split(":")[0]: int(line.split()[1]) * 1024 for line in lines if line.endswith(" kB")}


def table_bytes(out: Path) -> dict[str, int]:
    """Bytes of every curation table in memory, read batch by batch."""
    sizes = {}
    for table in {t.name for step in CURATE for t in step.writes}:
        paths = load_manifest(out, table).paths(out)
        sizes[table] = sum(batch.nbytes for path in paths for batch in pq.ParquetFile(path).iter_batches())
    return sizes


@pytest.fixture(scope="module")
def next_to_nothing(tmp_path_factory: pytest.TempPathFactory) -> Measured:
    """What a run takes whose parts hold a few hundred documents; kernels are compiled before."""
    folder = tmp_path_factory.mktemp("nothing")
    subprocess.run([sys.executable, "-m", "midmix.jit"], check=True)
    return run_measured(write_corpus(folder / "corpus", 1000), folder / "run")


def check_growth(measured: Measured, least: Measured, cap: int) -> None:
    """No step may take more than `cap` bytes beyond the least."""
    assert all(measured.memory.values()), f"a step was missed: {measured.memory}"
    grown = {step: (measured.memory[step] - least.memory[step]) // MB for step in STEPS}
    assert max(grown.values()) < cap // MB, f"MB by step: {grown}"


def check_run(out: Path, documents: int) -> None:
    """All documents went through every step, and the crowds were found."""
    run = midmix.open(out)
    counted = dict(run.sql("SELECT step, sum(rows_in)::BIGINT FROM ledger GROUP BY step").fetchall())
    assert counted.keys() == set(STEPS)
    assert {counted[s] for s in ("ingest", "score", "classify", "dedup", "decide")} == {documents}
    reasons = dict(run.sql("SELECT reason, count(*) FROM decisions GROUP BY reason").fetchall())
    assert reasons["duplicate.exact"] > documents // 10
    assert reasons["duplicate.near"] > documents // 10
    assert reasons["leak.quiz"] >= 3
    assert counted["tokenize"] == reasons[None]


def test_no_step_holds_whole_tables(next_to_nothing: Measured, tmp_path: Path) -> None:
    documents, cap = 160_000, MEMORY_MB * MB
    config = write_corpus(tmp_path / "corpus", documents)
    measured = run_measured(config, tmp_path / "run", limit=next_to_nothing.addresses + cap)
    check_growth(measured, next_to_nothing, cap)
    check_run(tmp_path / "run", documents)
    assert sum(table_bytes(tmp_path / "run").values()) > 2 * cap


READ_ALL = """
import pathlib, sys
from midmix.table_files import read_table
from midmix.tables import TABLES
held = [read_table(pathlib.Path(sys.argv[1]), table) for table in TABLES.values()]
"""


@pytest.mark.full
@pytest.mark.timeout(3000)
def test_curation_runs_in_less_memory_than_its_tables_take(next_to_nothing: Measured, tmp_path: Path) -> None:
    documents, limit = 1_000_000, 768 * MB
    config, out = write_corpus(tmp_path / "corpus", documents), tmp_path / "run"
    measured = run_measured(config, out, limit=limit)
    check_growth(measured, next_to_nothing, 2 * MEMORY_MB * MB)
    check_run(out, documents)
    assert sum(table_bytes(out).values()) > limit
    command = limited(limit, sys.executable, "-c", READ_ALL, str(out))
    whole = subprocess.run(command, env=os.environ | ENVIRONMENT, capture_output=True, check=False)
    assert b"MemoryError" in whole.stderr, "the tables fit under the limit, which then shows nothing"
    shutil.rmtree(out)
