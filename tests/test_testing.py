"""The contract as tests of a plugin's own: names, expected failures that stay true, skips and warnings."""

from __future__ import annotations

from typing import Any

import pytest
from broken_answers import OwnDice
from broken_methods import Good, WaitsForItsLoss

import inbench
from inbench.acts import promises
from inbench.testing import ContractWarning, parametrize_with_checks


def put_to(*plugins: type[Any], **expected: str) -> dict[str, Any]:
    """The tests that the decorator makes, by their ids."""
    failures = {name.replace("_", "-"): reason for name, reason in expected.items()}
    return {str(param.id): param.values[0] for param in parametrize_with_checks(plugins, failures).args[1]}


def test_there_is_a_test_for_each_promise_of_each_plugin() -> None:
    assert list(put_to(Good)) == [f"good-{check.name}" for check in promises.of(Good)]


def test_a_kept_promise_passes_and_a_broken_one_fails_with_what_was_seen() -> None:
    tests = put_to(OwnDice)
    tests["good-says-what-it-is"]()
    with pytest.raises(pytest.fail.Exception, match=r"same-seed-same-guess: two guesses differ by .*broken_answers\.py:\d+"):
        tests["good-same-seed-same-guess"]()


def test_an_expected_failure_that_fails_is_no_failure() -> None:
    with pytest.raises(pytest.xfail.Exception, match="it throws dice"):
        put_to(OwnDice, same_seed_same_guess="it throws dice")["good-same-seed-same-guess"]()


@pytest.mark.parametrize("name", ["same_seed_same_guess", "good_same_seed_same_guess"])
def test_an_expected_failure_that_passes_is_an_error(name: str) -> None:
    with pytest.raises(pytest.fail.Exception, match="take it out of expected_failures"):
        put_to(Good, **{name: "it throws dice"})["good-same-seed-same-guess"]()


def test_an_expected_failure_of_no_check_is_an_error() -> None:
    with pytest.raises(inbench.UserError, match="did you mean 'same-seed-same-guess'"):
        put_to(Good, same_seed_same_gues="it throws dice")


def test_a_missing_library_is_a_skip() -> None:
    class Elsewhere(Good):
        def __init__(self, size: int, params: Any) -> None:
            raise inbench.Unavailable("pip install 'inbench[opencv]'")

    with pytest.raises(pytest.skip.Exception, match="opencv"):
        put_to(Elsewhere)["good-seeds-nothing"]()


def test_a_warning_is_a_warning() -> None:
    with pytest.warns(ContractWarning, match=r"step calls \.item\(\)"):
        put_to(WaitsForItsLoss)["good-step-does-not-wait"]()


@pytest.mark.parametrize(
    ("given", "said"), [(Good(32, Good.Params()), "not an instance"), (int, "int is no plugin; derive it")]
)
def test_what_is_no_class_of_a_plugin_is_refused(given: Any, said: str) -> None:
    with pytest.raises(inbench.UserError, match=said):
        parametrize_with_checks([given])
