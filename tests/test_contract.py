"""The contract put to every plugin there is, and to some that break it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import broken_methods
import numpy as np
import pytest
from broken_methods import BROKEN, Good, OwnDtype, OwnThreads
from torch import Tensor

import inbench
from inbench import contract, promises, registry
from inbench.testing import parametrize_with_checks

PLUGINS = registry.load()


KNOWN = {
    "linear-step-does-not-wait": "it asks of each batch whether it has the one hole that it learns, in a single pass",
    "photos-groups-are-apart": "its pictures are squares of six photographs, and tables say so",
    "mix-options-are-read": "its members are built from the option before it is constructed",
}


@parametrize_with_checks([plugin.cls for found in PLUGINS.plugins.values() for plugin in found.values()], KNOWN)
def test_every_plugin_keeps_every_promise(check: Callable[[], None]) -> None:
    check()


def test_every_built_in_plugin_loads() -> None:
    assert [str(fault) for fault in PLUGINS.faults] == []


def faults_of(cls: type[Any]) -> dict[str, contract.Finding]:
    """The promises that it does not keep, in the order in which they are listed."""
    found = (contract.run_check(check, cls) for check in promises.of(cls))
    return {finding.check: finding for finding in found if finding}


def test_a_method_that_keeps_the_contract_has_no_faults() -> None:
    assert faults_of(Good) == {}


@pytest.mark.parametrize(("cls", "name"), BROKEN, ids=[cls.__name__ for cls, _ in BROKEN])
def test_a_broken_promise_is_the_first_that_is_listed(cls: type[inbench.Method], name: str) -> None:
    found = filter(None, (contract.run_check(check, cls) for check in promises.of(cls)))
    finding = next(found)
    assert finding.check == name, str(finding)
    assert finding.where.startswith(f"{broken_methods.__file__}:")


def test_every_promise_of_a_method_is_broken_by_one_that_it_names() -> None:
    assert {name for _, name in BROKEN} == {check.name for check in promises.CHECKS["method"]}


def test_a_broken_method_does_not_change_the_world_for_the_next() -> None:
    before = contract.world()
    check = next(check for check in promises.CHECKS["method"] if check.name == "leaves-the-world-alone")
    for cls in (OwnThreads, OwnDtype):
        contract.run_check(check, cls)
    assert contract.world() == before


def test_a_method_whose_library_is_missing_is_no_fault() -> None:
    class Elsewhere(Good):
        def __init__(self, size: int, params: Any) -> None:
            raise inbench.Unavailable("pip install 'inbench[opencv]'")

    check = next(check for check in promises.CHECKS["method"] if check.name == "seeds-nothing")
    with pytest.raises(inbench.Unavailable, match="opencv"):
        contract.run_check(check, Elsewhere)


def test_a_mask_with_dice_of_its_own_is_found() -> None:
    class Dice(inbench.Mask):
        name, summary = "dice", "for a test"

        def holes(self, seeds: Any, size: int) -> Any:
            return np.random.random((len(seeds), size, size)) < 0.5

    assert {"same-id-same-hole", "seed-draws-the-holes"} <= faults_of(Dice).keys()


def test_a_mask_that_hides_nothing_is_found() -> None:
    class Nothing(inbench.Mask):
        name, summary = "nothing", "for a test"

        def holes(self, seeds: Any, size: int) -> Any:
            return np.zeros((len(seeds), size, size), dtype=np.bool_)

    assert list(faults_of(Nothing)) == ["holes-leave-something"]


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

    assert faults_of(Dots) == {}
    assert list(faults_of(Leaky)) == ["parts-are-apart"]


def test_a_metric_with_its_direction_turned_round_is_found() -> None:
    class Turned(PLUGINS.get("metric", "l2").cls):  # type: ignore[misc]
        better = "higher"

    assert next(iter(faults_of(Turned))) == "worse-is-worse"


def test_a_metric_that_mixes_the_images_of_a_batch_is_found() -> None:
    class Mixed(PLUGINS.get("metric", "l1").cls):  # type: ignore[misc]
        def per_image(self, guess: Tensor, completed: Tensor, image: Tensor, hole: Tensor) -> Mapping[str, Tensor]:
            found = super().per_image(guess, completed, image, hole)
            return {name: column.mean().expand(len(column)) for name, column in found.items()}

    assert "scores-alone-as-in-company" in faults_of(Mixed)
