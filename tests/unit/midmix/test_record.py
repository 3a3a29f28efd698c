"""The record of a finished unit of work."""

from pathlib import Path

from midmix.record import Record


def test_a_cut_off_record_counts_as_not_done(tmp_path: Path) -> None:
    path = tmp_path / "r.json"
    record = Record("f", {"settings": 1}, counts=[{"source": "a"}])
    record.save(path, scratch=tmp_path)
    assert Record.load(path) == record
    path.write_text(path.read_text()[:20])
    assert Record.load(path) is None
