"""One batch of proxies from its settings to its rows of LOSSES; a worker process does it whole."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import torch
from threadpoolctl import threadpool_limits

from midmix.proxy_train.device import held_device
from midmix.proxy_train.halving import Halving, halvings_table, stopped_after
from midmix.proxy_train.losses import curve_values, losses_table, unigram_values
from midmix.proxy_train.memory import refuse_too_large
from midmix.proxy_train.model import Models
from midmix.proxy_train.pool import Feed, Run, make_feed
from midmix.proxy_train.recipe import Recipe
from midmix.proxy_train.resume import Resume
from midmix.proxy_train.shape import Shape
from midmix.proxy_train.shards import Shards
from midmix.proxy_train.sources import end_of_text, open_shards, open_sources, open_tokenizer
from midmix.proxy_train.start import read_start
from midmix.proxy_train.swarm import Swarm
from midmix.proxy_train.tokens import num_ids
from midmix.proxy_train.trained import keep_base, keep_proxies
from midmix.proxy_train.training import train_to_the_end
from midmix.tables import HALVINGS, LOSSES
from midmix.tables.proxies import SEED
from midmix.task import Output, Task


def train_runs(task: Task, output: Output) -> None:
    """Train the runs of a batch and write their LOSSES, HALVINGS and PROXIES.

    `task.extra` holds the tokenizer's folder and, by their hashes, the paths of what runs start from.
    """
    settings = task.settings
    runs = [Run(**run) for run in settings["runs"]]
    with torch_threads(settings["threads"]), held_device() as device:
        sources = open_sources(task)
        swarm = start_swarm(task, runs, sources.vocabulary, sources.train, device)
        steps, shape = swarm.recipe.steps, swarm.models.shape
        halving = Halving.of(settings.get("halving"), steps)
        resume = Resume.of(task, steps, device)
        course = train_to_the_end(swarm, runs, sources.curve, sources.final, halving, resume)
    tokens_per_step = settings["batch_sequences"] * settings["sequence_length"]
    values = [*curve_values(course.measured), *unigram_values(runs, sources.final, sources.shares, swarm.step)]
    stopped = stopped_after(course.judged)
    output.table(LOSSES, losses_table(values, runs, shape, tokens_per_step, stopped))
    if course.judged:
        output.table(HALVINGS, halvings_table(course.judged, shape.name))
    keep_proxies(task, output, swarm, runs, course.places, sources.end_of_text)
    resume.remove()


@contextmanager
def torch_threads(threads: int) -> Iterator[None]:
    """Torch and BLAS on so many threads: a setting, since they change the order of sums; put back, since the worker does other steps too."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        with threadpool_limits(threads, user_api="blas"):
            yield
    finally:
        torch.set_num_threads(before)


def train_stand_in(task: Task, output: Output) -> None:
    """Train a stand-in base and write it into PROXIES, with its moments. `task.extra` as above."""
    settings = task.settings
    runs = [Run(**run) for run in settings["runs"]]
    with torch_threads(settings["threads"]), held_device() as device:
        vocabulary = num_ids(open_tokenizer(task))
        train = open_shards(task, vocabulary, "train")
        swarm = start_swarm(task, runs, vocabulary, train, device)
        resume = Resume.of(task, swarm.recipe.steps, device)
        train_to_the_end(swarm, runs, (), (), Halving.of(None, swarm.recipe.steps), resume)
    keep_base(task, output, swarm, end_of_text(train))
    resume.remove()


def start_swarm(
    task: Task, runs: Sequence[Run], vocabulary: int, train: Mapping[str, Shards], device: torch.device
) -> Swarm:
    """The runs of a batch before their first step, all from the same start."""
    settings = task.settings
    shape = Shape.from_values({"vocabulary": vocabulary, **settings["shape"]})
    refuse_too_large(shape, len(runs), device)
    tokens_per_step = settings["batch_sequences"] * settings["sequence_length"]
    steps = max(1, settings["tokens"] // tokens_per_step)
    feed = make_feed(
        train, runs, length=settings["sequence_length"], batch_sequences=settings["batch_sequences"],
        steps=steps, target_tokens=settings["target_tokens"], device=device,
    )  # fmt: skip
    recipe = Recipe(
        steps=steps,
        learning_rates=(settings["learning_rate"],) * len(runs),
        clips=(settings["clip"],) * len(runs),
        **{
            name: settings[name]
            for name in ("warmup_fraction", "decay_fraction", "weight_decay", "decay", "end_fraction")
        },
    )
    if settings["start"]["kind"] == SEED:
        return Swarm(Models.start(shape, [run.stream for run in runs], device=device), feed, recipe)
    return branch(Path(task.extra["starts"][settings["start"]["sha256"]]), shape, feed, recipe)


def branch(path: Path, shape: Shape, feed: Feed, recipe: Recipe) -> Swarm:
    """A swarm whose every run starts from the checkpoint at `path`, with its moments where it has them."""
    start = read_start(path, shape)
    rows_MP = start.row_P.to(feed.rows_MS.device).repeat(len(feed.rows_MS), 1)
    swarm = Swarm(Models(shape, rows_MP), feed, recipe)
    if start.mean_P is not None and start.square_P is not None:
        swarm.set_state(
            swarm.state() | {"mean": start.mean_P, "square": start.square_P, "steps": torch.tensor(start.steps)}
        )
    return swarm
