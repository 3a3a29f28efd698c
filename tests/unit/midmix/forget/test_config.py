"""The config without a source: named in no share, and still a source that raters were trained with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from midmix.config import Config, parse_config
from midmix.errors import ConfigError
from midmix.forget.config import config_without

SOURCES = {name: {"path": f"{name}.parquet", "kind": "prose"} for name in ("crawl", "forum", "wiki")}


def config(**sections: Any) -> Config:
    return parse_config({"sources": SOURCES, "survivor": ["forum", "crawl"]} | sections, base=Path("/base"))


def mixture(**fields: Any) -> dict[str, Any]:
    return {"tokens": 1000, "targets": {"t": {"domain": "crawl"}}} | fields


def test_it_is_read_no_more_and_its_name_stays() -> None:
    raters = {"kind": {"train_on": ["crawl", "forum"]}}
    found = config_without(config(raters=raters), "forum")
    assert list(found.read_sources) == ["crawl", "wiki"]
    assert found.survivor_order == ("crawl", "wiki")
    assert found.raters["kind"].train_on == ("crawl", "forum")
    assert config_without(found, "forum") == found


def test_no_share_names_it() -> None:
    found = config_without(
        config(
            mixture=mixture(
                max_epochs={"default": 4, "forum": 2},
                minimum={"forum": 0.1, "wiki": 0.2},
                replay={"crawl": 0.5, "forum": 0.5},
                frozen=[{"wiki": 1, "forum": 2, "crawl": 3}],
            ),
            stages=[{"name": "anneal"}, {"name": "more", "weights": {"forum": 0.2, "crawl": 0.2, "wiki": 0.6}}],
        ),
        "forum",
    )
    assert found.mixture is not None
    assert found.mixture.max_epochs == {"default": 4}
    assert found.mixture.minimum == {"wiki": 0.2}
    assert found.mixture.replay == {"crawl": 0.5}
    assert found.mixture.frozen == ({"wiki": 1, "crawl": 3},)
    assert found.stages[0].weights == "optimum"
    assert found.stages[1].weights == {"crawl": pytest.approx(0.25), "wiki": pytest.approx(0.75)}


def test_a_frozen_pair_that_it_was_half_of_is_none() -> None:
    found = config_without(config(mixture=mixture(frozen=[{"crawl": 1, "forum": 2}])), "forum")
    assert found.mixture is not None and found.mixture.frozen == ()


def test_what_was_read_before_is_still_told() -> None:
    earlier = [
        {"name": "pretrain", "tokens": 90, "seen": {"old-forum": 40, "crawl": 50}, "names": {"old-forum": "forum"}}
    ]
    (found,) = config_without(config(earlier=earlier), "forum").earlier
    assert found.seen == {"old-forum": 40, "crawl": 50}
    assert found.names == {"old-forum": None, "forum": None}


@pytest.mark.parametrize(
    ("sections", "source", "words"),
    [
        ({}, "forums", "no source 'forums'; did you mean 'forum'"),
        ({"mixture": mixture(replay={"forum": 1})}, "forum", "mixture.replay is 'forum' alone"),
        ({"stages": [{"name": "more", "weights": {"forum": 1}}]}, "forum", "stages.more.weights is 'forum' alone"),
    ],
)
def test_what_needs_it_is_named(sections: dict[str, Any], source: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        config_without(config(**sections), source)


def test_the_only_source_is_not_forgotten() -> None:
    one = config_without(config_without(config(), "forum"), "wiki")
    with pytest.raises(ConfigError, match="'crawl' is the only source that the run reads"):
        config_without(one, "crawl")
