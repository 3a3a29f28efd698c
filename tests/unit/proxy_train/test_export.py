"""The commands about trained proxies, as a user gives them."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from transformers import AutoModelForCausalLM, AutoTokenizer

import midmix
from midmix.cli import main
from midmix.config import Config
from midmix.flow import FLOW
from midmix.proxy_train.export import export_proxy
from midmix.proxy_train.shards import shards_by_domain
from midmix.proxy_train.texts import document_text
from midmix.proxy_train.tokens import read_heldout
from midmix.runner import run_steps
from midmix.table_manifest import load_manifest
from midmix.tables import TOKENS


def _said(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    captured = capsys.readouterr()
    code = ended.value.code
    return (code if isinstance(code, int) else 0), captured.out, captured.err


def test_proxies_are_listed_and_exported(
    make_run: Callable[[str], Path],
    make_config: Callable[..., Config],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder = make_run("run")
    run_steps(
        make_config(base={"tokens": 640}),
        folder,
        [step for step in FLOW if step.name == "train"],
        workers=1,
        quiet=True,
    )
    code, out, _ = _said(["proxies", "list", str(folder)], capsys)
    base, *runs = out.splitlines()
    assert (
        code == 0 and base.startswith("base         L1-d16-ff48-v257  from seed  640 tokens  ") and "(0.1 MB)" in base
    )
    assert [line.split("  ")[0] for line in runs] == ["run 0      ".rstrip(), "run 1", "run 2"]
    assert all("from stand-in base (carried moments)  1,280 tokens" in line for line in runs)
    for name in ("base", "1"):
        code, out, err = _said(
            ["proxies", "export", str(folder), "--run", name, "--dest", str(tmp_path / name)], capsys
        )
        assert (code, out.startswith(f"{tmp_path / name}: LlamaForCausalLM, ")) == (0, True), err
        model = AutoModelForCausalLM.from_pretrained(tmp_path / name)
        ids = AutoTokenizer.from_pretrained(tmp_path / name)("a + 1", return_tensors="pt")["input_ids"]
        assert model(ids).logits.shape == (1, 5, 257) and model.dtype == torch.float32
    assert not torch.equal(*(AutoModelForCausalLM.from_pretrained(tmp_path / n).lm_head.weight for n in ("base", "1")))
    code, _, err = _said(["proxies", "export", str(folder), "--run", "x", "--dest", str(tmp_path / "x")], capsys)
    assert code != 0 and "expected a number of a run, or base" in err


def test_transformers_measures_the_loss_that_losses_hold(
    make_run: Callable[[str], Path], make_config: Callable[..., Config], tmp_path: Path
) -> None:
    folder = make_run("run")
    run_steps(make_config(), folder, [step for step in FLOW if step.name == "train"], workers=1, quiet=True)
    run = midmix.open(folder)
    model = AutoModelForCausalLM.from_pretrained(export_proxy(run, 2, tmp_path / "two").folder)
    manifest = load_manifest(folder, TOKENS.name)
    shards = shards_by_domain(manifest, folder, "main", "heldout", 2)
    found = read_heldout(manifest.paths(folder), shards, "main", 200)["code"]
    text = document_text("domain:code", found.documents, found.num_bytes, start=256, length=32, budget=200)
    nats = 0.0
    for window in text.windows:
        ids = torch.from_numpy(window.ids)[None]
        with torch.no_grad():
            nats += float(F.cross_entropy(model(ids[:, :-1]).logits[0], ids[0, 1:], reduction="sum"))
    query = (
        "SELECT value FROM losses WHERE run = 2 AND step = 20 AND metric = 'domain:code' AND unit = 'nats_per_token'"
    )
    assert run.sql(query).fetchall()[0][0] == pytest.approx(nats / len(text.measured), rel=1e-5)
