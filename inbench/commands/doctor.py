"""What this machine can do: device, precision, a measured matrix rate, where data goes, and which plugins are broken."""

from __future__ import annotations

import platform
import shutil
import time
from collections.abc import Sequence
from typing import Any

import torch

from inbench import __version__
from inbench.joints import device, registry, store


def examine(plugins: Sequence[str] = ()) -> dict[str, Any]:
    """Facts by name; `faults` is empty where everything works."""
    chosen = device.choose_device("auto")
    data = store.default_folder()
    parent = next(folder for folder in (data, *data.parents) if folder.exists())
    found = registry.load(plugins)
    return {
        "inbench": __version__,
        "python": platform.python_version(),
        "torch": torch.__version__,
        **device.fingerprint(chosen),
        "device": chosen,
        "precision": device.choose_precision("auto", chosen),
        "threads": torch.get_num_threads(),
        "float32 GFLOP/s": matrix_rate(chosen),
        "prepared data": str(data),
        "free disk GB": round(shutil.disk_usage(parent).free / 1e9, 1),
        "plugins": sum(len(members) for members in found.plugins.values()),
        "faults": [str(fault) for fault in found.faults if not fault.unavailable],
        "not available": [str(fault) for fault in found.faults if fault.unavailable],
    }


def matrix_rate(where: str) -> float:
    """Billions of float32 operations a second in a 1024 x 1024 matrix product, the best of five."""
    one = torch.rand(1024, 1024, device=where)
    best = float("inf")
    for _ in range(6):
        began = time.perf_counter()
        (one @ one)[0, 0].item()  # reading a number waits for the device
        best = min(best, time.perf_counter() - began)
    return round(2 * 1024**3 / best / 1e9, 1)
