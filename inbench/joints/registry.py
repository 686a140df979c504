"""Finds the plugins: built-in files, installed distributions, files named by the user; a broken one is listed, never fatal."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import hashlib
import importlib
import importlib.util
import inspect
import os
import pkgutil
import re
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from importlib import metadata
from pathlib import Path
from types import ModuleType
from typing import Any

import pluggy

from inbench.joints import hookspecs
from inbench.joints.source import beside, code_hash
from inbench.words.dataset import Dataset
from inbench.words.errors import Unavailable, UserError, unknown
from inbench.words.mask import Mask
from inbench.words.method import Method
from inbench.words.metric import Metric

KINDS: dict[str, type[Any]] = {"method": Method, "dataset": Dataset, "mask": Mask, "metric": Metric}
SPOKEN = {"method": "method", "dataset": "data set", "mask": "mask", "metric": "metric"}
HOOKS = tuple(name for name in vars(hookspecs) if name.startswith("inbench_"))
BUILT_IN = ("inbench_methods", "inbench_datasets")
OURS = ("inbench", *BUILT_IN)
BY_PATH = "inbench_plugin_"
"""Modules of plugin files are called so."""
NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


@dataclasses.dataclass(frozen=True)
class Plugin:
    """A class that a plugin brought, what it is called, and where it came from."""

    kind: str
    cls: type[Any]
    origin: str
    version: str

    @functools.cached_property
    def code(self) -> str:
        """The hash of its source, taken when it is first asked for: a list of plugins needs none."""
        return code_hash(files_of(self.cls))


@dataclasses.dataclass(frozen=True)
class Fault:
    """A plugin that could not be used: its name, where it came from, the reason, and file:line."""

    name: str
    origin: str
    reason: str
    where: str
    kind: str = ""  # empty where it broke before it could say
    unavailable: bool = False

    def __str__(self) -> str:
        return f"{self.origin}: {self.reason}{f' ({self.where})' if self.where else ''}"


@dataclasses.dataclass(frozen=True)
class Source:
    """A place that a plugin is loaded from."""

    name: str
    origin: str
    version: str
    load: Any


@dataclasses.dataclass(frozen=True)
class Observer:
    """A function that a plugin wants to be called, and where it came from."""

    origin: str
    function: Callable[..., object]
    arguments: tuple[str, ...]


@dataclasses.dataclass
class Registry:
    """All plugins by kind and name, the faults of those that are broken, the observers, and every place that was looked at."""

    plugins: dict[str, dict[str, Plugin]]
    faults: list[Fault]
    observers: list[Observer] = dataclasses.field(default_factory=list)
    sources: list[Source] = dataclasses.field(default_factory=list)

    def names(self, kind: str) -> list[str]:
        return sorted(self.plugins[kind])

    def broken(self, files: Sequence[str]) -> list[str]:
        """What is wrong with plugin files that the user named, a line each."""
        named = set(named_files(files))
        return [f"a plugin is left out: {fault}" for fault in self.faults if fault.origin in named]

    def faults_of(self, kind: str, name: str) -> list[Fault]:
        """What is wrong with plugins of a kind and name; with a file of that name too, unless some plugin is called so."""
        kinds = (kind,) if name in self.plugins[kind] else ("", kind)
        return [fault for fault in self.faults if fault.name == name and fault.kind in kinds]

    def get(self, kind: str, name: str) -> Plugin:
        """The plugin of that name; a broken one asked for by name, or a name that does not exist, is a `UserError`."""
        if name in self.plugins[kind]:
            return self.plugins[kind][name]
        for fault in self.faults_of(kind, name):
            raise UserError(f"{kind} {name!r} is broken: {fault}")
        told = unknown(SPOKEN[kind], name, self.plugins[kind], otherwise=YOURS)
        broken = [fault for fault in self.faults if not fault.kind and Path(fault.origin).is_absolute()]
        if broken:
            raise UserError(f"{told}; it may be in a plugin that is left out: {broken[0]}")
        raise told


YOURS = "a plugin of yours needs --plugin FILE.py"


def load(files: Sequence[str] = ()) -> Registry:
    """Everything there is, plus the plugin files named by the user and by INBENCH_PLUGINS."""
    named = named_files(files)
    for file in named:
        if not Path(file).is_file():
            raise UserError(f"there is no plugin file {file}")
    with contextlib.redirect_stdout(sys.stderr):  # what a plugin prints is no result
        return _load(tuple((file, hashlib.sha256(Path(file).read_bytes()).hexdigest()) for file in named))


def named_files(files: Sequence[str]) -> tuple[str, ...]:
    """The plugin files to load, absolute, once each."""
    named = [*files, *os.environ.get("INBENCH_PLUGINS", "").split(os.pathsep)]
    return tuple(dict.fromkeys(str(Path(file).expanduser().absolute()) for file in named if file))


@functools.cache
def _load(files: tuple[tuple[str, str], ...]) -> Registry:
    """Kept by the files' names and bytes: a file that changed is loaded anew."""
    manager = pluggy.PluginManager("inbench")
    manager.add_hookspecs(hookspecs)
    registry = Registry({kind: {} for kind in KINDS}, [])
    for source in _sources([file for file, _ in files]):
        registry.sources.append(source)
        try:
            module = source.load()
            _check_version(module)
            _check_hooks(module)
            manager.register(module, name=source.origin)
        except (Exception, SystemExit) as error:
            registry.faults.append(_fault(source, error))
            continue
        for hook in _hooks_of(module, manager):
            kind = hook.function.__name__.removeprefix("inbench_").removesuffix("s")
            if kind not in KINDS:
                registry.observers.append(Observer(source.origin, hook.function, hook.argnames))
                continue
            try:
                _collect(registry, kind, hook.function, source)
            except (Exception, SystemExit) as error:
                registry.faults.append(_fault(source, error, kind, line_of(hook.function)))
    return registry


def _hooks_of(module: object, manager: pluggy.PluginManager) -> list[pluggy.HookImpl]:
    """The hooks that a plugin implements, in the order of the specifications."""
    callers = sorted(manager.get_hookcallers(module) or (), key=lambda caller: HOOKS.index(caller.name))
    return [hook for caller in callers for hook in caller.get_hookimpls() if hook.plugin is module]


def _sources(files: Sequence[str]) -> Iterator[Source]:
    from inbench import __version__

    for name in ("masks", "mask_files", "metrics", "perception", "learned_metrics"):
        room = f"inbench.joints.{name}"
        yield Source(name, room, __version__, functools.partial(importlib.import_module, room))
    for package in BUILT_IN:
        for found in pkgutil.iter_modules(importlib.import_module(package).__path__):
            name = f"{package}.{found.name}"
            yield Source(found.name.replace("_", "-"), name, __version__, functools.partial(importlib.import_module, name))
    for point in sorted(metadata.entry_points(group="inbench"), key=lambda point: (point.name, point.value)):
        told = point.dist.metadata if point.dist else {"Name": "entry point", "Version": ""}  # read from the disk each time
        yield Source(point.name, f"{told['Name']}: {point.value}", told["Version"], point.load)
    for file in files:
        yield Source(Path(file).stem.replace("_", "-"), file, "", functools.partial(_from_file, file))


def _from_file(file: str) -> ModuleType:
    path = Path(file)
    name = f"{BY_PATH}{path.stem}_{hashlib.sha256(file.encode()).hexdigest()[:8]}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise UserError(f"{file} is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # so that dataclasses and inspect find it
    spec.loader.exec_module(module)
    return module


class BadHook(Exception):
    """A function marked as a hook that is none; `where` is its file:line."""

    def __init__(self, reason: str, where: str) -> None:
        super().__init__(reason)
        self.where = where


def _check_version(module: object) -> None:
    """Refuse a plugin that was written for hooks that this inbench does not have."""
    from inbench import __version__

    wanted, newest = getattr(module, "INBENCH_API", hookspecs.API), hookspecs.API
    if isinstance(wanted, int) and 1 <= wanted <= newest:
        return
    if isinstance(wanted, int) and wanted > newest:
        reason = f"it is written for version {wanted} of the hooks, and inbench {__version__} has {newest}"
        reason += "; type: pip install --upgrade inbench"
    else:
        reason = f"INBENCH_API is {wanted!r}; write the version of the hooks that the plugin is written for, such as {newest}"
    raise BadHook(reason, _line_with(module, "INBENCH_API"))


def _check_hooks(module: object) -> None:
    """Refuse hooks that pluggy would pass over in silence (a typo, no mark) or name without a line (wrong arguments)."""
    marked = False
    for name in dir(module):
        function = getattr(module, name)
        if getattr(function, "inbench_impl", None) is None or not inspect.isroutine(function):
            if name in HOOKS and inspect.isfunction(function):
                raise BadHook(f"the function {name} has no mark; write @inbench.hookimpl above it", line_of(function))
            continue
        if name not in HOOKS:
            raise BadHook(f"there is no hook {name!r}; the hooks are {', '.join(HOOKS)}", line_of(function))
        _check_arguments(name, function)
        marked = True
    if not marked:
        mend = "write @inbench.hookimpl above def inbench_methods(): return [YourMethod]"
        raise BadHook(f"it brings nothing, for it has no hook; {mend}", _line_with(module, ""))


def _check_arguments(name: str, function: Any) -> None:
    """A hook may leave arguments out that it does not need, and have none that it is not given."""
    given = list(inspect.signature(getattr(hookspecs, name)).parameters)
    asked = inspect.signature(function).parameters
    if all(argument in given for argument in asked):
        return
    takes = f"takes {', '.join(given)}" if given else "takes no arguments"
    raise BadHook(f"the hook {name} {takes}, but here it has ({', '.join(asked)})", line_of(function))


def _line_with(module: object, word: str) -> str:
    """file:line of the first line of a module that begins with a word."""
    file = getattr(module, "__file__", None)
    if file is None:
        return ""
    lines = Path(file).read_text(encoding="utf-8").splitlines()
    return f"{file}:{next((number for number, line in enumerate(lines, 1) if line.startswith(word)), 1)}"


def _collect(registry: Registry, kind: str, function: Any, source: Source) -> None:
    classes = function()
    if not isinstance(classes, Iterable):
        raise UserError(f"inbench_{kind}s returned {type(classes).__name__}; return a list of classes")
    for cls in classes:
        reason, name = _wrong_with(kind, cls), getattr(cls, "name", source.name)
        if not reason and name in registry.plugins[kind]:
            reason = f"{kind} {name!r} is already taken by {registry.plugins[kind][name].origin}; choose another name"
        if reason:
            where = where_of(cls if isinstance(cls, type) else type(cls)) or line_of(function)
            registry.faults.append(Fault(str(name), source.origin, reason, where, kind))
        else:
            registry.plugins[kind][name] = Plugin(kind, cls, source.origin, source.version)


def _wrong_with(kind: str, cls: object) -> str:
    """Why this is no plugin of that kind; empty where it is one."""
    if not isinstance(cls, type):
        return f"inbench_{kind}s returned {type(cls).__name__} {cls!r}; return the class, not an instance"
    return _wrong_with_class(KINDS[kind], cls)


def _wrong_with_class(base: type[Any], cls: Any) -> str:
    if not issubclass(cls, base):
        return f"{cls.__name__} is no {base.__name__}; derive it from inbench.{base.__name__}"
    needed = [name for name in base.__annotations__ if name not in ("Params", "params") and not hasattr(cls, name)]
    if needed:
        return f"{cls.__name__} does not say its {needed[0]!r}"
    if not isinstance(cls.name, str) or not NAME.fullmatch(cls.name):
        return f"{cls.name!r} is no name; write lower-case words joined by hyphens"
    if inspect.isabstract(cls):
        return f"{cls.__name__} does not define {sorted(cls.__abstractmethods__)[0]!r}"
    settings = getattr(cls.Params, "__dataclass_params__", None)
    if settings is None or not settings.frozen:
        return f"{cls.__name__}.Params is no frozen dataclass; write @dataclasses.dataclass(frozen=True) above it"
    return ""


def files_of(cls: type[Any]) -> tuple[Path, ...]:
    """The source that makes a plugin what it is: its file and what that imports from beside it, or the whole of its package."""
    file, module = Path(inspect.getfile(cls)), cls.__module__
    if module.startswith(BY_PATH):
        return (file, *sorted(beside(file, apart=OURS)))
    package = sys.modules[module.partition(".")[0]]
    if is_ours(cls) or not hasattr(package, "__path__"):
        return (file,)
    return tuple(sorted(Path(str(package.__file__)).parent.rglob("*.py")))


def is_ours(cls: type[Any]) -> bool:
    """Whether a plugin is inbench's own."""
    return cls.__module__.partition(".")[0] in OURS


def where_of(cls: type[Any]) -> str:
    """file:line of a class."""
    try:
        return f"{inspect.getfile(cls)}:{inspect.getsourcelines(cls)[1]}"
    except (OSError, TypeError):
        return ""


def line_of(function: Any) -> str:
    """file:line of a function."""
    code = getattr(function, "__code__", None)
    return f"{code.co_filename}:{code.co_firstlineno}" if code else ""


def line_in(cls: type[Any], error: BaseException) -> str:
    """file:line of the last line of a plugin's own that was running; empty where there was none."""
    own = set(map(str, files_of(cls)))
    lines = [f"{frame.filename}:{frame.lineno}" for frame in traceback.extract_tb(error.__traceback__) if frame.filename in own]
    return lines[-1] if lines else ""


def _fault(source: Source, error: BaseException, kind: str = "", where: str = "") -> Fault:
    """What went wrong in a plugin, at the last line of it that was running."""
    kind = kind or ("dataset" if source.origin.startswith("inbench_datasets") else "")
    where = last_line(error) or where
    if isinstance(error, SyntaxError):
        where = f"{error.filename}:{error.lineno}"
    if isinstance(error, BadHook):
        where = error.where
    plain = isinstance(error, (UserError, Unavailable, BadHook))
    told = f"{type(error).__name__}: {error.msg if isinstance(error, SyntaxError) else error}{_mend(error, source)}"
    reason = " ".join((str(error) if plain else told).split())
    return Fault(source.name, source.origin, reason, where, kind, unavailable=isinstance(error, Unavailable))


def _mend(error: BaseException, source: Source) -> str:
    """What would be right, where that can be said of an error that Python raised."""
    if isinstance(error, SyntaxError):
        return "; mend this line, or the one before it"
    if isinstance(error, ImportError) and error.name == "inbench":
        return "; a newer inbench may have it: pip install --upgrade inbench"
    if isinstance(error, ModuleNotFoundError):
        folder = Path(source.origin).parent
        if folder.is_absolute() and any((folder / f"{error.name}{end}").exists() for end in (".py", "/__init__.py")):
            told = "make a package of both (inbench new method NAME --package)"
            return f"; it lies beside the plugin, where Python does not look: {told}, or set PYTHONPATH={folder}"
        return f"; install it, or, where it is optional, raise inbench.Unavailable('pip install {error.name}')"
    return ""


def last_line(error: BaseException) -> str:
    """file:line of the last line of a plugin that was running when something was raised."""
    own = [frame for frame in traceback.extract_tb(error.__traceback__) if _is_plugins(frame.filename)]
    return f"{own[-1].filename}:{own[-1].lineno}" if own else ""


def _is_plugins(file: str) -> bool:
    """Whether a frame is the plugin's own, not ours and not the import machinery's."""
    return "importlib" not in file and "pluggy" not in file and Path(__file__).parents[1] not in Path(file).parents
