"""stanford-cars: Stanford Cars in either official layout; crop and split are part of its name.

Krause, Stark, Deng and Fei-Fei, "3D Object Representations for Fine-Grained Categorization", 3dRR 2013. Either cars_train,
cars_test and the devkit's cars_train_annos.mat and cars_test_annos.mat (or its _withlabels twin), or car_ims and
cars_annos.mat. Boxes count pixels from 1 and include their last one.
"""

from __future__ import annotations

import dataclasses
import hashlib
import io
import zlib
from pathlib import Path
from typing import Any, Literal

from scipy.io import loadmat
from scipy.io.matlab import MatReadError

from inbench import Box, Dataset, Decoded, Files, Pictures, Split, UserError, hookimpl, param

COUNT = 16_185
SIDES = ("bbox_x1", "bbox_y1", "bbox_x2", "bbox_y2")


CROPS = {
    "box-stretch": "crop: the car's box, stretched to a square",
    "box-pad": "crop: the square around the car's box",
    "full": "crop: the whole picture, stretched to a square",
}


class StanfordCars(Dataset):
    name = "stanford-cars"
    summary = "16,185 cars in an official layout: cars_train, cars_test and devkit, or car_ims and cars_annos.mat"
    licence = "none stated; collected for research"
    citation = "Krause, Stark, Deng, Fei-Fei, 3D Object Representations for Fine-Grained Categorization, 3dRR 2013"
    needs_source = True
    where = "the page at Stanford is gone; copies are named in github.com/pytorch/vision/issues/7545 (pictures and devkit)"
    terms = (
        "Nobody states a licence for Stanford Cars: its pictures were found on the internet for research and belong to others. "
        "Use it for research, and do not pass its pictures on."
    )

    @dataclasses.dataclass(frozen=True)
    class Params:
        crop: Literal["box-stretch", "box-pad", "full"] = param(
            "box-stretch",
            "box-stretch: the car's box made square; box-pad: the square around it; full: the whole picture, squared",
        )
        split: Literal["official", "meng-14k"] = param(
            "official",
            "official; meng-14k: 14,000 of all pictures train and 2,185 test, by hash (the authors' list is unknown)",
        )

    def prepare(self, source: Path | None, size: int) -> Split:
        if source is None:
            raise UserError("stanford-cars needs its files; write inbench data prepare stanford-cars --from PATH")
        files = Files(source)
        cars, lists = annotated(files)
        boxes = {car.file: car.box for car in cars}

        def view(name: str, width: int, height: int) -> Box:
            box = boxes[name]
            if box.right <= box.left or box.bottom <= box.top:
                raise ValueError(f"its box {box.left + 1, box.top + 1, box.right, box.bottom} is empty")
            if box.left < 0 or box.top < 0 or box.right > width or box.bottom > height:
                raise ValueError(
                    f"its box {box.left + 1, box.top + 1, box.right, box.bottom} does not lie in its {width}x{height}"
                )
            if self.params.crop == "full":
                return Box(0, 0, width, height)
            return box if self.params.crop == "box-stretch" else box.squared()

        parts = {"train": [car.file for car in cars if not car.test], "test": [car.file for car in cars if car.test]}
        notes = [CROPS[self.params.crop]]
        if self.params.split == "meng-14k":
            parts = meng(sorted(boxes), source)
            notes.append("split=meng-14k is drawn by hash; the list of Meng et al. is not published")
        made = {part: Pictures(tuple(names), Decoded(files, names, size, view)) for part, names in parts.items()}
        return Split(made["train"], made["test"], official=True, notes=tuple(notes), lists=lists)


@dataclasses.dataclass(frozen=True)
class Car:
    """A picture, the part it officially belongs to, and the box around its car, counted from 0, its last pixel left out."""

    file: str
    test: bool
    box: Box


def annotated(files: Files) -> tuple[list[Car], dict[str, str]]:
    """Every car that the lists tell of, and the hashes of those lists. A `UserError` where a picture is missing."""
    if whole := files.find("cars_annos.mat"):
        lists = [whole]
        told = [
            (row, text(row, "relative_im_path"), bool(row["test"])) for row in rows(files, whole, "relative_im_path", "test")
        ]
    else:
        train = files.find("cars_train_annos.mat")
        test = files.find("cars_test_annos_withlabels.mat") or files.find("cars_test_annos.mat")
        if train is None or test is None:
            lacking = "cars_train_annos.mat" if train is None else "cars_test_annos.mat"
            raise UserError(
                f"{files.source} holds no {lacking} (of the devkit), and no cars_annos.mat either; see {StanfordCars.where}"
            )
        lists = [train, test]
        told = [(row, f"cars_train/{text(row, 'fname')}", False) for row in rows(files, train, "fname")]
        told += [(row, f"cars_test/{text(row, 'fname')}", True) for row in rows(files, test, "fname")]
    found = []
    for place, (row, name, is_test) in enumerate(told):
        if name not in files.known:
            missing = sum(name not in files.known for _, name, _ in told[place:])
            more = f"; {missing - 1:,} more are missing" if missing > 1 else ""
            raise UserError(f"{files.source}: the lists name {name}, which is not there{more}")
        left, top, right, bottom = (int(row[side]) for side in SIDES)
        found.append(Car(name, is_test, Box(left - 1, top - 1, right, bottom)))
    return found, {name.split("/")[-1]: hashlib.sha256(files.read(name)).hexdigest() for name in lists}


def rows(files: Files, name: str, *fields: str) -> Any:
    """The annotations of a .mat file, fields by their names."""
    data = files.read(name)
    try:
        if not data.startswith(b"MATLAB 5.0") or len(data) < 128:
            raise ValueError("it does not begin as one")
        found = loadmat(io.BytesIO(data), squeeze_me=True, variable_names=["annotations"])["annotations"]
        lacking = [field for field in (*SIDES, *fields) if field not in (found.dtype.names or ())]
    except KeyError:
        raise UserError(f"{files.source}: {name} has no 'annotations'") from None
    except (MatReadError, ValueError, TypeError, NotImplementedError, OSError, EOFError, IndexError, zlib.error) as error:
        raise UserError(f"{files.source}: {name} is no MATLAB file that can be read: {error}") from error
    if lacking:
        raise UserError(f"{files.source}: the annotations in {name} have no {lacking[0]!r}")
    return found.reshape(-1)


def text(row: Any, field: str) -> str:
    return str(row[field])


def meng(names: list[str], source: Path) -> dict[str, list[str]]:
    if len(names) != COUNT:
        raise UserError(f"split=meng-14k needs all 16,185 pictures, and {source} holds {len(names):,}")
    shuffled = sorted(names, key=lambda name: hashlib.sha256(name.encode()).digest())
    return {"train": sorted(shuffled[:14_000]), "test": sorted(shuffled[14_000:])}


@hookimpl
def inbench_datasets() -> list[type[Dataset]]:
    return [StanfordCars]
