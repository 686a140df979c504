"""Naming: whether a row is of the method that somebody wrote, with parameters in brackets as tables show them."""

from __future__ import annotations

from typing import Any

from inbench import brackets

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


def _same(value: object, text: str) -> bool:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        try:
            return float(text) == float(value)
        except ValueError:
            return False
    return brackets.value_text(value) == text
