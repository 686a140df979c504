"""Typed options of a plugin: a frozen dataclass `Params` read from brackets, with defaults that may depend on the budget."""

from __future__ import annotations

import dataclasses
import types
from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from inbench.words import brackets
from inbench.words.errors import UserError, unknown

T = TypeVar("T")
Value = bool | int | float | str | None


@dataclasses.dataclass(frozen=True)
class NoParams:
    """A plugin without options."""


def param(default: T, about: str = "", *, source: str = "", low: float | None = None, high: float | None = None) -> T:
    """A field of `Params` that explains itself.

    default: the paper's value, or `by_budget(...)`; about: its effect, one phrase; source: where the value comes
    from (`eq. 3`); low, high: inclusive bounds. Choices are written as the type: `Literal["whole", "hole"]`.
    """
    value: Any = default
    metadata: dict[str, Any] = {"about": about, "source": source, "low": low, "high": high}
    if isinstance(value, dataclasses.Field):  # by_budget
        metadata, value = {**value.metadata, **metadata}, value.default
    found: T = dataclasses.field(default=value, metadata=metadata)
    return found


def required(about: str, *, local: bool = False) -> Any:
    """A field of `Params` without a default: the user has to write it.

    local: True for where something lies on this machine, which is part of no key and no record.
    """
    return dataclasses.field(metadata={"about": about, "source": "", "low": None, "high": None, "local": local})


def by_budget(*, smoke: T, quick: T, paper: T) -> T:
    """A default that shrinks with the budget; a bare `Params()` has the paper's value."""
    return dataclasses.field(default=paper, metadata={"by_budget": {"smoke": smoke, "quick": quick, "paper": paper}})


def resolve(kind: type[Any], given: Mapping[str, object], *, whose: str, budget: str = "paper") -> Any:
    """An instance of the dataclass `kind` from option texts (or JSON values); a clear `UserError` where one is wrong."""
    fields = {field.name: field for field in dataclasses.fields(kind)}
    hints = get_type_hints(kind)
    values: dict[str, Value] = {}
    for name, field in fields.items():
        default = field.metadata.get("by_budget", {}).get(budget, field.default)
        if default is not dataclasses.MISSING:
            values[name] = _read(default, hints[name], f"{whose}[{name}=...]")
    for name, text in given.items():
        if name not in fields:
            if not fields:
                raise UserError(f"{whose} has no parameters; drop {name!r}")
            raise unknown(f"parameter of {whose}", name, fields)
        values[name] = _read(text, hints[name], f"{whose}[{name}=...]")
        _check_bounds(values[name], fields[name], f"{whose}[{name}=...]")
    missing = [name for name in fields if name not in values]
    if missing:
        raise UserError(f"{whose} needs {missing[0]!r}; write {whose.split()[-1]}[{missing[0]}=...]")
    try:
        return kind(**values)
    except ValueError as error:  # a __post_init__ that refuses a combination
        raise UserError(f"{whose}: {error}") from error


def values_of(params: Any) -> dict[str, Value]:
    """Every option by name, JSON-typed and sorted."""
    return dict(sorted(dataclasses.asdict(params).items()))


def told_of(params: Any) -> dict[str, Value]:
    """Every option by name but the local ones."""
    local = local_of(params)
    return {name: value for name, value in values_of(params).items() if name not in local}


def local_of(params: Any) -> dict[str, Value]:
    """The local options by name."""
    local = {field.name for field in dataclasses.fields(params) if field.metadata.get("local")}
    return {name: value for name, value in values_of(params).items() if name in local}


def canonical(name: str, params: Any) -> str:
    """The form that never changes for the same thing: every option, sorted."""
    return brackets.write(name, told_of(params))


def shown(name: str, params: Any, *, budget: str = "paper", settled: Any = None) -> str:
    """The form for people: only what differs from the default (of that budget)."""
    default = settled if settled is not None else defaults(type(params), budget=budget)
    return brackets.write(name, {key: value for key, value in told_of(params).items() if default.get(key, _NONE) != value})


_NONE = object()


def defaults(kind: type[Any], *, budget: str = "paper") -> dict[str, Value]:
    """The default of every option that has one."""
    found: dict[str, Value] = {}
    for field in dataclasses.fields(kind):
        if "by_budget" in field.metadata:
            found[field.name] = field.metadata["by_budget"][budget]
        elif field.default is not dataclasses.MISSING:
            found[field.name] = field.default
    return found


def described(kind: type[Any]) -> list[tuple[str, str, Mapping[str, Any]]]:
    """Every option: its name, its default in words, and what it says of itself."""
    found: list[tuple[str, str, Mapping[str, Any]]] = []
    for field in dataclasses.fields(kind):
        if "by_budget" in field.metadata:
            default = ", ".join(
                f"{brackets.value_text(value)} at {name}" for name, value in field.metadata["by_budget"].items()
            )
        else:
            default = "(required)" if field.default is dataclasses.MISSING else brackets.value_text(field.default)
        found.append((field.name, default, field.metadata))
    return found


def needs_option(kind: type[Any]) -> bool:
    """Whether some option has no default."""
    return any(field.default is dataclasses.MISSING for field in dataclasses.fields(kind))


def _read(text: object, hint: Any, where: str) -> Value:
    """One option's value, by its annotation."""
    if get_origin(hint) is Literal:
        choices: Sequence[Any] = get_args(hint)
        for choice in choices:
            if text == choice or (isinstance(text, str) and text == brackets.value_text(choice)):
                return cast(Value, choice)
        raise UserError(f"{where} must be one of {', '.join(brackets.value_text(c) for c in choices)}, not {text!r}")
    if get_origin(hint) in (Union, types.UnionType):
        inner = [arm for arm in get_args(hint) if arm is not type(None)]
        if text is None or (isinstance(text, str) and text.lower() == "none"):
            return None
        return _read(text, inner[0], where)
    if hint is bool:
        if isinstance(text, bool):
            return text
        words = {
            "true": True,
            "on": True,
            "yes": True,
            "1": True,
            "false": False,
            "off": False,
            "no": False,
            "0": False,
        }
        if isinstance(text, str) and text.lower() in words:
            return words[text.lower()]
        raise UserError(f"{where} must be true or false, not {text!r}")
    if hint is int:
        return cast(int, _number(text, int, "a whole number", where))
    if hint is float:
        return cast(float, _number(text, float, "a number", where))
    if hint is str:
        return str(text)
    raise TypeError(f"{where} is annotated {hint!r}; use bool, int, float, str, a Literal of them, or one of them | None")


def _number(text: object, kind: type[int] | type[float], what: str, where: str) -> int | float:
    try:
        number = kind(text) if isinstance(text, (str, int, float)) and not isinstance(text, bool) else None
    except ValueError:
        number = None
    if (
        number is None
        or number != number
        or number in (float("inf"), float("-inf"))
        or (kind is int and isinstance(text, float) and text != number)
    ):
        raise UserError(f"{where} must be {what}, not {text!r}")
    return number


def _check_bounds(value: Value, field: dataclasses.Field[Any], where: str) -> None:
    low, high = field.metadata.get("low"), field.metadata.get("high")
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        if low is not None and value < low:
            raise UserError(f"{where} must be at least {low:g}, not {value}")
        if high is not None and value > high:
            raise UserError(f"{where} must be at most {high:g}, not {value}")
