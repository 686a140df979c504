"""The command line of exchange: pictures out, anybody's guesses back, and what they come to by every convention."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inbench.commands.cli_options import FAILED, OK, common, data, print_json, tell_broken, tell_shadowed
from inbench.words.errors import UserError, visible

if TYPE_CHECKING:
    from inbench.acts.exporting import Exchange
    from inbench.joints.choices import MaskChoice
    from inbench.joints.registry import Registry
    from inbench.joints.store import Prepared
    from inbench.words.records import Record

SIZE = 64


def add(commands: Any) -> None:
    export = commands.add_parser("export", help="seen pictures and holes, to fill with any tool", allow_abbrev=False)
    export.add_argument("--output", type=Path, required=True, metavar="DIR|FILE.npz", help="what to write")
    export.add_argument("--form", choices=("png", "npz"), help="a folder of PNGs, or one .npz (default: as --output ends)")
    export.set_defaults(call=_export)
    score = commands.add_parser("score", help="score anybody's guesses, or kept ones again", allow_abbrev=False)
    score.add_argument("--guesses", type=Path, metavar="DIR|FILE", help="a folder or zip of PNGs, an .npz or an .npy; "
                       "without it: metrics again from the guesses that records kept")  # fmt: skip
    score.add_argument("--name", metavar="NAME", help="what the row is called")
    score.add_argument("--paper", default="", metavar="TEXT", help="where the method is published")
    score.add_argument("--licence", default="", metavar="TEXT", help="of the code or weights that made the guesses")
    score.add_argument("--metrics", default="", metavar="M[p=1],..", help="also metrics that need an option, such as "
                       "fid[weights=FILE.pt,sha256=HASH]")  # fmt: skip
    score.add_argument("--threads", type=int, metavar="N", help="CPU threads (default: all cores)")
    score.set_defaults(call=_score)
    shown = commands.add_parser("conventions", help="guesses under every published convention", allow_abbrev=False)
    shown.add_argument("what", metavar="RUN|DIR", help="a run that kept its guesses, or guesses as score takes them")
    shown.set_defaults(call=_conventions)
    for command, must in ((export, True), (score, False), (shown, False)):
        _pictures(command, must=must)
        data(command)
        common(command, results=command is not export)
    for command in (score, shown):
        command.add_argument("--export", type=Path, metavar="DIR|FILE", help="the export that the guesses were made from "
                             "(default: its manifest is looked for in and beside the guesses)")  # fmt: skip


def _pictures(command: argparse.ArgumentParser, *, must: bool) -> None:
    told = "" if must else " (default: as the manifest says)"
    command.add_argument("--dataset", required=must, metavar="D", help=f"a data set, or the path of one{told}")
    command.add_argument("--mask", required=must, metavar="M", help=f"the mask that draws the holes{told}")
    command.add_argument("--size", type=int, metavar="S", help=f"pixels a side (default: {SIZE})")
    command.add_argument("--part", choices=("test", "val"), help="which pictures (default: test)")
    command.add_argument("--images", type=int, metavar="N", help="the first N by the protocol (default: all)")
    command.add_argument("--polarity", choices=("white", "black"), help="which colour of a hole's picture is missing "
                         f"({'default: white' if must else 'default: as the manifest says'})")  # fmt: skip


@dataclass(frozen=True)
class Chosen:
    """The pictures and holes that a command is about."""

    data: Prepared
    mask: MaskChoice
    exchange: Exchange


def _chosen(asked: argparse.Namespace, plugins: Registry, manifest: dict[str, Any] | None) -> Chosen:
    """As the user says; what is not said is as the manifest says; what contradicts it is a `UserError`."""
    from inbench.acts import exporting
    from inbench.commands.progress import Screen
    from inbench.joints import choices, store
    from inbench.runs import plan

    told = manifest or {"dataset": {}, "mask": {}, "images": []}
    size = asked.size or told.get("size") or SIZE
    plan.check_size(size)
    if size != told.get("size", size):
        raise UserError(f"the guesses were made for size {told['size']}, not for --size {size}")
    folder = asked.data or store.default_folder()
    for name in ("dataset", "mask"):
        if getattr(asked, name) is None and manifest is None:
            raise UserError(f"there is no manifest of an export in or beside the guesses; add --{name}, or --export DIR")
    if asked.images is not None and asked.images < 1:
        raise UserError(f"--images {asked.images} must be at least 1")
    mask = choices.mask(asked.mask or told["mask"]["canonical"], size, plugins)
    if asked.dataset is None:
        found = store.holding(told["dataset"]["content"], folder)
        data = found or _named(told["dataset"]["label"], size, folder, plugins)
    else:
        data = choices.dataset(asked.dataset, plugins).prepared(size, folder, Screen(sys.stderr).preparing)
    part = asked.part or told["dataset"].get("part", "test")
    count = asked.images or (len(told["images"]) or None)
    polarity = asked.polarity or told.get("polarity", "white")
    exchange = exporting.prepare(data, mask, part=part, count=count, polarity=polarity)
    if asked.images is not None and asked.images > len(exchange.ids):
        raise UserError(f"--images {asked.images} is more than the {len(exchange.ids)} of the {part} part")
    if manifest is not None:
        exporting.check_same(manifest, exchange.manifest)
    return Chosen(data, mask, exchange)


def _named(label: str, size: int, folder: Path, plugins: Registry) -> Prepared:
    """The data set of a manifest, where no prepared one has its pictures."""
    from inbench.commands.progress import Screen
    from inbench.joints import choices

    try:
        return choices.dataset(label, plugins).prepared(size, folder, Screen(sys.stderr).preparing)
    except UserError as error:
        raise UserError(f"the pictures of data set {label} are not here; name them with --dataset: {error}") from error


def _export(asked: argparse.Namespace) -> int:
    from inbench.acts import exporting
    from inbench.joints import registry

    is_npz = asked.output.suffix == ".npz"
    if asked.form == "npz" and not is_npz:
        raise UserError(f"--form npz writes one file; call it --output {asked.output}.npz")
    if asked.form == "png" and is_npz:
        raise UserError(f"--form png writes a folder, and {asked.output} is called like a file; drop the .npz")
    plugins = registry.load(asked.plugin)
    tell_shadowed(plugins, [asked.dataset or ""])
    chosen = _chosen(asked, plugins, None)
    fresh = exporting.write(chosen.exchange, asked.output)
    manifest, count = chosen.exchange.manifest, len(chosen.exchange.ids)
    said = manifest["dataset"]
    if asked.json:
        print_json({"output": str(asked.output), "images": count, "written": fresh, **manifest})
        return OK
    told = (
        f"{count} pictures of {said['label']} ({said['part']}), {manifest['size']} x {manifest['size']}, "
        f"hole: {manifest['mask']['shown']}, {manifest['polarity']} is missing: {asked.output}"
        f"{'' if fresh else ', which was there already'}\n"
        f"licence of the pictures: {said['licence']}{'' if said['shareable'] else '; they are not to be passed on'}\n"
        f"fill them with anything, then: inbench score --guesses DIR --name NAME --export {asked.output}"
    )
    print(visible(told))
    return OK


def _given(asked: argparse.Namespace, source: Path, plugins: Registry) -> tuple[Chosen, Any]:
    """Guesses with the pictures they belong to."""
    from inbench.acts import guesses

    manifest = guesses.named_manifest(asked.export) if asked.export else guesses.manifest_of(source)
    chosen = _chosen(asked, plugins, manifest)
    given = guesses.read(source, chosen.exchange, ordered=manifest is not None)
    guesses.check_holes(given, chosen.exchange.holes, chosen.exchange.ids, chosen.exchange.manifest["polarity"])
    return chosen, given


def _score(asked: argparse.Namespace) -> int:
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # before torch: see `runner.PATIENT`
    import torch

    from inbench.acts import rescoring
    from inbench.joints import registry
    from inbench.readers import tables
    from inbench.runs import plan

    torch.set_num_threads(plan.threads(asked.threads))
    plugins = registry.load(asked.plugin)
    tell_broken(plugins, asked.plugin)
    if asked.guesses is None:
        return _score_again(asked, plugins)
    if asked.name is None:
        raise UserError("--guesses needs a name for their row: add --name mine")
    stranger = rescoring.Stranger(asked.name, asked.licence, asked.paper)
    stranger.check(plugins, asked.results)
    plan.check_writable(asked.results)
    chosen, given = _given(asked, asked.guesses, plugins)
    beat = _beat(sys.stderr)
    record = rescoring.add(
        stranger, given, chosen.exchange, chosen.data, chosen.mask, plugins, asked.results, beat, asked.metrics
    )
    own, count = record.told["external"], len(chosen.exchange.ids)
    if own["moved"]:
        print(f"inbench: known pixels were changed in {own['moved']} of {count} guesses, by {own['drift']:.2g} levels on "
              "average; they are pasted back, and known-drift tells of them", file=sys.stderr)  # fmt: skip
    made = [row for row in tables.rows(asked.results, beside=record.key) if _is_beside(row, record.told)]
    if asked.json:
        print_json({"rows": made})
    else:
        print(tables.markdown(made))
        print(f"Record: {visible(record.folder)}")
    return OK


def _is_beside(row: dict[str, Any], told: dict[str, Any]) -> bool:
    """Whether a row stands in a table of this record's."""
    (entry,) = told["scores"].values()
    return (row["data"], row["size"], row["mask"]) == (told["run"]["data"], told["run"]["size"], entry["shown"])


def _score_again(asked: argparse.Namespace, plugins: Registry) -> int:
    from inbench.acts import rescoring
    from inbench.joints import choices, store
    from inbench.words import disk, records

    for name in ("name", "dataset", "mask", "size", "part", "images", "polarity", "export"):
        if getattr(asked, name) is not None:
            raise UserError(f"--{name} is for guesses that you name with --guesses; without them every record is scored again")
    found = records.all_of(asked.results)
    if not found:
        raise UserError(f"there are no records in {asked.results}; make some with inbench run --results {asked.results}")
    metrics = choices.metrics(asked.metrics, plugins)
    done: list[dict[str, Any]] = []
    left = False
    for record in found:
        told = {"record": record.folder.name, "new": [], "reason": ""}
        try:
            told["new"] = rescoring.again(record, metrics, plugins, asked.data or store.default_folder(), lambda *_: None)
        except UserError as error:
            told["reason"] = str(error)
            left |= any(name.startswith("guesses/") for name in disk.listed(record.folder))
        done.append(told)
        if not asked.json:
            new = f"; new: {', '.join(told['new'])}" if told["new"] else ""
            said = f"left as it was: {told['reason']}" if told["reason"] else f"{told['record']}: scored again{new}"
            print(visible(said))
    if asked.json:
        print_json({"records": done})
    return FAILED if left else OK


def _beat(stream: Any) -> Callable[[int, int], None]:
    """Progress for people: one line that is written over, where there is a terminal."""

    def beat(done: int, total: int) -> None:
        if stream.isatty():
            print(f"\rscoring {done} of {total}" + ("\n" if done == total else ""), end="", file=stream, flush=True)

    return beat


def _conventions(asked: argparse.Namespace) -> int:
    from inbench.acts import conventions
    from inbench.joints import registry

    plugins = registry.load(asked.plugin)
    run = _run_of(asked)
    told = _of_run(asked, run, plugins) if run is not None else _of_guesses(asked, plugins)
    made = [{**about, "rows": conventions.table(*pictures)} for about, *pictures in told]
    if asked.json:
        print_json({"tables": made})
    else:
        print("\n".join(in_words(one) for one in made), end="")
    return OK


def _run_of(asked: argparse.Namespace) -> Record | None:
    """The record that the user names by its folder or the start of its name; None where it is something else."""
    from inbench.words import records

    folder = Path(asked.what)
    if (folder / "run.json").is_file():
        return records.open_record(folder)
    if folder.exists():
        return None
    found = [path for path in sorted((asked.results / "runs").glob("[!.]*")) if path.name.startswith(asked.what)]
    if len(found) > 1:
        raise UserError(f"{asked.what} is the start of {len(found)} runs: {', '.join(path.name for path in found)}; name one")
    if not found:
        raise UserError(
            f"there is no run {asked.what} in {asked.results / 'runs'}, and no folder or file of guesses of that name"
        )
    return records.open_record(found[0])


def _of_run(asked: argparse.Namespace, run: Record, plugins: Registry) -> Iterator[tuple[Any, ...]]:
    import numpy as np

    from inbench.acts import rescoring
    from inbench.joints import store

    found = False
    for one in rescoring.kept(run, plugins, asked.data or store.default_folder()):
        shown = run.scores[one.key]["shown"]
        if asked.mask in (None, shown, one.key):
            place = {image_id: number for number, image_id in enumerate(one.part.ids)}
            images = np.ascontiguousarray(one.part.images[[place[image_id] for image_id in one.ids]])
            labels = run.told["labels"]
            about = {"of": labels["method"], "dataset": labels["dataset"], "mask": shown, "images": len(images)}
            found = True
            yield about, one.guesses, images, one.holes
    if not found:
        raise UserError(f"{run.folder.name} was not scored on --mask {asked.mask}; it was on {', '.join(run.scores)}")


def _of_guesses(asked: argparse.Namespace, plugins: Registry) -> Iterator[tuple[Any, ...]]:
    chosen, given = _given(asked, Path(asked.what), plugins)
    exchange, said = chosen.exchange, chosen.exchange.manifest
    about = {"of": asked.what, "dataset": said["dataset"]["label"], "mask": said["mask"]["shown"], "images": len(exchange.ids)}
    order = exchange.own_order()
    yield about, given.guesses[order], exchange.images[order], exchange.holes[order]


def in_words(told: dict[str, Any]) -> str:
    """The table of one set of guesses as markdown."""
    from tabulate import tabulate

    from inbench.readers.formats import plain

    body = []
    for row in told["rows"]:
        digits = {"": 4, "dB": 2}.get(row["unit"], 3)
        shown = f"{row['value']:.{digits}f} {row['unit']}".strip() if row["value"] is not None else f"- ({row['why']})"
        arrow = "↑" if row["better"] == "higher" else "↓"
        body.append([f"{row['name']} {arrow}", shown, row["region"], row["range"], row["formula"], row["whose"]])
    head = ["convention", "value", "region", "range", "formula", "whose it is"]
    made = tabulate([[plain(cell) for cell in row] for row in body], headers=head, tablefmt="github", disable_numparse=True,
                    colalign=("left", "right", "left", "left", "left", "left"))  # fmt: skip
    title = f"**{plain(told['of'])} on {plain(told['dataset'])}, hole: {plain(told['mask'])}, {told['images']} images**"
    under = (
        "The same guesses throughout, rounded to 8 bits; known pixels are pasted back where not said otherwise, and a mean is "
        "over images. A PSNR takes no squared error below 1 / (12 x 255^2). Only numbers of one row may be compared."
    )
    return f"{title}\n\n{made}\n\n{under}\n"
