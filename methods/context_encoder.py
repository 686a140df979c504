"""context-encoder: an encoder, a wide bottleneck, a decoder, squared error on the hole and a little adversary.

Pathak, Krahenbuhl, Donahue, Darrell and Efros, "Context Encoders: Feature Learning by Inpainting", CVPR 2016. Read beside
it: the authors' released centre model (pathak22/context-encoder, research licence; nothing copied). The released net predicts
a fixed centre; here the decoder gives the whole image and the losses look at the hole and a band around it, so any hole works.
"""

import dataclasses
import itertools
from collections.abc import Mapping
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from inbench import Method, adam, by_budget, hookimpl, param


@dataclasses.dataclass(frozen=True)
class ContextEncoderParams:
    bottleneck: int = param(
        4000, "numbers between encoder and decoder; 512 is the small one", source="README, nBottleneck", low=1
    )
    channel_wise: bool = param(
        False,
        "each channel fully connected to itself, then a 1x1 convolution, in place of the bottleneck",
        source="section 3.1",
    )
    width: int = param(64, "channels of the first convolution", source="train.lua, nef", low=1)
    fill: Literal["caffe", "grey"] = param("caffe", "colour of the hole: the released one, or mid grey", source="train.lua:283")
    overlap: int = param(4, "pixels around the hole that are predicted too", source="README, overlapPred", low=0)
    border: float = param(10.0, "weight of the squared error in that band", source="train.lua:381", low=0)
    reconstruction: float = param(0.999, "weight of the squared error", source="README, wtl2", low=0, high=1)
    critic_sees: Literal["predicted", "completed"] = param(
        "predicted", "the hole and its band alone, or in the picture", source="section 3.2; open"
    )
    bn_momentum: float = param(
        by_budget(smoke=0.5, quick=0.5, paper=0.1),
        "share of the newest batch in the averages that answers use",
        source="open",
        low=0,
        high=1,
    )
    lr_generator: float = param(2e-3, "Adam's learning rate, generator", source="train.lua:213", low=0)
    lr_discriminator: float = param(2e-4, "Adam's learning rate, discriminator", source="train.lua:218", low=0)

    def __post_init__(self) -> None:
        if self.channel_wise and self.bottleneck != ContextEncoderParams.bottleneck:
            raise ValueError("channel-wise stands in place of the bottleneck; leave bottleneck out")


FILLS = {"caffe": (117 / 255, 104 / 255, 123 / 255), "grey": (0.5, 0.5, 0.5)}
"""The colour put into the hole: Caffe's mean colour in the authors' own order of channels (train.lua:283), or grey."""


def widths(size: int, width: int) -> list[int]:
    """Channels of the stride-2 convolutions that bring a side down to 4: 64, 128, 256, 512 at 64."""
    levels = size.bit_length() - 3
    return [width] * (levels - 4) + [width, 2 * width, 4 * width, 8 * width][-levels:]


def encoder(sides: list[int]) -> list[nn.Module]:
    """[N, 3, S, S] -> [N, 512, 4, 4]; no batch norm on the first layer (train.lua:88-101)."""
    layers: list[nn.Module] = [nn.Conv2d(3, sides[0], 4, 2, 1, bias=False), nn.LeakyReLU(0.2, inplace=True)]
    for before, after in itertools.pairwise(sides):
        layers += [
            nn.Conv2d(before, after, 4, 2, 1, bias=False),
            nn.BatchNorm2d(after),
            nn.LeakyReLU(0.2, inplace=True),
        ]
    return layers


class ChannelWise(nn.Module):
    """Section 3.1: every channel fully connected to itself, [N, c, 4, 4] -> [N, c, 4, 4], with c * 16 * 16 weights."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(channels, 16, 16))
        nn.init.normal_(self.weight, 0, 0.02)

    def forward(self, x: Tensor) -> Tensor:
        joined: Tensor = torch.einsum("ncp,cpq->ncq", x.flatten(2), self.weight)
        return joined.reshape(x.shape)


def bottleneck(channels: int, p: ContextEncoderParams) -> list[nn.Module]:
    """[N, 512, 4, 4] -> [N, 4000] -> [N, 512, 4, 4]; the 4x4 -> 1x1 convolutions as Linear: the same numbers, faster."""
    if p.channel_wise:
        return [ChannelWise(channels), nn.Conv2d(channels, channels, 1, bias=False)]
    flat = channels * 16
    return [
        nn.Flatten(),
        nn.Linear(flat, p.bottleneck, bias=False),
        nn.BatchNorm1d(p.bottleneck),
        nn.LeakyReLU(0.2, inplace=True),
        nn.Linear(p.bottleneck, flat, bias=False),
        nn.Unflatten(1, (channels, 4, 4)),
    ]


def generator(size: int, p: ContextEncoderParams) -> nn.Sequential:
    """[N, 3, S, S] -> [N, 3, S, S] in [-1, 1]."""
    sides = widths(size, p.width)
    layers = [*encoder(sides), *bottleneck(sides[-1], p)]
    for before, after in zip(sides[:0:-1], sides[-2::-1], strict=True):
        layers += [
            nn.BatchNorm2d(before),
            nn.ReLU(inplace=True),
            nn.ConvTranspose2d(before, after, 4, 2, 1, bias=False),
        ]
    layers += [
        nn.BatchNorm2d(sides[0]),
        nn.ReLU(inplace=True),
        nn.ConvTranspose2d(sides[0], 3, 4, 2, 1, bias=False),
        nn.Tanh(),
    ]
    return nn.Sequential(*layers)


def discriminator(size: int, p: ContextEncoderParams) -> nn.Sequential:
    """[N, 3, S, S] -> [N, 1], one logit of real against fake (train.lua:180-197)."""
    sides = widths(size, p.width)
    return nn.Sequential(*encoder(sides), nn.Flatten(), nn.Linear(sides[-1] * 16, 1, bias=False))


def start_small(net: nn.Module, bn_momentum: float) -> None:
    """N(0, 0.02) for convolutions, N(1, 0.02) for batch norms (train.lua:58-67)."""
    for layer in net.modules():
        if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)):
            nn.init.normal_(layer.weight, 0, 0.02)
        elif isinstance(layer, (nn.BatchNorm1d, nn.BatchNorm2d)):
            nn.init.normal_(layer.weight, 1, 0.02)
            layer.momentum = bn_momentum


class ContextEncoder(Method):
    name = "context-encoder"
    summary = "encoder, wide bottleneck, decoder, hole error and adversary (Pathak et al. 2016)"
    paper = "Pathak, Krahenbuhl, Donahue, Darrell, Efros, Context Encoders: Feature Learning by Inpainting, CVPR 2016"
    licence = "authors' code: educational, research and not-for-profit use; read, not copied"
    Params = ContextEncoderParams
    small = ContextEncoderParams(bottleneck=32, width=8)
    fill: Tensor
    params: ContextEncoderParams

    def __init__(self, size: int, params: ContextEncoderParams) -> None:
        super().__init__(size, params)
        self.generator = generator(size, params)
        self.discriminator = discriminator(size, params)
        start_small(self, params.bn_momentum)
        self.register_buffer("fill", torch.tensor(FILLS[params.fill]).view(1, 3, 1, 1) * 2 - 1, persistent=False)
        self.generator_adam = adam(self.generator.parameters(), params.lr_generator, betas=(0.5, 0.999))
        self.discriminator_adam = adam(self.discriminator.parameters(), params.lr_discriminator, betas=(0.5, 0.999))

    def step(self, image: Tensor, hole: Tensor) -> Mapping[str, Tensor]:
        p = self.params
        x = image * 2 - 1
        wide = F.max_pool2d(hole.to(x.dtype), 2 * p.overlap + 1, 1, p.overlap) > 0  # the hole and its band
        guess = self.generator(x.where(~hole, self.fill))
        around = x if p.critic_sees == "completed" else x.new_zeros(())
        real, fake = x.where(wide, around), guess.where(wide, around)

        real_logit = self.discriminator(real)
        shown = fake.detach().requires_grad_()
        fake_logit = self.discriminator(shown)  # once for both networks (train.lua:355)
        adv = F.softplus(-fake_logit).mean()  # non-saturating
        (adv_gradient,) = torch.autograd.grad(adv, shown, retain_graph=True)
        d_loss = F.softplus(-real_logit).mean() + F.softplus(fake_logit).mean()
        self.discriminator_adam.zero_grad()
        d_loss.backward(inputs=list(self.discriminator.parameters()))
        self.discriminator_adam.step()

        weight = wide + (p.border - 1) * (wide & ~hole)  # 1 in the hole, 10 in the band, 0 elsewhere
        rec = (weight * (guess - x).square()).sum() / (3 * wide.sum()).clamp_min(1)
        self.generator_adam.zero_grad()
        (p.reconstruction * rec + (1 - p.reconstruction) * (fake * adv_gradient).sum()).backward()
        self.generator_adam.step()
        loss = p.reconstruction * rec + (1 - p.reconstruction) * adv
        return {"loss": loss, "reconstruction": rec, "adversarial": adv, "discriminator": d_loss}

    def inpaint(self, seen: Tensor, hole: Tensor, seed: Tensor) -> Tensor:
        guess: Tensor = self.generator((seen * 2 - 1).where(~hole, self.fill))
        return (guess + 1) / 2


@hookimpl
def inbench_methods() -> list[type[Method]]:
    return [ContextEncoder]
