"""Lines and paragraphs: what is one, what would be cut, what is equal."""

import pyarrow as pa

from midmix.curation.passages.split import Unit, split_passages


def pieces(text: str, unit: Unit, min_bytes: int = 1) -> list[str]:
    found = split_passages(pa.array([text], pa.large_string()), unit, min_bytes)
    raw = text.encode()
    return [raw[start:end].decode() for start, end in zip(found.starts, found.ends, strict=True)]


def test_a_line_goes_with_its_line_feed() -> None:
    assert pieces("a one\nb two\n\n \n c three\r\nlast", "line") == ["a one\n", "b two\n", " c three\r\n", "last"]


def test_a_paragraph_goes_with_the_blank_lines_behind_it() -> None:
    assert pieces("\na\nb\n\n \n c\nd", "paragraph") == ["a\nb\n\n \n", " c\nd"]
    assert pieces("a\n\n", "paragraph") == ["a\n\n"]
    assert pieces("", "paragraph") == pieces(" \n\t\n", "paragraph") == []


def test_passages_are_equal_up_to_the_white_space_around_them() -> None:
    texts = pa.array(["  one two\t\r\none  two\n", "x\n\none two", "one twoo"], pa.large_string())
    found = split_passages(texts, "line", 3)
    same = found.hashes == found.hashes[0]
    assert same.tolist() == [True, False, True, False]
    assert (found.checks == found.checks[0]).tolist() == same.tolist()
    assert found.documents.tolist() == [0, 0, 1, 2]


def test_length_is_counted_in_bytes_without_white_space_around() -> None:
    assert pieces("   ab   \nabc\né漢", "line", 3) == ["abc\n", "é漢"]
