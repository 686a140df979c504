"""The readers that the campaign feeds with damaged input: of records, of pictures and masks, of what is typed."""

from __future__ import annotations

import contextlib
import gzip
import io
import json
import shutil
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import driving  # noqa: F401 - it says where `reference` is
import numpy as np
import reference
import safetensors.torch
import torch
from PIL import Image

from inbench.acts import training
from inbench.acts.averaging import Averages
from inbench.commands import bench_command, data_commands, packing, progress, under_way
from inbench.joints import choices, isolation, mask_files, registry, store, submissions
from inbench.joints.claims import Claims
from inbench.readers import chart_lines, curves, drawing, figures, report, tables
from inbench.readers.costs import cost_sheets
from inbench.runs import plan
from inbench.words import brackets, budget, disk, planned, published, records
from inbench.words.errors import UserError


@dataclass(frozen=True)
class Target:
    """A reader: a sound input of its, what is done with a damaged one in a folder of its own, and odd inputs of its kind."""

    base: bytes
    read: Callable[[Path, bytes], object]
    is_json: bool = False
    odd: tuple[bytes, ...] = ()


def _reference(method: str = "mean-fill") -> Path:
    return reference.on_drawn_faces(method)


def _record(folder: Path, change: str, data: bytes, method: str = "mean-fill") -> Path:
    """A results folder with one record, of which one file is another; its hash is right, as whoever changes it makes it."""
    results = folder / "results"
    record = results / "runs" / _reference(method).name
    shutil.rmtree(results, ignore_errors=True)
    shutil.copytree(_reference(method), record)
    (record / change).parent.mkdir(exist_ok=True)
    (record / change).write_bytes(data)
    if change != "done":
        listed = {
            path.relative_to(record).as_posix(): disk.sha256(path.read_bytes())
            for path in record.rglob("*")
            if path.is_file() and path.name != "done"
        }
        (record / "done").write_bytes(disk.to_json(listed))
    return results


def _look(folder: Path, change: str, data: bytes) -> None:
    """Everything that reads records."""
    results = _record(folder, change, data)
    tables.table(results).encode()
    tables.table(results, sheets=cost_sheets).encode()
    with contextlib.suppress(UserError):
        report.written(report.report(*report.rows_and_records(results)))
    packing.verify(results)
    with contextlib.suppress(UserError):
        packing.pack(results, folder / "results" / "pack.zip", weights=False)
    packing.merge(folder / "results" / "other", [results])


def _curve(folder: Path, data: bytes) -> None:
    """The curve of a training: drawn, in a report, and as a paper's claims take its swing."""
    results = _record(folder, "curve.csv", data, "autoencoder")
    found = [record for place in (results / "runs").iterdir() if (record := records.open_record(place))]
    chart_lines.trainings(found)
    drawn = {record.key: curve for record in found if (curve := curves.curve_of(record))}
    if drawn:
        styles = dict.fromkeys(drawn, drawing.Style("#000000", "o", "-"))
        figures.curve_figure(drawn, styles, "a caption").savefig(io.BytesIO(), format="svg")


def _zipped_scores(folder: Path, data: bytes) -> None:
    results = _record(folder, "run.json", (_reference() / "run.json").read_bytes())
    record = results / "runs" / _reference().name
    (scores,) = (record / "scores").glob("*.csv")
    scores.unlink()
    scores.with_name(scores.name + ".gz").write_bytes(data)
    listed = {name: disk.sha256((record / name).read_bytes()) for name in ("run.json", f"scores/{scores.name}.gz")}
    (record / "done").write_bytes(disk.to_json(listed))
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


def _zipped_album(folder: Path, data: bytes) -> None:
    shutil.rmtree(folder / "data", ignore_errors=True)
    (folder / "album.zip").write_bytes(data)
    choices.dataset(str(folder / "album.zip"), registry.load()).prepared(32, folder / "data", lambda *_: None)


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


def _masks_in(name: str) -> Callable[[Path, bytes], object]:
    def read(folder: Path, data: bytes) -> None:
        (folder / "masks").mkdir(exist_ok=True)
        (folder / "masks" / name).write_bytes(data)
        mask_files.read(folder / "masks" / name if name.endswith(".zip") else folder / "masks", "white", 32)

    return read


def _hole() -> bytes:
    held = io.BytesIO()
    Image.fromarray(np.eye(32, dtype=np.uint8) * 255).save(held, "PNG")
    return held.getvalue()


def _zip(**files: bytes) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(f"{name}.png", data)
    return held.getvalue()


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
    """What is typed: names with options, lists, sizes, shares, roles."""
    text, plugins = data.decode(errors="replace"), registry.load()
    paper = published.load("yeh2017")
    readings: list[Callable[[str], object]] = [
        lambda text: choices.mask(text, 32, plugins),
        lambda text: choices.dataset(text, plugins),
        lambda text: plan.chosen_methods(text, plugins),
        lambda text: published.roles_of(paper, text),
        budget.read,
        brackets.split_list,
        isolation.size_in_bytes,
        bench_command.percent,
        published.label_of,
    ]
    for reading in readings:
        with contextlib.suppress(UserError):
            reading(text)


ODD_WORDS = (
    b"/\0",
    b"a" * 5000,
    b"/" + b"a" * 5000,
    b"~nobody-of-that-name/faces",
    b"~/\0.zip",
    b"[" * 3000,
    b"a[" * 3000 + b"]" * 3000,
)


ODD_CURVES = (
    b"step,loss,val_psnr\n",
    b"step,step\n1,2\n",
    b"loss\n1\n",
    b"step,loss\n1,nan\n2,inf\n",
    b"step,loss\n1,1e308\n2,-1e308\n3,0\n",
    b"step,loss\n3,1\n3,1\n1,-1\n",
    b"step,loss\n1\n2,1,1,1\n",
    b'step,"lo\0ss\n',
)


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


def _status(results: Path) -> None:
    """What is under way, in words and as JSON."""
    found = under_way.survey(results)
    under_way.in_words(found)
    json.dumps(under_way.as_json(found), allow_nan=False)


def _under_way(folder: Path) -> Path:
    """A results folder with a run that somebody computes."""
    results = folder / "results"
    shutil.rmtree(results, ignore_errors=True)
    told = json.loads(_run_json())
    run = records.Run(**told["run"])
    work = results / "runs" / ".partial" / run.name
    work.mkdir(parents=True)
    (work / "spec.json").write_text(json.dumps({"run": told["run"], "labels": told["labels"]}))
    work.with_name(f"{run.name}.claim.1").write_bytes(CLAIM)
    return work


def _heartbeat(folder: Path, data: bytes) -> None:
    work = _under_way(folder)
    (work / "heartbeat.json").write_bytes(data)
    progress.phase(planned.read_object(work / "heartbeat.json"))
    _status(folder / "results")


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
    submitted = results / "runs" / submissions.FOLDER
    for name, about, spec in (
        ("slurm-0", SUBMISSION, data),
        ("slurm-1", data, b"{}"),
    ):  # the same to an engine, and damage there
        (submitted / name).mkdir(parents=True)
        (submitted / name / "about.json").write_bytes(about)
        (submitted / name / "runs.jsonl").write_bytes(b'{"spec": ' + spec + b', "state": "missing", "written": ""}\n')
    _status(results)
    tables.table(results)


def _net() -> Any:
    return registry.load().get("method", "autoencoder").cls


def _method() -> Any:
    cls = _net()
    return cls(32, cls.small)


def _checkpoint(folder: Path, data: bytes) -> None:
    (folder / "checkpoint.pt").write_bytes(data)
    training.drop_unreadable(folder / "checkpoint.pt", _method(), 0.9)


def _saved() -> bytes:
    held = io.BytesIO()
    method = _method()
    torch.save(training.state_of(method, Averages(method, 0.9), training.Progress()), held)
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
SUBMISSION = b'{"executor": "slurm", "utc": "2026", "limits": {}, "names": ["run-0"]}'
CLAIM = b'{"place": "0123", "processes": {"12": "345"}, "token": "0"}'


def targets() -> dict[str, Target]:
    """By what each reads."""
    spec = json.dumps({"run": json.loads(_run_json())["run"], "labels": {}}).encode()
    return {
        "run.json": Target(_run_json(), lambda folder, data: _look(folder, "run.json", data), is_json=True),
        "done": Target((_reference() / "done").read_bytes(), lambda folder, data: _look(folder, "done", data), is_json=True),
        "scores": Target(_scores(), lambda folder, data: _look(folder, _scores_name(), data)),
        "scores, gzipped": Target(_gzipped(), _zipped_scores),
        "curve": Target((_reference("autoencoder") / "curve.csv").read_bytes(), _curve, odd=ODD_CURVES),
        "weights": Target(_weights(), lambda folder, data: _look(folder, "weights.safetensors", data)),
        "archive of records": Target(_packed(), _archive),
        "picture": Target(picture(9), lambda folder, data: _album(folder, "p9.png", data)),
        "index.csv": Target(_index(), lambda folder, data: _album(folder, "index.csv", data)),
        "lossless part": Target(_npy(np.zeros((1, 32, 32, 3), np.uint8)), _lossless),
        "masks": Target(_npz(), _masks),
        "masks, a picture": Target(_hole(), _masks_in("hole.png")),
        "masks, zipped": Target(_zip(a=_hole(), b=_hole()), _masks_in("masks.zip")),
        "zip of pictures": Target(_zip(**{f"p{place}": picture(place) for place in range(4)}), _zipped_album),
        "names with options": Target(b"mix(center[side=20],brush[ratio=10-20])", _words, odd=ODD_WORDS),
        "prepared manifest": Target(_manifest(), _prepared, is_json=True),
        "published manifest": Target(_manifest(), _published, is_json=True),
        "accepted terms": Target(b'{"celeba": {"terms": "0", "utc": "2026"}}', _accepted, is_json=True),
        "heartbeat": Target(BEAT, _heartbeat, is_json=True),
        "claim": Target(CLAIM, _claim, is_json=True),
        "spec of a begun run": Target(spec, _spec, is_json=True),
        "checkpoint": Target(_saved(), _checkpoint),
    }


def _gzipped() -> bytes:
    return gzip.compress(_scores())


def _weights() -> bytes:
    return bytes(safetensors.torch.save({"net.weight": torch.zeros(2, 2)}))
