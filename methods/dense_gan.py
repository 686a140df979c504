"""dense-gan: an encoder and decoder of dense blocks with skips, trained with reconstruction, adversary and total variation.

Meng, Ren, Fan and Huang, "Dense Convolution Generative Adversarial Networks Based Image Inpainting" (in Chinese; received
July 2019). No public code was found; what the text leaves open is a parameter, and the reading is in docs/decisions.md.
"""

import dataclasses
import math
from collections.abc import Mapping
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from inbench import Method, adam, by_budget, hookimpl, param

MATCHED = (128, 192, 256, 320)
"""Widths of a net without dense blocks that has as many parameters as the dense one: 5.42 M against 5.50 M at 64."""


@dataclasses.dataclass(frozen=True)
class DenseGanParams:
    growth: int = param(32, "channels that each dense layer adds", source="open; DenseNet k", low=1)
    layers: int = param(4, "layers in a dense block", source="Fig. 2", low=1)
    stem: int = param(64, "channels of the first convolution", source="open", low=1)
    theta: float = param(0.5, "share of the channels that a transition keeps", source="open; DenseNet-C", low=0.01, high=1)
    up: int = param(128, "channels of the first three deconvolutions; half of it in the fourth", source="open", low=2)
    critic: int = param(64, "channels of the discriminator's first convolution", source="DCGAN", low=1)
    dense: bool = param(
        True, "false: all dense blocks removed, only convolutions and pooling, as in Fig. 5", source="section 3.1"
    )
    plain: Literal["same", "matched"] = param(
        "same", "without dense blocks: the same widths, or as many parameters", source="open"
    )
    skips: Literal["before", "after", "off"] = param("before", "taken before or after a transition", source="section 3.1; open")
    pool: Literal["avg", "max"] = param("avg", "pooling of the transitions", source="open; DenseNet")
    bottleneck: Literal["dense", "fc"] = param(
        "dense", "a dense block in the middle, or a fully connected layer", source="section 3.1"
    )
    fill: Literal["grey", "black", "mean"] = param(
        "grey", "colour of the hole: M x in [-1, 1] is grey", source="section 3.1; open"
    )
    mask_channel: bool = param(False, "the hole as a fourth channel of the input", source="open")
    output: Literal["tanh", "linear"] = param("tanh", "last activation", source="section 3.1")
    first_bn: bool = param(True, "batch norm on the discriminator's first layer too", source="section 3.2; DCGAN has none")
    head: Literal["sigmoid", "softmax"] = param(
        "sigmoid", "the discriminator's two classes as one logit or two", source="section 3.2"
    )
    init: Literal["dcgan", "torch"] = param("dcgan", "weights from N(0, 0.02), or torch's own", source="open")
    bn_momentum: float = param(
        by_budget(smoke=0.3, quick=0.3, paper=0.1),
        "share of the newest batch in the averages that answers use",
        source="open",
        low=0,
        high=1,
    )
    reconstruction_region: Literal["whole", "hole", "known"] = param(
        "whole", "where L_rec looks; known is eq. 3 to the letter", source="eq. 3"
    )
    hole_weight: float = param(1.0, "weight of the hole's pixels within L_rec over the whole image", source="open", low=0)
    reduction: Literal["mean", "sum", "norm"] = param(
        "mean", "of L_rec: mean or sum of squares, or the norm, unsquared", source="eq. 3"
    )
    adversarial_form: Literal["non-saturating", "eq4"] = param("non-saturating", "what the generator minimises", source="eq. 4")
    critic_sees: Literal["raw", "completed"] = param(
        "raw", "the generator's whole answer, or its hole in the picture", source="open"
    )
    reconstruction: float = param(0.999, "weight of L_rec", source="section 4.1")
    adversarial: float = param(0.001, "weight of L_adv", source="section 4.1")
    tv: float = param(1e-6, "weight of L_TV", source="section 4.1")
    lr: float = param(2e-4, "Adam's learning rate, both networks", source="section 4.1", low=0)
    schedule: Literal["constant", "cosine"] = param(
        "constant", "the learning rate over a training; cosine: down to 0", source="open"
    )

    def __post_init__(self) -> None:
        if self.dense and self.plain != "same":
            raise ValueError(f"plain={self.plain} is of a net without dense blocks; add dense=false")
        if self.hole_weight != 1 and self.reconstruction_region != "whole":
            raise ValueError(f"hole-weight is of reconstruction-region=whole, not {self.reconstruction_region}")


class DenseBlock(nn.Module):
    """x0 .. xL, each layer BN-ReLU-Conv3x3 on all before it (Fig. 2): [N, c, s, s] -> [N, c + layers * growth, s, s]."""

    def __init__(self, channels: int, layers: int, growth: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            nn.Sequential(
                nn.BatchNorm2d(channels + layer * growth),
                nn.ReLU(inplace=True),
                nn.Conv2d(channels + layer * growth, growth, 3, padding=1, bias=False),
            )
            for layer in range(layers)
        )
        self.out_channels = channels + layers * growth

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            x = torch.cat([x, layer(x)], dim=1)
        return x


class FullyConnected(nn.Module):
    """What the paper replaces by a dense block: [N, c, s, s] -> [N, out, s, s], every output on every input."""

    def __init__(self, channels: int, out: int, side: int) -> None:
        super().__init__()
        self.bn = nn.BatchNorm2d(channels)
        self.linear = nn.Linear(channels * side * side, out * side * side, bias=False)
        self.shape = (out, side, side)
        self.out_channels = out

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.linear(F.relu(self.bn(x)).flatten(1)).unflatten(1, self.shape)
        return found


def down(channels: int, out: int, kernel: int, pool: str) -> nn.Sequential:
    """A transition: [N, c, 2s, 2s] -> [N, out, s, s]."""
    shrink = nn.AvgPool2d(2) if pool == "avg" else nn.MaxPool2d(2)
    convolution = nn.Conv2d(channels, out, kernel, padding=kernel // 2, bias=False)
    return nn.Sequential(nn.BatchNorm2d(channels), nn.ReLU(inplace=True), convolution, shrink)


def up(channels: int, out: int, bias: bool = False) -> nn.Sequential:
    """A deconvolution: [N, c, s, s] -> [N, out, 2s, 2s]."""
    return nn.Sequential(nn.BatchNorm2d(channels), nn.ReLU(inplace=True), nn.ConvTranspose2d(channels, out, 4, 2, 1, bias=bias))


class Generator(nn.Module):
    """Section 3.1: stem, four dense blocks down, four up, Tanh; in [-1, 1].

    The first block up stands in place of a fully connected layer; the last level is joined with its skip, then only scaled up.
    Without dense blocks a transition's convolution is 3x3 in place of 1x1.
    """

    def __init__(self, size: int, p: DenseGanParams) -> None:
        super().__init__()
        self.skips, self.tanh = p.skips, p.output == "tanh"
        self.stem = nn.Conv2d(4 if p.mask_channel else 3, p.stem, 4, 2, 1, bias=False)  # [N, 3, S, S] -> [N, 64, S/2, S/2]
        matched = not p.dense and p.plain == "matched"
        dense_channels = channels = p.stem
        self.encoder, self.downs = nn.ModuleList(), nn.ModuleList()
        before, after = [], [p.stem]
        for level in range(4):
            block = DenseBlock(channels, p.layers if p.dense else 0, p.growth)
            dense_channels = max(1, int((dense_channels + p.layers * p.growth) * p.theta))
            out = MATCHED[level] if matched else dense_channels
            self.encoder.append(block)
            self.downs.append(down(block.out_channels, out, 1 if p.dense else 3, p.pool))
            before.append(block.out_channels)
            after.append(out)
            channels = out
        self.middle: nn.Module = DenseBlock(channels, p.layers if p.dense else 0, p.growth)  # [N, 252, S/32, S/32]
        middle_channels = channels + (p.layers * p.growth if p.dense else 0)
        if p.bottleneck == "fc":
            self.middle = FullyConnected(channels, middle_channels, size // 32)
        channels = middle_channels
        taken = {"before": before, "after": after[:4], "off": [0] * 4}[p.skips]
        widths = (*MATCHED[2::-1], MATCHED[0] // 2) if matched else (p.up, p.up, p.up, p.up // 2)
        self.ups, self.decoder = nn.ModuleList(), nn.ModuleList()
        for level, (out, skip) in enumerate(zip(widths, reversed(taken), strict=True)):
            self.ups.append(up(channels, out))
            block = DenseBlock(out + skip, p.layers if p.dense and level < 3 else 0, p.growth)
            self.decoder.append(block)
            channels = block.out_channels
        self.head = up(channels, 3, bias=True)  # [N, 256, S/2, S/2] -> [N, 3, S, S]

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        skips = []
        for block, shrink in zip(self.encoder, self.downs, strict=True):
            entering, x = x, block(x)
            skips.append(x if self.skips == "before" else entering)
            x = shrink(x)
        x = self.middle(x)
        for grow, block, skip in zip(self.ups, self.decoder, reversed(skips), strict=True):
            x = grow(x)
            x = block(x if self.skips == "off" else torch.cat([x, skip], dim=1))
        x = self.head(x)
        return torch.tanh(x) if self.tanh else x


class Discriminator(nn.Module):
    """Section 3.2: five 4x4 convolutions of stride 2, BN and LeakyReLU after each, two classes: [N, 3, S, S] -> logit [N]."""

    def __init__(self, size: int, p: DenseGanParams) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        channels = 3
        for place, factor in enumerate((1, 2, 4, 8, 8)):
            layers.append(nn.Conv2d(channels, factor * p.critic, 4, 2, 1, bias=False))
            if place or p.first_bn:
                layers.append(nn.BatchNorm2d(factor * p.critic))
            layers.append(nn.LeakyReLU(0.2, inplace=True))
            channels = factor * p.critic
        classes = 2 if p.head == "softmax" else 1
        self.layers = nn.Sequential(*layers, nn.Flatten(), nn.Linear(channels * (size // 32) ** 2, classes))

    def forward(self, x: Tensor) -> Tensor:
        classes: Tensor = self.layers(x)
        return classes[:, 0] - classes[:, 1] if classes.shape[1] == 2 else classes[:, 0]  # log-odds of real


def start_small(net: nn.Module) -> None:
    """Convolutions from N(0, 0.02), as DCGAN starts them; the paper does not say how it starts."""
    for layer in net.modules():
        if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d)):
            nn.init.normal_(layer.weight, 0, 0.02)


def total_variation(x: Tensor) -> Tensor:
    """Eq. 5: sum of absolute differences of neighbours, per image; mean over the batch."""
    rows = (x[:, :, 1:] - x[:, :, :-1]).abs().sum((1, 2, 3))
    columns = (x[..., 1:] - x[..., :-1]).abs().sum((1, 2, 3))
    return (rows + columns).mean()


class DenseGan(Method):
    name = "dense-gan"
    summary = "dense blocks, skips, adversary and total variation (Meng et al.)"
    paper = "Meng, Ren, Fan, Huang, Dense Convolution Generative Adversarial Networks Based Image Inpainting"
    licence = "no public code found"
    Params = DenseGanParams
    small = DenseGanParams(growth=4, layers=2, stem=8, up=16, critic=8)
    params: DenseGanParams

    def __init__(self, size: int, params: DenseGanParams) -> None:
        super().__init__(size, params)
        self.generator = Generator(size, params)
        self.discriminator = Discriminator(size, params)
        if params.init == "dcgan":
            start_small(self)
        for layer in self.modules():
            if isinstance(layer, nn.BatchNorm2d):
                layer.momentum = params.bn_momentum
        self.generator_adam = adam(self.generator.parameters(), params.lr, betas=(0.5, 0.9))
        self.discriminator_adam = adam(self.discriminator.parameters(), params.lr, betas=(0.5, 0.9))

    def step(self, image: Tensor, hole: Tensor) -> Mapping[str, Tensor]:
        p = self.params
        if p.schedule == "cosine":
            for optimizer in (self.generator_adam, self.discriminator_adam):
                optimizer.param_groups[0]["lr"] = p.lr * (1 + math.cos(math.pi * self.progress)) / 2
        x = image * 2 - 1
        guess = self.guess(x, hole)
        shown = guess if p.critic_sees == "raw" else guess.where(hole, x)

        told = self.against_discriminator(x, shown) if p.adversarial else {}
        rec, tv = self.reconstruction(guess, x, hole), total_variation(guess)  # eq. 3, eq. 5
        loss = p.reconstruction * rec
        if p.adversarial:
            loss = loss + p.adversarial * told["adversarial"]
        loss = loss + p.tv * tv  # eq. 2
        self.generator_adam.zero_grad()
        loss.backward()
        self.generator_adam.step()
        return {"loss": loss, "reconstruction": rec, "tv": tv, **told}

    def against_discriminator(self, x: Tensor, shown: Tensor) -> dict[str, Tensor]:
        """Eq. 4: train the discriminator by a step; then what the generator is to make small, and what the other one had."""
        real, fake = self.discriminator(x), self.discriminator(shown.detach())
        d_loss = F.softplus(-real).mean() + F.softplus(fake).mean()  # -eq. 4
        self.discriminator_adam.zero_grad()
        d_loss.backward()
        self.discriminator_adam.step()

        self.discriminator.requires_grad_(False)
        fake = self.discriminator(shown)
        self.discriminator.requires_grad_(True)
        if self.params.adversarial_form == "eq4":  # log D(x) + log(1 - D(G(M x))), to the letter
            adv = -F.softplus(-real.detach()).mean() - F.softplus(fake).mean()
        else:
            adv = F.softplus(-fake).mean()
        return {"adversarial": adv, "discriminator": d_loss}

    def guess(self, x: Tensor, hole: Tensor) -> Tensor:
        """G(M x): a picture in [-1, 1] whose hole is filled with one colour goes in, a whole one comes out."""
        p = self.params
        if p.fill == "mean":
            known = (~hole).to(x.dtype)
            colour = (x * known).sum((2, 3), keepdim=True) / known.sum((2, 3), keepdim=True).clamp_min(1)
            x = x.where(~hole, colour)
        else:
            x = x.masked_fill(hole, -1 if p.fill == "black" else 0)
        answer: Tensor = self.generator(torch.cat([x, hole.to(x.dtype)], dim=1) if p.mask_channel else x)
        return answer

    def reconstruction(self, guess: Tensor, x: Tensor, hole: Tensor) -> Tensor:
        """Eq. 3. Over the known part alone, as it is printed, it teaches the hole nothing; the default is the whole image."""
        p = self.params
        if p.reconstruction_region == "whole":
            weight = 1 + (p.hole_weight - 1) * hole.to(x.dtype)
        else:
            weight = (hole if p.reconstruction_region == "hole" else ~hole).to(x.dtype)
        squares = (weight * (guess - x).square()).sum((1, 2, 3))  # [N]
        if p.reduction == "norm":
            return (squares + 1e-12).sqrt().mean()
        if p.reduction == "sum":
            return squares.mean()
        return squares.sum() / (3 * weight.sum()).clamp_min(1e-12)

    def inpaint(self, seen: Tensor, hole: Tensor, seed: Tensor) -> Tensor:
        return ((self.guess(seen * 2 - 1, hole) + 1) / 2).clamp(0, 1)


@hookimpl
def inbench_methods() -> list[type[Method]]:
    return [DenseGan]
