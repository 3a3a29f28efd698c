"""A stage packed best-fit, as the trainers' own loaders read it: the planned rows whole, and no label that fills one up."""

from __future__ import annotations

import json
import subprocess
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from midmix.errors import InputError
from midmix.mixer.export.step import export_plan
from midmix.mixer.export.trainers import TRAINERS
from midmix.table_manifest import load_manifest

LENGTH = 64
PACKED = sorted(set(TRAINERS) - {"nanotron"})
Finder = Callable[[str], str]

# What of every row a trainer computes a loss for, by its own loader: ids and, as `more`, the mask, [rows, LENGTH] each.
# The place of a mask is that of the label, but for Megatron and Levanter: there it is that of the token before.
MASKS = {
    "megatron": """
rows = stage.build(work)
rows = [rows[n] for n in range(len(rows))]
ids, more = [r["tokens"].numpy() for r in rows], [r["loss_mask"].numpy() > 0 for r in rows]
""",
    "olmo-core": """
rows = stage.prepared(work)
rows = [rows[n] for n in range(len(rows))]
ids, more = [r["input_ids"].numpy() for r in rows], [r["label_mask"].numpy() for r in rows]
""",
    "hf": """
rows = list(stage.load("."))
ids = [r["input_ids"] for r in rows]
assert all(l in (i, -100) for r in rows for l, i in zip(r["labels"], r["input_ids"], strict=True))
more = [[label != -100 for label in r["labels"]] for r in rows]
""",
    "parquet": """
rows = list(stage.load("."))
ids, more = [r["input_ids"] for r in rows], [[label != -100 for label in r["labels"]] for r in rows]
""",
    "levanter": """
rows = list(stage.load("."))
ids, more = [r["input_ids"] for r in rows], [[weight > 0 for weight in r["loss_weights"]] for r in rows]
""",
    "torchtitan": """
rows = stage.StageSource().build()
rows = [rows[n] for n in range(len(rows))]
ids, more = [r["token_ids"][:-1] for r in rows], [r["loss_mask"][:-1] for r in rows]
assert not any(r["loss_mask"][-1] for r in rows)
""",
}
LOAD = """
import importlib.util, sys, tempfile
import numpy as np
spec = importlib.util.spec_from_file_location("stage", "load.py")
stage = importlib.util.module_from_spec(spec)
sys.modules["stage"] = stage
spec.loader.exec_module(stage)
with tempfile.TemporaryDirectory() as work:
{body}
np.savez(sys.argv[1], ids=np.array(ids), more=np.array(more))
"""
SEQUENCES = "rows = list(stage.sequences(work))\nids, more = [ids for _, ids in rows], [domain for domain, _ in rows]"


def in_python(python: str, *words: str, folder: Path) -> None:
    done = subprocess.run([python, *words], capture_output=True, text=True, check=False, cwd=folder, timeout=300)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-3000:]


def in_stage(python: str, body: str, folder: Path, out: Path) -> tuple[Any, Any]:
    """`ids` and `more` of the stage's load.py, after `body` in the trainer's environment."""
    indented = "".join(f"    {line}\n" for line in body.strip().splitlines())
    in_python(python, "-c", LOAD.format(body=indented), str(out / "out.npz"), folder=folder)
    found = np.load(out / "out.npz")
    return found["ids"], found["more"]


def rows_of(run: Any) -> dict[str, Counter[bytes]]:
    """Rows of the packed shards that the anneal draws from, by domain."""
    attached = load_manifest(run.folder, "plan").attachments
    found: dict[str, Counter[bytes]] = {}
    for share in run.plan.stages[0].mixture:
        rows = found.setdefault(share.domain, Counter())
        for _, shard in run.plan.drawn(share):
            ids = np.fromfile(run.folder / attached[shard.bin.name], "<u2").reshape(-1, LENGTH)
            rows.update(row.tobytes() for row in ids)
    return found


def filling(row: Any) -> Any:
    """Which ids of a row fill it up: those after the end-of-text id of its last document."""
    filled = np.zeros(len(row), bool)
    filled[np.flatnonzero(row)[-1] + 2 :] = True
    return filled


def document_lengths(run: Any) -> dict[int, int]:
    """Tokens of every train document by the id that it is made of."""
    attached = load_manifest(run.folder, "tokens").attachments
    counts: Counter[int] = Counter()
    for name, path in attached.items():
        if "train" in name and name.endswith(".bin"):
            counts.update(np.fromfile(run.folder / path, "<u2").tolist())
    return {token: count + 1 for token, count in counts.items() if token}


@pytest.mark.parametrize("trainer", PACKED)
def test_loaders_read_exactly_the_planned_rows(
    trainer: str, packed_stages: Any, python_of: Finder, tmp_path: Path
) -> None:
    python = python_of(trainer)
    for module, package in filter(None, [TRAINERS[trainer].needs]):
        pytest.importorskip(module, reason=f"pip install {package}")
    (folder,) = export_plan(packed_stages.folder, [trainer], tmp_path / "out", absolute=False)
    in_python(python, "verify.py", "--read", "all", folder=folder)
    ids, domains = in_stage(python, SEQUENCES, folder / "anneal", tmp_path)
    assert ids.shape == (packed_stages.plan.stages[0].sequences, LENGTH)
    assert Counter(domains.tolist()) == packed_stages.planned()
    lengths, read = document_lengths(packed_stages), {name: Counter[bytes]() for name in set(domains.tolist())}
    for domain, row in zip(domains.tolist(), ids.astype("<u2"), strict=True):
        read[domain][row.tobytes()] += 1
        for token, count in Counter(row[row > 0].tolist()).items():
            # A document that fits a row stands in it whole; of a longer one, a whole row or what remains.
            assert count == lengths[token] - 1 or lengths[token] > LENGTH, token
    planned = rows_of(packed_stages)
    for share in packed_stages.plan.stages[0].mixture:
        passes = -(-share.sequences // share.available_sequences) if trainer != "megatron" else 9
        for row, count in read[share.domain].items():
            assert count <= passes * planned[share.domain][row]


@pytest.mark.parametrize("trainer", MASKS)
def test_what_fills_rows_up_is_no_label(trainer: str, packed_stages: Any, python_of: Finder, tmp_path: Path) -> None:
    python = python_of(trainer)
    (folder,) = export_plan(packed_stages.folder, [trainer], tmp_path / "out", absolute=False)
    ids, masks = in_stage(python, MASKS[trainer], folder / "anneal", tmp_path)
    filled = np.array([filling(row) for row in ids])
    assert 0.005 < filled.mean() < 0.2
    if trainer == "megatron":
        # Left out are all labels after an end-of-text, those that fill up among them.
        expected = ids != 0
        assert not (expected[:, :-1] & filled[:, 1:]).any()
    elif trainer == "levanter":
        expected = np.append(~filled[:, 1:], np.zeros((len(filled), 1), bool), axis=1)
    else:
        expected = ~filled
    assert np.array_equal(masks, expected)


def test_records_say_how_much_is_filled_up_and_who_trains_on_it(packed_stages: Any, tmp_path: Path) -> None:
    stage = packed_stages.plan.stages[0]
    padding = sum(share.padding for share in stage.mixture)
    words = f"about {padding} of {stage.token_budget} tokens"
    for path in export_plan(packed_stages.folder, ["litdata", "megatron", "hf"], tmp_path / "out", absolute=False):
        (note,) = [n for n in json.loads((path / "EXPORT.json").read_text())["notes"] if words in n]
        assert ("they are trained on" in note) == (path.name == "litdata")


def test_rows_that_a_trainer_cannot_keep_whole_are_refused(packed_stages: Any, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="rows of stage anneal, packed best-fit, would not stay whole"):
        export_plan(packed_stages.folder, ["nanotron"], tmp_path / "out", absolute=False)
    assert not (tmp_path / "out").exists()
