"""linear: ridge regression from the known pixels to the missing ones; a learner below it is not trained enough."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from inbench import Method, Unavailable, hookimpl, param


@dataclasses.dataclass(frozen=True)
class LinearParams:
    weakest: float = param(1.0, "weakest ridge there is to choose from, in squared pixels summed over pictures", low=1e-6)
    choices: int = param(7, "strengths to choose from, each four times the one before", low=1)


class Moments:
    """What the pass has summed up: pixel products of the pictures to fit on, and the held-out pictures as they are."""

    def __init__(self) -> None:
        self.sums: dict[str, Tensor] = {}

    def add(self, known: Tensor, missing: Tensor) -> None:
        """Sums of x, y, x xT and x yT over a batch: x = known [n, k], y = missing [n, m], both around 0."""
        if not self.sums:
            wide, tall = known.shape[1], missing.shape[1]
            shapes = {"x": (wide,), "y": (tall,), "xx": (wide, wide), "xy": (wide, tall), "n": ()}
            self.sums = {name: known.new_zeros(shape) for name, shape in shapes.items()}
        self.sums["n"] += len(known)
        self.sums["x"] += known.sum(0)
        self.sums["y"] += missing.sum(0)
        self.sums["xx"].addmm_(known.T, known)
        self.sums["xy"].addmm_(known.T, missing)

    def state_dict(self) -> dict[str, Tensor]:
        return self.sums

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        self.sums = dict(state)


class Linear(Method):
    """y = mean(y) + W (x - mean(x)), W = (Cxx + strength I)^-1 Cxy; the strength is the best on a held-out twentieth."""

    name = "linear"
    summary = "ridge regression from known to missing pixels, closed form"
    paper = "Hoerl and Kennard, Ridge Regression, Technometrics 1970"
    licence = "not applicable"
    one_pass = True
    sizes = (32, 64)
    Params = LinearParams
    small = LinearParams(choices=2)
    params: LinearParams
    hole: Tensor
    mean: Tensor
    weight: Tensor

    def __init__(self, size: int, params: LinearParams) -> None:
        super().__init__(size, params)
        self.register_buffer("hole", torch.zeros(0, dtype=torch.bool))  # [S * S], the one hole it has learned
        self.register_buffer("mean", torch.zeros(3 * size * size))  # the mean training picture
        self.register_buffer("weight", torch.zeros(0, 0))  # [known, missing]
        self.moments, self.held_out = Moments(), Pile()

    def step(self, image: Tensor, hole: Tensor) -> Mapping[str, Tensor]:
        if not len(self.hole):
            self.hole = hole[0].flatten()
        if not torch.equal(hole.flatten(1), self.hole.expand(len(hole), -1)):
            raise Unavailable("linear learns one fixed hole: train it with --mask center or, say, --mask 'half[part=left]'")
        pixels = image.flatten(1) - 0.5  # around 0: sums in float32 keep their digits
        twentieth = torch.arange(len(pixels), device=pixels.device) % 20 == 19
        self.moments.add(*self.cut(pixels[~twentieth]))
        self.held_out.add(pixels[twentieth])
        return {}

    def cut(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """[n, 3 * S * S] -> known [n, k], missing [n, m]."""
        missing = self.hole.repeat(3)
        return pixels[:, ~missing], pixels[:, missing]

    def finish(self) -> None:
        held_out = self.held_out.pixels
        strength = self.best_strength(*self.cut(held_out)) if len(held_out) else self.params.weakest
        if len(held_out):
            self.moments.add(*self.cut(held_out))
        sums = self.moments.sums
        self.mean[~self.hole.repeat(3)] = sums["x"] / sums["n"] + 0.5
        self.mean[self.hole.repeat(3)] = sums["y"] / sums["n"] + 0.5
        self.weight = self.solved(strength, slice(None))
        self.moments, self.held_out = Moments(), Pile()

    def best_strength(self, known: Tensor, missing: Tensor) -> float:
        """Uphill and downhill from the middle choice while the held-out error falls: it has one valley."""
        choices = [self.params.weakest * 4.0**power for power in range(self.params.choices)]
        errors: dict[int, Tensor] = {}
        best = len(choices) // 2
        for place in [*range(best, len(choices)), *range(best - 1, -1, -1)]:
            if abs(place - best) > 1:
                continue  # beyond a strength that was already worse
            errors[place] = self.error_at(choices[place], known, missing)
            best = min(errors, key=lambda tried: errors[tried])
        return choices[best]

    def error_at(self, strength: float, known: Tensor, missing: Tensor) -> Tensor:
        """Mean squared error on held-out pictures at every eighth missing pixel: enough to rank strengths."""
        sums, some = self.moments.sums, slice(None, None, 8)
        guess = sums["y"][some] / sums["n"] + (known - sums["x"] / sums["n"]) @ self.solved(strength, some)
        return (guess.clamp(-0.5, 0.5) - missing[:, some]).square().mean()

    def solved(self, strength: float, columns: slice) -> Tensor:
        """W for some missing pixels: [k, m]."""
        sums = self.moments.sums
        mean_x = sums["x"] / sums["n"]
        covariance = sums["xx"].addr(mean_x, sums["x"], alpha=-1)  # n * Cxx
        covariance.diagonal().add_(strength)
        factor = torch.linalg.cholesky(covariance, out=covariance)
        return torch.cholesky_solve(sums["xy"][:, columns].addr(mean_x, sums["y"][columns], alpha=-1), factor)

    def inpaint(self, seen: Tensor, hole: Tensor, seed: Tensor) -> Tensor:
        mean = self.mean.view(1, 3, self.size, self.size)
        whole = torch.where(hole, mean, seen).flatten(1)  # what is missing elsewhere gets the training mean
        known, _ = self.cut(whole - self.mean)
        learned = self.hole.repeat(3)
        whole[:, learned] = (self.mean[learned] + known @ self.weight).clamp(0, 1)
        return whole.view_as(seen)

    def _load_from_state_dict(self, state: dict[str, Any], prefix: str, *rest: Any) -> None:
        for name in ("hole", "weight"):  # their shapes are learned
            setattr(self, name, torch.empty_like(state[prefix + name]))
        super()._load_from_state_dict(state, prefix, *rest)


class Pile:
    """Held-out pictures [n, 3 * S * S], kept as they come."""

    def __init__(self) -> None:
        self.pixels = torch.zeros(0, 0)

    def add(self, pixels: Tensor) -> None:
        self.pixels = torch.cat([self.pixels, pixels]) if len(self.pixels) else pixels

    def state_dict(self) -> dict[str, Tensor]:
        return {"pixels": self.pixels}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        self.pixels = state["pixels"]


@hookimpl
def inbench_methods() -> list[type[Method]]:
    return [Linear]
