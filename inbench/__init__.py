"""inbench trains and scores image inpainting methods under one pinned protocol.

The face: what a plugin imports (`Method`, `Dataset`, `Mask`, `Metric` and their helpers) and what a script calls
(`run`, `table`). It is lazy: importing it does not import torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from inbench.calls import run as run
    from inbench.dataset import Dataset as Dataset
    from inbench.dataset import Pictures as Pictures
    from inbench.dataset import Split as Split
    from inbench.decoding import Box as Box
    from inbench.decoding import Decoded as Decoded
    from inbench.decoding import Warp as Warp
    from inbench.errors import Unavailable as Unavailable
    from inbench.errors import UserError as UserError
    from inbench.files import Files as Files
    from inbench.files import known_file as known_file
    from inbench.hookspecs import hookimpl as hookimpl
    from inbench.mask import Mask as Mask
    from inbench.method import Method as Method
    from inbench.method import adam as adam
    from inbench.method import uniform as uniform
    from inbench.metric import Metric as Metric
    from inbench.metric import SetMetric as SetMetric
    from inbench.params import by_budget as by_budget
    from inbench.params import param as param
    from inbench.params import required as required
    from inbench.seeds import unit as unit
    from inbench.tables import table as table

__version__ = "0.1.0"

_ROOM_OF = {
    "Box": "decoding",
    "Dataset": "dataset",
    "Decoded": "decoding",
    "Files": "files",
    "Mask": "mask",
    "Method": "method",
    "Metric": "metric",
    "Pictures": "dataset",
    "SetMetric": "metric",
    "Split": "dataset",
    "Unavailable": "errors",
    "UserError": "errors",
    "Warp": "decoding",
    "adam": "method",
    "by_budget": "params",
    "hookimpl": "hookspecs",
    "known_file": "files",
    "param": "params",
    "required": "params",
    "run": "calls",
    "table": "tables",
    "uniform": "method",
    "unit": "seeds",
}
__all__ = sorted(_ROOM_OF)


def __getattr__(name: str) -> object:
    if name not in _ROOM_OF:
        raise AttributeError(f"module 'inbench' has no attribute {name!r}")
    return getattr(importlib.import_module(f"inbench.{_ROOM_OF[name]}"), name)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
