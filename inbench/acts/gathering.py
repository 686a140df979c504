"""Gathering: some pictures of a data set with their holes, and what each method made of them, from kept guesses."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inbench.acts import rescoring, scoring
from inbench.joints import choices, store
from inbench.joints.registry import Registry
from inbench.words import disk, records
from inbench.words.errors import UserError
from inbench.words.mask import Holes
from inbench.words.records import Record

Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class Pictures:
    """Pictures uint8 [n, S, S, 3] in the order of `ids`, their holes bool [n, 1, S, S], and the completed ones by record.

    missing: why a record has none; data: what the manifest of the data set says, its licence among it.
    """

    ids: list[str]
    images: Pixels
    holes: Holes
    completed: dict[str, Pixels]
    missing: dict[str, str]
    data: dict[str, Any]

    @property
    def seen(self) -> Pixels:
        """The pictures with black in the hole: all that a method may look at."""
        return np.where(self.holes[:, 0, ..., None], np.uint8(0), self.images)

    @property
    def notice(self) -> str:
        """What has to be said of pictures that are not to be passed on; empty where they may be."""
        said = self.data
        if said.get("shareable"):
            return ""
        return f"licence of the pictures of {said['label']}: {said.get('licence') or 'unknown'}; they are not to be passed on"


def gather(scored: Sequence[tuple[Record, str]], ids: Sequence[str], plugins: Registry, folder: Path) -> Pictures:
    """What records of one data set made of the pictures with these ids, each on the mask of the key beside it.

    All have the same holes. Raises `UserError` where the data set is not prepared in `folder`.
    """
    label, size = scored[0][0].told["labels"]["dataset"], scored[0][0].told["run"]["size"]
    data = store.holding(scored[0][0].told["run"]["data"], folder)
    if data is None:
        raise UserError(f"data set {label} is not prepared in {folder}, so its pictures cannot be shown; see inbench data")
    canonical, name = records.mask_and_part(scored[0][1])
    part = data.part(name)
    place = {image_id: number for number, image_id in enumerate(part.ids)}
    mask = choices.mask(canonical, size, plugins).mask
    if strange := next((image_id for image_id in ids if image_id not in place), None):
        raise UserError(
            f"{strange}, which records were scored on, is no {name} picture of {label}; its pictures cannot be shown"
        )
    images = np.ascontiguousarray(part.images[[place[image_id] for image_id in ids]])
    holes = mask.draw(list(ids), size)

    @functools.cache
    def drawn(all_ids: tuple[str, ...]) -> str:
        return scoring.holes_hash(mask.draw(list(all_ids), size))

    completed, missing = {}, {}
    for record, key in scored:
        try:
            own = rescoring.scored_rows(record, key)[0]
            if drawn(tuple(own)) != record.scores[key]["holes"]:
                raise UserError("its holes are drawn in another way by this version of inbench")
            guesses = _guesses(record, key, own, ids, size)
            completed[record.name] = np.where(holes[:, 0, ..., None], guesses, images)
        except UserError as error:
            missing[record.name] = str(error)
    return Pictures(list(ids), images, holes, completed, missing, data.manifest)


def _guesses(record: Record, key: str, own: Sequence[str], ids: Sequence[str], size: int) -> Pixels:
    """The kept guesses of some pictures; a `UserError` says why there are none."""
    name = record.scores[key].get("guesses")
    there = disk.listed(record.folder)
    if name not in there:
        raise UserError("it kept no guesses; inbench run --keep weights,guesses keeps them")
    if fault := disk.fault_in(record.folder, name, there[name]):
        raise UserError(fault)
    kept = rescoring.kept_pixels(record, key)
    if kept.shape != (len(own), size, size, 3) or kept.dtype != np.uint8:
        raise UserError(f"{name} holds something else than its guesses")
    place = {image_id: number for number, image_id in enumerate(own)}
    return np.ascontiguousarray(kept[[place[image_id] for image_id in ids]])
