"""The command line: exit statuses, one sentence for an error, a traceback where it is asked for or is needed."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable
from types import ModuleType

import pytest

from equiglass.errors import DataError, EquiglassWarning
from samples.command import run


@pytest.fixture
def app(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Put a function in the place of all commands; it is called with the words of the command line."""

    def put(function: Callable[[list[str]], object]) -> None:
        commands = ModuleType("equiglass.commands")
        commands.app = function  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, "equiglass.commands", commands)

    return put


def damaged(words: list[str]) -> None:
    raise DataError("a.xyz: the box is missing.")


def mistaken(words: list[str]) -> None:
    raise KeyError("positions")


def test_an_error_is_one_sentence(app: Callable[..., None], capsys: pytest.CaptureFixture[str]) -> None:
    app(damaged)
    assert run("info") == 2
    assert capsys.readouterr().err == "error: a.xyz: the box is missing.\n"


@pytest.mark.parametrize("by", ["option", "environment"])
def test_debug_shows_where_it_comes_from(
    app: Callable[..., None], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, by: str
) -> None:
    app(damaged)
    if by == "environment":
        monkeypatch.setenv("EQUIGLASS_DEBUG", "1")
    assert run(*["--debug"] * (by == "option"), "info") == 2
    said = capsys.readouterr().err
    assert "in damaged" in said
    assert said.endswith("error: a.xyz: the box is missing.\n")


def test_debug_is_taken_off_the_words(app: Callable[..., None]) -> None:
    words: list[list[str]] = []
    app(words.append)
    assert run("--debug", "predict", "--debug") == run("predict") == 0
    assert words == [["predict", "--debug"], ["predict"]]


def test_a_mistake_of_ours_shows_itself(app: Callable[..., None], capsys: pytest.CaptureFixture[str]) -> None:
    app(mistaken)
    assert run("info") == 1
    said = capsys.readouterr().err
    assert "in mistaken" in said
    assert "KeyError: 'positions'" in said
    assert "please report it" in said.splitlines()[-1]


def test_control_c(app: Callable[..., None], capsys: pytest.CaptureFixture[str]) -> None:
    def stopped(words: list[str]) -> None:
        raise KeyboardInterrupt

    app(stopped)
    assert run("train") == 130
    assert "--resume" in capsys.readouterr().err


def test_warnings_of_the_package_are_shown_once(app: Callable[..., None], capsys: pytest.CaptureFixture[str]) -> None:
    def warning(words: list[str]) -> None:
        for _ in range(2):
            warnings.warn("The box is large.", EquiglassWarning, stacklevel=1)
        with warnings.catch_warnings():
            warnings.simplefilter("always")
            warnings.warn("another library", UserWarning, stacklevel=1)

    app(warning)
    assert run("info") == 0
    assert capsys.readouterr().err == "warning: The box is large.\n"
