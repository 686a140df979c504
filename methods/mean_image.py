"""mean-image: the mean training picture, whatever the hole; what is known of faces before one has seen any."""

from collections.abc import Mapping

import torch
from torch import Tensor

from inbench import Method, hookimpl


class MeanImage(Method):
    name = "mean-image"
    summary = "the mean training picture in the hole"
    paper = "none"
    licence = "not applicable"
    one_pass = True
    total: Tensor
    count: Tensor

    def __init__(self, size: int, params: object) -> None:
        super().__init__(size, params)
        self.register_buffer("total", torch.zeros(3, size, size))
        self.register_buffer("count", torch.zeros(()))

    def step(self, image: Tensor, hole: Tensor) -> Mapping[str, Tensor]:
        self.total += image.sum(0)
        self.count += len(image)
        return {}

    def inpaint(self, seen: Tensor, hole: Tensor, seed: Tensor) -> Tensor:
        mean = self.total / self.count.clamp_min(1)
        return torch.where(hole, mean, seen)


@hookimpl
def inbench_methods() -> list[type[Method]]:
    return [MeanImage]
