"""The command line. Each command is a function; what it needs is imported when it runs, so that help costs nothing."""

from __future__ import annotations

import argparse
import dataclasses
import os
import signal
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inbench import __version__
from inbench.commands import (
    bench_command,
    check_command,
    cli_data,
    cli_exchange,
    cli_figures,
    cli_options,
    cli_plugins,
    cli_records,
    cli_report,
    cli_tables,
)
from inbench.commands.cli_options import (
    FAILED,
    OK,
    STOPPED,
    WRONG,
    Parser,
    common,
    data,
    print_json,
    tell_broken,
    tell_shadowed,
)
from inbench.words import brackets
from inbench.words.errors import Interrupted, NoRoom, UserError, visible

if TYPE_CHECKING:
    from inbench.commands.progress import Screen
    from inbench.words.planned import Planned


def parser() -> Parser:
    top = Parser(
        prog="inbench",
        description="Train and score image inpainting methods under one pinned protocol.",
        allow_abbrev=False,
    )
    top.add_argument("--version", action="version", version=f"inbench {__version__}")
    commands = top.add_subparsers(metavar="COMMAND", required=True, parser_class=Parser)

    _add_run(commands.add_parser("run", help="train and score methods, then print the table", allow_abbrev=False))
    cli_tables.add(commands)
    cli_figures.add(commands)
    cli_report.add(commands)
    listed = commands.add_parser("list", help="methods, data sets, masks, metrics, budgets", allow_abbrev=False)
    listed.add_argument("--write", metavar="FILE.md", help="write all of it in full, with every option, as a page")
    common(listed)
    listed.set_defaults(call=_list)

    _add_show(commands.add_parser("show", help="one method, data set, mask or metric in full", allow_abbrev=False))
    cli_plugins.add(commands)
    cli_data.add(
        commands.add_parser("data", help="prepare data sets from their files, list and verify them", allow_abbrev=False)
    )

    bench = commands.add_parser("bench", help="time every method, metric, mask and the data", allow_abbrev=False)
    bench_command.add_options(bench)
    data(bench)
    common(bench)

    check = commands.add_parser("check", help="whether a plugin keeps the contract, promise by promise", allow_abbrev=False)
    check_command.add_options(check)

    cli_records.add(commands)
    cli_exchange.add(commands)

    doctor = commands.add_parser("doctor", help="what this machine can do, and what is missing", allow_abbrev=False)
    common(doctor)
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
        metavar="D,..",
        help="data sets, or paths of a folder or zip of pictures (default: drawn-faces); with --paper: ROLE=NAME,..",
    )
    run.add_argument("--mask", default="center", metavar="M,..", help="masks to train on, a run each (default: %(default)s)")
    run.add_argument("--test-masks", metavar="all|M,..", help="masks to score on (default: the one trained on)")
    run.add_argument(
        "--budget",
        metavar="B",
        help="smoke, quick or paper, as in paper[steps=2000] (default: quick; with --paper: the paper's)",
    )
    run.add_argument("--seeds", default="0", metavar="0,1,..", help="a run each (default: %(default)s)")
    run.add_argument(
        "--size", type=int, default=64, metavar="S", help="pixels a side: 32, 64, 128 or 256 (default: %(default)s)"
    )
    run.add_argument("--device", default="auto", help="auto, cuda, mps or cpu (default: %(default)s)")
    run.add_argument("--precision", default="auto", help="auto, float32 or bf16 (default: %(default)s)")
    run.add_argument("--compile", action="store_true", help="torch.compile the networks while they train")
    run.add_argument("--deterministic", action="store_true", help="only kernels that give the same bits each time (CUDA)")
    run.add_argument("--threads", type=int, metavar="N", help="CPU threads a run (default: all cores, divided by --jobs)")
    cli_options.executor(run)
    run.add_argument("--jobs", type=int, metavar="N", help="runs at the same time (default: 1; on an engine as many as it has)")
    run.add_argument("--timeout", type=float, metavar="SECONDS", help="most time for one run (default: none)")
    run.add_argument("--memory", metavar="SIZE", help="most memory for one run, such as 8G (default: none)")
    run.add_argument("--plan", action="store_true", help="say what there is to do and what it will take, by a short trial "
                     "on the prepared data, and do none of it")  # fmt: skip
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
    cli_tables.add_paper(run)
    run.add_argument("--claims", action="store_true", help="with --paper: and what the test of its claims needs")
    data(run)
    common(run, results=True)
    run.set_defaults(call=_run)


def _add_show(show: argparse.ArgumentParser) -> None:
    show.add_argument("name", metavar="NAME", help="a name, with options in brackets")
    show.add_argument(
        "--picture", nargs="?", const="", metavar="FILE.png", help="write a sheet of 64 holes or pictures (default: NAME.png)"
    )
    show.add_argument("--size", type=int, default=64, metavar="S", help="pixels a side of the pictures (default: %(default)s)")
    data(show)
    common(show)
    show.set_defaults(call=_show)


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code: 0 all complete, 1 something failed, 2 the input was wrong, 130 interrupted."""
    asked = parser().parse_args(arguments)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell may have started us with it ignored
    signal.signal(signal.SIGTERM, _stop)
    try:
        code: int = asked.call(asked)
        sys.stdout.flush()
        return code
    except UserError as error:
        print(f"inbench: {visible(error)}", file=sys.stderr)
        return WRONG
    except NoRoom as error:
        print(f"inbench: {visible(error)}", file=sys.stderr)
        return FAILED
    except (Interrupted, KeyboardInterrupt) as stopped:
        told = str(stopped) or "what is finished is kept, and the same command goes on from here"
        print(f"inbench: interrupted; {visible(told)}", file=sys.stderr)
        return STOPPED
    except BrokenPipeError:  # the reader of a pipe has gone
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return OK


def _stop(number: int, frame: object) -> None:
    """As an interrupt; a second one is no haste."""
    signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


def _run(asked: argparse.Namespace) -> int:
    from inbench.commands import calls
    from inbench.commands.progress import Screen
    from inbench.joints import isolation, registry
    from inbench.readers import tables
    from inbench.runs import executors, paper_runs, plan
    from inbench.runs.runner import Limits

    executor = executors.chosen(asked.executor, asked.executor_option, asked.jobs)
    if asked.timeout is not None and not asked.timeout > 0:
        raise UserError(f"--timeout {asked.timeout:g} must be more than 0 seconds")
    memory = isolation.size_in_bytes(asked.memory) if asked.memory else None
    screen = Screen(sys.stderr)
    roles, budget = cli_tables.settle(asked)
    told = {field.name: getattr(asked, field.name) for field in dataclasses.fields(plan.Request) if hasattr(asked, field.name)}
    request = executors.fitting(plan.Request(plugins=asked.plugin, **told), executor)
    if asked.paper:
        chosen = (asked.paper, asked.table, roles, budget)
        planned = paper_runs.make(*chosen, request, screen.preparing, claims=asked.claims)
    else:
        planned = plan.make(request, screen.preparing)
    plugins = registry.load(asked.plugin)
    tell_broken(plugins, asked.plugin)
    tell_shadowed(plugins, brackets.split_list(asked.datasets))
    if asked.plan:
        return _plan(asked, planned, screen)
    screen.plan(planned)
    executor.execute(planned, show=screen.run, limits=Limits(asked.timeout, memory))
    made = calls.rows_of(planned, asked.results)
    if asked.json:
        print_json({"rows": made})
    elif asked.paper:
        print(tables.paper(asked.results, asked.paper, "markdown", table=asked.table, datasets=roles, budget=budget))
    else:
        print(tables.markdown(made))
        print(f"Records: {asked.results / 'runs'}")
    return _verdict(planned)


def _verdict(planned: list[Planned]) -> int:
    """The exit code, and a sentence for whatever is not done."""
    count = Counter(one.state for one in planned)
    failed = len(planned) - sum(count[state] for state in ("done", "skipped", "interrupted", "queued"))
    if failed:
        print(f"inbench: {failed} of {len(planned)} runs failed; --rerun failed tries them again", file=sys.stderr)
    if count["interrupted"]:
        told = "runs were interrupted; the same command goes on with them"
        print(f"inbench: {count['interrupted']} of {len(planned)} {told}", file=sys.stderr)
    if count["queued"]:
        told = "runs are with the engine; inbench status shows them, and the same command waits for them"
        print(f"inbench: {count['queued']} of {len(planned)} {told}", file=sys.stderr)
    return FAILED if failed or count["interrupted"] else OK


def _plan(asked: argparse.Namespace, planned: list[Planned], screen: Screen) -> int:
    from inbench.commands import planning

    told = planning.told(planned, asked.results, screen.estimating)
    if asked.json:
        print_json(told)
    else:
        print(planning.in_words(told))
    return OK


def _list(asked: argparse.Namespace) -> int:
    from inbench.commands import catalogue
    from inbench.joints import registry
    from inbench.words import budget, params, published

    plugins = registry.load(asked.plugin)
    if asked.write is not None:
        catalogue.write(plugins, Path(asked.write))
        return OK
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
    found["papers"] = [{"name": name, "summary": published.load(name).title} for name in published.names()]
    if asked.json:
        print_json({**found, "faults": [vars(fault) for fault in plugins.faults]})
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
        print(f"broken: {visible(fault)}")
    return OK


def _show(asked: argparse.Namespace) -> int:
    from inbench.commands import showing
    from inbench.commands.progress import Screen
    from inbench.joints import registry, store
    from inbench.runs import plan
    from inbench.words import budget

    plugins = registry.load(asked.plugin)
    plan.check_size(asked.size)
    if brackets.parse(asked.name).name in budget.BUDGETS:
        told = showing.of_budget(asked.name)
    else:
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
        print_json(told)
    else:
        print(showing.in_words(told))
    return OK


def _doctor(asked: argparse.Namespace) -> int:
    from inbench.commands import doctor

    found = doctor.examine(asked.plugin)
    if asked.json:
        print_json(found)
    else:
        for name, value in found.items():
            print(f"{name:<20} {', '.join(map(str, value)) if isinstance(value, list) else value}")
    return FAILED if found["faults"] else OK
