"""The committed records and the documents that show them."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from inbench.readers import tables, timings
from inbench.words import records

ROOT = Path(__file__).parents[1]
REFERENCE = ROOT / "results" / "reference"
TIMINGS = sorted((REFERENCE / "bench").glob("*.json"))
FOLDERS = sorted((REFERENCE / "runs").glob("*"))


@pytest.mark.parametrize("file", ["results/reference/TABLES.md", "README.md"])
def test_the_tables_in_the_documents_are_those_of_the_committed_records(file: str) -> None:
    text = tables.table(REFERENCE, only="drawn-faces" if file == "README.md" else None)
    assert tables.is_current(text, ROOT / file), f"{file} is stale: make tables"


def test_the_costs_in_the_performance_page_are_those_of_the_committed_records() -> None:
    assert tables.is_current(tables.cost_table(REFERENCE), ROOT / "docs" / "performance.md"), "stale: make tables"


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
    assert not records.fault_of(folder)
    names = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert not {name for name in names if name.endswith((".safetensors", ".npy", ".pt", ".png"))}


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_a_committed_record_tells_its_key_and_where_it_came_from(folder: Path) -> None:
    told = json.loads((folder / "run.json").read_text())
    assert records.Run(**told["run"]).key == told["key"]
    assert folder.name.endswith(told["key"][:12])
    assert told["provenance"]["commit"]
