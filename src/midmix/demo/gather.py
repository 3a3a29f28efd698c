"""The corpus before anything is planted: harvested and generated rows by source, without repeats."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from midmix.demo.draw import Draw
from midmix.demo.harvest import CODE, PROSE, Found, SourceFile, descriptions, documents, source_files
from midmix.demo.problems import LOGIC_PROBLEMS, STREAMS, WORD_PROBLEMS, Apart, Exercise, chat, exercises
from midmix.demo.record import Record
from midmix.demo.wheels import LIBRARIES, MATH, RESERVE

# Shares of the text by source; what is planted comes on top.
SHARES = {"crawl": 0.38, "repos": 0.23, "proofs": 0.15, "chats": 0.12, "problems": 0.12}
Progress = Callable[[str, float], None]


@dataclass
class Base:
    """Rows by source, and prose left over for a huge document."""

    records: dict[str, list[Record]]
    spare_prose: str


def gather(num_bytes: int, spare_bytes: int, seed: int, apart: Apart, progress: Progress) -> Base:
    """About `num_bytes` characters of text in all sources, plus `spare_bytes` of prose. Nothing shares a run with `apart`."""
    want = {name: int(share * num_bytes) for name, share in SHARES.items()}
    seen: set[str] = set()
    records: dict[str, list[Record]] = {}
    found = _libraries(want["crawl"] + spare_bytes, want["repos"], seed, seen, apart, progress)
    spare: list[str] = []
    while spare_bytes > sum(map(len, spare)) and found[PROSE]:
        spare.append(found[PROSE].pop().text)
    records["crawl"] = [_harvested("crawl", item) for item in found[PROSE]]
    records["repos"] = [_harvested("repos", item) for item in found[CODE]]
    records["proofs"] = [_harvested("proofs", item) for item in _math(want["proofs"], seed, seen, apart, progress)]
    records["problems"] = _problems(want["problems"], seed, apart)
    records["chats"] = _chats(want["chats"], seed, apart)
    return Base(records, "\n\n".join(spare))


def _libraries(
    num_prose: int, num_code: int, seed: int, seen: set[str], apart: Apart, progress: Progress
) -> dict[str, list[Found]]:
    kept: dict[str, list[Found]] = {PROSE: [], CODE: []}
    want, size = {PROSE: num_prose, CODE: num_code}, {PROSE: 0, CODE: 0}
    for found in _library_documents(seed):
        if size[found.kind] < want[found.kind] and _is_new(found, seen, apart):
            kept[found.kind].append(found)
            size[found.kind] += len(found.text)
            progress("reading docstrings and code", min(1.0, *(size[k] / max(want[k], 1) for k in want)))
        if all(size[k] >= want[k] for k in want):
            break
    return kept


def _library_documents(seed: int) -> Iterator[Found]:
    yield from descriptions((*LIBRARIES, *MATH))
    for file in library_files(seed):
        yield from documents(file, math=False)


def library_files(seed: int) -> Iterator[SourceFile]:
    """Files of the libraries in a drawn order, then those of the reserve."""
    first = source_files(LIBRARIES, seed)
    yield from first
    known = {(file.wheel.name, file.path) for file in first}
    yield from (file for file in source_files(RESERVE, seed) if (file.wheel.name, file.path) not in known)


def _math(want: int, seed: int, seen: set[str], apart: Apart, progress: Progress) -> Iterator[Found]:
    size = 0
    for file in source_files(MATH, seed):
        for found in documents(file, math=True):
            if _is_new(found, seen, apart):
                size += len(found.text)
                progress("reading mathematics", min(size / max(want, 1), 1.0))
                yield found
        if size >= want:
            return


def _is_new(found: Found, seen: set[str], apart: Apart) -> bool:
    if found.text in seen or apart.shares_run(found.text):
        return False
    seen.add(found.text)
    return True


def _harvested(source: str, found: Found) -> Record:
    return Record(
        source,
        found.text,
        found.url,
        {
            "wheel": found.wheel,
            "version": found.version,
            "path": found.path,
            "member": found.member,
            "license": found.license,
            "synthetic": False,
        },
    )


def generated(source: str, index: int, item: Exercise) -> Record:
    """A row for a generated exercise, marked as synthetic."""
    metadata = {"family": item.family, "license": "cc0-1.0", "synthetic": True}
    return Record(source, item.text, f"generated:{source}/{index}", metadata, item, index)


def _problems(want: int, seed: int, apart: Apart) -> list[Record]:
    records, size = [], 0
    for index, item in exercises(seed, "problems", families=WORD_PROBLEMS + LOGIC_PROBLEMS, apart=apart):
        if size >= want:
            break
        records.append(generated("problems", index, item))
        size += len(item.text)
    return records


def _chats(want: int, seed: int, apart: Apart) -> list[Record]:
    records, size = [], 0
    styles = Draw(seed, STREAMS["styles"])
    for index, item in exercises(seed, "chats", families=WORD_PROBLEMS + LOGIC_PROBLEMS, apart=apart):
        if size >= want:
            break
        record = generated("chats", index, item)
        record.messages = chat(item, styles)
        record.text = "\n\n".join(message["content"] for message in record.messages)
        records.append(record)
        size += len(record.text)
    return records
