"""Checking: puts the contract to the plugins that were asked for, in one process that a broken one may take down.

`python -m inbench.runs.checking ASKED.json` writes a line of JSON to a file whenever something is begun or known.
"""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TextIO

import torch

from inbench.acts import contract, promises
from inbench.acts.checks_of_plugins import is_ready
from inbench.joints import registry
from inbench.joints.registry import Fault, Plugin, Registry
from inbench.words import brackets, params
from inbench.words.errors import Unavailable, UserError, unknown
from inbench.words.method import Method


def main(arguments: Sequence[str]) -> int:
    """asked: `target`, `plugins` (files), `into` (the file of lines), `done` (the plugins that are not to be put again)."""
    asked = json.loads(Path(arguments[0]).read_text())
    with Path(asked["into"]).open("a", encoding="utf-8") as lines:
        try:
            chosen, faults = found(asked["target"], asked["plugins"])
        except UserError as error:
            say(lines, wrong=str(error))
            return 0
        say(
            lines,
            total=sum(len(promises.of(plugin.cls)) for plugin in chosen),
            faults=[dataclasses.asdict(fault) for fault in faults],
        )
        for plugin in chosen:
            if [plugin.kind, plugin.cls.name] not in asked["done"]:
                check(plugin, lines)
        say(lines, end=True)
    return 0


def say(lines: TextIO, **told: Any) -> None:
    lines.write(json.dumps(told) + "\n")
    lines.flush()


def found(target: str, files: Sequence[str]) -> tuple[list[Plugin], list[Fault]]:
    """The plugins that a name or a file means, and the faults of those that could not be loaded.

    `all` is every one there is; a path is every plugin in that file; a name may be that of several kinds, and may have
    options in brackets, with which it is checked.
    """
    is_file = target.endswith(".py") or ("/" in target and "[" not in target)
    plugins = registry.load([target, *files] if is_file else files)
    every = [plugin for kind in registry.KINDS for _, plugin in sorted(plugins.plugins[kind].items())]
    if target == "all":
        return every, [fault for fault in plugins.faults if not fault.unavailable]
    if is_file:
        return in_file(target, every, plugins)
    named = brackets.parse(target)
    chosen, faults = [plugin for plugin in every if plugin.cls.name == named.name], faults_of(plugins, "name", named.name)
    if not chosen and not faults:
        raise unknown("plugin", named.name, [plugin.cls.name for plugin in every], otherwise=registry.YOURS)
    return [dataclasses.replace(plugin, cls=with_options(plugin.cls, named.options)) for plugin in chosen], faults


def in_file(target: str, every: Sequence[Plugin], plugins: Registry) -> tuple[list[Plugin], list[Fault]]:
    (origin,) = registry.named_files([target])[:1]
    chosen, faults = [plugin for plugin in every if plugin.origin == origin], faults_of(plugins, "origin", origin)
    if not chosen and not faults:
        raise UserError(f"{target} brings no plugin: its hooks return empty lists; return [YourClass]")
    return chosen, faults


def with_options(cls: type[Any], options: Mapping[str, str]) -> type[Any]:
    """The same plugin with other defaults, those that were given; a method's small form has them too."""
    if not options:
        return cls
    small = vars(cls.small) if issubclass(cls, Method) and isinstance(cls.small, cls.Params) else {}
    resolved = params.resolve(cls.Params, {**small, **options}, whose=cls.name)
    made = dataclasses.make_dataclass(
        cls.Params.__name__,
        [(one.name, one.type, default(one, resolved)) for one in dataclasses.fields(cls.Params)],
        bases=(cls.Params,),
        frozen=True,
        namespace={"__module__": cls.Params.__module__},
    )
    members = {"Params": made, "__module__": cls.__module__, "__qualname__": cls.__qualname__}
    return type(cls.__name__, (cls,), members | ({"small": made()} if issubclass(cls, Method) else {}))


def default(option: dataclasses.Field[Any], resolved: Any) -> Any:
    """The same option, with what was resolved as its default, whatever the budget."""
    metadata = {word: said for word, said in option.metadata.items() if word != "by_budget"}
    return dataclasses.field(default=getattr(resolved, option.name), metadata=metadata)


def faults_of(plugins: Registry, word: str, value: str) -> list[Fault]:
    return [fault for fault in plugins.faults if getattr(fault, word) == value]


def check(plugin: Plugin, lines: TextIO) -> None:
    """Every promise of a plugin: kept, broken, a warning, unseen (it stopped where an earlier one did), or unavailable."""
    cls, stopped = plugin.cls, dict[tuple[str, str], str]()
    put_to_it = [
        {"check": one.name, "promise": one.promise, "mend": one.mend, "where": contract.place_of(cls, one.about)}
        for one in promises.of(cls)
    ]
    whose = {"kind": plugin.kind, "name": cls.name, "origin": plugin.origin, "version": plugin.version, "needs": needs(cls)}
    say(lines, plugin={**whose, "checks": put_to_it})
    for one in promises.of(cls):
        state, told = put(one, cls)
        if (
            state in ("broken", "warning")
            and (first := stopped.setdefault((told["seen"], told["where"]), one.name)) != one.name
        ):
            state, told = "unseen", {"seen": f"it ends as {first} does"}
        say(lines, known={"state": state, "seen": "", **told})


def needs(cls: type[Any]) -> str:
    """The option without which most promises cannot be put; empty where there is none."""
    missing = [one.name for one in dataclasses.fields(cls.Params) if one.default is dataclasses.MISSING]
    return "" if is_ready(cls) else missing[0]


def put(one: contract.Check, cls: type[Any]) -> tuple[str, dict[str, str]]:
    """How it went, and what was seen, where, and how to mend it."""
    try:
        finding = contract.run_check(one, cls)
    except Unavailable as missing:
        return "unavailable", {"seen": str(missing)}
    if finding is None:
        return "kept", {}
    seen = {"seen": " ".join(finding.seen.split()), "where": finding.where, "mend": finding.mend}
    return "warning" if finding.warning else "broken", seen


if __name__ == "__main__":
    torch.set_num_threads(1)  # networks as small as these gain nothing from a second one
    sys.exit(main(sys.argv[1:]))
