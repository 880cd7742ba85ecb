"""What a shell completes besides commands, options and files: shipped models and methods."""

from __future__ import annotations


def models(incomplete: str) -> list[str]:
    """Names of the shipped models that begin so."""
    from equiglass.methods.loading import pretrained_names

    return [name for name in pretrained_names() if name.startswith(incomplete)]


def methods(incomplete: str) -> list[str]:
    """Names of the methods that begin so."""
    from equiglass.methods import METHODS

    return [name for name in METHODS if name.startswith(incomplete)]
