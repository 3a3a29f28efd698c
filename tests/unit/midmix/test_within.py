import json
from pathlib import Path

import pytest

from midmix.progress import Progress
from midmix.within import Within, read_within


def test_progress_tells_steps_within_tasks_and_what_they_say(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("midmix.progress.PLAIN_SECONDS", 0.0)
    monkeypatch.setattr("midmix.progress.STATE_SECONDS", 0.0)
    (tmp_path / "state").mkdir()
    Within(tmp_path, "left-over", 9).done(1)
    progress = Progress(tmp_path)
    with progress.step("train: train batch", 2, 0, 0) as advance:
        progress.look()
        assert "left-over" not in capsys.readouterr().err
        task = Within(tmp_path, "batch-000", 1000)
        task.done(10)
        task.done(11)  # too soon after
        task.say("goes on from step 9")
        progress.look()
        err = capsys.readouterr().err
        assert err.splitlines() == [
            "batch-000: goes on from step 9",
            f"{'train: train batch':<28} 0 of 2, batch-000 at 10 of 1,000 steps",
        ]
        assert (
            json.loads((tmp_path / "state" / "running.json").read_text())["within"] == "batch-000 at 10 of 1,000 steps"
        )
        task.end()
        advance(0)
        progress.look()
        assert json.loads((tmp_path / "state" / "running.json").read_text())["within"] == ""
        assert "goes on" not in capsys.readouterr().err


def test_of_many_tasks_three_are_shown(tmp_path: Path) -> None:
    for number in range(5):
        Within(tmp_path, f"t{number}", 7).done(number)
    assert read_within(tmp_path) == "t0 at 0 of 7 steps, t1 at 1 of 7 steps, t2 at 2 of 7 steps and 2 more"
