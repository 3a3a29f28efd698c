"""The config: unknown keys name the nearest known one, and every fault is reported at once."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from midmix.config import load_config, parse_config
from midmix.errors import ConfigError
from midmix.example import EXAMPLE_CONFIG

BASE: dict[str, Any] = {"sources": {"crawl": {"path": "a.parquet", "kind": "prose"}}}


def refused(values: Any) -> str:
    with pytest.raises(ConfigError) as error:
        parse_config(values, base=Path("."))
    assert error.value.exit_code == 2
    return str(error.value)


def test_an_unknown_key_names_itself_and_the_nearest_known_one() -> None:
    message = refused(
        {"sources": {"crawl": {"path": "x", "kind": "prose", "licence": "mit"}}, "dedup": {"jacard": 0.7}}
    )
    assert "unknown key 'sources.crawl.licence'; did you mean 'license'?" in message
    assert "unknown key 'dedup.jacard'; did you mean 'jaccard'?" in message


def test_a_wrong_value_says_what_was_got_and_what_is_allowed() -> None:
    message = refused({"sources": {"crawl": {"path": "x", "kind": "web"}}})
    assert "'sources.crawl.kind'" in message and "'math'" in message and "got 'web'" in message


def test_names_that_do_not_exist_are_refused() -> None:
    assert "no source 'crwl'; did you mean 'crawl'?" in refused(BASE | {"survivor": ["crwl"]})
    assert "no source 'x'" in refused(BASE | {"raters": {"kind": {"train_on": ["x"]}}})
    assert "'1234' is no name" in refused({"sources": {"1234": {"path": "x", "kind": "prose"}}})
    assert "is a source" in refused(BASE | {"domains": {"crawl": "true"}})


def test_a_missing_section_is_an_error_of_the_step_that_needs_it() -> None:
    config = parse_config(BASE, base=Path("."))
    with pytest.raises(ConfigError, match=r"no 'tokenizers', which the step 'tokenize' needs"):
        config.require("tokenizers", "tokenize")


def test_sources_not_named_in_the_survivor_order_come_last_in_the_order_of_the_config() -> None:
    sources = {name: {"path": "x", "kind": "prose"} for name in ("a", "b", "c")}
    assert parse_config({"sources": sources, "survivor": ["c"]}, base=Path(".")).survivor_order == ("c", "a", "b")


def test_evaluation_sets_need_names_of_their_own() -> None:
    mixture = {"tokens": 1, "targets": {"gold": {"set": "g.jsonl"}}}
    assert "share a name" in refused(BASE | {"benchmarks": {"gold": "b.jsonl"}, "mixture": mixture})
    config = parse_config(BASE | {"benchmarks": {"b": "b.jsonl"}, "mixture": mixture}, base=Path("."))
    assert config.evaluation_sets == {"b": ("benchmark", "b.jsonl"), "gold": ("target", "g.jsonl")}


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        ({"minimum": {"math": 1.2}}, "math is 1.2, expected a number from 0 to 1"),
        ({"spent_epochs": {"math": -1}}, "math is -1.0, expected a number from 0"),
        ({"frozen": [{"math": 1}]}, "expected two domains or more"),
        ({"frozen": [{"a": 1, "b": 1}, {"b": 1, "c": 1}]}, "b is in two groups"),
    ],
)
def test_limits_of_shares_are_checked(limits: dict[str, object], message: str) -> None:
    mixture = {"tokens": 1, "targets": {"gold": {"set": "g.jsonl"}}}
    assert message in refused(BASE | {"mixture": mixture | limits})


def test_set_overrides_a_value_and_is_checked_like_the_file(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(yaml.safe_dump(BASE))
    assert load_config(path, ("dedup.jaccard=0.7", "seed=5")).dedup.jaccard == 0.7
    with pytest.raises(ConfigError, match=r"expected key=value"):
        load_config(path, ("seed",))
    with pytest.raises(ConfigError, match=r"unknown key 'dedup\.jackard'"):
        load_config(path, ("dedup.jackard=0.7",))


def test_the_example_is_valid_and_paths_start_at_the_file(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text(EXAMPLE_CONFIG)
    config = load_config(tmp_path / "c.yaml")
    assert config.resolve("data/x") == str(tmp_path / "data/x")
    assert config.resolve("s3://bucket/x") == "s3://bucket/x"


@pytest.mark.parametrize("text", ["[1, 2]", "a: b: c", "\x00"])
def test_no_yaml_or_no_mapping_is_a_config_error(tmp_path: Path, text: str) -> None:
    (tmp_path / "c.yaml").write_text(text)
    with pytest.raises(ConfigError):
        load_config(tmp_path / "c.yaml")


@pytest.mark.parametrize(
    ("proxy", "words"),
    [
        ({"halving": [0.5, 0.25]}, "expected fractions of a run between 0 and 1 in rising order"),
        ({"halving": [0.5, 1.0]}, "expected fractions of a run between 0 and 1 in rising order"),
        ({"checkpoint": "x", "base": {"tokens": 10}}, "has checkpoint and base, expected one"),
        ({"checkpoint": "x", "ladder": [{"layers": 1, "width": 8}]}, "a checkpoint has one size"),
        (
            {"checkpoint": "x", "width": 64, "layers": 2},
            "has checkpoint and layers, width; the checkpoint gives the sizes",
        ),
        (
            {"layers": 2, "width": 64, "ladder": [{"layers": 2, "width": 64, "feed_forward": 192}]},
            "ladder repeats a size",
        ),
        ({"ladder": [{"layers": n, "width": 8} for n in range(1, 5)]}, "ladder"),
    ],
)
def test_proxies_that_contradict_themselves_are_refused(proxy: dict[str, Any], words: str) -> None:
    assert words in refused(BASE | {"proxy": proxy})


def test_what_the_web_control_trains_on_must_be_something() -> None:
    mixture = {"tokens": 10, "targets": {"t": {"domain": "crawl"}}}
    assert "all are 0" in refused(BASE | {"mixture": mixture | {"web": {"crawl": 0}}})
