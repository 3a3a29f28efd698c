"""A manifest that cannot be read is said to be, by its path."""

from pathlib import Path

import pytest

from midmix.errors import InputError
from midmix.table_manifest import load_manifest, manifest_path


def test_a_damaged_manifest_is_an_error_that_names_it(tmp_path: Path) -> None:
    path = manifest_path(tmp_path, "spans")
    path.parent.mkdir(parents=True)
    path.write_text("{")
    with pytest.raises(InputError, match=r"spans\.json: no readable manifest"):
        load_manifest(tmp_path, "spans")
