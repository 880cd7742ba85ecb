"""What goes wrong because of an input, said in a sentence: what was wrong, where, and what to do."""

from __future__ import annotations


class EquiglassError(Exception):
    """An input, option or environment that cannot be used. The command line prints it and exits with 2."""


class EquiglassWarning(UserWarning):
    """A result that may mislead, for instance a prediction for a liquid unlike the training data."""
