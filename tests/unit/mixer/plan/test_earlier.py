"""What earlier stages read, from the files that their trainers mixed them with."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest

from midmix.config import parse_config
from midmix.errors import ConfigError
from midmix.mixer.plan.earlier import megatron_weights, olmo_core_weights, read_earlier

KNOWN = ["math", "web"]


def test_megatron_blends_in_both_forms() -> None:
    weights = {"web": Fraction(3, 2), "math": Fraction(1, 2)}
    assert megatron_weights('{"train": ["1.5", "/d/web_text_document", 0.5, "/d/math"], "valid": null}') == weights
    assert megatron_weights("1 /d/web_text_document\n0.5 /d/math 0.5 /e/web_text_document") == weights


@pytest.mark.parametrize(
    ("text", "words"), [("/a /b", "expected a weight before '/b'"), ("1 /a /b", "got 3 words"), ("", "got 0 words")]
)
def test_lists_that_megatron_reads_without_weights_are_refused(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        megatron_weights(text)


def test_olmo_core_ratios_add_up_by_source() -> None:
    text = "sources:\n- {source_name: web, target_ratio: 0.5, paths: [a]}\n- {source_name: web, target_ratio: 0.3, paths: [b]}"
    assert olmo_core_weights(text) == {"web": Fraction("0.8")}


def config_values(**earlier: object) -> dict[str, object]:
    return {
        "sources": {"crawl": {"path": "x.parquet", "kind": "prose"}},
        "earlier": [{"name": "pretrain", "tokens": 1_000} | earlier],
    }


def test_shares_of_a_file_become_tokens_of_domains(tmp_path: Path) -> None:
    (tmp_path / "blend.txt").write_text("2 /d/web 1 /d/maths 1 /d/gone")
    names = {"maths": "math", "gone": None}
    values = config_values(format="megatron", file="blend.txt", names=names, learning_rate=1e-4)
    (stage,) = read_earlier(parse_config(values, base=tmp_path), KNOWN)
    assert [(s.name, s.domain, s.tokens) for s in stage.seen] == [
        ("web", "web", 500),
        ("maths", "math", 250),
        ("gone", None, 250),
    ]
    assert (stage.tokens, stage.declared_by, stage.learning_rate_end) == (1_000, "megatron", 1e-4)
    assert stage.file_sha256 is not None


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("1 /d/web 1 /d/maths", "'maths' is no domain of this run"),
        ("0 /d/web", "weights sum to 0"),
        ("{", "no megatron mixture"),
    ],
)
def test_files_that_do_not_say_it_are_refused(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "blend.txt").write_text(text)
    with pytest.raises(ConfigError, match=words):
        read_earlier(parse_config(config_values(format="megatron", file="blend.txt"), base=tmp_path), KNOWN)
    with pytest.raises(ConfigError, match="No such file"):
        read_earlier(parse_config(config_values(format="megatron", file="none.txt"), base=tmp_path), KNOWN)
