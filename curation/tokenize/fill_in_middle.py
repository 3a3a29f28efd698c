"""Fill in the middle: documents of code cut in three at random characters, the middle moved to the end.

As prefix, suffix, middle (PSM): `<prefix> P <suffix> S <middle> M`; as suffix, prefix, middle (SPM) in the form that
shares its ends with PSM: `<prefix> <suffix> S <middle> P M`. Source: Bavarian et al., arXiv 2207.14255, and
`permute_char_level` of bigcode's Megatron-LM (gpt_dataset.py@6c4bf908), which does so to sequences where this does so to
whole documents, before they are packed. The parts are encoded each on its own, as there.

Which documents, how, and where they are cut follows from the content hash and the seed, so equal texts are treated
equally, wherever they came in. Held-out documents stay as they are: losses on them are of plain text. Documents of a
group are treated each on its own, before they are joined.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from midmix.config import Config
from midmix.curation.tokenize.encode import KERNEL_BATCH_BYTES, TokenizerFolder, batches, encode, token_id
from midmix.curation.tokenize.shuffle import draw, is_heldout
from midmix.errors import ConfigError

KIND = "code"
NEEDS = ("text", "kind", "content_hash")
_PERSON = b"midmix.fim"
_RANGE = 1 << 64


@dataclass(frozen=True)
class FillInMiddle:
    """What is done to documents of code for one tokenizer; `prefix`, `middle` and `suffix` are ids of its tokens."""

    rate: float
    spm_rate: float
    prefix: int
    middle: int
    suffix: int
    heldout_fraction: float
    seed: int

    def settings(self) -> dict[str, float | int]:
        """What tokens depend on, as JSON."""
        return asdict(self)


@dataclass
class _Pieces:
    """Texts to encode, and the tokens around them: `ends` is the one after each, None where there is none."""

    texts: list[str]
    ends: list[int | None]
    heads: list[tuple[int, int]]
    first_of_document: list[int]


def open_fill_in_middle(config: Config, folders: dict[str, TokenizerFolder]) -> dict[str, FillInMiddle]:
    """What the config asks for by tokenizer. Raises ConfigError where a tokenizer is not there or lacks a token."""
    found: dict[str, FillInMiddle] = {}
    for name, section in config.fim.items():
        if name not in folders:
            raise ConfigError(f"fim.{name}: the config has no tokenizers.{name}; add it, or leave this out")
        ids = {}
        for part in ("prefix", "middle", "suffix"):
            token = getattr(section, part)
            number = token_id(folders[name], token)
            if number is None or number == folders[name].end_of_text_id:
                wrong = "has no token" if number is None else "ends texts with"
                raise ConfigError(
                    f"fim.{name}.{part}: the tokenizer {folders[name].path} {wrong} {token!r}; name one of its tokens "
                    f"for this, such as <fim_{part}> or <|fim_{part}|>"
                )
            ids[part] = number
        found[name] = FillInMiddle(
            section.rate, section.spm_rate, **ids, heldout_fraction=config.heldout_fraction, seed=config.seed
        )
    return found


def encode_documents(
    folder: TokenizerFolder,
    fim: FillInMiddle | None,
    documents: pa.RecordBatch,
    split_hashes: pa.FixedSizeBinaryArray | None = None,
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Batches of (token ids of whole documents, int32 tokens per document), in order, as `encode` gives them.

    `documents` has CURATED's columns NEEDS, and without `fim` its text alone. `split_hashes` are what their split is
    drawn by, where that is not their content.
    """
    texts = documents.column("text")
    if fim is None:
        yield from encode(folder, texts)
        return
    start = 0
    for batch in batches(texts, KERNEL_BATCH_BYTES):
        part = documents.slice(start, len(batch))
        hashes = part.column("content_hash")
        split = hashes if split_hashes is None else split_hashes.slice(start, len(batch))
        draws = _draws(fim, part.column("kind"), hashes, split)
        start += len(batch)
        if any(draws):
            yield _encode(folder, _pieces(fim, folder.end_of_text_id, batch.to_pylist(), draws))
        else:
            yield from encode(folder, batch)


def _draws(
    fim: FillInMiddle, kinds: pa.Array, hashes: pa.FixedSizeBinaryArray, split_hashes: pa.FixedSizeBinaryArray
) -> list[tuple[int, int, int] | None]:
    """Of documents that are rearranged three uniform 64-bit numbers: for the form and two cuts. None for the others."""
    heldout = is_heldout(draw(split_hashes, fim.seed)[0], fim.heldout_fraction)
    key = fim.seed.to_bytes(8, "little", signed=True)
    found: list[tuple[int, int, int] | None] = []
    for kind, content, held in zip(kinds.to_pylist(), hashes.to_pylist(), heldout.tolist(), strict=True):
        digest = hashlib.blake2b(content, digest_size=32, key=key, person=_PERSON).digest()
        chosen, form, first, second = (int.from_bytes(digest[i : i + 8], "little") for i in range(0, 32, 8))
        rearranged = kind == KIND and not held and chosen < fim.rate * _RANGE
        found.append((form, first, second) if rearranged else None)
    return found


def _pieces(
    fim: FillInMiddle, end_of_text: int, texts: Sequence[str], draws: Sequence[tuple[int, int, int] | None]
) -> _Pieces:
    pieces = _Pieces([], [], [], [])
    for text, numbers in zip(texts, draws, strict=True):
        number = len(pieces.texts)
        pieces.first_of_document.append(number)
        if numbers is None:
            pieces.texts.append(text)
            pieces.ends.append(end_of_text)
            continue
        form, *cuts = numbers
        low, high = sorted(cut * (len(text) + 1) // _RANGE for cut in cuts)
        prefix, middle, suffix = text[:low], text[low:high], text[high:]
        pieces.heads.append((number, fim.prefix))
        if form < fim.spm_rate * _RANGE:
            pieces.heads.append((number, fim.suffix))
            pieces.texts += [suffix, prefix, middle]
            pieces.ends += [fim.middle, None, end_of_text]
        else:
            pieces.texts += [prefix, suffix, middle]
            pieces.ends += [fim.suffix, fim.middle, end_of_text]
    return pieces


def _encode(folder: TokenizerFolder, pieces: _Pieces) -> tuple[npt.NDArray[np.generic], npt.NDArray[np.int32]]:
    """Ids of the pieces with the tokens around them, and tokens per document."""
    made = list(encode(folder, pa.array(pieces.texts, pa.large_string())))
    tokens, lengths = (np.concatenate(arrays) for arrays in zip(*made, strict=True))
    last = np.cumsum(lengths) - 1  # of every piece: the end-of-text id that `encode` puts there
    ended = np.array([end is not None for end in pieces.ends])
    tokens[last[ended]] = [end for end in pieces.ends if end is not None]
    kept = np.ones(len(tokens), dtype=np.bool_)
    kept[last[~ended]] = False
    headed = np.array([piece for piece, _ in pieces.heads])
    before = (last - lengths + 1)[headed]
    tokens = np.insert(tokens, before, [token for _, token in pieces.heads])[np.insert(kept, before, True)]
    lengths = lengths - ~ended
    np.add.at(lengths, headed, 1)
    return tokens, np.add.reduceat(lengths, pieces.first_of_document).astype(np.int32)
