"""The long form of the campaign on engines, `python -m tests.scale [PART ...]`: writes docs/scale.json and its page."""

from __future__ import annotations

import argparse
import json
import shutil
import signal
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

import campaign
import far
import layout
import ray_machine
import scale_page
import slurm_machine

LACKING = {"slurm": slurm_machine.lacking, "ray": ray_machine.lacking}
PARTS = ("same", "struck", "many", "latency")


def main() -> int:
    asked = argparse.ArgumentParser(prog="python -m tests.scale")
    asked.add_argument("parts", nargs="*", metavar="PART", help="slurm, ray-same .., layout, planning, far (default: all)")
    asked.add_argument("--seeds", type=int, default=12, help="two runs a seed (default: %(default)s)")
    asked.add_argument("--rounds", type=int, default=3, help="of the latency (default: %(default)s)")
    asked.add_argument("--records", default="1000,10000,100000", help="of the layout (default: %(default)s)")
    asked.add_argument("--strike", default="", metavar="WORDS", help="only what is called so goes wrong (default: all)")
    asked.add_argument("--folder", type=Path, help="work there; runs of an earlier campaign on this machine are taken from it")
    given = asked.parse_args()
    for number in (signal.SIGINT, signal.SIGTERM):  # a shell may have started us with them ignored; engines must not be left
        signal.signal(number, signal.default_int_handler)
    with tempfile.TemporaryDirectory(prefix="inbench-scale-", ignore_cleanup_errors=True) as folder:
        run(given, given.folder or Path(folder))
    faults = scale_page.faults(json.loads(scale_page.MEASURED.read_text()))
    for fault in faults:
        print(f"not reached: {fault}")
    return 1 if faults else 0


def run(given: argparse.Namespace, folder: Path) -> None:
    """The parts that are asked for."""
    counts = [int(count) for count in given.records.split(",")]
    for name in ("slurm", "ray"):
        wanted = [part for part in PARTS if not given.parts or name in given.parts or f"{name}-{part}" in given.parts]
        if not wanted:
            continue
        if lacking := LACKING[name]():
            print(f"{name} is left out: {lacking}")
            continue
        on_engine(name, wanted, folder, given)
    if not given.parts or "layout" in given.parts:
        keep("layout", {"rows": layout.measured(folder, counts)})
    if not given.parts or "planning" in given.parts:
        keep("planning", {"rows": layout.planning(folder, counts[:2])})
    if not given.parts or "far" in given.parts:
        if lacking := far.lacking():
            print(f"far away is left out: {lacking}")
        else:
            keep("far away", {"rows": layout.far_away(folder, counts[:2], (0.001, 0.005))})


def on_engine(name: str, wanted: list[str], folder: Path, given: argparse.Namespace) -> None:
    """The parts that need one engine; each that strikes a node gets an engine of its own."""
    for earlier in folder.glob(f"{name}-*"):
        shutil.rmtree(earlier)
    bits = {} if {"same", "struck"}.isdisjoint(wanted) else bits_here(folder, given.seeds)
    with campaign.engine(name, folder / f"{name}-calm") as machine:
        if "same" in wanted:
            keep(f"{name}: same", campaign.same(folder / f"{name}-same", machine, given.seeds, bits))
        if "many" in wanted and name == "slurm":
            keep(f"{name}: many", campaign.many(folder / f"{name}-many", machine, 500))
        if "latency" in wanted:
            keep(f"{name}: latency", campaign.latency(folder / f"{name}-latency", machine, given.rounds))
        strikes = [strike for strike in machine.strikes() if "struck" in wanted and given.strike in strike]
    for at, strike in enumerate(strikes):
        with campaign.engine(name, folder / f"{name}-struck-{at}") as machine:
            keep(
                f"{name}: struck by {strike}",
                campaign.struck(folder / f"{name}-trial-{at}", machine, given.seeds, strike, bits),
            )


def bits_here(folder: Path, seeds: int) -> dict[str, dict[str, str]]:
    """The bits of the runs on this machine, computed once."""
    if (folder / "here" / "runs").is_dir():
        return campaign.Trial(folder, None).numbers("here")
    return campaign.here(folder, seeds)


def keep(part: str, told: dict[str, Any]) -> None:
    """What a part has come to, in the JSON and on the page at once."""
    measured = json.loads(scale_page.MEASURED.read_text()) if scale_page.MEASURED.is_file() else {}
    measured[part] = {**told, "utc": datetime.now(UTC).strftime("%Y-%m-%d")}
    print(f"== {part}: {json.dumps(told)}", flush=True)
    scale_page.MEASURED.write_text(json.dumps(measured, indent=1, sort_keys=True) + "\n")
    if {"layout"} <= measured.keys():
        scale_page.PAGE.write_text(scale_page.written(measured, scale_page.PAGE.read_text()))


if __name__ == "__main__":
    sys.exit(main())
