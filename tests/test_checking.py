"""Checking in a process of its own: what hangs or dies is a finding, and the next plugin is checked all the same."""

from __future__ import annotations

import json
from collections.abc import Callable

from conftest import Told

FATAL = """
class AHang(Base):
    name = "a-hang"

    def __init__(self, size, params):
        time.sleep(3600)

class BDeath(Base):
    name = "b-death"

    def __init__(self, size, params):
        print("farewell", flush=True)
        os.abort()
"""


def test_a_plugin_that_hangs_or_dies_is_broken_and_the_others_are_checked(
    command: Callable[..., Told], plugin: Callable[..., str]
) -> None:
    told = command("check", plugin(FATAL), "--json", "--timeout", "2")
    hang, death = ([one for one in found["checks"] if one["state"] == "broken"] for found in json.loads(told.out)["plugins"])
    assert told.code == 1
    assert [(one["check"], one["seen"]) for one in hang] == [("builds-at-its-sizes", "still at work after 2 seconds")]
    assert [one["check"] for one in death] == ["builds-at-its-sizes"]
    assert death[0]["seen"] == "the process was killed by SIGABRT: farewell"
    assert death[0]["where"].startswith(plugin(FATAL))
