"""What `inbench plugins` tells: every place that plugins come from, what each brings, and what is wrong with the others."""

from __future__ import annotations

from typing import Any

from inbench import __version__
from inbench.joints import hookspecs
from inbench.joints.registry import BUILT_IN, KINDS, SPOKEN, Registry, Source
from inbench.words.errors import visible


def found(registry: Registry) -> dict[str, Any]:
    """The version of the hooks, and every plugin with its origin, version, status, what it brings, and its faults."""
    return {"inbench": __version__, "api": hookspecs.API, "plugins": [told(source, registry) for source in registry.sources]}


def told(source: Source, registry: Registry) -> dict[str, Any]:
    """One place: its status is that of the worst that is wrong with it."""
    faults = [fault for fault in registry.faults if fault.origin == source.origin]
    broken = any(not fault.unavailable for fault in faults)
    brings = {
        f"{kind}s": sorted(name for name, plugin in registry.plugins[kind].items() if plugin.origin == source.origin)
        for kind in KINDS
    }
    return {
        "name": source.name,
        "origin": source.origin,
        "version": source.version,
        "status": "broken" if broken else "unavailable" if faults else "ok",
        "brings": {kinds: names for kinds, names in brings.items() if names},
        "observes": any(observer.origin == source.origin for observer in registry.observers),
        "faults": [{"kind": fault.kind, "name": fault.name, "reason": fault.reason, "where": fault.where} for fault in faults],
    }


def in_words(everything: dict[str, Any]) -> str:
    """The same for people: what is built in on a line a kind, then the others, then what is wrong."""
    plugins = everything["plugins"]
    inside = [one for one in plugins if one["origin"].partition(".")[0] in ("inbench", *BUILT_IN)]
    lines = [f"inbench {everything['inbench']}, version {everything['api']} of the hooks", "", "built in:"]
    for kind in KINDS:
        names = sorted(name for one in inside for name in one["brings"].get(f"{kind}s", ()))
        lines.append(f"  {f'{SPOKEN[kind]}s':<10} {', '.join(names)}")
    for one in plugins:
        if one not in inside:
            lines += ["", *_lines(one)]
    for one in plugins:
        for fault in one["faults"]:
            where = f" ({fault['where']})" if fault["where"] else ""
            lines += ["", visible(f"{one['status']}: {one['origin']}: {fault['reason']}{where}")]
    return "\n".join(lines)


def _lines(one: dict[str, Any]) -> list[str]:
    brings = [f"  {kinds.replace('dataset', 'data set'):<10} {', '.join(names)}" for kinds, names in one["brings"].items()]
    observes = ["  observes   finished runs"] if one["observes"] else []
    return [visible(f"{one['origin']} {one['version']}".strip() + ":"), *(brings + observes or ["  nothing"])]
