"""Exporting: the seen pictures and the holes of a data set and mask, with all that a stranger needs to fill them elsewhere."""

from __future__ import annotations

import filecmp
import hashlib
import io
import json
import os
import re
import shutil
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from inbench import __version__
from inbench.acts import scoring
from inbench.joints.choices import MaskChoice
from inbench.joints.decoding import WORKERS
from inbench.joints.store import Prepared
from inbench.words import disk
from inbench.words.errors import UserError
from inbench.words.mask import Holes
from inbench.words.protocol import PROTOCOL

VERSION = 1
MANIFEST = "manifest.json"
PLAIN = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,99}")
RESERVED = re.compile(r"(?i)(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?")
"""Names that Windows keeps for devices."""
HOW = (
    "seen/FILE is the picture with black in the hole, holes/FILE its hole: pixels of the colour that `polarity` names are "
    "missing. Answer each with a whole picture of the same size, an 8-bit RGB PNG of the same file name, in a folder of its "
    "own beside seen/ and holes/; or all of them in one .npz, `guesses` as uint8 [N, S, S, 3] and `ids`. Only the hole is "
    "scored: known pixels are pasted back."
)

Polarity = Literal["white", "black"]
"""Which colour of a picture of a hole is missing."""


@dataclass(frozen=True)
class Exchange:
    """What goes out and comes back: pictures of one part with their holes, in the protocol's subset order."""

    ids: list[str]
    files: dict[str, str]
    images: NDArray[np.uint8]
    holes: Holes
    manifest: dict[str, Any]
    places: list[int]

    def own_order(self) -> list[int]:
        """How to bring them into the data set's own order, which records have."""
        return sorted(range(len(self.places)), key=self.places.__getitem__)


def prepare(
    data: Prepared, mask: MaskChoice, *, part: str = "test", count: int | None = None, polarity: Polarity = "white"
) -> Exchange:
    """The first `count` pictures of a part by the protocol (all: None), their holes, and the manifest that tells of them."""
    pictures = data.part(part)
    places = pictures.first(count)
    ids = [pictures.ids[place] for place in places]
    images = np.ascontiguousarray(pictures.images[places])
    holes = mask.mask.draw(ids, images.shape[1])
    files = {image_id: f"{name}.png" for image_id, name in file_names(pictures.ids).items()}
    manifest = _told(data, mask, part, polarity)
    manifest["images"] = [{"id": image_id, "file": files[image_id]} for image_id in ids]
    found = Exchange(ids, files, images, holes, manifest, places)
    manifest["mask"]["holes"] = scoring.holes_hash(holes[found.own_order()])
    return found


def _told(data: Prepared, mask: MaskChoice, part: str, polarity: Polarity) -> dict[str, Any]:
    said = data.manifest
    return {
        "export": VERSION,
        "inbench": __version__,
        "protocol": PROTOCOL,
        "how": HOW,
        "size": said["size"],
        "polarity": polarity,
        "dataset": {
            **{name: said[name] for name in ("label", "content", "licence", "citation", "shareable", "notes")},
            "part": part,
        },
        "mask": {"canonical": mask.canonical, "shown": mask.shown},
    }


def check_same(theirs: dict[str, Any], ours: dict[str, Any]) -> None:
    """Guesses were made from these very pictures and holes. A `UserError` says what is another."""
    for what, one, other in (
        ("data set", theirs["dataset"], ours["dataset"]),
        ("mask", theirs["mask"], ours["mask"]),
    ):
        hashed = "content" if what == "data set" else "canonical"
        if one[hashed] != other[hashed]:
            name = "label" if what == "data set" else "shown"
            same = f" of another content ({one[hashed][:12]}, here {other[hashed][:12]})" if one[name] == other[name] else ""
            raise UserError(f"the guesses were made for the {what} {one[name]}{same}, not for {other[name]}")
    if theirs["protocol"] != ours["protocol"]:
        raise UserError(f"the guesses were made for protocol {theirs['protocol']}, not for {ours['protocol']}")
    if theirs["dataset"]["part"] != ours["dataset"]["part"]:
        raise UserError(f"the guesses were made for the {theirs['dataset']['part']} part, not for {ours['dataset']['part']}")
    if [one["id"] for one in theirs["images"]] != [one["id"] for one in ours["images"]]:
        raise UserError(
            f"the guesses were made for {len(theirs['images'])} images, not for the {len(ours['images'])} asked for"
        )
    if theirs["mask"]["holes"] != ours["mask"]["holes"]:
        raise UserError(f"the holes of {ours['mask']['shown']} were drawn in another way when the guesses were made")


def file_names(ids: Sequence[str]) -> dict[str, str]:
    """A file name for each id of a part, the id itself wherever every system can hold it and tell it from the others."""
    alike = Counter(image_id.casefold() for image_id in ids)
    names = {}
    for image_id in ids:
        plain = PLAIN.fullmatch(image_id) and not image_id.endswith(".") and not RESERVED.fullmatch(image_id)
        if plain and alike[image_id.casefold()] == 1:
            names[image_id] = image_id
        else:
            digest = hashlib.sha256(image_id.encode()).hexdigest()[:16]
            names[image_id] = f"{re.sub(r'[^A-Za-z0-9]+', '_', image_id)[:60].strip('_')}-{digest}".lstrip("-")
    return names


def sealed(manifest: dict[str, Any]) -> dict[str, Any]:
    """The manifest with the hash of everything else in it."""
    told = {name: value for name, value in manifest.items() if name != "sha256"}
    text = json.dumps(told, sort_keys=True, separators=(",", ":"))
    return {**told, "sha256": hashlib.sha256(text.encode()).hexdigest()}


def write(exchange: Exchange, output: Path) -> bool:
    """Write a folder of PNGs, or one file where the name ends in .npz, whole or not at all. False: it was there already.

    A `UserError` where something else is there.
    """
    beside = output.absolute().with_name(f".{output.name}.{os.getpid()}")
    try:
        output.absolute().parent.mkdir(parents=True, exist_ok=True)
        _write_npz(exchange, beside) if output.suffix == ".npz" else _write_folder(exchange, beside)
        if not output.exists() or (output.is_dir() and not any(output.iterdir())):
            if output.exists():
                output.rmdir()
            beside.rename(output)
            return True
        if not _is_same(beside, output):
            raise UserError(f"{output} exists and holds something else; name another --output, or remove it first")
        return False
    except OSError as error:
        raise UserError(f"{output} cannot be written: {error.strerror or error}") from error
    finally:
        shutil.rmtree(beside) if beside.is_dir() else beside.unlink(missing_ok=True)


def _is_same(one: Path, other: Path) -> bool:
    """Whether a file or a tree is another's, byte for byte."""
    if one.is_file():
        return other.is_file() and filecmp.cmp(one, other, shallow=False)
    wanted, found = ({path.relative_to(root) for path in root.rglob("*") if path.is_file()} for root in (one, other))
    return wanted == found and all(filecmp.cmp(one / path, other / path, shallow=False) for path in wanted)


def _seen(exchange: Exchange) -> NDArray[np.uint8]:
    """The pictures with 0 in the hole: what is under it never leaves."""
    return np.where(exchange.holes[:, 0, :, :, None], np.uint8(0), exchange.images)


def _drawn(exchange: Exchange) -> NDArray[np.uint8]:
    """Pictures of the holes, [N, S, S]."""
    coloured = exchange.holes[:, 0] == (exchange.manifest["polarity"] == "white")
    return np.where(coloured, np.uint8(255), np.uint8(0))


def _write_folder(exchange: Exchange, folder: Path) -> None:
    pictures = {"seen": _seen(exchange), "holes": _drawn(exchange)}
    for kind in pictures:
        (folder / kind).mkdir(parents=True)

    def one(place: int) -> dict[str, str]:
        file, hashes = exchange.files[exchange.ids[place]], {}
        for kind, pixels in pictures.items():
            held = io.BytesIO()
            Image.fromarray(pixels[place]).save(held, "PNG")
            (folder / kind / file).write_bytes(held.getvalue())
            hashes[f"{kind}_sha256"] = hashlib.sha256(held.getvalue()).hexdigest()
        return hashes

    with ThreadPoolExecutor(WORKERS) as pool:
        hashes = list(pool.map(one, range(len(exchange.ids))))
    images = [{**told, **found} for told, found in zip(exchange.manifest["images"], hashes, strict=True)]
    (folder / MANIFEST).write_bytes(disk.to_json(sealed({**exchange.manifest, "images": images})))


def _write_npz(exchange: Exchange, file: Path) -> None:
    with file.open("wb") as stream:
        np.savez_compressed(
            stream,
            seen=_seen(exchange),
            holes=_drawn(exchange),
            ids=np.array(exchange.ids, dtype=np.str_),
            manifest=np.array(json.dumps(sealed(exchange.manifest), sort_keys=True)),
        )
