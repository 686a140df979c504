"""The command line of `inbench data`: prepare data sets from their files, list them, verify what was prepared."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from inbench.commands.cli_options import FAILED, OK, Parser, common, data, print_json


def add(command: argparse.ArgumentParser) -> None:
    acts = command.add_subparsers(metavar="ACT", required=True, parser_class=Parser)
    prepare = acts.add_parser("prepare", help="decode, crop and resize a data set once", allow_abbrev=False)
    prepare.add_argument("name", metavar="NAME", help="a data set, a path, or a published manifest.json to rebuild")
    prepare.add_argument("--from", dest="source", type=Path, metavar="PATH", help="where its files are")
    prepare.add_argument("--size", type=int, default=64, metavar="S", help="pixels a side (default: %(default)s)")
    prepare.add_argument("--accept-terms", action="store_true", help="you have read and accept its terms")
    prepare.add_argument("--skip-bad-images", action="store_true", help="leave damaged pictures of a folder or zip out")
    prepare.set_defaults(call=_prepare)
    listed = acts.add_parser("list", help="the data sets there are, and those that are prepared", allow_abbrev=False)
    listed.set_defaults(call=_list)
    verify = acts.add_parser("verify", help="whether prepared data is what was prepared", allow_abbrev=False)
    verify.add_argument("names", nargs="*", metavar="NAME", help="as data list shows it (default: all)")
    verify.set_defaults(call=_verify)
    for act in (prepare, listed, verify):
        data(act)
        common(act)


def _prepare(asked: argparse.Namespace) -> int:
    from inbench.commands import data_commands
    from inbench.commands.progress import Screen
    from inbench.joints import registry, store
    from inbench.runs import plan

    plan.check_size(asked.size)
    prepared = data_commands.prepare(
        asked.name,
        registry.load(asked.plugin),
        source=asked.source,
        size=asked.size,
        folder=asked.data or store.default_folder(),
        accept=asked.accept_terms,
        skip_bad=asked.skip_bad_images,
        report=Screen(sys.stderr).preparing,
    )
    if asked.json:
        print_json(data_commands.told(prepared))
    else:
        print(data_commands.in_words(prepared))
    return OK


def _list(asked: argparse.Namespace) -> int:
    from inbench.commands import data_commands
    from inbench.joints import registry, store

    found = data_commands.listed(registry.load(asked.plugin), asked.data or store.default_folder())
    if asked.json:
        print_json(found)
        return OK
    print("data sets:")
    for one in found["datasets"]:
        print(f"  {one['name']:<16} {one['summary']}\n{'':<19}licence: {one['licence']}")
        if one["where"]:
            print(f"{'':<19}files: {one['where']}")
    print("\nprepared:")
    for one in found["prepared"]:
        counts = " + ".join(f"{count:,}" for count in one["counts"].values())
        print(
            f"  {one['label']} at {one['size']}: {counts} pictures (train + val + test), {one['prepared']}\n    {one['folder']}"
        )
    if not found["prepared"]:
        print("  nothing yet; inbench data prepare NAME --from PATH")
    return OK


def _verify(asked: argparse.Namespace) -> int:
    from inbench.commands import data_commands
    from inbench.joints import store

    checked = []
    for prepared in data_commands.chosen(asked.names, asked.data or store.default_folder()):
        label, fault = data_commands.label_of(prepared), prepared.fault()
        checked.append({"label": label, "folder": str(prepared.folder), "fault": fault})
        if not asked.json:
            mend = f"; remove {prepared.folder} and prepare it again"
            size = f" at {prepared.manifest['size']}" if prepared.is_whole() else ""
            print(f"{label}{size}: {fault + mend if fault else 'as prepared, no picture in two parts'}")
    if asked.json:
        print_json(checked)
    elif not checked:
        print("nothing is prepared")
    return FAILED if any(one["fault"] for one in checked) else OK
