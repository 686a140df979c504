"""Methods that break one promise of how they are built and learn, and the check that has to name it."""

from __future__ import annotations

import dataclasses
import signal
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

import inbench


class Good(inbench.Method):
    name = "good"
    summary, paper, licence = "for a test", "none", "none"
    sizes = (32,)

    def __init__(self, size: int, params: Any) -> None:
        super().__init__(size, params)
        self.net = nn.Conv2d(3, 3, 3, padding=1)
        self.adam = inbench.adam(self.net.parameters(), 1e-2)

    def step(self, image: Tensor, hole: Tensor) -> Mapping[str, Tensor]:
        loss = (self.net(image.masked_fill(hole, 0)) - image).square().mean()
        self.adam.zero_grad()
        loss.backward()
        self.adam.step()
        return {"loss": loss}

    def inpaint(self, seen: Tensor, hole: Tensor, seed: Tensor) -> Tensor:
        return self.net(seen).sigmoid()


class WithoutLicence(Good):
    licence = ""


class ListOption(Good):
    @dataclasses.dataclass(frozen=True)
    class Params:
        widths: tuple[int, ...] = inbench.param((8, 16), "channels")

    small = Params()


class MuteOption(Good):
    @dataclasses.dataclass(frozen=True)
    class Params:
        width: int = 8

    small = Params()


class SmallOfAnother(Good):
    small = 8


class OwnSeed(Good):
    def __init__(self, size: int, params: Any) -> None:
        torch.manual_seed(0)
        super().__init__(size, params)


class OwnThreads(Good):
    def __init__(self, size: int, params: Any) -> None:
        super().__init__(size, params)
        torch.set_num_threads(torch.get_num_threads() + 1)


class OwnDtype(Good):
    def inpaint(self, seen: Tensor, hole: Tensor, seed: Tensor) -> Tensor:
        torch.set_default_dtype(torch.float64)
        return super().inpaint(seen, hole, seed)


class OnlyAt32(Good):
    sizes = (32, 64)

    def step(self, image: Tensor, hole: Tensor) -> Mapping[str, Tensor]:
        return super().step(image + torch.zeros(3, 32, 32), hole)


class LossAsNumber(Good):
    def step(self, image: Tensor, hole: Tensor) -> Mapping[str, Tensor]:
        return {name: loss.item() for name, loss in super().step(image, hole).items()}  # type: ignore[misc]


class InfiniteLoss(Good):
    def step(self, image: Tensor, hole: Tensor) -> Mapping[str, Tensor]:
        return {"loss": super().step(image, hole)["loss"] / 0}


class NeverLearns(Good):
    def step(self, image: Tensor, hole: Tensor) -> Mapping[str, Tensor]:
        return {"loss": (self.net(image) - image).square().mean()}


class WritesIntoTheImage(Good):
    def step(self, image: Tensor, hole: Tensor) -> Mapping[str, Tensor]:
        return super().step(image.mul_(0.5), hole)


class LearnsBesideTheState(Good):
    def __init__(self, size: int, params: Any) -> None:
        super().__init__(size, params)
        self.mean = torch.zeros(3, 1, 1)

    def step(self, image: Tensor, hole: Tensor) -> Mapping[str, Tensor]:
        self.mean = image.mean((0, 2, 3)).view(3, 1, 1)
        return super().step(image, hole)

    def inpaint(self, seen: Tensor, hole: Tensor, seed: Tensor) -> Tensor:
        return self.mean.expand_as(seen)


class CountsInAnAttribute(Good):
    seen_batches = 0

    def step(self, image: Tensor, hole: Tensor) -> Mapping[str, Tensor]:
        self.seen_batches += 1
        self.adam.param_groups[0]["lr"] = 1e-2 / self.seen_batches
        return super().step(image, hole)


class HidesItsOptimizer(Good):
    def __init__(self, size: int, params: Any) -> None:
        super().__init__(size, params)
        self.tools = [self.adam]
        del self.adam

    def step(self, image: Tensor, hole: Tensor) -> Mapping[str, Tensor]:
        loss = (self.net(image) - image).square().mean()
        self.tools[0].zero_grad()
        loss.backward()
        self.tools[0].step()
        return {"loss": loss}


class IdleOption(Good):
    @dataclasses.dataclass(frozen=True)
    class Params:
        forgotten: int = inbench.param(8, "nothing at all")

        def __post_init__(self) -> None:
            if self.forgotten < 0:
                raise ValueError("less than nothing")

    small = Params()


class RaisesInTheConstructor(Good):
    def __init__(self, size: int, params: Any) -> None:
        super().__init__(size, params)
        raise RuntimeError("no nets today")


class AnotherSize(Good):
    def __init__(self, size: int, params: Any) -> None:
        super().__init__(size // 2, params)


class ReadsAFile(Good):
    def __init__(self, size: int, params: Any) -> None:
        super().__init__(size, params)
        self.words = Path(__file__).read_text(encoding="utf-8")


class OwnSignals(Good):
    def step(self, image: Tensor, hole: Tensor) -> Mapping[str, Tensor]:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        return super().step(image, hole)


class OwnErrors(Good):
    def inpaint(self, seen: Tensor, hole: Tensor, seed: Tensor) -> Tensor:
        np.seterr(divide="ignore")
        return super().inpaint(seen, hole, seed)


class DoubleLoss(Good):
    def step(self, image: Tensor, hole: Tensor) -> Mapping[str, Tensor]:
        return {"loss": super().step(image, hole)["loss"].double()}


class LossesInAList(Good):
    def step(self, image: Tensor, hole: Tensor) -> Any:
        return list(super().step(image, hole).values())


class RaisesInTheStep(Good):
    def step(self, image: Tensor, hole: Tensor) -> Mapping[str, Tensor]:
        raise RuntimeError("no step today")


class ClimbsTheLoss(Good):
    def step(self, image: Tensor, hole: Tensor) -> Mapping[str, Tensor]:
        loss = (self.net(image.masked_fill(hole, 0)) - image).square().mean()
        self.adam.zero_grad()
        (-loss).backward()
        self.adam.step()
        return {"loss": loss}


class StandsStill(Good):
    def __init__(self, size: int, params: Any) -> None:
        super().__init__(size, params)
        self.adam = inbench.adam(self.net.parameters(), 0)


class WaitsForItsLoss(Good):
    def step(self, image: Tensor, hole: Tensor) -> Mapping[str, Tensor]:
        losses = super().step(image, hole)
        self.last = losses["loss"].item()
        return losses


class ChoosesByItsLoss(Good):
    def step(self, image: Tensor, hole: Tensor) -> Mapping[str, Tensor]:
        losses = super().step(image, hole)
        if losses["loss"] > 1e6:
            self.adam.zero_grad()
        return losses


class Float32Only(nn.Conv2d):
    def forward(self, x: Tensor) -> Tensor:
        y = super().forward(x)
        if y.dtype != torch.float32:
            raise TypeError("float32 alone")
        return y


class NotInBfloat16(Good):
    def __init__(self, size: int, params: Any) -> None:
        super().__init__(size, params)
        self.net = nn.Sequential(Float32Only(3, 3, 3, padding=1))
        self.adam = inbench.adam(self.net.parameters(), 1e-2)


class OwnClock(Good):
    def step(self, image: Tensor, hole: Tensor) -> Mapping[str, Tensor]:
        self.adam.param_groups[0]["lr"] = 1e-2 * (1 + time.perf_counter() % 1)
        return super().step(image, hole)


BROKEN: list[tuple[type[inbench.Method], str]] = [
    (WithoutLicence, "says-what-it-is"),
    (ListOption, "options-can-be-typed"),
    (MuteOption, "options-can-be-typed"),
    (IdleOption, "options-are-read"),
    (SmallOfAnother, "has-a-small-form"),
    (RaisesInTheConstructor, "builds-at-its-sizes"),
    (AnotherSize, "builds-at-its-sizes"),
    (OwnSeed, "seeds-nothing"),
    (ReadsAFile, "opens-no-file"),
    (OwnThreads, "leaves-the-world-alone"),
    (OwnDtype, "leaves-the-world-alone"),
    (OwnSignals, "leaves-the-world-alone"),
    (OwnErrors, "leaves-the-world-alone"),
    (LossAsNumber, "losses-have-names"),
    (LossesInAList, "losses-have-names"),
    (InfiniteLoss, "losses-have-names"),
    (DoubleLoss, "losses-have-names"),
    (RaisesInTheStep, "losses-have-names"),
    (OnlyAt32, "steps-at-its-sizes"),
    (WritesIntoTheImage, "step-writes-into-nothing"),
    (HidesItsOptimizer, "optimizers-are-attributes"),
    (NeverLearns, "learns-something"),
    (StandsStill, "learns-something"),
    (ClimbsTheLoss, "a-loss-falls"),
    (WaitsForItsLoss, "step-does-not-wait"),
    (ChoosesByItsLoss, "step-does-not-wait"),
    (NotInBfloat16, "trains-in-bfloat16"),
    (OwnClock, "training-repeats"),
    (LearnsBesideTheState, "state-holds-what-was-learned"),
    (CountsInAnAttribute, "resumes-to-the-same-bits"),
]
"""A broken method, and the check that is listed first."""
