"""The one syntax for options of anything: `name[option=value,other=value]`; and for a mixture: `name(member,member)`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from inbench.words.errors import UserError

MIXTURE = re.compile(r"([a-z0-9-]+)\((.*)\)", re.DOTALL)


@dataclass(frozen=True)
class Named:
    """A name with the options, or the members, that were written behind it, as text."""

    name: str
    options: Mapping[str, str] = field(default_factory=dict)
    members: tuple[str, ...] = ()


def split_list(text: str) -> list[str]:
    """Split at the commas outside brackets: `a,b[p=1,q=2]` -> `a`, `b[p=1,q=2]`."""
    parts, depth, start = [], 0, 0
    for place, letter in enumerate(text):
        if letter in "[(":
            depth += 1
        elif letter in "])":
            depth -= 1
            if depth < 0:
                raise UserError(f"{text!r} closes a bracket that it never opened")
        elif letter == "," and depth == 0:
            parts.append(text[start:place])
            start = place + 1
    if depth:
        raise UserError(f"{text!r} opens a bracket that it never closes")
    parts.append(text[start:])
    return [part.strip() for part in parts if part.strip()]


def parse(text: str) -> Named:
    """Read `name[option=value,...]`, whose name may be a path, or `name(member,...)`."""
    text = text.strip()
    if "\0" in text:
        raise UserError(f"{text!r} holds a zero byte, which no name and no path may")
    mixture = MIXTURE.fullmatch(text)
    if mixture:
        return Named(mixture[1], members=tuple(split_list(mixture[2])))
    if not text.endswith("]"):
        if "[" in text and text.count("[") != text.count("]"):
            raise UserError(f"{text!r} opens a bracket that it never closes")
        return Named(text)
    opening = _matching(text)
    name, inside = text[:opening].strip(), text[opening + 1 : -1]
    if not name:
        raise UserError(f"{text!r} has options but no name; write name[option=value]")
    options: dict[str, str] = {}
    for item in split_list(inside):
        option, equals, value = item.partition("=")
        option = option.strip().replace("-", "_")
        if not equals or not option:
            raise UserError(f"{item!r} in {text!r} is no option; write name[option=value]")
        if option in options:
            raise UserError(f"{text!r} gives {option!r} twice")
        options[option] = value.strip()
    return Named(name, options)


def _matching(text: str) -> int:
    depth = 0
    for place in range(len(text) - 1, -1, -1):
        depth += (text[place] == "]") - (text[place] == "[")
        if depth == 0:
            return place
    raise UserError(f"{text!r} closes a bracket that it never opened")


def write(name: str, options: Mapping[str, object]) -> str:
    """The text form, options sorted: `center[side=40]`; without options just the name."""
    if not options:
        return name
    return f"{name}[{','.join(f'{option}={value_text(options[option])}' for option in sorted(options))}]"


def value_text(value: object) -> str:
    """A JSON value as one writes it on the command line: `true`, `none`, `0.001`, `left`."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value == int(value) and abs(value) < 1e15:
        return str(int(value))
    return str(value)


def file_name(text: str) -> str:
    """A canonical form made safe for a file name on every system."""
    return re.sub(r"[^A-Za-z0-9._-]+", "_", text).strip("_.") or "_"
