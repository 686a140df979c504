"""ppca: a Gaussian of whole pictures; any hole is filled with its mean given the known pixels.

Tipping and Bishop, "Probabilistic Principal Component Analysis", Journal of the Royal Statistical Society B, 1999. Its
covariance C = W WT + sigma^2 I keeps the strongest directions and makes the rest noise. They are found in one pass (Tropp,
Yurtsever, Udell and Cevher, "Fixed-Rank Approximation of a Positive-Semidefinite Matrix from Streaming Data", NeurIPS 2017).
"""

import dataclasses
from collections.abc import Mapping

import torch
from torch import Tensor

from inbench import Method, hookimpl, param


@dataclasses.dataclass(frozen=True)
class PpcaParams:
    directions: int = param(256, "directions kept, q", source="open", low=1)
    noise: float = param(
        20.0, "times the estimated noise, when conditioning; 1 is the model's own", source="open; by validation", low=1e-6
    )
    sketch: int = param(2, "width of the sketch, in directions", source="Tropp et al.: two or more", low=1)


class Sketch:
    """What the pass sums up: pictures, their squares, and their second moments times some random directions."""

    def __init__(self, pixels: int, width: int) -> None:
        self.sums = {"omega": torch.randn(pixels, width), "x": torch.zeros(pixels), "xx": torch.zeros(pixels, width)}
        self.sums |= {"square": torch.zeros(()), "n": torch.zeros(())}

    def add(self, x: Tensor) -> None:
        """x [n, d] around 0."""
        for name, value in self.sums.items():
            self.sums[name] = value.to(x.device)
        self.sums["n"] += len(x)
        self.sums["x"] += x.sum(0)
        self.sums["square"] += x.square().sum()
        self.sums["xx"].addmm_(x.T, x @ self.sums["omega"])

    def state_dict(self) -> dict[str, Tensor]:
        return self.sums

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        self.sums = dict(state)


class Ppca(Method):
    """E[x_h | x_k] = m_h + W_h z, z = (W_kT W_k + sigma^2 I)^-1 W_kT (x_k - m_k).

    What W leaves over is no white noise, so sigma^2 is taken larger than it was estimated (docs/decisions.md).
    """

    name = "ppca"
    summary = "a Gaussian of whole pictures (probabilistic PCA), conditioned on the known pixels: any hole"
    paper = "Tipping and Bishop, Probabilistic Principal Component Analysis, J. R. Stat. Soc. B 1999"
    licence = "not applicable"
    one_pass = True
    sizes = (32, 64, 128)
    Params = PpcaParams
    small = PpcaParams(directions=4)
    params: PpcaParams
    mean: Tensor
    weight: Tensor
    noise: Tensor

    def __init__(self, size: int, params: PpcaParams) -> None:
        super().__init__(size, params)
        pixels = 3 * size * size
        self.register_buffer("mean", torch.full((pixels,), 0.5))  # m
        self.register_buffer("weight", torch.zeros(pixels, params.directions))  # W
        self.register_buffer("noise", torch.ones(()))  # sigma^2
        self.sketch = Sketch(pixels, params.directions * params.sketch)

    def step(self, image: Tensor, hole: Tensor) -> Mapping[str, Tensor]:
        self.sketch.add(image.flatten(1) - 0.5)
        return {}

    def finish(self) -> None:
        precise = torch.float32 if self.mean.device.type == "mps" else torch.float64
        sums = {name: value.to(precise) for name, value in self.sketch.sums.items()}
        count = sums["n"].clamp_min(1)
        mean, omega = sums["x"] / count, sums["omega"]
        cross = sums["xx"] / count - torch.outer(mean, mean @ omega)  # C omega
        total = (sums["square"] / count - mean.square().sum()).clamp_min(1e-8)  # trace of C
        shift = 1e-7 * torch.linalg.matrix_norm(cross)
        shifted = cross + shift * omega
        gram = omega.T @ shifted
        gram = (gram + gram.T) / 2
        gram.diagonal().add_(1e-9 * gram.diagonal().mean())
        factor = torch.linalg.cholesky(gram)
        root = torch.linalg.solve_triangular(factor, shifted.T, upper=False).T  # C = root rootT, Nystrom's approximation
        directions, spread, _ = torch.linalg.svd(root, full_matrices=False)
        kept = self.params.directions
        variance = (spread.square() - shift).clamp_min(0)[:kept]
        noise = ((total - variance.sum()) / max(1, len(mean) - kept)).clamp_min(1e-6)
        self.mean, self.noise = (mean + 0.5).float(), (noise * self.params.noise).float()
        self.weight = (directions[:, :kept] * (variance - noise).clamp_min(0).sqrt()).float().contiguous()
        self.sketch = Sketch(1, 1)

    def inpaint(self, seen: Tensor, hole: Tensor, seed: Tensor) -> Tensor:
        known = (~hole).expand_as(seen).flatten(1).to(seen.dtype)  # [N, d]
        away = (seen.flatten(1) - self.mean) * known
        identity = self.noise * torch.eye(self.weight.shape[1], device=seen.device)
        guess = torch.empty_like(away)
        for place in range(len(seen)):  # each image has its own hole, and so its own system
            w = self.weight * known[place, :, None]
            z = torch.linalg.solve(w.T @ w + identity, w.T @ away[place])
            guess[place] = self.mean + self.weight @ z
        return guess.clamp(0, 1).view_as(seen)


@hookimpl
def inbench_methods() -> list[type[Method]]:
    return [Ppca]
