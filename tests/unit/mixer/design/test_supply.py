"""Supply from TOKENS, shares named by source or domain, epochs and caps."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from midmix.errors import ConfigError, InputError
from midmix.mixer.design.supply import Supply, caps_of, epochs_by_domain, read_supply, spread_shares
from midmix.tables import TOKENS

# crawl: 600 tokens left of the SQL, 400 in math_high; proofs: 100 in math_high alone; repos: 300 of its own.
SUPPLY = Supply(
    ("crawl", "proofs", "repos", "empty"),
    ("crawl", "math_high", "repos"),
    np.array([[600, 400, 0], [0, 100, 0], [0, 0, 300], [0, 0, 0]]),
)
DECLARED = ("math_high",)


def token_row(
    domain: str, part: int, tokens: int, *, split: str = "train", tokenizer: str = "main"
) -> dict[str, object]:
    return {
        "tokenizer": tokenizer, "domain": domain, "split": split, "shard": 0, "offset": 0,
        "num_tokens": tokens, "num_bytes": tokens, "doc": part << 32 | 5,
    }  # fmt: skip


def test_tokens_are_counted_by_source_and_domain_of_the_train_split_alone(tmp_path: Path) -> None:
    files = [
        [token_row("web", 0, 10), token_row("math", 0, 3), token_row("math", 2, 4)],
        [token_row("web", 0, 7, split="heldout"), token_row("web", 2, 9, tokenizer="proxy"), token_row("web", 2, 1)],
        [token_row("only_heldout", 2, 5, split="heldout")],
    ]
    paths = [tmp_path / f"{i}.parquet" for i in range(3)]
    for path, rows in zip(paths, files, strict=True):
        pq.write_table(pa.Table.from_pylist(rows, TOKENS.schema()), path)
    supply = read_supply(paths, {0: "crawl", 2: "proofs"}, ["proofs", "crawl"])
    assert supply.domains == ("math", "web")
    assert supply.by_source.tolist() == [[4, 1], [3, 10]]
    assert supply.tokens.tolist() == [7, 11]


def test_nothing_tokenized_is_an_error_that_names_the_step() -> None:
    with pytest.raises(InputError, match="Run the step tokenize"):
        read_supply([], {}, [])


def test_a_source_is_spread_over_its_domains_by_its_own_tokens() -> None:
    weights = spread_shares({"crawl": 0.5, "proofs": 0.3, "repos": 0.2}, SUPPLY, DECLARED, "mixture.baseline")
    np.testing.assert_allclose(weights, [0.3, 0.2 + 0.3, 0.2])


def test_shares_that_name_a_domain_of_the_sql_speak_of_domains() -> None:
    weights = spread_shares({"crawl": 0.5, "math_high": 0.5}, SUPPLY, DECLARED, "mixture.baseline")
    np.testing.assert_allclose(weights, [0.5, 0.5, 0.0])


def test_shares_need_not_sum_to_one() -> None:
    np.testing.assert_allclose(spread_shares({"repos": 2, "proofs": 6}, SUPPLY, DECLARED, "x"), [0, 0.75, 0.25])


@pytest.mark.parametrize(
    ("shares", "message"),
    [
        ({"crawll": 1.0}, "mixture.replay: 'crawll' is neither a source nor a domain; did you mean 'crawl'"),
        ({"empty": 1.0}, "source 'empty' has no token in the train split"),
        ({"crawl": 0.0}, "no share is more than 0"),
    ],
)
def test_shares_that_mean_nothing_are_refused(shares: dict[str, float], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        spread_shares(shares, SUPPLY, DECLARED, "mixture.replay")


def test_a_domain_has_its_own_epochs_or_the_least_of_its_sources() -> None:
    assert epochs_by_domain({"default": 4, "crawl": 1}, {}, SUPPLY, DECLARED).tolist() == [1, 1, 4]
    assert epochs_by_domain({"default": 4, "crawl": 1, "math_high": 3}, {}, SUPPLY, DECLARED).tolist() == [1, 3, 4]
    assert epochs_by_domain({"default": 2, "proofs": 5}, {}, SUPPLY, DECLARED).tolist() == [2, 2, 2]


def test_epochs_spent_before_are_no_longer_there() -> None:
    assert epochs_by_domain({"default": 4}, {"math_high": 1.5}, SUPPLY, DECLARED).tolist() == [4, 2.5, 4]
    assert epochs_by_domain({"default": 4, "crawl": 1}, {"crawl": 3}, SUPPLY, DECLARED).tolist() == [0, 0, 4]
    with pytest.raises(ConfigError, match=r"mixture\.spent_epochs: 'default' is neither"):
        epochs_by_domain({"default": 4}, {"default": 1}, SUPPLY, DECLARED)


def test_epochs_of_an_unknown_name_are_refused() -> None:
    with pytest.raises(ConfigError, match="did you mean 'math_high'"):
        epochs_by_domain({"math_hi": 1}, {}, SUPPLY, DECLARED)


def test_caps_are_supply_times_epochs_over_the_budget() -> None:
    np.testing.assert_allclose(caps_of(SUPPLY, np.array([1.0, 2.0, 4.0]), 1200), [0.5, 1000 / 1200, 1.0])


def test_a_budget_beyond_the_supply_names_the_missing_tokens() -> None:
    with pytest.raises(ConfigError, match=r"5,000 tokens.*give 1,400.*3,600 are missing"):
        caps_of(SUPPLY, np.ones(3), 5000)
