"""Filling: the disk runs full at one write after another; there is one clear sentence, and with room the same command goes on.

`python filling.py FOLDER` runs where a small tmpfs may be mounted: `unshare --map-root-user --mount` gives that to anybody.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import driving
import plugins

SIZE = "4m"
WORDS = ("--budget", "smoke[steps=40,batch=4]", "--test-masks", "center,half", "--keep", "weights,guesses,checkpoint")
ROOM = (0, 4, 12, 24, 36, 48, 60, 72, 88, 104, 128, 160)
"""KiB that are left when the command starts: each ends at another write, the last ones at none."""


def campaign(folder: Path, rooms: tuple[int, ...] = ROOM) -> dict[str, Any]:
    """In a mount namespace of its own; what it found."""
    words = ["unshare", "--map-root-user", "--mount", sys.executable, __file__, str(folder), *map(str, rooms)]
    done = driving.finish(words, driving.SECONDS * len(rooms))
    if done.returncode:
        return {"reason": done.stderr.strip().splitlines()[-1] if done.stderr.strip() else f"exit code {done.returncode}"}
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def _inside(folder: Path, rooms: tuple[int, ...]) -> dict[str, Any]:
    (plugin, *_) = plugins.written(folder / "plugins", [])
    environment = driving.environment(folder, SLOW="0.01")
    small = folder / "small"
    small.mkdir(parents=True, exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(small)], check=True)
    straight = driving.run(folder / "straight", plugin, "plain,steady", *WORDS)
    driving.finish(straight, env=environment)
    wanted = {name: driving.numbers(path) for name, path in driving.runs(folder / "straight").items()}
    rows = [_one(folder, plugin, room, wanted, environment) for room in rooms]
    return {"rows": rows, "full": sum(row["exit code"] == 1 for row in rows)}


def _one(folder: Path, plugin: Path, room: int, wanted: dict[str, Any], environment: dict[str, str]) -> dict[str, Any]:
    """With one run finished, fill the disk but for so many KiB, run the rest, make room, run it again."""
    small = folder / "small"
    results = small / "results"
    shutil.rmtree(results, ignore_errors=True)
    shutil.copytree(folder / "straight", results)
    shutil.rmtree(driving.runs(results)["steady/0"])
    fill = small / "fill"
    with fill.open("wb") as file:
        file.write(b"0" * max(0, shutil.disk_usage(small).free - room * 1024))
    words = driving.run(results, plugin, "plain,steady", *WORDS)
    full = driving.finish(words, env=environment)
    kept = driving.numbers(driving.runs(results)["plain/0"]) == wanted["plain/0"]
    fill.unlink()
    again = driving.finish(words, env=environment)
    found = {name: driving.numbers(path) for name, path in driving.runs(results).items()}
    return {
        "KiB left": room,
        "exit code": full.returncode,
        "clear": full.returncode == 0 or ("no room" in full.stderr and "Traceback" not in full.stderr),
        "finished run kept": kept,
        "same bits when there is room": again.returncode == 0 and found == wanted,
        "half files": len(driving.litter(results)) + len(driving.unsound(results)),
    }


if __name__ == "__main__":
    print(json.dumps(_inside(Path(sys.argv[1]), tuple(map(int, sys.argv[2:])))))
