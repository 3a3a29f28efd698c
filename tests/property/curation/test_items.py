"""Any row is an item or an error that names its place; nothing else comes out of reading items."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from midmix.curation.decontaminate.catalogue.fields import item_of
from midmix.curation.decontaminate.catalogue.recipe import recipes
from midmix.curation.decontaminate.items import read_items
from midmix.errors import InputError

NAMES = ["question", "answer", "solution", "text", "choices", "passage", "split", "id", "options", "other"]
TEXTS = st.text(st.characters(codec=None), max_size=4)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*NAMES, "label"]), inner, max_size=2),
    max_leaves=5,
)
ROWS = st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=5) | VALUES


@given(st.lists(ROWS, max_size=4))
def test_a_row_is_an_item_or_an_error_with_its_line(rows: list[Any]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        found = []
        try:
            for place, item in read_items(str(path)):
                found.append(place)
                assert item.question is not None or item.answer is not None
                pa.array(
                    [item.question, item.answer, item.passage, item.id, item.split, *(item.choices or [])], pa.string()
                )
        except InputError as error:
            assert f"a.jsonl, line {len(found) + 1}: " in str(error)
        else:
            assert found == [f"{path}, line {number}" for number in range(1, len(rows) + 1)]


@given(st.data())
def test_a_row_of_a_dataset_fits_its_recipe_or_is_an_error_with_its_place(data: st.DataObject) -> None:
    recipe = data.draw(st.sampled_from(list(recipes().values())))
    fields = recipe.fields.model_dump_json()
    names = [
        name for name in json.dumps(json.loads(fields)).split('"') if name.isidentifier() or " " in name or "." in name
    ]
    tops = sorted({name.split(".")[0] for name in names})
    inner = st.dictionaries(st.sampled_from(["text", "label", "value", "spans"]), VALUES, max_size=3)
    row = {name: data.draw(VALUES | inner | st.sampled_from(["A", "1", "['x']"])) for name in tops}
    try:
        item = item_of(row, recipe.fields, "here")
    except InputError as error:
        assert str(error).startswith("here")
    else:
        assert set(item) == {"question", "answer", "passage", "choices", "id"}
        assert all(value is None or isinstance(value, str | list) for value in item.values())
