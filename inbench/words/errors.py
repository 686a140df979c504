"""What can go wrong, told in the user's own words: what was wrong, then what would be right."""

from __future__ import annotations

import difflib
import errno
import re
from collections.abc import Iterable


class UserError(Exception):
    """The user's input was wrong. The message is one clear sentence; the command line exits with 2."""


class Unavailable(Exception):
    """Something optional is missing or does not apply; the message says what to type.

    A method that raises it becomes a skipped row with that sentence, and the exit code stays 0.
    """


class NoRoom(Exception):
    """The disk is full; what is finished is kept and the rest goes on when there is room."""


class Interrupted(Exception):
    """The user asked to stop; what is finished is kept and the rest goes on next time."""


def disk_full(error: BaseException) -> bool:
    """Whether it says that no room is left, on the disk or of the user's share: no fault of any plugin."""
    return isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)


def visible(text: object) -> str:
    """A message as a terminal may show it: names come from files and plugins, and control characters would be obeyed.

    Halves of characters, as broken file names and JSON have them, cannot be printed at all.
    """
    return re.sub(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\ud800-\udfff]+", " ", str(text))


def unknown(what: str, name: str, known: Iterable[str], *, otherwise: str = "") -> UserError:
    """An error for a name that does not exist, with the nearest name there is, or all of them, and what else it may be."""
    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.65)
    hint = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(names) or 'none'}"
    also = otherwise and (f" {otherwise[0].upper()}{otherwise[1:]}" if near else f"; {otherwise}")
    return UserError(f"unknown {what} {name!r}; {hint}{also}")
