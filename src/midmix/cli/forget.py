"""The command that answers a removal request."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from midmix.cli.options import Debug, RunFolder, Workers, app
from midmix.cli.plan import print_table

if TYPE_CHECKING:
    from collections.abc import Sequence

MOST_SHOWN = 20


@app.command(
    epilog="Example: midmix forget my-run --source forum, and when you have seen what stays: "
    "midmix forget my-run --source forum --purge"
)
def forget(
    folder: RunFolder,
    source: Annotated[str, typer.Option(help="the source to take out", show_default=False)],
    purge: Annotated[
        bool, typer.Option("--purge", help="delete what the run holds of it, and leave a receipt")
    ] = False,
    json_file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="write all findings there", show_default=False)
    ] = None,
    workers: Workers = None,
    debug: Debug = False,
) -> None:
    """The run and its plan without one source: copies that stay elsewhere, documents that come back, models made with it.

    Without --purge the run is not touched: the plan without the source lies in a run folder below it, for every command.
    Raters, tokenizers and weights stay as they were. --purge then deletes every file that held text or tokens of it.
    """
    if purge:
        _purge(folder, source, json_file, workers, debug)
        return
    from midmix.forget.forecast import forecast
    from midmix.forget.without import make_without
    from midmix.table_manifest import is_made

    layer, findings = make_without(folder, source, workers=workers, debug=debug)
    files = forecast(folder, layer, source)
    _write(json_file, findings.values() | {"purge": files})
    _print(findings.values())
    _print_files(files)
    typer.echo(f"\nthe run without it: {layer}")
    if is_made(layer, "plan"):
        typer.echo(f"its plan: midmix diff {folder} {layer}; midmix export {layer} --to megatron --dest ...")
    typer.echo(f"nothing was deleted; --purge deletes what {folder} holds of it and leaves a receipt")


def _purge(folder: Path, source: str, json_file: Path | None, workers: int | None, debug: bool) -> None:
    from midmix.forget.purge import purge

    path, receipt = purge(folder, source, workers=workers, debug=debug)
    _write(json_file, receipt)
    _print(receipt["findings"])
    removed = [file for file in receipt["purged"] if file["how"] == "removed"]
    typer.echo(
        f"\npurged: {len(removed):,} files of {sum(file['bytes'] for file in removed):,} bytes removed, "
        f"{len(receipt['purged']) - len(removed):,} rewritten; each stands with size and sha256 in {path}"
    )
    typer.echo("not touched: the source's own files, exports written elsewhere, and what was trained on them:")
    for file in receipt["files"][:MOST_SHOWN]:
        typer.echo(f"  {file}")
    if len(receipt["files"]) > MOST_SHOWN:
        typer.echo(f"  ... and {len(receipt['files']) - MOST_SHOWN:,} more, in the receipt")
    typer.echo(f"in your own config file, add to sources.{source}: forgotten: true; and take it out of the shares")


def _print_files(files: list[dict[str, Any]]) -> None:
    """What a purge would do, the largest files first."""
    sums = Counter[str]()
    for file in files:
        sums[file["how"]] += file["bytes"]
    numbers = Counter(file["how"] for file in files)
    told = "; ".join(f"{numbers[how]:,} of {sums[how]:,} bytes {how}" for how in numbers)
    typer.echo(f"\nfiles that --purge would touch: {told}")
    for file in sorted(files, key=lambda file: (-file["bytes"], file["path"]))[:MOST_SHOWN]:
        typer.echo(f"  {file['bytes']:>16,}  {file['how']:<11}  {file['path']}")
    if len(files) > MOST_SHOWN:
        typer.echo(f"  ... and {len(files) - MOST_SHOWN:,} more: --json FILE has all")


def _write(file: Path | None, value: dict[str, Any]) -> None:
    if file is not None:
        file.write_text(json.dumps(value, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _print(found: dict[str, Any]) -> None:
    typer.echo(
        f"{found['source']}: {found['documents']:,} documents, {found['trained_on']:,} of them to train on, "
        f"with {found['tokens']:,} tokens"
    )
    kinds = Counter(row["relation"] for row in found["copies"])
    told = f" ({', '.join(f'{relation} {count:,}' for relation, count in kinds.items())})" if kinds else ""
    _print_rows(
        f"copies that stay under other sources{told}", found["copies"],
        ("doc", "source", "relation", "copy_of", "jaccard"),
    )  # fmt: skip
    _print_rows(
        "documents that come back, since what they repeated leaves", found["back"], ("doc", "source", "was", "repeats")
    )
    _print_rows("documents that are no longer kept", found["leaving"], ("doc", "source", "reason", "repeats"))
    for row in found["artefacts"]:
        typer.echo(f"made with it and kept as it was: {row['name']}, trained on {', '.join(row['trained_on'])}")
    if found["proxies"]:
        runs = len({row["run"] for row in found["proxies"]})
        typer.echo(f"made with it: {runs:,} proxies; weights and evidence rest on them")
    for row in found["earlier"]:
        typer.echo(f"read before this run: {row['tokens']:,} tokens in {row['stage']}, which no plan takes back")
    for name, path in found["tokenizers"].items():
        typer.echo(f"tokenizers.{name} ({path}) was made elsewhere; whether of this source is not known here")


def _print_rows(title: str, rows: Sequence[dict[str, Any]], columns: tuple[str, ...]) -> None:
    typer.echo(f"\n{title}: {len(rows):,}")
    if rows:
        shown = rows[:MOST_SHOWN]
        print_table(columns, [tuple(_cell(row[column]) for column in columns) for row in shown])
    if len(rows) > MOST_SHOWN:
        typer.echo(f"... and {len(rows) - MOST_SHOWN:,} more: --json FILE has all")


def _cell(value: Any) -> str:
    return "-" if value is None else f"{value:.3f}" if isinstance(value, float) else str(value)
