"""Methods that break one promise of how they answer, and the check that has to name it."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

import torch
from broken_methods import Float32Only, Good
from torch import Tensor, nn

import inbench


class MinusOneToOne(Good):
    def inpaint(self, seen: Tensor, hole: Tensor, seed: Tensor) -> Tensor:
        return super().inpaint(seen, hole, seed) * 2 - 1


class AnotherShape(Good):
    def inpaint(self, seen: Tensor, hole: Tensor, seed: Tensor) -> Tensor:
        return super().inpaint(seen, hole, seed)[..., :8]


class BytesForFloats(Good):
    def inpaint(self, seen: Tensor, hole: Tensor, seed: Tensor) -> Tensor:
        return super().inpaint(seen, hole, seed).mul(255).to(torch.uint8)


class NotANumber(Good):
    def inpaint(self, seen: Tensor, hole: Tensor, seed: Tensor) -> Tensor:
        return super().inpaint(seen, hole, seed) * float("nan")


class RaisesInTheAnswer(Good):
    def inpaint(self, seen: Tensor, hole: Tensor, seed: Tensor) -> Tensor:
        raise RuntimeError("no guess today")


class AnswersOnlyAt32(Good):
    sizes = (32, 64)

    def inpaint(self, seen: Tensor, hole: Tensor, seed: Tensor) -> Tensor:
        return super().inpaint(seen, hole, seed) * torch.ones(3, 32, 32, device=seen.device)


class WritesIntoWhatIsSeen(Good):
    def inpaint(self, seen: Tensor, hole: Tensor, seed: Tensor) -> Tensor:
        return seen.masked_fill_(hole, 0.5)


class LearnsWhileItAnswers(Good):
    def __init__(self, size: int, params: Any) -> None:
        super().__init__(size, params)
        self.register_buffer("answers", torch.zeros(()))

    def inpaint(self, seen: Tensor, hole: Tensor, seed: Tensor) -> Tensor:
        self.answers += len(seen)
        return super().inpaint(seen, hole, seed)


class MeanOfNothing(Good):
    def inpaint(self, seen: Tensor, hole: Tensor, seed: Tensor) -> Tensor:
        return (seen.sum((2, 3), keepdim=True) / (~hole).sum((2, 3), keepdim=True)).expand_as(seen)


class OwnDice(Good):
    def inpaint(self, seen: Tensor, hole: Tensor, seed: Tensor) -> Tensor:
        return torch.rand_like(seen)


class SeedWithoutChance(Good):
    def inpaint(self, seen: Tensor, hole: Tensor, seed: Tensor) -> Tensor:
        return inbench.uniform(seed, 1).view(-1, 1, 1, 1).expand_as(seen)


class ChanceWithoutSeed(Good):
    chance = True


class AnswersInFloat32(Good):
    def __init__(self, size: int, params: Any) -> None:
        super().__init__(size, params)
        self.last = nn.Sequential(Float32Only(3, 3, 1))

    def inpaint(self, seen: Tensor, hole: Tensor, seed: Tensor) -> Tensor:
        return self.last(seen).sigmoid()


class MeanOfTheBatch(Good):
    def inpaint(self, seen: Tensor, hole: Tensor, seed: Tensor) -> Tensor:
        return seen.mean(0, keepdim=True).expand_as(seen)


class PeeksAtTheCaller(Good):
    def inpaint(self, seen: Tensor, hole: Tensor, seed: Tensor) -> Tensor:
        for depth in range(1, 6):
            truth = sys._getframe(depth).f_locals.get("image")
            if isinstance(truth, Tensor) and truth.shape == seen.shape:
                return truth
        return seen


class LooseTensor(Good):
    def __init__(self, size: int, params: Any) -> None:
        super().__init__(size, params)
        self.grey = torch.full((3, 1, 1), 0.5)


class HidesItsNetwork(Good):
    def __init__(self, size: int, params: Any) -> None:
        super().__init__(size, params)
        self.extra = [nn.Conv2d(3, 3, 1)]

    def inpaint(self, seen: Tensor, hole: Tensor, seed: Tensor) -> Tensor:
        return super().inpaint(seen, hole, seed) * 0.5


class MakesOnTheCpu(Good):
    def inpaint(self, seen: Tensor, hole: Tensor, seed: Tensor) -> Tensor:
        return super().inpaint(seen, hole, seed) * torch.ones(3, 1, 1)


class TrainsOnTheCpu(Good):
    def step(self, image: Tensor, hole: Tensor) -> Mapping[str, Tensor]:
        return super().step(image + torch.zeros(3, 1, 1), hole)


BROKEN: list[tuple[type[inbench.Method], str]] = [
    (MinusOneToOne, "guess-is-a-picture"),
    (AnotherShape, "guess-is-a-picture"),
    (BytesForFloats, "guess-is-a-picture"),
    (NotANumber, "guess-is-a-picture"),
    (RaisesInTheAnswer, "guess-is-a-picture"),
    (AnswersOnlyAt32, "answers-at-its-sizes"),
    (WritesIntoWhatIsSeen, "inpaint-writes-into-nothing"),
    (LearnsWhileItAnswers, "answers-change-nothing"),
    (MeanOfNothing, "fills-any-hole"),
    (OwnDice, "same-seed-same-guess"),
    (SeedWithoutChance, "another-seed-as-told"),
    (ChanceWithoutSeed, "another-seed-as-told"),
    (AnswersInFloat32, "answers-in-bfloat16"),
    (MeanOfTheBatch, "alone-as-in-company"),
    (PeeksAtTheCaller, "never-sees-the-truth"),
    (LooseTensor, "no-tensor-stays-behind"),
    (HidesItsNetwork, "no-tensor-stays-behind"),
    (MakesOnTheCpu, "works-on-another-device"),
    (TrainsOnTheCpu, "works-on-another-device"),
]
"""A broken method, and the check that is listed first."""
