"""The page of everything there is: each plugin, what it says of itself, and its options; for `inbench list --write`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from inbench.acts import promises
from inbench.joints.registry import KINDS, SPOKEN, Registry
from inbench.readers.formats import plain
from inbench.words import budget, disk, params

HEAD = """# What there is

Every method, data set, mask and metric with its options, and the budgets, written by `inbench list --write` from what they say
of themselves.
"""
BUDGETS = """## Budgets

What every method is given alike: `paper[steps=2000,ema=0.999]` is `paper` with other options.
"""
PROMISED = """## The contract

What `inbench check` and `inbench.testing.parametrize_with_checks` put to a plugin; what does not apply to it is left out.
"""
SAID = ("paper", "licence", "citation", "where", "unit", "better", "region", "source")
DEFAULT_SIZES = (32, 64, 128, 256)


def page(registry: Registry) -> str:
    """All of it, as markdown."""
    parts = [HEAD]
    for kind in KINDS:
        parts.append(f"## {SPOKEN[kind].capitalize()}s\n")
        parts += [entry(registry.plugins[kind][name].cls) for name in registry.names(kind)]
    return "\n".join([*parts, BUDGETS, budgets(), PROMISED, *map(promised, KINDS)])


def budgets() -> str:
    """The options of all budgets: what each does, and its value in each of them."""
    names = list(budget.BUDGETS)
    lines = [f"- `{name}`: {budget.ABOUT[name]}" for name in names]
    lines += ["", f"| option | {' | '.join(names)} | effect |", f"|---|{'---|' * len(names)}---|"]
    for each in zip(*map(budget.described, names), strict=True):
        words = (each[0][0].replace("_", "-"), *(value for _, value, _ in each), each[0][2])
        lines.append(f"| {' | '.join(map(plain, words))} |")
    return "\n".join([*lines, ""])


def promised(kind: str) -> str:
    """What a kind of plugin promises: a line for each check, in the order in which they are put."""
    rows = [(one.name, one.promise + " (a warning)" * one.warning, one.mend) for one in promises.CHECKS[kind]]
    told = ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows]
    return "\n".join([f"| a {SPOKEN[kind]}'s check | promise | to mend it |", "|---|---|---|", *told, ""])


def write(registry: Registry, file: Path) -> None:
    """The page, whole or not at all."""
    disk.write_named(file, page(registry).encode())


def entry(cls: Any) -> str:
    """One plugin: its name, what it is, where it comes from, its options with default, effect and source."""
    lines = [f"### {cls.name}", "", plain(getattr(cls, "summary", "") or cls.about), ""]
    lines += [f"- {word}: {plain(said)}" for word in SAID if (said := getattr(cls, word, ""))]
    if getattr(cls, "sizes", DEFAULT_SIZES) != DEFAULT_SIZES:
        lines.append(f"- sizes: {', '.join(map(str, cls.sizes))}")
    if lines[-1]:
        lines.append("")
    options = params.described(cls.Params)
    if options:
        lines += ["| option | default | effect | source |", "|---|---|---|---|"]
        for name, default, told in options:
            words = (name.replace("_", "-"), default, told.get("about", ""), told.get("source", ""))
            lines.append(f"| {' | '.join(map(plain, words))} |")
        lines.append("")
    return "\n".join(lines)
