"""The command `inbench bench`: times every method, metric, mask and the data, and compares with an earlier file."""

from __future__ import annotations

import argparse
import json
import re
import sys
from pathlib import Path
from typing import Any

from inbench.words.errors import UserError


def add_options(bench: argparse.ArgumentParser) -> None:
    """What it takes beside what every command takes; the words are those of `inbench run`."""
    bench.add_argument("--methods", default="all", metavar="all|A,B[p=1]", help="methods (default: %(default)s)")
    bench.add_argument("--datasets", default="drawn-faces", metavar="D", help="the pictures (default: %(default)s)")
    bench.add_argument("--size", type=int, default=64, metavar="S", help="pixels a side (default: %(default)s)")
    bench.add_argument("--batch", type=int, default=16, metavar="N", help="images a step (default: %(default)s)")
    bench.add_argument("--device", default="auto", help="auto, cuda, mps or cpu (default: %(default)s)")
    bench.add_argument("--precision", default="auto", help="auto, float32 or bf16 (default: %(default)s)")
    bench.add_argument("--threads", type=int, metavar="N", help="CPU threads (default: all cores)")
    bench.add_argument("--rounds", type=int, default=9, metavar="N", help="times each case is timed (default: %(default)s)")
    bench.add_argument("--save", type=Path, metavar="FILE.json", help="keep the timings, in pytest-benchmark's form")
    bench.add_argument("--compare", type=Path, metavar="FILE.json", help="a column with the times of now over those of then")
    bench.add_argument("--fail-above", metavar="10%", help="exit 1 where a case takes that much longer than then")
    bench.set_defaults(call=run)


def run(asked: argparse.Namespace) -> int:
    """Exit code: 0, or 1 where a case failed or became slower than allowed."""
    from inbench.readers import timings

    allowed = percent(asked.fail_above)
    if allowed is not None and asked.compare is None:
        raise UserError("--fail-above needs the times to compare with: add --compare FILE.json")
    before = timings.read(asked.compare) if asked.compare else None
    told = measured(asked, before, strict=allowed is not None)
    if asked.save:
        save(told, asked.save)
    name = asked.compare.name if asked.compare else ""
    if asked.json:
        print(json.dumps(told, indent=1, allow_nan=False))
    else:
        print(timings.page(told, before=before, name=name), end="")
    failed = [one for one in told["without_times"] if one["status"] == "failed"]
    for one in failed:
        print(f"inbench: {one['name']}, {one['group']}: {one['reason']}", file=sys.stderr)
    slower = {} if before is None or allowed is None else slowed(timings.ratios_to(told, before), allowed)
    for (group, case), ratio in slower.items():
        print(f"inbench: {case}, {group}: {ratio:.2f} times as long as in {name}", file=sys.stderr)
    return 1 if failed or slower else 0


def percent(text: str | None) -> float | None:
    """`10%` -> 0.1."""
    if text is None:
        return None
    if not re.fullmatch(r"\d+(\.\d+)?%", text):
        raise UserError(f"--fail-above {text!r} must be a share such as 10%")
    return float(text[:-1]) / 100


def slowed(ratios: dict[tuple[str, str], float], allowed: float) -> dict[tuple[str, str], float]:
    return {key: ratio for key, ratio in ratios.items() if ratio > 1 + allowed}


def measured(asked: argparse.Namespace, before: dict[str, Any] | None, *, strict: bool) -> dict[str, Any]:
    """Time everything that was asked for. strict: refuse, before anything is timed, times of another machine."""
    import torch

    from inbench.commands.progress import Screen
    from inbench.joints import choices, device, registry, store
    from inbench.readers import timings
    from inbench.runs import bench, cases, plan

    for name in ("batch", "rounds"):
        if getattr(asked, name) < 1:
            raise UserError(f"--{name} {getattr(asked, name)} must be at least 1")
    plan.check_size(asked.size)
    plugins = registry.load(asked.plugin)
    methods = plan.chosen_methods(asked.methods, plugins)
    where = device.choose_device(asked.device)
    setting = cases.Setting(asked.size, asked.batch, where, device.choose_precision(asked.precision, where))
    torch.set_num_threads(plan.threads(asked.threads))
    device.set_numerics(deterministic=False)
    if before is not None:
        now = {"machine_info": bench.machine(where), "benchmarks": [{"extra_info": vars(setting)}]}
        if difference := timings.where_they_differ(now, before):
            said = f"{asked.compare.name} cannot be held against this: {difference}"
            if strict:
                raise UserError(f"{said}; drop --fail-above, or time both on one machine alike")
            print(f"inbench: {said}", file=sys.stderr)
    screen = Screen(sys.stderr)
    data = choices.dataset(asked.datasets, plugins).prepared(asked.size, asked.data or store.default_folder(), screen.preparing)
    every = cases.all_of(methods, setting, data, plugins)
    return bench.told(bench.measure(every, setting, asked.rounds, screen.timing), setting)


def save(told: dict[str, Any], file: Path) -> None:
    from inbench.words import disk

    disk.write_named(file, disk.to_json(told))
