"""A run of a plan: its identity, its state, the spec that a worker is started with, and where its work lies."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from inbench.words import records
from inbench.words.records import Run

SETTLED = ("done", "failed")
"""The states at planning in which nothing is left to do."""


@dataclass
class Planned:
    """One run of the plan."""

    run: Run
    state: str
    spec: dict[str, Any] = field(default_factory=dict)
    reason: str = ""
    written: str = ""  # when the record that was there at planning was written
    made: bool = False  # whether this process brought it to its end

    @property
    def title(self) -> str:
        labels = self.spec["labels"]
        mask = f", trained on {labels['train_mask']}" if labels["train_mask"] not in (None, "center") else ""
        seed = f", seed {self.run.seed}" if self.run.seed else ""
        return f"{labels['method']} on {labels['dataset']}{mask}{seed}"

    @property
    def shown_masks(self) -> set[str]:
        """What its test masks are called in tables."""
        part, labels = self.spec.get("part", "test"), self.spec["labels"]["masks"]
        return {records.score_key(shown, part) for shown in labels.values()}

    def came_to(self, status: str, reason: str) -> None:
        """Take over what its record says of it."""
        self.state, self.reason = ("done" if status == "ok" else status), reason

    @property
    def runs(self) -> Path:
        """The folder of all records."""
        return Path(self.spec["results"]) / "runs"

    @property
    def work(self) -> Path:
        """Where it lies while it is computed."""
        return self.runs / ".partial" / self.run.name

    @property
    def heartbeat(self) -> dict[str, Any]:
        """What its worker last told of itself; empty where it has not."""
        return read_object(self.work / "heartbeat.json")


def read_object(file: Path) -> dict[str, Any]:
    """The object in a JSON file; empty where there is none."""
    try:
        found = json.loads(file.read_text())
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
