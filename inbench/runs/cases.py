"""Cases: what `inbench bench` times, each made ready outside the clock, so that the clock sees the act alone."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from inbench.acts import scoring, training
from inbench.joints import choices
from inbench.joints.batches import Batches
from inbench.joints.device import autocast_forwards
from inbench.joints.registry import Fault, Registry
from inbench.joints.store import Part, Prepared
from inbench.runs.plan import ONE_PASS_BATCH
from inbench.words import params, seeds
from inbench.words.brackets import Named
from inbench.words.errors import Unavailable
from inbench.words.method import Method
from inbench.words.metric import Metric

BUDGET = "quick"
"""Whose parameters are timed where a method's depend on the budget: what `paper` spends on one answer takes minutes."""
MATRIX_SIDE = {"cpu": 1024, "cuda": 8192}
COPY_BYTES = 2**28
MASKED = "center"
MACHINE, METRIC, DATA, MASK = "machine", "metric", "data", "mask"
TRAIN, ALONE, TOGETHER = "train step", "answer alone", "answers to a batch"

Act = Callable[[], object]


@dataclass(frozen=True)
class Setting:
    """With what every case is timed."""

    size: int
    batch: int
    device: str
    precision: str

    @property
    def at(self) -> torch.device:
        return torch.device(self.device)


@dataclass(frozen=True)
class Case:
    """One thing to time: `ready` builds it and answers the act. Cases of one subject share what they build.

    images: that one act works on; flops, moved: operations and bytes of an act where they are known; 0 and 0: to be counted.
    """

    group: str
    name: str
    ready: Callable[[], Act]
    subject: str
    images: int = 0
    flops: int = 0
    moved: int = 0


def all_of(methods: list[Named | Fault], setting: Setting, data: Prepared, plugins: Registry) -> list[Case]:
    """Every case there is: the machine's two rates, each method's three acts, metrics, batches, masks."""
    found = list(rates(setting))
    for named in methods:
        found += of_method(named, setting, data, plugins)
    return [*found, *of_metrics(setting, plugins), of_data(setting, data, plugins), *of_masks(setting, plugins)]


def rates(setting: Setting) -> Iterator[Case]:
    """What the machine can do at most: a matrix product in the precision of the networks, and a copy in memory."""
    side, kind = MATRIX_SIDE.get(setting.at.type, 1024), torch.bfloat16 if setting.precision == "bf16" else torch.float32

    def product() -> Act:
        one, out = (torch.rand(side, side, device=setting.at).to(kind) for _ in range(2))
        return lambda: torch.mm(one, one, out=out)

    def copy() -> Act:
        one, out = (torch.zeros(COPY_BYTES, dtype=torch.uint8, device=setting.at) for _ in range(2))
        return lambda: out.copy_(one)

    yield Case(MACHINE, f"matrix product of {side}, {setting.precision}", product, "product", flops=2 * side**3)
    yield Case(MACHINE, f"copy of {COPY_BYTES >> 20} MB", copy, "copy", moved=2 * COPY_BYTES)


def of_method(named: Named | Fault, setting: Setting, data: Prepared, plugins: Registry) -> list[Case]:
    """A training step, an answer to one picture, and answers to a batch."""
    contestant = Contestant(named, setting, data, plugins)
    title, trains, answers = contestant.title, f"{contestant.title} trains", f"{contestant.title} answers"
    return [
        Case(TRAIN, title, contestant.stepping, trains, setting.batch),
        Case(ALONE, title, functools.partial(contestant.answering, 1), answers, 1),
        Case(TOGETHER, title, functools.partial(contestant.answering, setting.batch), answers, setting.batch),
    ]


class Contestant:
    """A method as a run has it: drawn from a seed, on the device, channels last, its networks in the precision asked for."""

    def __init__(self, named: Named | Fault, setting: Setting, data: Prepared, plugins: Registry) -> None:
        self.named, self.setting, self.data, self.plugins = named, setting, data, plugins
        self.title = named.name
        if isinstance(named, Named):
            cls = plugins.get("method", named.name).cls
            self.params = params.resolve(cls.Params, named.options, whose=named.name, budget=BUDGET)
            self.title = params.shown(named.name, self.params, budget=BUDGET)

    def build(self) -> Method:
        """A new one; what cannot be built says why."""
        if isinstance(self.named, Fault):
            raise Unavailable(self.named.reason) if self.named.unavailable else RuntimeError(str(self.named))
        cls: type[Method] = self.plugins.get("method", self.named.name).cls
        if self.setting.size not in cls.sizes:
            raise Unavailable(f"does not work at size {self.setting.size}; its sizes are {', '.join(map(str, cls.sizes))}")
        training.seed_everything(seeds.stream(0, "init"))
        method = cls(self.setting.size, self.params)
        method.to(self.setting.at, memory_format=torch.channels_last)  # type: ignore[call-overload]
        autocast_forwards(method, self.setting.device, self.setting.precision if cls.learns() else "float32")
        return method

    def one_batch(self, batch: int, part: str) -> tuple[Tensor, Tensor]:
        """Pictures and holes: of no more pictures than these, for what a GPU holds of a data set is no memory of a method."""
        whole = self.data.part(part)
        return batches_of(Part(whole.images[:batch], whole.ids[:batch], None), MASKED, batch, self.setting, self.plugins).at(0)

    def stepping(self) -> Act:
        """One step on one batch, over and over."""
        method = self.build()
        if not method.learns():
            raise Unavailable("learns nothing")
        image, hole = self.one_batch(self.setting.batch, "train")
        method.train()
        return lambda: method.step(image, hole)

    @functools.cached_property
    def taught(self) -> Method:
        """One that can answer: a closed form has seen its pictures; a network answers as fast untrained."""
        method = self.build()
        if method.one_pass:
            whole = self.data.part("train")
            batches = batches_of(whole, MASKED, ONE_PASS_BATCH, self.setting, self.plugins, one_pass=True)
            for step in range(-(-len(batches.images) // ONE_PASS_BATCH)):
                method.step(*batches.at(step))
            method.finish()
        return method.eval()

    def answering(self, count: int) -> Act:
        """A checked and rounded answer to `count` pictures at once, as scoring asks for it."""
        method, (image, hole) = self.taught, self.one_batch(count, "test")
        seen, seed = image.masked_fill(hole, 0), torch.arange(count, device=self.setting.at)
        return lambda: scoring.answer(method, seen, hole, seed)


def batches_of(part: Part, mask: str, batch: int, setting: Setting, plugins: Registry, *, one_pass: bool = False) -> Batches:
    chosen = choices.mask(mask, setting.size, plugins).mask
    return Batches(part, chosen, batch=batch, seed=0, device=setting.at, one_pass=one_pass)


def of_metrics(setting: Setting, plugins: Registry) -> Iterator[Case]:
    """Each metric alone on 8-bit pictures of noise, in float64, and all of them together as scoring measures."""
    classes = [plugin.cls for plugin in plugins.plugins["metric"].values() if not params.needs_option(plugin.cls.Params)]
    metrics: list[Metric] = [cls(cls.Params()) for cls in classes]

    def ready(chosen: list[Metric]) -> Act:
        guesses, images = np.random.default_rng(0).integers(
            0, 256, (2, setting.batch, setting.size, setting.size, 3), dtype=np.uint8
        )
        holes = choices.mask(MASKED, setting.size, plugins).mask.draw(setting.batch, setting.size)
        return lambda: scoring.measure(chosen, guesses, images, holes, setting.at)

    for name, chosen in [*((metric.name, [metric]) for metric in metrics), ("all", metrics)]:
        yield Case(METRIC, name, functools.partial(ready, chosen), f"metric {name}", setting.batch)


def of_data(setting: Setting, data: Prepared, plugins: Registry) -> Case:
    """Batches from a prepared set, pictures and holes, step after step."""

    def ready() -> Act:
        batches, steps = batches_of(data.part("train"), MASKED, setting.batch, setting, plugins), itertools.count()
        return lambda: batches.at(next(steps))

    return Case(DATA, "batches from the training set", ready, "data", setting.batch)


def of_masks(setting: Setting, plugins: Registry) -> Iterator[Case]:
    """Holes of each mask that needs no option, new ones each time."""

    def ready(name: str) -> Act:
        mask, rounds = choices.mask(name, setting.size, plugins).mask, itertools.count()
        return lambda: mask.draw(setting.batch, setting.size, next(rounds))

    for name, plugin in sorted(plugins.plugins["mask"].items()):
        if not params.needs_option(plugin.cls.Params):
            yield Case(MASK, name, functools.partial(ready, name), f"mask {name}", setting.batch)


class Traffic(scoring.Operations):
    """Counts bytes too: what every operation reads and writes, as if nothing stayed in a cache."""

    moved = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = super().__torch_dispatch__(func, types, args, kwargs)
        if not func.is_view and "empty" not in func.name():
            held = torch.utils._pytree.tree_leaves((args, kwargs, out))
            self.moved += sum(value.nbytes for value in held if isinstance(value, Tensor))
        return out
