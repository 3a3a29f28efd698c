"""A fit on files alone."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from midmix.cli import main
from midmix.errors import ConfigError, InputError
from midmix.mixer.fit.files import Pair as FilePair
from midmix.mixer.fit.files import own_domains, read_files, stems, write_files
from midmix.mixer.optimize.files import parse_targets, read_natural
from midmix.tables import DESIGNS


def write_pair(folder: Path, name: str, weights: np.ndarray, losses: np.ndarray) -> list[str]:
    """Two CSV files of runs over the_x, the_y and the_z; their options."""
    for kind, columns, values in (("m", "the_x,the_y,the_z", weights), ("l", "m_x_loss,m_z_loss", losses)):
        rows = [f"{i},{','.join(f'{v:.6f}' for v in row)}" for i, row in enumerate(values)]
        (folder / f"{kind}_{name}.csv").write_text("\n".join([f"index,{columns}", *rows]) + "\n")
    return ["--mixtures", str(folder / f"m_{name}.csv"), "--losses", str(folder / f"l_{name}.csv")]


def losses(weights: np.ndarray) -> np.ndarray:
    return np.column_stack([(weights @ gains) ** -0.3 for gains in ((3.0, 1.0, 0.3), (0.2, 1.0, 4.0))])


@pytest.fixture
def small(tmp_path: Path) -> list[str]:
    weights = np.random.default_rng(7).dirichlet(np.ones(3), 14)
    return write_pair(tmp_path, "1m", weights, losses(weights))


def run(arguments: list[str]) -> int:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    return int(ended.value.code or 0)


def test_laws_are_printed_and_the_tables_written(
    small: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["fit", *small, "--out", str(tmp_path / "fit")]) == 0
    shown = capsys.readouterr().out
    assert "14 runs of 14 mixtures over 3 domains: given of unknown size" in shown and "m_x_loss" in shown
    assert "no mixture was run twice" in shown
    tables = {
        path.parent.name: pq.read_table(path).to_pylist() for path in (tmp_path / "fit" / "data").rglob("*.parquet")
    }
    assert set(tables) == {"designs", "losses", "laws", "predictions"}
    assert sum(row["chosen"] for row in tables["laws"]) == 2
    assert {row["unit"] for row in tables["losses"]} == {"nats_per_token"}


def test_seeds_of_one_mixture_give_the_noise(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    drawn = np.random.default_rng(0).dirichlet(np.ones(3), 10)
    weights = np.vstack([drawn[:1], drawn[:1], drawn])
    measured = losses(weights)
    measured[:3, 0] += [-0.02, 0.0, 0.02]
    assert run(["fit", *write_pair(tmp_path, "seeds", weights, measured)]) == 0
    shown = capsys.readouterr().out
    assert "12 runs of 10 mixtures" in shown and "twice" not in shown
    noise = {line.split()[0]: line.split()[3] for line in shown.splitlines() if line.startswith("m_")}
    assert noise == {"m_x_loss": "0.0200", "m_z_loss": "0.0000"}


def test_runs_of_a_larger_model_set_the_scale(
    small: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    weights = np.random.default_rng(0).dirichlet(np.ones(3), 5)
    big = write_pair(tmp_path, "60m", weights, losses(weights) * 0.5)
    assert run(["fit", *small, "--parameters", "1M", *big, "--parameters", "60M"]) == 0
    assert "5 runs of a larger scale: given 60M; the laws are of that scale" in capsys.readouterr().out


def test_bad_rows_are_said_and_the_rest_is_fitted(
    small: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with (tmp_path / "m_1m.csv").open("a") as stream:
        stream.write("20,0.5,oops,0.5\n21,0.5,0.2,0.3\n")
    assert run(["fit", *small]) == 0
    shown = capsys.readouterr()
    assert f"left out: {tmp_path}/m_1m.csv:17: run 21 has no losses" in shown.err
    assert "m_1m.csv:16: run 20 has no losses" in shown.err
    assert "14 runs" in shown.out


def test_options_that_do_not_pair_and_unknown_targets_are_refused(
    small: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["fit", *small, "--losses", "other.csv"]) == 2
    assert "--losses is given 2 times and --mixtures 1 times" in capsys.readouterr().err
    assert run(["fit", *small, "--targets", "m_y_loss"]) == 2
    assert "--targets: no metric 'm_y_loss'" in capsys.readouterr().err


def test_too_few_runs_are_refused_with_the_first_bad_row(tmp_path: Path) -> None:
    weights = np.random.default_rng(0).dirichlet(np.ones(3), 3)
    write_pair(tmp_path, "few", weights, losses(weights))
    with pytest.raises(InputError, match=r"m_few\.csv: 3 mixtures with losses, expected 4 or more"):
        read_files(
            [FilePair(tmp_path / "m_few.csv", tmp_path / "l_few.csv", {"parameters": 0, "tokens": 0})], "nats_per_token"
        )


def test_a_metric_knows_the_domain_whose_text_it_is_of() -> None:
    assert stems(["train_the_pile_arxiv", "train_the_pile_art"]) == ["arxiv", "art"]
    assert stems(["metric/arxiv_val_loss", "metric/art_val_loss"]) == ["arxiv", "art"]
    assert stems(["alone_name"]) == ["alone_name"]
    own = own_domains(("metric/arxiv_loss", "metric/gold_loss"), ("d_arxiv", "d_web"))
    assert own == {"metric/arxiv_loss": "d_arxiv"}


def test_another_fit_replaces_what_the_last_one_left_and_nothing_else(tmp_path: Path) -> None:
    rows = [{"run": i, "role": "outside", "stage": "main", "seed": 0, "domain": "a", "weight": 1.0} for i in (0, 1)]
    first, second = (DESIGNS.schema().empty_table().from_pylist(rows[:n], DESIGNS.schema()) for n in (1, 2))
    old = write_files(tmp_path / "fit", {DESIGNS: first})
    (new,) = write_files(tmp_path / "fit", {DESIGNS: second})
    assert new.exists() and not old[0].exists() and pq.read_table(new).num_rows == 2
    (tmp_path / "notes.txt").touch()
    with pytest.raises(InputError, match="holds other files"):
        write_files(tmp_path, {DESIGNS: first})


def test_targets_and_the_natural_mixture_are_read(tmp_path: Path) -> None:
    assert parse_targets("all", ("a", "b")) == {"a": 1.0, "b": 1.0}
    assert parse_targets("a=2, b", ("a", "b")) == {"a": 2.0, "b": 1.0}
    with pytest.raises(ConfigError, match="the weight of a is 0, expected more than 0"):
        parse_targets("a=0", ("a", "b"))
    (tmp_path / "n.csv").write_text("source,weight\npile_x,3\npile_y,1\n")
    np.testing.assert_allclose(
        read_natural(tmp_path / "n.csv", ("the_pile_y", "the_pile_x"), np.ones((1, 2))), [0.25, 0.75]
    )
    with pytest.raises(InputError, match="no weight for the_z"):
        read_natural(tmp_path / "n.csv", ("the_z",), np.ones((1, 1)))
    np.testing.assert_allclose(read_natural(None, ("a", "b"), np.array([[1.0, 0.0], [0.0, 1.0]])), [0.5, 0.5])


def test_a_mixture_is_recommended_with_the_verdict_on_it(
    small: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["fit", *small, "--targets", "m_x_loss", "--max-times", "1.5", "--out", str(tmp_path / "fit")]
    assert run(arguments) == 0
    shown = capsys.readouterr().out
    assert "recommended mixture" in shown
    assert re.search("^(supported|weak|not supported): [A-Z]", shown, re.MULTILINE)
    (path,) = (tmp_path / "fit" / "data" / "weights").glob("*.parquet")
    optimum = {r["domain"]: r for r in pq.read_table(path).to_pylist() if r["mixture"] == "optimum"}
    assert optimum["the_x"]["at_cap"] and optimum["the_x"]["epochs"] == pytest.approx(1.5, abs=1e-4)
