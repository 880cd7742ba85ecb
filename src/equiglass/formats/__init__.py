"""Configurations from files: the public data sets, plain files, and the data sets of this package.

`load` recognises the format by extension and content, also of compressed files and in tar archives. Every configuration
that it returns has passed the checks of System and those of `formats.checks`. A fault in a file raises a DataError that
names the file.

A format is one module of this folder, which adds a `Format` to `FORMATS`.

The species rule applies to formats that name species (extended XYZ, LAMMPS dumps, GSD):

- Letters A, B, C, ... are types 0, 1, 2, ... The letters must have no gap: A and B, but not B alone.
- Whole numbers are LAMMPS types: 1, 2, ... are types 0, 1, ... If the file contains a 0, then 0, 1, ... are types
  0, 1, ...
- Other names need an order, ``types=["Ni", "P"]``. A given order has precedence over the first two rules.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

from equiglass.errors import ConfigurationError, DataError, EquiglassWarning
from equiglass.files import reading
from equiglass.files.partial import PARTIAL
from equiglass.files.registry import Registry
from equiglass.files.whole import FileError
from equiglass.formats.checks import checked
from equiglass.formats.copies import Returned
from equiglass.formats.npz import keys_of
from equiglass.formats.packed import Source, head, is_archive, members, source, unpacked
from equiglass.liquid.potential import LennardJones, mixture_named
from equiglass.liquid.system import System

Paths = str | Path | Iterable[str | Path]


class Content:
    """The beginning and the keys of a file, from which a format recognises it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @cached_property
    def start(self) -> bytes:
        """The first 4096 bytes, unpacked if the file is compressed."""
        return head(self.path, 4096)

    @cached_property
    def text(self) -> bytes:
        """The start of a text without a byte-order mark, with the line ends of Unix."""
        return self.start.removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n").replace(b"\r", b"\n")

    @cached_property
    def keys(self) -> frozenset[str]:
        """The keys of the arrays of an npz archive; no key for any other file.

        Raises:
            DataError: the archive is incomplete, or a file called .npz is no archive.
        """
        if self.start.startswith(b"PK\x03\x04") or self.path.suffix.lower() == ".npz":
            return keys_of(self.path)
        return frozenset()


@dataclass(frozen=True)
class Format:
    """A way to store configurations in files.

    Attributes:
        name: name of the format, one word.
        title: name with the source or the kind of data, for lists.
        suffixes: extensions in lower case, such as ".xyz". If no other format has the extension, it decides alone.
        recognise: function that returns whether a file has this format, from its name and content.
        read: function that returns the configurations in the files of one group. Its second argument is the list of
            species names of types 0, 1, 2, ..., or None.
        write: function that writes configurations to a file; None if the format is only read.
        group: function from a file name to the key that all files of one configuration share; None for a single file.
        general: whether `load` tries the format after all others.
        states_potential: whether a potential comes from the file. Otherwise it is that of the public set.
        names_species: whether the species in a file have names or numbers of another program, which ``types`` orders.
    """

    name: str
    title: str
    suffixes: tuple[str, ...]
    recognise: Callable[[Content], bool]
    read: Callable[[Sequence[Path], Sequence[str] | None], Iterable[System]]
    write: Callable[[Iterable[System], Path], None] | None = None
    group: Callable[[str], Hashable | None] = lambda name: None
    general: bool = False
    states_potential: bool = True
    names_species: bool = False

    def __str__(self) -> str:
        return f"{self.title} ({', '.join(self.suffixes)})"


PROSE = (".md", ".rst", ".html", ".pdf", ".png", ".svg", ".yaml", ".yml", ".py", ".sh")
"""Suffixes of files that stand in a folder of configurations and are passed over without a warning."""

FORMATS: Registry[Format] = Registry("format", __name__)


def load(
    paths: Paths,
    *,
    types: Sequence[str] | None = None,
    replicas: bool = True,
    frames: str | None = None,
    potential: LennardJones | str | None = None,
    copies: bool = False,
) -> list[System]:
    """All configurations in files and folders, without sub-folders.

    The files of a folder are read in the natural order of their names ("2" before "10"). Files that are recognised
    neither by extension nor by content are passed over with a warning. Files that belong to one configuration (data set
    of Shiba et al.) become one System.

    Args:
        paths: a file, a folder, or several of them.
        types: species names of types 0, 1, 2, ..., for species that the species rule does not cover.
        replicas: whether to return the displacements of every run, which are large. Their statistics are always
            returned.
        frames: which configurations of every file are returned, "start:stop:step" as in Python, for instance
            "0:1000:10"; None for all.
        potential: pair potential of configurations whose file states none, or the name of its mixture. It replaces the
            potential of a public set, which its format assumes.
        copies: whether to return copies of a configuration too. By default each configuration is returned once,
            wherever it stands; `liquid.fingerprint` has the criterion.

    Returns:
        The configurations, in the order of the files.

    Warns:
        EquiglassWarning: something was passed over, left out or assumed; the message says what.

    Raises:
        DataError: there is no readable file or no such frame, or a file is damaged, unphysical or ambiguous, or a copy
            of a configuration has other labels; the message names it.
        ConfigurationError: ``types`` is not a list of different names, ``frames`` is not start:stop:step, or no mixture
            has the name ``potential``.
    """
    return list(stream(paths, types=types, replicas=replicas, frames=frames, potential=potential, copies=copies))


def stream(
    paths: Paths,
    *,
    types: Sequence[str] | None = None,
    replicas: bool = True,
    frames: str | None = None,
    potential: LennardJones | str | None = None,
    copies: bool = False,
) -> Iterator[System]:
    """The configurations of `load`, one at a time, for data that do not fit into memory."""
    chosen = frames_of(frames)
    mixture = None if potential is None else mixture_named(potential)
    if isinstance(types, str) or (types is not None and len(set(types)) != len(types)):
        raise ConfigurationError(f"types must be a list of different species names; got {types!r}.")
    returned, any_ = Returned(), False
    with TemporaryDirectory(prefix="equiglass-") as name:
        scratch = Path(name)
        groups = _grouped(_sources(paths, scratch))
        for sources in groups:
            with unpacked(sources, scratch) as files, returned.from_file(Path(sources[0].shown)):
                systems = _read(files, types, chosen, mixture)
                for system in _named(systems, dict(zip(files, sources, strict=True))):
                    any_ = True
                    if copies or returned.is_new(system):
                        yield system if replicas else replace(system, replica_displacements=None)
    if not any_:
        others = " and others" if len(groups) > 1 else ""
        raise DataError(f"{groups[0][0].shown}{others}: there is no frame in {frames}; there are fewer frames.")


def frames_of(text: str | None) -> slice:
    """The frames that "start:stop:step" names, each part optional; all frames for None.

    Raises:
        ConfigurationError: the text is not of this form, a number is negative, or the step is 0.
    """
    words = (text or ":").split(":")
    if not 2 <= len(words) <= 3 or not all(re.fullmatch(r"\d*", word.strip()) for word in words):
        raise ConfigurationError(
            f"frames are start:stop:step, such as 0:1000:10, or 7:8 for frame 7 alone; got {text!r}."
        )
    chosen = slice(*(int(word) if word.strip() else None for word in words))
    if chosen.step == 0:
        raise ConfigurationError(f"the step of frames must be 1 or more; got {text!r}.")
    return chosen


def _read(
    files: Sequence[Path], types: Sequence[str] | None, frames: slice, potential: LennardJones | None
) -> Iterator[System]:
    """The chosen configurations of one group of files, checked."""
    warned: set[tuple[str, ...]] = set()
    with reading(files[0]):
        its_format = format_of(files[0])
        if types is not None and not its_format.names_species:
            said = f"{files[0]}: the format {its_format.name} has types without names, so 'types' has no effect on it."
            warnings.warn(said, EquiglassWarning, stacklevel=2)
        for system in islice(its_format.read(files, types), frames.start, frames.stop, frames.step):
            if system.failures and system.failures not in warned:
                warned.add(system.failures)
                said = f"{files[0]}: FAILED its physics checks. {' '.join(system.failures)}"
                warnings.warn(said, EquiglassWarning, stacklevel=2)
            if potential is not None and not (system.potential and its_format.states_potential):
                system = replace(system, potential=potential)
            elif potential not in (None, system.potential) and (str(system.potential),) not in warned:
                warned.add((str(system.potential),))
                said = f"{files[0]}: states the potential {system.potential}, which replaces {potential}."
                warnings.warn(said, EquiglassWarning, stacklevel=2)
            yield checked(system)


def _named(systems: Iterator[System], sources: Mapping[Path, Source]) -> Iterator[System]:
    """The systems; errors and warnings name the files that were given, not unpacked copies of them."""
    names = {str(path): each.shown for path, each in sources.items() if str(path) != each.shown}
    first = next(iter(sources.values())).shown

    def shown(sentence: str) -> str:
        if names:
            sentence = re.sub("|".join(map(re.escape, names)), lambda match: names[match[0]], sentence)
        return sentence if any(each.shown in sentence for each in sources.values()) else f"{first}: {sentence}"

    while True:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                system = next(systems, None)
            except FileError as error:
                raise FileError(shown(str(error))) from error.__cause__
        for each in caught:
            warnings.warn(shown(str(each.message)), each.category, stacklevel=3)
        if system is None:
            return
        yield system


def save(systems: System | Iterable[System], path: str | Path) -> None:
    """Write configurations to a data set (.h5, everything) or to extended XYZ (.xyz, see `formats.xyz`).

    Args:
        systems: one or several configurations. An iterator needs the memory of one configuration only.
        path: the file. It replaces an existing one after everything is written.

    Raises:
        ConfigurationError: no format with this extension can be written, or the arguments are exchanged.
        DataError: the file cannot be written.
    """
    if isinstance(systems, str | Path):
        raise ConfigurationError("save takes the configurations first, then the file.")
    path = Path(path)
    writer_of(path)([systems] if isinstance(systems, System) else systems, path)


def writer_of(path: Path) -> Callable[[Iterable[System], Path], None]:
    """The function that writes configurations to a file of this name.

    Raises:
        ConfigurationError: no format with this extension can be written.
        DataError: the folder of the file does not exist.
    """
    for each in FORMATS.values():
        if each.write is not None and path.suffix.lower() in each.suffixes:
            if not path.absolute().parent.is_dir():
                raise DataError(f"{path}: cannot be written, because the folder {path.parent} does not exist.")
            return each.write
    writeable = " or ".join(str(each) for each in FORMATS.values() if each.write is not None)
    raise ConfigurationError(f"{path}: configurations are saved as {writeable}.")


def format_of(path: Path) -> Format:
    """The format of a file.

    Raises:
        DataError: the file is empty, or the format is not recognised.
    """
    if path.stat().st_size == 0:
        raise DataError("the file is empty; fetch or write it again.")
    formats = sorted(FORMATS.values(), key=lambda each: each.general)
    of_suffix = [each for each in formats if path.suffix.lower() in each.suffixes]
    if len(of_suffix) == 1:
        return of_suffix[0]
    content = Content(path)
    for each in of_suffix or formats:
        if each.recognise(content):
            return each
    if of_suffix:
        # The general format of this extension says what is wrong.
        return of_suffix[-1]
    traj = " Convert it with: ase convert FILE.traj FILE.xyz." if path.suffix.lower() == ".traj" else ""
    raise DataError(f"the format is not recognised. Readable formats are {_formats()}.{traj}")


def _formats() -> str:
    return ", ".join(map(str, FORMATS.values()))


def _sources(paths: Paths, scratch: Path) -> list[Source]:
    given = [Path(paths)] if isinstance(paths, str | Path) else [Path(path) for path in paths]
    if not given:
        raise DataError("no file or folder is given to load.")
    sources = []
    for path in given:
        with reading(path):
            for file in _in_folder(path) if path.is_dir() else [path]:
                sources += _in_archive(file, scratch) if file.is_file() and is_archive(file) else [source(file)]
    return sources


def _in_folder(folder: Path) -> list[Path]:
    entries = sorted((p for p in folder.iterdir() if p.name[0] != "."), key=lambda path: _natural_order(path.name))
    files = [path for path in entries if path.is_file()]
    chosen = [path for path in files if is_archive(path) or _readable(source(path))]
    folders = [path for path in entries if path.is_dir()]
    if not chosen:
        hint = f" Sub-folders are not searched; there are {', '.join(p.name for p in folders[:5])}." if folders else ""
        raise DataError(f"there is no configuration in this folder. Readable formats are {_formats()}.{hint}")
    left = [path.name for path in files if path not in chosen and not _is_prose(path)]
    others = [f"{path.name}/" for path in folders if path.suffix != PARTIAL and any(path.iterdir())]
    _say_passed_over(folder, left + others)
    return chosen


def _in_archive(archive: Path, scratch: Path) -> list[Source]:
    found = sorted(members(archive, scratch), key=lambda each: _natural_order(each.shown))
    chosen = [each for each in found if _readable(each)]
    if not chosen:
        raise DataError(f"there is no configuration in this archive. Readable formats are {_formats()}.")
    left = [each.shown.removeprefix(f"{archive}/") for each in found if each not in chosen and not _is_prose(each.path)]
    _say_passed_over(archive, left)
    return chosen


def _readable(each: Source) -> bool:
    """Whether a file of a folder or an archive has the extension or the content of a format."""
    if any(Path(each.name).suffix.lower() in known.suffixes for known in FORMATS.values()):
        return True
    try:
        content = Content(each.path)
        return not _is_prose(each.path) and any(known.recognise(content) for known in FORMATS.values())
    except DataError:
        return False


def _is_prose(path: Path) -> bool:
    """Whether a file is there for the reader of a folder, so that nobody misses it among the configurations."""
    return path.suffix.lower() in PROSE or path.stem.upper() in ("README", "LICENSE", "LICENCE", "CITATION")


def _say_passed_over(place: Path, names: Sequence[str]) -> None:
    if names:
        shown = ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")
        folders = " Sub-folders are not searched." if any(name.endswith("/") for name in names) else ""
        sentence = f"{place}: passed over {shown}, which no format recognises.{folders}"
        warnings.warn(sentence, EquiglassWarning, stacklevel=4)


def _natural_order(name: str) -> list[str | int]:
    return [int(part) if part.isdecimal() else part for part in re.split(r"(\d+)", name)]


def _grouped(sources: Sequence[Source]) -> list[list[Source]]:
    """The files in groups, one group per configuration, at the place of its first file."""
    groups: dict[object, list[Source]] = {}
    for number, each in enumerate(sources):
        keys = ((known.name, known.group(each.name)) for known in FORMATS.values())
        key = next(((name, key) for name, key in keys if key is not None), number)
        groups.setdefault(key, []).append(each)
    return list(groups.values())
