"""What a shell completes besides commands, options and files: models and methods."""

from __future__ import annotations

from pathlib import Path

SHIPPED = Path(__file__).resolve().parents[1] / "methods" / "pretrained"


def models(incomplete: str) -> list[str]:
    """Names of the shipped models and paths of folders that begin so."""
    shipped = sorted(path.name for path in SHIPPED.iterdir() if path.is_dir()) if SHIPPED.is_dir() else []
    above, slash, name = incomplete.rpartition("/")
    place = Path(above + slash)
    inside = sorted(place.iterdir()) if place.is_dir() else []
    folders = [f"{above}{slash}{path.name}" for path in inside if path.is_dir() and path.name.startswith(name)]
    return [word for word in (*shipped, *folders) if word.startswith(incomplete)]


def methods(incomplete: str) -> list[str]:
    """Names of the methods that begin so."""
    from equiglass.methods import METHODS

    return [name for name in METHODS if name.startswith(incomplete)]
