"""biharmonic: the smoothest surface through the known pixels (Damelin and Hoang 2018), by scikit-image."""

import numpy as np
import torch
from skimage.restoration import inpaint_biharmonic
from torch import Tensor

from inbench import Method, hookimpl


class Biharmonic(Method):
    name = "biharmonic"
    summary = "the smoothest surface through the known pixels (scikit-image)"
    paper = "Damelin and Hoang, On surface completion and image inpainting by biharmonic functions, IJMMS 2018"
    licence = "scikit-image: BSD-3-Clause"

    def inpaint(self, seen: Tensor, hole: Tensor, seed: Tensor) -> Tensor:
        guesses = [self._fill(*pair) for pair in zip(seen.cpu().numpy(), hole[:, 0].cpu().numpy(), strict=True)]
        return torch.from_numpy(np.stack(guesses)).to(seen)

    def _fill(self, seen: np.ndarray, hole: np.ndarray) -> np.ndarray:
        if hole.all():  # nothing to continue from
            return np.full_like(seen, 0.5)
        filled: np.ndarray = inpaint_biharmonic(seen.astype(np.float64), hole, channel_axis=0)
        return filled.clip(0, 1)


@hookimpl
def inbench_methods() -> list[type[Method]]:
    return [Biharmonic]
