"""two-tone: pictures of two colours and the edge between them, painted from their numbers; read yours in their place."""

import dataclasses
from pathlib import Path

import numpy as np

from inbench import Dataset, Pictures, Split, hookimpl, param, unit

INBENCH_API = 1  # the version of the hooks that this was written for


class TwoTone(Dataset):
    name = "two-tone"
    summary = "two colours and the edge between them"
    licence = "CC0-1.0"
    shareable = True  # single pictures may be shown to others

    @dataclasses.dataclass(frozen=True)
    class Params:
        train: int = param(512, "pictures to learn from", low=1)
        test: int = param(64, "pictures to be scored on", low=1)

    def prepare(self, source: Path | None, size: int) -> Split:
        """A set that is read from files says needs_source = True and looks into `source`, with inbench.Files."""
        train, test = self.params.train, self.params.test
        return Split(painted(range(train), size), painted(range(train, train + test), size))


def painted(numbers: range, size: int) -> Pictures:
    """A picture for each number, uint8 [n, S, S, 3], the same on every machine; a part of train is carved for validation."""
    chance = unit(np.array(numbers, dtype=np.uint64), 9)
    rows, columns = np.indices((size, size)) / size - 0.5
    down, right, off = (chance[:, place, None, None] - 0.5 for place in range(3))
    first = down * rows + right * columns > off / 4  # [n, S, S]
    one, other = (chance[:, None, None, place : place + 3] for place in (3, 6))
    images = np.where(first[..., None], one, other) * 255
    return Pictures(tuple(f"two-tone-{number}" for number in numbers), images.astype(np.uint8))


@hookimpl
def inbench_datasets() -> list[type[Dataset]]:
    return [TwoTone]
