"""Picking: which pictures are shown, by a rule that is said, never by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from inbench.readers.scored import Scored
from inbench.words import seeds
from inbench.words.errors import UserError, unknown
from inbench.words.records import Record

METRIC = "psnr"
RULES = {
    "random": "drawn by the hash of seed and id",
    "best": f"highest {METRIC}, mean over the methods shown",
    "worst": f"lowest {METRIC}, mean over the methods shown",
    "disagreement": f"largest standard deviation of {METRIC} between the methods shown",
}
"""What each rule is, in the words of a caption."""
MOST = 50
"""Pictures by one rule."""
WANTED: Mapping[str, int] = MappingProxyType({"random": 3, "best": 1, "worst": 1, "disagreement": 1})


def wanted(text: str | None) -> Mapping[str, int]:
    """`random=3,worst=1` -> how many pictures by each rule; a `UserError` where that is not said."""
    if text is None:
        return WANTED
    found = {}
    for part in text.split(","):
        rule, _, count = part.partition("=")
        if rule not in RULES:
            raise unknown("rule", rule, RULES)
        if not count.isdecimal() or int(count) > MOST:
            raise UserError(f"--pick {part!r} does not say how many pictures, 0 to {MOST}; write {rule}=2")
        found[rule] = int(count)
    if not any(found.values()):
        raise UserError(f"--pick {text!r} picks no picture; write random=2")
    return found


@dataclass(frozen=True)
class Pick:
    """A picture, and the rule that picked it."""

    id: str
    rule: str


def picks(scored: Scored, shown: Sequence[Record], wanted: Mapping[str, int] = WANTED, *, seed: int = 0) -> list[Pick]:
    """So many pictures by each rule, of those that all records of a section were scored on."""
    if any(METRIC not in record.told["metrics"] for record in shown):
        raise UserError(f"pictures are picked by {METRIC}, which not all records have; inbench score measures it again")
    values = np.stack([scored.columns(record, [METRIC])[0][:, 0] for record in shown])
    return picked(scored.ids, values, wanted, seed=seed)


def picked(ids: Sequence[str], values: NDArray[np.float64], wanted: Mapping[str, int] = WANTED, *, seed: int = 0) -> list[Pick]:
    """The same of values [methods, images]. No picture twice: a rule takes its next one where another was first."""
    orders = {
        "random": np.array([seeds.stream(seed, "picture", image_id) for image_id in ids], dtype=np.float64),
        "best": -values.mean(0),
        "worst": values.mean(0),
        "disagreement": -values.std(0),
    }
    found: dict[str, Pick] = {}
    for rule, count in wanted.items():
        order = [ids[place] for place in np.argsort(orders[rule], kind="stable") if np.isfinite(orders[rule][place])]
        fresh = [image_id for image_id in order if image_id not in found]
        found |= {image_id: Pick(image_id, rule) for image_id in fresh[:count]}
    return list(found.values())


def in_words(found: Sequence[Pick], *, seed: int = 0) -> str:
    """The rules behind some pictures, for their caption."""
    used = dict.fromkeys(pick.rule for pick in found)
    return "; ".join(f"{rule}: {RULES[rule]}{f' (seed {seed})' if rule == 'random' else ''}" for rule in used)
