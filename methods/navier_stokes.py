"""navier-stokes: the picture flows into the hole like a fluid whose vorticity is the Laplacian, by OpenCV.

Bertalmio, Bertozzi and Sapiro, "Navier-Stokes, Fluid Dynamics, and Image and Video Inpainting", CVPR 2001. What OpenCV calls by
that name marches from the hole's edge inwards, once: each pixel is a mean of its known neighbours along the isophotes.
"""

import dataclasses

import numpy as np
import torch
from torch import Tensor

from inbench import Method, Unavailable, hookimpl, param

try:
    import cv2
except ImportError as error:
    raise Unavailable("pip install 'inbench[opencv]'") from error


@dataclasses.dataclass(frozen=True)
class NavierStokesParams:
    radius: float = param(3, "how far a pixel looks for known ones, in pixels", source="OpenCV's own examples", low=1)


class NavierStokes(Method):
    name = "navier-stokes"
    summary = "isophotes continued into the hole, marching inwards (OpenCV)"
    paper = "Bertalmio, Bertozzi, Sapiro, Navier-Stokes, Fluid Dynamics, and Image and Video Inpainting, CVPR 2001"
    licence = "OpenCV: Apache-2.0"
    Params = NavierStokesParams
    small = NavierStokesParams()
    params: NavierStokesParams

    def inpaint(self, seen: Tensor, hole: Tensor, seed: Tensor) -> Tensor:
        pixels = (seen * 255).round().to(torch.uint8).permute(0, 2, 3, 1).contiguous().cpu().numpy()  # [N, S, S, 3]
        missing = hole[:, 0].to(torch.uint8).contiguous().cpu().numpy()  # [N, S, S], 1 is missing
        guesses = np.stack([self._fill(*pair) for pair in zip(pixels, missing, strict=True)])
        return torch.from_numpy(guesses).permute(0, 3, 1, 2).to(seen) / 255

    def _fill(self, pixels: np.ndarray, missing: np.ndarray) -> np.ndarray:
        if missing.all():  # nothing to continue from
            return np.full_like(pixels, 128)
        filled: np.ndarray = cv2.inpaint(pixels, missing, self.params.radius, cv2.INPAINT_NS)
        return filled


@hookimpl
def inbench_methods() -> list[type[Method]]:
    return [NavierStokes]
