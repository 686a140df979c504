"""The committed records and the documents that show them."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from inbench.readers import tables, timings
from inbench.words import disk, records

ROOT = Path(__file__).parents[1]
REFERENCE = ROOT / "results" / "reference"
TIMINGS = sorted((REFERENCE / "bench").glob("*.json"))
MADE = [
    line.partition(" ")[2]
    for line in subprocess.run(
        ["make", "-n", "tables"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    if line.startswith((".venv/bin/inbench tables ", ".venv/bin/inbench compare "))
]
"""The commands of `make tables` that write tables, without the program."""
FOLDERS = sorted((REFERENCE / "runs").glob("*"))


@pytest.mark.parametrize("line", MADE, ids=lambda line: line.partition("--write")[2].strip() or line)
def test_what_make_tables_writes_is_what_is_committed(line: str, command: Callable[..., Any], monkeypatch: Any) -> None:
    monkeypatch.chdir(ROOT)
    told = command(*shlex.split(line.replace("--write", "--check")))
    assert told.code == 0, f"{told.err}: make tables"


def test_make_tables_writes_every_document_with_numbers_of_the_committed_records() -> None:
    written = {word.partition("#")[0] for line in MADE for word in shlex.split(line) if ".md" in word}
    assert written == {"README.md", "docs/performance.md", "results/reference/README.md"}
    assert any(line.endswith("--write") for line in MADE)  # TABLES.md, which is at home there


@pytest.mark.parametrize("file", TIMINGS, ids=lambda file: file.stem)
def test_the_timings_in_the_performance_page_are_those_of_the_committed_files(file: Path) -> None:
    text = timings.page(timings.read(file))
    assert tables.is_current(text, ROOT / "docs" / "performance.md", file.stem), "stale: make performance"


def test_timings_are_committed_without_a_path_or_a_host() -> None:
    assert {file.stem for file in TIMINGS} == {"ratios", "size-128", "timings"}
    for file in TIMINGS:
        assert not re.search(r'"(/|node|user|hostname)', file.read_text())


def test_a_table_in_a_document_that_somebody_edited_is_stale(tmp_path: Path) -> None:
    text = tables.table(REFERENCE)
    file = tmp_path / "TABLES.md"
    tables.write(text, file)
    assert tables.is_current(text, file)
    file.write_text(file.read_text().replace("dB", "db", 1))
    assert not tables.is_current(text, file)


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_a_committed_record_is_whole_and_light(folder: Path) -> None:
    assert not disk.fault_of(folder)
    names = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert not {name for name in names if name.endswith((".safetensors", ".npy", ".pt", ".png"))}


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_a_committed_record_tells_its_key_and_where_it_came_from(folder: Path) -> None:
    told = json.loads((folder / "run.json").read_text())
    assert records.Run(**told["run"]).key == told["key"]
    assert folder.name.endswith(told["key"][:12])
    assert told["provenance"]["commit"]
