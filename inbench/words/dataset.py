"""A Dataset says which pictures there are, and which of them train, validate and test."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from inbench.words.params import NoParams

Pixels = NDArray[np.uint8]


class Images(Protocol):
    """Anything that has a length and gives uint8 `[n, S, S, 3]` RGB for a slice: an array, a memory map, `Decoded`."""

    def __len__(self) -> int: ...

    def __getitem__(self, part: slice, /) -> Pixels: ...


@dataclass(frozen=True)
class Pictures:
    """Pictures with their ids, and optionally the group (a person, a photograph) that each belongs to."""

    ids: tuple[str, ...]
    images: Images
    groups: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        if len(self.ids) != len(self.images):
            raise ValueError(f"{len(self.ids)} ids for {len(self.images)} pictures")
        if self.groups is not None and len(self.groups) != len(self.ids):
            raise ValueError(f"{len(self.groups)} groups for {len(self.ids)} pictures")
        if len(set(self.ids)) != len(self.ids):
            raise ValueError("an id stands twice")


@dataclass(frozen=True)
class Split:
    """Pictures to learn from, to choose by, and to be scored on. Without `val`, a twentieth of `train` is carved by hash.

    official: True where the parts are somebody else's, and a picture that stands in two of them is dropped from the one
    that learns and counted; where they are the user's own it is refused. notes: sentences for under the tables. lists:
    SHA-256 of the lists that were read, by name.
    """

    train: Pictures
    test: Pictures
    val: Pictures | None = None
    official: bool = False
    notes: tuple[str, ...] = ()
    lists: Mapping[str, str] = field(default_factory=dict)


class Dataset(ABC):
    """A set of pictures. A subclass states what it is and writes `prepare`; everything else is the runner's.

    name: kebab-case; summary: one line; licence: of the pictures, in words; citation: whom to cite; shareable:
    whether single pictures may be shown to others; needs_source: whether the user has to name files (`--from`, a path);
    where: where to get them; terms: what the user has to accept first, once.
    """

    name: ClassVar[str]
    summary: ClassVar[str]
    licence: ClassVar[str]
    citation: ClassVar[str] = ""
    shareable: ClassVar[bool] = False
    needs_source: ClassVar[bool] = False
    where: ClassVar[str] = ""
    terms: ClassVar[str] = ""

    Params: ClassVar[type[Any]] = NoParams

    def __init__(self, params: Any) -> None:
        self.params = params

    def reads(self, source: Path) -> list[Path]:
        """The files and folders that `prepare` reads, so that a change of theirs is seen."""
        return [source]

    @abstractmethod
    def prepare(self, source: Path | None, size: int) -> Split:
        """Pictures of `size` x `size`, uint8 RGB. Raises `UserError` where the files are not what they should be."""
