"""Fuzzing: every reader is given damaged input; it must say so in one sentence or leave it out, and write nowhere else."""

from __future__ import annotations

import contextlib
import copy
import io
import json
import os
import shutil
import signal
import sys
import time
import traceback
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import hypothesis
import numpy as np
import torch
from driving import ROOT
from hypothesis import strategies as st
from PIL import Image

from inbench import (
    brackets,
    budget,
    choices,
    data_commands,
    mask_files,
    packing,
    progress,
    records,
    registry,
    runner,
    store,
    tables,
    training,
)
from inbench.claims import Claims
from inbench.errors import UserError

HANGS = 20
"""Seconds after which a reader of a small file hangs."""


@dataclass(frozen=True)
class Target:
    """A reader: a sound input of its, and what is done with a damaged one in a folder of its own."""

    base: bytes
    read: Callable[[Path, bytes], object]
    is_json: bool = False


def _reference() -> Path:
    return next((ROOT / "results" / "reference" / "runs").glob("mean-fill-*"))


def _record(folder: Path, change: str, data: bytes) -> Path:
    """A results folder with one record, of which one file is another; its hash is right, as whoever changes it makes it."""
    results = folder / "results"
    record = results / "runs" / _reference().name
    shutil.rmtree(results, ignore_errors=True)
    shutil.copytree(_reference(), record)
    (record / change).parent.mkdir(exist_ok=True)
    (record / change).write_bytes(data)
    if change != "done":
        listed = {
            path.relative_to(record).as_posix(): records.sha256(path.read_bytes())
            for path in record.rglob("*")
            if path.is_file() and path.name != "done"
        }
        (record / "done").write_bytes(records.to_json(listed))
    return results


def _look(folder: Path, change: str, data: bytes) -> None:
    """Everything that reads records."""
    results = _record(folder, change, data)
    tables.table(results)
    tables.cost_table(results)
    packing.verify(results)
    with contextlib.suppress(UserError):
        packing.pack(results, folder / "results" / "pack.zip", weights=False)
    packing.merge(folder / "results" / "other", [results])


def _zipped_scores(folder: Path, data: bytes) -> None:
    results = _record(folder, "run.json", (_reference() / "run.json").read_bytes())
    record = results / "runs" / _reference().name
    (scores,) = (record / "scores").glob("*.csv")
    scores.unlink()
    scores.with_name(scores.name + ".gz").write_bytes(data)
    listed = {name: records.sha256((record / name).read_bytes()) for name in ("run.json", f"scores/{scores.name}.gz")}
    (record / "done").write_bytes(records.to_json(listed))
    tables.table(results)
    packing.verify(results)


def _archive(folder: Path, data: bytes) -> None:
    (folder / "records.zip").write_bytes(data)
    packing.merge(folder / "results", [folder / "records.zip"])


def _album(folder: Path, name: str, data: bytes) -> None:
    """Pictures of a user, one file of which is damaged."""
    album = folder / "album"
    shutil.rmtree(folder / "data", ignore_errors=True)
    album.mkdir(exist_ok=True)
    for place in range(4):
        (album / f"p{place}.png").write_bytes(picture(place))
    (album / name).write_bytes(data)
    choices.dataset(str(album), registry.load()).prepared(32, folder / "data", lambda *_: None)


def _lossless(folder: Path, data: bytes) -> None:
    (folder / "album.test.npy").write_bytes(data)
    (folder / "album.test.csv").write_text("file\np0.png\n")
    _album(folder, "index.csv", _index())


def picture(seed: int) -> bytes:
    held = io.BytesIO()
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (9, 8, 3), dtype=np.uint8)).save(held, "PNG")
    return held.getvalue()


def _index() -> bytes:
    return b"file,split\np0.png,test\np1.png,train\np2.png,train\np3.png,val\n"


def _masks(folder: Path, data: bytes) -> None:
    (folder / "masks.npz").write_bytes(data)
    mask_files.read(folder / "masks.npz", "white", 32)


def _npy(values: Any) -> bytes:
    held = io.BytesIO()
    np.save(held, values)
    return held.getvalue()


def _npz() -> bytes:
    held = io.BytesIO()
    np.savez(held, holes=np.eye(32, dtype=np.uint8)[None])
    return held.getvalue()


def _words(folder: Path, data: bytes) -> None:
    """What is typed: names with options."""
    text, plugins = data.decode(errors="replace"), registry.load()
    for reading in (lambda: choices.mask(text, 32, plugins), lambda: budget.read(text), lambda: brackets.split_list(text)):
        with contextlib.suppress(UserError):
            reading()


def _prepared(folder: Path, data: bytes) -> None:
    """The manifest of a prepared set, as inbench data lists and verifies it."""
    target = folder / "data" / "set-32"
    target.mkdir(parents=True, exist_ok=True)
    (target / "manifest.json").write_bytes(data)
    for prepared in store.found_in(folder / "data"):
        prepared.fault()
        data_commands.label_of(prepared)
    data_commands.listed(registry.load(), folder / "data")


def _published(folder: Path, data: bytes) -> None:
    (folder / "manifest.json").write_bytes(data)
    data_commands.published(folder / "manifest.json")


def _accepted(folder: Path, data: bytes) -> None:
    (folder / data_commands.ACCEPTED).write_bytes(data)
    data_commands.settle_terms(registry.load().get("dataset", "celeba").cls(None), folder, accept=False)


def _heartbeat(folder: Path, data: bytes) -> None:
    (folder / "heartbeat.json").write_bytes(data)
    beat = runner._read(folder / "heartbeat.json")
    progress.phase(beat)


def _claim(folder: Path, data: bytes) -> None:
    shutil.rmtree(folder / "claims", ignore_errors=True)
    (folder / "claims").mkdir()
    (folder / "claims" / "run-0.claim.1").write_bytes(data)
    claim = Claims(folder / "claims").take("run-0")
    if claim is not None:
        claim.release()


def _spec(folder: Path, data: bytes) -> None:
    results = _record(folder, "run.json", (_reference() / "run.json").read_bytes())
    (results / "runs" / ".partial" / "run-0").mkdir(parents=True)
    (results / "runs" / ".partial" / "run-0" / "spec.json").write_bytes(data)
    tables.table(results)


def _net() -> Any:
    return registry.load().get("method", "autoencoder").cls


def _method() -> Any:
    cls = _net()
    return cls(32, cls.small)


def _checkpoint(folder: Path, data: bytes) -> None:
    (folder / "checkpoint.pt").write_bytes(data)
    training.drop_unreadable(folder / "checkpoint.pt", _method(), torch.device("cpu"))


def _saved() -> bytes:
    held = io.BytesIO()
    torch.save(training.state_of(_method(), training.Progress()), held)
    return held.getvalue()


def _run_json() -> bytes:
    return (_reference() / "run.json").read_bytes()


def _scores() -> bytes:
    return next((_reference() / "scores").glob("*.csv")).read_bytes()


def _scores_name() -> str:
    return next((_reference() / "scores").glob("*.csv")).relative_to(_reference()).as_posix()


def _packed() -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(_reference().rglob("*")):
            if path.is_file():
                archive.write(path, f"{_reference().name}/{path.relative_to(_reference()).as_posix()}")
    return held.getvalue()


def _manifest() -> bytes:
    told = {
        "recipe": {"dataset": "drawn-faces", "size": 32, "code": "c0de", "store": 2, "sources": {}}, "content": "0" * 64,
        "sources": {}, "versions": {"numpy": "2"}, "label": "drawn-faces", "size": 32, "licence": "CC0", "notes": [],
        "counts": {"train": 1, "val": 1, "test": 1}, "citation": "", "prepared": "2026-01-01",
    }  # fmt: skip
    return json.dumps(told).encode()


BEAT = b'{"phase": "training", "done": 3, "total": 9, "rate": 1.5, "left": 61.0, "utc": "2026", "pid": 1}'
CLAIM = b'{"place": "0123", "processes": {"12": "345"}, "token": "0"}'


def targets() -> dict[str, Target]:
    """Every reader there is, by what it reads."""
    spec = json.dumps({"run": json.loads(_run_json())["run"], "labels": {}}).encode()
    return {
        "run.json": Target(_run_json(), lambda folder, data: _look(folder, "run.json", data), is_json=True),
        "done": Target((_reference() / "done").read_bytes(), lambda folder, data: _look(folder, "done", data), is_json=True),
        "scores": Target(_scores(), lambda folder, data: _look(folder, _scores_name(), data)),
        "scores, gzipped": Target(_gzipped(), _zipped_scores),
        "weights": Target(_weights(), lambda folder, data: _look(folder, "weights.safetensors", data)),
        "archive of records": Target(_packed(), _archive),
        "picture": Target(picture(9), lambda folder, data: _album(folder, "p9.png", data)),
        "index.csv": Target(_index(), lambda folder, data: _album(folder, "index.csv", data)),
        "lossless part": Target(_npy(np.zeros((1, 32, 32, 3), np.uint8)), _lossless),
        "masks": Target(_npz(), _masks),
        "names with options": Target(b"mix(center[side=20],brush[ratio=10-20])", _words),
        "prepared manifest": Target(_manifest(), _prepared, is_json=True),
        "published manifest": Target(_manifest(), _published, is_json=True),
        "accepted terms": Target(b'{"celeba": {"terms": "0", "utc": "2026"}}', _accepted, is_json=True),
        "heartbeat": Target(BEAT, _heartbeat, is_json=True),
        "claim": Target(CLAIM, _claim, is_json=True),
        "spec of a begun run": Target(spec, _spec, is_json=True),
        "checkpoint": Target(_saved(), _checkpoint),
    }


def _gzipped() -> bytes:
    import gzip

    return gzip.compress(_scores())


def _weights() -> bytes:
    import safetensors.torch

    return bytes(safetensors.torch.save({"net.weight": torch.zeros(2, 2)}))


# What is damaged

NOTHING = (b"", b"\0" * 64, b"\xff\xfe{}", b"<!DOCTYPE html><html>404</html>")
BAD_JSON = (
    b"{", b"null", b"[]", b"7", b'"text"', b"[" * 100_000, b'{"a":' * 20_000, b'{"schema": 1e999}', b'{"schema": "1"}',
    b'{"run": {}, "key": null}', b'{"../../x": "0"}', b'{"\\ud800": "\\udfff"}', b"{}", b"1" * 5000,
)  # fmt: skip


def cases() -> list[tuple[str, str, bytes]]:
    """Malformed inputs, several for every reader: reader, what is wrong, bytes."""
    made = []
    for name, target in targets().items():
        bad = [*NOTHING, target.base[: len(target.base) // 2], target.base + target.base, *(BAD_JSON if target.is_json else ())]
        made += [(name, f"{place}: {data[:20]!r}", data) for place, data in enumerate(bad)]
    return made


@st.composite
def torn(draw: st.DrawFn, base: bytes) -> bytes:
    """A sound input with some bytes cut out, put in or turned over."""
    data = bytearray(base)
    for _ in range(draw(st.integers(1, 5))):
        start = draw(st.integers(0, len(data)))
        stop = start + draw(st.integers(0, 40))
        data[start:stop] = draw(st.binary(max_size=40))
    return bytes(data)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=5,
)


@st.composite
def retold(draw: st.DrawFn, base: bytes) -> bytes:
    """Sound JSON in which some values are others, or gone."""
    told = copy.deepcopy(json.loads(base))
    for _ in range(draw(st.integers(1, 3))):
        here = told
        while True:
            keys = list(here) if isinstance(here, dict) else list(range(len(here)))
            if not keys:
                break
            key = draw(st.sampled_from(keys))
            if isinstance(here[key], (dict, list)) and here[key] and draw(st.booleans()):
                here = here[key]
                continue
            if draw(st.integers(0, 3)) == 0:
                del here[key]
            else:
                here[key] = draw(VALUES)
            break
    return json.dumps(told).encode(errors="replace")


# Trying them

_outside: list[str] = []
_inside: list[Path] = []


def _watch_writes(event: str, arguments: tuple[Any, ...]) -> None:
    """An audit hook: whatever is opened for writing, made, moved or removed outside the folder of the target."""
    if not _inside or event not in ("open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.link", "os.symlink"):
        return
    if event == "open" and not (isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)):
        return
    for path in arguments[: 2 if event in ("os.rename", "os.link") else 1]:
        if not isinstance(path, (str, bytes)):
            continue
        text, folder = os.fsdecode(path), arguments[-1]
        if event in ("os.remove", "os.rmdir", "os.mkdir") and folder != -1:  # relative to an open folder
            text = os.path.join(os.readlink(f"/proc/self/fd/{folder}"), text)
        if not _allowed(text):
            _outside.append(f"{event} {text}")


def _allowed(path: str) -> bool:
    resolved = os.path.realpath(path)
    return path in ("/dev/null",) or "__pycache__" in path or any(resolved.startswith(str(here)) for here in _inside)


def _too_long(number: int, frame: object) -> None:
    raise TimeoutError(f"still reading after {HANGS} seconds")


@contextlib.contextmanager
def _guarded(folder: Path) -> Iterator[None]:
    if not getattr(sys, "inbench_faults_watched", False):
        sys.addaudithook(_watch_writes)
        sys.inbench_faults_watched = True  # type: ignore[attr-defined]
    before = signal.signal(signal.SIGALRM, _too_long)
    _inside.append(Path(os.path.realpath(folder)))
    try:
        yield
    finally:
        _inside.pop()
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def fault_of(target: Target, data: bytes, folder: Path) -> str:
    """What a reader does wrong with an input; empty where it says one sentence, or leaves the input out."""
    _outside.clear()
    with _guarded(folder):
        signal.alarm(HANGS)
        try:
            target.read(folder, data)
        except UserError as error:
            return "" if str(error).strip() else "an empty sentence"
        except Exception:
            return traceback.format_exc(limit=-3)
        finally:
            signal.alarm(0)
    return f"wrote outside of its folder: {_outside[0]}" if _outside else ""


def malformed(folder: Path) -> dict[str, Any]:
    """All cases, once."""
    found, readers = [], targets()
    for place, (name, what, data) in enumerate(cases()):
        here = folder / str(place)
        here.mkdir()
        fault = fault_of(readers[name], data, here)
        if fault:
            found.append(f"{name}, {what}: {fault}")
        shutil.rmtree(here)
    for fault in found:
        print(fault)
    return {"inputs": len(cases()), "readers": len(readers), "faults": found}


def fuzz(name: str, target: Target, folder: Path, *, examples: int, seed: int) -> int:
    """Try so many damaged inputs; raises where a reader does something wrong with one. How many were tried."""
    count = 0

    @hypothesis.seed(seed)
    @hypothesis.settings(
        max_examples=examples, deadline=None, database=None, suppress_health_check=list(hypothesis.HealthCheck)
    )
    @hypothesis.given(_damaged(target))
    def one(data: bytes) -> None:
        nonlocal count
        count += 1
        fault = fault_of(target, data, folder)
        assert not fault, f"{name}: {fault}"

    one()
    return count


def _damaged(target: Target) -> st.SearchStrategy[bytes]:
    kinds = [torn(target.base), st.binary(max_size=200)]
    return st.one_of(*kinds, *([retold(target.base)] * 2 if target.is_json else []))


def campaign(folder: Path, minutes: float) -> dict[str, Any]:
    """Every target for so many minutes, or until it fails."""
    rows = []
    for name, target in targets().items():
        here, began, tried, fault = folder / brackets.file_name(name), time.monotonic(), 0, ""
        here.mkdir()
        while not fault and time.monotonic() - began < 60 * minutes:
            try:
                tried += fuzz(name, target, here, examples=200, seed=tried)
            except AssertionError as error:
                fault = str(error)
        rows.append({"reader": name, "inputs": tried, "minutes": round((time.monotonic() - began) / 60, 1), "fault": fault})
        print(f"{name}: {tried} inputs{f': {fault}' if fault else ''}", flush=True)
    return {"targets": rows}
