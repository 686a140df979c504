"""dense-gan: an encoder and decoder of dense blocks with skips, trained with reconstruction, adversary and total variation.

Meng, Ren, Fan and Huang, "Dense Convolution Generative Adversarial Networks Based Image Inpainting" (in Chinese; received
July 2019). No public code was found; what the text leaves open is a parameter, and the reading is in docs/decisions.md.
"""

import dataclasses
from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from inbench import Method, adam, hookimpl, param


@dataclasses.dataclass(frozen=True)
class DenseGanParams:
    growth: int = param(32, "channels that each dense layer adds", source="open; DenseNet k", low=1)
    layers: int = param(4, "layers in a dense block", source="Fig. 2", low=1)
    stem: int = param(64, "channels of the first convolution", source="open", low=1)
    theta: float = param(0.5, "share of the channels that a transition keeps", source="open; DenseNet-C", low=0.01, high=1)
    up: int = param(128, "channels of the first three deconvolutions; half of it in the fourth", source="open", low=2)
    critic: int = param(64, "channels of the discriminator's first convolution", source="DCGAN", low=1)
    bn_momentum: float = param(0.3, "share of the newest batch in the averages that answers use", source="open", low=0, high=1)
    reconstruction: float = param(0.999, "weight of L_rec", source="section 4.1")
    adversarial: float = param(0.001, "weight of L_adv", source="section 4.1")
    tv: float = param(1e-6, "weight of L_TV", source="section 4.1")
    lr: float = param(2e-4, "Adam's learning rate, both networks", source="section 4.1", low=0)


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


def down(channels: int, theta: float) -> nn.Sequential:
    """A transition: [N, c, 2s, 2s] -> [N, theta * c, s, s]."""
    kept = max(1, int(channels * theta))
    return nn.Sequential(
        nn.BatchNorm2d(channels), nn.ReLU(inplace=True), nn.Conv2d(channels, kept, 1, bias=False), nn.AvgPool2d(2)
    )


def up(channels: int, out: int, bias: bool = False) -> nn.Sequential:
    """A deconvolution: [N, c, s, s] -> [N, out, 2s, 2s]."""
    return nn.Sequential(nn.BatchNorm2d(channels), nn.ReLU(inplace=True), nn.ConvTranspose2d(channels, out, 4, 2, 1, bias=bias))


class Generator(nn.Module):
    """Section 3.1: stem, four dense blocks down, one in place of the fully connected layer, four up, Tanh; in [-1, 1]."""

    def __init__(self, p: DenseGanParams) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, p.stem, 4, 2, 1, bias=False)  # [N, 3, S, S] -> [N, 64, S/2, S/2]
        channels, skips = p.stem, []
        self.encoder, self.downs = nn.ModuleList(), nn.ModuleList()
        for _ in range(4):
            block = DenseBlock(channels, p.layers, p.growth)
            self.encoder.append(block)
            self.downs.append(down(block.out_channels, p.theta))
            skips.append(block.out_channels)
            channels = max(1, int(block.out_channels * p.theta))
        self.middle = DenseBlock(channels, p.layers, p.growth)  # [N, 252, S/32, S/32]
        channels = self.middle.out_channels
        self.ups, self.decoder = nn.ModuleList(), nn.ModuleList()
        for level, skip in enumerate(reversed(skips)):
            last = level == 3
            out = p.up // 2 if last else p.up
            self.ups.append(up(channels, out))
            block = DenseBlock(out + skip, 0 if last else p.layers, p.growth)  # the last level is joined, then only scaled up
            self.decoder.append(block)
            channels = block.out_channels
        self.head = up(channels, 3, bias=True)  # [N, 256, S/2, S/2] -> [N, 3, S, S]

    def forward(self, x: Tensor) -> Tensor:
        x, skips = self.stem(x), []
        for block, shrink in zip(self.encoder, self.downs, strict=True):
            x = block(x)
            skips.append(x)
            x = shrink(x)
        x = self.middle(x)
        for grow, block, skip in zip(self.ups, self.decoder, reversed(skips), strict=True):
            x = block(torch.cat([grow(x), skip], dim=1))
        return torch.tanh(self.head(x))


def discriminator(size: int, width: int) -> nn.Sequential:
    """Section 3.2: five 4x4 convolutions of stride 2, BN and LeakyReLU after each, two classes (as one logit)."""
    layers: list[nn.Module] = []
    channels = 3
    for factor in (1, 2, 4, 8, 8):
        layers += [
            nn.Conv2d(channels, factor * width, 4, 2, 1, bias=False),
            nn.BatchNorm2d(factor * width),
            nn.LeakyReLU(0.2, inplace=True),
        ]
        channels = factor * width
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(channels * (size // 32) ** 2, 1))  # [N, 3, S, S] -> [N, 1]


def start_small(net: nn.Module, bn_momentum: float) -> None:
    """Convolutions from N(0, 0.02), as DCGAN starts them; the paper does not say how it starts."""
    for layer in net.modules():
        if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d)):
            nn.init.normal_(layer.weight, 0, 0.02)
        elif isinstance(layer, nn.BatchNorm2d):
            layer.momentum = bn_momentum


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
        self.generator = Generator(params)
        self.discriminator = discriminator(size, params.critic)
        start_small(self, params.bn_momentum)
        self.generator_adam = adam(self.generator.parameters(), params.lr, betas=(0.5, 0.9))
        self.discriminator_adam = adam(self.discriminator.parameters(), params.lr, betas=(0.5, 0.9))

    def step(self, image: Tensor, hole: Tensor) -> Mapping[str, Tensor]:
        p = self.params
        x = image * 2 - 1
        guess = self.generator(x.masked_fill(hole, 0))  # G(M x): the hole is mid grey

        real, fake = self.discriminator(x), self.discriminator(guess.detach())
        d_loss = F.softplus(-real).mean() + F.softplus(fake).mean()  # -eq. 4
        self.discriminator_adam.zero_grad()
        d_loss.backward()
        self.discriminator_adam.step()

        rec = (guess - x).square().mean()  # eq. 3, over the whole image: over the known part alone it cannot teach the hole
        self.discriminator.requires_grad_(False)
        adv = F.softplus(-self.discriminator(guess)).mean()  # non-saturating form of eq. 4
        self.discriminator.requires_grad_(True)
        tv = total_variation(guess)  # eq. 5
        loss = p.reconstruction * rec + p.adversarial * adv + p.tv * tv  # eq. 2
        self.generator_adam.zero_grad()
        loss.backward()
        self.generator_adam.step()
        return {"loss": loss, "reconstruction": rec, "adversarial": adv, "tv": tv, "discriminator": d_loss}

    def inpaint(self, seen: Tensor, hole: Tensor, seed: Tensor) -> Tensor:
        guess: Tensor = self.generator((seen * 2 - 1).masked_fill(hole, 0))
        return (guess + 1) / 2


@hookimpl
def inbench_methods() -> list[type[Method]]:
    return [DenseGan]
