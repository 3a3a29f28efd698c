"""Batches that go on from a checkpoint, or from where a process was killed, against those that never stopped."""

from pathlib import Path

import numpy as np
import pytest
import torch

from midmix.proxy_train.batch import branch
from midmix.proxy_train.course import Course
from midmix.proxy_train.halving import Halving
from midmix.proxy_train.model import Models
from midmix.proxy_train.pool import Feed, Run
from midmix.proxy_train.recipe import Recipe
from midmix.proxy_train.resume import Resume
from midmix.proxy_train.shape import Shape
from midmix.proxy_train.start import Start, write_proxy
from midmix.proxy_train.swarm import Swarm
from midmix.proxy_train.texts import Text, Window
from midmix.proxy_train.training import train_to_the_end
from midmix.within import Within, read_said

SHAPE = Shape(layers=2, width=16, feed_forward=24, heads=2, vocabulary=50)
STEPS = 40
RUNS = [Run(number, 0, 0, {}) for number in range(4)]
CURVE, FINAL = [Text("set:a", (Window(np.arange(5), 0),), 4)], [Text("set:a", (Window(np.arange(9), 0),), 8)]
HALVING = {"fractions": [0.3], "weights": {"set:a": 1.0}}
NO_FACTS = {"tokenizer_identity": "", "tokens": 0, "sequence_length": 8, "end_of_text": 0}


def _feed(first: int = 0, runs: int = 4) -> Feed:
    generator = torch.Generator().manual_seed(0)
    blocks = torch.randint(50, (60, 9), generator=generator, dtype=torch.int32)
    rows = torch.randint(60, (runs, STEPS * 2), generator=generator)
    return Feed(blocks=blocks, rows_MS=rows[:, first * 2 :], batch_sequences=2)


def _recipe(steps: int = STEPS, runs: int = 4, warmup: float = 0.1, decay: float = 0.5) -> Recipe:
    return Recipe(
        steps=steps, learning_rates=(1e-2,) * runs, clips=(1.0,) * runs, warmup_fraction=warmup, decay_fraction=decay,
        weight_decay=0.1,
    )  # fmt: skip


def _swarm() -> Swarm:
    return Swarm(Models.start(SHAPE, [1, 1, 2, 3], device=torch.device("cpu")), _feed(), _recipe())


def _resume(folder: Path, identity: str = "same") -> Resume:
    return Resume(folder / "state.safetensors", folder / "scratch", identity, Within(folder, "batch-000", STEPS))


def _train(folder: Path, *, halving: bool = False, identity: str = "same", dies_at: int = 0) -> tuple[Swarm, Course]:
    swarm, resume = _swarm(), _resume(folder, identity)
    advance = swarm.advance

    def mortal() -> torch.Tensor:
        if swarm.step == dies_at:
            raise KeyboardInterrupt
        return advance()

    if dies_at:
        swarm.advance = mortal  # type: ignore[method-assign]
    halves = Halving.of(HALVING if halving else None, STEPS)
    return swarm, train_to_the_end(swarm, RUNS, CURVE, FINAL, halves, resume)


def _assert_same(first: tuple[Swarm, Course], second: tuple[Swarm, Course]) -> None:
    assert torch.equal(first[0].models.rows_MP, second[0].models.rows_MP)
    assert first[1].places == second[1].places and first[1].judged == second[1].judged
    for one, two in zip(first[1].measured, second[1].measured, strict=True):
        assert one.step == two.step
        np.testing.assert_array_equal(one.nats_MX, two.nats_MX)


def test_measurements_are_at_eight_points_and_the_end(tmp_path: Path) -> None:
    _, course = _train(tmp_path)
    assert [m.step for m in course.measured] == [4, 9, 13, 18, 22, 27, 31, 36, 40, 40]
    assert [m.texts is FINAL for m in course.measured] == [False] * 9 + [True]
    assert len({float(m.nats_MX[0, 0]) for m in course.measured}) == 10


@pytest.mark.parametrize("halving", [False, True])
def test_killed_at_any_step_and_resumed_is_bitwise_the_undisturbed_batch(
    halving: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("midmix.proxy_train.resume.MOST_TIME", 1e9)
    undisturbed = _train(tmp_path / "undisturbed", halving=halving)
    assert len(undisturbed[1].places) == (2 if halving else 4)
    for step in (3, 5, 12, 13, 25, 39):
        with pytest.raises(KeyboardInterrupt):
            _train(tmp_path / "killed", halving=halving, dies_at=step)
    _assert_same(_train(tmp_path / "killed", halving=halving), undisturbed)
    said, _ = read_said(tmp_path / "killed", 0)
    steps = [4, 12 if halving else 9, 13, 22, 36]
    assert said == [f"batch-000: goes on from step {step}" for step in steps]


def test_a_damaged_or_foreign_state_is_not_gone_on_from_which_is_said(tmp_path: Path) -> None:
    undisturbed = _train(tmp_path / "undisturbed")
    with pytest.raises(KeyboardInterrupt):
        _train(tmp_path, dies_at=20)
    file = tmp_path / "state.safetensors"
    whole = file.read_bytes()
    file.write_bytes(whole[:-1])
    _assert_same(_train(tmp_path), undisturbed)
    file.write_bytes(whole)
    _assert_same(_train(tmp_path, identity="other"), undisturbed)
    said, _ = read_said(tmp_path, 0)
    assert len(said) == 2 and all("starts again" in line for line in said)
    assert "cannot be read" in said[0] and "other settings" in said[1]


def test_our_checkpoint_continued_is_bitwise_the_run_that_never_stopped(tmp_path: Path) -> None:
    whole = Swarm(Models.start(SHAPE, [7], device=torch.device("cpu")), _feed(runs=1), _recipe(runs=1))
    path = tmp_path / "base.safetensors"
    for step in range(STEPS):
        if step == STEPS // 2:  # the end of the stable phase
            state = whole.state()
            start = Start(state["weights"][0], state["mean"][0], state["square"][0], int(state["steps"]))
            write_proxy(path, start, SHAPE, NO_FACTS)
        whole.advance()
    recipe = _recipe(STEPS // 2, runs=1, warmup=0.0, decay=1.0)
    branched = branch(path, SHAPE, _feed(STEPS // 2, runs=1), recipe)
    for _ in range(STEPS // 2):
        branched.advance()
    assert torch.equal(branched.models.rows_MP, whole.models.rows_MP)
    assert torch.equal(branched.state()["square"], whole.state()["square"])


@pytest.mark.parametrize("moments", [True, False])
def test_runs_from_one_checkpoint_are_equal_until_their_mixtures_differ(moments: bool, tmp_path: Path) -> None:
    row = Models.start(SHAPE, [7], device=torch.device("cpu")).rows_MP[0].detach()
    path = tmp_path / "base.safetensors"
    start = Start(row, 1e-3 * torch.ones_like(row), 1e-4 * torch.ones_like(row), 9) if moments else Start(row)
    write_proxy(path, start, SHAPE, NO_FACTS)
    feed = _feed()
    feed.rows_MS[1] = feed.rows_MS[0]
    feed.rows_MS[2, :8] = feed.rows_MS[0, :8]
    swarm = branch(path, SHAPE, feed, _recipe(warmup=0.0, decay=1.0))
    state = swarm.state()
    assert int(state["steps"]) == (9 if moments else 0)
    assert torch.equal(state["weights"], row.expand(4, -1)) and bool(state["mean"].any()) == moments
    at_start = swarm.measure(FINAL).nats_MX
    assert (at_start == at_start[0]).all()
    equal = []
    for _ in range(6):
        swarm.advance()
        rows = swarm.models.rows_MP
        equal.append([torch.equal(rows[0], rows[m]) for m in (1, 2, 3)])
    assert equal == [[True, True, False]] * 4 + [[True, False, False]] * 2
