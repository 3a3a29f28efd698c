"""Running steps of the map in a run folder: one writer at a time, resumed where it stopped."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from midmix.book import Book
from midmix.config import Config
from midmix.disk import write_json
from midmix.errors import InputError, MidmixError
from midmix.execution import open_pool
from midmix.flow import FLOW, STEP_NAMES, Step
from midmix.forget.receipts import refuse_forgotten
from midmix.parts import load_parts
from midmix.progress import Progress
from midmix.record import Record
from midmix.run import refuse_pattern
from midmix.step import Context
from midmix.table_files import read_table, sweep
from midmix.table_manifest import Manifest, is_made, load_manifest, publish
from midmix.tables import QUARANTINE, TABLES
from midmix.writer import only_writer

READ_TEXT = ("score", "classify", "dedup", "past", "passages", "decontaminate", "apply")


def run_steps(
    config: Config,
    folder: Path,
    steps: Sequence[Step] = FLOW,
    *,
    workers: int | None = None,
    strict: bool = False,
    rerun: bool = False,
    quiet: bool = False,
    debug: bool = False,
) -> None:
    """Run steps in `folder`, doing only what is not done yet.

    Raises ConfigError, InputError, DriftError or StepError; finished work is kept whatever happens.
    """
    _check_folder(folder)
    check_config(config)
    progress = Progress(folder, quiet=quiet)
    for warning in config_warnings(config):
        progress.say(f"warning: {warning}")
    with only_writer(folder) as locks:
        shutil.rmtree(folder / "scratch", ignore_errors=True)
        refuse_forgotten(folder, config)
        _check_inputs(folder, steps)
        _check_indexes(config, steps)
        _check_sources(config, folder, steps)
        _save_config(config, folder)
        book = Book(folder, STEP_NAMES)
        with open_pool(config.execution, folder, locks, progress, workers=workers, debug=debug) as pool:
            for step in steps:
                module = step.load()
                module.run(Context(folder, config, step.name, module.VERSION, pool, book, rerun=rerun))
                _publish_empty(folder, step)
                book.close_step(step.name)
                if strict and step.name == "ingest":
                    _refuse_quarantine(folder)
        sweep(folder, _referenced(folder))
        progress.finish()


def _publish_empty(folder: Path, step: Step) -> None:
    """Publish the tables that the step had no rows for, so that it counts as done."""
    for table in step.writes:
        if not is_made(folder, table.name):
            publish(folder, Manifest(table.name))


def _check_folder(folder: Path) -> None:
    refuse_pattern(folder)
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder}: a file, expected a folder for the run. Give another --out.")
    # What is taken for a run is swept of files that the run does not know, so it must be one.
    is_run = any((folder / "state" / name).exists() for name in ("lock", "running.json", "config.json", "base.json"))
    if folder.exists() and not is_run and {path.name for path in folder.iterdir()} - {"corpus", "state"}:
        raise InputError(
            f"{folder}: holds files but is no run folder. Give --out a new or empty folder, or an earlier run's."
        )


def check_config(config: Config) -> None:
    """Find faults in rules, the survivor order, raters and domains now, not after an hour of scoring."""
    from midmix.curation.classify.level_step import plan_levels
    from midmix.curation.classify.plan import plan_raters
    from midmix.curation.decide.sql import checked_rules
    from midmix.curation.order import checked_score
    from midmix.curation.tokenize.step import check_domains

    checked_rules(config)
    checked_score(config)
    plan_raters(config)
    plan_levels(config)
    check_domains(config)


def config_warnings(config: Config) -> list[str]:
    """What is no error, and yet hardly meant: domains over labels that no rater makes."""
    from midmix.curation.decide.sql import judged_schema
    from midmix.curation.tokenize.domains import parse_domains

    made_by = {"quality": "quality", "kind_confidence": "kind"}
    # Parsing takes 2.5 ms of an expression, and there may be hundreds that name neither.
    named = {name: sql for name, sql in config.domains.items() if any(column in sql.lower() for column in made_by)}
    return [
        f"domains.{domain.name} asks for '{column}', which is NULL for every document without raters.{rater} in the config"
        for domain in parse_domains(named, judged_schema(config))
        for column, rater in made_by.items()
        if column in domain.columns and rater not in config.raters
    ]


def _check_inputs(folder: Path, steps: Sequence[Step]) -> None:
    """Every table that the steps read must be there or be made by an earlier one of them."""
    made: set[str] = set()
    for step in steps:
        for table in step.reads:
            if table.name not in made and not is_made(folder, table.name):
                maker = next(s.name for s in FLOW if table in s.writes)
                raise InputError(
                    f"{folder}: step {step.name} reads '{table.name}', which step {maker} makes. Run with --from {maker}."
                )
        made |= {t.name for t in step.writes}


def _check_indexes(config: Config, steps: Sequence[Step]) -> None:
    """Find faults in the indexes of earlier corpora now, not when the steps before have read all text."""
    if any(step.name == "past" for step in steps):
        from midmix.curation.past.corpora import load_corpora

        load_corpora(config)


def _check_sources(config: Config, folder: Path, steps: Sequence[Step]) -> None:
    """Where text is read without ingest, it must be the text that was ingested."""
    names = [step.name for step in steps]
    if "ingest" in names or not any(name in READ_TEXT for name in names):
        return
    from midmix.curation.ingest.files import Identities

    identities = Identities(folder)
    for part in load_parts(folder, config):
        if part.location.startswith(str(folder)):
            continue
        _, now = identities.identify(part.location)
        if now != part.file_hash:
            what = now.partition(": ")[2] or "changed since it was ingested"
            raise InputError(f"source {part.source}: {part.path}: {what.lower()}. Run with --from ingest.")
    identities.save()


def _save_config(config: Config, folder: Path) -> None:
    """Keep the config in force and where its relative paths start from, so that the run can be asked later."""
    relative = os.path.relpath(config.base, folder.resolve())
    values = {
        "config": json.loads(config.model_dump_json(exclude_unset=True)),
        "base": relative,
        "base_was": str(config.base),
    }
    # The order of sources, rules and domains has a meaning, so keys keep it.
    write_json(folder / "state" / "config.json", values, scratch=folder / "scratch", sort_keys=False)


def _refuse_quarantine(folder: Path) -> None:
    rows = read_table(folder, QUARANTINE).to_pylist()
    if rows:
        first = "\n".join(f"  {r['source']} {r['file']} row {r['row']}: {r['reason']}" for r in rows[:10])
        raise MidmixError(
            f"--strict: {len(rows)} bad files or rows were set aside:\n{first}\n"
            f'Mend them, or run without --strict; `midmix sql {folder} "FROM quarantine"` lists all.'
        )


def _referenced(folder: Path) -> set[str]:
    paths: set[str] = set()
    for table in TABLES:
        manifest = load_manifest(folder, table)
        paths |= {f.path for f in manifest.files} | set(manifest.attachments.values())
    records = folder / "records"
    for path in sorted(records.rglob("*.json")) if records.exists() else ():
        record = Record.load(path)
        paths |= record.paths() if record else set()
    return paths
