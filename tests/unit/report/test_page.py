"""The report over small tables: every section, hostile strings, empty runs, no network, exact figures."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from midmix.report import Planted, write_report

Rows = dict[str, list[dict[str, Any]]]
Sample = Callable[..., Rows]
MakeRun = Callable[[Rows], Any]

HOSTILE = (
    "</title></style><script>alert('x')</script>\"><img src=http://evil.example/a.png onerror=alert(1)> {{ 7*7 }} ]]>&"
)
SECTIONS = (
    "evidence", "anneals", "weights", "tradeoffs", "predictions", "losses", "plan", "tokens", "sources", "drops", "ledger", "scores",
    "duplicates", "contamination", "quarantine", "made",
)  # fmt: skip


class Page(HTMLParser):
    """Tags with attributes, and the text of a page; raises nothing on its own."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text.append(data)


@pytest.fixture(scope="module")
def full_page(sample: Sample, fake_run: MakeRun, tmp_path_factory: pytest.TempPathFactory) -> str:
    destination = tmp_path_factory.mktemp("report") / "report.html"
    return write_report(fake_run(sample()), destination, [Planted("exact duplicates", 40, 38)]).read_text(
        encoding="utf-8"
    )


def section(html: str, name: str) -> str:
    """The HTML of one section."""
    return html.split(f'<section id="{name}">')[1].split("</section>")[0]


def cells(html: str) -> list[list[str]]:
    """The body cells of all tables, without tags."""
    rows = re.findall(r"<tr><td.*?</tr>", html, re.DOTALL)
    return [
        [re.sub(r"<[^>]*>", "", cell).strip() for cell in re.findall(r"<td.*?</td>", row, re.DOTALL)] for row in rows
    ]


def test_every_section_is_there_with_something_in_it(full_page: str) -> None:
    for name in ("planted", *SECTIONS):
        assert 'class="missing"' not in section(full_page, name), name
        assert f'href="#{name}"' in full_page


def test_nothing_is_loaded_from_anywhere(full_page: str) -> None:
    page = Page(full_page)
    loads = {"src", "srcset", "data", "action", "poster", "background", "xlink:href"}
    assert [
        tag for tag, _ in page.tags if tag in {"script", "link", "img", "iframe", "object", "embed", "base", "form"}
    ] == []
    assert [a for _, attributes in page.tags for a in attributes if a in loads or a.startswith("on")] == []
    assert all((attributes.get("href") or "#").startswith("#") for _, attributes in page.tags)
    assert "http" not in full_page.replace("http-equiv", "")
    assert "url(" not in full_page and "@import" not in full_page


def test_figures_are_exact(full_page: str) -> None:
    text = " ".join(Page(full_page).text)
    assert ["exact duplicates", "40", "38", "95.0%", ""] in cells(section(full_page, "planted"))
    assert re.search(r"Documents\s+400\s+4 rows in quarantine", text)
    assert re.search(r"Kept\s+300\s+75\.0%", text)
    assert re.search(r"Gain over natural\s+0\.0312\s+bits per byte \[0\.01, 0\.05\] supported", text)
    assert ["gopher.too_few_words", "20", "20.0 kB", "chats (5)"] in cells(section(full_page, "drops"))
    assert ["edit.pii.email", "crawl", "120 B"] in cells(section(full_page, "drops"))
    assert ["gsm8k", "benchmark", "20", "17", "3", "12"] in cells(section(full_page, "contamination"))
    assert ["crawl", "crawl", "near", "5.0 kB", "5", "1,250"] in cells(section(full_page, "duplicates"))
    assert ["1", "8", "6", "8"] in cells(section(full_page, "duplicates"))
    assert ["anneal", "chats", "1", "400", "25,600", "40.0%", "5"] in cells(section(full_page, "plan"))
    assert ["score", "3", "1", "5", "4,000"] in cells(section(full_page, "made"))


def test_histograms_show_thresholds_and_count_what_fired(sample: Sample, full_page: str) -> None:
    part = section(full_page, "scores")
    assert part.count("<svg") == 3
    fired = sum(row["fired"] for row in sample()["rules"] if row["rule"] == "too_few_words")
    assert f"threshold 50; fired on {fired} of 400" in part
    assert "Rules that never fired (1)" in part
    assert part.count("stroke-dasharray") == 3


def test_losses_draw_one_line_a_run_and_the_entropy_to_beat(full_page: str) -> None:
    figures = section(full_page, "losses").split("<figure>")[1:]
    assert len(figures) == 5
    assert all(figure.count("stroke-dasharray") == (0 if "set:gold" in figure else 1) for figure in figures)
    assert [figure.count('opacity="0.25"') for figure in figures] == [0, 0, 0, 0, 1]
    assert all("12 runs" in figure for figure in figures)


def test_losses_name_the_controls_and_what_is_near_the_optimum(
    full_page: str, sample: Sample, fake_run: MakeRun, tmp_path: Path
) -> None:
    part = section(full_page, "losses")
    assert all(
        f">{name}</text>" in part for name in ("control", "web", "natural", "baseline", "near the optimum", "others")
    )
    rows = sample()
    rows["losses"] += [row | {"shape": "L4"} for row in rows["losses"]]
    both = section(write_report(fake_run(rows), tmp_path / "two.html").read_text(), "losses")
    assert both.count("<figure>") == 10 and "set:gold, L4" in both and "set:gold, L2" in both


def test_micro_anneals_are_a_table_of_candidates_and_capabilities(full_page: str) -> None:
    part = cells(section(full_page, "anneals"))
    assert ["supported", "proofs 50%", "gold (target)", "0.0512", "[0.0412, 0.0612]", "0.04", "2.5", "3", "L2"] in part
    assert part[-1][1:3] == ["proofs 50% from 25% of its text", "general (retain)"]


def test_hostile_strings_stay_text(sample: Sample, fake_run: MakeRun, tmp_path: Path) -> None:
    rows = sample(80)
    for listed in rows.values():
        for row in listed:
            for name, value in row.items():
                if isinstance(value, str):
                    row[name] = f"{value} {HOSTILE}"
    html = write_report(
        fake_run(rows), tmp_path / "report.html", [Planted(HOSTILE, 1, 0, HOSTILE)], title=HOSTILE
    ).read_text()
    page = Page(html)
    assert {tag for tag, _ in page.tags} & {"script", "img", "iframe", "foreignobject", "a-b"} == set()
    assert [a for _, attributes in page.tags for a in attributes if a.startswith("on")] == []
    assert "<script" not in html and "alert(&#39;x&#39;)" in html and "49" not in section(html, "planted")
    assert sum(tag == "section" for tag, _ in page.tags) == len(SECTIONS) + 1


def test_empty_run_says_what_is_missing(fake_run: MakeRun, tmp_path: Path) -> None:
    html = write_report(fake_run({}), tmp_path / "new" / "report.html").read_text(encoding="utf-8")
    for name in SECTIONS:
        assert 'class="missing"' in section(html, name), name
    assert 'id="planted"' not in html
    assert "not decided yet" in html


@pytest.mark.parametrize(
    "left",
    [
        "documents",
        "decisions",
        "evidence",
        "weights",
        "prices",
        "frontier",
        "designs",
        "laws",
        "tokens",
        "plan",
        "evaluation_items",
    ],
)
def test_any_one_table_may_be_empty(sample: Sample, fake_run: MakeRun, left: str, tmp_path: Path) -> None:
    rows = sample(40)
    rows[left] = []
    assert write_report(fake_run(rows), tmp_path / "report.html").stat().st_size > 10_000


def test_awkward_values_do_not_break_a_drawing(sample: Sample, fake_run: MakeRun, tmp_path: Path) -> None:
    rows = sample(40)
    rule = {"rule_set": "s", "threshold": None, "fired": False}
    values = {
        "one": [3.0, 3.0],
        "nan": [math.nan, 1.0],
        "huge": [0.0, 1e18],
        "below": [-5.0, 2.0],
        "zero": [0.0, 0.0],
        "none": [None, None],
    }
    rows["rules"] = [
        {**rule, "doc": i, "rule": name, "value": v} for name, pair in values.items() for i, v in enumerate(pair)
    ]
    rows["losses"] = [
        {"metric": "set:a", "unit": "bits_per_byte", "value": v, "tokens": 0} for v in (None, math.nan, 1.0)
    ]
    rows["weights"] = [{"mixture": "optimum", "domain": "a", "weight": 1.0}]
    html = write_report(fake_run(rows), tmp_path / "report.html").read_text(encoding="utf-8")
    assert section(html, "scores").count("<svg") == 5
    drawings = "".join(re.findall(r"<svg.*?</svg>", html, re.DOTALL))
    assert "NaN" not in drawings and "Infinity" not in drawings and "undefined" not in drawings


def test_queries_bring_back_no_more_from_a_larger_run(sample: Sample, fake_run: MakeRun, tmp_path: Path) -> None:
    run = fake_run(sample(4000))
    write_report(run, tmp_path / "report.html")
    assert run.largest < 1200, "a query brought back more than a drawing needs"


def test_same_run_same_bytes_and_nothing_left_beside(sample: Sample, fake_run: MakeRun, tmp_path: Path) -> None:
    first = write_report(fake_run(sample(80)), tmp_path / "a" / "report.html")
    second = write_report(fake_run(sample(80)), tmp_path / "b" / "report.html")
    assert first.read_bytes() == second.read_bytes()
    assert [path.name for path in first.parent.iterdir()] == ["report.html"]
