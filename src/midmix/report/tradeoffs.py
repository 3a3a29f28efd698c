"""The section about what the recommendation costs: prices, the frontier of gain against retention, and its doubles."""

from __future__ import annotations

from midmix.report.blocks import Chart, Grid, Queryable, Row, Section, fetch, interval, number, percent
from midmix.report.drawing import ACCENT, Spec, axis, colour, draw, values


def tradeoffs(run: Queryable) -> Section:
    """What binds and what it costs, what more retention would cost, and how far shares may move unnoticed."""
    prices = fetch(run, "kind name price unit", "SELECT kind, name, price, unit FROM prices ORDER BY kind, name")
    points = fetch(
        run,
        "point retain allowed rise gain low high",
        "SELECT point, retain, allowed, rise, gain, gain_low, gain_high FROM frontier ORDER BY point, retain",
    )
    doubles = fetch(
        run,
        "domain weight least most",
        """SELECT domain, w.weight, least.weight, most.weight FROM weights w
        JOIN alternatives least USING (domain) JOIN alternatives most USING (domain)
        WHERE w.mixture = 'optimum' AND least.mixture = 'least:' || domain AND most.mixture = 'most:' || domain
        ORDER BY domain""",
    )
    return Section(
        "tradeoffs",
        "What it costs",
        "Constraints that bind with what easing them would bring, the best gain for every rise of the retained sets that one "
        "is ready to bear, and how far each share may go before the mixture can be told from the optimum.",
        "No prices yet: `optimize` has not run, or nothing binds.",
        charts=[_frontier_chart(points)] if points else [],
        grids=[grid(rows) for grid, rows in ((_prices, prices), (_frontier, points), (_doubles, doubles)) if rows],
    )


def _prices(rows: list[Row]) -> Grid:
    cells = [(row["kind"], row["name"], number(row["price"]), row["unit"]) for row in rows]
    return Grid(("constraint", "of", "price", "unit"), cells, frozenset({2}), "Binding constraints and their prices")


def _frontier(rows: list[Row]) -> Grid:
    cells = [
        (
            str(row["point"]),
            row["retain"],
            number(row["allowed"]),
            number(row["rise"]),
            number(row["gain"]),
            interval(row["low"], row["high"]),
        )
        for row in rows
    ]
    headings = ("point", "retained set", "rise allowed", "rise expected", "gain over replay", "90% interval")
    return Grid(headings, cells, frozenset(range(2, 6)), "The frontier, in bits per byte")


def _doubles(rows: list[Row]) -> Grid:
    cells = [(row["domain"], *(percent(row[name]) for name in ("weight", "least", "most"))) for row in rows]
    headings = ("domain", "optimum", "least", "most")
    return Grid(headings, cells, frozenset({1, 2, 3}), "Shares among mixtures that cannot be told from the optimum")


def _frontier_chart(rows: list[Row]) -> Chart:
    down = {"field": "gain", "type": "quantitative", "axis": axis("gain over replay, bits per byte", grid=True)}
    across = {"field": "rise", "type": "quantitative", "axis": axis("rise of the retained set, bits per byte")}
    hue = colour("retain", sorted({row["retain"] for row in rows}))
    layers: list[Spec] = [
        {
            "mark": {"type": "rule", "opacity": 0.35, "strokeWidth": 3, "color": ACCENT},
            "encoding": {"x": across, "y": {**down, "field": "low"}, "y2": {"field": "high"}},
        },
        {
            "mark": {"type": "line", "point": True, "tooltip": True},
            "encoding": {"x": across, "y": down, "color": hue, "order": {"field": "point"}},
        },
    ]
    spec: Spec = {"width": 520, "height": 240, "data": values(rows), "layer": layers}
    return Chart(draw(spec, "target gain against the rise of the retained sets"))
