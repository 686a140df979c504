"""The command line of plugins: write a new one, and see which were found, from where, and what is wrong with the others."""

from __future__ import annotations

import argparse
from typing import Any

from inbench.commands.cli_options import FAILED, OK, common, print_json

KINDS = ("method", "dataset", "mask", "metric")


def add(commands: Any) -> None:
    new = commands.add_parser("new", help="write a plugin that works, and its test, to begin with", allow_abbrev=False)
    new.add_argument("kind", choices=(*KINDS, "paper"), help="what it is: method, dataset, mask, metric or paper")
    new.add_argument("name", metavar="NAME", help="lower-case words joined by hyphens, such as my-method")
    new.add_argument("--package", action="store_true", help="a distribution that pip installs, not one file")
    new.add_argument("--json", action="store_true", help="print JSON and nothing else")
    new.set_defaults(call=_new)
    found = commands.add_parser("plugins", help="which plugins were found, from where, and what is broken", allow_abbrev=False)
    common(found)
    found.set_defaults(call=_plugins)


def _new(asked: argparse.Namespace) -> int:
    from inbench.commands import scaffold

    made = scaffold.new(asked.kind, asked.name, package=asked.package)
    if asked.json:
        print_json(vars(made))
    else:
        print("wrote " + ", ".join(made.files))
        print("next:", *made.next, sep="\n  ")
    return OK


def _plugins(asked: argparse.Namespace) -> int:
    from inbench.commands import origins
    from inbench.joints import registry

    found = origins.found(registry.load(asked.plugin))
    if asked.json:
        print_json(found)
    else:
        print(origins.in_words(found))
    return FAILED if any(one["status"] == "broken" for one in found["plugins"]) else OK
