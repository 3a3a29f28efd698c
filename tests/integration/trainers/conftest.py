"""Runs as they are before the step plan, with token files whose ids tell the document; and the trainers' environments."""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from token_run import Texts, write_base, write_tokenizer, write_tokens

from midmix.config import Config, parse_config
from midmix.flow import FLOW
from midmix.mixer.plan.manifest import Plan, parse_plan
from midmix.runner import run_steps
from midmix.table_manifest import load_manifest

# Domain: (first token id, tokens per train shard about, max epochs, weight in 1e-6).
DOMAINS = {
    "code": (1, (4_000, 4_000, 700), 4.0, 450_001),
    "math": (10_000, (900, 30), 4.0, 250_000),
    "web": (20_000, (9_000,), 1.0, 299_999),
}
STEPS = FLOW[[s.name for s in FLOW].index("plan") :]
VOCABULARY = 40_000
LONGEST = 96


@dataclass(frozen=True)
class SmallRun:
    """A run folder with its config. Every token of document k of a domain is `first id + k`, its last one 0."""

    folder: Path
    config: Config

    def carry_out(self, *, until: str = "export") -> SmallRun:
        """Run plan and export, or the first of them alone."""
        names = [step.name for step in STEPS]
        run_steps(self.config, self.folder, STEPS[: names.index(until) + 1], workers=1, quiet=True)
        return self

    @property
    def plan(self) -> Plan:
        """The plan that was made."""
        path = self.folder / load_manifest(self.folder, "plan").attachments["plan.json"]
        return parse_plan(path.read_bytes(), "plan.json")

    def planned(self, stage: int = 0) -> dict[str, int]:
        """Sequences by domain of a stage."""
        return {share.domain: share.sequences for share in self.plan.stages[stage].mixture}


RunMaker = Callable[..., SmallRun]


def domain_of(token: int) -> str:
    """The domain that a token's document is of."""
    return max((first, domain) for domain, (first, *_) in DOMAINS.items() if first <= token)[1]


@pytest.fixture(scope="session")
def domain_of_token() -> Callable[[int], str]:
    """See `domain_of`."""
    return domain_of


@pytest.fixture(scope="session")
def make_run() -> RunMaker:
    """`make_run(base, **config)` writes `base/run` and, beside it, its tokenizer; `sizes` are other shards of domains."""

    def make(base: Path, sizes: Mapping[str, tuple[int, ...]] | None = None, **changes: Any) -> SmallRun:
        write_tokenizer(base / "tokenizer", VOCABULARY)
        folder = base / "run"
        write_tokens(folder, _shards(sizes or {}))
        write_base(folder, {name: units / 1e6 for name, (_, _, _, units) in DOMAINS.items()})
        return SmallRun(folder, parse_config(_values() | changes, base=base))

    return make


def _values() -> dict[str, Any]:
    mixture = {
        "tokens": 20_000,
        "sequence_length": 16,
        "global_batch_sequences": 8,
        "max_epochs": {"default": 4, "web": 1},
        "targets": {"web": {"domain": "web"}},
    }
    return {
        "sources": {"crawl": {"path": "x.parquet", "kind": "prose"}},
        "domains": dict.fromkeys(DOMAINS, "kind = 'prose'"),
        "tokenizers": {"main": "tokenizer"},
        "mixture": mixture,
    }


def _shards(others: Mapping[str, tuple[int, ...]]) -> Iterator[tuple[str, str, int, Texts]]:
    generator = np.random.default_rng(5)
    for domain, (first_id, sizes, _, _) in DOMAINS.items():
        document = first_id
        train = enumerate(others.get(domain, sizes))
        for split, shard, about in [("heldout", 0, 300), *(("train", i, about) for i, about in train)]:
            lengths: list[int] = []
            while sum(lengths) < about:
                lengths.append(int(generator.integers(2, LONGEST)))
            yield domain, split, shard, [np.array([document + i] * (n - 1) + [0], "<u2") for i, n in enumerate(lengths)]
            document += len(lengths)


@pytest.fixture(scope="session")
def one_stage(make_run: RunMaker, tmp_path_factory: pytest.TempPathFactory) -> SmallRun:
    """A run with one anneal, planned and exported."""
    return make_run(tmp_path_factory.mktemp("one")).carry_out()


@pytest.fixture(scope="session")
def two_stages(make_run: RunMaker, tmp_path_factory: pytest.TempPathFactory) -> SmallRun:
    """A run with an anneal and a long-context stage, planned: math is repeated and at its cap, web read once at most."""
    stages = [
        {"name": "anneal", "tokens": 9_000, "learning_rate": {"schedule": "linear", "start": 3e-4, "end": 1e-4}},
        {"name": "long", "kind": "long-context", "tokens": 4_096, "sequence_length": 64, "document_mask": True}
        | {"global_batch_sequences": 2, "lengths": {"long": 0.75, "short": 0.25}}
        | {"learning_rate": {"schedule": "linear-to-zero", "start": 1e-4}}
        | {"rope": {"base": 500_000, "scaling": "yarn", "factor": 4, "original_length": 16}},
    ]
    run = make_run(tmp_path_factory.mktemp("two"), length_buckets={"short": 0, "long": 48}, stages=stages)
    return run.carry_out(until="plan")


@pytest.fixture(scope="session")
def packed_stages(make_run: RunMaker, tmp_path_factory: pytest.TempPathFactory) -> SmallRun:
    """A run with an anneal packed best-fit and a plain stage: documents are longer and shorter than a row of 64 tokens.

    Math is repeated; of code less is drawn than there is.
    """
    stages = [
        {"name": "anneal", "tokens": 9_000, "sequence_length": 64, "global_batch_sequences": 2, "packing": "best-fit"}
        | {"weights": {"code": 0.3, "math": 0.3, "web": 0.4}}
        | {"learning_rate": {"schedule": "linear", "start": 3e-4, "end": 1e-4}},
        {"name": "more", "tokens": 3_000, "learning_rate": {"schedule": "linear-to-zero", "start": 1e-4}},
    ]
    return make_run(tmp_path_factory.mktemp("packed"), stages=stages).carry_out(until="plan")


# Trainer -> the environment of `make test-trainers` that its loader lies in, and a module that is found where it does.
ENVIRONMENTS = {
    "megatron": ("core", "megatron"),
    "olmo-core": ("core", "olmo_core"),
    "hf": ("core", "datasets"),
    "mosaicml": ("streaming", "streaming"),
    "litdata": ("litdata", "litdata"),
    "nanotron": ("core", "datatrove"),
    "levanter": ("core", "datasets"),
    "torchtitan": ("core", "grain"),
    "maxtext": ("core", "grain"),
    "materialised": ("core", "numpy"),
    "parquet": ("core", "datasets"),
}


@pytest.fixture(scope="session")
def python_of(repository: Path) -> Callable[[str], str]:
    """The Python that has a trainer's loader: this one, or that of `make test-trainers`. Skips where neither has it."""

    def find(trainer: str) -> str:
        environment, module = ENVIRONMENTS[trainer]
        if importlib.util.find_spec(module) is not None:
            return sys.executable
        python = Path(os.environ.get("MIDMIX_TRAINERS", repository / ".trainers")) / environment / "bin" / "python"
        if not python.is_file():
            pytest.skip(f"no loader of {trainer}: make test-trainers builds {python}")
        return str(python)

    return find
