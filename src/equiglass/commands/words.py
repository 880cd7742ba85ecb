"""Several paths after one option: ``--data a.h5 b.h5``, as a shell writes ``--data *.h5``."""

from __future__ import annotations

from typing import Any

from typer.core import TyperCommand

PATHS = ("--data", "--validation", "--runs", "--from", "--against", "--member")
"""The options that take several paths."""


class PathsCommand(TyperCommand):
    """A command in which those options of `PATHS` that may be repeated take all words up to the next option.

    If an argument such as RUN stands nowhere else, the last of these words is the argument. A command with any number
    of arguments takes one path per option then.
    """

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Repeat the option before each of its words, then parse as usual."""
        return super().parse_args(ctx, self.repeated(args))

    def repeated(self, args: list[str]) -> list[str]:
        """The words with the name of the option before each of its paths."""
        options = [each for each in self.params if each.opts[0].startswith("-")]
        arguments = [each for each in self.params if each not in options and each.required]
        paths = {name for each in options if getattr(each, "multiple", False) for name in each.opts if name in PATHS}
        valued = {name for each in options if not getattr(each, "is_flag", False) for name in each.opts}
        parts: list[list[str]] = []
        arguments_given = 0
        for word in args:
            last = parts[-1] if parts else [""]
            open_ = last[0] in paths or (last[0] in valued and len(last) == 1)
            if open_ and not word.startswith("-"):
                last.append(word)
            else:
                parts.append([word])
                arguments_given += not word.startswith("-")
        missing = len(arguments) - arguments_given
        if missing > 0 and any(each.nargs != 1 for each in arguments):
            return args
        last_of_paths = next((part for part in reversed(parts) if part[0] in paths), None)
        spread: list[str] = []
        for part in parts:
            name, *words = part
            if name not in paths or len(words) < 2:
                spread += part
                continue
            own = len(words) - (min(max(missing, 0), len(words) - 1) if part is last_of_paths else 0)
            spread += [each for word in words[:own] for each in (name, word)] + words[own:]
        return spread
