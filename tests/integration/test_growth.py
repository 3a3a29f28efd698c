"""A run grows: a new source reads nothing old, and gives byte for byte what a run made whole would have given."""

import json
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import midmix
from midmix.config import load_config
from midmix.flow import CURATE, steps_between
from midmix.run import Run
from midmix.runner import run_steps

THREE = ("crawl", "repos", "proofs")
FOUR = (*THREE, "problems")
# Pairs are made anew over all hashes when any document changes; of text only that of new pairs is read.
PAIRING = "step = 'dedup' AND unit IN ('text', 'frame', 'shingles')"

WriteConfig = Callable[..., Path]


def curate(config: Path, out: Path, until: str = "tokenize", workers: int = 2) -> Run:
    run_steps(load_config(config), out, steps_between(None, until), workers=workers, quiet=True)
    return midmix.open(out)


def manifests(out: Path) -> dict[str, object]:
    """Every curation manifest, and that the files are what it says."""
    found = {}
    for table in sorted({t.name for step in CURATE for t in step.writes} | {"ledger", "drops"}):
        value = json.loads((out / "tables" / f"{table}.json").read_text())
        for entry in [*value["files"], *value["attached"]]:
            assert (out / entry["path"]).stat().st_size == entry["bytes"]
        found[table] = value
    return found


@pytest.fixture(scope="module")
def grown(corpus: Path, write_config: WriteConfig, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("grown") / "run"
    curate(write_config(corpus, "three.yaml", THREE, mixture=None, proxy=None), out)
    curate(write_config(corpus, "four.yaml", FOUR, mixture=None, proxy=None), out)
    return out


def test_a_grown_run_equals_one_made_whole_byte_for_byte_with_another_number_of_workers(
    corpus: Path, write_config: WriteConfig, grown: Path, tmp_path: Path
) -> None:
    curate(write_config(corpus, "four.yaml", FOUR, mixture=None, proxy=None), tmp_path / "whole", workers=1)
    ours, whole = manifests(grown), manifests(tmp_path / "whole")
    for table in whole:
        assert ours[table] == whole[table], table


def test_growing_reads_no_old_text(grown: Path) -> None:
    run = midmix.open(grown)
    read = run.sql(
        f"""SELECT p.source, s.step, sum(s.text_bytes_read)::BIGINT, count(*) FILTER (action = 'done')
           FROM steps s JOIN parts p USING (part)
           WHERE p.source <> 'problems' AND NOT ({PAIRING})
           GROUP BY ALL ORDER BY ALL"""
    ).fetchall()
    assert {step for _, step, _, _ in read} >= {
        "ingest",
        "score",
        "classify",
        "dedup",
        "decontaminate",
        "apply",
        "tokenize",
    }
    for source, step, text_bytes, done in read:
        if step not in (
            "apply",
            "tokenize",
        ):  # a decision on an old document may change; its part is then applied again
            assert (text_bytes, done) == (0, 0), (source, step)
    compared, of_all = run.sql(
        """SELECT sum(text_bytes_read)::BIGINT, (SELECT sum(num_bytes)::BIGINT FROM documents WHERE source <> 'problems')
           FROM steps JOIN parts p USING (part) WHERE p.source <> 'problems' AND step = 'dedup' AND unit = 'shingles'"""
    ).fetchall()[0]
    assert compared < 0.1 * of_all  # of old documents those alone that a new one may repeat
    new = run.sql(
        "SELECT sum(text_bytes_read)::BIGINT FROM steps JOIN parts p USING (part) WHERE p.source = 'problems'"
    ).fetchall()
    assert new[0][0] > 0


def test_a_changed_file_redoes_its_parts_alone(own_corpus: Path, write_config: WriteConfig, tmp_path: Path) -> None:
    config = write_config(own_corpus, "three.yaml", THREE, mixture=None, proxy=None)
    curate(config, tmp_path / "run", until="dedup")
    path = sorted((own_corpus / "sources" / "repos").glob("*.parquet"))[-1]
    table = pq.read_table(path)
    changed = table.slice(0, table.num_rows - 1)
    pq.write_table(pa.table(changed.to_pydict(), schema=table.schema), path, row_group_size=4)
    run = curate(config, tmp_path / "run", until="dedup")
    done = run.sql(
        f"SELECT DISTINCT p.path FROM steps s JOIN parts p USING (part) WHERE action = 'done' AND NOT ({PAIRING})"
    ).fetchall()
    assert done == [(str(path.relative_to(own_corpus)),)]
