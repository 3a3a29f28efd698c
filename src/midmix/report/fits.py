"""Sections about the proxy runs: predicted against measured, and the losses themselves."""

from __future__ import annotations

from midmix.report.blocks import Chart, Grid, Queryable, Row, Section, count, fetch, number
from midmix.report.drawing import ACCENT, INK, QUIET, SHORT, Spec, axis, draw, values
from midmix.tables import TABLES

_POINTS = """
SELECT p.metric, p.law, p.run, p.measured, p.predicted FROM predictions p
JOIN laws l ON l.metric = p.metric AND l.law = p.law AND l.chosen
WHERE isfinite(p.measured) AND isfinite(p.predicted) ORDER BY 1, 2, 3 LIMIT 2000
"""


def predictions(run: Queryable) -> Section:
    """Left-out runs: predicted against measured for the law that was chosen, and every law's held-out error."""
    laws = fetch(
        run,
        "metric law runs mae spearman noise chosen",
        """SELECT metric, law, num_runs, heldout_mae, heldout_spearman, noise_sd, chosen FROM laws
        ORDER BY metric, heldout_mae, law""",
    )
    points = fetch(run, "metric law run measured predicted", _POINTS) if "predictions" in TABLES else []
    cells = [
        (
            row["metric"],
            row["law"] + (" (chosen)" if row["chosen"] else ""),
            count(row["runs"]),
            number(row["mae"]),
            number(row["spearman"], 3),
            number(row["noise"]),
        )
        for row in laws
    ]
    headings = ("metric", "law", "runs", "held-out error", "rank correlation", "noise over seeds")
    grid = Grid(headings, cells, frozenset(range(2, 6)), "Errors over left-out runs, in bits per byte")
    return Section(
        "predictions",
        "Predicted against measured",
        "Each point is a proxy run that the law had not seen when it predicted it, in bits per byte. On the line, "
        "prediction and measurement agree.",
        "No laws yet: `fit` has not run.",
        charts=[_scatter(metric, points) for metric in sorted({row["metric"] for row in points})],
        grids=[grid] if laws else [],
    )


def _scatter(metric: str, points: list[Row]) -> Chart:
    rows = [row for row in points if row["metric"] == metric]
    seen = [row[name] for row in rows for name in ("measured", "predicted")]
    margin = (max(seen) - min(seen)) * 0.06 or 0.01
    ends = [min(seen) - margin, max(seen) + margin]
    span = {"type": "quantitative", "scale": {"domain": ends, "nice": False}}
    diagonal = [{"measured": end, "predicted": end} for end in ends]
    place = {
        "x": {"field": "measured", **span, "axis": axis("measured", tickCount=4)},
        "y": {"field": "predicted", **span, "axis": axis("predicted", tickCount=4)},
    }
    spec: Spec = {
        "width": 200,
        "height": 200,
        "title": metric,
        "encoding": place,
        "layer": [
            {"data": values(diagonal), "mark": {"type": "line", "color": QUIET, "strokeDash": [4, 3]}},
            {
                "data": values(rows),
                "mark": {
                    "type": "point",
                    "filled": True,
                    "size": 40,
                    "opacity": 0.75,
                    "color": ACCENT,
                    "tooltip": True,
                },
            },
        ],
    }
    return Chart(
        draw(spec, f"predicted against measured, {metric}"), f"law {rows[0]['law']}; {len(rows)} runs", small=True
    )


_CURVES = """
WITH curves AS (SELECT metric, shape, unit, run, tokens, value,
    tokens * 60 // greatest(1, max(tokens) OVER (PARTITION BY metric, shape, unit)) AS place
  FROM losses WHERE value IS NOT NULL AND isfinite(value)),
kinds AS (SELECT run, min(role) AS role FROM designs GROUP BY ALL),
near AS (SELECT d.run FROM designs d JOIN weights w ON w.domain = d.domain AND w.mixture = 'optimum'
  WHERE d.role IN ('interior', 'space-filling', 'sequential') GROUP BY d.run
  ORDER BY sum(sqrt(d.weight * w.weight)) DESC, d.run LIMIT 3)
SELECT c.metric, c.shape, c.unit, c.run, CASE WHEN c.run IN (FROM near) THEN 'near the optimum'
  ELSE coalesce(min(k.role), 'run') END, max(c.tokens), arg_max(c.value, c.tokens)
FROM curves c LEFT JOIN kinds k ON k.run = c.run GROUP BY c.metric, c.shape, c.unit, c.run, c.place
ORDER BY c.metric, c.shape, c.unit, c.run, 6
"""
# What stands out of the other runs, in the order of the legend; colours follow it.
_SHOWN = ("control", "web", "natural", "baseline", "near the optimum")
_HUES = {name: f"var(--c{number})" for number, name in enumerate(_SHOWN, 1)}


def losses(run: Queryable) -> Section:
    """Loss against tokens for every proxy run, one drawing per metric and size; at most 60 points a curve."""
    rows = fetch(run, "metric shape unit run role tokens value", _CURVES)
    units: dict[tuple[str, str], dict[str, list[Row]]] = {}
    for row in rows:
        units.setdefault((row["metric"], row["shape"]), {}).setdefault(row["unit"], []).append(row)
    several = len({shape for _, shape in units}) > 1
    return Section(
        "losses",
        "Proxy losses",
        "Every proxy run, loss against tokens; the controls (replay alone, web alone), the natural and the baseline mixture "
        "and the three runs nearest to the optimum stand out. A curve that ends early was stopped by halving. The dashed line "
        "(a band where it changes with the mixture) is the unigram entropy of the text: a run that ends above it has learnt "
        "nothing.",
        "No losses yet: `train` has not run.",
        charts=[
            _curves(f"{metric}, {shape}" if several else metric, by_unit) for (metric, shape), by_unit in units.items()
        ],
    )


def _curves(title: str, by_unit: dict[str, list[Row]]) -> Chart:
    unit = "nats_per_token" if "nats_per_token" in by_unit else sorted(by_unit)[0]
    shown = by_unit[unit]
    roles = [role for role in _SHOWN if any(row["role"] == role for row in shown)]
    for row in shown:
        row["mixture"] = row["role"] if row["role"] in roles else "others"
    names = ["others", *roles]
    shades = [QUIET, *(_HUES[role] for role in roles)]
    curve: Spec = {
        "data": values(shown),
        "mark": {"type": "line", "point": {"size": 14}, "strokeWidth": 1.3, "tooltip": True},
        "encoding": {
            "x": {"field": "tokens", "type": "quantitative", "axis": axis("tokens", tickCount=4, labelExpr=SHORT)},
            "y": {
                "field": "value",
                "type": "quantitative",
                "scale": {"zero": False},
                "axis": axis(unit.replace("_", " "), tickCount=4),
            },
            "detail": {"field": "run"},
            "color": {
                "field": "mixture",
                "type": "nominal",
                "scale": {"domain": names, "range": shades},
                "legend": {"title": None, "columns": 3},
            },
        },
    }
    bounds = [row["value"] for row in by_unit.get("unigram_nats_per_token", [])]
    layers = [*_entropy(bounds), curve] if bounds and unit == "nats_per_token" else [curve]
    runs = len({row["run"] for row in shown})
    spec: Spec = {"width": 250, "height": 150, "title": title, "layer": layers}
    return Chart(draw(spec, f"losses of proxy runs, {title}"), f"{runs} runs", small=True)


def _entropy(bounds: list[float]) -> list[Spec]:
    """The entropy to beat: a line where all runs share it, a band where it changes with their mixture."""
    down = {"field": "least", "type": "quantitative"}
    ends = {"data": values([{"least": min(bounds), "most": max(bounds)}])}
    if max(bounds) - min(bounds) < 1e-9:
        return [{**ends, "mark": {"type": "rule", "strokeDash": [4, 3], "color": INK}, "encoding": {"y": down}}]
    band = {"type": "rect", "color": QUIET, "opacity": 0.25}
    return [{**ends, "mark": band, "encoding": {"y": down, "y2": {"field": "most"}}}]
