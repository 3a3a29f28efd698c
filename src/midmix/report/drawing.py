"""Vega-Lite specs to inline SVG: no script in the page, colours from the page's style, escaped by the renderer.

Text is measured with Liberation Sans, which the renderer brings along, so the drawing does not depend on the fonts
of the machine; the same spec gives the same bytes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import vl_convert
from markupsafe import Markup

from midmix.report.blocks import Row

Spec = dict[str, Any]

VEGA_LITE = "5.21"
COLOURS = tuple(f"var(--c{number})" for number in range(1, 9))
# 0.05, 250, 2k, 1.5M: each label on its own, unlike an axis-wide format
SHORT = "format(datum.value, abs(datum.value) < 1000 ? '~r' : '~s')"
ACCENT, ALERT, QUIET, INK = "var(--c1)", "var(--c2)", "var(--quiet)", "currentColor"
_AXIS = {
    "labelColor": INK,
    "titleColor": INK,
    "tickColor": INK,
    "domainColor": INK,
    "gridColor": INK,
    "gridOpacity": 0.12,
    "domainOpacity": 0.4,
    "tickOpacity": 0.4,
    "labelFontSize": 11,
    "titleFontSize": 11,
    "titleFontWeight": "normal",
    "labelLimit": 250,
    "labelFlush": False,
}
_CONFIG: Spec = {
    "background": None,
    "font": "Liberation Sans, Arial, Helvetica, sans-serif",
    "view": {"stroke": None},
    "axis": _AXIS,
    "legend": {
        "labelColor": INK,
        "titleColor": INK,
        "labelFontSize": 11,
        "titleFontSize": 11,
        "titleFontWeight": "normal",
        "labelLimit": 160,
        "orient": "top",
        "columns": 5,
        "symbolStrokeWidth": 2,
    },
    "title": {"color": INK, "fontSize": 12, "fontWeight": "bold", "anchor": "start", "limit": 260},
    "rule": {"color": INK},
    "text": {"color": INK, "fontSize": 11},
}
# Attributes that inline SVG does not need, and paths that draw nothing.
_NOISE = re.compile(
    r' xmlns(?::xlink)?="[^"]*"| role="[^"]*"| aria-roledescription="[^"]*"| aria-hidden="true"| pointer-events="none"'
    r'|<path class="(?:background|foreground)"[^>]*?/>'
)
_LABELLED = re.compile(r'<(path|line|text)((?: [\w-]+="[^"]*")*?) aria-label="([^"]*)"((?: [\w-]+="[^"]*")*)/>')
_LABEL = re.compile(r' aria-label="[^"]*"')


def draw(spec: Mapping[str, Any], label: str) -> Markup:
    """Inline SVG of a Vega-Lite spec whose data are inline; marks with a tooltip show it on hover, without a script."""
    whole = {"config": _CONFIG, "padding": 4, **spec}
    svg = vl_convert.vegalite_to_svg(whole, vl_version=VEGA_LITE, allowed_base_urls=[])
    svg = _LABELLED.sub(r"<\1\2\4><title>\3</title></\1>", _NOISE.sub("", svg))
    svg = _LABEL.sub("", svg)
    return Markup(svg.replace("<svg ", Markup('<svg role="img" aria-label="{}" ').format(label), 1))


def values(rows: Sequence[Row]) -> Spec:
    """Inline data."""
    return {"values": [dict(row) for row in rows]}


def colour(field: str, names: Sequence[str], title: str | None = None) -> Spec:
    """A colour per name, in the order given; the eight colours come round again."""
    shades = [COLOURS[place % len(COLOURS)] for place in range(len(names))]
    return {
        "field": field,
        "type": "nominal",
        "scale": {"domain": list(names), "range": shades},
        "legend": {"title": title} if len(names) > 1 else None,
    }


def axis(title: str | None, **more: Any) -> Spec:
    """An axis with a title."""
    return {"title": title, **more}
