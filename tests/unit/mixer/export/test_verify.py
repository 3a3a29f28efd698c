"""A folder verified where its trainer is missing says what to install; with trainers it is tested in integration."""

from pathlib import Path

import pytest

from midmix.mixer.export.verify import load_script


def test_a_trainer_that_is_not_installed_is_named_with_the_command(tmp_path: Path) -> None:
    (tmp_path / "load.py").write_text('DISTRIBUTION = "no-such-trainer"\n')
    with pytest.raises(SystemExit, match=r"no-such-trainer is not installed here.*pip install no-such-trainer"):
        load_script(tmp_path, "stage_0")
    (tmp_path / "load.py").write_text('DISTRIBUTION = "numpy"\n')
    assert load_script(tmp_path, "stage_0").DISTRIBUTION == "numpy"
