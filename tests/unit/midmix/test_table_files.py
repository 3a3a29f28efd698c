"""Tables on disk: bytes depend on rows alone, manifests are exact, and nothing half-written is ever read."""

from pathlib import Path

import pyarrow as pa
import pytest

from midmix.errors import InputError, StepError
from midmix.table_files import attach_file, read_table, sweep, write_table
from midmix.table_manifest import FileEntry, Manifest, is_made, load_manifest, publish
from midmix.tables import DROPS, SCORES, SPANS


def spans(rows: int) -> pa.Table:
    return pa.table(
        {
            "doc": pa.array(range(rows), pa.uint64()),
            "start_byte": pa.array(range(rows), pa.int64()),
            "end_byte": pa.array(range(1, rows + 1), pa.int64()),
            "reason": ["pii.email"] * rows,
            "replacement": ["x", None] * (rows // 2) + ["y"] * (rows % 2),
            "producer": ["spans"] * rows,
        },
        schema=SPANS.schema(),
    )


@pytest.mark.parametrize("chunk", [1000, 16_384, 40_000])
def test_bytes_do_not_depend_on_the_chunks_that_rows_come_in(tmp_path: Path, chunk: int) -> None:
    whole = spans(40_001)
    batches = [whole.slice(i, chunk) for i in range(0, whole.num_rows, chunk)]
    one = write_table(tmp_path / "a", SPANS, whole, stem="x")
    many = write_table(tmp_path / "b", SPANS, batches, stem="x")
    assert one == many
    assert (tmp_path / "a" / one.path).read_bytes() == (tmp_path / "b" / many.path).read_bytes()


def test_a_manifest_lists_exact_files_and_reads_back(tmp_path: Path) -> None:
    entry = write_table(tmp_path, SPANS, spans(3), stem="p00000000", part=0)
    attached = attach_file(tmp_path, SPANS, "deep/name.bin", lambda path: path.write_bytes(b"abc"))
    assert not is_made(tmp_path, "spans")
    publish(tmp_path, Manifest("spans", (entry,), (attached,)))
    manifest = load_manifest(tmp_path, "spans")
    assert manifest.files == (entry,)
    assert (entry.rows, entry.part) == (3, 0)
    assert (tmp_path / manifest.attachments["deep/name.bin"]).read_bytes() == b"abc"
    assert read_table(tmp_path, SPANS).equals(spans(3))


def test_wrong_columns_and_forbidden_nulls_are_refused(tmp_path: Path) -> None:
    with pytest.raises(StepError, match=r"got columns .*'step'.* expected"):
        write_table(tmp_path, SPANS, pa.table({"step": ["a"]}), stem="x")
    row = {"step": ["a"], "source": [None], "reason": ["r"], "documents": [1], "bytes": [1]}
    with pytest.raises(StepError, match="column source has NULL"):
        write_table(
            tmp_path, DROPS, pa.table(row, schema=pa.schema([(f.name, f.type) for f in DROPS.schema()])), stem="x"
        )


def test_column_groups_are_put_side_by_side_only_when_their_keys_agree(tmp_path: Path) -> None:
    def group(unit: str, keys: list[int]) -> FileEntry:
        schema = SCORES.schema(unit)
        columns = {f.name: pa.array(keys if f.name == "doc" else [0] * len(keys)).cast(f.type) for f in schema}
        return write_table(tmp_path, SCORES, pa.table(columns, schema=schema), stem=unit, unit=unit)

    publish(tmp_path, Manifest("scores", (group("text", [1, 2]), group("math", [1, 2]))))
    table = read_table(tmp_path, SCORES)
    assert "num_words" in table.column_names and "latex_command_density" in table.column_names
    publish(tmp_path, Manifest("scores", (group("text", [1, 2]), group("math", [1, 3]))))
    with pytest.raises(InputError, match="other keys"):
        read_table(tmp_path, SCORES)


def test_sweep_removes_what_nothing_names(tmp_path: Path) -> None:
    kept = write_table(tmp_path, SPANS, spans(2), stem="kept")
    gone = write_table(tmp_path, SPANS, spans(4), stem="gone")
    sweep(tmp_path, {kept.path})
    assert (tmp_path / kept.path).exists() and not (tmp_path / gone.path).exists()
