"""The errors of midmix. Each message says what was got, what was expected, where, and how to mend it."""


class MidmixError(Exception):
    """Anything that midmix reports without a traceback. Exit code 1."""

    exit_code = 1


class ConfigError(MidmixError):
    """The config or the command line is wrong. Exit code 2."""

    exit_code = 2


class InputError(MidmixError):
    """An input file, artefact or run folder is not what it should be."""


class DriftError(MidmixError):
    """A step over text was done with other settings; doing it again costs and must be asked for."""


class StepError(MidmixError):
    """A step broke its contract, such as rows that do not reconcile."""
