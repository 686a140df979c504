"""Naming: what methods and data sets are called in tables, and whether a row is what somebody wrote."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from inbench.words import brackets
from inbench.words.errors import UserError, unknown
from inbench.words.records import Record, Run

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


def told_apart(groups: Sequence[list[Record]]) -> list[str]:
    """What the trainings of a table are called: by their labels; those that are alike, by numerics, by parameters, by key.

    Labels are alike where a default was changed between two trainings.
    """
    names = [str(same[0].told["labels"]["method"]) for same in groups]
    for tell in (_with_numerics, _with_parameters, _with_keys):
        alike: dict[tuple[str, Any], list[int]] = {}
        for place, same in enumerate(groups):
            alike.setdefault((names[place], same[0].told["labels"]["train_mask"]), []).append(place)
        for (name, _), places in alike.items():
            if len(places) > 1:
                for place, told in zip(places, tell(name, [groups[place][0].told["run"] for place in places]), strict=True):
                    names[place] = told
    return names


def _with_numerics(name: str, runs: Sequence[dict[str, Any]]) -> list[str]:
    told = [numerics_of(run) for run in runs]
    return [", ".join(filter(None, [name, one])) for one in told] if len(set(told)) > 1 else [name] * len(runs)


def _with_parameters(name: str, runs: Sequence[dict[str, Any]]) -> list[str]:
    every = sorted({param for run in runs for param in run["params"]})
    differ = [param for param in every if len({repr(run["params"].get(param, "")) for run in runs}) > 1]
    label, *numerics = brackets.split_list(name)
    shown = brackets.parse(label)
    return [
        ", ".join([brackets.write(shown.name, {**shown.options, **{p: run["params"].get(p, "-") for p in differ}}), *numerics])
        for run in runs
    ]  # fmt: skip


def _with_keys(name: str, runs: Sequence[dict[str, Any]]) -> list[str]:
    return [f"{name} {Run(**run).key[:6]}" for run in runs]


def numerics_of(run: dict[str, Any]) -> str:
    """What a run was computed with, in words: `bf16`, `float32, deterministic`."""
    told = [run["precision"], "compiled" if run.get("compiled") else "", "deterministic" if run.get("deterministic") else ""]
    return ", ".join(filter(None, told))


def set_names(found: Iterable[Record]) -> dict[str, str]:
    """What the data set of each record, by its key, is called: by its label; where several sets have it, `faces@3f06de`."""
    alike: dict[tuple[str, int], list[Record]] = {}
    for record in found:
        alike.setdefault((record.told["labels"]["dataset"], record.told["run"]["size"]), []).append(record)
    names: dict[str, str] = {}
    for (label, _), members in alike.items():
        several = len({record.told["run"]["data"] for record in members}) > 1
        names |= {record.key: f"{label}@{record.told['run']['data'][:6]}" if several else label for record in members}
    return names


def by_size(shown: str) -> list[str | float]:
    """What names with options are sorted by: letters as letters, numbers by their size, and before words."""
    parts = re.split(r"((?<![\w.])-?\d+(?:\.\d+)?(?:e[+-]?\d+)?)", shown)
    return [float(part) if place % 2 else part for place, part in enumerate(parts)]


BEHIND = re.compile(r"(@[0-9a-f]{6}| on val|, [^\[\]]+| [0-9a-f]{6})*$")
"""What stands behind a name and its options in tables: which of several sets, the part, numerics, the key."""


def taken_apart(shown: str) -> tuple[brackets.Named, str]:
    """A name as tables show it: what it is, and what stands behind it. A label that is no name with options is a bare one."""
    place = next(BEHIND.finditer(shown)).start()
    try:
        return brackets.parse(shown[:place]), shown[place:]
    except UserError:
        return brackets.Named(shown[:place]), shown[place:]


def is_called(shown: str, label: str) -> bool:
    """Whether a data set in a table is one of that name."""
    return label in (shown, re.sub("@[0-9a-f]{6}$", "", shown))


def one_set(shown: Iterable[str], label: str) -> str:
    """The data set of that name in tables, or the name where there is none. Raises `UserError` where several have it."""
    found = sorted({one for one in shown if is_called(one, label)})
    if len(found) > 1:
        raise UserError(f"{label} is the name of several sets of pictures; name one: {' or '.join(found)}")
    return found[0] if found else label
