"""The page of all plugins is what the plugins say, and it is the committed one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import Told

from inbench.acts import promises
from inbench.commands import catalogue
from inbench.joints import registry
from inbench.words import budget, params

PAGE = Path(__file__).parents[1] / "docs" / "built-in.md"


def test_the_committed_page_is_that_of_the_plugins() -> None:
    pytest.importorskip("cv2")
    assert PAGE.read_text(encoding="utf-8") == catalogue.page(registry.load()), "docs/built-in.md is stale: make tables"


def test_every_plugin_and_every_option_has_its_line() -> None:
    pytest.importorskip("cv2")
    entries = PAGE.read_text(encoding="utf-8").partition("\n## Budgets\n")[0].split("\n### ")[1:]
    named = {entry.partition("\n")[0]: entry for entry in entries}
    for plugins in registry.load().plugins.values():
        for name, plugin in plugins.items():
            options = [line for line in named.pop(name).splitlines() if line.startswith("| ")][1:]
            assert len(options) == len(params.described(plugin.cls.Params)), name
    assert not named


def test_every_option_of_a_budget_has_its_line() -> None:
    told = PAGE.read_text(encoding="utf-8").partition("\n## Budgets\n")[2].partition("\n## The contract\n")[0]
    for name in budget.BUDGETS:
        assert f"- `{name}`: " in told
    for option, value, _ in budget.described("paper"):
        (line,) = [line for line in told.splitlines() if line.startswith(f"| {option.replace('_', '-')} | ")]
        assert line.split(" | ")[3] == value


def test_every_promise_of_the_contract_has_its_line() -> None:
    contract = PAGE.read_text(encoding="utf-8").partition("\n## The contract\n")[2]
    for checks in promises.CHECKS.values():
        for check in checks:
            assert f"| {check.name} | " in contract


def test_a_plugin_of_the_user_s_is_on_a_page_of_the_user_s(
    command: Callable[..., Told], plugin: Callable[..., str], tmp_path: Path
) -> None:
    file, page = plugin("class Grey(Base):\n    name = 'grey'\n    licence = 'a|b'\n"), tmp_path / "page.md"
    assert command("list", "--plugin", file, "--write", str(page)).code == 0
    assert "### grey\n\nfor a test\n\n- paper: none\n- licence: a\\|b\n" in page.read_text()


def test_a_page_that_cannot_be_written_is_said(command: Callable[..., Told], tmp_path: Path) -> None:
    told = command("list", "--write", str(tmp_path / "nowhere" / "page.md"))
    assert told.code == 2
    assert "cannot be written: No such file or directory" in told.err
