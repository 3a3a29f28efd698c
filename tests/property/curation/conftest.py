"""Real and hostile texts that every scorer is held against its plain-Python twin on."""

from __future__ import annotations

import importlib.metadata
from pathlib import Path

import pytest

EDGES = (
    "", " ", "\n", "\r\n", "\n\n\n", "a", "\t\u3000\u2003\xa0\x1f ", "\x00\x01\x7f\x85\ufffd", "line\rline\r\nline\vline\fline\x1cline",
    "line\u2028line\u2029line\x85", "\ufeffBOM", "e\u0301 o\u0308\u0304", "👩\u200d👩\u200d👧 🏳️\u200d🌈 🇩🇪", "𝔘𝔫𝔦𝔠𝔬𝔡𝔢 \U0010ffff \U000e0041",
    "½ ² ٣ ५ Ⅷ", "ĳ ß ǆ İ ſ", "\n\n  para\n\n\npara\n\npara  \n\n", "a\n\n\nb\na\n", "...", "....... …", "x...\n  …  \n- …\n• a ...\t",
    "the be to of and that have with The THE the, thé", "# # ## #a", "ab ab ab ab ab ab ab ab ab ab ab ab", "a b a b c a b c d a b c d e",
    "ab c ab c a bc a bc abc", "Ã© â€™ Ã\xa0 ï»¿ ä¸\xad ðŸ˜€ É” Â« Ã", "\u2028", "中文 段落。中文 段落。\n中文 段落。",
)  # fmt: skip


def _repeating(num_chars: int) -> str:
    line = "the same words again and again, 1234 = x + y; "
    return (line * (num_chars // len(line) + 1))[:num_chars]


@pytest.fixture(scope="session")
def real_texts() -> list[str]:
    """Python source and documents of a pinned package (in pieces of all sizes), edge cases, one line of 1 MB."""
    files = sorted(Path(str(f.locate())) for f in importlib.metadata.files("sympy") or () if f.suffix in (".py", ".md"))
    chosen = [f.read_text(encoding="utf-8", errors="replace") for f in files[:: max(1, len(files) // 60)]]
    texts = [text[:40_000] for text in chosen]
    pieces = [
        text[start : start + size] for text in texts[:20] for start, size in ((0, 7), (3, 50), (100, 400), (11, 1500))
    ]
    lines = [text.splitlines(keepends=True) for text in texts[:10]]
    shuffled = ["".join(found[i % 7 :: 3] + found[: i + 3]) for i, found in enumerate(lines)]
    described = [importlib.metadata.distribution(name).metadata.as_string() for name in ("numpy", "sympy", "pytest")]
    return [*EDGES, *texts, *pieces, *shuffled, *described, _repeating(1_000_000)]
