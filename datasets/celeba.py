"""celeba: aligned CelebA in its official layout; crop and split are part of its name.

Liu, Luo, Wang and Tang, "Deep Learning Face Attributes in the Wild", ICCV 2015. Of the release it reads img_align_celeba (a
folder or its zip), list_eval_partition.txt, list_landmarks_align_celeba.txt and, where it is there, identity_CelebA.txt.
"""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Literal

from inbench import Box, Dataset, Decoded, Files, Pictures, Split, UserError, Warp, hookimpl, param

ALIGNED = (178, 218)  # width and height of every aligned picture
FACES = "img_align_celeba"
PARTITION, LANDMARKS, IDENTITY = "list_eval_partition.txt", "list_landmarks_align_celeba.txt", "identity_CelebA.txt"
OFFICIAL_PARTITION = "d32c9cbf5e040fd4025c592c306e6668"  # its MD5, as torchvision pins it
PARTS = {"0": "train", "1": "val", "2": "test"}
POINTS = [f"{point}_{axis}" for point in ("lefteye", "righteye", "nose", "leftmouth", "rightmouth") for axis in "xy"]
TEMPLATE = (17.75 + 10.71j, 45.19 + 10.18j, 31.49 + 27.01j, 19.66 + 41.08j, 44.51 + 40.59j)
"""The same five points in OpenFace's template (align_dlib.py), x + iy in pixels of 64 x 64: middles of the eyes, tip of the
nose, corners of the mouth. OpenFace itself aligns by dlib's landmarks, so this comes near its crop and is not the same."""


CROPS = {
    "openface": "crop: turned and scaled by the five official landmarks to OpenFace's template, near its own crop",
    "center178": "crop: the middle square of 178 pixels",
    "center108": "crop: the middle square of 108 pixels",
}


class CelebA(Dataset):
    name = "celeba"
    summary = "202,599 aligned faces in the official layout: a folder with img_align_celeba and its lists"
    licence = "CelebA agreement: non-commercial research, no redistribution"
    citation = "Liu, Luo, Wang, Tang, Deep Learning Face Attributes in the Wild, ICCV 2015"
    needs_source = True
    where = "https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html: img_align_celeba.zip and the lists of Anno and Eval"
    terms = (
        "CelebA is for non-commercial research only. Its pictures were found on the internet and are not the property of those "
        "who collected them. By using it you agree not to sell or exploit any part of it, and not to copy or pass on any part "
        "of it other than to people at your own site. The agreement in full is on its page."
    )

    @dataclasses.dataclass(frozen=True)
    class Params:
        crop: Literal["openface", "center178", "center108"] = param(
            "openface", "openface: turned and scaled by five landmarks; else the middle square of that many pixels"
        )
        split: Literal["official", "meng-200k", "yeh-2000"] = param(
            "official", "official; meng-200k: the first 200,000 files train; yeh-2000: the first 2,000 files test"
        )

    def prepare(self, source: Path | None, size: int) -> Split:
        if source is None:
            raise UserError("celeba needs its files; write inbench data prepare celeba --from PATH")
        lists, pictures = opened(source)
        where = {
            PurePosixPath(name).name: name for name in pictures.pictures() if FACES in (*name.split("/"), pictures.source.stem)
        }
        if not where:
            raise UserError(f"{source} holds no {FACES}, neither the folder nor {FACES}.zip; see {self.where}")
        parts, notes = members(self.params.split, lists, sorted(where))
        notes.insert(0, CROPS[self.params.crop])
        owners = identities(lists)
        if not owners:
            notes.append(f"without {IDENTITY}, intervals take pictures of one person as independent")
        warps = openface(lists) if self.params.crop == "openface" else {}

        def view(name: str, width: int, height: int) -> Box | Warp:
            if (width, height) != ALIGNED:
                raise ValueError(f"it is {width}x{height}, and aligned CelebA pictures are 178x218")
            if self.params.crop != "openface":
                return Box.middle(width, height, int(self.params.crop.removeprefix("center")))
            warp = warps.get(PurePosixPath(name).name)
            if warp is None:
                raise ValueError(f"{LANDMARKS} does not name it")
            return warp

        split = {}
        for part, ids in parts.items():
            groups = tuple(owners.get(name, name) for name in ids) if owners else None
            split[part] = Pictures(tuple(ids), Decoded(pictures, [where[name] for name in ids], size, view), groups)
        hashes = {name: sha256(lists, name) for name in (PARTITION, LANDMARKS, IDENTITY) if lists.find(name)}
        return Split(split["train"], split["test"], split.get("val"), official=True, notes=tuple(notes), lists=hashes)


def opened(source: Path) -> tuple[Files, Files]:
    """Where the lists are and where the pictures are: in one folder or zip, or the pictures in their own zip in that folder."""
    lists = Files(source)
    zipped = lists.find(f"{FACES}.zip")
    if zipped is None or any(FACES in name.split("/") for name in lists.names):
        return lists, lists
    if lists.archive is not None:
        raise UserError(f"{source} holds {zipped}, a zip in a zip; unpack the outer one and name the folder")
    return lists, Files(source / lists.inside / zipped)


def lines(lists: Files, file: str) -> Iterator[tuple[str, list[str]]]:
    """The lines of a list, each with where it stands, split at blanks; empty ones are passed over."""
    name = lists.find(file)
    if name is None:
        raise UserError(f"{lists.source} holds no {file}; it comes with CelebA, see {CelebA.where}")
    for number, line in enumerate(lists.text(name).split("\n"), 1):
        if line.strip():
            yield f"{lists.source}: {file} line {number}", line.split()


def members(split: str, lists: Files, names: list[str]) -> tuple[dict[str, list[str]], list[str]]:
    """The files of each part, and what has to be said of them."""
    if split == "official":
        return official(lists, set(names))
    count, first = (200_000, "train") if split == "meng-200k" else (2_000, "test")
    if len(names) <= count:
        raise UserError(f"split={split} gives the first {count:,} files to {first}, and {lists.source} holds {len(names):,}")
    people = "so people of its test pictures are among its training pictures"
    if split == "meng-200k":
        note = f"split={split} is no split by person, {people}; its training pictures include 17,363 of the official test part"
        return {"train": names[:count], "test": names[count:]}, [note]
    return {"train": names[count:], "test": names[:count]}, [f"split={split} is no split by person, {people}"]


def official(lists: Files, names: set[str]) -> tuple[dict[str, list[str]], list[str]]:
    parts: dict[str, list[str]] = {part: [] for part in PARTS.values()}
    missing, seen = [], set()
    for where, words in lines(lists, PARTITION):
        if len(words) != 2 or words[1] not in PARTS:
            raise UserError(f"{where}: {' '.join(words)!r} is no file name with 0, 1 or 2 (train, val, test) behind it")
        if words[0] in seen:
            raise UserError(f"{where} names {words[0]} a second time")
        seen.add(words[0])
        if words[0] in names:
            parts[PARTS[words[1]]].append(words[0])
        else:
            missing.append(f"{where} names {words[0]}, which is not in {FACES}")
    if missing:
        raise UserError(missing[0] + (f"; {len(missing) - 1:,} more are missing" if len(missing) > 1 else ""))
    if left := names - seen:
        raise UserError(
            f"{lists.source}: {PARTITION} does not name {min(left)}" + (f" and {len(left) - 1:,} more" if len(left) > 1 else "")
        )
    text = lists.text(str(lists.find(PARTITION))).replace("\n", "\r\n")  # as it is released
    told = hashlib.md5(text.encode(), usedforsecurity=False).hexdigest() == OFFICIAL_PARTITION
    return parts, [] if told else ["the partition list is not the official file, so these are not the official parts"]


def identities(lists: Files) -> dict[str, str]:
    """Who is in each picture; nothing where the list is not there."""
    found = {}
    for where, words in lines(lists, IDENTITY) if lists.find(IDENTITY) else ():
        if len(words) != 2:
            raise UserError(f"{where}: {' '.join(words)!r} is no file name with a person's number behind it")
        found[words[0]] = words[1]
    return found


def openface(lists: Files) -> dict[str, Warp]:
    """The crop of each picture by its five landmarks."""
    found = {}
    told = lines(lists, LANDMARKS)
    head = list(itertools.islice(told, 2))
    if len(head) < 2 or head[1][1] != POINTS:
        raise UserError(f"{lists.source}: {LANDMARKS} must begin with a count and then the names {' '.join(POINTS)}")
    for where, (name, *numbers) in told:
        try:
            xs, ys = [int(x) for x in numbers[::2]], [int(y) for y in numbers[1::2]]
            points = [complex(x, y) for x, y in zip(xs, ys, strict=True)]
        except ValueError:
            points = []
        if len(points) != 5:
            raise UserError(f"{where}: {name} must have ten whole numbers behind it, x and y of five points")
        far = max(abs(x - width / 2) / width for some, width in ((xs, ALIGNED[0]), (ys, ALIGNED[1])) for x in some)
        if far > 1 or len(set(points)) < 2:
            raise UserError(
                f"{where}: the landmarks of {name} are not those of a face in 178x218; is it the list of aligned ones?"
            )
        found[name] = similarity(points)
    if head[0][1] != [str(len(found))]:
        raise UserError(f"{head[0][0]} tells of {' '.join(head[0][1])} pictures, and {len(found):,} follow")
    return found


def similarity(points: list[complex]) -> Warp:
    """The turn, scale and move that bring five points nearest to the template's (least squares), the other way round.

    Numbers name the middles of pixels, so half a pixel is added to both.
    """
    z, t = [point + 0.5 + 0.5j for point in points], [point + 0.5 + 0.5j for point in TEMPLATE]
    z_mean, t_mean = sum(z) / 5, sum(t) / 5
    away = [one - z_mean for one in z]
    scale = sum(one.conjugate() * (other - t_mean) for one, other in zip(away, t, strict=True))
    scale /= sum(abs(one) ** 2 for one in away)
    ab, cd = 64 / scale, z_mean - t_mean / scale
    return Warp(ab.real, ab.imag, cd.real, cd.imag)


def sha256(lists: Files, file: str) -> str:
    return hashlib.sha256(lists.read(str(lists.find(file)))).hexdigest()


@hookimpl
def inbench_datasets() -> list[type[Dataset]]:
    return [CelebA]
