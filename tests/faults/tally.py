"""What the campaign has measured: kept part by part as each ends, and how often in a row the long form of each was green."""

from __future__ import annotations

import json
import subprocess
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from itertools import takewhile
from pathlib import Path
from typing import Any

PARTS = ("sharing", "full", "malformed", "plugins", "kills", "fuzz")
KILLS, MINUTES = 50, 10.0
"""What is long: so many kills, and so many minutes for each fuzz target. The other parts have one form."""
AT = " at "
"""Between the day and the commit of a green long form."""
UNDER_WAY = "under way"
"""What a campaign that was begun has still to measure: parts, and `fuzz: READER`."""

Told = dict[str, Any]


def units(asked: Sequence[str], readers: Sequence[str]) -> list[str]:
    """The parts that are asked for (none: all), the fuzz targets one by one."""
    found: list[str] = []
    for name in asked or PARTS:
        found += [f"fuzz: {reader}" for reader in readers] if name == "fuzz" else [name]
    return found


class Tally:
    """A JSON file; what is measured stands in it as soon as it is measured."""

    def __init__(self, file: Path, written: Callable[[Told], None] = lambda _: None) -> None:
        self.file, self._written, self._code = file, written, code()
        self.measured: Told = json.loads(file.read_text()) if file.is_file() else {}

    def begin(self, asked: Sequence[str]) -> None:
        """Remember what is to be measured, beside what an interrupted campaign left."""
        left = [unit for unit in self.left() if unit not in asked]
        self._write({**self.measured, UNDER_WAY: [*left, *asked]})

    def left(self) -> list[str]:
        return list(self.measured.get(UNDER_WAY, []))

    def keep(self, unit: str, told: Told) -> None:
        """What a unit came to; it is under way no more."""
        part, _, reader = unit.partition(": ")
        rows = {row["reader"]: row for row in self.measured.get("fuzz", {}).get("targets", [])}
        before = rows.get(reader, {}) if reader else self.measured.get(part, {})
        told = {**told, "utc": datetime.now(UTC).strftime("%Y-%m-%d")}
        told["green"] = in_a_row(part, told, before.get("green", []), self._code)
        kept = {"targets": [*({**rows, reader: told}).values()]} if reader else told
        self._write({**self.measured, part: kept, UNDER_WAY: [other for other in self.left() if other != unit]})

    def only(self, readers: Sequence[str]) -> None:
        """Forget the fuzz targets that are there no more, and put the others in order."""
        rows = {row["reader"]: row for row in self.measured.get("fuzz", {}).get("targets", [])}
        if rows:
            self.measured["fuzz"] = {"targets": [rows[reader] for reader in readers if reader in rows]}

    def _write(self, measured: Told) -> None:
        self.measured = measured
        beside = self.file.with_suffix(".new")
        beside.write_text(json.dumps(measured, indent=1, sort_keys=True) + "\n")
        beside.replace(self.file)
        self._written(measured)


def in_a_row(part: str, told: Told, before: Sequence[str], at: str) -> list[str]:
    """The days on which the long form was green and the code that it tried, without a failure of any form since."""
    if faults_of(part, told):
        return []
    return [*before, f"{told['utc']}{AT}{at}"] if form(part, told) == "long" else list(before)


def code() -> str:
    """The commit that is tried; what the campaign itself writes is no change of it."""
    root = Path(__file__).parent.parent.parent
    try:
        commit = _git(root, "rev-parse", "--short", "HEAD")
        changed = _git(root, "status", "--porcelain", "--", ".", ":!docs/reliability.*")
    except (OSError, subprocess.CalledProcessError):
        return "no commit"
    return commit + (" with changes" if changed else "")


def _git(root: Path, *words: str) -> str:
    return subprocess.run(["git", *words], cwd=root, capture_output=True, text=True, check=True).stdout.strip()


def whole(measured: Told) -> tuple[int, str]:
    """How often in a row everything was green on one and the same commit, up to now; and that commit."""
    streaks = [measured.get(part, {}).get("green", []) for part in PARTS if part != "fuzz"]
    streaks += [row["green"] for row in measured.get("fuzz", {}).get("targets", [])] or [[]]
    commits = {streak[-1].partition(AT)[2] if streak else "" for streak in streaks}
    commit = commits.pop()
    if commits or not commit or " " in commit:  # several, none, or one with changes
        return 0, ""
    return min(sum(1 for _ in takewhile(lambda on: on.endswith(AT + commit), reversed(streak))) for streak in streaks), commit


def form(part: str, told: Told) -> str:
    """Whether a part, or a fuzz target, had its long form; what there was of it where it had not."""
    if part == "kills" and told["kills"] < KILLS:
        return f"short: {told['kills']} of {KILLS} kills"
    if part == "fuzz" and told["minutes"] < MINUTES:
        return f"short: {told['minutes']} of {MINUTES:g} minutes"
    return "not possible here" if part == "full" and "rows" not in told else "long"


def faults(measured: Told) -> list[str]:
    """What a campaign did not reach."""
    parts = [(part, measured[part]) for part in PARTS if part in measured and part != "fuzz"]
    parts += [("fuzz", row) for row in measured.get("fuzz", {}).get("targets", [])]
    return [fault for part, told in parts for fault in faults_of(part, told)]


def faults_of(part: str, told: Told) -> list[str]:
    """What a part, or a fuzz target, did not reach."""
    return FAULTS[part](told)


def held(row: Mapping[str, Any]) -> bool:
    """Whether a full disk did no harm."""
    return bool(row["clear"] and row["finished run kept"] and row["same bits when there is room"] and not row["half files"])


def _kills(told: Told) -> list[str]:
    wrong = told["same bits"] != told["kills"] or told["finished runs lost"] or told["half files"]
    return ["kills"] if wrong else []


def _plugins(told: Told) -> list[str]:
    wrong = told["good ones with the same numbers"] != told["good ones"] or told["processes left"]
    wrong = wrong or told["traceback"] or told["half files"] or told["exit code"] != 1
    return [row["plugin"] for row in told["plugins"] if not row["as expected"]] + (["plugins"] if wrong else [])


def _sharing(told: Told) -> list[str]:
    right = told["trainings begun"] == told["records"] == told["runs"] and told["verified"]
    exits = Counter(told["exit codes"]) == {0: told["processes"]}
    return [] if right and exits and not told["half files"] else ["sharing"]


def _full(told: Told) -> list[str]:
    return [f"full disk at {row['KiB left']} KiB" for row in told.get("rows", []) if not held(row)]


def _malformed(told: Told) -> list[str]:
    return list(told["faults"])


def _fuzz(row: Told) -> list[str]:
    return [row["reader"]] if row["fault"] else []


FAULTS: dict[str, Callable[[Told], list[str]]] = {
    "kills": _kills, "plugins": _plugins, "sharing": _sharing, "full": _full, "malformed": _malformed, "fuzz": _fuzz,
}  # fmt: skip
