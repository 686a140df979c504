"""autoencoder: an encoder, a narrow bottleneck, a decoder, and nothing but the squared error, of the whole image unless told.

The baseline that Meng et al. name without describing it; the layers are the context encoder's (Pathak et al. 2016).
"""

import dataclasses
import itertools
import math
from collections.abc import Mapping
from typing import Literal

import torch
from torch import Tensor, nn

from inbench import Method, adam, by_budget, hookimpl, param


@dataclasses.dataclass(frozen=True)
class AutoencoderParams:
    bottleneck: int = param(512, "numbers between encoder and decoder", source="open", low=1)
    width: int = param(64, "channels of the first convolution", source="Pathak et al. 2016", low=1)
    region: Literal["whole", "hole"] = param("whole", "where the squared error looks", source="open")
    mask_channel: bool = param(False, "the hole as a fourth channel of the input", source="open")
    bn_momentum: float = param(
        by_budget(smoke=0.3, quick=0.3, paper=0.1),
        "share of the newest batch in the averages that answers use",
        source="open",
        low=0,
        high=1,
    )
    lr: float = param(2e-4, "Adam's learning rate", source="open; DCGAN", low=0)
    schedule: Literal["constant", "cosine"] = param(
        "constant", "the learning rate over a training; cosine: down to 0", source="open"
    )


def widths(size: int, width: int) -> list[int]:
    """Channels of the stride-2 convolutions that bring a side down to 4: 64, 128, 256, 512 at 64."""
    levels = size.bit_length() - 3
    return [width] * (levels - 4) + [width, 2 * width, 4 * width, 8 * width][-levels:]


def coder(size: int, inputs: int, bottleneck: int, width: int) -> nn.Sequential:
    """[N, inputs, S, S] -> [N, bottleneck] -> [N, 3, S, S] in [-1, 1].

    The 4x4 -> 1x1 convolutions are written as Linear: the same numbers, faster.
    """
    sides = widths(size, width)
    layers: list[nn.Module] = [nn.Conv2d(inputs, sides[0], 4, 2, 1), nn.LeakyReLU(0.2, inplace=True)]
    for before, after in itertools.pairwise(sides):
        layers += [
            nn.Conv2d(before, after, 4, 2, 1, bias=False),
            nn.BatchNorm2d(after),
            nn.LeakyReLU(0.2, inplace=True),
        ]
    flat = sides[-1] * 16
    layers += [
        nn.Flatten(),
        nn.Linear(flat, bottleneck, bias=False),
        nn.BatchNorm1d(bottleneck),
        nn.LeakyReLU(0.2, inplace=True),
    ]
    layers += [nn.Linear(bottleneck, flat, bias=False), nn.Unflatten(1, (sides[-1], 4, 4))]
    for before, after in zip(sides[:0:-1], sides[-2::-1], strict=True):
        layers += [
            nn.BatchNorm2d(before),
            nn.ReLU(inplace=True),
            nn.ConvTranspose2d(before, after, 4, 2, 1, bias=False),
        ]
    layers += [nn.BatchNorm2d(sides[0]), nn.ReLU(inplace=True), nn.ConvTranspose2d(sides[0], 3, 4, 2, 1), nn.Tanh()]
    return nn.Sequential(*layers)


def start_small(net: nn.Module, bn_momentum: float) -> None:
    """Weights from N(0, 0.02), as the context encoder starts them (train.lua:58)."""
    for layer in net.modules():
        if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)):
            nn.init.normal_(layer.weight, 0, 0.02)
        elif isinstance(layer, (nn.BatchNorm1d, nn.BatchNorm2d)):
            layer.momentum = bn_momentum


class Autoencoder(Method):
    name = "autoencoder"
    summary = "encoder, bottleneck, decoder, squared error"
    paper = "the baseline of Meng et al.; layers of Pathak et al., Context Encoders, CVPR 2016"
    licence = "no public code found"
    Params = AutoencoderParams
    small = AutoencoderParams(bottleneck=16, width=8)
    params: AutoencoderParams

    def __init__(self, size: int, params: AutoencoderParams) -> None:
        super().__init__(size, params)
        self.net = coder(size, 4 if params.mask_channel else 3, params.bottleneck, params.width)
        start_small(self.net, params.bn_momentum)
        self.adam = adam(self.net.parameters(), params.lr, betas=(0.5, 0.999))

    def step(self, image: Tensor, hole: Tensor) -> Mapping[str, Tensor]:
        x = image * 2 - 1
        squares = (self.guess(x, hole) - x).square()
        weight = hole if self.params.region == "hole" else torch.ones_like(hole)
        loss = (weight * squares).sum() / (3 * weight.sum()).clamp_min(1)
        if self.params.schedule == "cosine":
            self.adam.param_groups[0]["lr"] = self.params.lr * (1 + math.cos(math.pi * self.progress)) / 2
        self.adam.zero_grad()
        loss.backward()
        self.adam.step()
        return {"loss": loss}

    def guess(self, x: Tensor, hole: Tensor) -> Tensor:
        """A picture in [-1, 1] whose hole is grey goes in, a whole one comes out."""
        x = x.masked_fill(hole, 0)
        answer: Tensor = self.net(torch.cat([x, hole.to(x.dtype)], dim=1) if self.params.mask_channel else x)
        return answer

    def inpaint(self, seen: Tensor, hole: Tensor, seed: Tensor) -> Tensor:
        return (self.guess(seen * 2 - 1, hole) + 1) / 2


@hookimpl
def inbench_methods() -> list[type[Method]]:
    return [Autoencoder]
