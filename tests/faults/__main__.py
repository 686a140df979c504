"""The long form of the fault campaign, `python -m tests.faults [PART ...]`: writes docs/reliability.json and its page."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
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


def main() -> int:
    asked = argparse.ArgumentParser(prog="python -m tests.faults")
    asked.add_argument("parts", nargs="*", metavar="PART", help="kills, plugins, sharing, full, malformed, fuzz (default: all)")
    asked.add_argument("--kills", type=int, default=50)
    asked.add_argument("--kill-minutes", type=float, default=float("inf"), help="no kill after so many (default: no end)")
    asked.add_argument("--minutes", type=float, default=10.0, help="for each fuzz target (default: %(default)s)")
    asked.add_argument("--seed", type=int, default=int(time.time()), help="of the moments of the kills")
    asked.add_argument("--into", type=Path, default=page.MEASURED, help="the JSON to write (default: %(default)s)")
    given = asked.parse_args()
    parts: dict[str, Callable[[Path], Any]] = {
        "sharing": lambda folder: sharing.campaign(folder, 4, 12),
        "full": filling.campaign,
        "malformed": lambda folder: fuzzing.malformed(folder),
        "plugins": hosting.campaign,
        "kills": lambda folder: killing.campaign(folder, given.kills, seed=given.seed, minutes=given.kill_minutes),
        "fuzz": lambda folder: fuzzing.campaign(folder, given.minutes),
    }
    measured = json.loads(given.into.read_text()) if given.into.is_file() else {}
    for name in given.parts or parts:
        with tempfile.TemporaryDirectory(prefix="inbench-faults-") as folder:
            print(f"== {name}", flush=True)
            measured[name] = parts[name](Path(folder)) | {"utc": datetime.now(UTC).strftime("%Y-%m-%d")}
            print(json.dumps(measured[name]), flush=True)
        given.into.write_text(json.dumps(measured, indent=1, sort_keys=True) + "\n")
    if given.into == page.MEASURED:
        page.PAGE.write_text(page.written(measured, page.PAGE.read_text()))
    faults = page.faults(measured)
    for fault in faults:
        print(f"not reached: {fault}")
    return 1 if faults else 0


if __name__ == "__main__":
    assert HERE.parent.parent == driving.ROOT
    sys.exit(main())
