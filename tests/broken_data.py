"""Masks, data sets and metrics that break one promise of the contract each, and the check that has to name it."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

import inbench


@dataclasses.dataclass(frozen=True)
class IdleParams:
    neglected: int = inbench.param(8, "nothing at all")


@dataclasses.dataclass(frozen=True)
class ListParams:
    widths: tuple[int, ...] = inbench.param((8, 16), "sides")


# Masks


class Stripe(inbench.Mask):
    """Keeps every promise: a few columns, by chance of the seed."""

    name, summary = "stripe", "for a test"

    def holes(self, seeds: Any, size: int) -> Any:
        place = (inbench.unit(seeds, 1)[:, 0] * (size - 4)).astype(np.int64)
        columns = np.arange(size) - place[:, None]
        return np.broadcast_to(((columns >= 0) & (columns < 4))[:, None], (len(seeds), size, size)).copy()


class NoSummary(Stripe):
    summary = ""


class ListedMask(Stripe):
    Params = ListParams


class IdleMask(Stripe):
    Params = IdleParams


class NeverSettles(Stripe):
    @dataclasses.dataclass(frozen=True)
    class Params:
        side: int = inbench.param(8, "of a hole")

    @classmethod
    def settle(cls, params: Any, size: int) -> Any:
        return cls.Params(params.side + 1)


class FloatHoles(Stripe):
    def holes(self, seeds: Any, size: int) -> Any:
        return super().holes(seeds, size).astype(np.float32)


class OneChannel(Stripe):
    def holes(self, seeds: Any, size: int) -> Any:
        return super().holes(seeds, size)[:, None]


class Nothing(Stripe):
    def holes(self, seeds: Any, size: int) -> Any:
        return np.zeros((len(seeds), size, size), dtype=np.bool_)


class Everything(Stripe):
    def holes(self, seeds: Any, size: int) -> Any:
        return np.ones((len(seeds), size, size), dtype=np.bool_)


class OwnHoles(Stripe):
    def holes(self, seeds: Any, size: int) -> Any:
        return np.random.random((len(seeds), size, size)) < 0.5


class FirstOfTheBatch(Stripe):
    def holes(self, seeds: Any, size: int) -> Any:
        return super().holes(np.full_like(seeds, seeds[0]), size)


class ChangesTheFolder(Stripe):
    def holes(self, seeds: Any, size: int) -> Any:
        os.chdir(Path(__file__).parent)
        return super().holes(seeds, size)


# Data sets


class Dots(inbench.Dataset):
    """Keeps every promise: a few pictures of one colour."""

    name, summary, licence = "dots", "for a test", "CC0-1.0"

    def part(self, name: str, first: int, size: int) -> inbench.Pictures:
        images = np.arange(first, first + 5, dtype=np.uint8)[:, None, None, None] + np.zeros((size, size, 3), np.uint8)
        return inbench.Pictures(tuple(f"{name}-{place}" for place in range(5)), images)

    def prepare(self, source: Any, size: int) -> inbench.Split:
        return inbench.Split(self.part("train", 0, size), self.part("test", 5, size))


class NoLicence(Dots):
    licence = ""


class ListedData(Dots):
    Params = ListParams


class IdleData(Dots):
    Params = IdleParams


class TakesAnyFolder(Dots):
    needs_source = True


class PartsInATuple(Dots):
    def prepare(self, source: Any, size: int) -> Any:
        return self.part("train", 0, size), self.part("test", 5, size)


class EmptyTest(Dots):
    def prepare(self, source: Any, size: int) -> inbench.Split:
        nothing = inbench.Pictures((), np.zeros((0, size, size, 3), np.uint8))
        return inbench.Split(self.part("train", 0, size), nothing)


class FloatPictures(Dots):
    def part(self, name: str, first: int, size: int) -> inbench.Pictures:
        whole = super().part(name, first, size)
        return inbench.Pictures(whole.ids, whole.images[:].astype(np.float32) / 255)  # type: ignore[arg-type]


class OtherSlices:
    def __init__(self, images: Any) -> None:
        self.images = images

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, part: slice, /) -> Any:
        return self.images[part] + np.uint8(part.start or 0)


class SlicesDiffer(Dots):
    def part(self, name: str, first: int, size: int) -> inbench.Pictures:
        whole = super().part(name, first, size)
        return inbench.Pictures(whole.ids, OtherSlices(whole.images))


class OwnNoise(Dots):
    def part(self, name: str, first: int, size: int) -> inbench.Pictures:
        images = np.random.randint(0, 256, (5, size, size, 3)).astype(np.uint8)
        return inbench.Pictures(super().part(name, first, size).ids, images)


class OwnIds(Dots):
    def part(self, name: str, first: int, size: int) -> inbench.Pictures:
        whole = super().part(name, first, size)
        return inbench.Pictures(tuple(f"{name}-{place}-{np.random.rand()}" for place in range(5)), whole.images)


class SharedPicture(Dots):
    def prepare(self, source: Any, size: int) -> inbench.Split:
        return inbench.Split(self.part("train", 0, size), self.part("test", 4, size))


class SharedId(Dots):
    def prepare(self, source: Any, size: int) -> inbench.Split:
        return inbench.Split(self.part("one", 0, size), self.part("one", 5, size))


class SharedPerson(Dots):
    def part(self, name: str, first: int, size: int) -> inbench.Pictures:
        whole = super().part(name, first, size)
        return inbench.Pictures(whole.ids, whole.images, tuple("abcde"))


class ChangesTheThreads(Dots):
    def prepare(self, source: Any, size: int) -> inbench.Split:
        torch.set_num_threads(torch.get_num_threads() + 1)
        return super().prepare(source, size)


# Metrics


class Squares(inbench.Metric):
    """Keeps every promise: the mean squared error in the hole."""

    name, about = "squares", "for a test"
    better: ClassVar[Any] = "lower"
    region: ClassVar[Any] = "hole"

    def weigh(self, error: Tensor, hole: Tensor) -> Tensor:
        return (error * hole).sum((1, 2, 3)) / (3 * hole.sum((1, 2, 3)))

    def per_image(self, guess: Tensor, completed: Tensor, image: Tensor, hole: Tensor) -> Mapping[str, Tensor]:
        return {self.name: self.weigh((guess - image).square(), hole)}


class SaysNothing(Squares):
    about = " "


class ListedMetric(Squares):
    Params = ListParams


class IdleMetric(Squares):
    Params = IdleParams


class AnotherWord(Squares):
    better = "less"


class OneNumber(Squares):
    def weigh(self, error: Tensor, hole: Tensor) -> Tensor:
        return super().weigh(error, hole).mean()


class AnotherColumn(Squares):
    column = "squares-of-all"


class WritesIntoTheGuess(Squares):
    def per_image(self, guess: Tensor, completed: Tensor, image: Tensor, hole: Tensor) -> Mapping[str, Tensor]:
        return {self.name: self.weigh(guess.sub_(image).square(), hole)}


class OwnSample(Squares):
    def weigh(self, error: Tensor, hole: Tensor) -> Tensor:
        return super().weigh(error * torch.rand_like(error), hole)


class MeanOfAll(Squares):
    def weigh(self, error: Tensor, hole: Tensor) -> Tensor:
        found = super().weigh(error, hole)
        return found.mean().expand(len(found))


class TurnedRound(Squares):
    better = "higher"


class LikesSomeNoise(Squares):
    def weigh(self, error: Tensor, hole: Tensor) -> Tensor:
        return (super().weigh(error, hole) - 6e-4).abs()


class LogarithmOfNothing(Squares):
    better = "higher"

    def weigh(self, error: Tensor, hole: Tensor) -> Tensor:
        return -10 * super().weigh(error, hole).log10()


class LooksEverywhere(Squares):
    def weigh(self, error: Tensor, hole: Tensor) -> Tensor:
        return error.mean((1, 2, 3))


class PixelsOfTheHole(Squares):
    def weigh(self, error: Tensor, hole: Tensor) -> Tensor:
        sides = hole[0, 0].any(0).nonzero()[:, 0]
        first, last = int(sides[0]), int(sides[-1]) + 1
        return error[:, :, first:last, first:last].mean((1, 2, 3))


BROKEN: list[tuple[type[Any], str]] = [
    (NoSummary, "says-what-it-is"),
    (ListedMask, "options-can-be-typed"),
    (IdleMask, "options-are-read"),
    (NeverSettles, "settles-once"),
    (FloatHoles, "holes-are-bool-squares"),
    (OneChannel, "holes-are-bool-squares"),
    (Nothing, "holes-leave-something"),
    (Everything, "holes-leave-something"),
    (OwnHoles, "seed-draws-the-holes"),
    (FirstOfTheBatch, "same-id-same-hole"),
    (ChangesTheFolder, "leaves-the-world-alone"),
    (NoLicence, "says-what-it-is"),
    (ListedData, "options-can-be-typed"),
    (IdleData, "options-are-read"),
    (TakesAnyFolder, "asks-for-its-files"),
    (PartsInATuple, "has-train-and-test"),
    (EmptyTest, "has-train-and-test"),
    (FloatPictures, "pictures-are-uint8-squares"),
    (SlicesDiffer, "pictures-are-uint8-squares"),
    (OwnNoise, "pictures-are-the-same-bytes"),
    (OwnIds, "pictures-are-the-same-bytes"),
    (SharedPicture, "parts-are-apart"),
    (SharedId, "parts-are-apart"),
    (SharedPerson, "groups-are-apart"),
    (ChangesTheThreads, "leaves-the-world-alone"),
    (SaysNothing, "says-what-it-is"),
    (ListedMetric, "options-can-be-typed"),
    (IdleMetric, "options-are-read"),
    (AnotherWord, "says-how-to-read-it"),
    (OneNumber, "scores-each-image"),
    (AnotherColumn, "scores-each-image"),
    (WritesIntoTheGuess, "writes-into-nothing"),
    (OwnSample, "repeats"),
    (MeanOfAll, "scores-alone-as-in-company"),
    (TurnedRound, "worse-is-worse"),
    (LikesSomeNoise, "perfect-is-best"),
    (LogarithmOfNothing, "perfect-is-best"),
    (LooksEverywhere, "looks-where-it-says"),
    (PixelsOfTheHole, "measures-any-hole"),
]
"""A broken plugin, and the check that is listed first."""
