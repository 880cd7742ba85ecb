"""Compressed files and archives: gzip, bzip2, xz, Zstandard, and tar in any of them.

They are recognised by their content. A compressed file is unpacked to a temporary folder when it is read, and an
archive at once. Messages name the file that was given, and in an archive its member.
"""

from __future__ import annotations

import bz2
import gzip
import itertools
import lzma
import tarfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any

from equiglass.errors import DataError, EquiglassWarning, missing
from equiglass.files import reading

_CHUNK = 1 << 18
_BLOCK = 512
"""The size of a block of a tar archive."""


def _pieces(open_: Callable[..., Any], path: Path) -> Iterator[bytes]:
    with open_(path, "rb") as stream:
        yield from iter(lambda: stream.read1(_CHUNK), b"")


def _zstandard(path: Path) -> Iterator[bytes]:
    try:
        import zstandard
    except ImportError:
        raise missing("a file compressed with Zstandard", "the library zstandard", "zstd") from None
    with path.open("rb") as stream:
        frame = zstandard.ZstdDecompressor().decompressobj()
        ended = True
        while piece := stream.read(_CHUNK):
            while piece:
                if ended:
                    frame = zstandard.ZstdDecompressor().decompressobj()
                yield frame.decompress(piece)
                ended, piece = frame.eof, frame.unused_data if frame.eof else b""
    if not ended:
        raise EOFError


_COMPRESSIONS: dict[bytes, tuple[str, Callable[[Path], Iterator[bytes]]]] = {
    b"\x1f\x8b": (".gz", lambda path: _pieces(gzip.open, path)),
    b"BZh": (".bz2", lambda path: _pieces(bz2.open, path)),
    b"\xfd7zXZ\x00": (".xz", lambda path: _pieces(lzma.open, path)),
    b"\x28\xb5\x2f\xfd": (".zst", _zstandard),
}
"""The suffix and the reader of a compression, by the first bytes of its files."""


def _compression(path: Path) -> tuple[str, Callable[[Path], Iterator[bytes]]] | None:
    with path.open("rb") as stream:
        start = stream.read(6)
    return next((each for magic, each in _COMPRESSIONS.items() if start.startswith(magic)), None)


def name_inside(path: Path) -> str:
    """The name of the file without the suffix of its compression."""
    found = _compression(path)
    suffix = path.suffix.lower()
    return path.stem if found is not None and suffix == found[0] else path.name


def head(path: Path, size: int) -> bytes:
    """The first bytes of a file, unpacked; fewer if the file is shorter or damaged."""
    found = _compression(path)
    if found is None:
        with path.open("rb") as stream:
            return stream.read(size)
    start = b""
    try:
        for piece in found[1](path):
            start += piece
            if len(start) >= size:
                break
    except (OSError, EOFError, lzma.LZMAError, ValueError):
        pass
    return start[:size]


def is_archive(path: Path) -> bool:
    """Whether the file is a tar archive, compressed or not."""
    start = head(path, _BLOCK)
    return len(start) == _BLOCK and start[257:262] == b"ustar"


@dataclass(frozen=True)
class Source:
    """A file to read, possibly compressed or from an archive.

    Attributes:
        path: where it is on the disk.
        name: its name, without the suffix of a compression.
        shown: its name in messages.
    """

    path: Path
    name: str
    shown: str


def source(path: Path) -> Source:
    """A file that was given; it need not exist."""
    return Source(path, name_inside(path) if path.is_file() else path.name, str(path))


def members(archive: Path, scratch: Path) -> list[Source]:
    """The files in an archive, unpacked into a folder in ``scratch``.

    Raises:
        DataError: the archive is damaged or incomplete.
    """
    folder = _new_folder(scratch)
    found = []
    with reading(archive):
        try:
            with _stream(archive) as stream, tarfile.open(fileobj=stream, mode="r|") as tar:
                for member in tar:
                    if member.isfile() and not PurePosixPath(member.name).name.startswith("."):
                        tar.extract(member, folder, filter="data")
                        path = folder / PurePosixPath(member.name).as_posix().lstrip("/")
                        found.append(Source(path, name_inside(path), f"{archive}/{member.name}"))
        except (EOFError, tarfile.TarError) as error:
            said = str(error) or "it ends early"
            raise DataError(f"the archive is damaged or incomplete ({said}); fetch it again.") from None
    return found


def _new_folder(scratch: Path) -> Path:
    folder = next(scratch / str(k) for k in itertools.count() if not (scratch / str(k)).exists())
    folder.mkdir()
    return folder


class _Pieces:
    """Pieces of bytes as a stream, for tarfile."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces, self._rest = pieces, b""

    def read(self, size: int) -> bytes:
        while len(self._rest) < size and (piece := next(self._pieces, None)) is not None:
            self._rest += piece
        taken, self._rest = self._rest[:size], self._rest[size:]
        return taken


@contextmanager
def _stream(path: Path) -> Iterator[IO[bytes]]:
    found = _compression(path)
    pieces = found[1](path) if found else _pieces(open, path)
    yield _Pieces(pieces)  # type: ignore[misc]


@contextmanager
def unpacked(sources: list[Source], scratch: Path) -> Iterator[list[Path]]:
    """The files to read: a compressed one unpacked in ``scratch`` for the time of the block.

    Warns:
        EquiglassWarning: a compressed file is incomplete; its beginning is read.

    Raises:
        DataError: a compressed file is damaged.
    """
    paths, made = [], []
    try:
        for each in sources:
            found = _compression(each.path) if each.path.is_file() else None
            if found is None:
                paths.append(each.path)
                continue
            # A reader may look at the name of the parent folder.
            folder = _new_folder(scratch) / each.path.absolute().parent.name
            folder.mkdir(parents=True, exist_ok=True)
            paths.append(folder / each.name)
            made.append(paths[-1])
            with reading(Path(each.shown)):
                _unpack(found[1](each.path), each, paths[-1])
        yield paths
    finally:
        for path in made:
            path.unlink(missing_ok=True)


def _unpack(pieces: Iterator[bytes], source: Source, target: Path) -> None:
    with target.open("wb") as stream:
        try:
            for piece in pieces:
                stream.write(piece)
        except EOFError:
            if stream.tell() == 0:
                raise DataError("the compressed file is incomplete; fetch it again.") from None
            sentence = f"{source.shown}: the compressed file is incomplete; what it holds is read."
            warnings.warn(sentence, EquiglassWarning, stacklevel=2)
