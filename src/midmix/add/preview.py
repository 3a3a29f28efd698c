"""Previewing a newcomer: curation in a layer, as far as verdicts and counts of tokens; the run itself is not touched."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from midmix.add.figures import Figures, measure
from midmix.add.new_parts import counting_steps
from midmix.add.newcomer import grown_config, read_newcomer
from midmix.add.previews import FIGURES, discard_replaced, open_layer, place_of, steps_reached
from midmix.disk import write_json
from midmix.errors import DriftError
from midmix.flow import steps_between
from midmix.progress import Progress
from midmix.run import open_run
from midmix.runner import run_steps
from midmix.writer import no_writer


def preview(
    folder: Path, file: Path, *, workers: int | None = None, quiet: bool = False, debug: bool = False
) -> tuple[Path, Figures]:
    """What the newcomer of a YAML file would bring to the run in `folder`; and the layer that this was found in.

    Work that an earlier preview of the same has done is not done again. The layer is a run folder for every question.
    Raises ConfigError on the file, InputError where the run cannot take a source now.
    """
    run = open_run(folder)
    steps_reached(folder)
    newcomer = read_newcomer(file, run)
    config = grown_config(run, newcomer)
    with no_writer(folder), explained_drift(folder):
        layer = place_of(folder, newcomer)
        open_layer(layer, newcomer, config)
        if newcomer.benchmarks:
            names = ", ".join(newcomer.benchmarks)
            Progress(layer, quiet=quiet).say(f"old text is read for the added benchmarks, for these alone: {names}")
        steps = (*steps_between("ingest", "decide"), *counting_steps(config))
        run_steps(config, layer, steps, workers=workers, quiet=quiet, debug=debug)
        figures = measure(open_run(layer), folder, list(newcomer.sources))
        write_json(layer / FIGURES, figures.values(), scratch=layer / "state", sort_keys=False)
        discard_replaced(folder, layer)
    return layer, figures


@contextmanager
def explained_drift(folder: Path) -> Iterator[None]:
    """Turn DriftError, whose mend is an option of `midmix run`, into one that says what to do before adding."""
    try:
        yield
    except DriftError as error:
        raise DriftError(
            f"the run was made with other settings or another midmix, so old text would have to be read again; bring it up "
            f"to date first: midmix run CONFIG --out {folder} --rerun. In detail: {error}"
        ) from None
