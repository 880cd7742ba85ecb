"""The errors of the package. A message is one sentence: what was wrong, where, and what to do."""

from __future__ import annotations


class EquiglassError(ValueError):
    """An input, an option or the machine cannot be used. The command line prints it and exits with status 2."""


class DataError(EquiglassError):
    """A file, a configuration or its labels cannot be used."""


class ConfigurationError(EquiglassError):
    """An option, a setting or an argument has a value that cannot be used."""


class SetupError(EquiglassError):
    """A program, a library or a device is missing or does not work on this machine."""


def missing(what: str, library: str, extra: str) -> SetupError:
    """The error that something needs a library, which comes with an extra of the package."""
    return SetupError(f"{what} needs {library}; install it with: {installing(extra)}.")


def installing(extra: str) -> str:
    """The command that installs an extra of the package. The quotes are for zsh."""
    return f"pip install 'equiglass[{extra}]'"


class EquiglassWarning(UserWarning):
    """A result may mislead, for instance a prediction for a liquid unlike the training data."""
