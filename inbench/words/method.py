"""A Method fills holes: it may learn from batches of whole images, and answers what is missing."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from inbench.words import seeds
from inbench.words.params import NoParams


class Method(nn.Module, ABC):
    """A contestant: its nets, its losses, its answer, and nothing else.

    name: kebab-case; summary: one line; paper: the reference; licence: of the idea's public code, in words;
    Params: a frozen dataclass of options whose defaults are the paper's values; small: a tiny form for the contract's
    tests; logged: what a method wants to be kept of its last answers beside their scores, a number an image, by name;
    one_pass: True for a closed form, which sees every training picture exactly once; sizes: the sides it can
    work at; chance: True where another seed may give another answer; progress: 0 -> 1, set before every step; scheduled:
    whether it was ever read, so that a longer training is another one from its first step.
    """

    name: ClassVar[str]
    summary: ClassVar[str]
    paper: ClassVar[str]
    licence: ClassVar[str]
    small: ClassVar[Any] = NoParams()
    one_pass: ClassVar[bool] = False
    sizes: ClassVar[tuple[int, ...]] = (32, 64, 128, 256)
    chance: ClassVar[bool] = False

    Params: ClassVar[type[Any]] = NoParams
    params: Any
    scheduled: bool = False
    _progress: float = 0.0
    logged: Mapping[str, Tensor] = MappingProxyType({})

    def __init__(self, size: int, params: Any) -> None:
        """Builds the nets for `size` x `size` images. Seeds nothing, chooses no device, reads only files that options name."""
        super().__init__()
        self.size = size
        self.params = params

    @property
    def progress(self) -> float:
        self.scheduled = True
        return self._progress

    @progress.setter
    def progress(self, share: float) -> None:
        self._progress = share

    def step(self, image: Tensor, hole: Tensor) -> Mapping[str, Tensor]:
        """Learn from one batch: image `[N, 3, S, S]` in [0, 1], hole `[N, 1, S, S]` bool.

        Returns its losses by name, left on the device.
        """
        return {}

    def finish(self) -> None:
        """Called once after the last step, for closed forms."""

    @abstractmethod
    def inpaint(self, seen: Tensor, hole: Tensor, seed: Tensor) -> Tensor:
        """Guess the whole image `[N, 3, S, S]` in [0, 1] from `seen` (0 in the hole) and `hole`.

        `seed` `[N]` int64 is the only chance it may use. Each answer depends on its own image, hole and seed, never on
        the rest of the batch.
        """

    @classmethod
    def learns(cls) -> bool:
        """Whether the method learns at all."""
        return cls.step is not Method.step


def adam(parameters: Iterable[nn.Parameter], lr: float, betas: tuple[float, float] = (0.9, 0.999)) -> torch.optim.Adam:
    """Adam (Kingma and Ba 2015), fused: one pass over the weights, on the CPU and on a GPU."""
    return torch.optim.Adam(parameters, lr=lr, betas=betas, fused=True)


def uniform(seed: Tensor, count: int) -> Tensor:
    """`count` numbers in [0, 1) for each seed, the same on every device: `[N]` int64 -> `[N, count]` float32."""
    numbers = seeds.unit(seed.cpu().numpy().astype(np.uint64), count)
    return torch.from_numpy(numbers.astype(np.float32)).to(seed.device)
