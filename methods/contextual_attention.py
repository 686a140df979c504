"""contextual-attention: a coarse net, then a refinement that copies patches from around the hole; two WGAN-GP critics.

Yu, Lin, Yang, Shen, Lu and Huang, "Generative Image Inpainting with Contextual Attention", CVPR 2018. Layers: the table of its
appendix; what the text leaves open is as in the authors' first release (JiahuiYu/generative_inpainting, branch v1.0.0; read
beside it: daa233/generative-inpainting-pytorch). Both work on squares of 128 in pictures of 256; here, at size S:

- lengths shrink by S / 256: the dilations 2, 4, 8, 16 are 1, 1, 2, 4 at 64, so that they reach as far across the picture (16
  would look past a map of 16 x 16 altogether), and a pixel's discount is gamma ** (256 / S), so that it falls as far in a hole;
- holes are any: the local critic looks at a square of half the side around the middle of the hole's bounding box, moved inside
  the picture; the discount counts city-block steps to the nearest known pixel, which in a square are those to its nearest edge;
- the attention's map stays at an eighth of S, 8 x 8 places at 64. A centre hole then leaves only patches at the picture's
  edge, so patches are mirrored over it like all else in the generator: zeros, as released, would be pasted into the hole.
"""

import dataclasses
from collections.abc import Mapping
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from inbench import Method, adam, hookimpl, param


@dataclasses.dataclass(frozen=True)
class ContextualAttentionParams:
    width: int = param(32, "channels of the generators' first convolutions; up to four times that", source="appendix", low=2)
    critic: int = param(64, "channels of the critics' first convolutions", source="appendix", low=1)
    dilation: Literal["scaled", "paper"] = param(
        "scaled", "2, 4, 8, 16 times size / 256, or as they are, cut to what the map holds", source="open below 256"
    )
    fill: Literal["white", "grey"] = param("white", "colour of the hole", source="section 3; the release has grey")
    init: Literal["glorot", "torch"] = param(
        "glorot", "weights uniform after Glorot and Bengio and no biases, or torch's own", source="open; TensorFlow's default"
    )
    patch: int = param(3, "side of the patches that are compared", source="section 4.1", low=1, high=7)
    rate: Literal[1, 2] = param(2, "how much smaller the map is on which patches are compared", source="section 4.1; released")
    cosine: Literal["both", "background"] = param(
        "both", "patches that are brought to length 1: both, or as released those of the background alone", source="section 4.1"
    )
    scale: float = param(10.0, "lambda of the softmax: the larger, the fewer patches share", source="section 4.1; released")
    propagation: int = param(
        3,
        "side of the neighbourhood whose scores are added, before the softmax as released; 1: none",
        source="section 4.1",
        low=1,
    )
    spare: bool = param(
        True, "where every patch touches the hole, use those that do so least; false: answer 0, as released", source="open"
    )
    critic_steps: int = param(1, "steps of the critics for one of the generator", source="here 1:1; algorithm 1 has 5", low=1)
    penalty: float = param(10.0, "weight of the gradient penalty", source="section 3", low=0)
    gamma: float = param(
        0.99, "discount for each 256th of the side; 1: none", source="section 3; the release has 0.9", low=0, high=1
    )
    coarse: float = param(1.2, "weight of the coarse stage within both reconstruction losses", source="released", low=0)
    reconstruction: float = param(1.2, "weight of the discounted error in the hole", source="released", low=0)
    known: float = param(1.2, "weight of the error outside the hole", source="released", low=0)
    adversarial: float = param(0.001, "weight of the critics", source="released", low=0)
    lr: float = param(1e-4, "Adam's learning rate, all networks", source="released", low=0)

    def __post_init__(self) -> None:
        for name in ("patch", "propagation"):
            if getattr(self, name) % 2 == 0:
                raise ValueError(f"{name} must be odd, so that it has a middle, not {getattr(self, name)}")


class Convolution(nn.Conv2d):
    """A convolution of the generators: mirror padding, no batch norm (section 3).

    It pads in the precision of what comes in; autocast would pad in float32, which makes a step 7 % longer on a CPU.
    """

    def __init__(self, channels: int, out: int, kernel: int = 3, stride: int = 1, dilation: int = 1) -> None:
        super().__init__(channels, out, kernel, stride, dilation=dilation)
        self.frame = dilation * (kernel // 2)

    def forward(self, x: Tensor) -> Tensor:
        with torch.autocast(x.device.type, enabled=False):
            x = mirrored(x, self.frame, self.frame)
        return super().forward(x)


def mirrored(x: Tensor, before: int, after: int) -> Tensor:
    """[N, C, h, w] -> [N, C, before + h + after, before + w + after], mirrored at its edges.

    On a GPU, torch has no gradient of its own mirror padding that repeats its bits: there it is put together, where bits must.
    """
    if not (x.is_cuda and torch.are_deterministic_algorithms_enabled()):
        return F.pad(x, [before, after] * 2, mode="reflect")
    return put_together(put_together(x, before, after, 2), before, after, 3)


def put_together(x: Tensor, before: int, after: int, dim: int) -> Tensor:
    """The mirror padding of one dimension, of flipped slices."""
    side = x.shape[dim]
    return torch.cat([x.narrow(dim, 1, before).flip(dim), x, x.narrow(dim, side - 1 - after, after).flip(dim)], dim)


def elu(*convolutions: nn.Module) -> list[nn.Module]:
    """An ELU after each (section 3)."""
    return [layer for convolution in convolutions for layer in (convolution, nn.ELU(inplace=True))]


def encoder(width: int) -> list[nn.Module]:
    """A picture and its hole: [N, 4, S, S] -> [N, 128, S/4, S/4].

    Both stages and both branches have it so in the paper; in the release, the branches are narrower up to the fourth layer.
    The release adds a channel of ones, which shows zero padding where the edge is; under mirror padding it is one more bias.
    """
    return elu(
        Convolution(4, width, 5),
        Convolution(width, 2 * width, stride=2),
        Convolution(2 * width, 2 * width),
        Convolution(2 * width, 4 * width, stride=2),
        Convolution(4 * width, 4 * width),
        Convolution(4 * width, 4 * width),
    )


def dilations(size: int, how: str) -> list[int]:
    """2, 4, 8, 16 at 256; a map of S/4 has room for less than its own side, as mirrored padding."""
    found = [2, 4, 8, 16]
    return [max(1, d * size // 256) for d in found] if how == "scaled" else [min(d, size // 4 - 1) for d in found]


def dilated(size: int, p: ContextualAttentionParams) -> list[nn.Module]:
    """[N, 128, S/4, S/4] -> the same."""
    return elu(*(Convolution(4 * p.width, 4 * p.width, dilation=d) for d in dilations(size, p.dilation)))


def decoder(channels: int, width: int) -> list[nn.Module]:
    """[N, channels, S/4, S/4] -> [N, 3, S, S], clipped to [-1, 1] in place of a tanh; nearest neighbours between its levels."""
    return [
        *elu(Convolution(channels, 4 * width), Convolution(4 * width, 4 * width)),
        nn.Upsample(scale_factor=2),
        *elu(Convolution(4 * width, 2 * width), Convolution(2 * width, 2 * width)),
        nn.Upsample(scale_factor=2),
        *elu(Convolution(2 * width, width), Convolution(width, width // 2)),
        Convolution(width // 2, 3),
        nn.Hardtanh(),
    ]


def coarse_net(size: int, p: ContextualAttentionParams) -> nn.Sequential:
    """Stage 1: [N, 4, S, S], a picture and its hole -> [N, 3, S, S] in [-1, 1]."""
    return nn.Sequential(*encoder(p.width), *dilated(size, p), *decoder(4 * p.width, p.width))


class Attention(nn.Module):
    """Section 4.1: every place of a map becomes a mixture of the background's patches that look most like it.

    [N, C, s, s] and hole [N, 1, S, S] bool -> [N, C, s, s]. In float32 throughout: in bfloat16, patches whose cosines differ by
    less than .4 % would be the same. Products of unfolded patches, so that each image of a batch has patches of its own.
    """

    def __init__(self, p: ContextualAttentionParams) -> None:
        super().__init__()
        self.p = p

    def forward(self, x: Tensor, hole: Tensor) -> Tensor:
        with torch.autocast(x.device.type, enabled=False):
            return self.paste(x.float(), self.attend(x.float(), hole))

    def attend(self, x: Tensor, hole: Tensor) -> Tensor:
        """Who looks at whom: [N, L, L], each column a distribution over the L = (s / rate)^2 patches."""
        p = self.p
        small = x[..., :: p.rate, :: p.rate]  # nearest: [N, C, s, s] -> [N, C, side, side]
        side = small.shape[-1]
        patches = F.unfold(mirrored(small, p.patch // 2, p.patch // 2), p.patch)  # [N, 9 C, L]
        background = F.normalize(patches, dim=1, eps=1e-4)
        foreground = background if p.cosine == "both" else patches
        scores = propagate(background.transpose(1, 2) @ foreground, side, p.propagation)  # cosines: [N, L, L]
        touch = touching(hole, side, p.patch)
        usable = touch <= touch.amin(1, keepdim=True)  # those that do not touch the hole, if there are any
        attention = (p.scale * scores).masked_fill(~usable[:, :, None], -torch.inf).softmax(1)
        return attention if p.spare else attention * (touch == 0)[:, :, None]

    def paste(self, x: Tensor, attention: Tensor) -> Tensor:
        """A transposed convolution of the attention with patches of twice the rate, each pixel the mean of those over it."""
        rate, side = self.p.rate, x.shape[-1]
        before, wide = rate // 2, side + rate
        framed = mirrored(x, before, rate - before)
        patches = F.unfold(framed, 2 * rate, stride=rate)  # [N, 16 C, L]
        pasted = F.fold(patches @ attention, (wide, wide), 2 * rate, stride=rate)
        ones = x.new_ones(1, 4 * rate**2, attention.shape[-1])
        pasted = pasted / F.fold(ones, (wide, wide), 2 * rate, stride=rate)  # 4 within, fewer at the edge
        return pasted[..., before : before + side, before : before + side]


def propagate(scores: Tensor, side: int, kernel: int) -> Tensor:
    """Attention propagation: neighbours should look at neighbours, along rows, then along columns: [N, L, L] -> the same.

    The release shifts the flattened map, in which a row runs on into the next; here what is beyond an edge counts nothing.
    """
    reach, steps = kernel // 2, range(kernel)
    scores = scores.unflatten(2, (side, side)).unflatten(1, (side, side))  # [N, rows, columns, rows, columns]
    wide = F.pad(scores, [reach, reach, 0, 0, reach, reach])
    scores = torch.stack([wide[:, :, i : i + side, :, i : i + side] for i in steps]).sum(0)
    tall = F.pad(scores, [0, 0, reach, reach, 0, 0, reach, reach])
    scores = torch.stack([tall[:, i : i + side, :, i : i + side] for i in steps]).sum(0)
    return scores.flatten(3).flatten(1, 2)


def touching(hole: Tensor, side: int, patch: int) -> Tensor:
    """The share of each patch's places that have a missing pixel: bool [N, 1, S, S] -> [N, side * side].

    The release looks at one pixel of a place's 8 x 8, and so may take thin strokes for background.
    """
    places = F.max_pool2d(hole.float(), hole.shape[-1] // side)  # [N, 1, side, side]
    return F.avg_pool2d(places, patch, 1, patch // 2, count_include_pad=False).flatten(1)


class Refinement(nn.Module):
    """Stage 2 (Fig. 4): one encoder imagines, one attends, one decoder joins them: [N, 4, S, S] -> [N, 3, S, S] in [-1, 1]."""

    def __init__(self, size: int, p: ContextualAttentionParams) -> None:
        super().__init__()
        self.imagining = nn.Sequential(*encoder(p.width), *dilated(size, p))
        self.matching = nn.Sequential(*encoder(p.width)[:-1], nn.ReLU(inplace=True))  # ReLU before the layer, as released
        self.attention = Attention(p)
        self.attending = nn.Sequential(*elu(Convolution(4 * p.width, 4 * p.width), Convolution(4 * p.width, 4 * p.width)))
        self.decoder = nn.Sequential(*decoder(8 * p.width, p.width))

    def forward(self, x: Tensor, hole: Tensor) -> Tensor:
        attended = self.attending(self.attention(self.matching(x), hole))
        found: Tensor = self.decoder(torch.cat([self.imagining(x), attended], dim=1))
        return found


def critic_net(side: int, widths: tuple[int, int, int, int]) -> nn.Sequential:
    """[N, 3, side, side] -> [N, 1]: four K5S2 and one fully connected; zero padding, LeakyReLU."""
    layers: list[nn.Module] = []
    for before, after in zip((3, *widths), widths, strict=False):
        layers += [nn.Conv2d(before, after, 5, 2, 2), nn.LeakyReLU(0.2)]
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(widths[-1] * (side // 16) ** 2, 1))


def start_glorot(net: nn.Module) -> None:
    """As TensorFlow starts them. Through seventeen layers, torch's own start leaves a ten-thousandth of the signal."""
    for layer in net.modules():
        if isinstance(layer, (nn.Conv2d, nn.Linear)):
            nn.init.xavier_uniform_(layer.weight)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)


def discount(hole: Tensor, gamma: float) -> Tensor:
    """Section 3: gamma ** l, l the city-block distance to the nearest known pixel: bool [N, 1, S, S] -> [N, 1, S, S].

    1 at known pixels, and everywhere in a picture that has none.
    """
    far = 4 * hole.shape[-1]
    steps = hole.float() * far  # 0 where known
    line = torch.arange(hole.shape[-1], device=hole.device, dtype=steps.dtype)
    for axis, place in ((2, line[:, None]), (3, line)):
        after = (steps - place).cummin(axis).values + place  # from the nearest before it
        before = (steps + place).flip(axis).cummin(axis).values.flip(axis) - place
        steps = torch.minimum(after, before)
    return gamma ** steps.masked_fill(steps >= far, 0)


def corner(hole: Tensor, side: int) -> tuple[Tensor, Tensor]:
    """First row and column, each [N], of the square around the middle of the hole's bounding box, moved inside the picture.

    Without a hole: the middle of the picture.
    """
    size = hole.shape[-1]
    found = []
    for across in (3, 2):
        missing = hole.any(across).flatten(1).to(torch.uint8)  # [N, S]: whether a row, a column misses something
        first, last = missing.argmax(1), size - 1 - missing.flip(1).argmax(1)
        found.append(((first + last + 1 - side) // 2).clamp(0, size - side))
    return found[0], found[1]


def cut(x: Tensor, at: tuple[Tensor, Tensor], side: int) -> Tensor:
    """A square of each image: [N, C, S, S] -> [N, C, side, side]; differentiable."""
    n, c, size, _ = x.shape
    steps = torch.arange(side, device=x.device)
    rows, columns = (first[:, None] + steps for first in at)  # [N, side]
    x = x.gather(2, rows[:, None, :, None].expand(n, c, side, size))
    return x.gather(3, columns[:, None, None, :].expand(n, c, side, side))


def gradient_penalty(critic: nn.Module, real: Tensor, fake: Tensor, hole: Tensor) -> Tensor:
    """Section 3: (|gradient in the hole| - 1)^2 at a random point between real and fake; mean over the batch."""
    t = torch.rand(len(real), 1, 1, 1, device=real.device)
    between = (t * real + (1 - t) * fake).requires_grad_()
    (gradient,) = torch.autograd.grad(critic(between).sum(), between, create_graph=True)
    length = ((gradient * hole).square().sum((1, 2, 3)) + 1e-12).sqrt()  # [N]; without a hole its gradient stays finite
    return (length - 1).square().mean()


class ContextualAttention(Method):
    name = "contextual-attention"
    summary = "coarse to fine, attention to patches around the hole, two WGAN-GP critics (Yu et al. 2018)"
    paper = "Yu, Lin, Yang, Shen, Lu, Huang, Generative Image Inpainting with Contextual Attention, CVPR 2018"
    licence = "authors' code: CC BY-NC 4.0; daa233's PyTorch port: MIT; both read, not copied"
    Params = ContextualAttentionParams
    small = ContextualAttentionParams(width=4, critic=4)
    params: ContextualAttentionParams

    def __init__(self, size: int, params: ContextualAttentionParams) -> None:
        super().__init__(size, params)
        c = params.critic
        self.coarse = coarse_net(size, params)
        self.refinement = Refinement(size, params)
        self.global_critic = critic_net(size, (c, 2 * c, 4 * c, 4 * c))
        self.local_critic = critic_net(size // 2, (c, 2 * c, 4 * c, 8 * c))
        if params.init == "glorot":
            start_glorot(self)
        generators = [*self.coarse.parameters(), *self.refinement.parameters()]
        self.generator_adam = adam(generators, params.lr, betas=(0.5, 0.9))
        critics = [*self.global_critic.parameters(), *self.local_critic.parameters()]
        self.critic_adam = adam(critics, params.lr, betas=(0.5, 0.9))

    def step(self, image: Tensor, hole: Tensor) -> Mapping[str, Tensor]:
        p = self.params
        x = image * 2 - 1
        coarse, fine = self.guess(x, hole)
        completed = fine.where(hole, x)

        for _ in range(p.critic_steps):  # algorithm 1, on one batch
            distance, penalty = self.distance_and_penalty(x, completed.detach(), hole)
            self.critic_adam.zero_grad()
            (p.penalty * penalty - distance).backward()
            self.critic_adam.step()

        whole, part = self.views(completed, hole)
        self.global_critic.requires_grad_(False)
        self.local_critic.requires_grad_(False)
        adv = -self.global_critic(whole).mean() - self.local_critic(part).mean()
        self.global_critic.requires_grad_(True)
        self.local_critic.requires_grad_(True)
        weight = discount(hole, p.gamma ** (256 / self.size))
        rec = p.coarse * mean_over(hole, weight * (coarse - x).abs()) + mean_over(hole, weight * (fine - x).abs())
        known = p.coarse * mean_over(~hole, (coarse - x).abs()) + mean_over(~hole, (fine - x).abs())
        loss = p.reconstruction * rec + p.known * known + p.adversarial * adv
        self.generator_adam.zero_grad()
        loss.backward()
        self.generator_adam.step()
        losses = {"loss": loss, "reconstruction": rec, "known": known, "adversarial": adv}
        return {**losses, "distance": distance, "penalty": penalty}

    def guess(self, x: Tensor, hole: Tensor) -> tuple[Tensor, Tensor]:
        """Both stages, each a whole picture in [-1, 1]; the second sees the first's hole in its picture (Fig. 2)."""
        flag = hole.to(x.dtype)
        filled = x.masked_fill(hole, 1 if self.params.fill == "white" else 0)
        coarse: Tensor = self.coarse(torch.cat([filled, flag], dim=1))
        fine: Tensor = self.refinement(torch.cat([coarse.where(hole, x), flag], dim=1), hole)
        return coarse, fine

    def views(self, x: Tensor, hole: Tensor) -> tuple[Tensor, Tensor]:
        """What the global and the local critic look at."""
        side = self.size // 2
        return x, cut(x, corner(hole, side), side)

    def distance_and_penalty(self, real: Tensor, fake: Tensor, hole: Tensor) -> tuple[Tensor, Tensor]:
        """Section 3: how far apart the two critics hold real and fake, and how far they are from a slope of 1."""
        distance = penalty = real.new_zeros(())
        seen = zip(self.views(real, hole), self.views(fake, hole), self.views(hole, hole), strict=True)
        for critic, (x, y, m) in zip((self.global_critic, self.local_critic), seen, strict=True):
            of_real, of_fake = critic(torch.cat([x, y])).chunk(2)
            distance = distance + of_real.mean() - of_fake.mean()
            penalty = penalty + gradient_penalty(critic, x, y, m)
        return distance, penalty

    def inpaint(self, seen: Tensor, hole: Tensor, seed: Tensor) -> Tensor:
        return (self.guess(seen * 2 - 1, hole)[1] + 1) / 2


def mean_over(region: Tensor, error: Tensor) -> Tensor:
    """Mean over a region's pixels and channels, all images together; 0 where it is empty."""
    return (region * error).sum() / (3 * region.sum()).clamp_min(1)


@hookimpl
def inbench_methods() -> list[type[Method]]:
    return [ContextualAttention]
