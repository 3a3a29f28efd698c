"""The pages of docs/ that are made from the code: `python -m midmix.docs` writes them, a test compares them."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa

from midmix.flow import FLOW, Step
from midmix.mixer.plan.manifest import Plan
from midmix.tables import TABLES, Column, Table

# Tables that no step writes but a command of its own.
COMMANDS = {"realized": "`midmix results add`"}
HEADER = "<!-- Made by `make docs` from the code. Do not edit. -->\n\n"


def flow_page() -> str:
    """docs/flow.md: the map as a drawing, then each step with its module and tables, then each table's way."""
    width = max(len(step.name) for step in FLOW)
    drawing = f"\n{' ' * width}  |\n".join(_drawn(step, width) for step in FLOW)
    steps = "\n".join(_row(number, step) for number, step in enumerate(FLOW, 1))
    ways = "\n".join(_way(table) for table in TABLES.values())
    return (
        f"{HEADER}# The way data flows\n\n"
        f"Every step, in order: what it reads (`<-`) and what it writes (`->`). "
        f"`midmix run` does any range of them.\n\n"
        f"```\n{drawing}\n```\n\n"
        "## Steps\n\n| | step | what it does | reads | writes | module |\n|---|---|---|---|---|---|\n"
        f"{steps}\n\n"
        "## Tables, and who touches them\n\n| table | written by | read by |\n|---|---|---|\n"
        f"{ways}\n"
    )


def _drawn(step: Step, width: int) -> str:
    reads = ", ".join(t.name for t in step.reads) or "files of the config"
    writes = ", ".join(t.name.upper() for t in step.writes)
    return f"{step.name:<{width}}  <- {reads}\n{' ' * width}  -> {writes}"


def _row(number: int, step: Step) -> str:
    tables = f"{_names(step.reads)} | {_names(step.writes)}"
    return f"| {number} | `{step.name}` | {step.summary} | {tables} | `{step.module}` |"


def _names(tables: tuple[Table, ...]) -> str:
    return ", ".join(f"[{t.name}](tables.md#{t.name})" for t in tables) or "files"


def _way(table: Table) -> str:
    writers = ", ".join(f"`{step.name}`" for step in FLOW if table in step.writes)
    readers = ", ".join(f"`{step.name}`" for step in FLOW if table in step.reads)
    made = writers or COMMANDS.get(table.name, "the runner")
    return f"| [{table.name}](tables.md#{table.name}) | {made} | {readers or '-'} |"


def tables_page() -> str:
    """docs/tables.md: every table with its key, columns, types and meanings."""
    index = "\n".join(f"- [{t.name}](#{t.name}): {t.meaning}" for t in TABLES.values())
    return (
        f"{HEADER}# Tables\n\n"
        'Query them with `midmix sql RUN "SELECT ..."`. Keys come out as `part:row`, hashes as hexadecimal.\n'
        "Rows are unique and sorted by the key. A table that no step has made yet is empty, with its columns.\n\n"
        f"{index}\n\n" + "\n".join(_table(table) for table in TABLES.values())
    )


def _table(table: Table) -> str:
    internal = " It is the steps' own and no view of the query face." if table.internal else ""
    groups = bool(table.groups)
    head = (
        "| column | type |"
        + (" group |" if groups else "")
        + " meaning |\n|---|---|"
        + ("---|" if groups else "")
        + "---|"
    )
    rows = "\n".join(_column(column, groups) for column in table.columns)
    key = ", ".join(f"`{name}`" for name in table.key)
    return f"## {table.name}\n\n{table.meaning}{internal} Key: {key}.\n\n{head}\n{rows}\n"


def _column(column: Column, groups: bool) -> str:
    meaning = column.meaning.replace("|", "\\|")
    null = ", NULL allowed" if column.nullable else ""
    group = f" {column.group} |" if groups else ""
    return f"| `{column.name}` | {_type(column.dtype)}{null} |{group} {meaning} |"


def _type(dtype: pa.DataType) -> str:
    names = {"fixed_size_binary[16]": "16-byte hash", "large_string": "string"}
    if pa.types.is_list(dtype):
        return f"list of {_type(dtype.value_type)}"
    return names.get(str(dtype), str(dtype))


def plan_schema() -> str:
    """docs/plan.schema.json: the JSON Schema of `plan.json`, its hash included."""
    schema = Plan.model_json_schema()
    schema["properties"]["manifest_hash"] = {
        "description": "sha256: and the hash of the file's canonical JSON without this field",
        "pattern": "^sha256:[0-9a-f]{64}$",
        "type": "string",
    }
    schema["required"].append("manifest_hash")
    return json.dumps(schema, indent=1, sort_keys=True) + "\n"


PAGES = {"flow.md": flow_page, "tables.md": tables_page, "plan.schema.json": plan_schema}


def write_docs(folder: Path) -> list[Path]:
    """Write every generated page into a folder; returns their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for name, page in PAGES.items():
        path = folder / name
        path.write_text(page(), encoding="utf-8")
        paths.append(path)
    return paths


if __name__ == "__main__":
    for written in write_docs(Path(__file__).resolve().parents[2] / "docs"):
        print(f"wrote {written}")
