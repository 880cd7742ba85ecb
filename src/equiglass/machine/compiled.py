"""Compiles the C++ of the package with the compiler of the system, once per machine, and loads it.

The compiled libraries are cached in ``$XDG_CACHE_HOME/equiglass``, by default ``~/.cache/equiglass``.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import platform
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

from equiglass.errors import SetupError

FLAGS = ("-std=c++17", "-O3", "-march=native", "-fPIC", "-shared", "-pthread")


class CompilerError(SetupError):
    """The C++ of the package cannot be compiled here. The package has slower Python code for the same purpose."""


class Compiler(NamedTuple):
    """A C++ compiler: the words of its command, and the version that it reports."""

    command: tuple[str, ...]
    version: str


@cache
def compiler() -> Compiler | str:
    """The compiler in CXX, else the first of c++, g++, clang++ on PATH; or the reason why there is none."""
    named = os.environ.get("CXX")
    for command in [tuple(shlex.split(named))] if named else [("c++",), ("g++",), ("clang++",)]:
        if command and shutil.which(command[0]):
            answer = subprocess.run([*command, "--version"], capture_output=True, text=True)
            if answer.returncode == 0:
                return Compiler(command, answer.stdout)
    return f"CXX={named} does not run" if named else "no C++ compiler (c++, g++, clang++) is on PATH"


def library(source: Path, header: str = "", wished: tuple[str, ...] = ()) -> ctypes.CDLL:
    """Load the library compiled from a source file; compile it unless it is in the cache.

    Args:
        source: a C++ file of the package; it may include the .hpp files of its folder.
        header: text that comes before the source.
        wished: flags that are left out if the compiler does not accept them, for instance "-fopenmp".

    Raises:
        CompilerError: there is no compiler, it fails, or no cache folder is writable.
    """
    built = attempt(source, header, wished)
    if isinstance(built, CompilerError):
        raise built
    return built


@cache
def attempt(source: Path, header: str, wished: tuple[str, ...]) -> ctypes.CDLL | CompilerError:
    """The library, or the reason why there is none. A failed attempt is not repeated."""
    found = compiler()
    if isinstance(found, str):
        return CompilerError(f"{source.name} cannot be compiled: {found}. Install a C++ compiler, or name one in CXX.")
    texts = [file.read_text() for file in (source, *sorted(source.parent.glob("*.hpp")))]
    parts = (*texts, header, *FLAGS, *wished, *found.command, found.version, _processor())
    name = f"{source.stem}-{hashlib.sha256(chr(0).join(parts).encode()).hexdigest()[:32]}.so"
    for folder in _cache_folders():
        path = folder / name
        try:
            if not path.exists():
                folder.mkdir(parents=True, exist_ok=True)
                _compile(found, source, header, (wished, ()), path)
            return ctypes.CDLL(str(path))
        except OSError:
            continue
        except CompilerError as error:
            return error
    return CompilerError(
        f"{source.name} cannot be compiled: no cache folder is writable. Set XDG_CACHE_HOME to a writable folder."
    )


def _compile(found: Compiler, source: Path, header: str, attempts: Iterable[tuple[str, ...]], path: Path) -> None:
    # The file gets its name last, because another process may compile the same source.
    handle, temporary = tempfile.mkstemp(suffix=".so", dir=path.parent)
    os.close(handle)
    try:
        for flags in attempts:
            command = [*found.command, *FLAGS, *flags, "-x", "c++", "-", "-o", temporary]
            text = f'{header}#include "{source}"\n'
            answer = subprocess.run(command, input=text, capture_output=True, text=True)
            if answer.returncode == 0:
                break
        else:
            first = next((line for line in answer.stderr.splitlines() if "error" in line), answer.stderr[:200])
            raise CompilerError(f"{found.command[0]} could not compile {source.name}: {first.strip()}")
        os.chmod(temporary, 0o755)
        os.replace(temporary, path)
    finally:
        Path(temporary).unlink(missing_ok=True)


def _cache_folders() -> Iterator[Path]:
    root = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    if os.path.isabs(root):
        yield Path(root) / "equiglass"
    # Another user could have put a library under a fixed name. A loaded library outlives its file.
    with tempfile.TemporaryDirectory(prefix="equiglass-") as folder:
        yield Path(folder)


@cache
def _processor() -> str:
    """Model and instruction sets of the processor; -march=native compiles for this processor only."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() + platform.machine()
    return "".join(sorted({line for line in lines if line.startswith(("model name", "flags", "Features"))}))
