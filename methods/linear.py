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


class Pile:
    """Pictures [n, 3 * S * S], kept as they come."""

    def __init__(self) -> None:
        self.pixels = torch.zeros(0, 0)

    def add(self, pixels: Tensor) -> None:
        self.pixels = torch.cat([self.pixels, pixels]) if len(self.pixels) else pixels

    def state_dict(self) -> dict[str, Tensor]:
        return {"pixels": self.pixels}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        self.pixels = state["pixels"]


class Moments:
    """Pixel products of the pictures, summed up: all that ridge needs where pictures outnumber known pixels."""

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


class Primal:
    """W = (n Cxx + strength I)^-1 n Cxy, from sums: a system of as many equations as there are known pixels."""

    def __init__(self, moments: Moments) -> None:
        self.sums = moments.sums
        self.mean_x, self.mean_y = self.sums["x"] / self.sums["n"], self.sums["y"] / self.sums["n"]

    def weight(self, strength: float, columns: slice) -> Tensor:
        """W for some missing pixels: [k, m]."""
        covariance = self.sums["xx"].addr(self.mean_x, self.sums["x"], alpha=-1)  # n * Cxx
        covariance.diagonal().add_(strength)
        factor = torch.linalg.cholesky(covariance, out=covariance)
        cross = self.sums["xy"][:, columns].addr(self.mean_x, self.sums["y"][columns], alpha=-1)
        return torch.cholesky_solve(cross, factor)


class Dual:
    """The same W = XT (X XT + strength I)^-1 Y, from the pictures themselves: as many equations as there are pictures."""

    def __init__(self, known: Tensor, missing: Tensor) -> None:
        self.mean_x, self.mean_y = known.mean(0), missing.mean(0)
        self.x, self.y = known - self.mean_x, missing - self.mean_y  # [n, k], [n, m]
        self.gram = self.x @ self.x.T

    def weight(self, strength: float, columns: slice) -> Tensor:
        """W for some missing pixels: [k, m]."""
        gram = self.gram.clone()
        gram.diagonal().add_(strength)
        factor = torch.linalg.cholesky(gram, out=gram)
        return self.x.T @ torch.cholesky_solve(self.y[:, columns], factor)


class Linear(Method):
    """y = mean(y) + WT (x - mean(x)), ridge; its strength is the best on a held-out twentieth."""

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
        self.pictures, self.held_out, self.moments = Pile(), Pile(), Moments()

    def step(self, image: Tensor, hole: Tensor) -> Mapping[str, Tensor]:
        if not len(self.hole):
            self.hole = hole[0].flatten()
        if not torch.equal(hole.flatten(1), self.hole.expand(len(hole), -1)):
            raise Unavailable("linear learns one fixed hole: train it with --mask center or, say, --mask 'half[part=left]'")
        pixels = image.flatten(1) - 0.5  # around 0: sums in float32 keep their digits
        twentieth = torch.arange(len(pixels), device=pixels.device) % 20 == 19
        self.pictures.add(pixels[~twentieth])
        self.held_out.add(pixels[twentieth])
        if self.moments.sums or len(self.pictures.pixels) > 2 * int((~self.hole).sum()):  # two thirds of the known values
            self.sum_up(self.pictures)
        return {}

    def sum_up(self, pile: Pile) -> None:
        """There are so many pictures that from here on their sums are the cheaper system."""
        if len(pile.pixels):
            self.moments.add(*self.cut(pile.pixels))
            pile.pixels = pile.pixels[:0]

    def cut(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """[n, 3 * S * S] -> known [n, k], missing [n, m]."""
        missing = self.hole.repeat(3)
        return pixels[:, ~missing], pixels[:, missing]

    def finish(self) -> None:
        held_out = self.held_out.pixels
        strength = self.best_strength(*self.cut(held_out)) if len(held_out) else self.params.weakest
        if self.moments.sums:
            self.sum_up(self.held_out)
        else:
            self.pictures.add(held_out)
        ridge, missing = self.ridge(), self.hole.repeat(3)
        self.mean[~missing], self.mean[missing] = ridge.mean_x + 0.5, ridge.mean_y + 0.5
        self.weight = ridge.weight(strength, slice(None))
        self.pictures, self.held_out, self.moments = Pile(), Pile(), Moments()

    def ridge(self) -> Primal | Dual:
        """Whichever system is the cheaper one."""
        return Primal(self.moments) if self.moments.sums else Dual(*self.cut(self.pictures.pixels))

    def best_strength(self, known: Tensor, missing: Tensor) -> float:
        """Uphill and downhill from the middle choice while the held-out error falls: it has one valley."""
        choices = [self.params.weakest * 4.0**power for power in range(self.params.choices)]
        ridge, errors = self.ridge(), dict[int, Tensor]()
        best = len(choices) // 2
        for place in [*range(best, len(choices)), *range(best - 1, -1, -1)]:
            if abs(place - best) > 1:
                continue  # beyond a strength that was already worse
            errors[place] = error_at(choices[place], ridge, known, missing)
            best = min(errors, key=lambda tried: errors[tried])
        return choices[best]

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


def error_at(strength: float, ridge: Primal | Dual, known: Tensor, missing: Tensor) -> Tensor:
    """Mean squared error on held-out pictures at every eighth missing pixel: enough to rank strengths."""
    some = slice(None, None, 8)
    guess = ridge.mean_y[some] + (known - ridge.mean_x) @ ridge.weight(strength, some)
    return (guess.clamp(-0.5, 0.5) - missing[:, some]).square().mean()


@hookimpl
def inbench_methods() -> list[type[Method]]:
    return [Linear]
