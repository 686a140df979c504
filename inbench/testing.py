"""The contract as tests: the list that `inbench check` puts to a plugin, for the plugin's own test-suite. Needs pytest."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from inbench.acts import promises
from inbench.acts.contract import Check, run_check
from inbench.words.errors import Unavailable, unknown


class ContractWarning(UserWarning):
    """A promise that is better kept, and is not."""


@dataclass(frozen=True)
class Put:
    """One check to be put to one plugin: called, it fails as a test fails where the promise is not kept.

    expected: the reason why it is known not to be kept; empty where it has to be.
    """

    check: Check
    cls: type[Any]
    expected: str = ""

    def __call__(self) -> None:
        __tracebackhide__ = True
        try:
            finding = run_check(self.check, self.cls)
        except Unavailable as missing:
            pytest.skip(str(missing))
        if self.expected and finding is None:
            pytest.fail(
                f"{self.cls.name} keeps {self.check.name}, which was expected to fail ({self.expected}); "
                f"take it out of expected_failures"
            )
        if self.expected:
            pytest.xfail(f"{self.expected}: {finding}")
        if finding is not None and finding.warning:
            warnings.warn(ContractWarning(str(finding)), stacklevel=2)
        elif finding is not None:
            pytest.fail(str(finding))


def parametrize_with_checks(
    plugins: Iterable[type[Any]], expected_failures: Mapping[str, str] | None = None
) -> pytest.MarkDecorator:
    """Make a test of every promise of every plugin: `def test_my_plugins_keep_the_contract(check): check()`.

    plugins: classes, of any kind. expected_failures: name of a check, or of one test (`my-method-name-of-check`) -> why it
    is not kept; one that is kept after all is an error, so that the list stays true. A plugin whose optional library is
    missing is skipped.
    """
    known = dict(expected_failures or {})
    put = [(f"{cls.name}-{check.name}", check, cls) for cls in plugins for check in promises.of(cls)]
    names = {name for test, check, _ in put for name in (test, check.name)}
    for name in known:
        if name not in names:
            raise unknown("check in expected_failures", name, names)
    tests = [pytest.param(Put(check, cls, known.get(name, known.get(check.name, ""))), id=name) for name, check, cls in put]
    return pytest.mark.parametrize("check", tests)
