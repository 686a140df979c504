"""Every random number comes from here: named streams by SHA-256, numbers by counter, the same on every machine."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Seeds = NDArray[np.uint64]


def stream(seed: int, purpose: str, *place: int | str) -> int:
    """A 63-bit number for one purpose (init, order, holes, method) at one place (an epoch, a step, an id)."""
    text = "\0".join(["inbench/1", str(seed), purpose, *map(str, place)])
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def of_ids(ids: Sequence[str], purpose: str, *place: int | str) -> Seeds:
    """One seed an image, from its id alone: the same image has the same seed in every subset and order."""
    return np.array([stream(0, purpose, image_id, *place) for image_id in ids], dtype=np.uint64)


def by_hash(ids: Sequence[str]) -> list[int]:
    """The places of the ids in the order of their SHA-256: the first n of it are the subset of n."""
    return sorted(range(len(ids)), key=lambda place: hashlib.sha256(ids[place].encode()).digest())


def bits(seeds: Seeds, count: int, *, purpose: int = 0) -> Seeds:
    """`count` 64-bit numbers for each seed (SplitMix64, Steele et al. 2014): [n] -> [n, count]."""
    golden = np.uint64(0x9E3779B97F4A7C15)
    with np.errstate(over="ignore"):
        start = _mixed(seeds.astype(np.uint64) + np.uint64(purpose + 1) * golden)
        counter = np.arange(1, count + 1, dtype=np.uint64) * golden
        return _mixed(start[:, None] + counter[None, :])


def _mixed(z: Seeds) -> Seeds:
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def unit(seeds: Seeds, count: int, *, purpose: int = 0) -> NDArray[np.float64]:
    """`count` numbers in [0, 1) for each seed: [n] -> [n, count] float64."""
    return (bits(seeds, count, purpose=purpose) >> np.uint64(11)).astype(np.float64) * 2.0**-53
