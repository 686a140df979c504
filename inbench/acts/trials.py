"""Trials: the tiny pictures, holes, trainings and questions that the contract is put with, on the road that a run takes."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from inbench.acts import training
from inbench.joints.batches import Batches, to_image
from inbench.joints.masks import Center
from inbench.joints.store import Part
from inbench.words import seeds
from inbench.words.mask import Mask
from inbench.words.method import Method

BATCH, STEPS, PICTURES = 8, 4, 32
SIZES = (32, 64, 128, 256)
CPU = torch.device("cpu")


def clouds(size: int, count: int, seed: int) -> Part:
    """Soft coloured clouds, a part of a data set."""
    noise = seeds.unit(np.arange(count, dtype=np.uint64), 3 * 16, purpose=seed).reshape(count, 3, 4, 4)
    soft = F.interpolate(torch.from_numpy(noise), size=(size, size), mode="bicubic", align_corners=False)
    pixels = soft.clamp(0, 1).mul(255).round().to(torch.uint8).permute(0, 2, 3, 1).contiguous()
    return Part(pixels.numpy(), [f"cloud-{seed}-{place}" for place in range(count)], None)


def center(size: int) -> Mask:
    return Center(Center.settle(Center.Params(), size))


def side(cls: type[Method]) -> int:
    """The smallest size that a method works at."""
    return min(cls.sizes)


def build(cls: type[Method], seed: int = 0, size: int | None = None) -> Method:
    """As the worker builds it, in its small form."""
    training.seed_everything(seeds.stream(seed, "init"))
    built = cls(size or side(cls), cls.small)
    built.to(CPU, memory_format=torch.channels_last)  # type: ignore[call-overload]
    return built


def train(built: Method, checkpoint: Path, beat: training.Beat = lambda progress: None) -> training.Progress:
    """A short training by the runner's own loop, on a hole that does not move."""
    size, one_pass = built.size, built.one_pass
    batches = Batches(clouds(size, PICTURES, 0), center(size), batch=BATCH, seed=0, device=CPU, one_pass=one_pass)
    watch = training.Watch(clouds(size, 4, 1), center(size), 4, CPU)
    steps = -(-PICTURES // BATCH) if one_pass else STEPS
    return training.train(built, batches, steps, watch=watch, seed=0, checkpoint=checkpoint, beat=beat)


def trained(cls: type[Method]) -> Method:
    built = build(cls)
    if cls.learns():
        with tempfile.TemporaryDirectory() as folder:
            train(built, Path(folder) / "checkpoint.pt")
    return built.eval()


def questions(size: int, count: int = 4) -> tuple[Tensor, Tensor, Tensor]:
    """seen, hole and seed, as scoring asks them."""
    part = clouds(size, count, 2)
    hole = torch.from_numpy(center(size).draw(part.ids, size))
    seen = to_image(part.images, CPU).masked_fill(hole, 0)
    return seen, hole, torch.from_numpy(seeds.of_ids(part.ids, "answer", 0).astype(np.int64))


def lesson(size: int, count: int = BATCH) -> tuple[Tensor, Tensor]:
    """image and hole, as training gives them."""
    part = clouds(size, count, 0)
    return to_image(part.images, CPU), torch.from_numpy(center(size).draw(part.ids, size))


def guess(built: Method, seen: Tensor, hole: Tensor, seed: Tensor) -> Tensor:
    built.eval()
    with torch.no_grad():
        return built.inpaint(seen, hole, seed).clone()


def difference(one: Mapping[str, Tensor], other: Mapping[str, Tensor]) -> str:
    """The first name whose tensors differ; empty where all are the same to the last bit."""
    names = sorted(one.keys() | other.keys())
    return next((name for name in names if not (name in one and name in other and same(one[name], other[name]))), "")


def same(one: Tensor, other: Tensor) -> bool:
    """Bit for bit, so that NaN equals itself."""
    return one.shape == other.shape and one.dtype == other.dtype and torch.equal(one.nan_to_num(), other.nan_to_num())


def state_of(built: Method) -> dict[str, Tensor]:
    return {name: value.clone(memory_format=torch.contiguous_format) for name, value in built.state_dict().items()}


def optimizers_of(built: Method) -> dict[str, Any]:
    found = training.stateful(built).items()
    return {name: value for name, value in found if isinstance(value, torch.optim.Optimizer)}
