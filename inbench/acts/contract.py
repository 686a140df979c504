"""The contract: what a promise is, how it is put to a plugin, and what is told of one that is not kept."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from inbench.joints import guards, registry
from inbench.words.errors import Unavailable

Test = Callable[[Any], str]
Where = Callable[[Any], bool]


@dataclass(frozen=True)
class Check:
    """One promise, how to mend a plugin that breaks it, and a test: it answers what it saw instead, or nothing.

    about: the member of the class that the promise is about; warning: a broken one is told and is no fault; where: the
    plugins that the promise applies to.
    """

    name: str
    promise: str
    mend: str
    test: Test
    about: str
    warning: bool
    where: Where


@dataclass(frozen=True)
class Finding:
    """A promise that a plugin does not keep; where: file:line."""

    check: str
    seen: str
    expected: str
    mend: str
    where: str
    warning: bool = False

    def __str__(self) -> str:
        return f"{self.check}: {self.seen} ({self.where}); expected: {self.expected}; to mend it: {self.mend}"


class Broken(Exception):
    """Raised by a test that knows the line of what it saw."""

    def __init__(self, seen: str, where: str) -> None:
        super().__init__(seen)
        self.where = where


def always(cls: Any) -> bool:
    return True


class Promises(list[Check]):
    """Checks in the order they are put and listed: first what the others rest on. Called, it is the decorator that adds one."""

    def __init__(self, where: Where = always, about: str = "") -> None:
        super().__init__()
        self.where, self.about = where, about

    def __call__(
        self, promise: str, mend: str, *, about: str = "", warning: bool = False, where: Where = always
    ) -> Callable[[Test], Test]:
        def keep(test: Test) -> Test:
            name = test.__name__.replace("_", "-")
            applies: Where = lambda cls: self.where(cls) and where(cls)  # noqa: E731
            self.append(Check(name, promise, mend, test, about or self.about, warning, applies))
            return test

        return keep


def run_check(check: Check, cls: type[Any]) -> Finding | None:
    """Put one check to one plugin class; None where the promise is kept. `Unavailable` passes through."""
    before = world()
    where, mend = "", check.mend
    try:
        seen = check.test(cls)
    except Unavailable:
        raise
    except Broken as error:
        seen, where = str(error), error.where
    except (Exception, SystemExit) as error:  # plugins are other people's code
        seen, where = f"{type(error).__name__}: {error}", registry.line_in(cls, error)
        mend = f"mend that line, or what reaches it; {check.mend}"
    finally:
        put_back(before)
    where = where or place_of(cls, check.about)
    return Finding(check.name, seen, check.promise, mend, where, check.warning) if seen else None


def place_of(cls: type[Any], member: str) -> str:
    """file:line of a member where a plugin has it itself, else of its class."""
    found = next((vars(base)[member] for base in cls.__mro__ if member in vars(base)), None)
    own = registry.line_of(getattr(found, "__func__", found))
    return own if own.rpartition(":")[0] in map(str, registry.files_of(cls)) else registry.where_of(cls)


def _put_signals(handlers: Mapping[int, Any]) -> None:
    for number, handler in handlers.items():
        signal.signal(number, handler)


def _put_environment(before: Mapping[str, str]) -> None:
    os.environ.clear()
    os.environ.update(before)


WORLD: dict[str, tuple[Callable[[], Any], Callable[[Any], Any]]] = {
    **{name: pair for name, pair in guards.SETTINGS.items() if name != "torch's seed"},
    "numpy's error handling": (np.geterr, lambda before: np.seterr(**before)),
    "cuDNN's benchmark mode": (
        lambda: torch.backends.cudnn.benchmark,
        lambda before: setattr(torch.backends.cudnn, "benchmark", before),
    ),
    "the environment": (lambda: dict(os.environ), _put_environment),
    "the working folder": (os.getcwd, os.chdir),
    "what SIGINT and SIGTERM do": (
        lambda: {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)},
        _put_signals,
    ),
}
"""What belongs to the whole process, and so to no plugin: how it is read, how it is put back."""


def world() -> dict[str, Any]:
    return {name: read() for name, (read, _) in WORLD.items()}


def put_back(before: Mapping[str, Any]) -> None:
    for name, (read, put) in WORLD.items():
        if read() != before[name]:  # to set some of them costs imports
            put(before[name])


def changes(before: Mapping[str, Any]) -> list[str]:
    """The names of what is not as it was."""
    return [name for name, (read, _) in WORLD.items() if read() != before[name]]
