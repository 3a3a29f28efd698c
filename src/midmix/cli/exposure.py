"""The command that says what the plan reads: of a document, a source or a benchmark's leaks, and in a step."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from midmix.cli.options import Debug, RunFolder, app
from midmix.cli.plan import print_table
from midmix.ends import as_long_as_read
from midmix.errors import ConfigError

if TYPE_CHECKING:
    from midmix.mixer.exposure.counts import Exposure
    from midmix.mixer.exposure.replay import Replay
    from midmix.run import Run

MOST_SHOWN = 40
MOST_STEPS = 8


@app.command(
    epilog="Examples: midmix exposure my-run --doc 3:17 --trainer megatron\n\n"
    "midmix exposure my-run --source forum\n\n"
    "midmix exposure my-run --contaminated gsm8k --trainer olmo-core --json\n\n"
    "midmix exposure my-run --step 40000 --trainer olmo-core --stage anneal"
)
def exposure(
    folder: RunFolder,
    doc: Annotated[str | None, typer.Option(help="a document: key (part:row), URL, your own id, or content hash", show_default=False)] = None,
    source: Annotated[str | None, typer.Option(help="a source, or a domain of token files", show_default=False)] = None,
    contaminated: Annotated[str | None, typer.Option(help="documents of the plan that hold text of this benchmark", show_default=False)] = None,
    step: Annotated[int | None, typer.Option(min=1, help="which documents a step reads; the first is 1, as logs count", show_default=False)] = None,
    trainer: Annotated[str | None, typer.Option(help="replay its order: megatron or olmo-core", show_default=False)] = None,
    stage: Annotated[str | None, typer.Option(help="stage of the step", show_default="the only one")] = None,
    seed: Annotated[int | None, typer.Option(help="of the trainer's data loader", show_default="the plan's")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="everything, every step, as one JSON object")] = False,
    debug: Debug = False,
) -> None:  # fmt: skip
    """In which stages, how many times and in which steps the plan reads documents; or what one step reads.

    Without --trainer the figures are what is expected over any order. Orders of Megatron and OLMo-core are replayed
    exactly, over all ranks, for a stage that starts at its first sample; other trainers' steps are in their logs alone.
    """
    from midmix.mixer.export.trainers import read_plan
    from midmix.mixer.exposure.replay import Replay
    from midmix.run import open_run

    if sum(given is not None for given in (doc, source, contaminated, step)) != 1:
        raise ConfigError("give one of --doc, --source, --contaminated and --step")
    if stage is not None and step is None:
        raise ConfigError("--stage goes with --step; documents are looked up in all stages")
    if step is not None and trainer is None:
        raise ConfigError("--step needs --trainer, megatron or olmo-core: each reads in an order of its own")
    run = open_run(folder)
    replay = Replay(folder, read_plan(folder), trainer=trainer, seed=seed)
    with as_long_as_read():
        if step is not None:
            _step(run, replay, stage, step, as_json=as_json)
        elif contaminated is not None:
            _contaminated(run, replay, contaminated, as_json=as_json)
        else:
            _documents(run, replay, doc, source, as_json=as_json)


def _documents(run: Run, replay: Replay, doc: str | None, source: str | None, *, as_json: bool) -> None:
    from midmix.exposed import exposed_document, exposed_source

    found = exposed_document(run, replay, doc) if doc is not None else exposed_source(run, replay, source or "")
    facts, exposures = found
    if as_json:
        _echo_json(replay, facts | {"stages": [_as_json(e) for e in exposures]})
        return
    if doc is not None:
        names = [f"{facts['path']} row {facts['row']}", facts["user_id"], facts["url"]]
        typer.echo("  ".join([f"{facts['doc']}  {facts['source']}", *(name for name in names if name is not None)]))
    else:
        typer.echo(f"{source}: {facts['documents']:,} documents, {facts['tokens']:,} tokens to train on")
    if not exposures:
        typer.echo(f"not in the plan: {facts.get('not_in_the_plan', 'no stage draws from it')}")
        return
    _print_exposures(exposures)
    _say_trainers(replay)


def _contaminated(run: Run, replay: Replay, name: str, *, as_json: bool) -> None:
    from midmix.exposed import exposed_leaks

    leaks = exposed_leaks(run, replay, name)
    found = leaks.documents
    head = {"benchmark": name, "documents_that_touch_it": leaks.touching, "kept": leaks.kept, "in_the_plan": len(found)}
    if as_json:
        documents = [d | {"stages": [_as_json(e) for e in d["stages"]]} for d in found]
        _echo_json(replay, head | {"documents": documents})
        return
    typer.echo(
        f"{name}: {leaks.touching:,} documents touch it; {leaks.kept:,} are kept to train on, {len(found):,} are in the plan"
    )
    for document in found[:MOST_SHOWN]:
        masked = ", masked in the text" if document["masked"] else ""
        items = ", ".join(map(str, document["items"][:5])) + (" …" if len(document["items"]) > 5 else "")
        where = f"{document['doc']}  {document['source']}  {document['path']}"
        typer.echo(f"\n{where}  items {items}: {document['labels']}{masked}")
        _print_exposures(document["stages"])
    if len(found) > MOST_SHOWN:
        typer.echo(f"\n… and {len(found) - MOST_SHOWN:,} more: --json has all")
    _say_trainers(replay)


def _step(run: Run, replay: Replay, name: str | None, number: int, *, as_json: bool) -> None:
    from midmix.exposed import document_facts

    chosen = replay.stage(name)
    reads = replay.step(chosen, number)
    facts = document_facts(run, sorted({read.doc for read in reads if read.doc is not None}))
    rows: list[dict[str, Any]] = [
        {"sequence": r.sequence, "domain": r.domain, "shard": r.shard, "document_of_shard": r.document}
        | (facts[r.doc] if r.doc is not None else {"doc": None})
        | {"first_token": r.first, "end_token": r.end, "input_tokens": r.tokens}
        for r in reads
    ]
    if as_json:
        _echo_json(replay, {"stage": chosen.id, "step": number, "reads": rows})
        return
    table = [
        (f"{r['sequence']}", r["domain"], str(r["doc"] or f"shard {r['shard']}, #{r['document_of_shard']}"), str(r.get("source", "-")),
         str(r.get("user_id") or r.get("path", "-")), f"{r['first_token']:,}-{r['end_token']:,}", f"{r['input_tokens']:,}")
        for r in rows
    ]  # fmt: skip
    documents = len({(r.domain, r.shard, r.document) for r in reads})
    typer.echo(
        f"{replay.trainer}, stage {chosen.id}, step {number:,} of {replay.order(chosen).num_steps:,}: "
        f"{chosen.global_batch_sequences:,} sequences, {documents:,} documents, {sum(r.tokens for r in reads):,} tokens"
    )
    print_table(("sequence", "domain", "document", "source", "id", "its tokens", "input"), table)


def _as_json(exposure: Exposure) -> dict[str, Any]:
    steps = exposure.steps
    listed = (
        None
        if steps is None
        else [list(pair) for pair in zip(steps.steps.tolist(), steps.tokens.tolist(), strict=True)]
    )
    return {
        "stage": exposure.stage, "trained": exposure.trained, "domain": exposure.domain,
        "documents": exposure.documents, "tokens": exposure.tokens, "epochs": exposure.epochs,
        "expected_tokens_seen": exposure.tokens_seen,
        "shards": [dict(zip(("shard", "first_sequence", "last_sequence"), s, strict=True)) for s in exposure.shards],
        "tokens_seen": exposure.exact_tokens, "steps": listed,
    }  # fmt: skip


def _echo_json(replay: Replay, value: dict[str, Any]) -> None:
    head = {"plan": replay.plan.hash, "trainer": replay.trainer, "seed": replay.seed}
    typer.echo(json.dumps(head | value, indent=1, ensure_ascii=False))


def _print_exposures(exposures: Sequence[Exposure]) -> None:
    if not exposures:
        return
    headings: tuple[str, ...] = ("stage", "trained", "domain", "documents", "tokens", "epochs", "tokens to be seen")
    rows: list[tuple[str, ...]] = [
        (e.stage, e.trained, e.domain, f"{e.documents:,}", f"{e.tokens:,}", f"{e.epochs:.2f}", f"{e.tokens_seen:,.0f}")
        for e in exposures
    ]
    if any(len(e.shards) == 1 for e in exposures):
        headings += ("shard: sequences",)
        rows = [(*row, _place(e)) for row, e in zip(rows, exposures, strict=True)]
    if any(e.steps is not None for e in exposures):
        headings += ("seen", "steps")
        rows = [(*row, *_steps(e)) for row, e in zip(rows, exposures, strict=True)]
    print_table(headings, rows)


def _place(exposure: Exposure) -> str:
    if len(exposure.shards) != 1:
        return f"{len(exposure.shards)} shards" if exposure.shards else "-"
    shard, first, last = exposure.shards[0]
    return f"{shard}: {first:,}" if first == last else f"{shard}: {first:,}-{last:,}"


def _steps(exposure: Exposure) -> tuple[str, str]:
    if exposure.steps is None:
        return "-", "-"
    steps = exposure.steps.steps
    listed = ", ".join(f"{step:,}" for step in steps[:MOST_STEPS])
    if len(steps) > MOST_STEPS:
        listed = f"{len(steps):,} steps: {listed} … {steps[-1]:,}"
    return f"{exposure.exact_tokens:,}", listed or "none"


def _say_trainers(replay: Replay) -> None:
    if replay.trainer is None:
        typer.echo("in which steps: --trainer megatron or olmo-core; with other trainers only their own logs know")
