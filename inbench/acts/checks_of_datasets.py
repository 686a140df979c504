"""What a data set promises: pictures that are the same every time, and parts that have none in common."""

from __future__ import annotations

import contextlib
import functools
import tempfile
from pathlib import Path

import numpy as np

from inbench.acts import contract, training
from inbench.acts.checks_of_plugins import is_ready
from inbench.words import params
from inbench.words.dataset import Dataset, Pictures, Split
from inbench.words.errors import UserError

SIZE, LOOKED_AT = 32, 16
DATASETS = contract.Promises(where=is_ready, about="prepare")


def makes_its_own(cls: type[Dataset]) -> bool:
    return not cls.needs_source


def constructed(cls: type[Dataset]) -> Dataset:
    return cls(params.resolve(cls.Params, {}, whose=cls.name))


def prepared(cls: type[Dataset]) -> dict[str, Pictures]:
    split = constructed(cls).prepare(None, SIZE)
    named = {"train": split.train, "test": split.test, "val": split.val}
    return {name: pictures for name, pictures in named.items() if pictures is not None}


parts_of = functools.lru_cache(maxsize=1)(prepared)
"""Prepared once for several checks in a row."""


@DATASETS(
    "an empty folder in place of its files is refused in a sentence",
    "`raise inbench.UserError(...)` that says which files are wanted",
    where=lambda cls: cls.needs_source,
)
def asks_for_its_files(cls: type[Dataset]) -> str:
    with tempfile.TemporaryDirectory() as folder:
        try:
            constructed(cls).prepare(Path(folder), SIZE)
        except UserError:
            return ""
    return "an empty folder was taken for its files"


@DATASETS(
    "what is prepared is a Split whose train and test are not empty", "`return inbench.Split(train, test)`", where=makes_its_own
)
def has_train_and_test(cls: type[Dataset]) -> str:
    split = constructed(cls).prepare(None, SIZE)
    if not isinstance(split, Split):
        return f"prepare answered {type(split).__name__}"
    empty = [name for name, pictures in (("train", split.train), ("test", split.test)) if not len(pictures.ids)]
    return f"{empty[0]} is empty" if empty else ""


@DATASETS("pictures are uint8 [n, S, S, 3] for any slice", "round and clip, then `astype(numpy.uint8)`", where=makes_its_own)
def pictures_are_uint8_squares(cls: type[Dataset]) -> str:
    for name, pictures in parts_of(cls).items():
        some = np.asarray(pictures.images[:LOOKED_AT])
        if some.dtype != np.uint8 or some.shape != (min(LOOKED_AT, len(pictures.ids)), SIZE, SIZE, 3):
            return f"{name} is {some.dtype} {some.shape}"
        if not np.array_equal(np.asarray(pictures.images[1:3]), some[1:3]):
            return f"in {name}, pictures 1 and 2 are others alone than among the first {LOOKED_AT}"
    return ""


@DATASETS("ids and pictures are the same every time", "no chance but seeds by id; sort files", where=makes_its_own)
def pictures_are_the_same_bytes(cls: type[Dataset]) -> str:
    shown = []
    for state in (1, 2):
        training.seed_everything(state)
        shown.append({name: (one.ids, np.asarray(one.images[:LOOKED_AT]).tobytes()) for name, one in prepared(cls).items()})
    one, other = shown
    for name in one.keys() | other.keys():
        for what, place in (("ids", 0), ("pictures", 1)):
            if one.get(name, ((), b""))[place] != other.get(name, ((), b""))[place]:
                return f"the {what} of {name} differ between two preparations"
    return ""


@DATASETS("no picture and no id is in two parts", "split before cutting and resizing", where=makes_its_own)
def parts_are_apart(cls: type[Dataset]) -> str:
    owners: dict[tuple[str, str | bytes], str] = {}
    for name, pictures in parts_of(cls).items():
        some = (picture.tobytes() for picture in np.asarray(pictures.images[: 4 * LOOKED_AT]))
        for what, members in (("id", pictures.ids), ("picture", some)):
            for thing in members:
                if owners.setdefault((what, thing), name) != name:
                    told = f"{what} {thing!r}" if isinstance(thing, str) else "a picture"
                    return f"{told} is in {owners[what, thing]} and in {name}"
    return ""


@DATASETS(
    "no group (a person, a photograph) is in two parts", "split by group, not by picture", warning=True, where=makes_its_own
)
def groups_are_apart(cls: type[Dataset]) -> str:
    owners: dict[str, str] = {}
    for name, pictures in parts_of(cls).items():
        for group in pictures.groups or ():
            if owners.setdefault(group, name) != name:
                return f"group {group!r} is in {owners[group]} and in {name}"
    return ""


@DATASETS(
    "what belongs to the whole process is left alone", "these settings are the runner's; do without them", where=makes_its_own
)
def leaves_the_world_alone(cls: type[Dataset]) -> str:
    before = contract.world()
    with contextlib.suppress(Exception, SystemExit):
        prepared(cls)
    changed = contract.changes(before)
    return f"preparing changed {changed[0]}" if changed else ""
