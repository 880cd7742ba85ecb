"""The comment line of extended XYZ (github.com/libAtoms/extxyz): ``key=value`` pairs and other words.

A value is one word, a text in quotation marks, or an array in brackets, such as ``pbc=[T, T, F]``. ASE writes nested
values as ``key="_JSON [[1, 2], [3, 4]]"``. A key in a quotation is text and no key.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from equiglass.errors import DataError
from equiglass.formats.text import numbers

_QUOTED = r'"(?:[^"\\]|\\.)*"|\'[^\']*\''
_KEY = re.compile(rf"({_QUOTED}|[^\s=\"'\[\]{{}}]+)\s*=\s*")
_TEXT = re.compile(_QUOTED)
_WORD = re.compile(r"""[^\s"']\S*""")
_OPENING = {"[": "]", "{": "}"}
_TRUE, _FALSE = ("T", "TRUE", ".TRUE.", "1"), ("F", "FALSE", ".FALSE.", "0")
_ANY_CASE = ("Lattice", "Properties", "Origin", "Timestep", "pbc", "temperature", "potential")
_STANDARD = {key.lower(): key for key in _ANY_CASE}


class Comment:
    """The values of a comment line by key.

    The keys Lattice, Properties, Origin, Timestep, pbc, temperature and potential may have any case.
    """

    def __init__(self, line: str) -> None:
        """Take a line apart.

        Raises:
            DataError: a quotation mark or bracket is not closed, or a key has two values.
        """
        self._values: dict[str, str] = {}
        at = 0
        while at < len(line):
            if line[at].isspace() or line[at] == ",":
                at += 1
                continue
            key = _KEY.match(line, at)
            if key is None:
                at = _end_of_words(line, at)
                continue
            value, at = _value(line, key.end())
            name = _plain(key[1])
            name = _STANDARD.get(name.lower(), name)
            if self._values.setdefault(name, value) != value:
                raise DataError(f"the key {name!r} of the comment line has two values.")

    def __contains__(self, key: str) -> bool:
        return key in self._values

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def text(self, key: str) -> str:
        """The value as text."""
        value = self._values[key]
        if value.startswith("_JSON"):
            held = _json(key, value)
            return held if isinstance(held, str) else json.dumps(held)
        return value

    def number(self, key: str) -> float | None:
        """The value as one number; None if there is no such key.

        Raises:
            DataError: the value is not one number, for instance because it has a unit.
        """
        if key not in self:
            return None
        values = self.numbers(key)
        if values is None or values.size != 1:
            raise DataError(f"{key} in the comment line must be one number; got {self._values[key]!r}.")
        return float(values[0])

    def numbers(self, key: str, *, may_miss: bool = False) -> NDArray[np.float64] | None:
        """The values as numbers, flat; None if there is no such key. The word nan is a number if values may miss.

        Raises:
            DataError: a value is no number.
        """
        if key not in self:
            return None
        try:
            return numbers(self.words(key), key, may_miss=may_miss)
        except DataError:
            raise DataError(
                f"{key} in the comment line must hold plain numbers without a unit; got {self._values[key]!r}."
            ) from None

    def words(self, key: str) -> list[str]:
        """The words of a value, in an array those of all its rows."""
        value = self._values[key]
        if value.startswith("_JSON"):
            return _flat(_json(key, value))
        return re.sub(r"[\[\]{},]" if value[:1] in _OPENING else r"[\[\]{}]", " ", value).split()

    def truths(self, key: str) -> list[bool]:
        """The truth values (T, F, True, ...).

        Raises:
            DataError: a word is no truth value.
        """
        words = [word.upper() for word in self.words(key)]
        for word in words:
            if word not in (*_TRUE, *_FALSE):
                raise DataError(f"{key} in the comment line must hold T or F; got {self._values[key]!r}.")
        return [word in _TRUE for word in words]


def _value(line: str, at: int) -> tuple[str, int]:
    """The value that starts here, without its quotation marks, and where it ends."""
    if at >= len(line) or line[at].isspace():
        return "", at
    if line[at] in "\"'":
        text = _TEXT.match(line, at)
        if text is None:
            raise DataError(f"the comment line has a quotation mark that is not closed: {line[at : at + 40]!r}.")
        return _plain(text[0]), text.end()
    if line[at] in _OPENING:
        return _array(line, at)
    word = _WORD.match(line, at)
    return (word[0], word.end()) if word else ("", at + 1)


def _end_of_words(line: str, at: int) -> int:
    """Where a text that is no value ends: after its quotation mark or bracket, or after one word."""
    if line[at] in "\"'" or (line[at] in _OPENING and _OPENING[line[at]] in line[at:]):
        return _value(line, at)[1]
    while at < len(line) and not line[at].isspace():
        at += 1
    return at


def _array(line: str, at: int) -> tuple[str, int]:
    expected = []
    for k in range(at, len(line)):
        if line[k] in _OPENING:
            expected.append(_OPENING[line[k]])
        elif expected and line[k] == expected[-1]:
            expected.pop()
        if not expected:
            return line[at : k + 1], k + 1
    raise DataError(f"the comment line has a bracket that is not closed: {line[at : at + 40]!r}.")


def _plain(text: str) -> str:
    """The text without quotation marks and escapes."""
    if text[0] == '"':
        return re.sub(r"\\(.)", lambda match: "\n" if match[1] == "n" else match[1], text[1:-1])
    return text[1:-1] if text[0] == "'" else text


def _json(key: str, value: str) -> object:
    try:
        return json.loads(value.removeprefix("_JSON"))
    except ValueError:
        raise DataError(f"{key} in the comment line is no JSON value; got {value[:60]!r}.") from None


def _flat(held: object) -> list[str]:
    return [word for each in held for word in _flat(each)] if isinstance(held, list) else [str(held)]
