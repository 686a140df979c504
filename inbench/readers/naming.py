"""Naming: whether a row is of the method that somebody wrote, with parameters in brackets as tables show them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from inbench.words import brackets
from inbench.words.errors import UserError, unknown

Row = dict[str, Any]


def is_of(row: Row, text: str) -> bool:
    """Whether a row's method and parameters are those of `name[option=value,...]`; what is not written is at its default."""
    asked = brackets.parse(text)
    if asked.name != row["method"]:
        return False
    shown = brackets.parse(row["label"]).options
    return set(shown) <= set(asked.options) and all(
        name in row["params"] and _same(row["params"][name], value) for name, value in asked.options.items()
    )


def varied(first: str, text: str) -> str:
    """A method as it is written beside the first of several: `[tv=0]` is the first with these options, else what it says."""
    if not text.startswith("["):
        return text
    label, *numerics = brackets.split_list(first)
    base, (options, *others) = brackets.parse(label), brackets.split_list(text)
    more = brackets.parse(base.name + options).options
    if not more or len(others) > 1:
        raise UserError(f"{text!r} must be the first method with other options, such as '[tv=0]' or '[tv=0], bf16'")
    return ", ".join([brackets.write(base.name, {**base.options, **more}), *(others or numerics)])


def chosen(made: Sequence[Row], methods: str | None) -> list[Row]:
    """The rows of some methods, `A,B[p=1]`; of all where none is named. Raises `UserError` for a name that no row has."""
    names = brackets.split_list(methods or "")
    for name in names:
        if not any(is_of(row, name) for row in made):
            raise unknown("method", name, {row["label"] for row in made})
    return [row for row in made if not names or any(is_of(row, name) for name in names)]


def _same(value: object, text: str) -> bool:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        try:
            return float(text) == float(value)
        except ValueError:
            return False
    return brackets.value_text(value) == text
