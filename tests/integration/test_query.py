"""The query face: views of every table, locked in, with keys and hashes as people read them."""

import csv
import io
import json
import re
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

import midmix
from midmix.config import load_config
from midmix.database import write_database
from midmix.errors import ConfigError, InputError
from midmix.flow import steps_between
from midmix.query import view_names
from midmix.run import Run
from midmix.runner import run_steps
from midmix.show import write_result
from midmix.tables import TABLES

FOLDERS = ("curation", "mixer", "proxy_train", "kernels")
VIEWS = """
sources parts documents scores labels spans pairs duplicates duplicate_losses contamination decisions cuts rules
all_rules rule_effect overlap curated artefacts steps ledger drops quarantine tokens evaluation_items item_coverage designs losses laws
weights evidence plan
""".split()


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("query")
    pq.write_table(pa.table({"text": ["one", "two"], "id": ["x", "x"], "url": ["u1", "u2"]}), folder / "a.parquet")
    (folder / "c.yaml").write_text(yaml.safe_dump({"sources": {"s": {"path": "a.parquet", "kind": "prose"}}}))
    run_steps(load_config(folder / "c.yaml"), folder / "out", steps_between(None, "ingest"), workers=1, quiet=True)
    return midmix.open(folder / "out")


def advised() -> list[str]:
    """Every query that a message or a document tells people to type."""
    root = Path(__file__).parents[2]
    files = [root / "README.md", *(root / "docs").glob("*.md")]
    files += [
        path for name in ("src/midmix", *FOLDERS) for path in (root / name).rglob("*") if path.suffix in (".py", ".md")
    ]
    found = {query for path in files for query in re.findall(r'midmix sql [^"\n]+"([^"\n]+)"', path.read_text("utf-8"))}
    return sorted(found - {"SELECT ..."})


def test_every_query_that_is_advised_runs(run: Run) -> None:
    queries = advised()
    assert len(queries) > 5
    for query in queries:
        run.sql(query)


@pytest.mark.parametrize("view", VIEWS)
def test_every_view_exists_with_its_columns_before_its_step_has_run(run: Run, view: str) -> None:
    relation = run.sql(f"SELECT * FROM {view}")
    if view in TABLES:
        assert set(TABLES[view].schema().names) <= set(relation.columns)
    assert view in view_names(run.config)


@pytest.mark.parametrize(
    "query",
    [
        "SELECT * FROM read_text('/etc/passwd')",
        "SELECT * FROM read_csv('/etc/passwd')",
        "FROM glob('/etc/*')",
        "FROM '/etc/passwd'",
        "SELECT * FROM parquet_scan('../a.parquet')",
        "COPY (SELECT 1) TO 'x.csv'",
        "EXPLAIN ANALYZE COPY (SELECT 1) TO 'x.csv'",
        "ATTACH 'x.db'",
        "INSTALL httpfs",
        "LOAD httpfs",
        "SET enable_external_access = true",
        "CREATE TABLE x AS SELECT 1",
        "DROP VIEW documents",
        "SELECT 1; SELECT 2",
        "PRAGMA database_list",
        "",
        "SELEC 1",
    ],
)
def test_nothing_but_one_select_over_the_run_is_taken(run: Run, query: str) -> None:
    with pytest.raises(ConfigError):
        run.sql(query).fetchall()


def test_no_file_of_the_run_can_be_overwritten(run: Run) -> None:
    path = next(iter((run.folder / "data" / "documents").iterdir()))
    before = path.read_bytes()
    for query in (
        f"COPY documents TO '{path}' (use_tmp_file false)",
        f"EXPLAIN ANALYZE COPY documents TO '{path}' (use_tmp_file false)",
    ):
        with pytest.raises(ConfigError, match="expected exactly one SELECT"):
            run.sql(query)
    assert path.read_bytes() == before


def test_keys_hashes_lists_and_structs_are_readable(run: Run) -> None:
    stream = io.StringIO()
    query = "SELECT doc, content_hash, [doc] AS keys, {'h': content_hash, 'n': 1} AS s, NULL AS nothing FROM documents WHERE doc = key('0:1')"
    write_result(run.sql(query), "csv", stream)
    (row,) = csv.DictReader(io.StringIO(stream.getvalue()))
    assert row["doc"] == "0:1" and row["keys"] == '["0:1"]' and row["nothing"] == ""
    assert len(row["content_hash"]) == 32 and json.loads(row["s"]) == {"h": row["content_hash"], "n": 1}
    stream = io.StringIO()
    write_result(run.sql("SELECT doc, key_text(doc) AS t FROM documents ORDER BY doc"), "json", stream)
    assert [json.loads(line) for line in stream.getvalue().splitlines()] == [
        {"doc": "0:0", "t": "0:0"},
        {"doc": "0:1", "t": "0:1"},
    ]


def test_parquet_output_reads_back(run: Run) -> None:
    stream = io.BytesIO()
    write_result(run.sql("SELECT * FROM documents"), "parquet", stream)
    assert pq.read_table(pa.BufferReader(stream.getvalue())).num_rows == 2


def test_tables_come_as_lazy_frames(run: Run) -> None:
    assert run.table("documents").collect()["user_id"].to_list() == ["x", "x"]
    assert run.table("scores").collect().height == 0
    assert run.sql("SELECT 1 AS a").pl()["a"].to_list() == [1]
    with pytest.raises(ConfigError, match="did you mean 'documents'"):
        run.table("document")


def test_documents_are_found_by_key_hash_url_and_id(run: Run) -> None:
    from midmix.explain import find_document

    assert find_document(run, "0:1") == find_document(run, "u2") == 1
    ((digest,),) = run.sql("SELECT hex(content_hash) FROM documents WHERE doc = 1").fetchall()
    assert find_document(run, digest.lower()) == 1
    with pytest.raises(ConfigError, match="'x' names 2 documents; ask by key: 0:0, 0:1"):
        find_document(run, "x")
    with pytest.raises(InputError, match="no document"):
        find_document(run, "it's")


def test_the_database_file_holds_every_view(run: Run, tmp_path: Path) -> None:
    import duckdb

    with duckdb.connect(str(write_database(run, tmp_path / "x.duckdb")), read_only=True) as database:
        tables = {name for (name,) in database.sql("SELECT table_name FROM information_schema.tables").fetchall()}
        assert set(VIEWS) <= tables
        assert database.execute("SELECT count(*) FROM documents").fetchall() == [(2,)]


def test_a_folder_that_is_no_run_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no run folder .*midmix run CONFIG --out"):
        midmix.open(tmp_path)
