"""The explicit list of installed wheels whose text makes the demo corpus, and which part of each.

All of them are dependencies of midmix itself. The standard library, numpy and scipy stay out: their text differs
between Python versions and builds with the same pins.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Wheel:
    """A distribution, its license, and the folders of it that are read (all of it when none is named)."""

    name: str
    license: str
    folders: tuple[str, ...] = ()

    def holds(self, path: str) -> bool:
        """Whether a file of the distribution belongs to the corpus: Python source that is neither test nor vendored."""
        if not path.endswith(".py") or path.startswith("..") or any(mark in path for mark in _LEFT_OUT):
            return False
        return not self.folders or path.startswith(self.folders)


_LEFT_OUT = ("/tests/", "/test_", "/conftest", "/_vendor/", "/externals/", "/testing/")

# Docstrings go to prose; what is left of the file goes to code.
LIBRARIES = (
    Wheel("scikit-learn", "bsd-3-clause", ("sklearn/",)),
    Wheel("polars", "mit", ("polars/",)),
    Wheel("networkx", "bsd-3-clause", ("networkx/",)),
    Wheel("huggingface_hub", "apache-2.0", ("huggingface_hub/",)),
    Wheel("narwhals", "mit", ("narwhals/",)),
    Wheel("pydantic", "mit", ("pydantic/",)),
    Wheel("numba", "bsd-2-clause", ("numba/core/", "numba/np/", "numba/typed/", "numba/parfors/")),
    Wheel(
        "torch",
        "bsd-3-clause",
        ("torch/nn/", "torch/ao/", "torch/optim/", "torch/distributions/", "torch/autograd/", "torch/utils/", "torch/distributed/",
         "torch/fx/", "torch/cuda/", "torch/onnx/", "torch/export/"),
    ),
    Wheel(
        "transformers",
        "apache-2.0",
        ("transformers/generation/", "transformers/pipelines/", "transformers/utils/", "transformers/integrations/",
         "transformers/training_args", "transformers/modeling_", "transformers/tokenization_", "transformers/models/a",
         "transformers/models/e", "transformers/models/w"),
    ),
)  # fmt: skip

# Docstrings and comments go to math; their code is not used.
MATH = (
    Wheel("sympy", "bsd-3-clause", ("sympy/",)),
    Wheel("mpmath", "bsd-3-clause", ("mpmath/",)),
)

# Nothing of these is in the corpus: passages of theirs make the held-out set of general prose.
HELD_OUT = (
    Wheel("joblib", "bsd-3-clause", ("joblib/",)),
    Wheel("fsspec", "bsd-3-clause", ("fsspec/",)),
    Wheel("Jinja2", "bsd-3-clause", ("jinja2/",)),
    Wheel("rich", "mit", ("rich/",)),
    Wheel("typer", "mit", ("typer/",)),
    Wheel("datatrove", "apache-2.0", ("datatrove/",)),
    Wheel("loguru", "mit", ("loguru/",)),
    Wheel("tqdm", "mpl-2.0 and mit", ("tqdm/",)),
    Wheel("duckdb", "mit", ("duckdb/",)),
)

# Read after the others, for corpora larger than the demo's.
RESERVE = (
    Wheel("transformers", "apache-2.0", ("transformers/models/",)),
    Wheel("torch", "bsd-3-clause", ("torch/",)),
    Wheel("Pygments", "bsd-2-clause", ("pygments/",)),
    Wheel("numba", "bsd-2-clause", ("numba/",)),
)
