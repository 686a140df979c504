"""The page of everything there is: each plugin, what it says of itself, and its options; for `inbench list --write`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from inbench import params, records
from inbench.errors import UserError
from inbench.formats import plain
from inbench.registry import KINDS, SPOKEN, Registry

HEAD = """# What there is

Every method, data set, mask and metric with its options, written by `inbench list --write` from the plugins themselves.
"""
SAID = ("paper", "licence", "citation", "where", "unit", "better", "region", "source")
DEFAULT_SIZES = (32, 64, 128, 256)


def page(registry: Registry) -> str:
    """All of it, as markdown."""
    parts = [HEAD]
    for kind in KINDS:
        parts.append(f"## {SPOKEN[kind].capitalize()}s\n")
        parts += [entry(registry.plugins[kind][name].cls) for name in registry.names(kind)]
    return "\n".join(parts)


def write(registry: Registry, file: Path) -> None:
    """The page, whole or not at all."""
    try:
        records.write_file(file, page(registry).encode())
    except OSError as error:
        raise UserError(f"{file} cannot be written ({error.strerror})") from None


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
