"""Guesses that somebody made elsewhere: read back, whole or with one sentence about what is wrong with them."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from inbench.acts import exporting
from inbench.acts.exporting import MANIFEST, Exchange
from inbench.joints.decoding import WORKERS
from inbench.joints.files import DAMAGE, Files, impostor
from inbench.joints.mask_files import whites
from inbench.words.errors import UserError
from inbench.words.mask import Holes

SIGNATURE = b"\x89PNG\r\n\x1a\n"
RGB = 2
COLOURS = {0: "grey", 3: "a picture with a palette", 4: "grey with alpha", 6: "RGB with alpha"}
"""What a PNG's header says of its colours."""
MOST_SPARE = 2**26
"""So many bytes more than the guesses need may an .npz unpack to: ids, holes, a manifest."""
SHOWN = 3


@dataclass(frozen=True)
class Given:
    """What was read, in the order of the exchange: guesses uint8 [N, S, S, 3], and the holes that came with them, if any."""

    guesses: NDArray[np.uint8]
    whites: NDArray[np.bool_] | None


def read(source: Path, exchange: Exchange, *, ordered: bool) -> Given:
    """Guesses from a folder or zip of PNGs, an .npz or an .npy. A `UserError` for the first thing that is wrong.

    ordered: whoever made them was told an order (there is a manifest), so that an array needs no ids.
    """
    if not source.exists():
        raise UserError(f"there is no {source}; guesses are a folder or zip of PNGs, an .npz, or an .npy")
    if source.suffix not in (".npz", ".npy"):
        return _from_pictures(Files(source), exchange)
    held = _arrays(source, exchange.images.nbytes + exchange.holes.nbytes)
    return _from_arrays(held, source, exchange, ordered=ordered)


def manifest_of(source: Path) -> dict[str, Any] | None:
    """The manifest of the export that guesses were made from: in them, or beside them; None where there is none."""
    if source.suffix == ".npz" and source.is_file():
        held = _arrays(source, None)
        return _manifest(str(held["manifest"]), source) if "manifest" in held else _beside(source.absolute().parent)
    return _beside(source) or _beside(source.absolute().parent)


def _beside(folder: Path) -> dict[str, Any] | None:
    file = folder / MANIFEST
    text = file.read_text(encoding="utf-8", errors="replace") if file.is_file() else ""
    return _manifest(text, file) if '"export"' in text else None  # others call their files so too


def named_manifest(export: Path) -> dict[str, Any]:
    """The manifest of the export that the user names: its folder, its .npz, or its manifest.json."""
    file = export / MANIFEST if export.is_dir() else export
    if not file.is_file():
        raise UserError(f"there is no {file}; --export is the folder or .npz that inbench export wrote")
    if file.suffix == ".npz":
        return _manifest(str(_arrays(file, None).get("manifest", "")), file)
    return _manifest(file.read_text(encoding="utf-8", errors="replace"), file)


def _manifest(text: str, where: Path) -> dict[str, Any]:
    """A manifest as `inbench export` wrote it."""
    try:
        told: dict[str, Any] = json.loads(text)
        if told["export"] > exporting.VERSION:
            raise UserError(f"{where} was written by a newer inbench ({told['inbench']}); pip install -U inbench")
        whole = exporting.sealed(told)["sha256"] == told["sha256"] and _has_all(told)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise UserError(f"{where} is no manifest of inbench export") from error
    if not whole:
        raise UserError(f"{where} is not as inbench export wrote it: it does not have its own sha256")
    return told


def _has_all(told: dict[str, Any]) -> bool:
    """Whether a manifest says what is read from it; what lacks raises KeyError or TypeError."""
    texts = [told["dataset"][name] for name in ("label", "content", "part")]
    texts += [told["mask"][name] for name in ("canonical", "shown", "holes")] + [one["id"] for one in told["images"]]
    sides = told["dataset"]["part"] in ("test", "val") and told["polarity"] in ("white", "black")
    return sides and all(isinstance(text, str) for text in texts) and isinstance(told["size"] + told["protocol"], int)


def _from_pictures(files: Files, exchange: Exchange) -> Given:
    """PNGs named as those in seen/; those under holes/ are the holes that were used."""
    there = [name for name in files.pictures() if not name.startswith("holes/")]
    wanted = {exchange.files[image_id]: image_id for image_id in exchange.ids}
    lossy = [name for name in there if name not in wanted and not name.lower().endswith(".png")]
    if lossy:
        raise UserError(
            f"{files.source}: {_some(lossy)}: guesses are PNG, named as in seen/; other forms may have lost something"
        )
    _match(there, wanted, str(files.source), "pictures")
    size = exchange.images.shape[1]

    def one(name: str) -> NDArray[np.uint8]:
        return decoded(files.read(name), size, f"{files.source}: {name}")

    with ThreadPoolExecutor(1 if files.archive else WORKERS) as pool:  # a zip has one place that it is read at
        guesses = np.stack(list(pool.map(one, wanted)))
    given = [f"holes/{name}" for name in wanted]
    if not files.known.intersection(given):
        return Given(guesses, None)
    _match([name for name in files.pictures() if name.startswith("holes/")], given, str(files.source), "holes")
    return Given(guesses, np.stack([_white(files.read(name), size, f"{files.source}: {name}") for name in given]))


def _match(there: Sequence[str], wanted: Collection[str], where: str, what: str) -> None:
    """Nothing is missing, nothing is too much."""
    here = set(there)
    missing, extra = [name for name in wanted if name not in here], [name for name in there if name not in wanted]
    if missing:
        also = f" (and holds {_some(extra)}, which are none of them)" if extra else ""
        raise UserError(f"{where} lacks {len(missing)} of {len(wanted)} {what}: {_some(missing)}{also}")
    if extra:
        raise UserError(f"{where} holds {len(extra)} {what} that are none of the {len(wanted)} asked for: {_some(extra)}")


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:SHOWN]) + (f" and {len(names) - SHOWN} more" if len(names) > SHOWN else "")


def decoded(data: bytes, size: int, what: str) -> NDArray[np.uint8]:
    """A PNG of 8-bit RGB of that size, uint8 [S, S, 3]; what it is comes from its header, before anything is decoded."""
    if wrong := impostor(data):
        raise UserError(f"{what} {wrong}")
    if not data.startswith(SIGNATURE) or len(data) < 33:
        raise UserError(f"{what} is no PNG, whatever its name says; guesses are PNG, which loses nothing")
    width, height = (int.from_bytes(data[start : start + 4], "big") for start in (16, 20))
    depth, colours = data[24], data[25]
    if (width, height) != (size, size):
        raise UserError(f"{what} is {width}x{height}, not {size}x{size} as the pictures in seen/")
    if colours != RGB:
        raise UserError(f"{what} is {COLOURS.get(colours, 'of unknown colours')}; guesses are 8-bit RGB")
    if depth != 8:
        raise UserError(f"{what} has {depth} bits a channel; guesses have 8")
    try:
        with Image.open(io.BytesIO(data), formats=["PNG"]) as picture:
            if "transparency" in picture.info:
                raise UserError(f"{what} has a transparent colour; guesses are 8-bit RGB")
            return np.asarray(picture.convert("RGB"))
    except (OSError, ValueError, SyntaxError) as error:
        raise UserError(f"{what} is a damaged PNG: {error}") from error


def _white(data: bytes, size: int, what: str) -> NDArray[np.bool_]:
    """White pixels of a picture of a hole, bool [S, S]."""
    try:
        with Image.open(io.BytesIO(data), formats=["PNG"]) as picture:
            level = np.asarray(picture.convert("L")) if picture.size == (size, size) else np.zeros((0, 0), np.uint8)
    except (OSError, ValueError, SyntaxError) as error:
        raise UserError(f"{what} is no readable PNG of a hole: {error}") from error
    if not level.size:
        raise UserError(f"{what} is not {size}x{size}")
    return whites(level, what, int(level.max()))


def _arrays(source: Path, needed: int | None) -> Mapping[str, NDArray[Any]]:
    """The arrays in an .npz or .npy, without pickle and no larger than they can be; without `needed`, the manifest alone."""
    try:
        if source.suffix == ".npy":
            held = np.load(source, mmap_mode="r", allow_pickle=False)
            if not isinstance(held, np.ndarray):
                raise UserError(f"{source} is an archive of arrays; call it {source.with_suffix('.npz').name}")
            return {"guesses": held}
        with zipfile.ZipFile(source) as archive:
            unpacked = sum(member.file_size for member in archive.infolist() if needed or member.filename == "manifest.npy")
        if unpacked > (needed or 0) + MOST_SPARE:
            raise UserError(
                f"{source} would unpack to {unpacked / 2**20:.0f} MB, and guesses need {(needed or 0) / 2**20:.0f} MB"
            )
        with np.load(source, allow_pickle=False) as held:
            return {name: np.asarray(held[name]) for name in held.files if needed or name == "manifest"}
    except (*DAMAGE, TypeError, AttributeError, MemoryError) as error:
        raise UserError(f"{source} holds no arrays that can be read: {error or type(error).__name__}") from error


def _from_arrays(held: Mapping[str, NDArray[Any]], source: Path, exchange: Exchange, *, ordered: bool) -> Given:
    """`guesses`, or the only other array; `ids` where the order is another; `holes` that were used."""
    own = [name for name in held if name not in ("ids", "holes", "manifest")]
    if "guesses" not in own and len(own) != 1:
        raise UserError(f"{source} must hold `guesses`, uint8 [N, S, S, 3]; it holds {', '.join(held) or 'nothing'}")
    guesses = held["guesses" if "guesses" in own else own[0]]
    ids, size = exchange.ids, exchange.images.shape[1]
    if "ids" in held:
        given = [one.decode("utf-8", "replace") if isinstance(one, bytes) else str(one) for one in held["ids"].reshape(-1)]
        if len(set(given)) != len(given):
            raise UserError(f"{source}: an id stands twice")
        _match(given, dict.fromkeys(ids), str(source), "ids")
        place = {image_id: number for number, image_id in enumerate(given)}
        order = [place[image_id] for image_id in ids]
    elif ordered:
        order = list(range(len(ids)))
    else:
        raise UserError(
            f"{source} does not say which guess is whose: add `ids`, or lay the manifest.json of the export beside it"
        )
    _check_shape(guesses, (len(ids), size, size, 3), source)
    if "holes" not in held:
        return Given(np.ascontiguousarray(guesses[order]), None)
    holes = held["holes"]
    if holes.dtype.kind not in "bu" or holes.size != len(ids) * size * size:
        raise UserError(f"{source}: `holes` is {holes.dtype} {list(holes.shape)}, not uint8 {[len(ids), size, size]}")
    holes, top = holes.reshape(len(ids), size, size), int(holes.max(initial=0))
    return Given(
        np.ascontiguousarray(guesses[order]),
        np.stack([whites(holes[place], f"{source}: hole {place}", top) for place in order]),
    )


def _check_shape(guesses: NDArray[Any], wanted: tuple[int, ...], source: Path) -> None:
    told = f"{source}: guesses are {guesses.dtype} {list(guesses.shape)}, not uint8 {list(wanted)}"
    if guesses.dtype.kind == "f":
        raise UserError(f"{told}; round them first: np.uint8(255 * guesses + 0.5) where they are in [0, 1]")
    if guesses.shape == (wanted[0], 3, *wanted[1:3]):
        raise UserError(f"{told}; channels come last: guesses.transpose(0, 2, 3, 1)")
    if guesses.dtype != np.uint8 or guesses.shape != wanted:
        raise UserError(told)


def content_hash(exchange: Exchange, guesses: NDArray[np.uint8]) -> str:
    """SHA-256 over id and pixels of every guess, whatever file it came in and in which order."""
    digest = hashlib.sha256()
    for image_id, guess in sorted(zip(exchange.ids, guesses, strict=True), key=lambda pair: pair[0]):
        digest.update(f"{image_id}\0".encode() + guess.tobytes())
    return digest.hexdigest()


def check_holes(given: Given, holes: Holes, ids: Sequence[str], polarity: str) -> None:
    """The holes that came with the guesses are the protocol's."""
    if given.whites is None:
        return
    missing = given.whites if polarity == "white" else ~given.whites
    wrong = (missing != holes[:, 0]).any((1, 2))
    if not wrong.any():
        return
    if (missing != holes[:, 0]).all():
        other = "black" if polarity == "white" else "white"
        raise UserError(f"the holes that came with the guesses are the right ones the wrong way round; add --polarity {other}")
    first = ids[int(wrong.argmax())]
    raise UserError(f"{wrong.sum()} of {len(ids)} holes that came with the guesses are others, such as that of {first!r}")


def moved(guesses: NDArray[np.uint8], images: NDArray[np.uint8], holes: Holes) -> NDArray[np.float64]:
    """How far each guess moved the known pixels, mean absolute difference in 8-bit levels [N]. A `UserError` for BGR."""
    known = ~holes[:, 0, :, :, None]
    apart = np.abs(guesses.astype(np.int16) - images) * known
    mirrored = np.abs(guesses[..., ::-1].astype(np.int16) - images) * known
    if apart.any() and not mirrored.any():
        raise UserError("red and blue are swapped in the guesses (OpenCV's order is BGR); swap them and score again")
    found: NDArray[np.float64] = apart.sum((1, 2, 3)) / np.maximum(3 * known.sum((1, 2, 3)), 1)
    return found
