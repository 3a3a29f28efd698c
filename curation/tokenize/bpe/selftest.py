"""Does the encoder give the tokenizer's own ids? Asked whenever a tokenizer is loaded, before its first text.

The patterns, tables and merges are tested at length elsewhere; this is for what no test has seen: another version of
the library, a tokenizer file with a trait that nobody knew of, another kind of CPU.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from midmix.curation.tokenize.bpe.encoder import Encoder
from midmix.tables import TEXT

if TYPE_CHECKING:
    from tokenizers import Tokenizer

# Characters of every class that a pattern tells apart, and those that it names.
_ALPHABET = (
    "aeknzAKZ'sStTrReEvVmMlLdDſ''  \t\n\n\r\u0085\u00a0\u2028\u3000.,!/#_<\\~0129٣½²Ⅷéßǅʰªσ漢字々かなカー・゠\u3040"
    "\u0301\u094d\u0915क่ไ한ᄀ\u1161\u200b\u200d\x00\x1c\x7f’“€😀𝒜\U000e0001\ue000\u0378\uffff"
)
_SAMPLES, _LONGEST = 600, 24
_TEXTS = (
    "",
    "The quick brown fox doesn't jump; we'LL see. I'M 1234567 years old, they'Re 3.14159!\n\n\n\tindented  text \r\n end ",
    'def f(x: int) -> str:\n    """Doc."""\n    return f"{x:>8}"  # comment\n\n\nif __name__ == "__main__":\n\tf(100_000)\n',
    "https://example.org/a/b?c=d&e=%20f#g <html><body class='x'>&nbsp;</body></html> //////\n/ \\\\ $$x^2_i$$",
    "Größe, naïve, Ελληνικά, русский текст, עברית, العربية ١٢٣, हिन्दी, ไทย, 日本語のテスト、漢字かな交じり文。한국어 中文",
    *(
        unit * count
        for unit in ("a", " ", "\n", "1", "!", "ab", "A", "漢", "é", " a", "\u0301")
        for count in (15, 16, 600)
    ),
)
_VOCABULARY = 1500


def difference(encoder: Encoder, tokenizer: Tokenizer) -> str | None:
    """A text on which the encoder's ids are not the tokenizer's, or None. Deterministic; some 80 KB are encoded."""
    texts = list(_texts(tokenizer))
    batch = pa.array(texts, TEXT)
    numbers = iter(np.flatnonzero(~encoder.reserved(batch)).tolist())
    kept = [texts[number] for number in numbers]
    ids, lengths = encoder.encode(pa.array(kept, TEXT), 0, np.dtype("<u4"))
    expected = tokenizer.encode_batch_fast(kept, add_special_tokens=False)
    for text, mine, theirs in zip(kept, np.split(ids, np.cumsum(lengths)[:-1]), expected, strict=True):
        if mine[:-1].tolist() != theirs.ids:
            return text
    return None


def _texts(tokenizer: Tokenizer) -> Iterable[str]:
    choose = random.Random(0)
    yield from _TEXTS
    for _ in range(_SAMPLES):
        yield "".join(choose.choices(_ALPHABET, k=choose.randrange(1, _LONGEST)))
    yield from _shown(tokenizer, choose)
    for token in tokenizer.get_added_tokens_decoder().values():
        yield f"a{token.content} b"


def _shown(tokenizer: Tokenizer, choose: random.Random) -> Sequence[str]:
    """Tokens of the vocabulary as they stand in texts."""
    vocabulary = sorted(tokenizer.get_vocab(with_added_tokens=False))
    some = choose.sample(vocabulary, min(_VOCABULARY, len(vocabulary)))
    return [token.replace("Ġ", " ").replace("Ċ", "\n") for token in some]
