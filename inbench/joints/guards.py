"""Guards: what a method may not touch is put back where it does, and what looks wrong about a run is told with its numbers."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from inbench.joints.store import Part

SETTINGS: dict[str, tuple[Callable[[], Any], Callable[[Any], Any]]] = {
    "the default dtype": (torch.get_default_dtype, torch.set_default_dtype),
    "the number of threads": (torch.get_num_threads, torch.set_num_threads),
    "the deterministic algorithms": (torch.are_deterministic_algorithms_enabled, torch.use_deterministic_algorithms),
    "the precision of matrix products": (torch.get_float32_matmul_precision, torch.set_float32_matmul_precision),
    "whether gradients are kept": (torch.is_grad_enabled, torch.set_grad_enabled),
    "torch's seed": (torch.initial_seed, torch.manual_seed),
}
"""What a plugin could change for whatever comes after it: how it is read, how it is put back."""


class Guard:
    """Watches one run; `told` is what people should know who read its numbers."""

    def __init__(self) -> None:
        self._told: dict[str, None] = {}

    @property
    def told(self) -> list[str]:
        return list(self._told)

    def tell(self, text: str) -> None:
        self._told.setdefault(text)

    @contextlib.contextmanager
    def watching(self, what: str, **given: Tensor) -> Iterator[None]:
        """While a plugin's code runs: settings that it changes are put back and told; so is writing into what it was given."""
        settings = [read() for read, _ in SETTINGS.values()]
        versions = [tensor._version for tensor in given.values()]
        try:
            yield
        finally:
            for (name, (read, put)), before in zip(SETTINGS.items(), settings, strict=True):
                if read() != before:
                    put(before)
                    self.tell(f"{what} changed {name}, which was put back")
            now = [tensor._version for tensor in given.values()]
            written = [name for name, before, after in zip(given, versions, now, strict=True) if before != after]
            if written:
                self.tell(f"{what} writes into the {' and the '.join(written)} that it was given")


def about_answers(guesses: NDArray[np.uint8], holes: NDArray[np.bool_], *, learned: bool) -> list[str]:
    """What is odd about guesses [N, S, S, 3] in holes [N, 1, S, S]: one colour everywhere, or of a learner one picture."""
    if len(guesses) < 2:
        return []
    inside = guesses[holes[:, 0]]  # [pixels, 3]
    if len(inside) and (inside == inside[0]).all():
        return ["every answer is one and the same colour"]
    both = holes[:, 0] & holes[0, 0]
    if learned and both[1:].any() and (guesses == guesses[0])[both].all():
        return ["the answer is the same for every image"]
    return []


def about_overlap(train: Part, tested: Part) -> list[str]:
    """Groups (persons, photographs) that a run is tested on and has learned from."""
    shared = len(set(train.groups or ()) & set(tested.groups or ()))
    return [f"{shared} groups of the pictures it is tested on are among those it was trained on"] if shared else []
