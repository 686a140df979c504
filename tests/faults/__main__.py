"""The long form of the fault campaign, `python -m tests.faults [PART ...]`: writes docs/reliability.json and its page."""

from __future__ import annotations

import argparse
import json
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

import driving  # noqa: E402
import filling  # noqa: E402
import fuzzing  # noqa: E402
import hosting  # noqa: E402
import killing  # noqa: E402
import page  # noqa: E402
import sharing  # noqa: E402
import tally  # noqa: E402


def arguments() -> argparse.Namespace:
    asked = argparse.ArgumentParser(prog="python -m tests.faults")
    parts = f"{', '.join(tally.PARTS)}, or one reader as 'fuzz: READER' (default: all)"
    asked.add_argument("parts", nargs="*", metavar="PART", help=parts)
    asked.add_argument("--continue", dest="go_on", action="store_true", help="measure what an interrupted campaign left")
    asked.add_argument("--jobs", type=int, default=1, metavar="N", help="fuzz so many readers at a time (default: 1)")
    asked.add_argument("--kills", type=int, default=tally.KILLS, help="(default: %(default)s)")
    asked.add_argument("--kill-minutes", type=float, default=float("inf"), help="no kill after so many (default: no end)")
    asked.add_argument("--minutes", type=float, default=tally.MINUTES, help="for each fuzz target (default: %(default)s)")
    asked.add_argument(
        "--seed",
        type=int,
        default=int(time.time()),
        help="of the moments of the kills and the damage done to inputs (default: another each time)",
    )
    asked.add_argument("--into", type=Path, default=page.MEASURED, help="the JSON to write (default: %(default)s)")
    given = asked.parse_args()
    if given.go_on and given.parts:
        asked.error("--continue measures whatever is left; name no parts beside it")
    known = {*tally.PARTS, *tally.units(["fuzz"], list(fuzzing.targets()))}
    if odd := set(given.parts) - known:
        asked.error(f"{sorted(odd)[0]!r} is no part; there are: {', '.join(sorted(known))}")
    return given


def write_page(measured: dict[str, Any]) -> None:
    page.PAGE.write_text(page.written(measured, page.PAGE.read_text()))


def main() -> int:
    given, every = arguments(), list(fuzzing.targets())
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # what is under way ends, and is measured next time
    kept = tally.Tally(given.into, write_page if given.into == page.MEASURED else lambda _: None)
    kept.only(every)
    if not given.go_on:
        kept.begin(tally.units(given.parts, every))
    try:
        measure(given, kept)
    except KeyboardInterrupt:
        print(f"interrupted; --continue measures what is left: {', '.join(kept.left())}")
        return 130
    faults = tally.faults(kept.measured)
    for fault in faults:
        print(f"not reached: {fault}")
    return 1 if faults else 0


def measure(given: argparse.Namespace, kept: tally.Tally) -> None:
    """Everything that is left, and what each unit came to, as it ends."""
    parts: dict[str, Callable[[Path], dict[str, Any]]] = {
        "sharing": lambda folder: sharing.campaign(folder, 4, 12),
        "full": filling.campaign,
        "malformed": fuzzing.malformed,
        "plugins": hosting.campaign,
        "kills": lambda folder: killing.campaign(folder, given.kills, seed=given.seed, minutes=given.kill_minutes),
    }
    fuzzed = [unit.partition(": ")[2] for unit in kept.left() if unit.startswith("fuzz: ")]
    for unit in kept.left():
        if unit in parts:
            with tempfile.TemporaryDirectory(prefix="inbench-faults-") as folder:
                print(f"== {unit}", flush=True)
                told = parts[unit](Path(folder))
                print(json.dumps(told), flush=True)
                kept.keep(unit, told)
    with tempfile.TemporaryDirectory(prefix="inbench-faults-") as folder:
        for row in fuzzing.campaign(Path(folder), given.minutes, fuzzed, seed=given.seed, jobs=given.jobs):
            print(f"fuzz: {row['reader']}: {row['inputs']} inputs{': ' + row['fault'] if row['fault'] else ''}", flush=True)
            kept.keep(f"fuzz: {row['reader']}", row)


if __name__ == "__main__":
    assert HERE.parent.parent == driving.ROOT
    sys.exit(main())
