"""bertalmio: the lines of equal grey that reach the hole are carried on into it, with a little diffusion in between.

Bertalmio, Sapiro, Caselles and Ballester, "Image Inpainting", SIGGRAPH 2000. Written from its formulas; no code was read.
"""

import dataclasses
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from inbench import Method, by_budget, hookimpl, param


@dataclasses.dataclass(frozen=True)
class BertalmioParams:
    loops: int = param(
        by_budget(smoke=5, quick=20, paper=100),
        "rounds of transport and diffusion",
        source="open; on faces with a 32-pixel hole nothing is gained after 100",
        low=0,
    )
    transport: int = param(15, "transport steps in a round, A", source="the paper", low=0)
    diffusion: int = param(2, "diffusion steps in a round, B", source="the paper", low=0)
    dt: float = param(0.1, "length of a step", source="the paper", low=0)
    scale: float = param(1, "what white is, black being 0: transport is as fast, and wild from 5 on", source="open", low=1e-3)
    first: Literal["peel", "ring", "grey"] = param(
        "peel", "the hole at the start: means layer by layer, one mean of a 3-pixel ring, or mid grey", source="open"
    )
    smooth: int = param(
        0, "diffusion steps over the whole picture beforehand", source="the paper smooths, open how long", low=0
    )
    colour: Literal["opponent", "rgb"] = param(
        "opponent", "the channels that evolve apart: lightness and two chromas, or RGB", source="the paper, 'similar to LUV'"
    )


class Bertalmio(Method):
    """Each step reads two pixels around the hole and changes only the hole, each image by itself.

    So the work is done in the box around all holes of a batch, and the answers do not depend on that box. No value leaves the
    range of its picture's channel: a step that is too long for the explicit scheme stays finite.
    """

    name = "bertalmio"
    summary = "isophotes transported into the hole, anisotropic diffusion in between (Bertalmio et al. 2000)"
    paper = "Bertalmio, Sapiro, Caselles, Ballester, Image Inpainting, SIGGRAPH 2000"
    licence = "written from the formulas; no code read"
    Params = BertalmioParams
    small = BertalmioParams(loops=2)
    params: BertalmioParams

    def inpaint(self, seen: Tensor, hole: Tensor, seed: Tensor) -> Tensor:
        if not hole.any():
            return seen
        p, opponent = self.params, self.params.colour == "opponent"
        picture = {"peel": peeled, "ring": ringed, "grey": greyed}[p.first](seen, hole)
        picture = p.scale * (to_opponent(picture) if opponent else picture)
        low, high = picture.amin((2, 3), keepdim=True), picture.amax((2, 3), keepdim=True)  # [N, 3, 1, 1]
        for _ in range(p.smooth):
            picture = (picture + p.dt * diffusion(picture)).clamp(low, high)
        rows, columns = box(hole, margin=2)
        picture, inside = picture[..., rows, columns], hole[..., rows, columns]
        for _ in range(p.loops):
            for change, steps in ((transport, p.transport), (diffusion, p.diffusion)):
                for _ in range(steps):
                    picture = torch.where(inside, (picture + p.dt * change(picture)).clamp(low, high), picture)
        picture = picture / p.scale
        guess = seen.clone()
        guess[..., rows, columns] = (from_opponent(picture) if opponent else picture).clamp(0, 1)
        return torch.where(hole, guess, seen)


def transport(image: Tensor) -> Tensor:
    """How fast each pixel changes: dL . N / |N| times the slope-limited |dI|, where N = (-I_y, I_x) runs along the isophote."""
    right, left, below, above = neighbours(image)
    smoothness = right + left + below + above - 4 * image  # L, the Laplacian
    l_right, l_left, l_below, l_above = neighbours(smoothness)
    x, y = right - left, below - above  # twice the gradient: N is made one long
    norm = (x.square() + y.square()).sqrt()
    beta = ((l_below - l_above) * x - (l_right - l_left) * y) / norm.clamp_min(1e-12)
    forth, back = torch.stack([right - image, below - image]), torch.stack([image - left, image - above])  # [2, N, 3, S, S]
    rising = forth.clamp_min(0).square() + back.clamp_max(0).square()
    falling = forth.clamp_max(0).square() + back.clamp_min(0).square()
    return beta * torch.where(beta > 0, rising, falling).sum(0).sqrt()


def diffusion(image: Tensor) -> Tensor:
    """How fast each pixel changes: curvature of the isophote times |dI|, by central differences; along isophotes alone."""
    right, left, below, above = neighbours(image)
    (_, _, below_right, above_right), (_, _, below_left, above_left) = neighbours(right), neighbours(left)
    x, y = (right - left) / 2, (below - above) / 2
    xx, yy = right + left - 2 * image, below + above - 2 * image
    xy = (below_right + above_left - below_left - above_right) / 4
    return (xx * y.square() - 2 * x * y * xy + yy * x.square()) / (x.square() + y.square()).clamp_min(1e-12)


def neighbours(image: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """What is right, left, below and above of every pixel; beyond the edge, the pixel itself."""
    wide = F.pad(image, (1, 1, 1, 1), mode="replicate")
    return wide[..., 1:-1, 2:], wide[..., 1:-1, :-2], wide[..., 2:, 1:-1], wide[..., :-2, 1:-1]


def greyed(seen: Tensor, hole: Tensor) -> Tensor:
    """Mid grey in the hole."""
    return seen.masked_fill(hole, 0.5)


def ringed(seen: Tensor, hole: Tensor) -> Tensor:
    """In the hole, the mean of the known pixels at most 3 away; grey where nothing is known."""
    ring = (F.max_pool2d(hole.to(seen.dtype), 7, 1, 3) > 0) & ~hole
    count = ring.sum((2, 3), keepdim=True)  # [N, 1, 1, 1]
    mean = (seen * ring).sum((2, 3), keepdim=True) / count.clamp_min(1)  # [N, 3, 1, 1]
    return torch.where(hole, mean.where(count > 0, 0.5), seen)


def peeled(seen: Tensor, hole: Tensor) -> Tensor:
    """From the edge inwards, layer by layer, the mean of the eight neighbours that have a value; grey if nothing is known."""
    picture, known = greyed(seen, hole), ~hole
    for _ in range(hole.shape[-1]):
        if known.all():
            break
        share = F.avg_pool2d(known.to(seen.dtype), 3, 1, 1)
        mean = F.avg_pool2d(picture * known, 3, 1, 1) / share.clamp_min(0.1)
        picture = torch.where(~known & (share > 0), mean, picture)
        known = share > 0
    return picture


def to_opponent(image: Tensor) -> Tensor:
    """RGB -> lightness, red against green, yellow against blue."""
    red, green, blue = image.unbind(1)
    return torch.stack([(red + green + blue) / 3, red - green, (red + green) / 2 - blue], 1)


def from_opponent(image: Tensor) -> Tensor:
    """And back."""
    light, red_green, yellow_blue = image.unbind(1)
    yellow = light + yellow_blue / 3
    return torch.stack([yellow + red_green / 2, yellow - red_green / 2, light - yellow_blue * 2 / 3], 1)


def box(hole: Tensor, margin: int) -> tuple[slice, slice]:
    """Rows and columns that hold every hole of a batch, and some pixels around."""
    spans = []
    for across in ((0, 1, 3), (0, 1, 2)):
        place = hole.any(dim=across).nonzero()
        spans.append(slice(max(int(place.min()) - margin, 0), int(place.max()) + margin + 1))
    return spans[0], spans[1]


@hookimpl
def inbench_methods() -> list[type[Method]]:
    return [Bertalmio]
