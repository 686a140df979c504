"""The hooks a plugin may implement: one for each kind, each returning a list of classes, and one that observes runs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pluggy

if TYPE_CHECKING:
    from inbench.words.dataset import Dataset
    from inbench.words.mask import Mask
    from inbench.words.method import Method
    from inbench.words.metric import Metric

API = 1
"""The version of these hooks. A plugin says `INBENCH_API = 1`; one that asks for a higher version is refused with a sentence.

It rises when a hook, or what the face promises to plugins, changes so that a plugin written before would go wrong.
"""
hookspec = pluggy.HookspecMarker("inbench")
hookimpl = pluggy.HookimplMarker("inbench")
"""Marks a plugin's function: `@inbench.hookimpl` above `def inbench_methods(): return [MyMethod]`."""


@hookspec
def inbench_methods() -> list[type[Method]]:  # type: ignore[empty-body]
    """Methods that a plugin brings."""


@hookspec
def inbench_datasets() -> list[type[Dataset]]:  # type: ignore[empty-body]
    """Data sets that a plugin brings."""


@hookspec
def inbench_masks() -> list[type[Mask]]:  # type: ignore[empty-body]
    """Masks that a plugin brings."""


@hookspec
def inbench_metrics() -> list[type[Metric]]:  # type: ignore[empty-body]
    """Metrics that a plugin brings."""


@hookspec
def inbench_run_finished(folder: Path, summary: Mapping[str, Any]) -> None:
    """Called once for each run that this command brought to an end, when its record is safe in `folder`.

    summary: plain data, what `json.dumps` takes: `name`, `status`, `reason`, `method`, `dataset`, `size`, `budget`, `seed`,
    `train_mask`, `params`, `means` (by test mask, then by metric) and `costs`. Whatever an observer raises is logged and
    costs nothing else.
    """
