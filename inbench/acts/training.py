"""Training: the loop, the clock, the watch on validation, the checkpoints. A method only learns from the batch it is given."""

from __future__ import annotations

import errno
import math
import random
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from inbench.acts.averaging import Averages
from inbench.acts.scoring import BATCH, answer
from inbench.joints.batches import Batches, to_image
from inbench.joints.device import out_of_memory
from inbench.joints.guards import Guard
from inbench.joints.metrics import mean_over, psnr_of
from inbench.joints.store import Part
from inbench.words import clock, seeds
from inbench.words.disk import whole_file
from inbench.words.errors import Interrupted
from inbench.words.mask import Mask
from inbench.words.method import Method

READ_BACK_SECONDS = 1.0
CHECKPOINT_SECONDS = 60.0


class Diverged(Exception):
    """A loss, or a weight, stopped being a number."""


@dataclass
class Progress:
    """How far a training is; also what a checkpoint holds beside the networks.

    seconds: of the clock, of steps alone; cpu_seconds: of all processes that it took, from their start; scheduled: whether a
    step asked how far the training is; val_images: how many pictures the looks at validation are of.
    """

    step: int = 0
    curve: list[dict[str, float]] = field(default_factory=list)
    validation: list[dict[str, float]] = field(default_factory=list)
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    images: int = 0
    updates: dict[str, int] = field(default_factory=dict)
    scheduled: bool = False
    val_images: int | None = None


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
    """Validation PSNR on the hole, so many times in a training, on a fixed handful of pictures."""

    def __init__(self, part: Part, mask: Mask, count: int, device: torch.device, *, times: int = 5) -> None:
        self.times = times
        places = sorted(part.first(count))
        ids = [part.ids[place] for place in places]
        self.images = len(ids)
        self.image = to_image(np.ascontiguousarray(part.images[places]), device)
        self.hole = torch.from_numpy(mask.draw(ids, part.images.shape[1])).to(device)
        self.seed = torch.from_numpy(seeds.of_ids(ids, "answer", 0).astype(np.int64)).to(device)

    def at(self, steps: int) -> set[int]:
        """The steps after which it is looked at, the last one among them."""
        return {math.ceil(steps * part / self.times) for part in range(1, self.times + 1)}

    def psnr(self, method: Method, guard: Guard | None = None) -> float:
        """Mean PSNR over the hole in dB."""
        method.eval()
        found = []
        for image, hole, seed in zip(*(held.split(BATCH) for held in (self.image, self.hole, self.seed)), strict=True):
            guess = answer(method, image.masked_fill(hole, 0), hole, seed, guard).float() / 255
            found.append(psnr_of(mean_over((guess - image).square(), hole)))
        method.train()
        return round(torch.cat(found).nanmean().item(), 4)


def train(
    method: Method,
    batches: Batches,
    steps: int,
    *,
    watch: Watch,
    seed: int,
    checkpoint: Path,
    beat: Beat,
    ema: float = 0.0,
    best: bool = False,
    keep: bool = False,
    guard: Guard | None = None,
) -> Progress:
    """Train from the checkpoint, if there is one, to the last step. The same bits as without the interruption.

    ema: the decay of the averages that answer in place of the last weights; best: of those of the best look at validation, not
    of the last step; keep: the last checkpoint stays, so that a training of more steps can begin from it.
    """
    device, guard = batches.device, guard or Guard()
    averages = Averages(method, ema, best=best)
    progress = load(checkpoint, method, averages, device) if checkpoint.is_file() else Progress()
    if progress.val_images not in (None, watch.images):  # it was interrupted, or begun, under another watch
        progress.validation.clear()
    progress.val_images = watch.images
    watched = set() if method.one_pass else watch.at(steps)
    pending: list[tuple[int, Mapping[str, Tensor]]] = []
    keeper, counting = Keeper(checkpoint), _count_updates(method, progress)
    spent, last_read = clock.Stopwatch(device, progress.seconds), clock.now()
    cpu_before = progress.cpu_seconds

    def count_costs() -> None:
        progress.seconds, progress.cpu_seconds = spent.seconds(), cpu_before + time.process_time()

    def catch_up() -> None:
        _read_back(pending, progress)
        count_costs()

    method.train()
    try:
        while progress.step < steps:
            image, hole = batches.at(progress.step)
            method.progress = progress.step / steps
            seed_everything(seeds.stream(seed, "method", progress.step))
            pending.append((progress.step + 1, _step(method, image, hole, guard)))
            averages.update()
            progress.scheduled |= method.scheduled
            progress.step += 1
            progress.images += len(image)
            now = clock.now()
            if now - last_read > READ_BACK_SECONDS or progress.step in watched or progress.step == steps:
                catch_up()
                last_read = clock.now()
            if progress.step in watched:
                with spent.aside(), averages.answering():
                    _look_at_weights(method, progress.step)
                    progress.validation.append({"step": progress.step, "psnr": watch.psnr(method, guard)})
                    averages.look(progress.validation[-1]["psnr"])
            beat(progress)
            if keeper.is_due() and progress.step < steps:
                catch_up()
                with spent.aside():
                    _look_at_weights(method, progress.step)
                    keeper.save(method, averages, progress)
        if keep:
            catch_up()
            with spent.aside():
                keeper.wait()
                save(checkpoint, method, averages, progress)
        averages.settle()
        with guard.watching("finish"):
            method.finish()
        count_costs()
    except Interrupted:
        catch_up()
        keeper.wait()
        save(checkpoint, method, averages, progress)
        raise
    finally:
        keeper.close()
        for handle in counting:
            handle.remove()
    return progress


def _step(method: Method, image: Tensor, hole: Tensor, guard: Guard) -> Mapping[str, Tensor]:
    """Let a method learn from one batch: its losses by name, still on the device."""
    with guard.watching("step", image=image, hole=hole):
        losses = method.step(image, hole)
    if not isinstance(losses, Mapping):
        raise TypeError(f"{method.name}.step answered {type(losses).__name__}, not losses by name")
    for name, loss in losses.items():
        if not isinstance(loss, Tensor):
            told = f"{type(loss).__name__} for {name!r}; return the loss itself, a tensor, without .item()"
            raise TypeError(f"{method.name}.step answered a {told}")
    return {name: loss.detach().float() for name, loss in losses.items()}


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


def _look_at_weights(method: Method, step: int) -> None:
    """Losses are of the weights before a step: what a step made of them shows here, before they answer or are kept."""
    lost = [name for name, weight in method.named_parameters() if weight.requires_grad and not weight.isfinite().all()]
    if lost:
        raise Diverged(f"step {step}: the weights {', '.join(lost[:3])}{', ...' if lost[3:] else ''} are not finite")


class Keeper:
    """Checkpoints off the critical path: the state is copied at once, a thread writes it, at most one at a time.

    Writing takes at most a hundredth of a training: the next one is due after 100 times what the last one took.
    """

    def __init__(self, path: Path) -> None:
        self.path, self.every = path, CHECKPOINT_SECONDS
        self._writer = ThreadPoolExecutor(1, "checkpoint")
        self._writing: Future[None] | None = None
        self._last = clock.now()

    def is_due(self) -> bool:
        return clock.now() - self._last > self.every and (self._writing is None or self._writing.done())

    def save(self, method: Method, averages: Averages, progress: Progress) -> None:
        self.wait()
        began = clock.now()
        state = copied(state_of(method, averages, progress))
        self._writing = self._writer.submit(self._write, state, began)

    def _write(self, state: Any, began: float) -> None:
        write(self.path, state)
        self._last = clock.now()
        self.every = max(CHECKPOINT_SECONDS, 100 * (self._last - began))

    def wait(self) -> None:
        """Until the last one is on the disk; raises what its writing raised."""
        if self._writing is not None:
            self._writing.result()

    def close(self) -> None:
        self._writer.shutdown()


def state_of(method: Method, averages: Averages, progress: Progress) -> dict[str, Any]:
    """What a checkpoint holds: networks and their averages, optimizers, progress."""
    return {
        "method": method.state_dict(),
        "averages": averages.state_dict(),
        "others": {name: value.state_dict() for name, value in stateful(method).items()},
        "progress": vars(progress),
    }


def copied(state: Any) -> Any:
    """The same with tensors of its own, on the CPU, so that training can go on while it is written."""
    if isinstance(state, Tensor):
        return state.detach().to("cpu", copy=True)
    if isinstance(state, Mapping):
        return {name: copied(value) for name, value in state.items()}
    return [copied(value) for value in state] if isinstance(state, list | tuple) else state


def write(path: Path, state: Any) -> None:
    """Whole or not at all."""
    with whole_file(path) as file:
        torch.save(state, file)


def save(path: Path, method: Method, averages: Averages, progress: Progress) -> None:
    """A checkpoint, here and now."""
    write(path, state_of(method, averages, progress))


def load(path: Path, method: Method, averages: Averages, device: torch.device) -> Progress:
    """Put a checkpoint's state into the method; no pickle is run."""
    state = torch.load(path, map_location=device, weights_only=True, mmap=True)
    method.load_state_dict(state["method"])
    for name, value in stateful(method).items():
        value.load_state_dict(state["others"][name])
    averages.load_state_dict(state["averages"])
    return Progress(**state["progress"])


def drop_unreadable(path: Path, method: Method, ema: float) -> None:
    """Remove a checkpoint that is damaged, or another method's: the training begins anew. `method` is not used again.

    Looked at on the CPU, where `method` is too: what a GPU has to complain of does not make it damaged, nor that there is no
    room for it, or no way to its file.
    """
    try:
        load(path, method, Averages(method, ema), torch.device("cpu"))
    except FileNotFoundError:
        return
    except Exception as error:  # torch has many ways to say that a file is none of its own
        if out_of_memory(error) or (isinstance(error, OSError) and error.errno != errno.EINVAL):
            raise
        path.unlink()
