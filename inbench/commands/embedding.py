"""Embedding: galleries as what a page of HTML can hold: pictures as data, the part in the hole apart from what is around it."""

from __future__ import annotations

import base64
import io
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from inbench.commands import galleries
from inbench.commands.galleries import Gallery
from inbench.joints import store
from inbench.joints.registry import Registry
from inbench.readers import counting, scored, sections
from inbench.readers.report import about
from inbench.readers.score_sheets import Row, title_of
from inbench.readers.sheets import sentences
from inbench.words.errors import UserError
from inbench.words.records import Record

Pixels = NDArray[np.uint8]
ROOM = 11 * 2**20
"""Bytes that the pictures of a page may take: with the tables of a hundred runs, it stays under 15 MB."""
WANTED: Sequence[Mapping[str, int]] = (
    {"random": 4, "best": 2, "worst": 2, "disagreement": 2},
    {"random": 2, "best": 1, "worst": 1, "disagreement": 1},
    {"random": 1, "best": 1, "worst": 1},
    {"random": 1},
)
"""How many pictures by each rule are looked at; as many of them as there is room for are shown, the same number everywhere."""
SHOWN = ("psnr", "ssim")
"""The scores that stand beside a picture."""


@dataclass
class Embedded:
    """Galleries as data of a page, why others are not there, and what is to be said of pictures that must not be passed on."""

    galleries: list[dict[str, Any]] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)
    private: list[str] = field(default_factory=list)


def data_url(pixels: Pixels) -> str:
    """A picture [S, S, 3 or 4] as the source of an image, without loss."""
    held = io.BytesIO()
    Image.fromarray(pixels).save(held, "PNG")
    return "data:image/png;base64," + base64.b64encode(held.getvalue()).decode()


def layers(completed: Pixels, holes: NDArray[np.bool_]) -> Iterator[Pixels]:
    """What is in the holes of pictures [n, S, S, 3], clear around them: [S, S, 4] each."""
    for picture, hole in zip(completed, holes[:, 0], strict=True):
        yield np.where(hole[..., None], np.dstack([picture, np.full(hole.shape, 255, np.uint8)]), np.uint8(0))


def may_be_shown(content: str, folder: Path) -> bool:
    """Whether the licence of prepared pictures lets single ones be shown to others; not where nothing is known of it."""
    data = store.holding(content, folder)
    return data is not None and data.manifest.get("shareable") is True


def embed(made: Sequence[Row], found: Sequence[Record], plugins: Registry, folder: Path, *, private: bool = False) -> Embedded:
    """The galleries of all tables, as many pictures in each as there is room for.

    private: also of data sets whose pictures are not to be passed on, for the user's own eyes.
    """
    by_name, embedded = {record.folder.name: record for record in found}, Embedded()
    wanted = looked_at(made)
    shown = shown_galleries(made, by_name, plugins, folder, wanted, embedded, private=private)
    fit(embedded, [as_data(one, by_name) for one in shown], sum(wanted.values()))
    return embedded


def looked_at(made: Sequence[Row]) -> Mapping[str, int]:
    """As many pictures as might be shown where holes are an eighth of them: nobody encodes a gigabyte to show a hundredth."""
    pixels = sum(row["size"] ** 2 for row in made)
    return next((wanted for wanted in WANTED if sum(wanted.values()) * pixels * 4 <= 8 * ROOM), WANTED[-1])


def fit(embedded: Embedded, found: Sequence[dict[str, Any]], most: int, *, room: int = ROOM) -> None:
    """Puts galleries in with as many pictures each as there is room for; where not even one is, as many galleries as fit."""
    sizes = [[len(pick["image"]) + sum(map(len, pick["fills"])) for pick in in_turn(one["picks"])] for one in found]
    count = next((count for count in range(most, 0, -1) if sum(sum(size[:count]) for size in sizes) <= room), 1)
    if count < most and found:
        embedded.notices.append(
            f"{count} of the {most} pictures that were picked for a table: there is no room for more on one page."
        )
    for one, size in zip(found, sizes, strict=True):
        room -= sum(size[:count])
        if room < 0:
            embedded.notices.append(f"{one['title']}: no pictures; there is no room for more on one page.")
            continue
        kept = in_turn(one["picks"])[:count]
        embedded.galleries.append({**one, "picks": [pick for pick in one["picks"] if pick in kept]})


def in_turn(picks: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Picks in the order in which they are kept: the first of every rule, then the second of each."""
    seen: Counter[str] = Counter()
    turns = []
    for pick in picks:
        turns.append(seen[pick["rule"]])
        seen[pick["rule"]] += 1
    return [picks[place] for place in sorted(range(len(picks)), key=turns.__getitem__)]


def shown_galleries(
    made: Sequence[Row],
    found: Mapping[str, Record],
    plugins: Registry,
    folder: Path,
    wanted: Mapping[str, int],
    embedded: Embedded,
    *,
    private: bool,
    seed: int = 0,
) -> Iterator[Gallery]:
    """Those that there are; why there are no others, and what has to be said, goes into `embedded`."""
    shareable: dict[str, bool] = {}
    for members in sections.by_table(made):
        content, label = members[0]["data"], members[0]["dataset"]
        if content not in shareable:
            shareable[content] = may_be_shown(content, folder)
            if not shareable[content] and not private:
                embedded.notices.append(withheld(label, content, folder))
        if not shareable[content] and not private:
            continue
        try:
            one = galleries.gallery(members, found, plugins, folder, wanted=wanted, seed=seed)
        except UserError as error:
            embedded.notices.append(f"{title_of(members[0])}: {error}")
            continue
        if one.pictures.notice and one.pictures.notice not in embedded.private:
            embedded.private.append(one.pictures.notice)
        yield one


def withheld(label: str, content: str, folder: Path) -> str:
    """Why the pictures of a data set are not shown."""
    data = store.holding(content, folder)
    if data is None:
        return f"No pictures of {label}: the data set is not prepared here, so nothing is known of its licence."
    licence = data.manifest.get("licence") or "unknown"
    return (
        f"No pictures of {label}: they are not to be passed on (licence: {licence}). The scores of every picture are in the "
        "records; inbench report --pictures all makes a page with pictures, for your own eyes."
    )


def as_data(one: Gallery, found: Mapping[str, Record]) -> dict[str, Any]:
    """A gallery as the script of a page reads it; found: records by the name of their folder."""
    fills = [list(map(data_url, layers(completed, one.pictures.holes))) for completed in one.completed]
    scores = [_scores(found[row["records"][0]], one) for row in one.rows]
    picks = [
        {
            "id": pick.id,
            "rule": pick.rule,
            "image": data_url(one.pictures.images[place]),
            "fills": [made[place] for made in fills],
            "scores": [made[place] for made in scores],
        }
        for place, pick in enumerate(one.picks)
    ]
    return {
        "about": about(one.rows[0]),
        "title": title_of(one.rows[0]),
        "methods": [row["shown"] for row in one.rows],
        "picks": picks,
        "told": sentences([one.told]),
        "missing": one.missing,
    }


def _scores(record: Record, one: Gallery) -> list[dict[str, float | None]]:
    """What stands under each picture of a record."""
    key, _ = scored.entry_of(record, one.section.mask) or ("", {})
    columns = {name: record.told["metrics"][name]["column"] for name in SHOWN if name in record.told["metrics"]}
    frame = counting.frame(record, key).loc[one.pictures.ids]
    values = {name: frame[column].to_numpy(np.float64) for name, column in columns.items()}
    return [
        {name: round(float(column[place]), 4) if np.isfinite(column[place]) else None for name, column in values.items()}
        for place in range(len(frame))
    ]
