"""The command line. Each command is a function; what it needs is imported when it runs, so that help costs nothing."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from inbench import __version__, bench_command
from inbench.errors import Interrupted, UserError

if TYPE_CHECKING:
    from inbench.plan import Planned

OK, FAILED, WRONG, STOPPED = 0, 1, 2, 130


class Parser(argparse.ArgumentParser):
    """One sentence for a wrong option, without the usage above it."""

    def error(self, message: str) -> NoReturn:
        print(f"inbench: {message}; see {self.prog} --help", file=sys.stderr)
        raise SystemExit(WRONG)


def parser() -> Parser:
    top = Parser(
        prog="inbench",
        description="Train and score image inpainting methods under one pinned protocol.",
        allow_abbrev=False,
    )
    top.add_argument("--version", action="version", version=f"inbench {__version__}")
    commands = top.add_subparsers(metavar="COMMAND", required=True, parser_class=Parser)

    _add_run(commands.add_parser("run", help="train and score methods, then print the table", allow_abbrev=False))
    _add_tables(commands.add_parser("tables", help="records to tables", allow_abbrev=False))
    listed = commands.add_parser("list", help="methods, data sets, masks, metrics, budgets", allow_abbrev=False)
    _common(listed)
    listed.set_defaults(call=_list)

    _add_show(commands.add_parser("show", help="one method, data set, mask or metric in full", allow_abbrev=False))
    _add_data(commands.add_parser("data", help="prepare data sets from their files, list and verify them", allow_abbrev=False))

    bench = commands.add_parser("bench", help="time every method, metric, mask and the data", allow_abbrev=False)
    bench_command.add_options(bench)
    _data(bench)
    _common(bench)

    doctor = commands.add_parser("doctor", help="what this machine can do, and what is missing", allow_abbrev=False)
    _common(doctor)
    doctor.set_defaults(call=_doctor)
    return top


def _add_run(run: argparse.ArgumentParser) -> None:
    run.add_argument(
        "--methods",
        default="all",
        metavar="all|A,B[p=1]",
        help="methods, with parameters in brackets (default: %(default)s)",
    )
    run.add_argument(
        "--datasets",
        default="drawn-faces",
        metavar="D,..",
        help="data sets, or paths of a folder or zip of pictures (default: %(default)s)",
    )
    run.add_argument("--mask", default="center", metavar="M,..", help="masks to train on, a run each (default: %(default)s)")
    run.add_argument("--test-masks", metavar="all|M,..", help="masks to score on (default: the one trained on)")
    run.add_argument(
        "--budget",
        default="quick",
        metavar="B",
        help="smoke, quick or paper, as in paper[steps=2000] (default: %(default)s)",
    )
    run.add_argument("--seeds", default="0", metavar="0,1,..", help="a run each (default: %(default)s)")
    run.add_argument(
        "--size", type=int, default=64, metavar="S", help="pixels a side: 32, 64, 128 or 256 (default: %(default)s)"
    )
    run.add_argument("--device", default="auto", help="auto, cuda, mps or cpu (default: %(default)s)")
    run.add_argument("--precision", default="auto", help="auto, float32 or bf16 (default: %(default)s)")
    run.add_argument("--compile", action="store_true", help="torch.compile the networks while they train")
    run.add_argument("--deterministic", action="store_true", help="only kernels that give the same bits each time (CUDA)")
    run.add_argument("--threads", type=int, metavar="N", help="CPU threads a run (default: all cores)")
    run.add_argument("--timeout", type=float, metavar="SECONDS", help="most time for one run (default: none)")
    run.add_argument("--rerun", choices=("failed", "all"), help="also run what failed, or everything, again")
    run.add_argument("--score-on", default="test", metavar="test|val", help="pictures to score on (default: %(default)s)")
    run.add_argument(
        "--keep",
        default="weights,guesses",
        metavar="K,..|none",
        help="weights, guesses, checkpoint (default: %(default)s)",
    )
    run.add_argument(
        "--skip-bad-images", action="store_true", help="leave damaged pictures of a folder or zip out, and count them"
    )
    _data(run)
    _common(run, results=True)
    run.set_defaults(call=_run)


def _add_tables(shown: argparse.ArgumentParser) -> None:
    shown.add_argument(
        "--write",
        nargs="?",
        const="",
        metavar="FILE",
        help="write them into FILE, between its markers if it has them (default: RESULTS/TABLES.md)",
    )
    shown.add_argument(
        "--check", nargs="?", const="", metavar="FILE", help="exit 1 where FILE does not hold them as they are now"
    )
    shown.add_argument("--only", metavar="DATASET", help="the tables of one data set")
    shown.add_argument("--costs", action="store_true", help="what the runs cost, in place of their scores")
    shown.add_argument("--timings", type=Path, metavar="FILE.json", help="what inbench bench saved, in place of records")
    _common(shown, results=True)
    shown.set_defaults(call=_tables)


def _add_show(show: argparse.ArgumentParser) -> None:
    show.add_argument("name", metavar="NAME", help="a name, with options in brackets")
    show.add_argument(
        "--picture", nargs="?", const="", metavar="FILE.png", help="write a sheet of 64 holes or pictures (default: NAME.png)"
    )
    show.add_argument("--size", type=int, default=64, metavar="S", help="pixels a side of the pictures (default: %(default)s)")
    _data(show)
    _common(show)
    show.set_defaults(call=_show)


def _add_data(data: argparse.ArgumentParser) -> None:
    acts = data.add_subparsers(metavar="ACT", required=True, parser_class=Parser)
    prepare = acts.add_parser("prepare", help="decode, crop and resize a data set once", allow_abbrev=False)
    prepare.add_argument("name", metavar="NAME", help="a data set, a path, or a published manifest.json to rebuild")
    prepare.add_argument("--from", dest="source", type=Path, metavar="PATH", help="where its files are")
    prepare.add_argument("--size", type=int, default=64, metavar="S", help="pixels a side (default: %(default)s)")
    prepare.add_argument("--accept-terms", action="store_true", help="you have read and accept its terms")
    prepare.add_argument("--skip-bad-images", action="store_true", help="leave damaged pictures of a folder or zip out")
    prepare.set_defaults(call=_data_prepare)
    listed = acts.add_parser("list", help="the data sets there are, and those that are prepared", allow_abbrev=False)
    listed.set_defaults(call=_data_list)
    verify = acts.add_parser("verify", help="whether prepared data is what was prepared", allow_abbrev=False)
    verify.add_argument("names", nargs="*", metavar="NAME", help="as data list shows it (default: all)")
    verify.set_defaults(call=_data_verify)
    for act in (prepare, listed, verify):
        _data(act)
        _common(act)


def _data(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--data",
        type=Path,
        metavar="DIR",
        help="where prepared data lives (default: INBENCH_DATA, or the user's cache)",
    )


def _common(command: argparse.ArgumentParser, *, results: bool = False) -> None:
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


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code: 0 all complete, 1 something failed, 2 the input was wrong, 130 interrupted."""
    asked = parser().parse_args(arguments)
    signal.signal(signal.SIGTERM, _stop)
    try:
        code: int = asked.call(asked)
        sys.stdout.flush()
        return code
    except UserError as error:
        print(f"inbench: {error}", file=sys.stderr)
        return WRONG
    except (Interrupted, KeyboardInterrupt):
        print("inbench: interrupted; what is finished is kept, and the same command goes on from here", file=sys.stderr)
        return STOPPED
    except BrokenPipeError:  # the reader of a pipe has gone
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return OK


def _stop(number: int, frame: object) -> None:
    raise KeyboardInterrupt


def _print_json(value: Any) -> None:
    print(json.dumps(value, indent=1, allow_nan=False))


def _run(asked: argparse.Namespace) -> int:
    from inbench import plan, runner, tables
    from inbench.progress import Screen

    if asked.timeout is not None and not asked.timeout > 0:
        raise UserError(f"--timeout {asked.timeout:g} must be more than 0 seconds")
    screen = Screen(sys.stderr)
    names = (
        "methods",
        "datasets",
        "mask",
        "test_masks",
        "budget",
        "seeds",
        "size",
        "device",
        "precision",
        "compile",
        "deterministic",
        "threads",
        "results",
        "data",
        "keep",
        "score_on",
        "rerun",
        "skip_bad_images",
    )
    request = plan.Request(plugins=asked.plugin, **{name: getattr(asked, name) for name in names})
    planned = plan.make(request, screen.preparing)
    screen.plan(planned)
    runner.execute(planned, show=screen.run, timeout=asked.timeout)
    made = tables.rows(asked.results, keys={one.run.key for one in planned})
    if asked.json:
        _print_json({"rows": made})
    else:
        print(tables.markdown(made))
        print(f"Records: {asked.results / 'runs'}")
    failed = sum(_is_failure(one) for one in planned)
    if failed:
        print(f"inbench: {failed} of {len(planned)} runs failed; --rerun failed tries them again", file=sys.stderr)
    return FAILED if failed else OK


def _is_failure(one: Planned) -> bool:
    return one.state not in ("done", "skipped")


def _tables(asked: argparse.Namespace) -> int:
    from inbench import tables, timings

    if asked.json:
        _print_json({"rows": tables.rows(asked.results)})
        return OK
    name, home = "tables", asked.results / "TABLES.md"
    if asked.timings:
        text, name, home = timings.page(timings.read(asked.timings)), asked.timings.stem, asked.timings.with_suffix(".md")
    else:
        text = tables.cost_table(asked.results) if asked.costs else tables.table(asked.results, only=asked.only)
    if asked.check is not None:
        file = Path(asked.check) if asked.check else home
        if tables.is_current(text, file, name):
            return OK
        print(
            f"inbench: {file} is stale; write it anew with inbench tables --results {asked.results} --write {file}",
            file=sys.stderr,
        )
        return FAILED
    if asked.write is not None:
        tables.write(text, Path(asked.write) if asked.write else home, name)
    else:
        print(text, end="")
    return OK


def _list(asked: argparse.Namespace) -> int:
    from inbench import budget, params, registry

    plugins = registry.load(asked.plugin)
    found: dict[str, list[dict[str, Any]]] = {}
    for kind in registry.KINDS:
        found[f"{kind}s"] = [
            {
                "name": name,
                "summary": getattr(plugin.cls, "summary", None) or plugin.cls.about,
                "params": params.defaults(plugin.cls.Params),
                "origin": plugin.origin,
            }
            for name, plugin in sorted(plugins.plugins[kind].items())
        ]
    found["budgets"] = [{"name": name, **params.values_of(spending)} for name, spending in budget.BUDGETS.items()]
    if asked.json:
        _print_json({**found, "faults": [vars(fault) for fault in plugins.faults]})
        return OK
    for kind, members in found.items():
        print(f"{'data sets' if kind == 'datasets' else kind}:")
        for told in members:
            about = told.get("summary") or ", ".join(
                f"{name} {value}" for name, value in told.items() if name != "name" and value is not None
            )
            print(f"  {told['name']:<20} {about}")
        print()
    for fault in plugins.faults:
        print(f"broken: {fault}")
    return OK


def _show(asked: argparse.Namespace) -> int:
    from inbench import brackets, plan, registry, showing, store
    from inbench.progress import Screen

    plugins = registry.load(asked.plugin)
    plan.check_size(asked.size)
    told = showing.facts(showing.found(asked.name, plugins), brackets.parse(asked.name).options, asked.size)
    if asked.picture is not None:
        report, folder = Screen(sys.stderr).preparing, asked.data or store.default_folder()
        sheet = showing.picture(asked.name, plugins, size=asked.size, folder=folder, report=report)
        file = Path(asked.picture or f"{brackets.file_name(asked.name)}.png")
        try:
            sheet.save(file)
        except (OSError, ValueError) as error:
            raise UserError(f"{file} cannot be written: {error}") from error
        told["picture"] = str(file)
    if asked.json:
        _print_json(told)
    else:
        print(showing.in_words(told))
    return OK


def _data_prepare(asked: argparse.Namespace) -> int:
    from inbench import data_commands, plan, registry, store
    from inbench.progress import Screen

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
        _print_json(data_commands.told(prepared))
    else:
        print(data_commands.in_words(prepared))
    return OK


def _data_list(asked: argparse.Namespace) -> int:
    from inbench import data_commands, registry, store

    found = data_commands.listed(registry.load(asked.plugin), asked.data or store.default_folder())
    if asked.json:
        _print_json(found)
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


def _data_verify(asked: argparse.Namespace) -> int:
    from inbench import data_commands, store

    checked = []
    for prepared in data_commands.chosen(asked.names, asked.data or store.default_folder()):
        label, fault = data_commands.label_of(prepared), prepared.fault()
        checked.append({"label": label, "folder": str(prepared.folder), "fault": fault})
        if not asked.json:
            mend = f"; remove {prepared.folder} and prepare it again"
            size = f" at {prepared.manifest['size']}" if prepared.is_whole() else ""
            print(f"{label}{size}: {fault + mend if fault else 'as prepared, no picture in two parts'}")
    if asked.json:
        _print_json(checked)
    elif not checked:
        print("nothing is prepared")
    return FAILED if any(one["fault"] for one in checked) else OK


def _doctor(asked: argparse.Namespace) -> int:
    from inbench import doctor

    found = doctor.examine(asked.plugin)
    if asked.json:
        _print_json(found)
    else:
        for name, value in found.items():
            print(f"{name:<20} {', '.join(map(str, value)) if isinstance(value, list) else value}")
    return FAILED if found["faults"] else OK


if __name__ == "__main__":
    sys.exit(main())
