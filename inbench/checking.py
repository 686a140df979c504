"""Checking: puts the contract to the plugins that were asked for, in one process that a broken one may take down.

`python -m inbench.checking ASKED.json` writes a line of JSON to a file whenever something is begun or known.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, TextIO

import torch

from inbench import contract, promises, registry
from inbench.errors import Unavailable, UserError, unknown
from inbench.registry import Fault, Plugin, Registry


def main(arguments: Sequence[str]) -> int:
    """asked: `target`, `plugins` (files), `into` (the file of lines), `done` (the plugins that are not to be put again)."""
    asked = json.loads(Path(arguments[0]).read_text())
    with Path(asked["into"]).open("a", encoding="utf-8") as lines:
        try:
            chosen, faults = found(asked["target"], asked["plugins"])
        except UserError as error:
            say(lines, wrong=str(error))
            return 0
        say(lines, total=sum(len(promises.of(plugin.cls)) for plugin in chosen), faults=[asdict(fault) for fault in faults])
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

    `all` is every one there is; a name may be that of several kinds; a path is every plugin in that file.
    """
    is_file = target.endswith(".py") or "/" in target
    plugins = registry.load([target, *files] if is_file else files)
    every = [plugin for kind in registry.KINDS for _, plugin in sorted(plugins.plugins[kind].items())]
    if target == "all":
        return every, [fault for fault in plugins.faults if not fault.unavailable]
    if is_file:
        (origin,) = registry.named_files([target])[:1]
        chosen, faults = [plugin for plugin in every if plugin.origin == origin], faults_of(plugins, "origin", origin)
        if not chosen and not faults:
            raise UserError(f"{target} brings no plugin: its hooks return empty lists; return [YourClass]")
        return chosen, faults
    chosen, faults = [plugin for plugin in every if plugin.cls.name == target], faults_of(plugins, "name", target)
    if not chosen and not faults:
        raise unknown("plugin", target, [plugin.cls.name for plugin in every])
    return chosen, faults


def faults_of(plugins: Registry, word: str, value: str) -> list[Fault]:
    return [fault for fault in plugins.faults if getattr(fault, word) == value]


def check(plugin: Plugin, lines: TextIO) -> None:
    """Every promise of a plugin: kept, broken, a warning, unseen (it stopped where an earlier one did), or unavailable."""
    cls, stopped = plugin.cls, dict[tuple[str, str], str]()
    put_to_it = [
        {"check": one.name, "promise": one.promise, "mend": one.mend, "where": contract.place_of(cls, one.about)}
        for one in promises.of(cls)
    ]
    told = {"kind": plugin.kind, "name": cls.name, "origin": plugin.origin, "version": plugin.version, "checks": put_to_it}
    say(lines, plugin=told)
    for one in promises.of(cls):
        state, seen, where = put(one, cls)
        if state == "broken" and (first := stopped.setdefault((seen, where), one.name)) != one.name:
            state, seen = "unseen", f"it ends as {first} does"
        say(lines, known={"state": state, "seen": seen, **({"where": where} if where else {})})


def put(one: contract.Check, cls: type[Any]) -> tuple[str, str, str]:
    """How it went, what was seen, and where."""
    try:
        finding = contract.run_check(one, cls)
    except Unavailable as missing:
        return "unavailable", str(missing), ""
    if finding is None:
        return "kept", "", ""
    return "warning" if finding.warning else "broken", " ".join(finding.seen.split()), finding.where


if __name__ == "__main__":
    torch.set_num_threads(1)  # networks as small as these gain nothing from a second one
    sys.exit(main(sys.argv[1:]))
