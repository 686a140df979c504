"""The command line of records: what is under way, verify them, pack them into one archive, merge those of other machines."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from inbench.commands.cli_options import FAILED, OK, common, executor, print_json


def add(commands: Any) -> None:
    status = commands.add_parser("status", help="runs queued, running, done and failed, on all machines", allow_abbrev=False)
    executor(status)
    status.set_defaults(call=_status)
    verify = commands.add_parser("verify", help="whether records hold what was measured", allow_abbrev=False)
    verify.set_defaults(call=_verify)
    pack = commands.add_parser("pack", help="records into one archive, without pictures", allow_abbrev=False)
    pack.add_argument("archive", nargs="?", type=Path, default=Path("inbench-records.zip"), metavar="FILE.zip",
                      help="what to write (default: %(default)s)")  # fmt: skip
    pack.add_argument("--weights", action="store_true", help="with weights, where the terms of the data sets allow it")
    pack.add_argument("--short", action="store_true", help="rows and curves at five digits, which is a quarter smaller; at "
                      "times the last digit of a table moves by one")  # fmt: skip
    pack.set_defaults(call=_pack)
    merge = commands.add_parser("merge", help="take records of other machines into this folder", allow_abbrev=False)
    merge.add_argument("sources", nargs="+", type=Path, metavar="DIR|ARCHIVE", help="results folders, or archives of pack")
    merge.set_defaults(call=_merge)
    for command in (status, verify, pack, merge):
        common(command, results=True)


def _status(asked: argparse.Namespace) -> int:
    from inbench.commands import under_way
    from inbench.readers.formats import plain
    from inbench.runs import executors
    from inbench.runs.engines import Engine

    chosen = executors.chosen(asked.executor, asked.executor_option)
    found = under_way.survey(asked.results, chosen if isinstance(chosen, Engine) else None)
    if asked.json:
        print_json(under_way.as_json(found))
    else:
        print("\n".join(plain(line) for line in under_way.in_words(found).splitlines()))
    return OK


def _verify(asked: argparse.Namespace) -> int:
    from inbench.commands import packing
    from inbench.readers.formats import plain

    checked = packing.verify(asked.results)
    broken = [one for one in checked if one.fault]
    if asked.json:
        print_json([vars(one) for one in checked])
    else:
        for one in checked:
            print(f"{plain(one.name)}: {plain(one.fault) if one.fault else 'as it was written'}")
        mend = "; they are not counted; without their folders the same inbench run makes them anew" if broken else ""
        print(f"{len(checked) - len(broken)} of {len(checked)} records are sound{mend}")
    return FAILED if broken else OK


def _pack(asked: argparse.Namespace) -> int:
    from inbench.commands import packing

    names = packing.pack(asked.results, asked.archive, weights=asked.weights, short=asked.short)
    if asked.json:
        print_json({"archive": str(asked.archive), "records": names})
    else:
        size = asked.archive.stat().st_size / 2**20
        print(f"{len(names)} records in {asked.archive}, {size:.1f} MiB; inbench merge takes them up elsewhere")
    return OK


def _merge(asked: argparse.Namespace) -> int:
    from inbench.commands import packing
    from inbench.readers.formats import plain
    from inbench.runs import plan

    plan.check_writable(asked.results)
    made = packing.merge(asked.results, asked.sources)
    if asked.json:
        print_json([vars(one) for one in made])
    else:
        for one in made:
            print(f"{plain(one.name)}: {one.outcome}{f': {plain(one.why)}' if one.why else ''}")
    return FAILED if any(one.outcome in ("refused", "contradicts") for one in made) else OK
