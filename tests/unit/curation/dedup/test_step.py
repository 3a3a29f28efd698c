"""dedup on hand-made runs: planted pairs, brute force, order, memory, growth, and what is read again."""

from __future__ import annotations

import dataclasses
import functools
import random
import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

from midmix.book import Book
from midmix.curation.dedup import candidates, compared, known, places, ranges, step, verify
from midmix.errors import StepError
from midmix.step import Context
from midmix.table_manifest import load_manifest, publish
from midmix.tables import APART, BANDS, DOCUMENTS, LEDGER, PAIRS, PARTS, SIGNATURES, SOURCES, format_key
from midmix.task import Output, Task

MakeRun = Callable[..., Any]
Pairs = dict[tuple[str, str], tuple[str, float | None]]


@functools.cache
def shingles(text: str) -> frozenset[tuple[str, ...]]:
    words = text.lower().split()
    return frozenset(tuple(words[i : i + 5]) for i in range(len(words) - 4))


def jaccard(a: str, b: str) -> float:
    one, two = shingles(a), shingles(b)
    return len(one & two) / len(one | two) if one or two else 0.0


def sentence(rng: random.Random, count: int) -> list[str]:
    return [f"w{rng.randrange(3000)}" for _ in range(count)]


def edited(rng: random.Random, words: list[str], share: float) -> list[str]:
    return [f"e{rng.randrange(3000)}" if rng.random() < share else word for word in words]


def corpus(seed: int, count: int) -> list[str]:
    """Texts of 40-160 words, four in ten edits of earlier ones, a few copies, texts that differ in numbers."""
    rng = random.Random(seed)
    texts: list[str] = []
    while len(texts) < count:
        kind = rng.random()
        if kind < 0.4 and texts:
            texts.append(" ".join(edited(rng, rng.choice(texts).split(), rng.uniform(0.002, 0.03))))
        elif kind < 0.45 and texts:
            texts.append(rng.choice(texts))
        elif kind < 0.5:
            words = sentence(rng, 30)
            texts += [" ".join([*words, "costs", str(n), "and", f"{n}.{n}", "in", "all"]) for n in (3, 14, 1592)]
        else:
            texts.append(" ".join(sentence(rng, rng.randrange(40, 160))))
    return texts[:count]


def found_pairs(run: Any) -> Pairs:
    rows = run.rows(PAIRS) + [{**row, "relation": "apart", "jaccard": None} for row in run.rows(APART)]
    rows.sort(key=lambda row: (row["doc"], row["earlier"]))
    keys = [(row["doc"], row["earlier"], row["relation"]) for row in rows]
    assert keys == sorted(set(keys))
    return {(format_key(r["doc"]), format_key(r["earlier"])): (r["relation"], r["jaccard"]) for r in rows}


def texts_read(run: Any) -> int:
    """Bytes of text read to be compared."""
    return sum(row["text_bytes_read"] for row in run.books["dedup"].rows if row["unit"] == "shingles")


def test_each_relation(make_run: MakeRun, part: Any) -> None:
    base = "the quick brown fox jumps over the lazy dog and then it sleeps for a very long time near the old mill"
    near = base + " today"
    far = "the quick brown fox jumps over the lazy dog and then it runs home at once because of rain"
    price = ["it costs 7 coins and a further 1,000 later on", "it costs 12 coins and a further 3.5 later on"]
    run = make_run(
        {0: part("web", [base, near, base, "", "short one"]), 1: part("books", [far, *price, base, "", "short one"])},
        sources={"web": "prose", "books": "prose"},
        survivor=["books", "web"],
        dedup={"jaccard": 0.3, "bands": 64, "rows": 1},
    )
    run.run(step, "dedup")
    expected = {
        ("0:0", "1:3"): ("exact", 1.0),
        ("0:2", "1:3"): ("exact", 1.0),
        ("0:3", "1:4"): ("exact", 1.0),
        ("0:4", "1:5"): ("exact", 1.0),
        ("0:1", "1:3"): ("near", 18 / 19),
        ("1:0", "1:3"): ("near", 8 / 25),
        ("0:1", "1:0"): ("near", 8 / 26),
        ("1:2", "1:1"): ("template", None),
    }
    assert found_pairs(run) == expected
    assert run.rows(LEDGER) == [
        {"step": "dedup", "source": "books", "rows_in": 6, "rows_kept": 6, "rows_dropped": 0, "rows_quarantined": 0},
        {"step": "dedup", "source": "web", "rows_in": 5, "rows_kept": 5, "rows_dropped": 0, "rows_quarantined": 0},
    ]


def test_texts_are_compared_clean(make_run: MakeRun, part: Any) -> None:
    texts = ["mail a@b.co now", "mail c@d.org now"]
    spans = [(0, 5, 11, "pii.email", "MAIL"), (1, 5, 12, "pii.email", "MAIL")]
    run = make_run({0: part("web", texts, spans=spans)}, sources={"web": "prose"})
    run.run(step, "dedup")
    assert found_pairs(run) == {("0:0", "0:1"): ("exact", 1.0)}
    raw = make_run({0: part("web", texts, spans=spans)}, sources={"web": "prose"}, edits=[], name="raw")
    raw.run(step, "dedup")
    assert found_pairs(raw) == {}


def all_near(text: dict[str, str]) -> set[frozenset[str]]:
    """Every pair of Jaccard 0.8 and over whose texts differ in more than numbers, through an inverted index."""
    holders: dict[tuple[str, ...], list[str]] = {}
    for key, value in text.items():
        for words in shingles(value):
            holders.setdefault(words, []).append(key)
    sharing = {pair for keys in holders.values() for pair in combinations(keys, 2)}
    return {frozenset(pair) for pair in sharing if is_near(text[pair[0]], text[pair[1]])}


@pytest.mark.parametrize("seed", [1, 2])
def test_against_all_pairs_by_brute_force(make_run: MakeRun, part: Any, seed: int) -> None:
    texts = corpus(seed, 2000)
    run = make_run({0: part("a", texts[:900]), 1: part("b", texts[900:])}, sources={"a": "prose", "b": "prose"})
    run.run(step, "dedup")
    found = found_pairs(run)
    text = {f"0:{i}": t for i, t in enumerate(texts[:900])} | {f"1:{i}": t for i, t in enumerate(texts[900:])}
    verified = {pair: value for pair, (relation, value) in found.items() if relation in ("near", "apart")}
    for pair, value in verified.items():
        true = jaccard(*(text[key] for key in pair))
        assert (found[pair][0], value) == (("near", true) if true >= 0.8 else ("apart", None))
    first: dict[str, str] = {}
    for key in text:  # one source after the other, and row by row: the survivor order of copies
        first.setdefault(text[key], key)
    copies = {(key, first[value]) for key, value in text.items() if first[value] != key}
    assert {pair for pair, (relation, _) in found.items() if relation == "exact"} == copies
    partners = {frozenset(pair) for pair in found}
    true = all_near({key: value for value, key in first.items()})
    assert len(true) > 200
    assert len(true & partners) >= 0.98 * len(true)


def is_near(a: str, b: str) -> bool:
    return jaccard(a, b) >= 0.8 and frame(a) != frame(b)


def frame(text: str) -> str:
    return re.sub(r"[0-9]+(?:[.,][0-9]+)*", "0", text)


def by_text(run: Any, text: dict[str, str]) -> set[tuple[str, str, str, float | None]]:
    """PAIRS without keys."""
    return {(text[d], text[e], relation, value) for (d, e), (relation, value) in found_pairs(run).items()}


def test_pairs_do_not_depend_on_the_order_of_rows_and_parts(make_run: MakeRun, part: Any) -> None:
    texts = sorted(set(corpus(3, 200)))
    first = make_run({0: part("a", texts)}, sources={"a": "prose"})
    first.run(step, "dedup")
    shuffled = random.Random(0).sample(texts, len(texts))
    parts = {0: part("a", shuffled[:70]), 3: part("a", shuffled[70:71]), 9: part("a", shuffled[71:])}
    second = make_run(parts, sources={"a": "prose"}, name="other")
    second.run(step, "dedup")
    keys = {f"{n}:{i}": t for n, p in parts.items() for i, t in enumerate(p.texts)}
    expected = by_text(first, {f"0:{i}": t for i, t in enumerate(texts)})
    assert len(expected) > 30
    assert by_text(second, keys) == expected


def files(run: Any, *tables: Any) -> dict[str, str]:
    """Every published file of the tables: path to hash."""
    found = {}
    for table in tables:
        manifest = load_manifest(run.folder, table.name)
        found |= {f.path: f.sha256 for f in manifest.files} | {a.path: a.sha256 for a in manifest.attached}
    return found


def test_bytes_do_not_depend_on_memory_or_chunks(make_run: MakeRun, part: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    texts = corpus(4, 300)
    texts += [texts[0]] * 150 + [f"{texts[1]} {'abcdefgh'[i % 8] * (i + 1)}" for i in range(150)]  # more than a range
    parts = {0: part("a", texts[:120]), 1: part("a", texts[120:])}
    whole = make_run(parts, sources={"a": "prose"})
    whole.run(step, "dedup")
    for module, name, value in (
        (ranges, "_RECORD_BYTES", 30_000),
        (ranges, "_BLOCK_RECORDS", 1500),
        (ranges, "ROWS_PER_GROUP", 1),
        (ranges, "_MOST_OPEN", 1),
        (candidates, "_MEMBERS", 70),
        (candidates, "_PAIRS", 1500),
        (candidates, "_PAIRS_PER_FILE", 1),
        (compared, "_ROW_BYTES", 4000),
        (verify, "_HELD", 10_000),
        (places, "_SMALL_FILE", 0),
    ):
        assert hasattr(module, name)
        monkeypatch.setattr(module, name, value)
    pieces = make_run(parts, sources={"a": "prose"}, memory_mb=64, name="pieces")
    pieces.run(step, "dedup")
    tables = (SIGNATURES, BANDS, PAIRS, APART)
    assert files(pieces, *tables) == files(whole, *tables)
    assert len(tasks(pieces, "bands-")) > 10 and len(tasks(whole, "bands-")) == 1


def tasks(run: Any, name: str) -> list[str]:
    """Items of a stage that were done."""
    return [row["item"] for row in run.books["dedup"].rows if row["item"].startswith(name)]


def test_what_lies_between_stages_goes_with_the_step(make_run: MakeRun, part: Any) -> None:
    run = make_run({0: part("a", corpus(9, 60))}, sources={"a": "prose"})
    run.run(step, "dedup")
    assert not files(run, *step.BETWEEN)
    kept = {
        path.relative_to(run.folder / "records" / "dedup").as_posix()
        for path in run.folder.rglob("records/dedup/*/*.json")
    }
    assert kept == {"_/p00000000.json", "_/pairs-0000.json", "goal/pairs.json"}
    before = files(run, SIGNATURES, BANDS, PAIRS)
    again = run.run(step, "dedup")
    assert {(row["item"], row["action"]) for row in again.rows} == {("p00000000", "reused"), ("pairs", "reused")}
    (run.folder / "tables" / "pairs.json").unlink()
    run.run(step, "dedup")
    assert files(run, SIGNATURES, BANDS, PAIRS) == before


class Killed(Exception):
    """The run ends here."""


@dataclasses.dataclass
class Stopping:
    """A pool that ends after so many tasks."""

    left: int

    def map(self, function: Callable[..., None], calls: Sequence[tuple[Any, ...]], **_: Any) -> None:
        for call in calls:
            if self.left == 0:
                raise Killed
            function(*call)
            self.left -= 1


def test_a_run_that_was_killed_anywhere_ends_with_the_same_bytes(make_run: MakeRun, part: Any) -> None:
    texts = corpus(11, 150)
    parts = {0: part("a", texts[:70]), 1: part("a", texts[70:])}
    whole = make_run(parts, sources={"a": "prose"}, dedup={"containment": 0.9, "url": True})
    whole.run(step, "dedup")
    killed = make_run(parts, sources={"a": "prose"}, dedup={"containment": 0.9, "url": True}, name="killed")
    for more in (1, 2, 1, 4, 1, 3, 2, 1, 1):  # of 17 tasks
        with pytest.raises(Killed):
            run_with(killed, Stopping(more))
    rest = Stopping(100)
    run_with(killed, rest)
    assert rest.left == 100 - 1  # what was done stays done
    assert files(killed, SIGNATURES, BANDS, PAIRS, APART) == files(whole, SIGNATURES, BANDS, PAIRS, APART)


def run_with(run: Any, pool: Any) -> None:
    step.run(Context(run.folder, run.config, "dedup", step.VERSION, pool, Book(run.folder, ("dedup",))))


def overlay(old: Path, new: Path) -> None:
    """Put what a run of dedup left in `old` into `new`, as if `new` had grown from it."""
    for name in ("signatures", "bands", "pairs", "apart"):
        shutil.copytree(old / "data" / name, new / "data" / name, dirs_exist_ok=True)
        shutil.copy(old / "tables" / f"{name}.json", new / "tables")
    shutil.copytree(old / "records", new / "records", dirs_exist_ok=True)


@pytest.fixture
def grown(make_run: MakeRun, part: Any) -> Iterator[tuple[Any, Any, Any]]:
    """(run of two parts, run of those and a third made at once, the first run with the third part added)."""
    texts = corpus(5, 360)
    parts = {0: part("a", texts[:120]), 1: part("a", texts[120:240])}
    more = parts | {2: part("b", texts[240:])}
    small = make_run(parts, sources={"a": "prose"}, name="small")
    small.run(step, "dedup")
    whole, larger = (make_run(more, sources={"a": "prose", "b": "prose"}, name=name) for name in ("whole", "grown"))
    whole.run(step, "dedup")
    overlay(small.folder, larger.folder)
    larger.run(step, "dedup")
    yield small, whole, larger


def test_a_run_that_grew_equals_one_made_whole_and_reads_less(grown: tuple[Any, Any, Any]) -> None:
    small, whole, larger = grown
    assert files(larger, SIGNATURES, BANDS, PAIRS, APART) == files(whole, SIGNATURES, BANDS, PAIRS, APART)
    actions = {
        row["item"]: row["action"]
        for row in larger.books["dedup"].rows
        if row["unit"] == "" and row["part"] is not None
    }
    assert actions == {"p00000000": "reused", "p00000001": "reused", "p00000002": "done"}
    assert texts_read(larger) < texts_read(whole) - 0.5 * texts_read(small)


def test_another_threshold_reads_only_pairs_newly_in_question(make_run: MakeRun, part: Any) -> None:
    texts = corpus(6, 200)
    runs = [make_run({0: part("a", texts)}, sources={"a": "prose"}, name=name) for name in ("one", "two")]
    runs[0].run(step, "dedup")
    runs[0].config = runs[0].config.model_copy(
        update={"dedup": runs[0].config.dedup.model_copy(update={"jaccard": 0.9})}
    )
    runs[0].run(step, "dedup")
    assert texts_read(runs[0]) == 0
    runs[1].config = runs[0].config
    runs[1].run(step, "dedup")
    expected = {pair for pair, (relation, _) in found_pairs(runs[1]).items() if relation == "near"}
    assert {pair for pair, (relation, _) in found_pairs(runs[0]).items() if relation == "near"} == expected


def test_pairs_of_changed_signatures_are_not_recalled(make_run: MakeRun, part: Any) -> None:
    """The same keys with other text: what was verified before is forgotten."""
    rng = random.Random(1)
    words = sentence(rng, 100)
    first = make_run({0: part("a", [" ".join(words), " ".join(words[:-1])])}, sources={"a": "prose"}, name="first")
    first.run(step, "dedup")
    second = make_run(
        {0: part("a", [" ".join(words), " ".join([*words[:-6], "x"])])}, sources={"a": "prose"}, name="second"
    )
    overlay(first.folder, second.folder)
    shutil.rmtree(second.folder / "records")
    second.run(step, "dedup")
    assert found_pairs(first) == {("0:1", "0:0"): ("near", 95 / 96)}
    assert found_pairs(second) == {("0:1", "0:0"): ("near", 90 / 97)}
    assert texts_read(second) > 0


def test_pairs_are_recalled_in_another_survivor_order(make_run: MakeRun, part: Any) -> None:
    words = sentence(random.Random(2), 100)
    parts = {0: part("a", [" ".join(words)]), 1: part("b", [" ".join(words[1:])])}
    sources = {"a": "prose", "b": "prose"}
    first = make_run(parts, sources=sources, name="first")
    first.run(step, "dedup")
    turned = make_run(parts, sources=sources, survivor=["b", "a"], name="turned")
    overlay(first.folder, turned.folder)
    turned.run(step, "dedup")
    assert found_pairs(first) == {("1:0", "0:0"): ("near", 95 / 96)}
    assert found_pairs(turned) == {("0:0", "1:0"): ("near", 95 / 96)}
    assert texts_read(turned) == 0


def dropped(count: int, pairs: set[tuple[int, int]]) -> set[int]:
    """What one pass drops: documents with an earlier kept partner."""
    gone: set[int] = set()
    for later in range(count):
        if any((later, earlier) in pairs for earlier in range(later) if earlier not in gone):
            gone.add(later)
    return gone


def test_a_large_bucket_costs_a_constant_per_document(make_run: MakeRun, part: Any) -> None:
    rng = random.Random(7)
    words = sentence(rng, 200)
    texts = sorted({" ".join(edited(rng, words, 0.005)) for _ in range(250)}, key=lambda t: -len(t))
    run = make_run({0: part("a", texts)}, sources={"a": "prose"})
    run.run(step, "dedup")
    found = found_pairs(run)
    assert len(found) < len(texts) * candidates.FIRSTS * 8
    keys = {format_key(i): i for i in range(len(texts))}
    near = {(keys[d], keys[e]) for (d, e), (relation, _) in found.items() if relation == "near"}
    true = {(j, i) for i, j in combinations(range(len(texts)), 2) if jaccard(texts[i], texts[j]) >= 0.8}
    assert near <= true | {(i, j) for j, i in true}
    in_order = {(max(p), min(p)) for p in near}
    assert len(dropped(len(texts), in_order)) >= 0.97 * len(dropped(len(texts), true))


def test_no_documents(make_run: MakeRun, part: Any) -> None:
    run = make_run({0: part("a", [])}, sources={"a": "prose"})
    run.run(step, "dedup")
    assert found_pairs(run) == {}
    assert known.compared_by(run.folder).keys() == {0}


@pytest.mark.parametrize("missing", [SIGNATURES, DOCUMENTS])
def test_documents_without_signatures_are_an_error(make_run: MakeRun, part: Any, missing: Any) -> None:
    run = make_run({0: part("a", ["one", "two"]), 1: part("a", ["three"])}, sources={"a": "prose"})
    run.run(step, "dedup")
    manifest = load_manifest(run.folder, missing.name)
    publish(run.folder, dataclasses.replace(manifest, files=manifest.files[:1]))
    inputs = {t.name: load_manifest(run.folder, t.name).paths(run.folder) for t in (DOCUMENTS, PARTS, SOURCES)}
    task = Task("x", None, {"": {}}, inputs, {}, None, run.folder, 1 << 26, 1)
    with pytest.raises(StepError, match="signatures"):
        places.order_documents(task, Output(run.folder, "x", None))
