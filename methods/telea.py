"""telea: from the hole's edge inwards, each pixel is a weighted mean of what its known neighbours foretell, by OpenCV.

Telea, "An Image Inpainting Technique Based on the Fast Marching Method", Journal of Graphics Tools 2004.
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
class TeleaParams:
    radius: float = param(3, "how far a pixel looks for known ones, in pixels", source="the paper uses 3 to 10", low=1)


class Telea(Method):
    name = "telea"
    summary = "weighted means of known neighbours, marching inwards (OpenCV)"
    paper = "Telea, An Image Inpainting Technique Based on the Fast Marching Method, Journal of Graphics Tools 2004"
    licence = "OpenCV: Apache-2.0"
    Params = TeleaParams
    small = TeleaParams()
    params: TeleaParams

    def inpaint(self, seen: Tensor, hole: Tensor, seed: Tensor) -> Tensor:
        pixels = (seen * 255).round().to(torch.uint8).permute(0, 2, 3, 1).contiguous().cpu().numpy()  # [N, S, S, 3]
        missing = hole[:, 0].to(torch.uint8).contiguous().cpu().numpy()  # [N, S, S], 1 is missing
        guesses = np.stack([self._fill(*pair) for pair in zip(pixels, missing, strict=True)])
        return torch.from_numpy(guesses).permute(0, 3, 1, 2).to(seen) / 255

    def _fill(self, pixels: np.ndarray, missing: np.ndarray) -> np.ndarray:
        if missing.all():  # nothing to continue from
            return np.full_like(pixels, 128)
        filled: np.ndarray = cv2.inpaint(pixels, missing, self.params.radius, cv2.INPAINT_TELEA)
        return filled


@hookimpl
def inbench_methods() -> list[type[Method]]:
    return [Telea]
