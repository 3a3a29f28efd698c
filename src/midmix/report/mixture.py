"""Sections about the recommendation: evidence, micro-anneals, and weights with intervals."""

from __future__ import annotations

from midmix.report.blocks import Chart, Grid, Queryable, Row, Section, fetch, interval, number, percent
from midmix.report.drawing import ACCENT, INK, Spec, axis, colour, draw, values

# Order in which mixtures are drawn and listed; others follow by name.
MIXTURES = ("optimum", "baseline", "natural", "replay", "uniform", "temperature", "unimax")


def evidence(run: Queryable) -> Section:
    """Each claim with its value, interval and verdict; the overall ones first."""
    rows = fetch(
        run,
        "subject claim verdict value low high unit words",
        """SELECT subject, claim, verdict, value, low, high, unit, words FROM evidence
        ORDER BY subject <> 'overall', claim <> 'verdict', subject, claim""",
    )
    cells = [
        (row["verdict"], row["subject"], row["words"], _valued(row), interval(row["low"], row["high"])) for row in rows
    ]
    headings = ("verdict", "about", "claim", "value", "90% interval")
    return Section(
        "evidence",
        "Evidence",
        "What the recommendation rests on. A claim that the runs cannot carry reads “not supported”.",
        "No evidence yet: `optimize` has not run.",
        grids=[Grid(headings, cells, frozenset({3, 4}))] if rows else [],
    )


def _valued(row: Row) -> str:
    return "–" if row["value"] is None else f"{number(row['value'])} {row['unit'] or ''}".strip()


def anneals(run: Queryable) -> Section:
    """What each candidate did beside replay, by capability."""
    rows = fetch(
        run,
        "candidate share pool shape capability role epochs seeds gain low high web verdict",
        """SELECT candidate, share, pool, shape, capability, role, epochs, seeds, gain, low, high, gain_over_web, verdict
        FROM anneals ORDER BY shape, candidate, share, pool DESC, role DESC, capability""",
    )
    cells = [
        (
            row["verdict"],
            f"{row['candidate']} {row['share']:.0%}"
            + (f" from {row['pool']:.0%} of its text" if row["pool"] < 1 else ""),
            f"{row['capability']} ({row['role']})",
            number(row["gain"]),
            interval(row["low"], row["high"]),
            number(row["web"]),
            number(row["epochs"], 2),
            str(row["seeds"]),
            row["shape"],
        )
        for row in rows
    ]
    headings = (
        "verdict",
        "candidate",
        "capability",
        "gain",
        "90% interval",
        "over web alone",
        "epochs",
        "seeds",
        "model",
    )
    return Section(
        "anneals",
        "Micro-anneals",
        "A candidate beside replay against replay alone, at the same budget and with the same seeds: the fall of the loss in "
        "bits per byte. For a target the verdict is that it falls, for a retained set that it keeps its bound.",
        "No micro-anneals yet: `midmix design RUN --micro-anneal source=NAME` adds them.",
        grids=[Grid(headings, cells, frozenset({3, 4, 5, 6, 7}))] if rows else [],
    )


def weights(run: Queryable) -> Section:
    """The chosen weights with intervals and caps, against the mixtures that they are compared with."""
    rows = fetch(
        run,
        "mixture domain weight low high cap at_cap epochs",
        "SELECT mixture, domain, weight, low, high, cap, at_cap, epochs FROM weights ORDER BY mixture, domain",
    )
    names = _ordered({row["mixture"] for row in rows})
    return Section(
        "weights",
        "Chosen weights",
        "The optimum with its 90% interval (bar) beside the mixtures that it is compared with. A vertical "
        "tick is the largest share that the domain's tokens and its cap on epochs allow.",
        "No weights yet: `optimize` has not run.",
        charts=[_dots(rows, names)] if rows else [],
        grids=[_shares(rows, names), _optimum(rows)] if rows else [],
    )


def _ordered(names: set[str]) -> list[str]:
    return [name for name in MIXTURES if name in names] + sorted(names - set(MIXTURES))


def _dots(rows: list[Row], names: list[str]) -> Chart:
    domains = sorted({row["domain"] for row in rows})
    chosen = [row for row in rows if row["mixture"] == "optimum"]
    others = [row for row in rows if row["mixture"] != "optimum"]
    down = {
        "field": "domain",
        "type": "nominal",
        "scale": {"domain": domains},
        "axis": axis(None, grid=True, ticks=False, domain=False),
    }
    across = {"field": "weight", "type": "quantitative", "axis": axis("share of tokens", format="%")}
    hue = colour("mixture", names)
    form = {"field": "mixture", "type": "nominal", "scale": {"domain": names}, "legend": hue["legend"]}
    point = {"type": "point", "size": 60, "strokeWidth": 1.8, "tooltip": True}
    layers: list[Spec] = [
        {
            "data": values(others),
            "mark": point,
            "encoding": {
                "y": down,
                "x": across,
                "color": hue,
                "shape": form,
            },
        },
        {
            "data": values([row for row in chosen if row["low"] is not None and row["high"] is not None]),
            "mark": {"type": "bar", "height": 8, "opacity": 0.35, "color": ACCENT, "tooltip": True},
            "encoding": {"y": down, "x": {**across, "field": "low"}, "x2": {"field": "high"}},
        },
        {
            "data": values([row for row in chosen if row["cap"] is not None and row["cap"] < 1]),
            "mark": {"type": "tick", "color": INK, "thickness": 2, "size": 20, "tooltip": True},
            "encoding": {"y": down, "x": {**across, "field": "cap"}},
        },
        {
            "data": values(chosen),
            "mark": {"type": "point", "filled": True, "size": 110, "opacity": 1, "tooltip": True},
            "encoding": {"y": down, "x": across, "color": hue, "shape": form},
        },
    ]
    spec: Spec = {"width": 560, "height": {"step": 34}, "layer": layers}
    return Chart(draw(spec, "chosen weights with intervals, and other mixtures"))


def _shares(rows: list[Row], names: list[str]) -> Grid:
    shares = {(row["domain"], row["mixture"]): row["weight"] for row in rows}
    domains = sorted({row["domain"] for row in rows})
    cells = [(domain, *(percent(shares.get((domain, name))) for name in names)) for domain in domains]
    return Grid(("domain", *names), cells, frozenset(range(1, len(names) + 1)), "Shares of tokens, by mixture")


def _optimum(rows: list[Row]) -> Grid:
    chosen = [row for row in rows if row["mixture"] == "optimum"]
    cells = [
        (
            row["domain"],
            percent(row["weight"]),
            "–" if row["low"] is None else f"{percent(row['low'])} to {percent(row['high'])}",
            percent(row["cap"]) + (" (binds)" if row["at_cap"] else ""),
            number(row["epochs"], 3),
        )
        for row in chosen
    ]
    return Grid(("domain", "optimum", "90% interval", "cap", "epochs"), cells, frozenset(range(1, 5)), "The optimum")
