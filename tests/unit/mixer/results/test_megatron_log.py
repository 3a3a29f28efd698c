"""Megatron's log in the form that its source prints."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from midmix.mixer.jobs.manifest import Evaluation, Job
from midmix.mixer.results.megatron_log import read_log

Texts = tuple[Evaluation, ...]
SIZES = """\
 > number of parameters on (tensor, pipeline) model parallel rank (0, 0): 1000
 > number of parameters on (tensor, pipeline) model parallel rank (1, 0): 234
 > number of parameters on (tensor, pipeline) model parallel rank (1, 0): 234
"""


def iteration(number: int, of: int = 2) -> str:
    return (
        f" [2026-03-01 10:00:0{number}] iteration {number:8d}/{of:8d} | consumed samples: {number * 4:12d} | elapsed time per "
        f"iteration (ms): 12.3 | learning rate: 1.500000E-04 | global batch size:     4 | lm loss: 2.5E+00 | loss scale: 1.0 | "
        f"grad norm: 0.512 | number of skipped iterations:   0 | number of nan iterations:   0 |\n"
    )


def validation(number: int, loss: str, at: int = 2, on: str = "validation") -> str:
    line = (
        f" validation-{number} loss at iteration {at} on {on} set | lm loss value: {loss} | lm loss PPL: 1.2E+01 | \n"
    )
    return f"{'-' * 40}\n{line}{'-' * 40}\n"


def test_losses_of_shards_are_a_mean_over_sequences(tmp_path: Path, job: Job, evaluation: Texts) -> None:
    path = tmp_path / "log.txt"
    sets = validation(0, "2.500000E+00") + validation(1, "2.000000E+00") + validation(2, "4.000000E+00")
    path.write_text(SIZES + iteration(1) + iteration(2) + sets + validation(0, "9.0E+00", on="test"))
    found = read_log(path, job, evaluation)
    assert found.parameters == 1234
    assert found.losses[2] == {"domain:code": 2.5, "domain:web": 2.5}  # (12 x 2 + 4 x 4) / 16


def test_a_metric_that_lacks_a_shard_is_left_out(tmp_path: Path, job: Job, evaluation: Texts) -> None:
    path = tmp_path / "log.txt"
    path.write_text(iteration(2) + validation(0, "2.5E+00") + validation(1, "2.0E+00"))
    found = read_log(path, job, evaluation)
    assert (found.parameters, found.losses) == (None, {2: {"domain:code": 2.5}})


def test_a_single_set_has_no_number(tmp_path: Path, job: Job, evaluation: Texts) -> None:
    path = tmp_path / "log.txt"
    path.write_text(iteration(2) + validation(0, "2.5E+00").replace("validation-0", "validation"))
    assert read_log(path, job, evaluation[:1]).losses == {2: {"domain:code": 2.5}}


def test_of_two_attempts_the_later_holds(tmp_path: Path, job: Job, evaluation: Texts) -> None:
    path = tmp_path / "log.txt"
    path.write_text(iteration(2) + validation(0, "9.0E+00") + iteration(1) + iteration(2) + validation(0, "2.5E+00"))
    assert read_log(path, job, evaluation[:1]).losses == {2: {"domain:code": 2.5}}


def test_what_was_measured_on_the_way_is_kept_by_its_step(tmp_path: Path, job: Job, evaluation: Texts) -> None:
    path = tmp_path / "log.txt"
    lines = [iteration(1), validation(0, "3.5E+00", at=1), iteration(2)]
    path.write_text("".join(lines) + validation(0, "2.5E+00") + validation(1, "2.0E+00") + validation(2, "4.0E+00"))
    assert read_log(path, job, evaluation).losses == {
        1: {"domain:code": 3.5},
        2: {"domain:code": 2.5, "domain:web": 2.5},
    }


def test_what_an_attempt_measured_beyond_where_the_next_began_is_void(
    tmp_path: Path, job: Job, evaluation: Texts
) -> None:
    path, three = tmp_path / "log.txt", job.model_copy(update={"steps": 3})
    first = [iteration(1, 3), validation(0, "3E+00", at=1), iteration(2, 3), validation(0, "9E+00", at=2)]
    again = [iteration(1, 3), iteration(2, 3), iteration(3, 3), validation(0, "2E+00", at=3)]
    path.write_text("".join([*first, *again]))
    assert read_log(path, three, evaluation[:1]).losses == {1: {"domain:code": 3.0}, 3: {"domain:code": 2.0}}
    path.write_text("".join([*again, iteration(1, 3)]))
    with pytest.raises(ValueError, match="reached iteration 1 of 3, and was not measured at its end"):
        read_log(path, three, evaluation[:1])


def test_the_last_step_need_not_be_logged_where_it_was_measured(tmp_path: Path, job: Job, evaluation: Texts) -> None:
    path = tmp_path / "log.txt"
    path.write_text(iteration(1) + validation(0, "2.5E+00"))  # --log-interval does not divide the steps
    assert read_log(path, job, evaluation[:1]).losses == {2: {"domain:code": 2.5}}


@pytest.mark.parametrize("value", ["nan", "1.0e+"])
def test_a_set_without_a_number_makes_none_of_its_metric_alone(
    tmp_path: Path, job: Job, evaluation: Texts, value: str
) -> None:
    path = tmp_path / "log.txt"
    path.write_text(iteration(2) + validation(0, "2.5E+00") + validation(1, "2.0E+00") + validation(2, value))
    losses = read_log(path, job, evaluation).losses[2]
    assert losses["domain:code"] == 2.5 and math.isnan(float(str(losses["domain:web"])))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "reached iteration 0 of 2"),
        (iteration(1), "reached iteration 1 of 2, and was not measured at its end"),
        (iteration(2) + validation(0, "2.5E+00", at=1), "reached iteration 2 of 2, and was not measured"),
        (iteration(2, of=50) + validation(0, "2.5E+00"), "trains 50 iterations, the job has 2"),
        (iteration(2) + validation(0, "2.5E+00")[:60], "reached iteration 2 of 2, and was not measured"),
    ],
)
def test_what_is_no_result_is_named(tmp_path: Path, job: Job, evaluation: Texts, text: str, words: str) -> None:
    path = tmp_path / "log.txt"
    path.write_text(text)
    with pytest.raises(ValueError, match=words):
        read_log(path, job, evaluation[:1])


def test_bytes_that_are_no_text_do_no_harm(tmp_path: Path, job: Job, evaluation: Texts) -> None:
    path = tmp_path / "log.txt"
    path.write_bytes(b"\xff\xfe rank 3\n" + (iteration(2) + validation(0, "2.5E+00")).encode())
    assert read_log(path, job, evaluation[:1]).losses == {2: {"domain:code": 2.5}}
