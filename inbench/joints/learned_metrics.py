"""Metrics that see with a network which somebody trained: a TorchScript file by path and SHA-256; nothing is fetched."""

from __future__ import annotations

import dataclasses
import io
import warnings
from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor

from inbench.joints.files import known_file
from inbench.joints.hookspecs import hookimpl
from inbench.words.errors import Unavailable, UserError
from inbench.words.metric import Metric, Pairs, SetMetric
from inbench.words.params import required


@dataclasses.dataclass(frozen=True)
class Weights:
    weights: str = required("the TorchScript file; where it lies is in no record", local=True)
    sha256: str = required("its SHA-256, or the first 12 digits or more of it")


class Network:
    """A TorchScript network of `known_file`, called with a keyword that asks it for features."""

    def __init__(self, whose: str, params: Weights, keywords: Mapping[str, bool]) -> None:
        self.whose, self.path, self.keywords = whose, params.weights, dict(keywords)
        data = known_file(params.weights, params.sha256)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", ".*torch.jit", DeprecationWarning)
            try:
                self.net = torch.jit.load(io.BytesIO(data), map_location="cpu").eval()
            except RuntimeError as error:
                raise UserError(f"{self.path} is no TorchScript file: {str(error).splitlines()[0]}") from error

    def features(self, pictures: Tensor) -> Tensor:
        """[N, 3, S, S] from 0 to 255 -> [N, d] float64."""
        try:
            with torch.no_grad():
                found = self.net(pictures, **self.keywords)
        except RuntimeError as error:
            asked = ", ".join(f"{name}={value}" for name, value in self.keywords.items())
            told = str(error).strip().splitlines()[-1]
            raise UserError(
                f"the network in {self.path} cannot be called as {self.whose} needs it, (pictures, {asked}): {told}"
            ) from error
        if not isinstance(found, Tensor) or found.dim() != 2 or len(found) != len(pictures):
            raise UserError(
                f"the network in {self.path} does not answer a row of features for each picture, as {self.whose} needs"
            )
        return found.double()


def label_of(name: str, params: Weights) -> str:
    """Numbers of two networks are two columns, and never compared."""
    return f"{name}-{params.sha256[:8].lower()}"


class Lpips(Metric):
    name = "lpips"
    better = "lower"
    region = "whole"
    about = "learned perceptual distance of the completed image: squared differences of a network's weighted features, summed"
    source = (
        "Zhang et al. 2018; the network as in StyleGAN2-ADA's vgg16.pt, net(pictures, resize_images=False, return_lpips=True)"
    )
    Params = Weights

    def __init__(self, params: Weights) -> None:
        super().__init__(params)
        self.network = Network(self.name, params, {"resize_images": False, "return_lpips": True})

    @property
    def label(self) -> str:
        return label_of(self.name, self.params)

    def per_image(self, guess: Tensor, completed: Tensor, image: Tensor, hole: Tensor) -> Mapping[str, Tensor]:
        ours, theirs = (self.network.features((255 * value).round().float().cpu()) for value in (completed, image))
        return {self.label: (ours - theirs).square().sum(1)}


class OfFeatures(SetMetric):
    """A distance between the features of all completed pictures and those of all originals, computed by torchmetrics."""

    better = "lower"
    Params = Weights

    def __init__(self, params: Weights) -> None:
        super().__init__(params)
        try:
            import torchmetrics  # noqa: F401
        except ImportError as error:
            raise Unavailable(
                f"{self.name} is computed by torchmetrics, which is not installed: pip install 'inbench[perceptual]'"
            ) from error
        self.network = Network(self.name, params, {"return_features": True})

    @property
    def label(self) -> str:
        return label_of(self.name, self.params)

    def of_set(self, pairs: Pairs) -> float:
        read = [[self.network.features(pictures) for pictures in pair] for pair in pairs]
        ours, theirs = (torch.cat(side) for side in zip(*read, strict=True))
        self.check(*ours.shape)
        return self.distance(ours, theirs)

    def check(self, images: int, features: int) -> None:
        """Raises `UserError` where the number would be more about how few pictures there are than about the pictures."""
        raise NotImplementedError

    def distance(self, ours: Tensor, theirs: Tensor) -> float:
        raise NotImplementedError


class Given(torch.nn.Module):
    """In place of torchmetrics' own network: features that are there already."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.num_features = features

    def forward(self, features: Tensor) -> Tensor:
        return features


def measured(metric: Any, ours: Tensor, theirs: Tensor) -> Any:
    metric.set_dtype(torch.float64)
    metric.update(theirs, real=True)
    metric.update(ours, real=False)
    return metric.compute()


class Fid(OfFeatures):
    name = "fid"
    about = "Fréchet distance between the features of the completed pictures and of the originals"
    source = "Heusel et al. 2017, by torchmetrics; the network as inception-2015-12-05.pt, net(pictures, return_features=True)"

    def check(self, images: int, features: int) -> None:
        if images <= features:
            raise UserError(
                f"fid needs more pictures than its network has features, {features}, and there are {images}; kid needs fewer"
            )

    def distance(self, ours: Tensor, theirs: Tensor) -> float:
        from torchmetrics.image.fid import FrechetInceptionDistance

        return float(measured(FrechetInceptionDistance(feature=Given(ours.shape[1])), ours, theirs))


class Kid(OfFeatures):
    name = "kid"
    about = "squared maximum mean discrepancy of those features: cubic kernel, unbiased, over all pictures at once"
    source = "Bińkowski et al. 2018, by torchmetrics; the network as for fid"
    least = 100

    def check(self, images: int, features: int) -> None:
        if images < self.least:
            raise UserError(f"kid needs {self.least} pictures, and there are {images}")

    def distance(self, ours: Tensor, theirs: Tensor) -> float:
        from torchmetrics.image.kid import KernelInceptionDistance

        with warnings.catch_warnings(), torch.random.fork_rng(devices=[]):  # it shuffles, to no effect where all are taken
            warnings.filterwarnings("ignore", "Metric .* will save all extracted features", UserWarning)
            metric = KernelInceptionDistance(feature=Given(ours.shape[1]), subsets=1, subset_size=len(ours))
            return float(measured(metric, ours, theirs)[0])


@hookimpl
def inbench_metrics() -> Iterable[type[Metric]]:
    return [Lpips, Fid, Kid]
