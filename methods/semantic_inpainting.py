"""semantic-inpainting: a GAN learns whole pictures; a hole is filled with the one that fits around it best.

Yeh, Chen, Lim, Schwing, Hasegawa-Johnson and Do, "Semantic Image Inpainting with Deep Generative Models", CVPR 2017, on the
DCGAN of Radford, Metz and Chintala, ICLR 2016. Read beside it: the authors' code (moodoki/semantic_image_inpainting, MIT).
"""

import dataclasses
import itertools
from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from inbench import Method, adam, by_budget, hookimpl, param, uniform


@dataclasses.dataclass(frozen=True)
class SemanticInpaintingParams:
    latent: int = param(100, "numbers in the latent vector z", source="section 3.4", low=1)
    width: int = param(64, "channels of the widest-resolution layer", source="DCGAN", low=1)
    lr: float = param(2e-4, "Adam's learning rate, both networks", source="DCGAN", low=0)
    window: int = param(7, "side of the window that weighs known pixels", source="eq. 3", low=1)
    prior: float = param(0.003, "weight of the prior loss, lambda", source="eq. 5", low=0)
    latent_steps: int = param(
        by_budget(smoke=5, quick=15, paper=1500), "steps of the latent search", source="section 3.4", low=0
    )
    latent_lr: float = param(0.01, "Adam's learning rate of the latent search", source="open", low=0)
    blend: bool = param(True, "Poisson blending of the answer", source="eq. 6")

    def __post_init__(self) -> None:
        if self.window % 2 == 0:
            raise ValueError(f"window must be odd, so that it has a middle, not {self.window}")


def widths(size: int, width: int) -> list[int]:
    """Channels from the finest layer to the 4x4 one: 64, 128, 256, 512 at 64."""
    levels = size.bit_length() - 3
    return [width] * (levels - 4) + [width, 2 * width, 4 * width, 8 * width][-levels:]


def generator(size: int, p: SemanticInpaintingParams) -> nn.Sequential:
    """DCGAN: [N, 100] -> [N, 512, 4, 4] -> [N, 3, S, S] in [-1, 1]."""
    sides = widths(size, p.width)
    layers: list[nn.Module] = [nn.Linear(p.latent, sides[-1] * 16, bias=False), nn.Unflatten(1, (sides[-1], 4, 4))]
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


def discriminator(size: int, p: SemanticInpaintingParams) -> nn.Sequential:
    """DCGAN: [N, 3, S, S] -> [N, 1], one logit of real against fake; no batch norm on the first layer."""
    sides = widths(size, p.width)
    layers: list[nn.Module] = [nn.Conv2d(3, sides[0], 4, 2, 1, bias=False), nn.LeakyReLU(0.2, inplace=True)]
    for before, after in itertools.pairwise(sides):
        layers += [
            nn.Conv2d(before, after, 4, 2, 1, bias=False),
            nn.BatchNorm2d(after),
            nn.LeakyReLU(0.2, inplace=True),
        ]
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(sides[-1] * 16, 1, bias=False))


def start_small(net: nn.Module) -> None:
    """N(0, 0.02) for convolutions, N(1, 0.02) for batch norms, as DCGAN starts them."""
    for layer in net.modules():
        if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)):
            nn.init.normal_(layer.weight, 0, 0.02)
        elif isinstance(layer, nn.BatchNorm2d):
            nn.init.normal_(layer.weight, 1, 0.02)


def context_weight(hole: Tensor, window: int) -> Tensor:
    """Eq. 3: each known pixel weighs the share of missing ones in its window: bool [N, 1, S, S] -> [N, 1, S, S]."""
    share = F.avg_pool2d(hole.float(), window, 1, window // 2, count_include_pad=False)
    return share.masked_fill(hole, 0)


class SemanticInpainting(Method):
    name = "semantic-inpainting"
    summary = "latent search in a GAN of whole pictures, Poisson blending (Yeh et al. 2017)"
    paper = "Yeh, Chen, Lim, Schwing, Hasegawa-Johnson, Do, Semantic Image Inpainting with Deep Generative Models, CVPR 2017"
    licence = "authors' code: MIT; read, not copied"
    chance = True
    Params = SemanticInpaintingParams
    small = SemanticInpaintingParams(latent=8, width=8, latent_steps=3)
    params: SemanticInpaintingParams

    def __init__(self, size: int, params: SemanticInpaintingParams) -> None:
        super().__init__(size, params)
        self.generator = generator(size, params)
        self.discriminator = discriminator(size, params)
        start_small(self)
        self.generator_adam = adam(self.generator.parameters(), params.lr, betas=(0.5, 0.999))
        self.discriminator_adam = adam(self.discriminator.parameters(), params.lr, betas=(0.5, 0.999))

    def step(self, image: Tensor, hole: Tensor) -> Mapping[str, Tensor]:
        z = torch.rand(len(image), self.params.latent, device=image.device) * 2 - 1  # U(-1, 1); holes play no part
        fake = self.generator(z)
        d_loss = F.softplus(-self.discriminator(image * 2 - 1)).mean() + F.softplus(self.discriminator(fake.detach())).mean()
        self.discriminator_adam.zero_grad()
        d_loss.backward()
        self.discriminator_adam.step()

        self.discriminator.requires_grad_(False)
        g_loss = F.softplus(-self.discriminator(fake)).mean()
        self.discriminator.requires_grad_(True)
        self.generator_adam.zero_grad()
        g_loss.backward()
        self.generator_adam.step()
        return {"loss": g_loss, "discriminator": d_loss}

    def inpaint(self, seen: Tensor, hole: Tensor, seed: Tensor) -> Tensor:
        guess = (self.search(seen * 2 - 1, hole, seed) + 1) / 2
        return blend(seen, guess, hole) if self.params.blend else guess

    def search(self, y: Tensor, hole: Tensor, seed: Tensor) -> Tensor:
        """Section 3: the generator's picture that fits the known pixels best, one z an image: [N, 3, S, S] in [-1, 1]."""
        weight = context_weight(hole, self.params.window)
        z = uniform(seed, self.params.latent) * 2 - 1
        z.requires_grad_()
        search_adam = torch.optim.Adam([z], lr=self.params.latent_lr)
        self.requires_grad_(False)  # only z moves
        with torch.enable_grad():
            for _ in range(self.params.latent_steps):
                picture = self.generator(z)
                context = (weight * (picture - y)).abs().sum((1, 2, 3))  # eq. 4: [N]
                prior = -self.params.prior * F.softplus(self.discriminator(picture)).flatten()  # eq. 5, log(1 - D): [N]
                search_adam.zero_grad()
                (context.sum() + prior.sum()).backward()  # summed over images: they stay apart
                search_adam.step()
                with torch.no_grad():
                    z.clamp_(-1, 1)
                self.logged = {"context": context.detach(), "prior": prior.detach()}
        self.requires_grad_(True)
        found: Tensor = self.generator(z.detach())
        return found


def blend(seen: Tensor, guess: Tensor, hole: Tensor) -> Tensor:
    """Eq. 6: the picture with the guess's gradients in the hole and the known pixels around it, for any hole.

    Solves the discrete Poisson equation (unknown: the hole; free at the image's edge) by conjugate gradients, each image by
    itself, until its residual is under 1e-6 of its start. An image without known pixels keeps its guess.
    """
    precise = torch.float32 if seen.device.type == "mps" else torch.float64
    inside = hole.to(precise)
    wanted = laplacian(guess.to(precise)) * inside
    x = torch.where(hole, guess, seen).to(precise)
    residual = (wanted - laplacian(x)) * inside
    direction, norm = residual, residual.square().sum((1, 2, 3), keepdim=True)
    goal = norm * 1e-12
    open_hole = (~hole).any(dim=(1, 2, 3), keepdim=True)
    for _ in range(8 * hole.shape[-1]):
        going = (norm > goal) & (norm > 0) & open_hole
        if not going.any():
            break
        pushed = laplacian(direction) * inside
        length = torch.where(going, norm / (direction * pushed).sum((1, 2, 3), keepdim=True), 0)
        x = x + length * direction
        residual = residual - length * pushed
        new_norm = residual.square().sum((1, 2, 3), keepdim=True)
        direction = torch.where(going, residual + new_norm / norm * direction, direction)
        norm = torch.where(going, new_norm, norm)
    return torch.where(hole, x.clamp(0, 1).to(seen.dtype), seen)


def laplacian(x: Tensor) -> Tensor:
    """Four-neighbour Laplacian, neighbours beyond the edge left out: sum of (own - neighbour)."""
    rows, columns = x[:, :, 1:] - x[:, :, :-1], x[..., 1:] - x[..., :-1]
    return F.pad(rows, (0, 0, 1, 0)) - F.pad(rows, (0, 0, 0, 1)) + F.pad(columns, (1, 0)) - F.pad(columns, (0, 1))


@hookimpl
def inbench_methods() -> list[type[Method]]:
    return [SemanticInpainting]
