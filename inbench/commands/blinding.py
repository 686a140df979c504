"""Blinding: which of two fills looks better, as a page that does not say whose they are, and the key that does."""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from inbench.commands.embedding import data_url, layers
from inbench.commands.galleries import Gallery
from inbench.readers import page
from inbench.readers.naming import chosen
from inbench.readers.report import about
from inbench.readers.rows import trained_on_it
from inbench.readers.score_sheets import Row
from inbench.words import seeds
from inbench.words.errors import UserError


@dataclass(frozen=True)
class Question:
    """A picture of a gallery and two of its rows, the first on the left."""

    gallery: Gallery
    pick: int
    left: int
    right: int

    def told(self) -> dict[str, Any]:
        """What the key says of it."""
        one = self.gallery
        names = {side: one.rows[row]["shown"] for side, row in (("left", self.left), ("right", self.right))}
        return {**about(one.rows[0]), "id": one.picks[self.pick].id, **names}


def in_question(made: Sequence[Row], methods: str | None) -> list[Row]:
    """The rows that a blinded page asks about: of some methods, on the holes that something was trained on."""
    trained = {row["train_mask"] for row in made if row["train_mask"]} or {row["mask"] for row in made}
    return [row for row in chosen(made, methods) if row["mask"] in trained and trained_on_it(row)]


def questions(galleries: Sequence[Gallery], count: int, *, seed: int = 0) -> list[Question]:
    """So many questions, every pair of methods about equally often, pictures and sides drawn by the seed."""
    pairs = [
        (place, pair)
        for place, one in enumerate(galleries)
        for pair in itertools.combinations(range(len(one.rows)), 2)
    ]  # fmt: skip
    if not pairs:
        raise UserError("there are no two methods whose pictures can be shown")
    return list(itertools.islice(_asked(galleries, pairs, seed), count))


def _asked(galleries: Sequence[Gallery], pairs: Sequence[tuple[int, tuple[int, int]]], seed: int) -> Iterator[Question]:
    """Rounds through all pairs, each in an order of its own; ends where every picture of every pair was asked."""
    for turn in range(max(len(one.picks) for one in galleries)):
        for place, (one, other) in sorted(pairs, key=lambda pair: seeds.stream(seed, "votes", turn, str(pair))):
            gallery = galleries[place]
            if turn < len(gallery.picks):
                pick = (turn + seeds.stream(seed, "first", place, one, other)) % len(gallery.picks)
                swapped = seeds.stream(seed, "sides", turn, place, one, other) % 2
                yield Question(gallery, pick, *((other, one) if swapped else (one, other)))


def written(asked: Sequence[Question], *, seed: int, private: str = "") -> tuple[str, dict[str, Any]]:
    """The page, and its key."""
    shown = [
        {
            "seen": data_url(one.gallery.pictures.seen[one.pick]),
            **{side: _layer(one.gallery, row, one.pick) for side, row in (("left", one.left), ("right", one.right))},
        }
        for one in asked
    ]
    key = {"seed": seed, "questions": [one.told() for one in asked]}
    name = hashlib.sha256(json.dumps([key, shown], sort_keys=True).encode()).hexdigest()[:16]
    text = page.filled(
        "blind.html.j2",
        styles=("page.css", "blind.css"),
        scripts=("page.js", "layers.js", "blind.js"),
        data={"page": name, "questions": shown},
        private=private,
    )
    return text, {"page": name, **key}


def _layer(one: Gallery, row: int, pick: int) -> str:
    """What a row put into the hole of a picture."""
    (layer,) = layers(one.completed[row][pick : pick + 1], one.pictures.holes[pick : pick + 1])
    return data_url(layer)
