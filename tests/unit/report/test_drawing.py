"""Drawings: escaped, without scripts and links, with what a mark stands for shown on hover."""

from __future__ import annotations

import xml.etree.ElementTree as ET

from midmix.report.drawing import Spec, draw, values

NAME = "<b onclick=x>&\"'"


def bars() -> Spec:
    """Two bars with a hostile name."""
    return {
        "data": values([{"name": NAME, "documents": 3}, {"name": "plain", "documents": 1}]),
        "mark": {"type": "bar", "tooltip": True},
        "encoding": {"y": {"field": "name", "type": "nominal"}, "x": {"field": "documents", "type": "quantitative"}},
    }


def test_svg_is_well_formed_and_names_stay_text() -> None:
    tree = ET.fromstring(draw(bars(), NAME))
    assert tree.get("aria-label") == NAME
    assert {element.tag for element in tree.iter()} <= {"svg", "g", "path", "line", "text", "title"}
    assert NAME in [element.text for element in tree.iter("text")]


def test_every_mark_says_what_it_stands_for() -> None:
    titles = [title.text for title in ET.fromstring(draw(bars(), "bars")).iter("title")]
    assert titles == [f"documents: 3; name: {NAME}", "documents: 1; name: plain"]


def test_the_same_spec_gives_the_same_bytes() -> None:
    assert draw(bars(), "bars") == draw(bars(), "bars")
    assert "http" not in draw(bars(), "bars")
