"""Fill in the middle: the documents of code come back from their parts, as often and in the forms asked for."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from pydantic import ValidationError

from midmix.config import parse_config
from midmix.curation.tokenize import fill_in_middle
from midmix.curation.tokenize.encode import TokenizerFolder, open_folder
from midmix.curation.tokenize.fill_in_middle import FillInMiddle, encode_documents, open_fill_in_middle
from midmix.errors import ConfigError

MakeTokenizer = Callable[..., Path]
# Ids of the tokenizer with five further ones: <x0> to <x4> are 256 to 260, the end of text is 261.
PREFIX, MIDDLE, SUFFIX, END = 256, 257, 258, 261
TEXTS = [f"def f_{n}(x):\n    return x + {n}  # é ü\n" * (1 + n % 3) for n in range(400)]


@pytest.fixture
def folder(make_tokenizer: MakeTokenizer) -> TokenizerFolder:
    return open_folder("main", str(make_tokenizer(extra_ids=5)))


def fim(**changes: Any) -> FillInMiddle:
    values = {"rate": 1.0, "spm_rate": 0.5, "prefix": PREFIX, "middle": MIDDLE, "suffix": SUFFIX}
    return FillInMiddle(**{**values, "heldout_fraction": 1e-9, "seed": 7, **changes})


def documents(texts: list[str], kind: str = "code") -> pa.RecordBatch:
    hashes = [hashlib.blake2b(text.encode(), digest_size=16).digest() for text in texts]
    return pa.RecordBatch.from_pydict(
        {
            "text": pa.array(texts, pa.large_string()),
            "kind": pa.array([kind] * len(texts)),
            "content_hash": pa.array(hashes, pa.binary(16)),
        }
    )


def encoded(folder: TokenizerFolder, how: FillInMiddle | None, batch: pa.RecordBatch) -> list[list[int]]:
    tokens, lengths = (np.concatenate(arrays) for arrays in zip(*encode_documents(folder, how, batch), strict=True))
    assert tokens.dtype == folder.dtype and lengths.dtype == np.int32 and lengths.sum() == len(tokens)
    return [document.tolist() for document in np.split(tokens, np.cumsum(lengths)[:-1])]


def text_of(folder: TokenizerFolder, ids: list[int]) -> str:
    from tokenizers import Tokenizer, decoders

    tokenizer = Tokenizer.from_file(f"{folder.path}/tokenizer.json")
    tokenizer.decoder = decoders.ByteLevel()
    return str(tokenizer.decode(ids))


def restored(folder: TokenizerFolder, ids: list[int]) -> tuple[str, str]:
    """The form of a document, and the text that it was made of; the middle's bounds in SPM do not matter for that."""
    assert ids[-1] == END and END not in ids[:-1]
    body = ids[:-1]
    if body[:2] == [PREFIX, SUFFIX]:
        at = body.index(MIDDLE)
        return "SPM", text_of(folder, body[at + 1 :]) + text_of(folder, body[2:at])
    if body[:1] == [PREFIX]:
        first, second = body.index(SUFFIX), body.index(MIDDLE)
        prefix, suffix, middle = (text_of(folder, ids) for ids in (body[1:first], body[first + 1 : second], body[second + 1 :]))  # fmt: skip
        return "PSM", prefix + middle + suffix
    return "plain", text_of(folder, body)


def test_every_document_comes_back_in_both_forms(folder: TokenizerFolder) -> None:
    found = [restored(folder, ids) for ids in encoded(folder, fim(), documents(TEXTS))]
    assert [text for _, text in found] == TEXTS
    forms = [form for form, _ in found]
    assert set(forms) == {"PSM", "SPM"}
    assert 160 <= forms.count("SPM") <= 240


@pytest.mark.parametrize(("spm_rate", "form"), [(0.0, "PSM"), (1.0, "SPM")])
def test_one_form_alone(folder: TokenizerFolder, spm_rate: float, form: str) -> None:
    found = encoded(folder, fim(spm_rate=spm_rate), documents(TEXTS[:40]))
    assert {restored(folder, ids)[0] for ids in found} == {form}


def test_a_share_of_the_documents_is_rearranged_and_the_others_are_as_without(folder: TokenizerFolder) -> None:
    plain = encoded(folder, None, documents(TEXTS))
    found = encoded(folder, fim(rate=0.25), documents(TEXTS))
    changed = [a != b for a, b in zip(found, plain, strict=True)]
    assert 70 <= sum(changed) <= 130
    assert all(len(a) == len(b) + 3 for a, b, different in zip(found, plain, changed, strict=True) if different)
    assert [restored(folder, ids)[1] for ids in found] == TEXTS


def test_cuts_at_given_characters(folder: TokenizerFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 'abé' (3 characters, 4 places to cut): the numbers stand for places 1 and 2, however they are ordered."""
    numbers = [(2**63, 2**63, 2**62), (0, 2**62, 2**63), (0, 2**64 - 1, 0)]
    monkeypatch.setattr(fill_in_middle, "_draws", lambda *_: numbers)
    a, b, accented = ord("a") - 33, ord("b") - 33, None
    found = encoded(folder, fim(), documents(["abé"] * 3))
    assert len(encoded(folder, None, documents(["é"]))[0]) == 3
    accented = encoded(folder, None, documents(["é"]))[0][:-1]
    assert found == [
        [PREFIX, a, SUFFIX, *accented, MIDDLE, b, END],
        [PREFIX, SUFFIX, *accented, MIDDLE, a, b, END],
        [PREFIX, SUFFIX, MIDDLE, a, b, *accented, END],
    ]


def test_other_kinds_and_held_out_documents_stay_as_they_are(folder: TokenizerFolder) -> None:
    assert encoded(folder, fim(), documents(TEXTS, "prose")) == encoded(folder, None, documents(TEXTS))
    found = [restored(folder, ids)[0] for ids in encoded(folder, fim(heldout_fraction=0.4), documents(TEXTS))]
    assert 120 <= found.count("plain") <= 200


def test_the_same_for_a_text_wherever_it_stands_and_another_for_another_seed(
    folder: TokenizerFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = encoded(folder, fim(), documents(TEXTS))
    monkeypatch.setattr(fill_in_middle, "KERNEL_BATCH_BYTES", 300)
    assert encoded(folder, fim(), documents(TEXTS[::-1]))[::-1] == found
    assert encoded(folder, fim(seed=8), documents(TEXTS)) != found


def test_a_document_without_text_keeps_its_tokens(folder: TokenizerFolder) -> None:
    assert sorted(encoded(folder, fim(spm_rate=0.0), documents([""]))[0]) == [PREFIX, MIDDLE, SUFFIX, END]


def config_of(tokenizer: str, **fields: Any) -> Any:
    section = {"rate": 0.5, "prefix": "<x0>", "middle": "<x1>", "suffix": "<x2>", **fields}
    values = {"sources": {"web": {"path": "x.parquet", "kind": "code"}}, "tokenizers": {"main": tokenizer}}
    return parse_config(values | {"fim": {"main": section}}, base=Path("/"))


def test_sentinels_are_looked_up(folder: TokenizerFolder) -> None:
    found = open_fill_in_middle(config_of(folder.path), {"main": folder})["main"]
    assert (found.prefix, found.middle, found.suffix, found.spm_rate) == (PREFIX, MIDDLE, SUFFIX, 0.5)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"middle": "<fim_middle>"}, r"fim\.main\.middle: the tokenizer .* has no token '<fim_middle>'"),
        ({"suffix": "<|end|>"}, r"fim\.main\.suffix: the tokenizer .* ends texts with '<\|end\|>'"),
    ],
)
def test_tokens_that_the_tokenizer_lacks_are_refused(
    folder: TokenizerFolder, fields: dict[str, str], words: str
) -> None:
    with pytest.raises(ConfigError, match=words):
        open_fill_in_middle(config_of(folder.path, **fields), {"main": folder})
    with pytest.raises(ConfigError, match=r"the config has no tokenizers\.main"):
        open_fill_in_middle(config_of(folder.path), {})


def test_one_token_for_two_parts_is_refused() -> None:
    with pytest.raises((ConfigError, ValidationError), match="three different tokens"):
        config_of("x", middle="<x0>")
