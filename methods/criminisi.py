"""criminisi: patches are copied from the known part into the hole, those first that are well known and continue an edge.

Criminisi, Perez and Toyama, "Region Filling and Object Removal by Exemplar-Based Image Inpainting", IEEE Transactions on Image
Processing 2004. Written from its formulas; no code was read. On the CPU, in numpy: one patch comes after the other.
"""

import dataclasses
from typing import Literal

import numpy as np
import torch
from numpy.lib.stride_tricks import sliding_window_view
from scipy.ndimage import binary_dilation, binary_erosion, distance_transform_edt, sobel
from skimage.color import rgb2lab
from torch import Tensor

from inbench import Method, hookimpl, param


@dataclasses.dataclass(frozen=True)
class CriminisiParams:
    patch: int = param(9, "side of a patch; smaller where no patch of that side is known", source="section III, 9 x 9", low=1)
    floor: float = param(1e-3, "least data term, so that confidence orders what is flat", source="open", low=0)
    colour: Literal["lab", "rgb"] = param("lab", "the colours that are compared", source="section III, CIE Lab")

    def __post_init__(self) -> None:
        if self.patch % 2 == 0:
            raise ValueError(f"patch must be odd, so that it has a middle, not {self.patch}")


class Criminisi(Method):
    name = "criminisi"
    summary = "patches copied from the known part, edges first (Criminisi et al. 2004)"
    paper = "Criminisi, Perez, Toyama, Region Filling and Object Removal by Exemplar-Based Image Inpainting, IEEE TIP 2004"
    licence = "written from the formulas; no code read"
    Params = CriminisiParams
    small = CriminisiParams()
    params: CriminisiParams

    def inpaint(self, seen: Tensor, hole: Tensor, seed: Tensor) -> Tensor:
        images = seen.permute(0, 2, 3, 1).cpu().numpy()  # [N, S, S, 3]
        guesses = [self._fill(image, missing) for image, missing in zip(images, hole[:, 0].cpu().numpy(), strict=True)]
        return torch.from_numpy(np.stack(guesses)).permute(0, 3, 1, 2).to(seen)

    def _fill(self, image: np.ndarray, hole: np.ndarray) -> np.ndarray:
        if hole.all():  # nothing to copy
            return np.full_like(image, 0.5)
        side = min(self.params.patch, len(hole) - 1 + len(hole) % 2)
        while not (sources := known_patches(~hole, side)).any():
            side -= 2
        if side == 1:  # nothing to compare: each pixel is the nearest known one
            rows, columns = distance_transform_edt(hole, return_distances=False, return_indices=True)
            nearest: np.ndarray = image[rows, columns]
            return nearest
        filling = Filling(image, hole, sources, side, self.params)
        while not filling.known.all():
            target, confidence = filling.first_target()
            filling.copy(filling.best_source(target), target, confidence)
        return filling.image


class Filling:
    """A picture that is being filled: what is known by now, how surely, and the patches that may be copied.

    A patch is named by its middle, [row, column]. Of a patch that looks over the picture's edge only the inside counts.
    """

    def __init__(self, image: np.ndarray, hole: np.ndarray, sources: np.ndarray, side: int, p: CriminisiParams) -> None:
        self.floor, self.side = p.floor, side
        self.image = image.copy()  # [S, S, 3]
        self.known = ~hole  # [S, S]
        self.confidence = self.known.astype(np.float64)  # C, [S, S]
        colours = rgb2lab(image) if p.colour == "lab" else 100 * image
        self.colours = (colours - colours[self.known].mean(0)).astype(np.float32)  # [S, S, 3], small: squares round less
        self.light = image.mean(-1, dtype=np.float64)  # I, [S, S] in [0, 1]
        self.places = np.argwhere(sources)  # [n, 2], row by row: the source region is what was known at the start
        patches = windows(self.colours, self.places, side)  # [n, side, side, 3]
        squares = np.square(patches).sum(-1)  # [n, side, side]
        self.patches = patches.reshape(len(patches), side * side, 3)
        self.table = torch.from_numpy(np.concatenate([part.reshape(len(patches), -1) for part in (squares, patches)], 1))
        self.largest = float(squares.sum((1, 2)).max())

    def front(self) -> np.ndarray:
        """The missing pixels beside a known one, row by row: [f, 2]."""
        return np.argwhere(~self.known & binary_dilation(self.known))

    def confidences(self, front: np.ndarray) -> np.ndarray:
        """C(p): the mean confidence over the patch, what is missing counting 0: [f]."""
        inside = windows(np.ones_like(self.known), front, self.side)
        sure: np.ndarray = windows(self.confidence * self.known, front, self.side).sum((1, 2)) / inside.sum((1, 2))
        return sure

    def data(self, front: np.ndarray) -> np.ndarray:
        """D(p): how squarely the strongest isophote of the patch meets the front, with white 1 for alpha: [f]."""
        trusted = binary_erosion(self.known, border_value=1)  # no neighbour is missing
        y, x = (slope * trusted for slope in np.gradient(self.light))
        strength = windows(x**2 + y**2, front, self.side).reshape(len(front), -1)
        at = (np.arange(len(front)), strength.argmax(1))
        x, y = (windows(slope, front, self.side).reshape(len(front), -1)[at] for slope in (x, y))
        known = self.known.astype(np.float64)
        normal_x, normal_y = (sobel(known, axis, mode="nearest")[tuple(front.T)] for axis in (1, 0))
        length = np.maximum(np.hypot(normal_x, normal_y), 1e-12)
        met: np.ndarray = np.abs(x * normal_y - y * normal_x) / length  # (-y, x) is the isophote
        return met

    def first_target(self) -> tuple[np.ndarray, float]:
        """The front's pixel of the highest priority C(p) D(p), the first of equals, and its confidence."""
        front = self.front()
        sure = self.confidences(front)
        first = int(np.argmax(sure * np.maximum(self.data(front), self.floor)))
        return front[first], float(sure[first])

    def best_source(self, target: np.ndarray) -> np.ndarray:
        """The patch nearest in colour over what is known of the target's, then nearest in place, then first.

        |s - t|^2 - t^2 = s^2 - 2 st, one matrix product, finds a few; those are compared without its rounding.
        """
        known = windows(self.known, target[None], self.side)[0].ravel()  # [side * side]
        colours = windows(self.colours, target[None], self.side)[0].reshape(-1, 3)  # [side * side, 3]
        weight = known.astype(np.float32)
        asked = np.concatenate([weight, (-2 * weight[:, None] * colours).ravel()])  # [4 * side * side]
        rough = (self.table @ torch.from_numpy(asked)).numpy()  # [n], by torch: it keeps to the threads that it was given
        slack = 2e-5 * (self.largest + np.square(colours[known]).sum())
        few = np.flatnonzero(rough <= rough.min() + slack)
        off = self.patches[few][:, known].astype(np.float64) - colours[known]
        away = np.square(self.places[few] - target).sum(1)
        best: np.ndarray = self.places[few[np.lexsort((away, np.square(off).sum((1, 2))))[0]]]
        return best

    def copy(self, source: np.ndarray, target: np.ndarray, confidence: float) -> None:
        """Fill what is missing of the target's patch; it is as sure as the target was."""
        missing = np.argwhere(windows(~self.known, target[None], self.side)[0]) - self.side // 2  # [m, 2] from the middle
        to, of = tuple((target + missing).T), tuple((source + missing).T)
        for layer in (self.image, self.colours, self.light):
            layer[to] = layer[of]
        self.confidence[to] = confidence
        self.known[to] = True


def windows(values: np.ndarray, places: np.ndarray, side: int) -> np.ndarray:
    """The squares around some places, 0 beyond the edge: [S, S, ...] -> [n, side, side, ...]."""
    half = side // 2
    wide = np.zeros((len(values) + 2 * half, values.shape[1] + 2 * half, *values.shape[2:]), values.dtype)
    wide[half : half + len(values), half : half + values.shape[1]] = values
    steps = np.arange(side)
    rows, columns = places[:, 0, None, None] + steps[:, None], places[:, 1, None, None] + steps
    found: np.ndarray = wide[rows, columns]
    return found


def known_patches(known: np.ndarray, side: int) -> np.ndarray:
    """Where the middle of a patch is that is known and inside the picture as a whole: bool [S, S]."""
    found = np.zeros_like(known)
    inner = slice(side // 2, len(known) - side // 2)
    found[inner, inner] = sliding_window_view(known, (side, side)).all((2, 3))
    return found


@hookimpl
def inbench_methods() -> list[type[Method]]:
    return [Criminisi]
