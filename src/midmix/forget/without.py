"""The run without a source, in a layer below it: curation and plan made again where they change, nothing read again."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from midmix.add.preview import explained_drift
from midmix.add.previews import (
    FIGURES,
    FOLDER,
    discard,
    found_layer,
    is_of_files,
    refuse_changes,
    state_of,
    steps_reached,
)
from midmix.config import Config
from midmix.curation.ingest.files import raw_files
from midmix.disk import write_json
from midmix.errors import ConfigError
from midmix.flow import Step, steps_between
from midmix.forget.config import config_without
from midmix.forget.findings import Findings, find
from midmix.forget.receipts import RECEIPTS
from midmix.forget.weights import publish_weights
from midmix.layer import WAY
from midmix.run import open_run
from midmix.runner import run_steps
from midmix.table_manifest import is_made
from midmix.tables import PLAN
from midmix.writer import no_writer


def make_without(
    folder: Path, source: str, *, workers: int | None = None, quiet: bool = False, debug: bool = False
) -> tuple[Path, Findings]:
    """The layer in which the run has forgotten `source`, and what stays of it. The run itself is not touched.

    Raises ConfigError for an unknown source or one without which the plan cannot be, InputError where the run did not
    reach decide or its other sources have changed.
    """
    run = open_run(folder)
    steps = steps_reached(folder)
    if source in run.config.sources and run.config.sources[source].forgotten:
        raise ConfigError(f"--source: {source!r} is forgotten already; see {folder / RECEIPTS}")
    config = config_without(run.config, source)
    with no_writer(folder), explained_drift(folder):
        layer = _open(folder, source, config)
        run_chain(config, layer, steps, source, workers=workers, quiet=quiet, debug=debug)
        findings = find(run, open_run(layer), source)
        write_json(layer / FIGURES, findings.values(), scratch=layer / "state", sort_keys=False)
    return layer, findings


def run_chain(
    config: Config, folder: Path, steps: tuple[Step, ...], source: str, *, workers: int | None, quiet: bool, debug: bool
) -> None:
    """Do the steps of curation, and the plan where the run has one, with the weights that are left."""
    run_steps(config, folder, steps, workers=workers, quiet=quiet, debug=debug)
    if is_made(folder, PLAN.name):
        publish_weights(folder, source)
        run_steps(config, folder, steps_between("plan", "plan"), workers=workers, quiet=quiet, debug=debug)


def _open(folder: Path, source: str, config: Config) -> Path:
    """The layer of this source for the state that the run is in, laid down anew where it is of other files."""
    asked = json.dumps(["forget", source, state_of(folder)])
    layer = folder / FOLDER / f"without-{source}-{hashlib.sha256(asked.encode()).hexdigest()[:8]}"
    if not (layer / WAY).exists():
        found_layer(layer, folder, {"forgets": [source]})
    files = raw_files(config, layer)
    refuse_changes(folder, files, forgotten=source)
    if not is_of_files(layer, files):
        discard(layer)
        found_layer(layer, folder, {"forgets": [source]})
    return layer
