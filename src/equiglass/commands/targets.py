"""The files and folders that commands write: checks before any work, and results that outlive a stopped command."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING

from equiglass.files.target import check_file, holds

if TYPE_CHECKING:
    from equiglass.files.partial import Partial
    from equiglass.liquid.system import System

XYZ = (".xyz", ".extxyz")


def check_json(path: Path | None) -> None:
    """Check that a JSON file can be written. An existing one is replaced."""
    if path is not None:
        check_file(path, (".json",), ours=_is_json)


def check_configurations(path: Path, suffixes: Sequence[str], inputs: Iterable[Path] = ()) -> None:
    """Check that a file of configurations can be written. Only files of this package are replaced."""
    check_file(path, suffixes, inputs=inputs, ours=_is_ours)


def check_saved(path: Path, inputs: Iterable[Path]) -> None:
    """Check that `formats.save` can write a file of configurations. Only files of this package are replaced."""
    from equiglass.formats import FORMATS

    suffixes = [suffix for each in FORMATS.values() if each.write is not None for suffix in each.suffixes]
    check_configurations(path, suffixes, inputs)


def check_html(path: Path) -> None:
    """Check that an HTML report can be written. Only reports of this package are replaced."""
    check_file(path, (".html", ".htm"), ours=holds(b"equiglass"))


def unfinished(target: Path, names: Sequence[str]) -> AbstractContextManager[Partial]:
    """Results of finished configurations in TARGET.partial; the message of a stop or an error mentions them."""
    from equiglass.files.partial import partial

    return partial(target, names, lambda error, said: error.add_note(said))


def name_of(system: System, *basis: str) -> str:
    """The name of a result for a configuration: a digest of the configuration and of what else it follows from."""
    import equiglass
    from equiglass.files.partial import digest

    potential = system.potential.parameters() if system.potential is not None else None
    arrays = (system.positions, system.types, system.box, system.positions_inherent)
    cage = (system.positions_cage, system.covariance_cage, system.propensity_cage)
    return digest(equiglass.__version__, *basis, system.name, system.temperature, potential, *arrays, *cage)


def _is_json(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(64).lstrip()[:1] in (b"{", b"[")


def _is_ours(path: Path) -> bool:
    """Whether this package wrote a file of configurations: a data set, or extended XYZ with its columns or its name."""
    with path.open("rb") as file:
        start = file.read(8)
    if start.startswith(b"\x89HDF"):
        import h5py

        try:
            with h5py.File(path, "r") as stored:
                return str(stored.attrs.get("format", "")).startswith("equiglass")
        except OSError:
            return False
    with path.open("rb") as file:
        comment = b"".join(file.readline(1 << 16) for _ in range(2))
    return any(mark in comment for mark in (b"equiglass", b"propensity_", b":pos_inherent:", b":E_pot"))
