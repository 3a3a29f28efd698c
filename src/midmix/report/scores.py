"""The section of score histograms, each with its rule's threshold drawn; bins are counted in SQL."""

from __future__ import annotations

import math

from midmix.report.blocks import Chart, Queryable, Row, Section, count, fetch, number, percent
from midmix.report.drawing import ACCENT, ALERT, INK, SHORT, Spec, axis, draw

NUM_BINS = 40
# A rule's values are drawn on a symmetric log axis where the largest is this many thresholds.
STRETCHED = 8
# log1p(value / scale) where stretched; the bin of a value within [low, high] on that axis.
_HISTOGRAM = f"""
WITH seen AS NOT MATERIALIZED (
    SELECT rule_set, rule, value::DOUBLE AS value, threshold::DOUBLE AS threshold, fired FROM rules
    WHERE value IS NOT NULL AND isfinite(value::DOUBLE)),
spans AS (SELECT rule_set, rule, min(value) AS least, max(value) AS most, min(threshold) AS threshold,
    count(*) AS documents, count(*) FILTER (fired) AS fired FROM seen GROUP BY ALL),
shapes AS (SELECT *, least(least, coalesce(threshold, least)) AS low, greatest(most, coalesce(threshold, most)) AS high,
    CASE WHEN threshold > 0 THEN threshold ELSE 1 END AS scale,
    least >= 0 AND most > {STRETCHED} * CASE WHEN threshold > 0 THEN threshold ELSE 1 END AS stretched FROM spans),
ends AS (SELECT *, CASE WHEN stretched THEN ln(1 + low / scale) ELSE low END AS start,
    CASE WHEN stretched THEN ln(1 + high / scale) ELSE high END AS stop FROM shapes),
placed AS (SELECT e.*, s.fired AS hit, CASE WHEN e.stop > e.start THEN least({NUM_BINS - 1}, floor({NUM_BINS} *
    ((CASE WHEN e.stretched THEN ln(1 + s.value / e.scale) ELSE s.value END) - e.start) / (e.stop - e.start)))::INTEGER
    ELSE 0 END AS bin FROM seen s JOIN ends e ON e.rule_set = s.rule_set AND e.rule = s.rule)
SELECT rule_set, rule, threshold, scale, stretched, start, stop, documents, fired, bin, count(*),
    count(*) FILTER (hit) FROM placed GROUP BY ALL ORDER BY rule_set, rule, bin
"""
_NAMES = "rule_set rule threshold scale stretched start stop documents fired bin count hit"


def scores(run: Queryable) -> Section:
    """One histogram per rule, rules that fired first."""
    rules: dict[tuple[str, str], list[Row]] = {}
    for row in fetch(run, _NAMES, _HISTOGRAM):
        rules.setdefault((row["rule_set"], row["rule"]), []).append(row)
    ordered = sorted(rules.values(), key=lambda bins: (-bins[0]["fired"], bins[0]["rule_set"], bins[0]["rule"]))
    quiet = [bins for bins in ordered if not bins[0]["fired"]]
    return Section(
        "scores",
        "Scores and thresholds",
        "The values that each rule judges, over the documents of its kind. The line is the threshold in force; bins "
        "where the rule fired are in the warning colour. Heights are on a square-root scale.",
        "No rule has values: `score` or `decide` has not run.",
        charts=[_histogram(bins) for bins in ordered if bins[0]["fired"]],
        folded=[_histogram(bins) for bins in quiet],
        folded_title=f"Rules that never fired ({len(quiet)})",
    )


def _edge(row: Row, place: int) -> float:
    at: float = row["start"] + (row["stop"] - row["start"]) * place / NUM_BINS
    return float(row["scale"] * math.expm1(at)) if row["stretched"] else at


def _histogram(bins: list[Row]) -> Chart:
    rule = bins[0]
    single = rule["stop"] <= rule["start"]
    width = max(abs(rule["start"]), 1) / 100
    bars = [
        {
            "from": _edge(row, row["bin"]) - (width if single else 0),
            "to": _edge(row, row["bin"] + 1) + (width if single else 0),
            "documents": row["count"],
            "fired": row["hit"] * 2 > row["count"],
        }
        for row in bins
    ]
    stretch = {"type": "symlog", "constant": rule["scale"]} if rule["stretched"] else {"zero": False, "nice": False}
    across = axis(None, tickCount=4, grid=False, labelExpr=SHORT)
    span = {"type": "quantitative", "scale": stretch, "axis": across}
    bar = {
        "data": {"values": bars},
        "mark": {"type": "rect", "tooltip": True},
        "encoding": {
            "x": {"field": "from", **span},
            "x2": {"field": "to"},
            "y2": {"datum": 0},
            "y": {
                "field": "documents",
                "type": "quantitative",
                "scale": {"type": "sqrt", "domainMin": 0},
                "axis": axis(None, tickCount=3, labelExpr=SHORT),
            },
            "color": {
                "field": "fired",
                "type": "nominal",
                "scale": {"domain": [False, True], "range": [ACCENT, ALERT]},
                "legend": None,
            },
        },
    }
    line: Spec = {
        "data": {"values": [{"from": rule["threshold"]}]},
        "mark": {"type": "rule", "color": INK, "strokeDash": [4, 3], "strokeWidth": 1.5},
        "encoding": {"x": {"field": "from", **span}},
    }
    name = f"{rule['rule_set']}.{rule['rule']}"
    spec: Spec = {
        "width": 210,
        "height": 90,
        "title": name,
        "layer": [bar] if rule["threshold"] is None else [bar, line],
    }
    fired = (
        f"fired on {count(rule['fired'])} of {count(rule['documents'])} ({percent(rule['fired'], rule['documents'])})"
    )
    at = "" if rule["threshold"] is None else f"threshold {number(rule['threshold'])}; "
    return Chart(draw(spec, f"histogram of {name}"), at + fired, small=True)
