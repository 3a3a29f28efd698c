"""Languages of known texts, and the values of the library that the model comes from."""

from __future__ import annotations

import pyarrow as pa
import pytest

from midmix.curation.classify.language import MAX_CHARS, identify_languages
from midmix.tables import TEXT

ENGLISH = "The committee met on Tuesday and agreed to publish its report before the end of the year."


def identify(*texts: str, min_confidence: float = 0.5) -> list[tuple[str | None, float | None]]:
    languages, confidence = identify_languages(pa.array(texts, TEXT), min_confidence)
    assert (languages.type, confidence.type) == (pa.string(), pa.float32())
    return list(zip(languages.to_pylist(), confidence.to_pylist(), strict=True))


@pytest.mark.parametrize(
    "text, language",
    [
        (ENGLISH, "en"),
        (ENGLISH.upper(), "en"),
        ("Der Ausschuss hat sich am Dienstag getroffen und den Bericht beschlossen.", "de"),
        ("Le comité s'est réuni mardi et a décidé de publier son rapport avant la fin de l'année.", "fr"),
        ("委員会は火曜日に会合を開き、報告書を公表することを決めた。", "ja"),
        ("Комитет собрался во вторник и решил опубликовать доклад до конца года.", "ru"),
    ],
)
def test_language_of_a_sentence(text: str, language: str) -> None:
    (found,) = identify(text)
    assert found[0] == language and found[1] is not None and 0.5 <= found[1] <= 1


def test_nothing_is_claimed_of_text_without_a_language() -> None:
    assert identify("") == [(None, None)]
    ((language, confidence),) = identify("1234 5678 90")
    assert language is None and confidence is not None and confidence < 0.5


def test_the_confidence_decides_alone() -> None:
    ((language, confidence),) = identify(ENGLISH)
    assert language == "en" and confidence is not None
    assert identify(ENGLISH, min_confidence=confidence + 1e-6)[0] == (None, confidence)


def test_only_the_first_characters_count() -> None:
    start = (ENGLISH + " ") * 12
    assert len(start) > MAX_CHARS
    assert identify(start[:MAX_CHARS]) == identify(start + "Und dann kam der Bericht. " * 500)


def test_texts_do_not_bear_on_one_another() -> None:
    texts = [ENGLISH, "", "été à l'hôtel", "x" * 3000, ENGLISH[:40]]
    assert identify(*texts) == [identify(text)[0] for text in texts]
    assert identify_languages(pa.array(texts, TEXT).slice(2), 0.5)[1].to_pylist() == [
        identify(t)[0][1] for t in texts[2:]
    ]
