"""RegMix's published runs, and the benchmarks on them as modules."""

import importlib
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

REPOSITORY = Path(__file__).parents[3]
Benchmark = Callable[[str], ModuleType]


@pytest.fixture(scope="session")
def benchmark_named() -> Iterator[Benchmark]:
    """The module mixing_NAME of the benchmarks."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(REPOSITORY / "benchmarks"))
        yield lambda name: importlib.import_module(f"mixing_{name}")


@pytest.fixture(scope="session")
def regmix_folder() -> Path:
    """RegMix's CSV files, which are no part of the product."""
    folder = REPOSITORY.parent / "shared" / "data" / "regmix"
    if not folder.is_dir():
        pytest.skip("no ../shared/data/regmix beside the checkout: RegMix's CSV files are not supplied here")
    return folder


@pytest.fixture(scope="session")
def data(benchmark_named: Benchmark, regmix_folder: Path) -> Any:
    """The runs as the benchmarks read them."""
    return benchmark_named("data").load_regmix(regmix_folder)
