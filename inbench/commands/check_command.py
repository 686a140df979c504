"""The command `inbench check`: which promises of the contract a plugin keeps, and how to mend those that it breaks."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from inbench.commands.cli_options import FAILED, OK, common, print_json
from inbench.words.errors import UserError, visible

if TYPE_CHECKING:
    from inbench.runs.supervising import Told


def add_options(check: argparse.ArgumentParser) -> None:
    check.add_argument(
        "target",
        metavar="NAME[p=1]|FILE.py|all",
        help="a plugin, with options in brackets; every plugin in a file; or every one there is",
    )
    check.add_argument(
        "--timeout", type=float, default=120.0, metavar="SECONDS", help="most time for one promise (default: %(default)g)"
    )
    common(check)
    check.set_defaults(call=run)


def run(asked: argparse.Namespace) -> int:
    """Exit code: 0 where every promise is kept, warnings or not; 1 where one is broken, or a plugin cannot be loaded."""
    from inbench.commands.progress import Screen
    from inbench.runs.supervising import checked

    if not asked.timeout > 0:
        raise UserError(f"--timeout {asked.timeout:g} must be more than 0 seconds")
    told = checked(asked.target, asked.plugin, asked.timeout, Screen(sys.stderr).timing)
    if asked.json:
        print_json({"plugins": told.plugins, "faults": told.faults})
    else:
        print("\n".join(visible(line) for line in in_words(told)))
    return FAILED if told.is_broken() else OK


def in_words(told: Told) -> Iterator[str]:
    """The same for people."""
    for fault in told.faults:
        place = f" ({fault['where']})" if fault["where"] else ""
        yield f"{'unavailable' if fault['unavailable'] else 'BROKEN'}: {fault['origin']}{place}: {fault['reason']}"
    for plugin in told.plugins:
        yield f"{plugin['name']}, a {plugin['kind'].replace('dataset', 'data set')} from {plugin['origin']}"
        for one in plugin["checks"]:
            yield from check_in_words(one)
        states = [one["state"] for one in reversed(plugin["checks"])]
        yield f"{plugin['name']}: " + ", ".join(f"{states.count(state)} {state}" for state in dict.fromkeys(states))
        if plugin["needs"]:
            file = f" --plugin {plugin['origin']}" if plugin["origin"].endswith(".py") else ""
            yield f"the rest needs an option: inbench check '{plugin['name']}[{plugin['needs']}=...]'{file}"
        yield ""


def check_in_words(one: dict[str, Any]) -> Iterator[str]:
    state = "BROKEN" if one["state"] == "broken" else one["state"]
    if one["state"] in ("broken", "warning"):
        yield f"  {state:<12} {one['check']}" + (f"  ({one['where']})" if one["where"] else "")
        for word, text in (("seen", one["seen"]), ("expected", one["promise"]), ("to mend it", one["mend"])):
            yield f"  {'':<12} {word}: {text}"
    else:
        yield f"  {state:<12} {one['check']}: {one['seen'] or one['promise']}"
