"""The readers of what others made: guesses and exports, papers, timings, official lists of data sets, plugin files."""

from __future__ import annotations

import argparse
import atexit
import functools
import io
import json
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import driving
import numpy as np
import official_layouts
from numpy.typing import NDArray
from readers import Target

from inbench.acts import conventions, exporting, guesses, rescoring
from inbench.acts.exporting import Exchange
from inbench.commands import bench_command, cli_exchange
from inbench.joints import choices, registry
from inbench.readers import formats, paper_sheets, tables, timings, voting
from inbench.runs import paper_runs, plan
from inbench.words import disk, published, records
from inbench.words.errors import visible

DATA = "drawn-faces[train=4,val=2,test=2]"
METHOD = b"""import inbench

class Grey(inbench.Method):
    name = "all-grey"
    summary, paper, licence = "grey", "none", "none"

    def inpaint(self, seen, hole, seed):
        return seen.masked_fill(hole, 0.5)

@inbench.hookimpl
def inbench_methods():
    return [Grey]
"""
VOTES = b"page,question,choice,seconds\n0a,1,left,2.5\n0a,2,right,1.0\n0a,2,left,1.5\n"
KEY = json.dumps(
    {
        "page": "0a",
        "seed": 0,
        "questions": [{"left": "linear", "right": "mean-fill"}, {"left": "original", "right": "linear"}],
    }
).encode()
ODD_PLUGINS = (
    METHOD + b"\0",
    METHOD.decode().encode("utf-16"),
    b"# coding: latin-1\n# \xe9\n" + METHOD,
    b"# coding: no-such-code\n" + METHOD,
    b"(" * 5000,
    b"-" * 100_000 + b"1",
    b"x = 1\n" * 200_000,
    METHOD.replace(b"[Grey]", b"Grey"),
    METHOD.replace(b"[Grey]", b"[Grey, 7, None]"),
    METHOD.replace(b"return [Grey]", b"raise SystemExit(0)"),
    METHOD.replace(b'"all-grey"', b'"../../all-grey"'),
    METHOD.replace(b'"all-grey"', b'"mean-fill"'),
    b"raise SystemExit(0)\n",
)


@dataclass(frozen=True)
class World:
    """What guesses are made from: prepared data, an export of it, and a record of guesses that were scored."""

    data: Path
    exchange: Exchange
    record: Path
    pixels: NDArray[np.uint8]


@functools.cache
def world() -> World:
    """Made once a process, outside of every folder that a target may write to."""
    folder = Path(tempfile.mkdtemp(prefix="inbench-world-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    plugins = registry.load()
    data = choices.dataset(DATA, plugins).prepared(32, folder / "data", lambda *_: None)
    mask = choices.mask("center", 32, plugins)
    exchange = exporting.prepare(data, mask)
    exporting.write(exchange, folder / "to-fill")
    pixels = np.where(exchange.holes[:, 0, :, :, None], np.uint8(99), exchange.images)
    stranger, given = rescoring.Stranger("mine"), guesses.Given(pixels, None)
    record = rescoring.add(stranger, given, exchange, data, mask, plugins, folder / "results", lambda *_: None)
    return World(folder / "data", exchange, record.folder, pixels)


def _manifest() -> bytes:
    return (world().data.parent / "to-fill" / "manifest.json").read_bytes()


def _png(place: int) -> bytes:
    return official_layouts.encoded(world().pixels[place])


def _hole(place: int) -> bytes:
    return official_layouts.encoded(world().exchange.holes[place, 0].astype(np.uint8) * 255)


def _pictures() -> dict[str, bytes]:
    """Guesses and the holes that they were made for, by file name."""
    files = list(world().exchange.files.values())
    return {name: _png(place) for place, name in enumerate(files)} | {
        f"holes/{name}": _hole(place) for place, name in enumerate(files)
    }


def _laid(folder: Path, files: dict[str, bytes]) -> Path:
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


def _scored(source: Path) -> None:
    """Guesses read as `score` and `conventions` read them."""
    exchange = world().exchange
    manifest = guesses.manifest_of(source)
    if manifest is not None:
        exporting.check_same(manifest, exchange.manifest)
    given = guesses.read(source, exchange, ordered=True)
    guesses.check_holes(given, exchange.holes, exchange.ids, "white")
    guesses.moved(given.guesses, exchange.images, exchange.holes)


def _in_folder(name: str) -> Callable[[Path, bytes], object]:
    """One picture of a folder of guesses is damaged."""
    return lambda folder, data: _scored(_laid(folder / "guesses", {**_pictures(), name: data}))


def _as_file(name: str) -> Callable[[Path, bytes], object]:
    """Guesses in one file."""
    return lambda folder, data: _scored(_laid(folder, {name: data}) / name)


def _npz() -> bytes:
    held, ids = io.BytesIO(), np.array(world().exchange.ids)
    np.savez(held, guesses=world().pixels, ids=ids, holes=world().exchange.holes[:, 0], manifest=np.array(_manifest().decode()))
    return held.getvalue()


def _npy() -> bytes:
    held = io.BytesIO()
    np.save(held, world().pixels)
    return held.getvalue()


def _header(shape: str) -> bytes:
    """An array that has a head and nothing else."""
    told = f"{{'descr': '|u1', 'fortran_order': False, 'shape': {shape}, }}"
    return b"\x93NUMPY\x01\x00" + (118).to_bytes(2, "little") + told.ljust(117).encode() + b"\n"


ODD_ARRAYS = (
    _header("(2, 32, 32, 3)"),
    _header(f"({10**15},)"),
    _header(f"({10**30},)"),
    _header("(-1, 32, 32, 3)"),
    _header("()"),
)


def _zip() -> bytes:
    held = Path(tempfile.mkdtemp(prefix="inbench-zip-"))
    try:
        _laid(held / "guesses", _pictures())
        return Path(shutil.make_archive(str(held / "made"), "zip", held / "guesses")).read_bytes()
    finally:
        shutil.rmtree(held)


def _exported(folder: Path, data: bytes) -> None:
    """The manifest of an export; its own hash is right, as whoever changes it makes it."""
    try:
        told = json.loads(data)
        data = json.dumps(exporting.sealed(told)).encode() if isinstance(told, dict) else data
    except (ValueError, RecursionError):
        pass
    shutil.rmtree(folder / "data", ignore_errors=True)
    shutil.copytree(world().data, folder / "data")
    export = _laid(folder / "export", {"manifest.json": data})
    given = dict.fromkeys(("dataset", "mask", "size", "part", "images", "polarity"))
    asked = argparse.Namespace(**given, export=export, data=folder / "data", what=str(_laid(folder / "guesses", _pictures())))
    list(cli_exchange._of_guesses(asked, registry.load()))


def _kept(change: str) -> Callable[[Path, bytes], object]:
    """A record that kept its guesses, of which one file is another; its hash is right."""

    def read(folder: Path, data: bytes) -> None:
        record = folder / "results" / "runs" / world().record.name
        shutil.rmtree(folder / "results", ignore_errors=True)
        shutil.copytree(world().record, record)
        (record / change).write_bytes(data)
        listed = {name: disk.sha256((record / name).read_bytes()) for name in json.loads((record / "done").read_text())}
        (record / "done").write_bytes(disk.to_json(listed))
        found = records.open_record(record)
        if found is None:
            return
        plugins = registry.load()
        for one in rescoring.kept(found, plugins, world().data):
            place = {image_id: number for number, image_id in enumerate(one.part.ids)}
            conventions.table(one.guesses, one.part.images[[place[image_id] for image_id in one.ids]], one.holes)
        rescoring.again(found, choices.metrics("", plugins), plugins, world().data, lambda *_: None)

    return read


def _part_of_record(ending: str) -> str:
    return next(path for path in world().record.rglob(f"*{ending}")).relative_to(world().record).as_posix()


def _from_record(ending: str) -> Target:
    name = _part_of_record(ending)
    odd = ODD_ARRAYS if ending == ".npy" else ()
    return Target((world().record / name).read_bytes(), _kept(name), is_json=ending == "run.json", odd=odd)


def _paper(folder: Path, data: bytes) -> None:
    """A paper of the user's own, its tables, and the plan of what they need."""
    paper = published.load(str(_laid(folder, {"paper.toml": data}) / "paper.toml"))
    for form in ("markdown", "latex", "html", "csv"):
        tables.paper(folder / "results", str(folder / "paper.toml"), form).encode()
    tables.claims(folder / "results", str(folder / "paper.toml"), "markdown").encode()
    paper_sheets.as_rows(paper_sheets.Beside(paper, [], {}, None), paper.tables)
    rows = [*paper_runs.rows_of(paper), *paper_runs.claimed(paper)]
    paper_runs.requests(paper, rows, None, None, plan.Request(methods="all"))


def _odd_papers() -> tuple[bytes, ...]:
    """Nested deeper than any parser goes, one wrong key below many lines, and one inside a text of many lines."""
    sound, lines = _sound_paper(), b"# nothing\n" * 3000
    return b"a = " + b"[" * 100_000, sound + lines + b"[odd]\n", b'title = """' + b"\n" * 3000 + b'"""\n' + lines + b"[odd]\n"


def _sound_paper() -> bytes:
    return (published.FOLDER / "meng2020.toml").read_bytes()


def _voted(votes: bytes | None = None, key: bytes | None = None) -> Callable[[Path, bytes], object]:
    """The votes on a blinded page, or its key; the other one is sound."""

    def read(folder: Path, data: bytes) -> None:
        _laid(folder, {"votes.csv": votes or data, "key.json": key or data})
        found = voting.read([folder / "votes.csv"], folder / "key.json")
        formats.markdown(voting.sheets(found, 1)).encode()
        json.dumps(voting.as_rows(found), allow_nan=False)

    return read


def _timings(folder: Path, data: bytes) -> None:
    """Timings, and as those that others are compared with."""
    sound = timings.read(_laid(folder, {"sound.json": _some_timings()}) / "sound.json")
    told = timings.read(_laid(folder, {"timings.json": data}) / "timings.json")
    timings.page(told).encode()
    timings.page(sound, before=told, name="timings.json").encode()
    timings.where_they_differ(sound, told)
    bench_command.slowed(timings.ratios_to(sound, told), 0.1)


@functools.cache
def _some_timings() -> bytes:
    bench = driving.ROOT / "results" / "reference" / "bench"
    told = json.loads((bench / "timings.json").read_text())
    ratios = json.loads((bench / "ratios.json").read_text())["benchmarks"]
    kinds = {entry["group"]: entry for entry in told["benchmarks"]}
    told["benchmarks"] = [*kinds.values(), *[entry for entry in ratios if "ratio" in entry["extra_info"]][:1]]
    told["without_times"] = told["without_times"][:1]
    return json.dumps(told).encode()


def _official(name: str, layout: Callable[[], dict[str, bytes | str]], change: str) -> Callable[[Path, bytes], object]:
    """A data set in its official layout, of which one list is damaged."""

    def read(folder: Path, data: bytes) -> None:
        shutil.rmtree(folder / "data", ignore_errors=True)
        files = {file: text.encode() if isinstance(text, str) else text for file, text in layout().items()}
        source = _laid(folder / "source", {**files, change: data})
        choices.dataset(name, registry.load(), source=source).prepared(32, folder / "data", lambda *_: None)

    return read


def _list_of(name: str, layout: Callable[[], dict[str, bytes | str]], ending: str) -> Target:
    made = functools.cache(layout)
    file, data = next((file, data) for file, data in made().items() if file.endswith(ending))
    return Target(data.encode() if isinstance(data, str) else data, _official(name, made, file))


def _plugin(folder: Path, data: bytes) -> None:
    """A plugin file, as every command with --plugin reads it."""
    file = _laid(folder, {"grey.py": data}) / "grey.py"
    try:
        found = registry.load([str(file)])
    finally:
        registry._load.cache_clear()  # it would keep every one
    assert "mean-fill" in found.names("method")
    for fault in found.faults:
        visible(fault).encode()


def targets() -> dict[str, Target]:
    """By what each reads."""
    first = next(iter(world().exchange.files.values()))
    cars = official_layouts.cars_in_parts
    return {
        "guesses, a picture": Target(_png(0), _in_folder(first)),
        "guesses, a hole": Target(_hole(0), _in_folder(f"holes/{first}")),
        "guesses, zipped": Target(_zip(), _as_file("guesses.zip")),
        "guesses, npz": Target(_npz(), _as_file("guesses.npz")),
        "guesses, npy": Target(_npy(), _as_file("guesses.npy"), odd=ODD_ARRAYS),
        "export manifest": Target(_manifest(), _exported, is_json=True),
        "kept guesses": _from_record(".npy"),
        "kept guesses, ids": _from_record(".csv"),
        "kept guesses, run.json": _from_record("run.json"),
        "paper": Target(_sound_paper(), _paper, odd=_odd_papers()),
        "votes": Target(VOTES, _voted(key=KEY)),
        "key of a blinded page": Target(KEY, _voted(votes=VOTES), is_json=True),
        "timings": Target(_some_timings(), _timings, is_json=True),
        "CelebA, partition": _list_of("celeba", official_layouts.celeba, official_layouts.PARTITION),
        "CelebA, landmarks": _list_of("celeba", official_layouts.celeba, official_layouts.LANDMARKS),
        "CelebA, identity": _list_of("celeba", official_layouts.celeba, official_layouts.IDENTITY),
        "Stanford Cars, cars_train_annos.mat": _list_of("stanford-cars", cars, "cars_train_annos.mat"),
        "Stanford Cars, cars_annos.mat": _list_of("stanford-cars", official_layouts.cars_in_one, "cars_annos.mat"),
        "plugin file": Target(METHOD, _plugin, odd=ODD_PLUGINS),
    }
