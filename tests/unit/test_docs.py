"""The pages that are made from the code are those that lie in docs/."""

from __future__ import annotations

from pathlib import Path

import pytest

from midmix.docs import PAGES, flow_page, tables_page, write_docs
from midmix.flow import FLOW
from midmix.tables import TABLES


@pytest.mark.parametrize("name", sorted(PAGES))
def test_page_is_what_the_code_says(name: str, repository: Path) -> None:
    path = repository / "docs" / name
    assert path.is_file(), f"docs/{name} is missing: run `make docs`"
    assert path.read_text(encoding="utf-8") == PAGES[name](), f"docs/{name} is stale: run `make docs`"


def test_flow_names_every_step_once_in_order() -> None:
    rows = [line for line in flow_page().splitlines() if line.startswith("| ") and line[2].isdigit()]
    assert [row.split("`")[1] for row in rows] == [step.name for step in FLOW]


def test_tables_give_every_column_with_its_meaning() -> None:
    page = tables_page()
    for table in TABLES.values():
        section = page.split(f"\n## {table.name}\n")[1].split("\n## ")[0]
        rows = [line for line in section.splitlines() if line.startswith("| `")]
        assert [row.split("`")[1] for row in rows] == [column.name for column in table.columns]
        for row, column in zip(rows, table.columns, strict=True):
            assert column.meaning.replace("|", "\\|") in row


def test_a_cell_cannot_break_its_row() -> None:
    bars = [line.replace("\\|", "").count("|") for line in tables_page().splitlines() if line.startswith("| `")]
    assert set(bars) <= {4, 5}


def test_write_docs_writes_each_page(tmp_path: Path) -> None:
    written = write_docs(tmp_path / "docs")
    assert [path.name for path in written] == list(PAGES)
    assert all(path.read_text(encoding="utf-8") == PAGES[path.name]() for path in written)
