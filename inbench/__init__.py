"""inbench trains and scores image inpainting methods under one pinned protocol.

The face: what a plugin imports (`Method`, `Dataset`, `Mask`, `Metric` and their helpers) and what a script calls
(`run`, `table`). It is lazy: importing it does not import torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from inbench.commands.calls import run as run
    from inbench.joints.decoding import Box as Box
    from inbench.joints.decoding import Decoded as Decoded
    from inbench.joints.decoding import Warp as Warp
    from inbench.joints.files import Files as Files
    from inbench.joints.files import known_file as known_file
    from inbench.joints.hookspecs import hookimpl as hookimpl
    from inbench.readers.tables import table as table
    from inbench.words.dataset import Dataset as Dataset
    from inbench.words.dataset import Pictures as Pictures
    from inbench.words.dataset import Split as Split
    from inbench.words.errors import Unavailable as Unavailable
    from inbench.words.errors import UserError as UserError
    from inbench.words.mask import Mask as Mask
    from inbench.words.method import Method as Method
    from inbench.words.method import adam as adam
    from inbench.words.method import uniform as uniform
    from inbench.words.metric import Metric as Metric
    from inbench.words.metric import SetMetric as SetMetric
    from inbench.words.params import by_budget as by_budget
    from inbench.words.params import param as param
    from inbench.words.params import required as required
    from inbench.words.seeds import unit as unit

__version__ = "0.1.0"

_ROOM_OF = {
    "Box": "joints.decoding",
    "Dataset": "words.dataset",
    "Decoded": "joints.decoding",
    "Files": "joints.files",
    "Mask": "words.mask",
    "Method": "words.method",
    "Metric": "words.metric",
    "Pictures": "words.dataset",
    "SetMetric": "words.metric",
    "Split": "words.dataset",
    "Unavailable": "words.errors",
    "UserError": "words.errors",
    "Warp": "joints.decoding",
    "adam": "words.method",
    "by_budget": "words.params",
    "hookimpl": "joints.hookspecs",
    "known_file": "joints.files",
    "param": "words.params",
    "required": "words.params",
    "run": "commands.calls",
    "table": "readers.tables",
    "uniform": "words.method",
    "unit": "words.seeds",
}
__all__ = sorted(_ROOM_OF)


def __getattr__(name: str) -> object:
    if name not in _ROOM_OF:
        raise AttributeError(f"module 'inbench' has no attribute {name!r}")
    return getattr(importlib.import_module(f"inbench.{_ROOM_OF[name]}"), name)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
