"""The cache of compiled libraries, and compilers that do not work."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from equiglass.machine import compiled
from equiglass.model.convolution import backend
from samples.command import run

TRIAL = Path(compiled.__file__).with_name("trial.cpp")

pytestmark = pytest.mark.skipif(isinstance(compiled.compiler(), str), reason="there is no C++ compiler")


def forget() -> None:
    for function in (compiled.compiler, compiled.attempt, compiled.defect, backend._say_once):
        function.cache_clear()


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty cache; nothing is remembered from before."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("EQUIGLASS_CONVOLUTION", raising=False)
    forget()
    yield tmp_path / "equiglass"
    forget()


@pytest.mark.parametrize("damage", ["cut", "a byte", "none"])
def test_a_damaged_library_is_compiled_again(cache: Path, damage: str) -> None:
    compiled.library(TRIAL)
    (stored,) = cache.iterdir()
    whole = stored.read_bytes()
    changed = bytearray(whole)
    changed[len(whole) // 2] ^= 1
    stored.unlink()
    stored.write_bytes({"cut": whole[:4000], "a byte": bytes(changed), "none": whole}[damage])
    compiled.attempt.cache_clear()
    compiled.library(TRIAL)
    (again,) = cache.iterdir()
    name, _, total = again.stem.rpartition("-")
    assert name == stored.stem.rpartition("-")[0]
    assert total == compiled._sum(again.read_bytes())


def test_a_cache_that_cannot_be_written(cache: Path) -> None:
    cache.write_text("a file in its place")
    assert compiled.library(TRIAL) is not None


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ('[ "$1" = --version ] || { echo "error: the licence has expired" >&2; exit 1; }', "the licence has expired"),
        ('[ "$1" = --version ] || exit 3', "exit status 3"),
        ("exit 0", "it wrote no library"),
        ('[ "$1" = --version ] && exit; for last; do :; done; echo x > "$last"', "cannot be made or loaded here"),
        ("exit 1", "does not run"),
    ],
)
def test_info_and_the_convolution_say_the_same_of_a_compiler(
    cache: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    script: str,
    said: str,
) -> None:
    program = tmp_path / "c++"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("CXX", str(program))
    assert run("info") == 0
    printed = capsys.readouterr()
    assert "convolution: reference" in printed.out
    assert said in printed.err
    backend._say_once.cache_clear()
    with pytest.warns(UserWarning, match="runs in plain torch") as warned:
        assert backend.implementation() == "reference"
    assert f"warning: {warned[0].message}\n" == printed.err
