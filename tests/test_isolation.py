"""Isolation: a process that is ended with all it started, however it behaves, and whose output is bounded."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import pytest

from inbench.joints import isolation
from inbench.joints.isolation import Process
from inbench.words.errors import UserError


def started(code: str, log: Path) -> Process:
    return Process([sys.executable, "-c", code], log=log, environment=dict(os.environ))


def until(log: Path, word: str) -> None:
    """Wait for a word in the log."""
    for _ in range(600):
        if log.is_file() and word in log.read_text(errors="replace"):
            return
        time.sleep(0.05)
    pytest.fail(f"{word} was never said")


def test_what_it_prints_is_in_the_log(tmp_path: Path) -> None:
    process = started("import sys; print('one'); sys.stderr.write('two'); sys.exit(3)", tmp_path / "log.txt")
    assert process.end() == 3
    assert sorted((tmp_path / "log.txt").read_text().split()) == ["one", "two"]


def test_a_flood_is_cut_in_the_middle(tmp_path: Path) -> None:
    process = started("print('first'); [print('x' * 1023) for _ in range(20_000)]; print('last')", tmp_path / "log.txt")
    process.end()
    text = (tmp_path / "log.txt").read_text()
    assert len(text) <= isolation.LOG_HEAD + isolation.LOG_TAIL + 2**16 + 100
    assert text.startswith("first\n")
    assert text.endswith("last\n")
    assert "bytes left out]" in text


STUBBORN = """
import os, signal, time
for number in (2, 15):
    signal.signal(number, signal.SIG_IGN)
if os.fork() == 0:
    os.setsid()
    if os.fork():
        os._exit(0)
    print('hidden', flush=True)
    time.sleep(60)
time.sleep(60)
"""


def test_a_stubborn_process_and_what_hides_from_its_group_are_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(isolation, "GRACE_SECONDS", 0.4)
    process = started(STUBBORN, tmp_path / "log.txt")
    until(tmp_path / "log.txt", "hidden")
    assert len(isolation.marked(process.mark)) == 2
    began = time.monotonic()
    process.stop()
    assert isolation.marked(process.mark) == []
    assert time.monotonic() - began < 10


def test_what_it_leaves_behind_is_ended_with_it(tmp_path: Path) -> None:
    process = started("import os, time\nif os.fork() == 0:\n    os.setsid()\n    time.sleep(60)", tmp_path / "log.txt")
    assert process.end() == 0
    assert isolation.marked(process.mark) == []


def test_memory_is_what_all_of_them_hold(tmp_path: Path) -> None:
    code = "import os, time\nheld = bytearray(os.urandom(2**20)) * 64\nos.fork()\nprint('held', flush=True)\ntime.sleep(60)"
    process = started(code, tmp_path / "log.txt")
    until(tmp_path / "log.txt", "held")
    held = process.memory()
    process.kill()
    assert 64 * 2**20 <= held < 120 * 2**20  # what two share is counted once
    assert process.memory() == 0


@pytest.mark.parametrize(
    ("text", "size"), [("4G", 2**32), ("512M", 2**29), ("1.5GiB", 3 * 2**29), ("1024", 1024), ("2 kb", 2048)]
)
def test_a_size_is_read_as_people_write_it(text: str, size: int) -> None:
    assert isolation.size_in_bytes(text) == size


@pytest.mark.parametrize("text", ["", "much", "-1G", "4 X", "0"])
def test_what_is_no_size_is_one_sentence(text: str) -> None:
    with pytest.raises(UserError, match="is no size; write 4G"):
        isolation.size_in_bytes(text)
