"""from-files: holes that somebody else drew, read from a folder, a zip or an .npz."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from inbench.joints.decoding import rgb
from inbench.joints.files import DAMAGE, Files, impostor
from inbench.joints.hookspecs import hookimpl
from inbench.words.errors import UserError
from inbench.words.mask import Holes, Mask
from inbench.words.params import param, required
from inbench.words.seeds import Seeds, bits

WHITE = 128
"""From this level up a pixel is white."""
MOST_BETWEEN = 0.01
"""More pixels than this between black and white: a picture, or a mask saved with loss, and no mask."""


class FromFiles(Mask):
    """Each image gets one of the holes in the files, which one by its id. Other sizes are scaled by the nearest pixel."""

    name = "from-files"
    summary = "holes from your files: a folder or zip of black and white pictures, or an .npz of them"

    @dataclasses.dataclass(frozen=True)
    class Params:
        path: str = required("a folder, a zip, or an .npz with holes [n, height, width]", local=True)
        hole: Literal["white", "black"] = param("white", "which colour is missing; in an .npz, white is 1")
        pack: str | None = param(None, "its name, for tables; none: the path's own")
        content: str | None = param(None, "the start of the files' SHA-256; none: whatever they are")

    @classmethod
    def settle(cls, params: Any, size: int) -> Any:
        path = Path(params.path).expanduser().absolute()
        content, _ = read(path, params.hole, size)
        if not content.startswith(params.content or ""):
            raise UserError(f"the holes in {path} are not those of content={params.content}; now it is {content}")
        return cls.Params(path=str(path), hole=params.hole, pack=params.pack or path.stem, content=content)

    def __init__(self, params: Any) -> None:
        super().__init__(params)
        self.held: dict[int, NDArray[np.uint8]] = {}  # packed holes by size: a training asks at every step

    def holes(self, seeds: Seeds, size: int) -> Holes:
        if size not in self.held:
            _, self.held[size] = read(Path(self.params.path), self.params.hole, size)
        found = self.held[size]
        chosen = bits(seeds, 1)[:, 0] % np.uint64(len(found))
        return np.unpackbits(found[chosen.astype(np.int64)], axis=1, count=size * size).reshape(-1, size, size).astype(np.bool_)


def read(path: Path, hole: str, size: int) -> tuple[str, NDArray[np.uint8]]:
    """The start of the SHA-256 of the files, and their holes at a size, packed to bits: [n, S * S / 8]."""
    if not path.exists():
        raise UserError(f"there is no {path}; from-files[path=...] is a folder, a zip or an .npz of holes")
    state = [(str(file), file.stat().st_size, file.stat().st_mtime_ns) for file in sorted([path, *path.rglob("*")])]
    return _read(path, hole, size, tuple(state))


@functools.lru_cache(maxsize=4)
def _read(path: Path, hole: str, size: int, state: object) -> tuple[str, NDArray[np.uint8]]:
    """Kept for as long as no file changes."""
    digest = hashlib.sha256()
    packed: list[NDArray[np.uint8]] = []
    for name, white in arrays(path, digest) if path.suffix == ".npz" else pictures(Files(path), digest):
        missing = scaled(white if hole == "white" else ~white, size)
        share = missing.mean()
        if share in (0, 1):
            raise UserError(f"{path}: {name} hides {'nothing' if share == 0 else 'everything'}; take it out{hint(hole)}")
        packed.append(np.packbits(missing.reshape(-1)))
    if not packed:
        raise UserError(f"{path} holds no holes; from-files[path=...] is a folder, a zip or an .npz of holes")
    return digest.hexdigest()[:12], np.stack(packed)


def hint(hole: str) -> str:
    return f" (or is {'black' if hole == 'white' else 'white'} the hole? from-files[path=...,hole=black|white])"


def scaled(missing: NDArray[np.bool_], size: int) -> NDArray[np.bool_]:
    """By the nearest pixel: [h, w] -> [S, S]."""
    rows, columns = ((2 * np.arange(size) + 1) * side // (2 * size) for side in missing.shape)
    found: NDArray[np.bool_] = missing[rows[:, None], columns]
    return found


def pictures(files: Files, digest: Any) -> Any:
    """Name and white pixels of each picture."""
    for name in files.pictures():
        data = files.read(name)
        digest.update(f"{name}\0{len(data)}\0".encode() + data)
        wrong = impostor(data)
        try:
            level = np.asarray(rgb(data).convert("L")) if not wrong else np.zeros((1, 1), np.uint8)
        except UnidentifiedImageError:
            wrong = "is no picture"
        except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
            wrong = f"is no readable picture of a hole: {error}"
        if wrong:
            raise UserError(f"{files.source}: {name} {wrong}")
        yield name, whites(level, f"{files.source}: {name}", top=int(level.max()))


def whites(level: NDArray[Any], what: str, top: int) -> NDArray[np.bool_]:
    """White pixels of levels 0..255, or 0..1; a `UserError` where too many are neither black nor white."""
    if top <= 1:
        return level.astype(np.bool_)
    between = float(((level > 8) & (level < 247)).mean())
    if between > MOST_BETWEEN:
        raise UserError(f"{what} is {between:.0%} grey; a mask is black and white (saved as PNG, not as JPEG)")
    return level >= WHITE


def arrays(path: Path, digest: Any) -> Any:
    """Name and white pixels of each hole in an .npz: bits with their shape (`packed`, `shape`), or one array [n, S, S]."""
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as held:
            found = {name: np.asarray(held[name]) for name in held.files}
        stack = bits_of(found["packed"], found["shape"]) if {"packed", "shape"} <= found.keys() else None
    except (*DAMAGE, TypeError, AttributeError, IndexError, MemoryError) as error:
        raise UserError(f"{path} is no .npz of holes: {error or type(error).__name__}") from error
    if stack is None:
        stacks = [value for value in found.values() if value.ndim == 3]
        if len(stacks) != 1:
            told = ", ".join(f"{name} {list(value.shape)}" for name, value in found.items())
            raise UserError(f"{path} must hold one array [n, height, width], or packed and shape; it holds {told or 'nothing'}")
        stack = stacks[0]
    if stack.dtype.kind not in "bui" or not all(stack.shape[1:]):
        told = f"{stack.dtype} {list(stack.shape)}"
        raise UserError(f"{path}: holes must be bool or whole numbers [n, height, width], not {told}")
    digest.update(f"{stack.dtype.str}{stack.shape}".encode() + np.ascontiguousarray(stack).tobytes())
    top = int(stack.max(initial=0))
    for place, level in enumerate(stack):
        yield f"hole {place}", whites(level, f"{path}: hole {place}", top)


def bits_of(packed: NDArray[Any], shape: NDArray[Any]) -> NDArray[np.uint8]:
    """Bits [n, height, width] of their packed form, eight to a byte."""
    sides = [int(side) for side in shape]
    if len(sides) != 3 or min(sides) < 0 or packed.dtype != np.uint8 or packed.size * 8 < int(np.prod(sides)):
        raise ValueError(f"packed does not hold the bits of the shape {sides}")
    return np.unpackbits(packed.reshape(-1), count=int(np.prod(sides))).reshape(sides)


@hookimpl
def inbench_masks() -> list[type[Mask]]:
    return [FromFiles]
