"""Galleries: for some rows of one table, pictures picked by rule and what each row's first training made of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from inbench.acts import gathering
from inbench.acts.gathering import Pixels
from inbench.joints.registry import Registry
from inbench.readers import picking
from inbench.readers.picking import Pick
from inbench.readers.scored import Scored
from inbench.readers.sections import Section, section_of
from inbench.words import disk
from inbench.words.errors import UserError
from inbench.words.records import Record

Row = dict[str, Any]


@dataclass(frozen=True)
class Gallery:
    """Pictures by rule, and for each row (of `rows`, in order) the completed ones; scores: psnr of each, [rows][picks]."""

    section: Section
    rows: list[Row]
    picks: list[Pick]
    pictures: gathering.Pictures
    completed: list[Pixels]
    scores: list[list[float]]
    told: str
    missing: list[str]


def gallery(
    made: Sequence[Row],
    found: Mapping[str, Record],
    plugins: Registry,
    folder: Path,
    *,
    wanted: Mapping[str, int] = picking.WANTED,
    seed: int = 0,
) -> Gallery:
    """The gallery of rows of one table; found: records by the name of their folder.

    A row that kept no guesses is left out, and `missing` says why. Raises `UserError` where no row is left or the data set
    is not prepared in `folder`.
    """
    section = section_of(made[0])
    firsts = [found[row["records"][0]] for row in made if row["complete"] and row["metrics"]]
    scored = Scored(section, firsts)
    firsts = [record for record in firsts if record.key in scored.entries]
    without = [record for record in firsts if scored.entries[record.key][1].get("guesses") not in disk.listed(record.folder)]
    firsts = [record for record in firsts if record not in without]
    if not firsts:
        raise UserError(
            f"no method kept guesses on {section.dataset}, hole {section.mask}: there are no pictures to show; "
            "inbench run --keep weights,guesses keeps them"
        )
    picks = picking.picks(scored, firsts, wanted, seed=seed)
    keys = [(record, scored.entries[record.key][0]) for record in firsts]
    pictures = gathering.gather(keys, [pick.id for pick in picks], plugins, folder)
    rows = {row["records"][0]: row for row in made}
    kept = [record for record in firsts if record.name in pictures.completed]
    if not kept:
        raise UserError(f"no pictures of {section.dataset}, hole {section.mask}: {next(iter(pictures.missing.values()))}")
    places = [scored.ids.index(name) for name in pictures.ids]
    return Gallery(
        section,
        [rows[record.folder.name] for record in kept],
        picks,
        pictures,
        [pictures.completed[record.name] for record in kept],
        [scored.columns(record, [picking.METRIC])[0][places, 0].tolist() for record in kept],
        picking.in_words(picks, seed=seed),
        [f"{record.name} kept no guesses" for record in without] + [f"{name}: {why}" for name, why in pictures.missing.items()],
    )
