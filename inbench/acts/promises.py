"""Every promise of the contract, by kind of plugin, in the order in which they are put and listed."""

from __future__ import annotations

from typing import Any

from inbench.acts.checks_of_answers import ANSWERS, DEVICES
from inbench.acts.checks_of_datasets import DATASETS
from inbench.acts.checks_of_masks import MASKS
from inbench.acts.checks_of_metrics import METRICS
from inbench.acts.checks_of_plugins import PLUGINS
from inbench.acts.checks_of_training import BUILDING, LASTING, LEARNING
from inbench.acts.contract import Check
from inbench.joints.registry import KINDS
from inbench.words.errors import UserError

CHECKS: dict[str, tuple[Check, ...]] = {
    "method": (*PLUGINS, *BUILDING, *LEARNING, *ANSWERS, *LASTING, *DEVICES),
    "dataset": (*PLUGINS, *DATASETS),
    "mask": (*PLUGINS, *MASKS),
    "metric": (*PLUGINS, *METRICS),
}


def kind_of(cls: object) -> str:
    """Which kind of plugin a class is; a `UserError` where it is none."""
    if not isinstance(cls, type):
        raise UserError(f"{cls!r} is no class; give the class itself, not an instance")
    for kind, base in KINDS.items():
        if issubclass(cls, base):
            return kind
    names = ", ".join(f"inbench.{base.__name__}" for base in KINDS.values())
    raise UserError(f"{cls.__name__} is no plugin; derive it from one of {names}")


def of(cls: type[Any]) -> list[Check]:
    """The promises that apply to a plugin, in order."""
    return [check for check in CHECKS[kind_of(cls)] if check.where(cls)]
