"""The layer of embeddings on hand-made runs: what it adds, what is done again, growth, and what it cannot load."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from midmix.config import Benchmark, Leaks
from midmix.curation.decontaminate import embedding_search, step
from midmix.curation.decontaminate.embedding_search import MOST_NEAREST, nearest_items
from midmix.curation.semantic.embed import directions
from midmix.errors import ConfigError, DriftError, InputError
from midmix.table_manifest import load_manifest
from midmix.tables import CONTAMINATION, ITEM_COVERAGE, ITEM_EMBEDDINGS, format_key

MakeModel = Callable[..., Path]
ITEM = (
    "Wendelin sells 48 painted clogs on Monday, and half of the remaining 90 clogs on Tuesday. Each clog brings him 7 "
    "florins. How many florins has Wendelin after both days?"
)
REWORDED = (
    "Painted clogs are what Wendelin sells: on Monday 48, then on Tuesday half of 90, all that were remaining. How many "
    "florins are in his purse after these days, if 7 of them come with each of the clogs?"
)
OTHER = (
    "A gardener plants 12 rows of leeks with 35 leeks in a row, and hares eat 20 of them before the harvest in autumn. "
    "What number of leeks does the gardener harvest?"
)
OTHER_REWORDED = (
    "Hares ate 20 leeks before autumn came and with it the harvest: the gardener had 35 in every row that he planted, "
    "and 12 such rows. Of leeks, what number was left for him?"
)
FILLER = "The road to the coast was closed for most of that winter, so letters came by boat. "
TEXTS = (ITEM, REWORDED, OTHER, OTHER_REWORDED, FILLER)


def write_items(path: Path, *questions: str) -> str:
    path.write_text("".join(json.dumps({"question": question, "answer": "5"}) + "\n" for question in questions))
    return str(path)


def rows(run: Any, layer: str | None = None) -> list[tuple[str, str, str, str]]:
    """(document, set, layer, rule)."""
    found = [(format_key(r["doc"]), r["set"], r["layer"], r["rule"]) for r in run.rows(CONTAMINATION)]
    return sorted(row for row in found if layer in (None, row[2]))


def turn_on(run: Any, model: Path, **more: Any) -> None:
    leaks = Leaks.model_validate({"embeddings": {"model": str(model), **more}})
    run.config = run.config.model_copy(update={"leaks": leaks})


def done(run: Any) -> set[tuple[str, str]]:
    """(item, unit) of what was done in the last run of the step."""
    return {(r["item"], r["unit"]) for r in run.books["decontaminate"].rows if r["action"] == "done"}


@pytest.fixture
def run(make_run: Any, part: Any, tmp_path: Path) -> Any:
    parts = {
        0: part("web", [FILLER * 3 + REWORDED + " " + FILLER * 3, FILLER * 9, ITEM]),
        1: part("books", [OTHER_REWORDED, "", REWORDED.replace("48", "50")]),
    }
    benchmarks = {"clogs": write_items(tmp_path / "c.jsonl", ITEM)}
    return make_run(parts, sources={"web": "prose", "books": "prose"}, benchmarks=benchmarks)


def test_items_in_other_words(run: Any, sentence_model: MakeModel) -> None:
    run.run(step, "decontaminate")
    assert rows(run) == [("0:2", "clogs", "alignment", "full")]
    turn_on(run, sentence_model(TEXTS))
    run.run(step, "decontaminate")
    assert rows(run) == [
        ("0:0", "clogs", "embedding", "paraphrased"),
        ("0:2", "clogs", "alignment", "full"),
        ("0:2", "clogs", "embedding", "full"),
    ]
    [found] = [r for r in run.rows(CONTAMINATION) if r["rule"] == "paraphrased"]
    text = FILLER * 3 + REWORDED
    assert found["label"] == "leak"
    assert found["start_byte"] == len(FILLER * 3)
    assert len(text) <= found["end_byte"] <= len(text) + len(" The road to the")


def test_what_can_be_found(run: Any, sentence_model: MakeModel) -> None:
    turn_on(run, sentence_model(TEXTS))
    run.run(step, "decontaminate")
    assert [(r["field"], r["layer"], r["reason"]) for r in run.rows(ITEM_COVERAGE)] == [
        ("answer", "alignment", "too short"), ("answer", "embedding", "too short"),
        ("question", "alignment", None), ("question", "embedding", None),
    ]  # fmt: skip


def test_turned_on_it_is_searched_for_alone(run: Any, sentence_model: MakeModel) -> None:
    run.run(step, "decontaminate")
    turn_on(run, sentence_model(TEXTS))
    run.run(step, "decontaminate")
    assert done(run) == {
        ("all-write_coverage", ""), ("embedding-clogs", ""),
        ("p00000000", "clogs+embedding"), ("p00000001", "clogs+embedding"),
    }  # fmt: skip
    run.run(step, "decontaminate")
    assert done(run) == set()


def files(run: Any, *tables: Any) -> list[tuple[str, str]]:
    """(unit, hash) of each file of tables."""
    return sorted((f.unit, f.sha256) for t in tables for f in load_manifest(run.folder, t.name).files)


def test_a_benchmark_that_comes_later(run: Any, make_run: Any, tmp_path: Path, sentence_model: MakeModel) -> None:
    """It is embedded and looked for alone, and all is as if it had been there."""
    turn_on(run, sentence_model(TEXTS))
    run.run(step, "decontaminate")
    both = {
        "clogs": run.config.benchmarks["clogs"],
        "leeks": Benchmark(path=write_items(tmp_path / "l.jsonl", OTHER)),
    }
    run.config = run.config.model_copy(update={"benchmarks": both})
    run.run(step, "decontaminate")
    assert done(run) == {
        ("all-write_items", ""), ("all-write_coverage", ""), ("embedding-leeks", ""),
        *((f"p0000000{part}", f"leeks{layer}") for part in (0, 1) for layer in ("", "+embedding")),
    }  # fmt: skip
    assert rows(run, "embedding") == [
        ("0:0", "clogs", "embedding", "paraphrased"), ("0:2", "clogs", "embedding", "full"),
        ("1:0", "leeks", "embedding", "paraphrased"),
    ]  # fmt: skip
    grown = files(run, CONTAMINATION, ITEM_EMBEDDINGS)
    for record in (run.folder / "records").rglob("*.json"):
        record.unlink()
    run.run(step, "decontaminate")
    assert len(done(run)) > 9
    assert files(run, CONTAMINATION, ITEM_EMBEDDINGS) == grown


def test_a_lost_record_is_made_again_the_same(run: Any, sentence_model: MakeModel) -> None:
    turn_on(run, sentence_model(TEXTS))
    run.run(step, "decontaminate")
    whole = files(run, CONTAMINATION)
    [record] = (run.folder / "records").rglob("clogs+embedding/p00000000.json")
    record.unlink()
    run.run(step, "decontaminate")
    assert done(run) == {("p00000000", "clogs+embedding")}
    assert files(run, CONTAMINATION) == whole


def test_another_model_or_cosine_is_refused_without_a_rerun(run: Any, sentence_model: MakeModel) -> None:
    model = sentence_model(TEXTS)
    turn_on(run, model)
    run.run(step, "decontaminate")
    turn_on(run, model.rename(model.with_name("moved")))
    run.run(step, "decontaminate")
    assert done(run) == set()
    turn_on(run, model.with_name("moved"), cosine=0.9)
    with pytest.raises(DriftError, match=r"clogs\+embedding.*cosine was 0.5, is 0.9"):
        run.run(step, "decontaminate")
    turn_on(run, sentence_model((*TEXTS, "more words")))
    with pytest.raises(DriftError, match="model was"):
        run.run(step, "decontaminate")


def test_a_model_that_is_none(run: Any, tmp_path: Path, sentence_model: MakeModel) -> None:
    turn_on(run, tmp_path / "gone")
    with pytest.raises(InputError, match=r"leaks\.embeddings\.model .*gone: no such folder"):
        run.run(step, "decontaminate")
    (tmp_path / "empty").mkdir()
    turn_on(run, tmp_path / "empty")
    with pytest.raises(ConfigError, match=r"leaks\.embeddings\.model .*empty: transformers cannot load it"):
        run.run(step, "decontaminate")
    turn_on(run, sentence_model(TEXTS), max_tokens=1000)
    with pytest.raises(ConfigError, match="reads at most 512 tokens, 'max_tokens' is 1000; lower it"):
        run.run(step, "decontaminate")


def test_a_model_that_writes_is_none(run: Any, sentence_model: MakeModel) -> None:
    from transformers import T5Config, T5Model

    folder = sentence_model(TEXTS)
    shape = {"d_model": 8, "d_kv": 4, "d_ff": 8, "num_layers": 1, "num_heads": 2}
    T5Model(T5Config(vocab_size=99, **shape)).save_pretrained(folder)
    turn_on(run, folder)
    with pytest.raises(ConfigError, match="T5Model is no sentence-embedding model"):
        run.run(step, "decontaminate")


def slow_nearest(windows: Any, items: Any, cosine: float) -> list[tuple[int, int]]:
    found = []
    for row, window in enumerate(windows):
        close = [(-float(window @ item), k) for k, item in enumerate(items) if float(window @ item) >= cosine]
        found += [(row, k) for _, k in sorted(close)[:MOST_NEAREST]]
    return found


@pytest.mark.parametrize("cosines", [7, 1 << 20])
def test_nearest_items_are_those_of_a_slow_comparison(cosines: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedding_search, "_COSINES", cosines)
    rng = np.random.default_rng(3)
    _, windows = directions(rng.normal(size=(40, 3)).astype(np.float32))
    _, items = directions(rng.normal(size=(50, 3)).astype(np.float32))
    found = [column.tolist() for column in nearest_items(windows, items, 0.6)]
    slow = slow_nearest(windows, items, 0.6)
    assert list(zip(*found, strict=True)) == slow
    assert max(np.bincount([row for row, _ in slow])) == MOST_NEAREST
    assert [len(column) for column in nearest_items(windows, items[:0], 0.6)] == [0, 0]


def search(texts: Sequence[str], run: Any) -> list[dict[str, Any]]:
    import pyarrow as pa

    from midmix.curation.decontaminate.due import Files, load_index, search_units, what_is_due
    from midmix.curation.decontaminate.find import find_leaks_in
    from midmix.curation.semantic.embed import model_hash
    from midmix.tables import EVALUATION_ITEMS, TEXT

    made = {name: load_manifest(run.folder, name).paths(run.folder) for name in ("evaluation_items", "item_embeddings")}
    folder = Path(run.config.leaks.embeddings.model)
    about = {"model": model_hash(folder, "model"), "max_tokens": 256, "cosine": 0.5}
    units = search_units({"clogs": {}}, {}, (), about)
    index = load_index(
        Files(made[EVALUATION_ITEMS.name], made[ITEM_EMBEDDINGS.name], folder),
        what_is_due([units["clogs+embedding"]]),
    )
    assert index.alignment is None
    return find_leaks_in(pa.array(texts, TEXT), index).to_pylist()


def test_runs_of_windows_and_batches_of_texts(
    run: Any, sentence_model: MakeModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is found of a text is the same in whatever company it is read."""
    turn_on(run, sentence_model(TEXTS))
    run.run(step, "decontaminate")
    texts = [FILLER * n + REWORDED + FILLER * n for n in range(8)] + ["", FILLER] + [ITEM + FILLER * 4 + REWORDED]
    found = search(texts, run)
    assert [(r["document"], r["rule"]) for r in found] == [(n, "paraphrased") for n in range(8)] + [
        (10, "full"), (10, "paraphrased"),
    ]  # fmt: skip
    monkeypatch.setattr(embedding_search, "_TEXT_BYTES", 100)
    monkeypatch.setattr(embedding_search, "_WINDOWS", 2)
    assert search(texts, run) == found
    alone = [row | {"document": n} for n, text in enumerate(texts) for row in search([text], run)]
    assert alone == found
