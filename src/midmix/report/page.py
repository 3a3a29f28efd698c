"""The whole report: every section of a run in one HTML file, without scripts and without a network."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import jinja2

from midmix.report import curation, fits, headline, mixture, outcome, scores, tradeoffs
from midmix.report.blocks import Planted, Queryable, tone


def write_report(
    run: Queryable, destination: Path, planted: Sequence[Planted] = (), title: str = "midmix report"
) -> Path:
    """Write the report of a run to `destination`, atomically, and return that path.

    Queries aggregate in SQL; no table is loaded whole. `planted` adds the comparison with an answer sheet. The same
    run gives the same bytes, but for the table of steps, which holds processor times.
    """
    sections = [
        mixture.evidence(run),
        mixture.anneals(run),
        mixture.weights(run),
        tradeoffs.tradeoffs(run),
        fits.predictions(run),
        fits.losses(run),
        outcome.plan(run),
        outcome.tokens(run),
        curation.sources(run),
        curation.drops(run),
        curation.ledger(run),
        scores.scores(run),
        curation.duplicates(run),
        curation.contamination(run),
        curation.quarantine(run),
        outcome.made(run),
    ]
    if planted:
        sections.insert(0, headline.planted(planted))
    sections.sort(key=lambda section: section.empty)  # what no step has made yet stands last
    loader = jinja2.FileSystemLoader(Path(__file__).parent)
    environment = jinja2.Environment(loader=loader, autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True)
    environment.filters["tone"] = tone
    page = environment.get_template("page.html.j2").render(
        title=title, figures=headline.figures(run), verdict=headline.verdict(run), sections=sections
    )
    destination.parent.mkdir(parents=True, exist_ok=True)
    partial = destination.with_name(f".{destination.name}.{os.getpid()}.part")
    partial.write_text(page, encoding="utf-8", errors="replace")
    partial.replace(destination)
    return destination
