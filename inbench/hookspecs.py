"""The hooks a plugin may implement: one for each kind, each returning a list of classes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    from inbench.dataset import Dataset
    from inbench.mask import Mask
    from inbench.method import Method
    from inbench.metric import Metric

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
