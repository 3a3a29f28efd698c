"""`verify.py` of every export, run where the trainer's loader lies: what it draws is the plan, document by document."""

from __future__ import annotations

import json
import subprocess
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from midmix.mixer.export.step import export_plan
from midmix.mixer.export.trainers import TRAINERS

# Reads stages through their load.py and keeps domains and ids: the check of the counts that verify.py makes.
READ = """
import importlib.util, json, pathlib, sys, tempfile
import numpy as np
out = pathlib.Path(sys.argv[1])
for folder in sys.argv[2:]:
    name = pathlib.Path(folder).name
    spec = importlib.util.spec_from_file_location("stage_" + name, folder + "/load.py")
    stage = importlib.util.module_from_spec(spec)
    sys.modules["stage_" + name] = stage
    spec.loader.exec_module(stage)
    with tempfile.TemporaryDirectory() as work:
        rows = list(stage.sequences(work))
    np.save(out / (name + ".npy"), np.array([ids for _, ids in rows]))
    (out / (name + ".json")).write_text(json.dumps([domain for domain, _ in rows]))
"""


def run_python(python: str, *words: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([python, *words], capture_output=True, text=True, check=False, cwd=folder, timeout=300)


def read_stages(python: str, folders: list[Path], out: Path) -> dict[str, tuple[list[str], Any]]:
    """Domain and ids of every sequence of each stage, by the stage's name."""
    done = run_python(python, "-c", READ, str(out), *map(str, folders), folder=out)
    assert done.returncode == 0, done.stderr[-3000:]
    names = [folder.name for folder in folders]
    return {name: (json.loads((out / f"{name}.json").read_text()), np.load(out / f"{name}.npy")) for name in names}


@pytest.mark.parametrize("trainer", TRAINERS)
def test_every_stage_holds_exactly_its_tokens_and_no_document_of_another(
    trainer: str,
    two_stages: Any,
    python_of: Callable[[str], str],
    domain_of_token: Callable[[int], str],
    tmp_path: Path,
) -> None:
    python = python_of(trainer)
    for module, package in filter(None, [TRAINERS[trainer].needs]):
        pytest.importorskip(module, reason=f"pip install {package}")
    (folder,) = export_plan(two_stages.folder, [trainer], tmp_path / "out", absolute=False)
    done = run_python(python, "verify.py", "--read", "all", folder=folder)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-3000:]
    realized = json.loads((folder / "realized.json").read_text())
    assert realized["exact"] and realized["plan_hash"] == f"sha256:{two_stages.plan.hash}"
    read = read_stages(python, [folder / stage.id for stage in two_stages.plan.stages], tmp_path)
    seen: set[int] = set()
    for number, stage in enumerate(two_stages.plan.stages):
        found = realized["stages"][number]
        assert found["realized"] == found["read"] == two_stages.planned(number)
        assert found["tokens"] == {share.domain: share.tokens for share in stage.mixture}
        domains, ids = read[stage.id]
        assert ids.shape == (stage.sequences, stage.sequence_length)
        assert Counter(domains) == two_stages.planned(number)
        for domain, row in zip(domains, ids, strict=True):
            assert {domain_of_token(int(token)) for token in row if token} == {domain}
        documents = set(ids[ids > 0].tolist())
        assert not seen & documents
        seen |= documents


@pytest.mark.parametrize("trainer", ["megatron", "olmo-core", "hf"])
def test_hundreds_of_shards_of_a_sequence_are_one_file(
    trainer: str, make_run: Callable[..., Any], python_of: Callable[[str], str], tmp_path: Path
) -> None:
    """Read with 200 descriptors; of shards of one to three sequences on their own, a part of each would be lost."""
    python = python_of(trainer)
    run = make_run(tmp_path, sizes={"math": (20,) * 600}).carry_out(until="plan")
    (folder,) = export_plan(run.folder, [trainer], tmp_path / "out", absolute=False)
    math = {path.name for path in (folder / "tokens").iterdir() if "math" in path.name and "heldout" not in path.name}
    assert len({name.split(".")[0] for name in math}) == 1
    (joined,) = (
        words for words in json.loads((folder / "EXPORT.json").read_text())["joined_shards"] if "math" in words
    )
    assert "600 shards of fewer than 100 sequences are one file, 00000, end to end: 0-599 of the plan" in joined
    limited = "import os, resource, sys; resource.setrlimit(resource.RLIMIT_NOFILE, (200, 200)); os.execv(sys.argv[1], sys.argv[1:])"
    done = run_python(python, "-c", limited, python, "verify.py", "--read", "all", folder=folder)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-3000:]
    realized = json.loads((folder / "realized.json").read_text())
    assert realized["exact"] and realized["stages"][0]["read"] == run.planned()


def test_plan_repeats_one_domain_and_holds_it_at_its_cap(two_stages: Any) -> None:
    """What the test above rests on."""
    shares = [{share.domain: share for share in stage.mixture} for stage in two_stages.plan.stages]
    assert any(stage["math"].at_cap for stage in shares)
    assert sum(stage["math"].tokens for stage in shares) > 2 * two_stages.plan.domain("math").tokens
    assert all(stage["web"].epochs <= 1 for stage in shares)


def test_verify_says_what_is_not_as_planned(two_stages: Any, python_of: Callable[[str], str], tmp_path: Path) -> None:
    python = python_of("hf")
    (folder,) = export_plan(two_stages.folder, ["hf"], tmp_path / "out", absolute=False)
    mixture = json.loads((folder / "long" / "mixture.json").read_text())
    mixture["splits"]["train"][0]["sequences"] += 1
    text = json.dumps(mixture)
    (folder / "long" / "mixture.json").write_text(text)
    done = run_python(python, "verify.py", folder=folder)
    assert done.returncode == 1 and "mixture.json" in done.stderr and "bytes, expected" in done.stderr
    record = json.loads((folder / "EXPORT.json").read_text())
    record["files"]["long/mixture.json"]["bytes"] = len(text)
    (folder / "EXPORT.json").write_text(json.dumps(record))
    done = run_python(python, "verify.py", folder=folder)
    assert done.returncode == 1 and "NOT AS PLANNED" in done.stdout
    assert not json.loads((folder / "realized.json").read_text())["exact"]
