"""What every plugin promises, whatever its kind: what it says of itself, and its options."""

from __future__ import annotations

import ast
import dataclasses
import inspect
from pathlib import Path
from typing import Any

from inbench.acts import contract
from inbench.joints import registry
from inbench.words import brackets, budget, params

PLUGINS = contract.Promises()
DATACLASS_READERS = {"asdict", "astuple", "vars", "values_of"}


def has_defaults(cls: Any) -> bool:
    return not params.needs_option(cls.Params)


def is_ready(cls: Any) -> bool:
    """Whether it can be built from defaults, or from a method's small form, with no option that a user has to give."""
    return has_defaults(cls) or isinstance(getattr(cls, "small", None), cls.Params)


@PLUGINS("the name is kebab-case, and what it is stands in one line each", "say it in the class, as one line of text")
def says_what_it_is(cls: Any) -> str:
    if not registry.NAME.fullmatch(cls.name):
        return f"the name is {cls.name!r}"
    base = next(base for base in registry.KINDS.values() if issubclass(cls, base))
    for word in {"summary", "about", "paper", "licence"} & base.__annotations__.keys():
        said = getattr(cls, word, None)
        if not isinstance(said, str) or not said.strip() or "\n" in said:
            return f"{word} = {said!r}"
    return ""


@PLUGINS(
    "every option has a type that brackets can hold, and says its effect",
    "write `lr: float = param(1e-3, 'step length')`; types are bool, int, float, str, a Literal of them, or one of them | None",
    about="Params",
)
def options_can_be_typed(cls: Any) -> str:
    silent = [name for name, field in cls.Params.__dataclass_fields__.items() if not field.metadata.get("about")]
    if silent:
        raise contract.Broken(f"{silent[0]} does not say what it does", line_of_option(cls, silent[0]))
    for name in budget.BUDGETS if has_defaults(cls) else ():
        resolved = params.resolve(cls.Params, {}, whose=cls.name, budget=name)
        typed = brackets.parse(params.canonical(cls.name, resolved)).options
        again = params.values_of(params.resolve(cls.Params, typed, whose=cls.name))
        for option, value in params.values_of(resolved).items():
            if again[option] != value or type(again[option]) is not type(value):
                seen = f"{option} = {value!r} comes back as {again[option]!r}"
                raise contract.Broken(seen, line_of_option(cls, option))
    return ""


@PLUGINS(
    "every option is read somewhere in the source",
    "use `self.params.NAME`, or take the option out",
    about="Params",
    where=is_ready,
)
def options_are_read(cls: Any) -> str:
    names = [field.name for field in dataclasses.fields(cls.Params)]
    read = {word for file in sources(cls) for word in words_read(file, cls.Params.__name__)}
    if read & DATACLASS_READERS:  # all of them at once
        return ""
    idle = [name for name in names if name not in read]
    if idle:
        raise contract.Broken(f"nothing reads {idle[0]}", line_of_option(cls, idle[0]))
    return ""


def sources(cls: type[Any]) -> set[Path]:
    """The files that a plugin is made of, those of the classes that it derives from among them."""
    kinds = set(registry.KINDS.values())
    ours = [base for base in cls.__mro__ if base not in kinds and not base.__module__.startswith(("torch", "builtins", "abc"))]
    return {file for base in ours for file in registry.files_of(base)}


def words_read(file: Path, params_class: str) -> set[str]:
    """Every attribute that is read, every function that is called and every text in a file, but for the checks that
    `Params` makes of itself."""
    tree, found = ast.parse(file.read_text(encoding="utf-8")), set()
    own_checks = [
        node
        for holder in ast.walk(tree)
        if isinstance(holder, ast.ClassDef) and holder.name == params_class
        for node in holder.body
        if isinstance(node, ast.FunctionDef) and node.name == "__post_init__"
    ]
    skipped = {node for function in own_checks for node in ast.walk(function)}
    for node in ast.walk(tree):
        if node in skipped:
            continue
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load):
            found.add(node.attr)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            found.add(node.value)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            found.add(node.func.id)
    return found


def line_of_option(cls: Any, name: str) -> str:
    """file:line of an option in its dataclass; empty where it cannot be found."""
    try:
        lines, first = inspect.getsourcelines(cls.Params)
        file = inspect.getfile(cls.Params)
    except (OSError, TypeError):
        return ""
    places = [place for place, line in enumerate(lines) if line.strip().startswith(f"{name}:")]
    return f"{file}:{first + places[0]}" if places else ""
