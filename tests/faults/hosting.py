"""Hosting: hostile plugins beside well-behaved ones, whose numbers must be those of a command without them."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import driving
import plugins

WORDS = ("--budget", "smoke[steps=8,batch=4]", "--memory", "1G")
GOOD = "good,plain"


def campaign(
    folder: Path, names: list[str] | None = None, *, timeout: float = 20.0, report: Callable[[str], None] = print
) -> dict[str, Any]:
    """Run the hostile plugins, all or some, in one command with good ones; what each came to beside what it must."""
    files = plugins.written(folder / "plugins", names)
    environment = driving.environment(folder, INBENCH_PLUGINS=os.pathsep.join(map(str, files[1:])))
    chosen = [one for one in plugins.HOSTILE if names is None or one.name in names]
    alone = driving.run(folder / "alone", files[0], GOOD, *WORDS)
    assert driving.finish(alone, env=driving.environment(folder)).returncode == 0
    wanted = {name: driving.numbers(path) for name, path in driving.runs(folder / "alone").items()}
    # `all` is what lists a plugin that breaks in its import; by name the good ones stand first and last
    listed = [one.name for one in chosen if one.name != "raises-in-import"]
    results, began = folder / "hosted", time.monotonic()
    words = driving.run(results, files[0], ",".join(["good", *listed, "plain"]), *WORDS, "--timeout", f"{timeout:g}")
    done = driving.finish(words, env=environment)
    seconds = time.monotonic() - began
    rows = [_row(one, results) for one in chosen if one.name != "raises-in-import"]
    if any(one.name == "raises-in-import" for one in chosen):
        rows.insert(0, _broken_import(files, folder, environment))
    for row in rows:
        report(f"{row['plugin']}: {row['status']} ({'as' if row['as expected'] else 'NOT as'} expected): {row['reason']}")
    found = driving.runs(results)
    same = [name for name in wanted if name in found and driving.numbers(found[name]) == wanted[name]]
    if done.returncode != 1 or "Traceback" in done.stderr:
        report(f"exit {done.returncode}: {done.stderr[-2000:]}")
    return {
        "plugins": rows,
        "good ones with the same numbers": len(same),
        "good ones": len(wanted),
        "exit code": done.returncode,
        "traceback": "Traceback" in done.stderr,
        "seconds": round(seconds),
        "processes left": len(_left(results)),
        "half files": len(driving.litter(results)) + len(driving.unsound(results)),
    }


def _row(one: plugins.Hostile, results: Path) -> dict[str, Any]:
    folder = driving.runs(results).get(f"{one.name}/0")
    told = json.loads((folder / "run.json").read_text()) if folder else {"status": "none", "reason": "", "scores": {}}
    said = [told["reason"], *told.get("warnings", []), *told.get("log", [])]
    said += [text for entry in told["scores"].values() for text in [entry["reason"], *entry.get("warnings", [])]]
    status = next((entry["status"] for entry in told["scores"].values() if entry["status"] != "ok"), told["status"])
    right = status == one.status and any(one.words in text for text in said)
    reason = told["reason"] or next((text for text in said if one.words and one.words in text), "")
    return {
        "plugin": one.name,
        "does": one.does,
        "expected": one.status,
        "status": status,
        "reason": reason,
        "as expected": right,
    }


def _broken_import(files: list[Path], folder: Path, environment: dict[str, str]) -> dict[str, Any]:
    """It is asked for with `all`, on its own: every method there is would take minutes."""
    one = plugins.BY_NAME["raises-in-import"]
    told = json.loads(driving.finish(driving.command("list", "--json"), env=environment).stdout)
    fault = next((fault for fault in told["faults"] if fault["name"] == one.name), {"reason": ""})
    asked = driving.finish(driving.run(folder / "asked", files[0], one.name, *WORDS), env=environment)
    right = one.words in fault["reason"] and asked.returncode == 2 and "Traceback" not in asked.stderr
    status = "failed" if right else "none"
    return {
        "plugin": one.name, "does": one.does, "expected": one.status, "status": status, "reason": fault["reason"],
        "as expected": right,
    }  # fmt: skip


def _left(results: Path) -> list[int]:
    """Processes that still carry the mark of a run and know of these results."""
    from inbench.joints import isolation

    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            line = (entry / "cmdline").read_bytes()
        except OSError:
            continue
        if str(results).encode() in line and not isolation.is_dead(int(entry.name)):
            found.append(int(entry.name))
    return found
