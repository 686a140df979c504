"""The speed of a training against loops written by hand, the sides in turn; benchmarks on, as `make performance` has them.

The plain loop is what most code does: float32, torch's default layout and Adam, a DataLoader with two workers over JPEG
files, the loss read at every step. The tuned loop is what an expert writes for one network, and shows what the runner costs.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from inbench_methods.autoencoder import Autoencoder
from inbench_methods.context_encoder import ContextEncoder
from inbench_methods.dense_gan import DenseGan
from test_speed import CPU, ImageFolder, mask, part_of
from torch import Tensor, nn

from inbench import Files, Method
from inbench.acts import training
from inbench.acts.averaging import Averages
from inbench.joints.batches import Batches
from inbench.joints.device import autocast_forwards, choose_precision

BATCH = 64
LEARNERS = [DenseGan, Autoencoder, ContextEncoder]


@pytest.fixture(autouse=True)
def all_cores(rounds: int) -> Iterator[None]:
    """As many threads as a run has, where speed is judged."""
    before = torch.get_num_threads()
    torch.set_num_threads(os.cpu_count() or 1 if rounds > 1 else before)
    yield
    torch.set_num_threads(before)


def made(cls: type[Method], rounds: int) -> Method:
    """The method as its paper has it; its small form where speed is not judged."""
    torch.manual_seed(0)
    return cls(64, cls.Params() if rounds > 1 else cls.small).train()


def tuned(cls: type[Method], rounds: int) -> Method:
    """Channels last and bfloat16 forwards; fused Adam it has."""
    method = made(cls, rounds)
    method.to(memory_format=torch.channels_last)
    autocast_forwards(method, "cpu", choose_precision("auto", "cpu"))
    return method


def plain(cls: type[Method], rounds: int) -> Method:
    """The same network and losses with what torch gives unasked; the context encoder's 4x4 convolutions as they are written."""
    method = made(cls, rounds)
    for name, value in list(vars(method).items()):
        if isinstance(value, torch.optim.Adam):
            net = getattr(method, name.removesuffix("_adam")) if name != "adam" else method.net
            if cls is ContextEncoder:
                net = as_convolutions(net)
                setattr(method, name.removesuffix("_adam"), net)
            group = value.param_groups[0]
            setattr(method, name, torch.optim.Adam(net.parameters(), lr=group["lr"], betas=group["betas"]))
    return method


def as_convolutions(net: nn.Module) -> nn.Sequential:
    """Linear layers on a flattened 4x4 map as the 4x4 convolutions that the paper's code has: [512, 4, 4] <-> [4000, 1, 1]."""
    layers: list[nn.Module] = []
    for layer in net.children():
        if isinstance(layer, nn.Linear) and layer.in_features > layer.out_features:
            layers.append(nn.Conv2d(layer.in_features // 16, layer.out_features, 4, bias=False))
        elif isinstance(layer, nn.Linear):
            layers.append(nn.ConvTranspose2d(layer.in_features, layer.out_features // 16, 4, bias=False))
        elif isinstance(layer, nn.BatchNorm1d):
            layers.append(nn.BatchNorm2d(layer.num_features))
        elif not isinstance(layer, nn.Flatten | nn.Unflatten):
            layers.append(layer)
    return nn.Sequential(*layers)


def runners_loop(cls: type[Method], rounds: int, files: Files, folder: Path) -> Callable[[int], float]:
    """The runner's own training; answers the seconds of so many steps as records tell them, without validation."""
    method, part = tuned(cls, rounds), part_of(files)
    batches = Batches(part, mask("center"), batch=BATCH, seed=0, device=CPU)
    watch = training.Watch(part, mask("center"), 1, CPU)

    def seconds(steps: int) -> float:
        checkpoint = folder / "checkpoint.pt"
        return training.train(method, batches, steps, watch=watch, seed=0, checkpoint=checkpoint, beat=lambda _: None).seconds

    return seconds


def loop_by_hand(method: Method, images: Iterator[Tensor]) -> Callable[[int], float]:
    hole = torch.from_numpy(mask("center").draw(BATCH, 64))

    def seconds(steps: int) -> float:
        began = time.perf_counter()
        for _ in range(steps):
            method.step(next(images), hole)["loss"].item()
        return time.perf_counter() - began

    return seconds


def from_files(files: Files, workers: int) -> Iterator[Tensor]:
    loader = torch.utils.data.DataLoader(ImageFolder(files), batch_size=BATCH, num_workers=workers, shuffle=True)
    while True:
        yield from loader


def from_memory(files: Files) -> Iterator[Tensor]:
    resident = torch.from_numpy(part_of(files).images)
    while True:
        yield resident[torch.randint(len(resident), (BATCH,))].permute(0, 3, 1, 2).float().div_(255)


@pytest.fixture
def compare(benchmark, judge, rounds):
    """Steps a second of the runner's loop over those of one by hand, the sides in turn."""

    def compared(ours: Callable[[int], float], theirs: Callable[[int], float], what: str, bar: float, against: str) -> None:
        steps, found, own = (8, [], []) if rounds > 1 else (1, [], [])
        if rounds > 1:
            ours(2), theirs(2)
        benchmark.pedantic(lambda: own.append(ours(steps)), setup=lambda: found.append(theirs(steps)), rounds=min(rounds, 5))
        judge([their / our for their, our in zip(found, own, strict=True)], what, bar, against=against)

    return compared


@pytest.mark.parametrize(("cls", "bar"), [(DenseGan, 2.0), (Autoencoder, 2.0), (ContextEncoder, 3.0)])
def test_training_is_faster_than_a_plain_loop(cls, bar, jpegs, rounds, compare, tmp_path):
    theirs = loop_by_hand(plain(cls, rounds), from_files(jpegs, 2 if rounds > 1 else 0))
    compare(runners_loop(cls, rounds, jpegs, tmp_path), theirs, f"training of {cls.name}, batch 64", bar, "a plain loop")


@pytest.mark.parametrize("cls", LEARNERS)
def test_the_runner_costs_nothing_beside_a_tuned_loop(cls, jpegs, rounds, compare, tmp_path):
    theirs = loop_by_hand(tuned(cls, rounds), from_memory(jpegs))
    compare(
        runners_loop(cls, rounds, jpegs, tmp_path), theirs, f"training of {cls.name}, batch 64", 1.0, "a tuned loop by hand"
    )


def test_processor_time_is_spent_in_steps(jpegs, benchmark, judge, rounds, tmp_path, monkeypatch):
    """Of the method with the shortest step: batches, holes, seeds, losses, the heartbeat and the watch are the rest."""
    inside, plain_step, found = [0.0], Autoencoder.step, []

    def step(self: Method, image: Tensor, hole: Tensor):
        began = time.process_time()
        told = plain_step(self, image, hole)
        inside[0] += time.process_time() - began
        return told

    monkeypatch.setattr(Autoencoder, "step", step)
    loop = runners_loop(Autoencoder, rounds, jpegs, tmp_path)
    loop(1)

    def share_outside() -> None:
        inside[0], began = 0.0, time.process_time()
        loop(20 if rounds > 1 else 1)
        found.append(1 - inside[0] / (time.process_time() - began))

    benchmark.pedantic(share_outside, rounds=min(rounds, 5))
    what, against = "processor time outside the steps", "a training of autoencoder, batch 64"
    judge(found, what, 0.03, against=against, unit="%", at_most=True)


def test_checkpoints_take_a_hundredth_of_a_training_at_most(benchmark, judge, rounds, tmp_path):
    """Of the method with the most weights: how long training stands still, and how long it then goes on without another."""
    method, found = made(ContextEncoder, rounds), []
    method.step(torch.rand(2, 3, 64, 64), torch.ones(2, 1, 64, 64, dtype=torch.bool))
    keeper = training.Keeper(tmp_path / "checkpoint.pt")

    def save() -> None:
        began = time.perf_counter()
        keeper.save(method, Averages(method, 0.999), training.Progress())
        stood = time.perf_counter() - began
        keeper.wait()
        found.append(stood / keeper.every)

    benchmark.pedantic(save, rounds=min(rounds, 3))
    keeper.close()
    what, against = "time that training stands still for a checkpoint", "the time between two, context-encoder"
    judge(found, what, 0.01, against=against, unit="%", at_most=True)
