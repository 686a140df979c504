"""A Metric scores one image at a time, never a batch; a SetMetric scores all of them together."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, Literal

from torch import Tensor

from inbench.words.params import NoParams

Pairs = Iterable[tuple[Tensor, Tensor]]
"""Completed pictures and their originals, batch by batch: uint8 `[n, 3, S, S]` each, on the CPU."""


class Metric(ABC):
    """A number for each image. A subclass writes `per_image`.

    name: kebab-case; unit: as printed; better: which way is good, `zero` where both sides of 0 are bad; region: hole, known or
    whole; about: one phrase; source: who defined it; column: the name of its column in scores/<mask>.csv (default: the metric's
    name); reduce: how a set of images becomes one number: `mean`, or `psnr` for a column of mean squared errors, pooled before
    the logarithm; code: the hash of its source where that is not inbench's own, set by whoever chose it.
    """

    name: ClassVar[str]
    unit: ClassVar[str] = ""
    better: ClassVar[Literal["higher", "lower", "zero"]]
    region: ClassVar[Literal["hole", "known", "whole"]]
    about: ClassVar[str]
    source: ClassVar[str] = ""
    column: ClassVar[str] = ""
    reduce: ClassVar[Literal["mean", "psnr"]] = "mean"
    code: str = ""

    Params: ClassVar[type[Any]] = NoParams

    def __init__(self, params: Any) -> None:
        self.params = params

    @property
    def label(self) -> str:
        """What records and tables call it: its name, and of which network, where one does the looking."""
        return self.name

    @abstractmethod
    def per_image(self, guess: Tensor, completed: Tensor, image: Tensor, hole: Tensor) -> Mapping[str, Tensor]:
        """Columns `[N]` float64 by name.

        Pictures are `[N, 3, S, S]` float64 in [0, 1], of 8-bit values; hole is bool `[N, 1, S, S]`; guess is the whole
        raw answer, completed the guess in the hole and the image around it.
        """


class SetMetric(Metric):
    """One number for a whole set of pictures, such as a distance between two distributions. A subclass writes `of_set`.

    It has no value for an image, and so no interval over images; several trainings have one.
    """

    region = "whole"

    def per_image(self, guess: Tensor, completed: Tensor, image: Tensor, hole: Tensor) -> Mapping[str, Tensor]:
        return {}

    @abstractmethod
    def of_set(self, pairs: Pairs) -> float:
        """The number. Raises `UserError` where there are too few pictures for it to mean anything."""
