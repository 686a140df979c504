"""What the commands of the command line share: their parser, their options, their exit codes."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from inbench.words.errors import unknown

if TYPE_CHECKING:
    from inbench.joints.registry import Registry

OK, FAILED, WRONG, STOPPED = 0, 1, 2, 130


class Parser(argparse.ArgumentParser):
    """One sentence for a wrong command or option, with the nearest there is, without the usage above it."""

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """A command tells of what it does not know itself, since it knows its options."""
        words = sys.argv[1:] if args is None else list(args)
        if self._subparsers is not None and words and words[0].startswith("--") and words[0] not in self._option_string_actions:
            self.error(f"options come after the command: {self.prog} COMMAND {words[0]} ...")
        found, rest = super().parse_known_args(args, namespace)
        wrong = next((word.partition("=")[0] for word in rest if word.startswith("-")), None)
        if wrong is not None:
            self.error(str(unknown("option", wrong, self._option_string_actions)))
        return found, rest

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        if action.choices is not None and value not in action.choices:
            what = "/".join(action.option_strings) or str(action.metavar or action.dest).lower()
            self.error(str(unknown(what, str(value), map(str, action.choices))))

    def error(self, message: str) -> NoReturn:
        print(f"inbench: {message}{'' if message.endswith('?') else ';'} see {self.prog} --help", file=sys.stderr)
        raise SystemExit(WRONG)


def tell_broken(plugins: Registry, files: Sequence[str]) -> None:
    """Say which of the plugin files that were named cannot be used; the others go on."""
    for line in plugins.broken(files):
        print(f"inbench: {line}", file=sys.stderr)


def tell_shadowed(plugins: Registry, names: Sequence[str]) -> None:
    """Say so where a folder here is called like a data set of inbench's, which the name means."""
    for name in (text.partition("[")[0] for text in names):
        if name in plugins.plugins["dataset"] and Path(name).is_dir():
            print(f"inbench: {name} is a data set of inbench's own; the folder of that name is ./{name}", file=sys.stderr)


def data(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--data",
        type=Path,
        metavar="DIR",
        help="where prepared data lives (default: INBENCH_DATA, or the user's cache)",
    )


def executor(command: argparse.ArgumentParser) -> None:
    command.add_argument("--executor", default="local", metavar="local|slurm|ray", help="who computes (default: %(default)s)")
    command.add_argument(
        "--executor-option", action="append", default=[], metavar="KEY=VALUE", help="such as partition=gpu (repeatable)"
    )


def common(command: argparse.ArgumentParser, *, results: bool = False) -> None:
    if results:
        command.add_argument(
            "--results",
            type=Path,
            default=Path("results"),
            metavar="DIR",
            help="where records are (default: %(default)s)",
        )
    command.add_argument("--plugin", action="append", default=[], metavar="FILE.py", help="load this plugin too (repeatable)")
    command.add_argument("--json", action="store_true", help="print JSON and nothing else")


def print_json(value: Any) -> None:
    print(json.dumps(value, indent=1, allow_nan=False))
