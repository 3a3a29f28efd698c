"""The query face against hostile and odd questions: nothing is written, every answer is right, every fault is named."""

import csv
import io
import json
import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

import midmix
from midmix.config import load_config
from midmix.database import write_database
from midmix.errors import ConfigError, InputError
from midmix.explain import find_document
from midmix.flow import steps_between
from midmix.run import Run
from midmix.runner import run_steps
from midmix.sample import sample
from midmix.show import Format, write_result


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("query")
    ids = ["7:7", "5000000000:1", "x'y"]
    pq.write_table(pa.table({"text": ["one", "two", "three"], "id": ids}), folder / "a.parquet")
    (folder / "c.yaml").write_text(yaml.safe_dump({"sources": {"s": {"path": "a.parquet", "kind": "prose"}}}))
    run_steps(load_config(folder / "c.yaml"), folder / "out", steps_between(None, "ingest"), workers=1, quiet=True)
    return midmix.open(folder / "out")


def written(run: Run, query: str, form: Format) -> str:
    stream = io.StringIO()
    write_result(run.sql(query), form, stream)
    return stream.getvalue()


@pytest.mark.parametrize(
    "form",
    [
        "WITH x AS ({copy}) SELECT * FROM x",
        "SELECT * FROM (WITH x AS ({copy}) SELECT * FROM x)",
        "SELECT (WITH x AS ({copy}) SELECT count(*) FROM x)",
        "WITH y AS (WITH x AS ({copy}) SELECT * FROM x) FROM y",
        "FROM query('WITH x AS ({quoted}) SELECT * FROM x')",
        "FROM QUERY('WITH x AS ({quoted}) ' || 'SELECT * FROM x')",
        "DESCRIBE WITH x AS ({copy}) SELECT * FROM x",
    ],
)
def test_a_write_hidden_in_a_select_is_refused(run: Run, form: str) -> None:
    path = next(iter((run.folder / "data" / "documents").iterdir()))
    before = path.read_bytes()
    copy = f"COPY (SELECT 1 AS a) TO '{path}' (FORMAT parquet, USE_TMP_FILE false)"
    with pytest.raises(ConfigError, match="read-only"):
        run.sql(form.format(copy=copy, quoted=copy.replace("'", "''"))).fetchall()
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    "query",
    [
        "WITH x AS (DELETE FROM sources RETURNING *) FROM x",
        "FROM json_execute_serialized_sql('{}')",
        "FROM arrow_scan(1::POINTER, 1::POINTER, 1::POINTER)",
        "FROM pandas_scan(1::POINTER)",
        "FROM enable_logging('all')",
        "FROM force_checkpoint()",
        "FROM duckdb_secrets()",
        "FROM sniff_csv('/etc/passwd')",
    ],
)
def test_table_functions_that_reach_beyond_the_run_are_refused(run: Run, query: str) -> None:
    with pytest.raises(ConfigError):
        run.sql(query)


@pytest.mark.parametrize(
    "query",
    [
        "SHOW TABLES",
        "FROM (DESCRIBE documents)",
        "SUMMARIZE sources",
        "VALUES (1)",
        "SELECT 1;",
        "WITH RECURSIVE r AS (SELECT 1 AS a UNION ALL SELECT a + 1 FROM r WHERE a < 3) FROM r",
        "SELECT 1 UNION ALL SELECT 2 ORDER BY 1",
        "SELECT unnest([1, 2]), (SELECT count(*) FROM documents), list_transform([1], lambda x: x + 1)",
        "FROM range(3), unnest([1]), generate_series(1, 2)",
        "SELECT e.key FROM documents, json_each('{\"a\": 1}') e",
        "FROM query_table('documents')",
        "PIVOT documents ON source IN ('s') USING count(*)",
        "SELECT function_name FROM duckdb_functions() LIMIT 1",
    ],
)
def test_ordinary_selects_are_answered(run: Run, query: str) -> None:
    assert run.sql(query).fetchall()


@pytest.mark.parametrize("form", ["csv", "json", "table"])
def test_an_error_in_the_middle_of_an_answer_is_one_of_the_query(run: Run, form: Format) -> None:
    with pytest.raises(ConfigError, match="SQL: Conversion Error"):
        written(run, "SELECT user_id::INT FROM documents", form)
    with pytest.raises(ConfigError, match="SQL: Conversion Error"):
        write_result(run.sql("SELECT key('abc')"), "parquet", io.BytesIO())
    with pytest.raises(ConfigError, match="SQL: Conversion Error"):
        list(sample(run, "user_id::INT > 3"))


def test_columns_of_one_name_keep_their_values(run: Run) -> None:
    query = "SELECT 1 AS a, 2 AS a, 'x' AS b, 3 AS a"
    assert list(csv.reader(io.StringIO(written(run, query, "csv")))) == [["a", "a", "b", "a"], ["1", "2", "x", "3"]]
    assert json.loads(written(run, query, "json")) == {"a": 1, "a_1": 2, "b": "x", "a_2": 3}
    joined = "SELECT d.doc, s.doc, s.num_bytes FROM documents d JOIN documents s USING (doc) WHERE d.doc = key('0:1')"
    assert written(run, joined, "csv").splitlines()[1] == "0:1,0:1,3"


def test_json_has_whole_numbers_and_no_nan(run: Run) -> None:
    query = "SELECT sum(num_bytes) AS s, 'nan'::DOUBLE AS n, [1.5, 'inf'::DOUBLE] AS l, {'x': '-inf'::DOUBLE} AS st FROM documents"
    line = written(run, query, "json")
    assert json.loads(line, parse_constant=pytest.fail) == {
        "s": 11,
        "n": None,
        "l": [1.5, None],
        "st": {"x": None},
    }
    assert list(csv.reader(io.StringIO(written(run, query, "csv"))))[1] == ["11", "nan", "[1.5,null]", '{"x":null}']


def test_truth_is_written_as_sql_and_json_write_it(run: Run) -> None:
    query = "SELECT true AS yes, [false] AS no"
    assert written(run, query, "csv").splitlines()[1] == "true,[false]"
    assert json.loads(written(run, query, "json")) == {"yes": True, "no": [False]}


def test_a_query_larger_than_memory_spills(run: Run) -> None:
    connection = run.connection
    folder = Path(connection.sql("SELECT current_setting('temp_directory')").fetchall()[0][0])
    assert folder.parent.is_dir() and run.folder.resolve() not in folder.resolve().parents


def test_ids_that_look_like_keys_are_found(run: Run) -> None:
    assert find_document(run, "7:7") == 0
    assert find_document(run, "5000000000:1") == 1
    assert find_document(run, "x'y") == 2
    with pytest.raises(InputError, match="no document"):
        find_document(run, "99999999999999999999:1")


def test_a_missing_or_damaged_file_of_the_run_is_named_with_the_mend(run: Run, tmp_path: Path) -> None:
    out = Path(shutil.copytree(run.folder, tmp_path / 'it\'s a "copy" ü'))
    (path,) = (out / "data" / "documents").iterdir()
    assert midmix.open(out).sql("SELECT count(*) FROM documents").fetchall() == [(3,)]
    path.write_bytes(path.read_bytes()[:-50])
    with pytest.raises(InputError, match=r"documents.*Run midmix with this folder again"):
        midmix.open(out).sql("SELECT count(*) FROM documents").fetchall()
    path.unlink()
    with pytest.raises(InputError, match=r"documents.*Run midmix with this folder again"):
        midmix.open(out).sql("SELECT count(*) FROM documents").fetchall()


def test_the_database_lies_beside_a_run_with_a_dot_in_its_name(run: Run, tmp_path: Path) -> None:
    from midmix.cli import main

    out = Path(shutil.copytree(run.folder, tmp_path / "v1.2"))
    with pytest.raises(SystemExit, match="0"):
        main(["db", str(out)])
    assert (tmp_path / "v1.2.duckdb").exists() and not (tmp_path / "v1.duckdb").exists()
    with pytest.raises(InputError, match="no such folder"):
        write_database(run, tmp_path / "nowhere" / "x.duckdb")
    assert not list(tmp_path.glob(".*"))
