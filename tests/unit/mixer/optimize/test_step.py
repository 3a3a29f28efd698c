"""The three steps chained on tables: TOKENS -> DESIGNS -> (made-up losses) -> LAWS, WEIGHTS, EVIDENCE."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from midmix.config import Mixture, Retain, Target
from midmix.errors import ConfigError
from midmix.mixer.design.step import design
from midmix.mixer.fit.step import fit
from midmix.mixer.optimize.step import goal_settings, optimize
from midmix.tables import (
    ALTERNATIVES,
    DESIGNS,
    EVIDENCE,
    FRONTIER,
    LAWS,
    LOSSES,
    PARTS,
    PRICES,
    PROXIES,
    TOKENS,
    WEIGHTS,
    Table,
)
from midmix.task import Output, Task

WRITTEN = (DESIGNS, LAWS, WEIGHTS, ALTERNATIVES, PRICES, FRONTIER, EVIDENCE)
SOURCES = ("crawl", "repos", "proofs", "chats")
# (source, domain): tokens. Documents of crawl and proofs lie in math_high; no document of proofs anywhere else.
HELD = {
    ("crawl", "crawl"): 4_000_000, ("crawl", "math_high"): 200_000, ("proofs", "math_high"): 800_000,
    ("repos", "repos"): 2_000_000, ("chats", "chats"): 500_000,
}  # fmt: skip
DOMAINS = ("chats", "crawl", "math_high", "repos")
MIXTURE = Mixture(
    tokens=4_000_000,
    max_epochs={"default": 4, "math_high": 3},
    baseline={"crawl": 0.7, "repos": 0.2, "proofs": 0.1},
    replay={"crawl": 0.8, "repos": 0.2},
    targets={"problems": Target(set="gold.jsonl", weight=3), "talk": Target(domain="chats", weight=1)},
    retain={"general": Retain(set="general.jsonl", max_rise=0.1)},
)
SETTINGS: dict[str, Any] = {
    "sources": list(SOURCES), "declared": ["math_high"], "earlier": [], "token_files": [], "tokens": MIXTURE.tokens, "max_epochs": MIXTURE.max_epochs,
    "spent_epochs": {}, "minimum": {}, "frozen": [], "baseline": MIXTURE.baseline, "replay": MIXTURE.replay,
    "web": None, "prose": [],
}  # fmt: skip


class Steps:
    """A folder in which work functions run on tables and write tables."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.files: dict[str, tuple[Path, ...]] = {}

    def put(self, table: Table, rows: list[dict[str, Any]]) -> None:
        path = self.folder / f"{table.name}.parquet"
        pq.write_table(pa.Table.from_pylist(rows, table.schema()), path)
        self.files[table.name] = (path,)

    def do(self, work: Callable[[Task, Output], None], settings: object) -> None:
        task = Task("all", None, {"": settings}, dict(self.files), {}, None, self.folder, 2**28, 1)
        output = Output(self.folder, "all", None)
        work(task, output)
        for name, entry in output.files:
            self.files[name] = (self.folder / entry.path,)

    def rows(self, table: Table) -> list[dict[str, Any]]:
        (path,) = self.files[table.name]
        found: list[dict[str, Any]] = pq.read_table(path).to_pylist()
        return found


@pytest.fixture
def steps(tmp_path: Path) -> Steps:
    return with_tokens(tmp_path)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Steps:
    """All three steps done, once for the tests that only look."""
    done = with_tokens(tmp_path_factory.mktemp("finished"))
    run_all(done)
    return done


def with_tokens(folder: Path) -> Steps:
    """PARTS and TOKENS of four sources."""
    made = Steps(folder)
    optional = {c.name: None for c in PARTS.columns if c.nullable}
    numbers = {"first_row_group": 0, "num_row_groups": 1, "first_row": 0, "rows": 1, "text_bytes": 1}
    made.put(
        PARTS,
        [
            {"part": i, "source": s, "path": s, "file_hash": "0", "text_column": "text", **numbers, **optional}
            for i, s in enumerate(SOURCES)
        ],
    )
    made.put(
        TOKENS,
        [
            {
                "tokenizer": "main", "domain": domain, "split": "train", "shard": 0, "offset": 0, "num_tokens": tokens,
                "num_bytes": tokens, "doc": SOURCES.index(source) << 32,
            }
            for (source, domain), tokens in sorted(HELD.items(), key=lambda item: item[0][::-1])
        ],
    )  # fmt: skip
    return made


def train(steps: Steps) -> None:
    """LOSSES of made-up power laws over the designed mixtures, one early step included."""
    gains = {
        "set:problems": {"math_high": 4.0, "crawl": 0.3, "repos": 0.6, "chats": 0.8},
        "set:general": {"math_high": 0.2, "crawl": 2.0, "repos": 0.8, "chats": 0.4},
        "domain:chats": {"math_high": 0.3, "crawl": 0.4, "repos": 0.2, "chats": 6.0},
    }
    rng = np.random.default_rng(0)
    mixtures: dict[int, dict[str, float]] = {}
    for row in steps.rows(DESIGNS):
        mixtures.setdefault(row["run"], {})[row["domain"]] = row["weight"]
    rows = [
        {
            "run": run, "origin": "proxy", "shape": "L2", "parameters": 10, "tokens": step * 100, "seed": 0, "step": step,
            "metric": metric, "unit": "bits_per_byte",
            "value": sum(g * mixture[d] for d, g in gain.items()) ** -0.3 + 10.0 / step + rng.normal(0, 0.003),
        }
        for run, mixture in mixtures.items()
        for metric, gain in gains.items()
        for step in (10, 1000)
    ]  # fmt: skip
    steps.put(LOSSES, rows)
    steps.put(PROXIES, [])


def run_all(steps: Steps) -> None:
    steps.do(design, {"mixture": SETTINGS, "runs": 12, "seeds": 2, "seed": 1})
    train(steps)
    steps.do(fit, {})
    steps.do(optimize, {"mixture": SETTINGS, **goal_settings(MIXTURE), "seed": 1})


def test_sources_named_by_the_user_become_weights_of_domains(steps: Steps) -> None:
    steps.do(design, {"mixture": SETTINGS, "runs": 12, "seeds": 2, "seed": 1})
    rows = steps.rows(DESIGNS)
    of = {role: {r["domain"]: r["weight"] for r in rows if r["role"] == role} for role in ("control", "baseline")}
    assert tuple(of["control"]) == DOMAINS
    np.testing.assert_allclose(list(of["control"].values()), [0, 0.8 * 4 / 4.2, 0.8 * 0.2 / 4.2, 0.2], atol=1e-6)
    np.testing.assert_allclose(list(of["baseline"].values()), [0, 0.7 * 4 / 4.2, 0.7 * 0.2 / 4.2 + 0.1, 0.2], atol=1e-6)
    assert {r["run"] for r in rows} == set(range(14))
    assert [r["run"] for r in rows] == sorted(r["run"] for r in rows)


def test_weights_sum_to_one_keep_to_caps_and_give_epochs(finished: Steps) -> None:
    rows = finished.rows(WEIGHTS)
    names = ["baseline", "natural", "optimum", "replay", "temperature", "uniform", "unimax"]
    assert sorted({r["mixture"] for r in rows}) == names
    supply = {"chats": 500_000, "crawl": 4_000_000, "math_high": 1_000_000, "repos": 2_000_000}
    for name in names:
        mixture = [r for r in rows if r["mixture"] == name]
        assert round(sum(r["weight"] for r in mixture) * 1e6) == 1_000_000
        for r in mixture:
            assert r["epochs"] == pytest.approx(r["weight"] * 4_000_000 / supply[r["domain"]])
            assert (r["low"] is not None) == (name == "optimum")
    optimum = {r["domain"]: r for r in rows if r["mixture"] == "optimum"}
    assert optimum["math_high"]["cap"] == pytest.approx(0.75)
    assert all(r["low"] <= r["weight"] <= r["high"] for r in optimum.values())
    assert all(r["weight"] <= r["cap"] for r in optimum.values())
    assert optimum["math_high"]["weight"] > 0.25  # more than natural: what the heavier target lives on


def test_evidence_speaks_of_targets_retention_and_the_domain_that_is_a_target(finished: Steps) -> None:
    rows = {(r["subject"], r["claim"]): r for r in finished.rows(EVIDENCE)}
    assert rows["overall", "verdict"]["verdict"] == "supported", rows["overall", "verdict"]["words"]
    assert rows["target:talk", "training_domain"]["verdict"] == "weak"
    assert rows["retain:general", "retention_rise"]["value"] < 0.1
    assert ("target:problems", "gain_over_natural") in rows
    assert list(rows) == sorted(rows)


def test_laws_are_written_for_every_metric(finished: Steps) -> None:
    rows = finished.rows(LAWS)
    assert {r["metric"] for r in rows} == {"set:problems", "set:general", "domain:chats"}
    assert sum(r["chosen"] for r in rows) == 3
    assert all(r["noise_sd"] > 0 for r in rows)


def test_what_binds_has_a_price_and_the_frontier_its_mixtures(finished: Steps) -> None:
    prices = {(row["kind"], row["name"]): row for row in finished.rows(PRICES)}
    assert list(prices) == sorted(prices)
    capped = {row["domain"] for row in finished.rows(WEIGHTS) if row["mixture"] == "optimum" and row["at_cap"]}
    assert capped <= {name for kind, name in prices if kind == "cap"}
    assert all(row["price"] >= 0 for row in prices.values())
    points = finished.rows(FRONTIER)
    assert {row["retain"] for row in points} == {"general"} and len(points) >= 4
    assert [row["gain"] for row in points] == sorted(row["gain"] for row in points)
    mixtures: dict[str, dict[str, float]] = {}
    for row in finished.rows(ALTERNATIVES):
        mixtures.setdefault(row["mixture"], {})[row["domain"]] = row["weight"]
    ends = {f"{end}:{domain}" for end in ("least", "most") for domain in DOMAINS}
    assert set(mixtures) == ends | {f"frontier:{row['point']}" for row in points}
    assert all(round(sum(mixture.values()) * 1e6) == 1_000_000 for mixture in mixtures.values())
    for domain in DOMAINS:
        assert mixtures[f"least:{domain}"][domain] <= mixtures[f"most:{domain}"][domain] + 2e-6


def test_minima_groups_and_spent_epochs_hold(steps: Steps) -> None:
    """chats must have 0.1 and is frozen to half of repos; math_high has one of its three epochs left."""
    limits = {"minimum": {"chats": 0.1}, "frozen": [{"chats": 1, "repos": 2}], "spent_epochs": {"math_high": 2}}
    steps.do(design, {"mixture": SETTINGS, "runs": 12, "seeds": 2, "seed": 1})
    train(steps)
    steps.do(fit, {})
    steps.do(optimize, {"mixture": SETTINGS | limits, **goal_settings(MIXTURE), "seed": 1})
    optimum = {r["domain"]: r for r in steps.rows(WEIGHTS) if r["mixture"] == "optimum"}
    assert optimum["math_high"]["cap"] == pytest.approx(0.25)
    assert optimum["math_high"]["weight"] <= 0.25
    assert optimum["chats"]["weight"] >= 0.1 - 1e-6
    assert optimum["repos"]["weight"] == pytest.approx(2 * optimum["chats"]["weight"], abs=3e-6)


def test_the_same_tables_give_the_same_bytes(steps: Steps, finished: Steps) -> None:
    run_all(steps)
    again = {t.name: steps.files[t.name][0].read_bytes() for t in WRITTEN}
    assert again == {t.name: finished.files[t.name][0].read_bytes() for t in WRITTEN}


def test_when_every_proxy_died_the_baseline_is_given_and_nothing_is_claimed(steps: Steps) -> None:
    steps.do(design, {"mixture": SETTINGS, "runs": 12, "seeds": 2, "seed": 1})
    train(steps)
    steps.put(LOSSES, [row | {"value": None} for row in steps.rows(LOSSES)])
    steps.do(fit, {})
    steps.do(optimize, {"mixture": SETTINGS, **goal_settings(MIXTURE), "seed": 1})
    assert steps.rows(LAWS) == []
    weights = {(r["mixture"], r["domain"]): r["weight"] for r in steps.rows(WEIGHTS)}
    assert [weights["optimum", d] for d in DOMAINS] == [weights["baseline", d] for d in DOMAINS]
    verdict = {r["claim"]: r for r in steps.rows(EVIDENCE)}["verdict"]
    assert verdict["verdict"] == "not supported" and verdict["value"] is None


def test_targets_become_metrics_with_weights_that_sum_to_one() -> None:
    assert goal_settings(MIXTURE) == {
        "targets": {"problems": ["set:problems", 0.75], "talk": ["domain:chats", 0.25]},
        "retain": {"general": ["set:general", 0.1]},
        "domain_targets": {"talk": "chats"},
    }


def test_an_unknown_domain_as_target_is_refused(steps: Steps) -> None:
    steps.do(design, {"mixture": SETTINGS, "runs": 12, "seeds": 2, "seed": 1})
    train(steps)
    wrong = MIXTURE.model_copy(update={"targets": {"talk": Target(domain="chat")}})
    with pytest.raises(ConfigError, match=r"targets\.talk: no domain 'chat'; did you mean 'chats'"):
        steps.do(optimize, {"mixture": SETTINGS, **goal_settings(wrong), "seed": 1})
