"""Observers: whoever wants to know that a run has finished is told when its record is safe, and can break nothing."""

from __future__ import annotations

import contextlib
import logging
import sys
from pathlib import Path
from typing import Any

from inbench.joints import registry
from inbench.words import records
from inbench.words.errors import visible
from inbench.words.planned import Planned

LOG = logging.getLogger("inbench")


def run_finished(one: Planned) -> None:
    """Tell every observer of a run that this command brought to its end; what one raises is logged, and that is all."""
    try:
        observers = registry.load(list(one.spec["plugins"])).observers
        if observers:
            folder = Path(one.spec["results"]) / "runs" / one.run.name
            told = {"folder": folder, "summary": summary(one, folder)}
    except Exception as error:  # a plugin file that has gone, or a record that somebody moved
        LOG.warning(visible(f"inbench: no observer was told of {one.title}: {error}"))
        return
    for observer in observers:
        try:
            with contextlib.redirect_stdout(sys.stderr):  # what a plugin prints is no result
                observer.function(**{name: told[name] for name in observer.arguments})
        except (Exception, SystemExit) as error:
            where = registry.last_line(error) or registry.line_of(observer.function)
            said = f"{type(error).__name__}: {error} ({where})"
            LOG.warning(visible(f"inbench: the observer of {observer.origin} failed on {one.title}: {said}; the run is kept"))


def summary(one: Planned, folder: Path) -> dict[str, Any]:
    """What an observer is told of a run, as plain data of its own."""
    record, labels, run = records.open_record(folder), one.spec["labels"], one.run
    scores = record.scores if record is not None else {}
    return {
        "name": run.name,
        "status": "ok" if one.state == "done" else one.state,
        "reason": one.reason,
        "method": labels["method"],
        "dataset": labels["dataset"],
        "size": run.size,
        "budget": labels["budget"],
        "seed": run.seed,
        "train_mask": labels["train_mask"],
        "params": dict(run.params),
        "means": {scored["shown"]: scored["means"] for scored in scores.values() if scored["status"] == "ok"},
        "costs": record.told["costs"] if record is not None else {},
    }
