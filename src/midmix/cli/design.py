"""The command that designs proxy runs: previews a design, makes it, and adds ablations, micro-anneals and sequential runs."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from midmix.cli.assigned import with_assignments
from midmix.cli.options import Debug, RunFolder, Set, app
from midmix.errors import ConfigError

if TYPE_CHECKING:
    from midmix.mixer.design.dry_run import Preview
    from midmix.run import Run


@app.command(
    epilog="Examples: midmix design my-run --dry-run --set proxy.runs=32 --check-runs 4 --check-parameters 190M --check-tokens 4B\n\n"
    "midmix design my-run --next 8, and then: midmix run config.yaml --out my-run --from train\n\n"
    "midmix design my-run --micro-anneal source=proofs --micro-anneal source=chats --share 0.3 --share 0.5 --seeds 3\n\n"
    "midmix design my-run --to olmo-core --dest jobs --checkpoint runs/stable/step90000 --tokens 4B, and then: bash jobs/run-all.sh; "
    "midmix results add my-run jobs"
)
def design(
    folder: RunFolder,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="print runs, compute and what would show; do nothing")] = False,
    next_: Annotated[int | None, typer.Option("--next", min=1, metavar="N", help="add up to N runs where they tell most", show_default=False)] = None,
    ablate: Annotated[str | None, typer.Option(metavar="source=S", help="add runs with and without it; or domain=D", show_default=False)] = None,
    micro_anneal: Annotated[list[str] | None, typer.Option(metavar="source=S", help="add runs of it beside replay", show_default=False)] = None,
    share: Annotated[list[float] | None, typer.Option(help="the candidate's share in a micro-anneal", show_default="0.5")] = None,
    pool: Annotated[list[float] | None, typer.Option(help="parts of the candidate's text to draw from", show_default="1 and 0.25")] = None,
    seeds: Annotated[int | None, typer.Option(min=1, help="seeds of an ablation or a micro-anneal", show_default="proxy.seeds")] = None,
    check_runs: Annotated[int, typer.Option(min=0, help="runs of the larger check, for --dry-run")] = 0,
    check_parameters: Annotated[str, typer.Option(help="size of its model")] = "190M",
    check_tokens: Annotated[str, typer.Option(help="tokens of each of its runs")] = "4B",
    to: Annotated[str | None, typer.Option(metavar="TRAINER", help="write a job per run: olmo-core or megatron", show_default=False)] = None,
    dest: Annotated[Path | None, typer.Option(help="folder of the jobs, a new one or one to grow", show_default=False)] = None,
    checkpoint: Annotated[Path | None, typer.Option(help="what jobs start from: a stepN, or what Megatron saved", show_default=False)] = None,
    tokens: Annotated[str | None, typer.Option(help="tokens of each job, such as 4B", show_default="mixture.tokens")] = None,
    assignments: Set = None,
    debug: Debug = False,
) -> None:  # fmt: skip
    """Design the proxy runs of a run that is tokenized: which mixtures to try, what they cost and what they can show.

    Without an option the design of the config is made, as the step design makes it. --next, --ablate and --micro-anneal add
    to it; what is added is trained by the next `midmix run … --from train`, and nothing else is trained again. `midmix
    evidence` then says what a candidate does to each target and retained set.

    --to writes the design as jobs of your own trainer into --dest: one runnable folder per run, controls and repeated seeds
    included, that anneals --checkpoint on exactly the run's mixture. Jobs shorter than the training draw from as much less of
    each domain, so that text repeats as it will. `midmix results add` takes back what they measure.
    """
    from midmix.run import open_run

    if sum((dry_run, next_ is not None, ablate is not None, bool(micro_anneal), to is not None)) > 1:
        raise ConfigError("design: --dry-run, --next, --ablate, --micro-anneal and --to exclude each other; give one")
    if to is None and (dest or checkpoint or tokens):
        raise ConfigError("design: --dest, --checkpoint and --tokens are for --to, which is not given")
    if (share or pool) and not micro_anneal:
        raise ConfigError("design: --share and --pool are for --micro-anneal, which is not given")
    run = with_assignments(open_run(folder), tuple(assignments or ()))
    if dry_run:
        _preview(run, check_runs, check_parameters, check_tokens)
    elif next_ is not None:
        _add_next(run, next_)
    elif ablate is not None:
        _add_ablation(run, ablate, seeds)
    elif micro_anneal:
        _add_micro_anneals(run, micro_anneal, share, pool, seeds)
    elif to is not None:
        _write_jobs(run, to, dest, checkpoint, tokens)
    else:
        from midmix.flow import steps_between
        from midmix.runner import run_steps

        run_steps(run.config, folder, steps_between("design", "design"), debug=debug)
        _preview(run, check_runs, check_parameters, check_tokens)


def _write_jobs(run: Run, to: str, dest: Path | None, checkpoint: Path | None, tokens: str | None) -> None:
    from midmix.measured_texts import measured_texts
    from midmix.mixer.jobs.make import CHECKPOINTS, make_jobs
    from midmix.mixer.results.result import count

    trainer = next((name for name in CHECKPOINTS if name == to), None)
    if trainer is None:
        raise ConfigError(f"--to: got {to!r}, expected {' or '.join(CHECKPOINTS)}")
    if dest is None or checkpoint is None:
        raise ConfigError("--to: needs --dest, the folder to write, and --checkpoint, what the jobs start from")
    try:
        budget = count(tokens, "tokens") if tokens else None
    except ValueError as error:
        raise ConfigError(f"--{error}") from None
    jobs = make_jobs(run, trainer, checkpoint, dest, lambda length: measured_texts(run, length), budget)
    roles = Counter(job.role for job in jobs.jobs)
    typer.echo(
        f"{dest}: {len(jobs.jobs)} jobs ({', '.join(f'{number} {role}' for role, number in roles.items())}) of "
        f"{jobs.jobs[0].tokens:,} tokens in {jobs.jobs[0].steps:,} steps, measured on "
        f"{', '.join(text.metric for text in jobs.evaluation)}"
    )
    typer.echo(f"next: bash {dest}/run-all.sh, or sbatch slurm.sh in it; then: midmix results add {run.folder} {dest}")


def _preview(run: Run, check_runs: int, check_parameters: str, check_tokens: str) -> None:
    from midmix.mixer.design.cost import Check
    from midmix.mixer.design.dry_run import preview
    from midmix.mixer.results.result import count

    check: Check | None = None
    if check_runs:
        try:
            check = Check(check_runs, count(check_parameters, "check-parameters"), count(check_tokens, "check-tokens"))
        except ValueError as error:
            raise ConfigError(f"--{error}") from None
    parameters = _proxy_parameters(run)
    _print_preview(preview(run, parameters=parameters, check=check), len(parameters))


def _proxy_parameters(run: Run) -> list[int]:
    """Parameters of one proxy at each size of the ladder, embeddings included."""
    from midmix.proxy_train.shape import Shape
    from midmix.proxy_train.start import checkpoint_settings
    from midmix.proxy_train.step import ladder_settings
    from midmix.proxy_train.tokens import load_tokenizer, num_ids

    proxy, tokenizers = run.config.require("proxy", "train"), run.config.require("tokenizers", "train")
    name = "proxy" if "proxy" in tokenizers else "main"
    folder = run.config.resolve(tokenizers[name])
    vocabulary = num_ids(load_tokenizer(name, folder))
    if proxy.checkpoint:
        path = Path(run.config.resolve(proxy.checkpoint))
        found = checkpoint_settings(path, Path(folder) / "tokenizer.json", vocabulary)
        return [Shape.from_values(found["shape"]).num_parameters]
    return [shape.num_parameters for shape, _ in ladder_settings(proxy, vocabulary=vocabulary)]


def _print_preview(found: Preview, sizes: int) -> None:
    at_sizes = f" at {sizes} sizes together" if sizes > 1 else ""
    roles = ", ".join(f"{number} {role}" for role, number in found.roles.items())
    runs = sum(found.roles.values())
    typer.echo(f"{runs} runs: {roles}")
    typer.echo(f"{found.tokens_per_run:,} tokens each, {runs * found.tokens_per_run:,} in all")
    cost = found.cost
    uses = {
        "mixtures": cost.mixtures,
        "repeats": cost.replicates,
        "the base": cost.base,
        "the larger check": cost.check,
    }
    typer.echo(
        f"{cost.run:.2e} FLOPs each{at_sizes}, {cost.total:.2e} in all (6 x parameters x tokens): "
        + ", ".join(f"{flops / cost.total:.0%} for {use}" for use, flops in uses.items() if flops)
    )
    typer.echo(f"{cost.kept_bytes / 1e6:,.1f} MB of weights kept")
    typer.echo(f"smallest gain over the {found.reference} mixture that shows (95%, four times in five), bits per byte:")
    width = max(len(name) for name in found.effects)
    for name, (prior, effect, check) in found.effects.items():
        checked = "" if check is None else f", {check:.4f} by the larger check"
        typer.echo(
            f"  {name:<{width}}  {effect.best:.4f} to {effect.typical:.4f} by the swarm{checked}  "
            f"(losses spread {prior.spread:.4f}, noise {prior.noise:.4f}: {prior.source})"
        )


def _add_next(run: Run, size: int) -> None:
    from midmix.mixer.design.grow import NewRun, add_runs
    from midmix.mixer.design.inputs import inputs_of
    from midmix.mixer.design.next_runs import next_runs
    from midmix.writer import only_writer

    found = next_runs(run, size)
    words = f"the recommended mixture is expected to lose {found.regret:.4f} bits per byte against the best candidate"
    if found.enough:
        typer.echo(f"stop: {words}, less than the noise of one run, {found.noise:.4f}. Nothing was added.")
        return
    with only_writer(run.folder):
        numbers = add_runs(
            run.folder, "sequential", [NewRun(0, w) for w in found.weights], inputs_of(run, "design").supply.domains
        )
    for number, improvement in zip(numbers, found.improvement, strict=True):
        typer.echo(f"run {number}: expected to improve the best by {improvement:.4f} bits per byte")
    typer.echo(f"{words} (noise of one run {found.noise:.4f})")
    _say_next(run)


def _add_ablation(run: Run, what: str, seeds: int | None) -> None:
    from midmix.mixer.design.ablation import ablation_runs, domain_of
    from midmix.mixer.design.grow import add_runs
    from midmix.mixer.design.inputs import inputs_of
    from midmix.writer import only_writer

    kind, _, name = what.partition("=")
    if kind not in ("source", "domain") or not name:
        raise ConfigError(f"--ablate: got {what!r}, expected source=NAME or domain=NAME")
    inputs = inputs_of(run, "design")
    domain = domain_of(name, kind, inputs.supply)
    reference = inputs.natural if inputs.baseline is None else inputs.baseline
    many = range(seeds or run.config.require("proxy", "design").seeds)
    runs = ablation_runs(reference, domain, name, many)
    with only_writer(run.folder):
        numbers = add_runs(run.folder, "ablation", runs, inputs.supply.domains)
    for number, added in zip(numbers, runs, strict=True):
        typer.echo(f"run {number}: {'with' if added.weights[domain] else 'without'} {name}, seed {added.seed}")
    _say_next(run)


def _add_micro_anneals(
    run: Run, what: list[str], shares: list[float] | None, pools: list[float] | None, seeds: int | None
) -> None:
    from midmix.mixer.design.grow import add_runs
    from midmix.mixer.design.inputs import inputs_of
    from midmix.mixer.design.micro_anneal import POOLS, SHARES, candidate_weights, in_words, micro_anneals
    from midmix.writer import only_writer

    inputs = inputs_of(run, "design")
    candidates = dict(candidate_weights(one, inputs.supply) for one in what)
    number_of_seeds = seeds or run.config.require("proxy", "design").seeds
    runs = micro_anneals(
        candidates,
        inputs.replay,
        inputs.web,
        shares=shares or SHARES,
        pools=pools or POOLS,
        seeds=range(number_of_seeds),
    )
    with only_writer(run.folder):
        numbers = add_runs(run.folder, "micro-anneal", runs, inputs.supply.domains)
    for number, added in zip(numbers, runs, strict=True):
        typer.echo(f"run {number}: {in_words(added, inputs)}, seed {added.seed}")
    if number_of_seeds < 2:
        typer.echo("with one seed the effects cannot be told from noise; add --seeds 2 or more")
    _say_next(run)


def _say_next(run: Run) -> None:
    typer.echo(f"next: midmix run CONFIG --out {run.folder} --from train")
