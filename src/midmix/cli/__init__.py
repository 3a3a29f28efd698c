"""The command line. Thin: every command imports what it needs when it runs."""

from __future__ import annotations

import sys

from midmix.cli import add, benchmarks, design, exposure, forget, index, jobs, plan, proxies, questions, results  # noqa: F401  their commands register themselves
from midmix.cli.options import app
from midmix.ends import guarded


def main(arguments: list[str] | None = None) -> None:
    """The `midmix` command. Exits 0 when done, 1 when it failed, 2 on wrong usage or config."""
    arguments = sys.argv[1:] if arguments is None else arguments
    sys.exit(guarded(lambda: app(arguments, standalone_mode=True), debug="--debug" in arguments))


if __name__ == "__main__":
    main()
