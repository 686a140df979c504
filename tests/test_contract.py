"""The contract put to every plugin there is, and to some that break it."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import inbench
from inbench import contract, registry

PLUGINS = registry.load()
CASES = [
    (check, plugin) for kind, checks in contract.CHECKS.items() for check in checks for plugin in PLUGINS.plugins[kind].values()
]


@pytest.mark.parametrize(("check", "plugin"), CASES, ids=[f"{plugin.cls.name}-{check.name}" for check, plugin in CASES])
def test_every_plugin_keeps_every_promise(check: contract.Check, plugin: registry.Plugin) -> None:
    assert contract.run_check(check, plugin.cls) is None


def test_every_built_in_plugin_loads() -> None:
    assert [str(fault) for fault in PLUGINS.faults] == []


class Good(inbench.Method):
    name = "good"
    summary, paper, licence = "for a test", "none", "none"
    sizes = (32,)

    def __init__(self, size: int, params: Any) -> None:
        super().__init__(size, params)
        self.net = nn.Conv2d(3, 3, 3, padding=1)
        self.adam = inbench.adam(self.net.parameters(), 1e-2)

    def step(self, image: Tensor, hole: Tensor) -> Mapping[str, Tensor]:
        loss = (self.net(image.masked_fill(hole, 0)) - image).square().mean()
        self.adam.zero_grad()
        loss.backward()
        self.adam.step()
        return {"loss": loss}

    def inpaint(self, seen: Tensor, hole: Tensor, seed: Tensor) -> Tensor:
        return self.net(seen).sigmoid()


def faults_of(cls: type[Any], kind: str = "method") -> dict[str, contract.Finding]:
    found = (contract.run_check(check, cls) for check in contract.CHECKS[kind])
    return {finding.check: finding for finding in found if finding}


def test_a_method_that_keeps_the_contract_has_no_faults() -> None:
    assert faults_of(Good) == {}


class WithoutLicence(Good):
    licence = ""


class ListOption(Good):
    @dataclasses.dataclass(frozen=True)
    class Params:
        widths: tuple[int, ...] = inbench.param((8, 16), "channels")

    small = Params()


class MuteOption(Good):
    @dataclasses.dataclass(frozen=True)
    class Params:
        width: int = 8

    small = Params()


class SmallOfAnother(Good):
    small = 8


class OwnSeed(Good):
    def __init__(self, size: int, params: Any) -> None:
        torch.manual_seed(0)
        super().__init__(size, params)


class OwnThreads(Good):
    def __init__(self, size: int, params: Any) -> None:
        super().__init__(size, params)
        torch.set_num_threads(torch.get_num_threads() + 1)


class OwnDtype(Good):
    def inpaint(self, seen: Tensor, hole: Tensor, seed: Tensor) -> Tensor:
        torch.set_default_dtype(torch.float64)
        return super().inpaint(seen, hole, seed)


class OnlyAt32(Good):
    sizes = (32, 64)

    def step(self, image: Tensor, hole: Tensor) -> Mapping[str, Tensor]:
        return super().step(image + torch.zeros(3, 32, 32), hole)


class LossAsNumber(Good):
    def step(self, image: Tensor, hole: Tensor) -> Mapping[str, Tensor]:
        return {name: loss.item() for name, loss in super().step(image, hole).items()}  # type: ignore[misc]


class InfiniteLoss(Good):
    def step(self, image: Tensor, hole: Tensor) -> Mapping[str, Tensor]:
        return {"loss": super().step(image, hole)["loss"] / 0}


class NeverLearns(Good):
    def step(self, image: Tensor, hole: Tensor) -> Mapping[str, Tensor]:
        return {"loss": (self.net(image) - image).square().mean()}


class WritesIntoTheImage(Good):
    def step(self, image: Tensor, hole: Tensor) -> Mapping[str, Tensor]:
        return super().step(image.mul_(0.5), hole)


class WritesIntoWhatIsSeen(Good):
    def inpaint(self, seen: Tensor, hole: Tensor, seed: Tensor) -> Tensor:
        return seen.masked_fill_(hole, 0.5)


class MinusOneToOne(Good):
    def inpaint(self, seen: Tensor, hole: Tensor, seed: Tensor) -> Tensor:
        return super().inpaint(seen, hole, seed) * 2 - 1


class MeanOfNothing(Good):
    def inpaint(self, seen: Tensor, hole: Tensor, seed: Tensor) -> Tensor:
        return (seen.sum((2, 3), keepdim=True) / (~hole).sum((2, 3), keepdim=True)).expand_as(seen)


class OwnDice(Good):
    def inpaint(self, seen: Tensor, hole: Tensor, seed: Tensor) -> Tensor:
        return torch.rand_like(seen)


class SeedWithoutChance(Good):
    def inpaint(self, seen: Tensor, hole: Tensor, seed: Tensor) -> Tensor:
        return inbench.uniform(seed, 1).view(-1, 1, 1, 1).expand_as(seen)


class ChanceWithoutSeed(Good):
    chance = True


class MeanOfTheBatch(Good):
    def inpaint(self, seen: Tensor, hole: Tensor, seed: Tensor) -> Tensor:
        return seen.mean(0, keepdim=True).expand_as(seen)


class LearnsBesideTheState(Good):
    def __init__(self, size: int, params: Any) -> None:
        super().__init__(size, params)
        self.mean = torch.zeros(3, 1, 1)

    def step(self, image: Tensor, hole: Tensor) -> Mapping[str, Tensor]:
        self.mean = image.mean((0, 2, 3)).view(3, 1, 1)
        return super().step(image, hole)

    def inpaint(self, seen: Tensor, hole: Tensor, seed: Tensor) -> Tensor:
        return self.mean.expand_as(seen)


class CountsInAnAttribute(Good):
    seen_batches = 0

    def step(self, image: Tensor, hole: Tensor) -> Mapping[str, Tensor]:
        self.seen_batches += 1
        self.adam.param_groups[0]["lr"] = 1e-2 / self.seen_batches
        return super().step(image, hole)


class HidesItsOptimizer(Good):
    def __init__(self, size: int, params: Any) -> None:
        super().__init__(size, params)
        self.tools = [self.adam]
        del self.adam

    def step(self, image: Tensor, hole: Tensor) -> Mapping[str, Tensor]:
        loss = (self.net(image) - image).square().mean()
        self.tools[0].zero_grad()
        loss.backward()
        self.tools[0].step()
        return {"loss": loss}


class PeeksAtTheCaller(Good):
    def inpaint(self, seen: Tensor, hole: Tensor, seed: Tensor) -> Tensor:
        for depth in range(1, 6):
            truth = sys._getframe(depth).f_locals.get("image")
            if isinstance(truth, Tensor) and truth.shape == seen.shape:
                return truth
        return seen


BROKEN = [
    (WithoutLicence, "says-what-it-is"),
    (ListOption, "options-can-be-typed"),
    (MuteOption, "options-can-be-typed"),
    (SmallOfAnother, "works-small-at-its-sizes"),
    (OnlyAt32, "works-small-at-its-sizes"),
    (OwnSeed, "seeds-nothing"),
    (OwnThreads, "leaves-the-world-alone"),
    (OwnDtype, "leaves-the-world-alone"),
    (LossAsNumber, "losses-have-names"),
    (InfiniteLoss, "losses-have-names"),
    (NeverLearns, "learns-something"),
    (WritesIntoTheImage, "touches-no-input"),
    (WritesIntoWhatIsSeen, "touches-no-input"),
    (MinusOneToOne, "guess-is-a-picture"),
    (MeanOfNothing, "fills-any-hole"),
    (OwnDice, "same-seed-same-guess"),
    (SeedWithoutChance, "another-seed-as-told"),
    (ChanceWithoutSeed, "another-seed-as-told"),
    (MeanOfTheBatch, "alone-as-in-company"),
    (LearnsBesideTheState, "state-holds-what-was-learned"),
    (CountsInAnAttribute, "resumes-to-the-same-bits"),
    (HidesItsOptimizer, "resumes-to-the-same-bits"),
    (PeeksAtTheCaller, "never-sees-the-truth"),
]


@pytest.mark.parametrize(("cls", "name"), BROKEN, ids=[cls.__name__ for cls, _ in BROKEN])
def test_a_broken_promise_is_named(cls: type[inbench.Method], name: str) -> None:
    finding = next(filter(None, (contract.run_check(check, cls) for check in contract.METHOD_CHECKS if check.name == name)))
    assert finding.check == name
    assert finding.seen
    assert finding.mend


def test_a_broken_method_does_not_change_the_world_for_the_next() -> None:
    before = contract.world()
    check = next(check for check in contract.METHOD_CHECKS if check.name == "leaves-the-world-alone")
    for cls in (OwnThreads, OwnDtype):
        contract.run_check(check, cls)
    assert contract.world() == before


def test_a_method_whose_library_is_missing_is_no_fault() -> None:
    class Elsewhere(Good):
        def __init__(self, size: int, params: Any) -> None:
            raise inbench.Unavailable("pip install 'inbench[opencv]'")

    check = next(check for check in contract.METHOD_CHECKS if check.name == "seeds-nothing")
    with pytest.raises(inbench.Unavailable, match="opencv"):
        contract.run_check(check, Elsewhere)


def test_a_mask_with_dice_of_its_own_is_found() -> None:
    class Dice(inbench.Mask):
        name, summary = "dice", "for a test"

        def holes(self, seeds: Any, size: int) -> Any:
            return np.random.random((len(seeds), size, size)) < 0.5

    assert {"same-id-same-hole", "seed-draws-the-holes"} <= faults_of(Dice, "mask").keys()


def test_a_mask_that_hides_nothing_is_found() -> None:
    class Nothing(inbench.Mask):
        name, summary = "nothing", "for a test"

        def holes(self, seeds: Any, size: int) -> Any:
            return np.zeros((len(seeds), size, size), dtype=np.bool_)

    assert list(faults_of(Nothing, "mask")) == ["holes-fit-every-size"]


class Dots(inbench.Dataset):
    name, summary, licence = "dots", "for a test", "CC0-1.0"
    shared = 0

    def prepare(self, source: Any, size: int) -> inbench.Split:
        def part(name: str, first: int) -> inbench.Pictures:
            images = np.arange(first, first + 5, dtype=np.uint8)[:, None, None, None] + np.zeros((size, size, 3), np.uint8)
            return inbench.Pictures(tuple(f"{name}-{place}" for place in range(5)), images)

        return inbench.Split(part("train", 0), part("test", 5 - self.shared))


def test_a_data_set_whose_parts_share_a_picture_is_found() -> None:
    class Leaky(Dots):
        shared = 1

    assert faults_of(Dots, "dataset") == {}
    assert list(faults_of(Leaky, "dataset")) == ["parts-are-apart"]


def test_a_metric_with_its_direction_turned_round_is_found() -> None:
    class Turned(PLUGINS.get("metric", "l2").cls):  # type: ignore[misc]
        better = "higher"

    assert list(faults_of(Turned, "metric")) == ["worse-is-worse"]


def test_a_metric_that_mixes_the_images_of_a_batch_is_found() -> None:
    class Mixed(PLUGINS.get("metric", "l1").cls):  # type: ignore[misc]
        def per_image(self, guess: Tensor, completed: Tensor, image: Tensor, hole: Tensor) -> Mapping[str, Tensor]:
            found = super().per_image(guess, completed, image, hole)
            return {name: column.mean().expand(len(column)) for name, column in found.items()}

    assert "scores-alone-as-in-company" in faults_of(Mixed, "metric")
