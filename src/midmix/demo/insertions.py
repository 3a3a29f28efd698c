"""Planted inside documents: benchmark items, e-mail addresses and keys (made up), boilerplate lines, mojibake."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence

from midmix.demo.draw import Draw
from midmix.demo.evaluation import Item
from midmix.demo.pool import Pool
from midmix.demo.problems import Exercise
from midmix.demo.record import Planted, Record
from midmix.demo.wording import ANIMALS, COLOURS, NAMES, THINGS

BENCHMARK = "minigsm"
MIN_WORDS = 5  # an answer of fewer words is not planted alone
_UPPER_DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
_ALNUM = _UPPER_DIGITS + "abcdefghijklmnopqrstuvwxyz"
_BASE64 = _ALNUM + "+/"
_LINES = (
    "We use cookies to improve your visit. Accept all or change your settings.",
    "By going on you agree to our privacy policy.",
    "Subscribe to our newsletter and never miss a post!",
    "Read the terms of use before you download anything.",
    "This site uses cookies for statistics and sign-in.",
    "See our cookie policy for details.",
    "Share | Print | Privacy policy | Contact us",
    "Copyright 2026 The Example Times. All rights reserved.",
    "Terms of use - Imprint - Help",
    "The use of cookies can be switched off in your browser.",
)
# UTF-8 of these, read as Windows-1252, has no undefined byte.
_ACCENTS = str.maketrans({"'": "’", '"': "“", "-": "–", "e": "é", "a": "á", "o": "ö", "u": "ü", "c": "ç", "n": "ñ"})


def leaks(pool: Pool, bench: Sequence[Item], count: int, draw: Draw) -> Iterator[Planted]:
    """Benchmark items put verbatim into documents: questions, answers, or both; items in turn, so that all kinds occur."""
    order = draw.shuffled(range(len(bench)))
    for number in range(count):
        item = order[number % len(order)]
        host = pool.take(draw.pick(("crawl", "crawl", "repos", "proofs", "problems")))
        answer_tells = _num_words(bench[item]["answer"]) >= MIN_WORDS
        fields = draw.pick(
            (("question",), ("answer",), ("question", "answer"))
            if answer_tells
            else (("question",), ("question", "answer"))
        )
        _embed(host, [bench[item][name] for name in fields], draw)
        for name in fields:
            words = _num_words(bench[item][name])
            detail = {"set": BENCHMARK, "item": item, "field": name, "words": words}
            yield Planted("leak", host, detail=detail)


def _num_words(text: str) -> int:
    return len(re.findall(r"\w+", text))


def _embed(host: Record, texts: list[str], draw: Draw) -> None:
    """Put the texts into the host, each between white space, in a form that suits the source."""
    if host.exercise is not None:
        item = host.exercise
        lead = draw.pick(("One more:", "Compare with this one:", "Extra task:", "See also"))
        host.exercise = Exercise(
            item.family, item.question, f"{item.answer}\n\n{lead} " + "\n".join(texts), item.result
        )
        host.text = host.exercise.text
    elif host.source == "repos":
        body = "\n".join(texts)
        host.text += f'\n\nEXAMPLE_{draw.between(10, 99)} = """\n{body}\n"""\n'
    else:
        marks = ("Q: ", "A: ") if len(texts) == 2 and draw.chance(0.5) else (draw.pick(("", "", "- ", "> ")), "")
        pieces = host.text.split("\n\n")
        at = draw.between(0, len(pieces))
        inserted = [mark + text for mark, text in zip(marks, texts, strict=False)]
        host.text = "\n\n".join([*pieces[:at], *inserted, *pieces[at:]])


def secrets(pool: Pool, count: int, draw: Draw) -> Iterator[Planted]:
    """Made-up addresses and keys put between words of documents, with the bytes where each stands."""
    for number in range(count):
        host = pool.take(draw.pick(("crawl", "crawl", "repos", "proofs")))
        what = ("email", "email", "aws", "github", "sk", "pem")[number % 6]
        values = [_secret(what, draw) for _ in range(1 if what == "pem" else draw.between(1, 3))]
        for value in values:
            host.text = _insert_secret(host, what, value, draw)
        for value in values:
            start = len(host.text[: host.text.index(value)].encode())
            detail = {"what": what, "value": value, "start_byte": start, "end_byte": start + len(value.encode())}
            yield Planted("secret", host, detail=detail)


def _secret(what: str, draw: Draw) -> str:
    if what == "email":
        user = f"{draw.pick(NAMES)}{draw.pick('._-')}{draw.pick(ANIMALS)}{draw.between(2, 999)}".lower()
        return f"{user}@{draw.pick(COLOURS)}-{draw.pick(THINGS).replace('-', '')}.{draw.pick(('test', 'example', 'example.org', 'invalid'))}"
    if what == "pem":
        lines = ["".join(draw.pick(_BASE64) for _ in range(64)) for _ in range(draw.between(6, 14))]
        name = draw.pick(("RSA PRIVATE KEY", "PRIVATE KEY", "EC PRIVATE KEY"))
        return "\n".join([f"-----BEGIN {name}-----", *lines, f"-----END {name}-----"])
    prefix, alphabet, length = {
        "aws": ("AKIA", _UPPER_DIGITS, 16),
        "github": ("ghp_", _ALNUM, 36),
        "sk": ("sk-", _ALNUM, 48),
    }[what]
    return prefix + "".join(draw.pick(alphabet) for _ in range(length))


def _insert_secret(host: Record, what: str, value: str, draw: Draw) -> str:
    """The host's text with the value on a line of its own where that reads better, else between two words."""
    if what == "pem" or host.source == "repos":
        lines = host.text.split("\n")
        at = draw.between(0, len(lines))
        shown = (
            value
            if what == "pem"
            else draw.pick((f"# contact: {value}", f'TOKEN = "{value}"', f"# {value} (do not commit)"))
        )
        return "\n".join([*lines[:at], shown, *lines[at:]])
    gaps = [match.start() for match in re.finditer(r"(?<=[a-z]) (?=[a-z])", host.text)] or [len(host.text)]
    at = draw.pick(gaps)
    return f"{host.text[:at]} {value}{host.text[at:]}" if at < len(host.text) else f"{host.text} {value}"


def boilerplate(pool: Pool, count: int, draw: Draw) -> Iterator[Planted]:
    """Lines of cookie banners, policies and newsletters put between the lines of prose."""
    for _ in range(count):
        host = pool.take("crawl")
        lines = draw.sample(_LINES, draw.between(1, 3))
        for line in lines:
            rows = host.text.split("\n")
            at = draw.between(0, len(rows))
            host.text = "\n".join([*rows[:at], line, *rows[at:]])
        yield Planted("boilerplate", host, detail={"lines": lines})


def mojibake(pool: Pool, count: int, draw: Draw) -> Iterator[Planted]:
    """Prose whose accents and quotes were written as UTF-8 and read as Windows-1252."""
    for _ in range(count):
        host = pool.take("crawl")
        words = host.text.encode("ascii", "ignore").decode().split(" ")
        garbled = 0
        for place in draw.sample(range(len(words)), max(8, len(words) // draw.between(6, 20))):
            accented = words[place].translate(_ACCENTS)
            garbled += accented != words[place]
            words[place] = accented.encode("utf-8").decode("cp1252")
        host.text = " ".join(words)
        yield Planted("mojibake", host, detail={"words": garbled})


def detail_json(planted: Planted) -> str:
    """The details of a planted item as compact JSON."""
    return json.dumps(planted.detail, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
