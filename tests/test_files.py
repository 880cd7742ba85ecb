"""Reading: what is wrong with a file is a sentence, what is wrong with the code stays what it is."""

from __future__ import annotations

import json
import re
import struct
from pathlib import Path

import pytest

from equiglass.errors import ConfigurationError, DataError
from equiglass.files import decoding, reading
from equiglass.formats import checks, load, save
from equiglass.liquid.system import System

FILE = Path("some.file")


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda: json.loads("{"), "JSONDecodeError"),
        (lambda: b"\xff".decode(), "UnicodeDecodeError"),
        (lambda: Path("/nowhere").read_bytes(), "No such file"),
        (lambda: float("x"), "ValueError"),
        # From the library json, whatever the type.
        (lambda: json.loads(3), "TypeError"),
    ],
)
def test_damage_is_a_sentence(damage, said: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(DataError, match=rf"some\.file: .*{said}"), reading(FILE):
        damage()


@pytest.mark.parametrize("wrong", [lambda: {}["a"], lambda: [][0], lambda: None.x, lambda: 1 + "a"])
def test_mistakes_of_the_code_pass(wrong) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises((LookupError, AttributeError, TypeError)), reading(FILE):
        wrong()
    with pytest.raises(AssertionError), reading(FILE):
        raise AssertionError


def test_what_a_library_in_c_raises_is_damage() -> None:
    """It leaves no frame of its own, so the call is marked."""
    with pytest.raises(TypeError), reading(FILE):
        struct.Struct("i").unpack_from(None)  # type: ignore[arg-type]
    with pytest.raises(DataError, match=r"some\.file: cannot be read \(TypeError"), reading(FILE), decoding():
        struct.Struct("i").unpack_from(None)  # type: ignore[arg-type]


def test_the_file_is_named_once() -> None:
    with pytest.raises(DataError) as caught, reading(Path("outer")), reading(FILE):
        raise ConfigurationError("the box\n is missing.")
    assert str(caught.value) == "some.file: the box is missing."


def test_a_mistake_in_a_check_is_not_blamed_on_the_file(
    liquid: System, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(liquid, tmp_path / "sound.h5")
    monkeypatch.setattr(checks, "MOST_TYPES", "many")
    with pytest.raises(TypeError, match=re.escape("'>' not supported")):
        load(tmp_path / "sound.h5")
