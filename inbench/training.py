"""Training: the loop, the clock, the watch on validation, the checkpoints. A method only learns from the batch it is given."""

from __future__ import annotations

import io
import math
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from inbench import clock, seeds
from inbench.batches import Batches, to_image
from inbench.errors import Interrupted
from inbench.mask import Mask
from inbench.method import Method
from inbench.metrics import mean_over, psnr_of
from inbench.records import write_file
from inbench.scoring import answer
from inbench.store import Part

READ_BACK_SECONDS = 1.0
CHECKPOINT_SECONDS = 60.0
WATCHES = 5


class Diverged(Exception):
    """A loss stopped being a number."""


@dataclass
class Progress:
    """How far a training is; also what a checkpoint holds beside the networks."""

    step: int = 0
    curve: list[dict[str, float]] = field(default_factory=list)
    validation: list[dict[str, float]] = field(default_factory=list)
    seconds: float = 0.0
    images: int = 0
    updates: dict[str, int] = field(default_factory=dict)


Beat = Callable[[Progress], None]
"""Called often; raises `Interrupted` when the run should stop."""


def seed_everything(seed: int) -> None:
    """Every generator that a method might reach for."""
    torch.manual_seed(seed)
    np.random.seed(seed % 2**32)
    random.seed(seed)


def stateful(method: Method) -> dict[str, Any]:
    """The attributes of a method, other than networks, that have a state to keep: optimizers, sums."""
    return {
        name: value
        for name, value in vars(method).items()
        if hasattr(value, "state_dict") and not isinstance(value, torch.nn.Module)
    }


class Watch:
    """Validation PSNR on the hole, at every fifth of a training, on a fixed handful of pictures."""

    def __init__(self, part: Part, mask: Mask, count: int, device: torch.device) -> None:
        places = part.first(count)
        ids = [part.ids[place] for place in places]
        self.image = to_image(np.ascontiguousarray(part.images[sorted(places)]), device)
        ids = [part.ids[place] for place in sorted(places)]
        self.hole = torch.from_numpy(mask.draw(ids, part.images.shape[1])).to(device)
        self.seed = torch.from_numpy(seeds.of_ids(ids, "answer", 0).astype(np.int64)).to(device)

    def psnr(self, method: Method) -> float:
        """Mean PSNR over the hole in dB."""
        method.eval()
        guess = answer(method, self.image.masked_fill(self.hole, 0), self.hole, self.seed).float() / 255
        method.train()
        value = psnr_of(mean_over((guess - self.image).square(), self.hole)).nanmean().item()
        return round(value, 4)


def train(method: Method, batches: Batches, steps: int, *, watch: Watch, seed: int, checkpoint: Path, beat: Beat) -> Progress:
    """Train from the checkpoint, if there is one, to the last step. The same bits as without the interruption."""
    device = batches.device
    progress = load(checkpoint, method, device) if checkpoint.is_file() else Progress()
    watched = {math.ceil(steps * part / WATCHES) for part in range(1, WATCHES + 1)} if not method.one_pass else set()
    pending: list[tuple[int, Mapping[str, Tensor]]] = []
    last_read = last_save = started = clock.now(device)
    save_every = CHECKPOINT_SECONDS
    before, counting = progress.seconds, _count_updates(method, progress)
    method.train()
    try:
        while progress.step < steps:
            image, hole = batches.at(progress.step)
            method.progress = progress.step / steps
            seed_everything(seeds.stream(seed, "method", progress.step))
            losses = method.step(image, hole)
            if not isinstance(losses, Mapping):
                raise TypeError(f"{method.name}.step answered {type(losses).__name__}, not losses by name")
            pending.append((progress.step + 1, {name: loss.detach().float() for name, loss in losses.items()}))
            progress.step += 1
            progress.images += len(image)
            now = clock.now()
            if now - last_read > READ_BACK_SECONDS or progress.step in watched or progress.step == steps:
                _read_back(pending, progress)
                progress.seconds = before + clock.now(device) - started
                last_read = clock.now()
            if progress.step in watched:
                aside = clock.now(device)
                progress.validation.append({"step": progress.step, "psnr": watch.psnr(method)})
                started += clock.now(device) - aside
            beat(progress)
            if now - last_save > save_every and progress.step < steps:
                _read_back(pending, progress)
                aside = clock.now(device)
                save(checkpoint, method, progress)
                last_save = clock.now(device)
                started += last_save - aside
                save_every = max(CHECKPOINT_SECONDS, 100 * (last_save - aside))
        method.finish()
        progress.seconds = before + clock.now(device) - started
    except Interrupted:
        _read_back(pending, progress)
        progress.seconds = before + clock.now(device) - started
        save(checkpoint, method, progress)
        raise
    finally:
        for handle in counting:
            handle.remove()
    return progress


def _count_updates(method: Method, progress: Progress) -> list[Any]:
    """Count the steps of every optimizer by its name."""
    handles = []
    for name, value in stateful(method).items():
        if isinstance(value, torch.optim.Optimizer):
            progress.updates.setdefault(name, 0)

            def count(*_: object, name: str = name) -> None:
                progress.updates[name] += 1

            handles.append(value.register_step_post_hook(count))
    return handles


def _read_back(pending: list[tuple[int, Mapping[str, Tensor]]], progress: Progress) -> None:
    """Losses come to the host together, once in a while."""
    flat = [loss for _, losses in pending for loss in losses.values()]
    values = iter(torch.stack(flat).tolist() if flat else [])
    for step, losses in pending:
        row = {name: next(values) for name in losses}
        if not all(map(math.isfinite, row.values())):
            raise Diverged(f"step {step}: {', '.join(f'{name} = {value:g}' for name, value in row.items())}")
        if row:
            progress.curve.append({"step": step, **row})
    pending.clear()


def save(path: Path, method: Method, progress: Progress) -> None:
    """A checkpoint: networks, optimizers, progress. Whole or not at all."""
    state = {
        "method": method.state_dict(),
        "others": {name: value.state_dict() for name, value in stateful(method).items()},
        "progress": vars(progress),
    }
    held = io.BytesIO()
    torch.save(state, held)
    write_file(path, held.getvalue())


def load(path: Path, method: Method, device: torch.device) -> Progress:
    """Put a checkpoint's state into the method; no pickle is run."""
    state = torch.load(path, map_location=device, weights_only=True, mmap=True)
    method.load_state_dict(state["method"])
    for name, value in stateful(method).items():
        value.load_state_dict(state["others"][name])
    return Progress(**state["progress"])


def converged(validation: list[dict[str, float]]) -> bool | None:
    """Whether validation PSNR rose by no more than 0.1 dB in the last fifth; None where it was not watched."""
    if len(validation) < 2:
        return None
    return bool(validation[-1]["psnr"] - validation[-2]["psnr"] <= 0.1)
