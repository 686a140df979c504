"""What a metric promises: a number for each image, better in the direction and in the region that it says."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from inbench.acts import contract, training
from inbench.acts.checks_of_plugins import is_ready
from inbench.acts.trials import CPU, center, clouds
from inbench.joints.batches import to_image
from inbench.words import seeds
from inbench.words.metric import Metric, SetMetric

METRICS = contract.Promises(where=lambda cls: is_ready(cls) and not issubclass(cls, SetMetric), about="per_image")
SIDE, COUNT = 32, 4
SAID = {"better": ("higher", "lower", "zero"), "region": ("hole", "known", "whole"), "reduce": ("mean", "psnr")}


def measurable(noise: float = 0.1) -> tuple[Tensor, Tensor, Tensor]:
    """A raw guess, off by some noise everywhere, the image and the hole, as scoring hands them to a metric."""
    part = clouds(SIDE, COUNT, 3)
    image = to_image(part.images, CPU).double()
    draws = seeds.unit(np.arange(COUNT, dtype=np.uint64), 3 * SIDE * SIDE)
    off = torch.from_numpy(draws).view(COUNT, 3, SIDE, SIDE) - 0.5
    raw = (image + noise * off).clamp(0, 1).mul(255).round() / 255
    return raw, image, torch.from_numpy(center(SIDE).draw(part.ids, SIDE))


def columns(cls: type[Metric], raw: Tensor, image: Tensor, hole: Tensor) -> Mapping[str, Tensor]:
    return cls(cls.Params()).per_image(raw, torch.where(hole, raw, image), image, hole)


def values(cls: type[Metric], raw: Tensor, image: Tensor, hole: Tensor) -> Tensor:
    return columns(cls, raw, image, hole)[cls.column or cls.name]


def worse(cls: type[Metric], one: Tensor, other: Tensor) -> Tensor:
    """By how much one is worse than the other; psnr reduces squared errors, of which less is better."""
    if cls.better == "zero":
        return one.abs() - other.abs()
    return one - other if cls.better == "lower" or cls.reduce == "psnr" else other - one


@METRICS(
    "it says which way is good, where it looks and how it reduces",
    "write `better = 'lower'`, `region = 'hole'`, `reduce = 'mean'`",
)
def says_how_to_read_it(cls: type[Metric]) -> str:
    wrong = [f"{word} = {getattr(cls, word)!r}" for word, choices in SAID.items() if getattr(cls, word) not in choices]
    return wrong[0] if wrong else ""


@METRICS("each column is float64 [N] and finite, its own among them", "reduce over (1, 2, 3), and return `{self.name: values}`")
def scores_each_image(cls: type[Metric]) -> str:
    found = columns(cls, *measurable())
    if not isinstance(found, Mapping):
        return f"per_image answered {type(found).__name__}"
    for name, column in found.items():
        if column.shape != (COUNT,) or column.dtype != torch.float64 or not column.isfinite().all():
            return f"{name} is {column.dtype} {list(column.shape)}, {column.tolist()}"
    return "" if (cls.column or cls.name) in found else f"the columns are {', '.join(found)}"


@METRICS("pictures and holes come back as they were given", "use out-of-place operations")
def writes_into_nothing(cls: type[Metric]) -> str:
    given = measurable()
    columns(cls, *given)
    return "" if all(map(torch.equal, given, measurable())) else "per_image changed its input"


@METRICS("the same pictures give the same numbers", "no chance in a metric")
def repeats(cls: type[Metric]) -> str:
    training.seed_everything(1)
    one = values(cls, *measurable())
    training.seed_everything(2)
    return "" if torch.equal(one, values(cls, *measurable())) else "two measurements differ"


@METRICS("an image scores alone as in company", "no mean over the batch")
def scores_alone_as_in_company(cls: type[Metric]) -> str:
    given = measurable()
    alone = torch.cat([values(cls, *(value[place : place + 1] for value in given)) for place in range(COUNT)])
    return "" if torch.allclose(values(cls, *given), alone, rtol=1e-9, atol=1e-12) else "alone the numbers differ"


@METRICS("a worse guess scores worse, in the direction of `better`", "turn `better` round", about="better")
def worse_is_worse(cls: type[Metric]) -> str:
    change = worse(cls, values(cls, *measurable(0.4)), values(cls, *measurable(0.1)))
    return "" if (change > 0).all() else f"{cls.better} is better, and four times the noise makes it better: {change.tolist()}"


@METRICS(
    "no guess scores better than the image itself, and that score is finite", "a floor where an error of 0 has no logarithm"
)
def perfect_is_best(cls: type[Metric]) -> str:
    raw, image, hole = measurable()
    perfect = values(cls, image, image, hole)
    if not perfect.isfinite().all():
        return f"the image itself scores {perfect.tolist()}"
    gain = worse(cls, perfect, values(cls, raw, image, hole))
    return f"the image itself scores worse than a noisy one, by {gain.tolist()}" if (gain > 1e-12).any() else ""


@METRICS("only its region counts", "weigh by `hole` or `~hole`, or say `region = 'whole'`", about="region")
def looks_where_it_says(cls: type[Metric]) -> str:
    raw, image, hole = measurable()
    elsewhere = {"hole": ~hole, "known": hole, "whole": torch.zeros_like(hole)}[cls.region]
    other = values(cls, torch.where(elsewhere, 1 - raw, raw), image, hole)
    return "" if torch.equal(values(cls, raw, image, hole), other) else f"a change outside the {cls.region} counts"


@METRICS(
    "any hole is measured: nothing and everything missing; no value (NaN) where there is nothing to look at",
    "divide by `clamp_min(1)`, or return NaN there",
)
def measures_any_hole(cls: type[Metric]) -> str:
    raw, image, hole = measurable()
    for name, full in (("nothing", False), ("everything", True)):
        found = values(cls, raw, image, torch.full_like(hole, full))
        if found.shape != (COUNT,) or found.isinf().any():
            return f"with {name} missing, the values are {found.tolist()}"
    return ""
