"""The step contract: what a step's module is given, and how its work is fingerprinted, resumed and published.

A step's module has `VERSION` and `run(context)`. Work is done by top-level functions `work(task, output)` in worker
processes: once per part (`per_part`), per named item (`batches`), or once over whole tables (`gather`). A unit of
work is done when its record is written, last of all; the same fingerprint is never done twice.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from midmix.book import Book
from midmix.config import Config
from midmix.errors import DriftError, StepError
from midmix.parts import Part, load_parts
from midmix.pool import Pool
from midmix.record import Record
from midmix.table_files import read_table
from midmix.table_manifest import Manifest, load_manifest, publish
from midmix.tables import Table
from midmix.task import JSON, Task, Work, fingerprint, perform

# Table to the column groups of it that are read.
Groups = Mapping[str, Sequence[str]]


@dataclass
class _Job:
    """One task with the fingerprints of the units that it will do."""

    item: str
    part: Part | None
    todo: dict[str, JSON]
    payloads: dict[str, JSON]
    inputs: dict[str, tuple[Path, ...]]


class Context:
    """What a step's `run` is given: the config, the run folder, and three ways to have work done."""

    def __init__(
        self, folder: Path, config: Config, step: str, version: int, pool: Pool, book: Book, *, rerun: bool = False
    ) -> None:
        self.folder, self.config, self.step, self.version = folder, config, step, version
        self.pool, self.book, self.rerun = pool, book, rerun
        self.parts: list[Part] = load_parts(folder, config)
        self._made: dict[str, list[Record]] = {}

    @property
    def seed(self) -> int:
        """The run's seed."""
        return self.config.seed

    @property
    def memory_bytes(self) -> int:
        """Memory that one task may use for tables."""
        return self.config.memory_mb * 2**20

    def say(self, line: str) -> None:
        """Show a line to people; for what they would want to know and no table holds."""
        self.pool.say(line)

    def files(self, table: Table) -> tuple[Path, ...]:
        """Files of a published table."""
        return load_manifest(self.folder, table.name).paths(self.folder)

    def read(self, table: Table) -> pa.Table:
        """A published table in memory; for small tables."""
        return read_table(self.folder, table)

    def per_part(
        self,
        work: Work,
        *,
        writes: tuple[Table, ...],
        units: Mapping[str, JSON] | Callable[[Part], Mapping[str, JSON]],
        reads: tuple[Table, ...] = (),
        groups: Mapping[str, Groups] | None = None,
        later: Collection[str] = (),
        over_text: bool = True,
        extra: Any = None,
        inputs: Mapping[str, str] | None = None,
    ) -> None:
        """Do `work` for every part and unit that is not done yet, and publish `writes`.

        Settings of a step `over_text` that differ from those it was done with raise DriftError unless a rerun was
        asked for, since reading all text again is dear. `units` may depend on the part, but not their names. `inputs`
        names further things that the result depends on. `groups` maps a unit to the column groups that it reads
        besides, and that it alone depends on. `later` names units of `writes` that another call of this step does:
        what is published of them stays until then.
        """
        jobs = []
        manifests = {t.name: load_manifest(self.folder, t.name) for t in reads}
        grouped = {name: load_manifest(self.folder, name) for tables in (groups or {}).values() for name in tables}
        for part in self.parts:
            entries = {name: manifest.by_part.get(part.id, []) for name, manifest in manifests.items()}
            identity = {
                "part": [part.id, part.file_hash, part.first_row_group, part.num_row_groups, part.text_column],
                "reads": {name: [[f.unit, f.sha256] for f in files] for name, files in entries.items()},
                "inputs": dict(inputs or {}),
            }
            own: dict[str, JSON] = {}
            for unit, tables in (groups or {}).items():
                read = {t: [f for f in grouped[t].by_part.get(part.id, []) if f.unit in tables[t]] for t in tables}
                own[unit] = {"groups": {t: [[f.unit, f.sha256] for f in files] for t, files in read.items()}}
                for name, files in read.items():
                    known = entries.setdefault(name, [])
                    entries[name] = [*known, *(f for f in files if f not in known)]
            paths = {name: tuple(self.folder / f.path for f in files) for name, files in entries.items()}
            settings = units(part) if callable(units) else units
            jobs.append(self._job(part.item, part, settings, identity, paths, own))
        if over_text:
            self._refuse_drift(jobs)
        self._run(work, jobs, writes, extra, list(jobs[0].payloads) if jobs else [], later)

    def batches(
        self,
        work: Work,
        *,
        writes: tuple[Table, ...],
        items: Mapping[str, JSON],
        reads: tuple[Table, ...] = (),
        groups: Groups | None = None,
        later: Collection[str] = (),
        extra: Any = None,
        inputs: Mapping[str, str] | None = None,
    ) -> None:
        """Do `work` for every named item whose settings or inputs are new, and publish `writes`.

        Of the tables in `groups` these column groups alone are read. `later` names units of `writes` that others
        publish: what is there of them stays.
        """
        manifests = {t.name: load_manifest(self.folder, t.name) for t in reads}
        manifests |= {name: load_manifest(self.folder, name).of_units(units) for name, units in (groups or {}).items()}
        identity = {"reads": {n: m.digest for n, m in manifests.items()}, "inputs": dict(inputs or {})}
        paths = {n: m.paths(self.folder) for n, m in manifests.items()}
        jobs = [self._job(item, None, {"": settings}, identity, paths) for item, settings in items.items()]
        self._run(work, jobs, writes, extra, [""], later)

    def gather(
        self,
        work: Work,
        *,
        writes: tuple[Table, ...],
        settings: JSON,
        reads: tuple[Table, ...] = (),
        groups: Groups | None = None,
        later: Collection[str] = (),
        extra: Any = None,
        inputs: Mapping[str, str] | None = None,
    ) -> None:
        """Do `work` once over whole tables, again whenever a setting or an input changed, and publish `writes`."""
        items = {f"all-{work.__name__}": settings}
        self.batches(
            work, writes=writes, items=items, reads=reads, groups=groups, later=later, extra=extra, inputs=inputs
        )

    # -- work in stages, which hand on tables that nobody needs once the step is done

    def digests(self, *tables: Table) -> dict[str, str]:
        """Table to the hash of its content: for `inputs` of work that looks up the table's files itself."""
        return {table.name: load_manifest(self.folder, table.name).digest for table in tables}

    def is_reached(self, goal: str, payload: JSON, *writes: Table) -> bool:
        """Whether `note_reached` was called with the same; if so, `writes` are published as they were then."""
        if not self._is_done("goal", goal, {"version": self.version, "goal": payload}):
            return False
        record = self._record("goal", goal)
        assert record is not None
        self._publish(writes, [record], ())
        self.book.add_step_row(self.step, goal, "goal", None, record, done=False)
        return True

    def note_reached(self, goal: str, payload: JSON, *writes: Table) -> None:
        """Note that the stages which lead to `writes` are done, so that none of them is asked for again."""
        made = {table.name: load_manifest(self.folder, table.name) for table in writes}
        files, attached = ({n: list(getattr(m, what)) for n, m in made.items()} for what in ("files", "attached"))
        payload = {"version": self.version, "goal": payload}
        record = Record(fingerprint(payload), payload, files, attached)
        record.save(self.record_path("goal", goal), scratch=self.folder / "scratch")
        self.book.add_step_row(self.step, goal, "goal", None, record, done=True)

    def discard(self, *tables: Table) -> None:
        """Forget tables that only stages of this step read, with the records of the work that wrote them alone."""
        names = {table.name for table in tables}
        for path in sorted((self.folder / "records" / self.step).rglob("*.json")):
            record = Record.load(path)
            wrote = record.files.keys() | record.attached.keys() if record else set()
            if wrote and wrote <= names:
                path.unlink()
        for name in sorted(names):
            publish(self.folder, Manifest(name))

    # -- how it is done

    def record_path(self, unit: str, item: str) -> Path:
        """Where the record of a unit of this step lies."""
        return self.folder / self._record_name(unit, item)

    def _record_name(self, unit: str, item: str) -> Path:
        return Path("records") / self.step / (unit or "_") / f"{item}.json"

    def _record(self, unit: str, item: str) -> Record | None:
        return Record.find(self.folder, self._record_name(unit, item))

    def _job(
        self,
        item: str,
        part: Part | None,
        units: Mapping[str, JSON],
        identity: JSON,
        paths: dict[str, tuple[Path, ...]],
        own: Mapping[str, JSON] | None = None,
    ) -> _Job:
        payloads = {
            unit: {"unit": unit, "settings": settings, "version": self.version, **identity, **(own or {}).get(unit, {})}
            for unit, settings in units.items()
        }
        todo = {u: s for u, s in units.items() if not self._is_done(u, item, payloads[u])}
        return _Job(item, part, todo, payloads, paths)

    def _is_done(self, unit: str, item: str, payload: JSON) -> bool:
        record = self._record(unit, item)
        if record is None or record.fingerprint != fingerprint(payload):
            return False
        return record.is_whole(self.folder)

    def _refuse_drift(self, jobs: list[_Job]) -> None:
        if self.rerun:
            return
        for job in jobs:
            for unit in job.todo:
                before = self._record(unit, job.item)
                if before is None:
                    continue
                now = job.payloads[unit]
                changes = _differences(before.payload, now, ("settings", "version"))
                if changes:
                    redone = [j for j in jobs if unit in j.todo]
                    text = sum(j.part.text_bytes for j in redone if j.part)
                    raise DriftError(
                        f"step {self.step}{f', {unit}' if unit else ''}: done with other settings: {'; '.join(changes)}. "
                        f"Doing it again reads {text / 1e6:,.1f} MB of text in {len(redone)} parts. "
                        f"Add --rerun to do so, or put the setting back."
                    )

    def _run(
        self,
        work: Work,
        jobs: list[_Job],
        writes: tuple[Table, ...],
        extra: Any,
        units: list[str],
        later: Collection[str] = (),
    ) -> None:
        open_jobs = [job for job in jobs if job.todo]
        previous = {t.name: load_manifest(self.folder, t.name).paths(self.folder) for t in writes}
        calls = [
            (work, Task(j.item, j.part, j.todo, j.inputs, {} if j.part else previous, extra, self.folder, self.memory_bytes,
                        self.seed),
             {u: (fingerprint(j.payloads[u]), j.payloads[u], self.record_path(u, j.item)) for u in j.todo})
            for j in open_jobs
        ]  # fmt: skip
        self.pool.map(
            perform,
            calls,
            title=f"{self.step}: {work.__name__.replace('_', ' ')}",
            total=sum(bool(job.payloads) for job in jobs),
            sizes=[_size(j) for j in open_jobs],
        )
        records: list[tuple[str, _Job, Record]] = []
        for unit in units:
            for job in jobs:
                record = self._record(unit, job.item)
                # A rank of an earlier, killed run may have put the record of other settings in its place.
                if record is None or record.fingerprint != fingerprint(job.payloads[unit]):
                    raise StepError(f"step {self.step}, {job.item}: finished without a record of its own; run it again")
                records.append((unit, job, record))
        for unit, job, record in records:
            self.book.add_step_row(self.step, job.item, unit, job.part, record, done=unit in job.todo)
        self.book.add_counts(self.step, [r for unit, _, r in records if unit == units[0]] if units else [])
        self._publish(writes, [r for _, _, r in records], later)

    def _publish(self, writes: tuple[Table, ...], records: list[Record], later: Collection[str]) -> None:
        for table in writes:
            made = self._made.setdefault(table.name, [])
            made.extend(records)
            files = tuple(f for r in made for f in r.files.get(table.name, []))
            files += tuple(f for f in load_manifest(self.folder, table.name).files if f.unit in later)
            attached = tuple(a for r in made for a in r.attached.get(table.name, []))
            publish(self.folder, Manifest(table.name, files, attached))


def _size(job: _Job) -> int:
    return job.part.text_bytes if job.part else 0


def _differences(before: JSON, now: JSON, fields: tuple[str, ...]) -> list[str]:
    """`field: was x, is y` for every leaf that differs, within the named fields."""
    changes: list[str] = []

    def walk(name: str, old: JSON, new: JSON) -> None:
        if isinstance(old, dict) and isinstance(new, dict):
            for key in sorted(old.keys() | new.keys()):
                walk(f"{name}.{key}", old.get(key), new.get(key))
        elif old != new:
            changes.append(f"{name} was {json.dumps(old)}, is {json.dumps(new)}")

    for name in fields:
        walk(name, before.get(name), json.loads(json.dumps(now.get(name))))
    return changes
