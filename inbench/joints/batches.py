"""Batches: full ones that run on across permutations, each picture and each hole from its own seeded stream."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from inbench.joints.store import Part
from inbench.words import seeds
from inbench.words.mask import Mask

COPY_BYTES = 2**26
BANK_BYTES = 2**25
"""Training holes come from a bank of so many as fit in 32 MiB, at most 4096; each is drawn when it is first asked for."""


def to_image(pixels: NDArray[np.uint8] | Tensor, device: torch.device) -> Tensor:
    """uint8 [N, S, S, 3] -> float32 [N, 3, S, S] in [0, 1], channels last in memory."""
    held = torch.from_numpy(pixels) if isinstance(pixels, np.ndarray) else pixels
    return on(held, device).permute(0, 3, 1, 2).float().div_(255)


def on(held: Tensor, device: torch.device) -> Tensor:
    """A tensor of the host on the device; only CUDA holds on to what is freed while it is still being copied."""
    return held.to(device, non_blocking=device.type == "cuda")


def held_on(images: NDArray[np.uint8], device: torch.device) -> Tensor:
    """All pictures on the device, copied by a few thousand: the host never holds them all."""
    held = torch.empty(images.shape, dtype=torch.uint8, device=device)
    at_once = max(1, COPY_BYTES // images[0].nbytes)
    for start in range(0, len(images), at_once):
        here = slice(start, start + at_once)
        held[here] = torch.from_numpy(np.array(images[here]))  # torch warns of memory that is read-only
    return held


class Batches:
    """The batch of any step, computed from the seed and the step alone: there is no state to keep."""

    def __init__(
        self,
        part: Part,
        mask: Mask,
        *,
        batch: int,
        seed: int,
        device: torch.device,
        one_pass: bool = False,
        flips: bool = False,
        ahead: bool | None = None,
    ) -> None:
        """ahead: a thread reads the next batch during a step; unless told, where a GPU cannot hold all pictures."""
        size = part.images.shape[1]
        free = torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else 0
        resident = part.images.nbytes < free // 2
        self.images: NDArray[np.uint8] | Tensor = held_on(part.images, device) if resident else part.images
        self.batch, self.seed, self.device, self.one_pass = batch, seed, device, one_pass
        self.flips = flips
        self.mask = mask
        self.bank = np.empty((min(4096, BANK_BYTES // size**2), 1, size, size), dtype=np.bool_)
        self.drawn = np.zeros(len(self.bank), dtype=np.bool_)
        self._epoch, self._order = -1, np.zeros(0, dtype=np.int64)
        if ahead is None:
            ahead = device.type == "cuda" and not isinstance(self.images, Tensor)
        self._reader = ThreadPoolExecutor(1, "batches") if ahead else None
        self._next: tuple[int, Future[tuple[Tensor, ...]]] | None = None

    def at(self, step: int) -> tuple[Tensor, Tensor]:
        """Image float32 [N, 3, S, S] in [0, 1] and hole bool [N, 1, S, S] of a step, counted from 0."""
        read = self._read(step) if self._reader is None else self._read_ahead(step, self._reader)
        pixels, hole, flipped = (on(part, self.device) for part in read)
        image = to_image(self.images[pixels] if isinstance(self.images, Tensor) else pixels, self.device)
        return image.flip(3).where(flipped, image) if self.flips else image, hole

    def _read_ahead(self, step: int, reader: ThreadPoolExecutor) -> tuple[Tensor, ...]:
        """What was read while the last batch was learned from; one batch is held, never more."""
        waiting, self._next = self._next, None
        if waiting is not None and waiting[0] != step:
            waiting[1].result()
            waiting = None
        read = waiting[1].result() if waiting is not None else reader.submit(self._read, step).result()
        self._next = step + 1, reader.submit(self._read, step + 1)
        return read

    def _read(self, step: int) -> tuple[Tensor, ...]:
        """A batch on the host: its pixels (or their places, where the pictures are resident), holes, and which are flipped."""
        places = self._places(step)
        pixels = torch.from_numpy(places if isinstance(self.images, Tensor) else self.images[places])
        read = pixels, self._holes(step, len(places)), self._flipped(step, len(places))
        return tuple(part.pin_memory() for part in read) if self.device.type == "cuda" else read

    def _places(self, step: int) -> NDArray[np.int64]:
        start, count = step * self.batch, len(self.images)
        stop = min(start + self.batch, count) if self.one_pass else start + self.batch
        places = np.arange(start, stop)
        found = np.empty(len(places), dtype=np.int64)
        for epoch in np.unique(places // count):
            here = places // count == epoch
            found[here] = self._permutation(int(epoch))[places[here] % count]
        return found

    def _permutation(self, epoch: int) -> NDArray[np.int64]:
        if epoch != self._epoch:
            chance = np.array([seeds.stream(self.seed, "order", epoch)], dtype=np.uint64)
            self._epoch, self._order = epoch, np.argsort(seeds.bits(chance, len(self.images))[0], kind="stable")
        return self._order

    def _flipped(self, step: int, count: int) -> Tensor:
        """Which pictures of a batch are seen left-right: bool [N, 1, 1, 1]."""
        chance = np.array([seeds.stream(self.seed, "flips", step)], dtype=np.uint64)
        return torch.from_numpy(seeds.unit(chance, count)[0] < 0.5).view(-1, 1, 1, 1)

    def _holes(self, step: int, count: int) -> Tensor:
        chance = np.array([seeds.stream(self.seed, "holes", step)], dtype=np.uint64)
        places = (seeds.bits(chance, count)[0] % np.uint64(len(self.bank))).astype(np.int64)
        missing = np.unique(places[~self.drawn[places]])
        if len(missing):
            self.bank[missing] = self.mask.draw(missing.tolist(), self.bank.shape[-1], self.seed)
            self.drawn[missing] = True
        return torch.from_numpy(self.bank[places])
