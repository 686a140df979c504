"""Watching: what a plugin's code opens, and where it makes a device wait, each with the plugin's own line."""

from __future__ import annotations

import contextlib
import sys
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from inbench.joints import registry

OPENINGS = {"open", "os.mkdir", "os.listdir", "os.scandir", "subprocess.Popen", "socket.connect", "urllib.Request"}
SYSTEM = ("/proc/", "/sys/", "/dev/")
WAITING: dict[Any, str] = {
    getattr(Tensor, name): spoken
    for name, spoken in {
        "item": ".item()",
        "tolist": ".tolist()",
        "cpu": ".cpu()",
        "numpy": ".numpy()",
        "nonzero": ".nonzero()",
        "equal": ".equal()",
        "allclose": ".allclose()",
        "__bool__": "a tensor as a condition",
        "__float__": "float() of a tensor",
        "__int__": "int() of a tensor",
        "__index__": "a tensor as an index",
        "__format__": "a tensor in a text",
    }.items()
} | {torch.equal: "torch.equal()", torch.allclose: "torch.allclose()", torch.nonzero: "torch.nonzero()"}


@dataclass(frozen=True)
class Seen:
    """Something that happened, and the lines that led to it, the innermost first."""

    what: str
    lines: tuple[tuple[str, int], ...]

    def where(self, cls: type[Any]) -> str:
        """file:line of the innermost line that is a plugin's own; empty where none is."""
        own = set(map(str, registry.files_of(cls)))
        return next((f"{file}:{line}" for file, line in self.lines if file in own), "")


def stack() -> tuple[tuple[str, int], ...]:
    return tuple((frame.f_code.co_filename, line) for frame, line in traceback.walk_stack(sys._getframe(2)))


_listeners: list[Callable[[str, tuple[Any, ...]], None]] = []


def _audit(event: str, arguments: tuple[Any, ...]) -> None:
    if _listeners and event in OPENINGS:
        for listener in list(_listeners):
            listener(event, arguments)


_audits = False


@contextlib.contextmanager
def opened() -> Iterator[list[Seen]]:
    """Every file, folder, process or address that is opened meanwhile, but for what an import reads."""
    global _audits
    if not _audits:  # a hook of the interpreter stays for good, so there is one
        sys.addaudithook(_audit)
        _audits = True
    found: list[Seen] = []

    def listen(event: str, arguments: tuple[Any, ...]) -> None:
        what, lines = str(arguments[0]), stack()
        imports = any("importlib" in file for file, _ in lines)
        if not imports and not isinstance(arguments[0], int) and not what.startswith(SYSTEM):
            found.append(Seen(what, lines))

    _listeners.append(listen)
    try:
        yield found
    finally:
        _listeners.remove(listen)


class _Waits(TorchFunctionMode):
    def __init__(self, found: list[Seen]) -> None:
        super().__init__()
        self.found = found

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        what = WAITING.get(func)
        if func is Tensor.__getitem__ and isinstance(args[1], Tensor) and args[1].dtype == torch.bool:
            what = "an index of truth values"
        if what:
            callers = (line for line in stack() if not line[0].endswith(("torch/overrides.py", "torch/_tensor.py")))
            self.found.append(Seen(what, (next(callers),)))
        return func(*args, **(kwargs or {}))


@contextlib.contextmanager
def waits() -> Iterator[list[Seen]]:
    """Every call meanwhile that needs a number of the device on the host, each with the line of its caller alone: an
    optimizer's own is no line of a plugin's."""
    found: list[Seen] = []
    with _Waits(found):
        yield found
