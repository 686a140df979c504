"""`inbench check`: every promise is told, kept or broken, and a plugin cannot take the command down."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import Told

from inbench.acts import promises

pytestmark = pytest.mark.usefixtures("here")
PLAIN = """
class Plain(Base):
    name = "plain"
"""
DICE = """
class Dice(Base):
    name = "dice"

    def inpaint(self, seen, hole, seed):
        return torch.rand_like(seen)
"""
WAITS = """
class Waits(Learner):
    name = "waits"

    def step(self, image, hole):
        losses = super().step(image, hole)
        self.last = losses["loss"].item()
        return losses
"""
RAISES = """
class Raises(Base):
    name = "raises"

    def inpaint(self, seen, hole, seed):
        raise RuntimeError("no guess today")
"""
ELSEWHERE = """
class Elsewhere(Base):
    name = "elsewhere"

    def inpaint(self, seen, hole, seed):
        raise inbench.Unavailable("pip install 'inbench[opencv]'")
"""


@pytest.fixture
def check(command: Callable[..., Told], plugin: Callable[..., str]) -> Callable[..., Told]:
    """`inbench check` of a file with this text."""

    def call(text: str, *words: str) -> Told:
        return command("check", plugin(text), *words)

    return call


def test_a_plugin_that_keeps_the_contract_is_told_every_promise(check: Callable[..., Told]) -> None:
    told = check(PLAIN)
    assert told.code == 0
    kept = [line.split()[1].rstrip(":") for line in told.out.splitlines() if line.startswith("  kept")]
    names = [one.name for one in promises.CHECKS["method"]]
    assert [name for name in names if name in kept] == kept
    assert f"plain: {len(kept)} kept" in told.out
    assert len(kept) > 15


def test_a_broken_promise_comes_first_with_what_was_seen_what_was_expected_and_how_to_mend_it(
    check: Callable[..., Told], tmp_path: Path
) -> None:
    told = check(DICE)
    first = told.out.splitlines()[1:5]
    line = next(
        number for number, text in enumerate((tmp_path / "trial.py").read_text().splitlines(), 1) if "rand_like" in text
    )
    assert told.code == 1
    assert first[0].split() == ["BROKEN", "same-seed-same-guess", f"({tmp_path / 'trial.py'}:{line - 1})"]
    assert first[1].strip().startswith("seen: two guesses differ by ")
    assert first[2].strip() == "expected: one seed, one guess, whatever other generators say"
    assert first[3].strip() == "to mend it: draw from `seed` only, with `inbench.uniform`"


def test_what_stops_where_an_earlier_promise_stopped_is_told_once(check: Callable[..., Told]) -> None:
    (found,) = json.loads(check(RAISES, "--json").out)["plugins"]
    broken = [one["check"] for one in found["checks"] if one["state"] == "broken"]
    unseen = [one for one in found["checks"] if one["state"] == "unseen"]
    assert broken == ["guess-is-a-picture"]
    assert {one["seen"] for one in unseen} == {"it ends as guess-is-a-picture does"}


def test_a_warning_is_no_fault(check: Callable[..., Told]) -> None:
    told = check(WAITS)
    assert told.code == 0
    assert "  warning      step-does-not-wait" in told.out
    assert "1 warning" in told.out


def test_every_plugin_of_a_file_is_checked_and_json_is_json_alone(check: Callable[..., Told]) -> None:
    told = check(PLAIN + DICE, "--json")
    found = json.loads(told.out)
    assert [one["name"] for one in found["plugins"]] == ["dice", "plain"]
    assert found["faults"] == []
    assert set(found["plugins"][0]["checks"][0]) == {"check", "state", "promise", "seen", "mend", "where"}
    assert "checking plain" in told.err


def test_options_in_brackets_are_those_it_is_checked_with(command: Callable[..., Told], plugin: Callable[..., str]) -> None:
    text = """
    import dataclasses

    @dataclasses.dataclass(frozen=True)
    class Params:
        colour: float = dataclasses.field(metadata={"about": "of every answer"})

    class Flat(Base):
        name, Params = "flat", Params

        def inpaint(self, seen, hole, seed):
            return torch.full_like(seen, self.params.colour)
    """
    file = plugin(text)
    assert "the rest needs an option: inbench check 'flat[colour=...]'" in command("check", file).out
    assert command("check", "flat[colour=0.5]", "--plugin", file).code == 0
    told = command("check", "flat[colour=2]", "--plugin", file)
    assert "BROKEN       guess-is-a-picture" in told.out
    assert command("check", "flat[color=2]", "--plugin", file).code == 2


@pytest.mark.parametrize("name", ["brush[ratio=20-30]", "center[side=8]"])
def test_a_mask_is_checked_with_options_too(command: Callable[..., Told], name: str) -> None:
    assert command("check", name).code == 0


def test_a_name_is_that_of_a_plugin_of_any_kind(command: Callable[..., Told]) -> None:
    assert command("check", "center").out.startswith("center, a mask from inbench.joints.masks\n")
    assert command("check", "l1").code == 0


def test_a_missing_library_is_no_fault(check: Callable[..., Told]) -> None:
    told = check(ELSEWHERE)
    assert told.code == 0
    assert "unavailable  guess-is-a-picture: pip install 'inbench[opencv]'" in told.out


def test_a_file_that_python_cannot_read_is_a_fault_with_its_line(command: Callable[..., Told], tmp_path: Path) -> None:
    file = tmp_path / "torn.py"
    file.write_text("x = 1\ndef broken(:\n")
    told = command("check", str(file))
    assert told.code == 1
    assert told.out.startswith(f"BROKEN: {file} ({file}:2): SyntaxError: invalid syntax; mend this line")


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("mean-fil", "unknown plugin 'mean-fil'; did you mean 'mean-fill'?"),
        ("zzz", "a plugin of yours needs --plugin FILE.py"),
        ("missing.py", "there is no plugin file "),
    ],
)
def test_what_is_not_there_is_the_users_error(command: Callable[..., Told], target: str, said: str) -> None:
    told = command("check", target)
    assert told.code == 2
    assert said in told.err


def test_a_file_whose_hook_returns_nothing_is_the_users_error(check: Callable[..., Told]) -> None:
    told = check("")
    assert told.code == 2
    assert "brings no plugin" in told.err


def test_a_time_limit_is_more_than_nothing(command: Callable[..., Told]) -> None:
    assert command("check", "mean-fill", "--timeout", "0").code == 2
