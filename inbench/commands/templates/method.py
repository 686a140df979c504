"""tiny-net: a small convolutional network that learns to fill holes by the squared error; put your idea in its place."""

import dataclasses
import itertools
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from inbench import Method, adam, hookimpl, param

INBENCH_API = 1  # the version of the hooks that this was written for


class TinyNet(Method):
    name = "tiny-net"
    summary = "three convolutions down, three up, squared error"
    paper = "none yet"
    licence = "Apache-2.0"

    @dataclasses.dataclass(frozen=True)
    class Params:
        width: int = param(32, "channels of the first convolution", low=1)
        lr: float = param(1e-3, "Adam's learning rate", low=0)

    small = Params(width=4)  # the form that inbench check looks at

    def __init__(self, size: int, params: Params) -> None:
        super().__init__(size, params)
        widths = [4, params.width, 2 * params.width, 4 * params.width]  # the picture and its hole come in
        down = [nn.Sequential(nn.Conv2d(a, b, 4, 2, 1), nn.ReLU()) for a, b in itertools.pairwise(widths)]
        up = [nn.Sequential(nn.ConvTranspose2d(b, a, 4, 2, 1), nn.ReLU()) for a, b in itertools.pairwise(widths)]
        self.net = nn.Sequential(*down, *up[::-1], nn.Conv2d(4, 3, 3, 1, 1), nn.Sigmoid())  # [N, 4, S, S] -> [N, 3, S, S]
        self.adam = adam(self.net.parameters(), params.lr)

    def step(self, image: Tensor, hole: Tensor) -> Mapping[str, Tensor]:
        loss = (self(image.masked_fill(hole, 0), hole) - image).square().mean()
        self.adam.zero_grad()
        loss.backward()
        self.adam.step()
        return {"loss": loss}

    def forward(self, seen: Tensor, hole: Tensor) -> Tensor:
        guess: Tensor = self.net(torch.cat([seen, hole.to(seen.dtype)], dim=1))
        return guess

    def inpaint(self, seen: Tensor, hole: Tensor, seed: Tensor) -> Tensor:
        return self.forward(seen, hole)


@hookimpl
def inbench_methods() -> list[type[Method]]:
    return [TinyNet]
