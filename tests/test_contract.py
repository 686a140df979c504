"""The contract put to every plugin there is, and to some that break it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import broken_answers
import broken_data
import broken_methods
import pytest
from broken_data import Dots, Squares, Stripe
from broken_methods import Good, OwnDtype, OwnThreads

import inbench
from inbench.acts import contract, promises
from inbench.joints import registry
from inbench.testing import parametrize_with_checks

PLUGINS = registry.load()
KNOWN = {
    "linear-step-does-not-wait": "it asks of each batch whether it has the one hole that it learns, in a single pass",
    "photos-groups-are-apart": "its pictures are squares of six photographs, and tables say so",
}
BROKEN = [*broken_methods.BROKEN, *broken_answers.BROKEN, *broken_data.BROKEN]


@parametrize_with_checks([plugin.cls for found in PLUGINS.plugins.values() for plugin in found.values()], KNOWN)
def test_every_plugin_keeps_every_promise(check: Callable[[], None]) -> None:
    check()


def test_every_built_in_plugin_loads() -> None:
    assert [str(fault) for fault in PLUGINS.faults] == []


def findings(cls: type[Any]) -> list[contract.Finding]:
    """The promises that are not kept, in the order in which they are listed."""
    return list(filter(None, (contract.run_check(check, cls) for check in promises.of(cls))))


@pytest.mark.parametrize("cls", [Good, Stripe, Dots, Squares])
def test_a_plugin_that_keeps_the_contract_has_no_findings(cls: type[Any]) -> None:
    assert findings(cls) == []


@pytest.mark.parametrize(("cls", "name"), BROKEN, ids=[cls.__name__ for cls, _ in BROKEN])
def test_a_broken_promise_is_the_first_that_is_listed(cls: type[Any], name: str) -> None:
    first = next(filter(None, (contract.run_check(check, cls) for check in promises.of(cls))))
    assert first.check == name, str(first)
    assert Path(first.where.rpartition(":")[0]).name.startswith("broken_")


@pytest.mark.parametrize("kind", registry.KINDS)
def test_every_promise_is_broken_by_a_plugin_that_it_names(kind: str) -> None:
    named = {name for cls, name in BROKEN if promises.kind_of(cls) == kind}
    assert named == {check.name for check in promises.CHECKS[kind]}


def test_a_method_has_at_least_twenty_promises() -> None:
    assert len(promises.of(Good)) >= 20


@pytest.mark.parametrize(
    ("cls", "line"),
    [
        (broken_methods.WaitsForItsLoss, 'self.last = losses["loss"].item()'),
        (broken_methods.ChoosesByItsLoss, 'if losses["loss"] > 1e6:'),
        (broken_methods.ReadsAFile, 'self.words = Path(__file__).read_text(encoding="utf-8")'),
        (broken_methods.RaisesInTheStep, 'raise RuntimeError("no step today")'),
        (broken_methods.IdleOption, 'forgotten: int = inbench.param(8, "nothing at all")'),
        (broken_answers.MakesOnTheCpu, "return super().inpaint(seen, hole, seed) * torch.ones(3, 1, 1)"),
        (broken_answers.MinusOneToOne, "def inpaint(self, seen: Tensor, hole: Tensor, seed: Tensor) -> Tensor:"),
        (broken_data.Nothing, "def holes(self, seeds: Any, size: int) -> Any:"),
    ],
)
def test_a_finding_names_the_line(cls: type[Any], line: str) -> None:
    first = next(filter(None, (contract.run_check(check, cls) for check in promises.of(cls))))
    file, _, number = first.where.rpartition(":")
    assert Path(file).read_text(encoding="utf-8").splitlines()[int(number) - 1].strip() == line


def test_a_broken_method_does_not_change_the_world_for_the_next() -> None:
    before = contract.world()
    for cls in (OwnThreads, OwnDtype, broken_methods.OwnSignals, broken_methods.OwnErrors):
        for check in promises.of(cls)[:10]:
            contract.run_check(check, cls)
    assert contract.world() == before


def test_a_method_whose_library_is_missing_is_no_fault() -> None:
    class Elsewhere(Good):
        def __init__(self, size: int, params: Any) -> None:
            raise inbench.Unavailable("pip install 'inbench[opencv]'")

    check = next(check for check in promises.CHECKS["method"] if check.name == "seeds-nothing")
    with pytest.raises(inbench.Unavailable, match="opencv"):
        contract.run_check(check, Elsewhere)


def test_a_file_that_an_option_names_may_be_opened() -> None:
    import dataclasses

    @dataclasses.dataclass(frozen=True)
    class Params:
        weights: str = inbench.param(__file__, "a file of weights")

    class ReadsWeights(Good):
        def __init__(self, size: int, params: Any) -> None:
            super().__init__(size, params)
            Path(params.weights).read_bytes()

    ReadsWeights.Params, ReadsWeights.small = Params, Params()
    assert "opens-no-file" not in [finding.check for finding in findings(ReadsWeights)]
