"""The plan: what the user asked for, resolved into runs, each known to be done, stale, failed, interrupted or missing."""

from __future__ import annotations

import hashlib
import itertools
import subprocess
import tempfile
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from inbench import __version__
from inbench.joints import choices, preparing, registry, store
from inbench.joints.choices import MaskChoice
from inbench.joints.registry import Fault
from inbench.words import brackets, budget, params, records
from inbench.words.budget import Budget
from inbench.words.errors import UserError, unknown
from inbench.words.planned import Planned
from inbench.words.records import Run

ONE_PASS_BATCH = 256
KEEPS = ("weights", "guesses", "checkpoint")
SIZES = (32, 64, 128, 256)


@dataclass(frozen=True)
class Request:
    """What the user asked for, as typed."""

    methods: str = "all"
    datasets: str = "drawn-faces"
    mask: str = "center"
    test_masks: str | None = None
    budget: str = "quick"
    seeds: str = "0"
    size: int = 64
    device: str = "auto"
    precision: str = "auto"
    compile: bool = False
    deterministic: bool = False
    threads: int | None = None
    results: Path = Path("results")
    data: Path | None = None
    plugins: Sequence[str] = ()
    keep: str = "weights,guesses"
    score_on: str = "test"
    rerun: str | None = None
    skip_bad_images: bool = False
    at_once: int = 1
    """How many runs this machine computes at the same time: they divide its cores."""
    gpus: Sequence[int] = ()
    """Over which of this machine's GPUs they are spread, where they are."""
    elsewhere: bool = False
    """Whether other machines compute them: this one's devices and cores say nothing."""


def make(request: Request, report: preparing.Report) -> list[Planned]:
    """Resolve every name (a wrong one is a `UserError`, and nothing is written), prepare the data, list the runs."""
    plugins = registry.load(request.plugins)
    check_size(request.size)
    if request.score_on not in ("test", "val"):
        raise UserError(f"--score-on {request.score_on!r} must be test or val")
    spending = budget.read(request.budget)
    methods = chosen_methods(request.methods, plugins)
    choices.metrics("", plugins)  # one that cannot be made is told before anything is
    trained_on = [choices.mask(text, request.size, plugins) for text in brackets.split_list(request.mask)]
    tested_on = _test_masks(request, trained_on, plugins)
    seeds = _seeds(request.seeds)
    device, precision = _numerics(request)
    common = _common(request, spending, device)
    check_writable(request.results)
    planned: dict[str, Planned] = {}
    chosen = [
        choices.dataset(text, plugins, skip_bad_images=request.skip_bad_images)
        for text in brackets.split_list(request.datasets)
    ]
    if not trained_on or not chosen:
        raise UserError(f"{'--mask' if not trained_on else '--datasets'} names nothing; see inbench list")
    for choice in chosen:
        prepared = choice.prepared(request.size, request.data or store.default_folder(), report)
        here = prepared.manifest["counts"][request.score_on]
        of_data = {"data": str(prepared.folder.absolute()), "wanted": min(spending.test_images or here, here)}
        for named, mask, seed in itertools.product(methods, trained_on, seeds):
            one = _one(named, prepared, mask, seed, request, spending, precision, plugins)
            one.spec |= {**common, **of_data, "test_masks": [], "typed": {mask.canonical: mask.typed}}
            one = planned.setdefault(one.run.key, one)
            _add_masks(one, tested_on or [mask])
    stale = _stale(planned.values(), request.results)
    for one in planned.values():
        _settle_state(one, request, stale)
    return list(planned.values())


def _common(request: Request, spending: Budget, device: str) -> dict[str, Any]:
    """What the specs of all runs have in common."""
    return {
        "device": device,
        "threads": threads(1 if request.threads is None and request.elsewhere else request.threads, request.at_once),
        "results": str(request.results.absolute()),
        "plugins": {
            file: hashlib.sha256(Path(file).read_bytes()).hexdigest() for file in registry.named_files(request.plugins)
        },
        "keep": _keep(request.keep),
        "part": request.score_on,
        "val_images": spending.val_images,
        "val_times": spending.val_times,
        "test_images": spending.test_images,
        "fresh": request.rerun == "all",
        "provenance": {"inbench": __version__, **commit()},
    }


def _add_masks(one: Planned, tested_on: Sequence[MaskChoice]) -> None:
    """Score a run on these masks too."""
    for tested in tested_on:
        if tested.canonical not in one.spec["test_masks"]:
            one.spec["test_masks"].append(tested.canonical)
        one.spec["labels"]["masks"][tested.canonical] = tested.shown
        one.spec["typed"][tested.canonical] = tested.typed


def check_size(size: int) -> None:
    if size not in SIZES:
        raise UserError(f"--size {size} is no power of two from 32 to 256; write 32, 64, 128 or 256")


def chosen_methods(asked: str, plugins: registry.Registry) -> list[brackets.Named | Fault]:
    """The methods asked for; one that is broken is a row of its own under `all`, and so is one that lacks a library."""
    found: list[brackets.Named | Fault] = []
    for text in brackets.split_list(asked):
        named = brackets.parse(text)
        if named.members:
            raise UserError(f"{text!r}: only masks can be mixed in (...); the parameters of a method go into [...]")
        if named.name == "all" and not named.options:
            classes = {name: plugins.plugins["method"][name].cls for name in plugins.names("method")}
            found += [brackets.Named(name) for name, cls in classes.items() if not params.needs_option(cls.Params)]
            found += [fault for fault in plugins.faults if fault.kind in ("", "method")]
            continue
        faults = plugins.faults_of("method", named.name)
        lacking = [fault for fault in faults if fault.unavailable]
        if not lacking:
            plugins.get("method", named.name)
        for fault in faults:
            if fault.kind == "method" and not fault.unavailable:  # two of one name: neither is meant
                raise UserError(f"method {named.name!r} is broken: {fault}")
        found += lacking or [named]
    if not found:
        raise UserError("--methods names no method; write --methods all, or names from inbench list")
    return found


def _test_masks(request: Request, trained_on: list[MaskChoice], plugins: registry.Registry) -> list[MaskChoice]:
    """The test masks; empty where each run is tested on the mask it was trained on."""
    if request.test_masks is None:
        return []
    if request.test_masks == "all":
        names = [
            name
            for name, plugin in sorted(plugins.plugins["mask"].items())
            if not plugin.cls.training_only and not params.needs_option(plugin.cls.Params)
        ]
        return [choices.mask(name, request.size, plugins) for name in names]
    found = [choices.mask(text, request.size, plugins) for text in brackets.split_list(request.test_masks)]
    if not found:
        raise UserError("--test-masks names nothing; see inbench list")
    return found


def _seeds(text: str) -> list[int]:
    try:
        seeds = [int(part) for part in text.split(",")]
    except ValueError:
        raise UserError(f"--seeds {text!r} must be whole numbers joined by commas, such as 0,1,2") from None
    if min(seeds) < 0:
        raise UserError(f"--seeds {text!r} must not be negative")
    return list(dict.fromkeys(seeds))


def _keep(text: str) -> list[str]:
    kept = [] if text == "none" else brackets.split_list(text)
    for word in kept:
        if word not in KEEPS:
            raise unknown("thing to --keep", word, [*KEEPS, "none"])
    return kept


def _numerics(request: Request) -> tuple[str, str]:
    """The device and the precision of the runs."""
    from inbench.joints.device import choose_device, choose_precision, named_device

    if not request.elsewhere:
        device = choose_device(request.device)
    elif (device := named_device(request.device)) == "auto":
        raise UserError("--device auto cannot be known here, for the runs go elsewhere; write --device cpu or cuda")
    elif device != "cpu" and request.precision == "auto":
        raise UserError(f"--precision auto cannot be known here for --device {device}; write --precision bf16 or float32")
    cards = [choose_device(f"cuda:{number}") for number in request.gpus] if device == "cuda" else []
    precisions = {choose_precision(request.precision, card) for card in cards or [device]}
    if len(precisions) > 1:
        raise UserError("the listed GPUs differ, bf16 in hardware or not; write --precision bf16 or float32")
    return device, precisions.pop()


def threads(asked: int | None, at_once: int = 1) -> int:
    """CPU threads of a run: as asked for, or its part of the cores."""
    import torch

    if asked is not None and asked < 1:
        raise UserError(f"--threads {asked} must be at least 1")
    return asked or max(1, torch.get_num_threads() // at_once)


def check_writable(folder: Path, option: str = "--results") -> None:
    """Refuse a folder that cannot be written, before anything is computed and without leaving anything; option: names it."""
    parent = folder
    while not parent.exists():
        parent = parent.parent
    try:  # access rights alone do not tell: root passes them all, and some file systems take no files
        Path(tempfile.mkdtemp(prefix=".inbench-", dir=parent)).rmdir()
    except OSError as error:
        raise UserError(f"the folder {folder} cannot be written ({error.strerror}); name another with {option} DIR") from None


def commit() -> dict[str, Any]:
    """The commit this checkout is at; nothing where inbench was installed from a package."""
    root = Path(__file__).parents[2]
    if not (root / ".git").exists():
        return {"commit": None, "dirty": None}
    try:
        commit = subprocess.run(
            ["git", "rev-parse", "HEAD"], cwd=root, capture_output=True, text=True, check=True
        ).stdout.strip()
        dirty = bool(
            subprocess.run(
                ["git", "status", "--porcelain"], cwd=root, capture_output=True, text=True, check=True
            ).stdout.strip()
        )
    except (OSError, subprocess.CalledProcessError):
        return {"commit": None, "dirty": None}
    return {"commit": commit, "dirty": dirty}


def _one(
    named: brackets.Named | Fault,
    data: store.Prepared,
    mask: MaskChoice,
    seed: int,
    request: Request,
    spending: Budget,
    precision: str,
    plugins: registry.Registry,
) -> Planned:
    """One run, not yet looked up: a broken plugin or a size that a method does not do is known here already."""
    told, size = data.manifest, request.size
    labels: dict[str, Any] = {"dataset": told["label"], "budget": spending.shown, "train_mask": None, "any_budget": False}
    labels |= {"notes": told["notes"], "masks": {}}
    if isinstance(named, Fault):
        run = Run(named.name, {}, "", told["content"], size, None, None, None, None, None)
        state, reason = ("skipped", named.reason) if named.unavailable else ("failed", str(named))
        return Planned(run, f"plugin {state}", {"run": run.told, "labels": {**labels, "method": named.name}}, reason)
    plugin = plugins.plugins["method"][named.name]
    resolved = params.resolve(plugin.cls.Params, named.options, whose=named.name, budget=spending.name)
    images = told["counts"]["train"]
    learns, one_pass = plugin.cls.learns(), plugin.cls.one_pass
    labels |= {"method": params.shown(named.name, resolved, budget=spending.name), "any_budget": one_pass or not learns}
    labels["licence"] = plugin.cls.licence
    batch = ONE_PASS_BATCH if one_pass else spending.batch
    steps = -(-images // batch) if one_pass else spending.steps_for(images)
    if learns:
        labels["train_mask"] = mask.shown
    run = Run(
        method=named.name,
        params=params.told_of(resolved),
        code=plugin.code,
        data=told["content"],
        size=size,
        train_mask=mask.canonical if learns else None,
        steps=steps if learns else None,
        batch=batch if learns else None,
        precision=precision if learns else None,
        seed=seed if learns else None,
        augmentation="none" if one_pass or not learns else spending.augmentation,
        ema=0.0 if one_pass or not learns else spending.ema,
        checkpoint="last" if one_pass or not learns else spending.answers,
        compiled=request.compile and learns,
        deterministic=request.deterministic,
    )
    planned = Planned(run, "missing", {"run": run.told, "labels": labels, "local": params.local_of(resolved)})
    if size not in plugin.cls.sizes:
        planned.state, planned.reason = (
            "plugin skipped",
            f"{named.name} does not work at size {size}; its sizes are {', '.join(map(str, plugin.cls.sizes))}",
        )
    return planned


def _stale(found: Iterable[Planned], results: Path) -> set[str]:
    """The names of those runs that are there as older code had them."""
    methods = {one.run.method for one in found}
    folders = [path for path in (results / "runs").glob("[!.]*") if path.name.rpartition("-")[0] in methods]
    known = {_but_code(record.told["run"]) for record in map(records.open_record, folders) if record and "run" in record.told}
    return {one.run.name for one in found if _but_code(one.run.told) in known}


def _but_code(run: dict[str, Any]) -> str:
    return repr(sorted((name, value) for name, value in run.items() if name != "code")) if isinstance(run, dict) else ""


def _settle_state(planned: Planned, request: Request, stale: Collection[str]) -> None:
    """Look the run up in the records."""
    if planned.state != "missing":
        return
    runs = request.results / "runs"
    record = records.open_record(runs / planned.run.name)
    if record is None:
        begun = (runs / ".partial" / planned.run.name / "spec.json").is_file()
        planned.state = "interrupted" if begun else "stale" if planned.run.name in stale else "missing"
        return
    planned.written = str(record.told.get("written", ""))
    outcome = records.outcome(record, planned.spec)
    if outcome is None:
        planned.reason = record.damage()
        planned.state = "damaged" if planned.reason else "unscored"
    elif outcome[0] == "skipped" or request.rerun == "all" or (request.rerun == "failed" and outcome[0] != "ok"):
        planned.state = "missing"
    else:
        planned.state, planned.reason = ("done" if outcome[0] == "ok" else "failed"), outcome[1]
        spent, asked = (budget.of_training(labels["budget"]) for labels in (record.told["labels"], planned.spec["labels"]))
        if planned.state == "done" and spent != asked and not record.told["labels"]["any_budget"]:
            planned.reason = f"the same training as {spent}, and called so in tables"
