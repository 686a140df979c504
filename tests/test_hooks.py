"""The hooks: each is documented with its exact signature, put to work by a test, and of a version that plugins can ask for."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from pathlib import Path

import pytest

import inbench
from inbench.commands import scaffold
from inbench.joints import hookspecs, registry

ROOT = Path(inbench.__file__).parent.parent
GUIDE = (ROOT / "docs" / "plugins.md").read_text(encoding="utf-8")
TESTS = {file: file.read_text(encoding="utf-8") for file in (ROOT / "tests").glob("test_*.py") if file != Path(__file__)}


@pytest.mark.parametrize("hook", registry.HOOKS)
def test_a_hook_is_documented_with_its_exact_signature(hook: str) -> None:
    function = getattr(hookspecs, hook)
    assert f"- `{hook}{str(inspect.signature(function)).replace(chr(39), '')}`: " in GUIDE
    assert inspect.getdoc(function)


def test_the_guide_has_no_hook_that_there_is_not() -> None:
    assert set(re.findall(r"\binbench_\w+", GUIDE)) == set(registry.HOOKS)


@pytest.mark.parametrize("hook", registry.HOOKS)
def test_a_hook_is_put_to_work_by_a_test(hook: str) -> None:
    assert [file.name for file, text in TESTS.items() if f"def {hook}(" in text]


def test_every_kind_of_plugin_has_its_hook() -> None:
    assert {f"inbench_{kind}s" for kind in registry.KINDS} < set(registry.HOOKS)


def test_the_guide_and_the_templates_say_the_version_that_there_is() -> None:
    assert f"This is version {hookspecs.API} of the hooks" in GUIDE
    for kind in registry.KINDS:
        assert f"\nINBENCH_API = {hookspecs.API}  " in scaffold.template(kind)


@pytest.mark.parametrize("version", [1, hookspecs.API])
def test_a_plugin_of_a_version_that_there_is_works(version: int, plugin: Callable[..., str]) -> None:
    assert registry.load([plugin(f"INBENCH_API = {version}\nclass Grey(Base):\n    name = 'grey'\n")]).faults == []


def test_what_is_in_the_summary_is_what_is_documented() -> None:
    told = re.findall(r"`(\w+)`", " ".join(inspect.getdoc(hookspecs.inbench_run_finished).partition("summary:")[2].split()))
    listed = GUIDE.partition("`inbench_run_finished(")[2].partition("Classes are")[0].partition("`summary` is")[2]
    assert re.findall(r"`(\w+)`", listed) == told
