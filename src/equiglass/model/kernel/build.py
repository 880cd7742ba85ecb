"""Compiles the convolution for one shape with the system's C++ compiler, once per machine, and loads it."""

from __future__ import annotations

import ctypes
import hashlib
import os
import platform
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

from equiglass.errors import EquiglassError
from equiglass.model.paths import Paths

SOURCE = Path(__file__).with_name("convolution.cpp")
FLAGS = ("-std=c++17", "-O3", "-march=native", "-fPIC", "-shared")
# Where the compiler has no OpenMP the convolution runs on one thread.
THREADS = "-fopenmp"


class Shape(NamedTuple):
    """What is fixed when the convolution is compiled; one library for each."""

    paths: Paths
    channels: int
    scalars: int
    channels_out: int
    hidden: int
    real: str

    def flags(self) -> list[str]:
        """The shape as definitions for the compiler."""
        triplets = ",".join(f"{{{p.l_in},{p.l_edge},{p.l_out}}}" for p in self.paths.triplets)
        return [
            f"-DREAL={self.real}",
            f"-DL_MAX={self.paths.l_max}",
            f"-DCHANNELS={self.channels}",
            f"-DSCALARS={self.scalars}",
            f"-DCHANNELS_OUT={self.channels_out}",
            f"-DHIDDEN={self.hidden}",
            f"-DPATHS={triplets}",
        ]


class Compiler(NamedTuple):
    """A C++ compiler: the words that call it and the version it reports."""

    command: tuple[str, ...]
    version: str


@cache
def compiler() -> Compiler | str:
    """The compiler named by CXX, else the first of c++, g++, clang++ on PATH; or why there is none."""
    named = os.environ.get("CXX")
    for command in [tuple(shlex.split(named))] if named else [("c++",), ("g++",), ("clang++",)]:
        if command and shutil.which(command[0]):
            answer = subprocess.run([*command, "--version"], capture_output=True, text=True)
            if answer.returncode == 0:
                return Compiler(command, answer.stdout)
    return f"CXX={named} does not run" if named else "no C++ compiler (c++, g++, clang++) is on PATH"


@cache
def library(shape: Shape) -> ctypes.CDLL:
    """The compiled convolution of that shape, from the cache where it is there.

    Raises:
        EquiglassError: no compiler, or it fails.
    """
    found = compiler()
    if isinstance(found, str):
        raise EquiglassError(f"The compiled convolution cannot be built: {found}.")
    flags = [*FLAGS, *shape.flags()]
    parts = (SOURCE.read_text(), *flags, THREADS, *found.command, found.version, _processor())
    name = f"convolution-{hashlib.sha256(chr(0).join(parts).encode()).hexdigest()[:32]}.so"
    for folder in _cache_folders():
        path = folder / name
        try:
            if not path.exists():
                folder.mkdir(parents=True, exist_ok=True)
                _compile(found, flags, path)
            return ctypes.CDLL(str(path))
        except OSError:
            continue
    raise EquiglassError(
        "The compiled convolution cannot be kept: no writable cache folder. Set XDG_CACHE_HOME to one."
    )


def _compile(found: Compiler, flags: list[str], path: Path) -> None:
    # Under a name of its own first: another process may be doing the same.
    handle, temporary = tempfile.mkstemp(suffix=".so", dir=path.parent)
    os.close(handle)
    try:
        for threads in ([THREADS], []):
            command = [*found.command, *flags, *threads, str(SOURCE), "-o", temporary]
            answer = subprocess.run(command, capture_output=True, text=True)
            if answer.returncode == 0:
                break
        else:
            reason = next((line for line in answer.stderr.splitlines() if "error" in line), answer.stderr[:200])
            raise EquiglassError(f"{found.command[0]} could not compile the convolution: {reason.strip()}")
        os.chmod(temporary, 0o755)
        os.replace(temporary, path)
    finally:
        Path(temporary).unlink(missing_ok=True)


def _cache_folders() -> Iterator[Path]:
    root = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    if os.path.isabs(root):
        yield Path(root) / "equiglass"
    # Never a fixed name that another user could have filled. A loaded library outlives its file.
    with tempfile.TemporaryDirectory(prefix="equiglass-") as folder:
        yield Path(folder)


@cache
def _processor() -> str:
    """Model and instruction sets: -march=native compiles for this processor alone."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() + platform.machine()
    return "".join(sorted({line for line in lines if line.startswith(("model name", "flags", "Features"))}))
