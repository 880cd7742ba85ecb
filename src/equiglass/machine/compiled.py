"""Compiles the C++ of the package with the compiler of the system, once per machine, and loads it.

The compiled libraries are cached in ``$XDG_CACHE_HOME/equiglass``, by default ``~/.cache/equiglass``. The name of each
holds the check sum of its content. A library that was damaged or cut short is compiled again.
"""

from __future__ import annotations

import contextlib
import ctypes
import hashlib
import os
import platform
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import NamedTuple

from equiglass.errors import SetupError
from equiglass.machine import programs

REMEDY = "Install a C++ compiler, or name one in CXX."

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
            answer = subprocess.run([*command, "--version"], stdin=subprocess.DEVNULL, capture_output=True, text=True)
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
        CompilerError: there is no compiler, or it fails.
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
        return CompilerError(f"{source.name} cannot be compiled: {found}. {REMEDY}")
    texts = [file.read_text() for file in (source, *sorted(source.parent.glob("*.hpp")))]
    parts = (*texts, header, *FLAGS, *wished, *found.command, found.version, _processor())
    name = f"{source.stem}-{hashlib.sha256(chr(0).join(parts).encode()).hexdigest()[:32]}"
    folder = _cache_folder()
    if folder is not None and (cached := _cached(folder, name)) is not None:
        return cached
    try:
        # Another user could have put a library under a fixed name. A loaded library outlives its file.
        with tempfile.TemporaryDirectory(prefix="equiglass-") as temporary:
            built = Path(temporary) / "built.so"
            _compile(found, source, header, (wished, ()), built)
            loaded = ctypes.CDLL(str(built))
            if folder is not None:
                _store(built.read_bytes(), folder, name)
            return loaded
    except CompilerError as error:
        return error
    except SetupError as error:
        return CompilerError(str(error))
    except OSError as error:
        return CompilerError(f"{source.name}: the compiled library cannot be made or loaded here ({error}).")


@cache
def defect() -> str | None:
    """The reason why C++ cannot be compiled and loaded on this machine, or None if it can."""
    found = compiler()
    if isinstance(found, str):
        return found
    built = attempt(Path(__file__).with_name("trial.cpp"), "", ())
    return str(built).removesuffix(".") if isinstance(built, CompilerError) else None


def _cached(folder: Path, name: str) -> ctypes.CDLL | None:
    """The library NAME-SUM.so of the cache, SUM being the check sum of its content. A damaged one is removed."""
    try:
        for path in sorted(folder.glob(f"{name}-*.so")):
            if path.stem.endswith(_sum(path.read_bytes())):
                return ctypes.CDLL(str(path))
            path.unlink(missing_ok=True)
    except OSError:
        # For instance a folder from which no library may be loaded.
        return None
    return None


def _store(content: bytes, folder: Path, name: str) -> None:
    """Store a library in the cache, if that can be written. It gets its name last, because others may store it."""
    with contextlib.suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(suffix=".tmp", dir=folder)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
            os.chmod(temporary, 0o755)
            os.replace(temporary, folder / f"{name}-{_sum(content)}.so")
        finally:
            Path(temporary).unlink(missing_ok=True)


def _sum(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:32]


def _compile(found: Compiler, source: Path, header: str, attempts: Iterable[tuple[str, ...]], path: Path) -> None:
    for flags in attempts:
        command = [*found.command, *FLAGS, *flags, "-x", "c++", "-", "-o", str(path)]
        answer = programs.run(command, text=f'{header}#include "{source}"\n')
        if answer.status == 0:
            break
    else:
        lines = [line.strip() for line in answer.output.splitlines() if line.strip()]
        said = next((line for line in lines if "error" in line), lines[0] if lines else f"exit status {answer.status}")
        raise CompilerError(f"{found.command[0]} could not compile {source.name}: {said[:200]}. {REMEDY}")
    if not path.is_file():
        raise CompilerError(f"{found.command[0]} could not compile {source.name}: it wrote no library. {REMEDY}")


def _cache_folder() -> Path | None:
    root = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return Path(root) / "equiglass" if os.path.isabs(root) else None


@cache
def _processor() -> str:
    """Model and instruction sets of the processor; -march=native compiles for this processor only."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() + platform.machine()
    return "".join(sorted({line for line in lines if line.startswith(("model name", "flags", "Features"))}))
