"""nearest: the training picture that is nearest on the known pixels lends its hole; what memory alone can do."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from inbench import Method, hookimpl, param


@dataclasses.dataclass(frozen=True)
class NearestParams:
    keep: int = param(10_000, "training pictures kept in memory, the first of the pass", low=1)


class Nearest(Method):
    """Squared distance over the known pixels, |a|^2 - 2 ab + |b|^2, as one matrix product for each batch."""

    name = "nearest"
    summary = "the hole of the training picture that is nearest on the known pixels"
    paper = "Hays and Efros, Scene Completion Using Millions of Photographs, SIGGRAPH 2007, at its simplest"
    licence = "not applicable"
    one_pass = True
    Params = NearestParams
    small = NearestParams(keep=32)
    params: NearestParams
    kept: Tensor

    def __init__(self, size: int, params: NearestParams) -> None:
        super().__init__(size, params)
        self.register_buffer("kept", torch.zeros(0, 3, size, size, dtype=torch.uint8))  # [n, 3, S, S]

    def step(self, image: Tensor, hole: Tensor) -> Mapping[str, Tensor]:
        room = self.params.keep - len(self.kept)
        if room > 0:
            self.kept = torch.cat([self.kept, (image[:room] * 255).round().to(torch.uint8)])
        return {}

    def inpaint(self, seen: Tensor, hole: Tensor, seed: Tensor) -> Tensor:
        known = (~hole).to(seen.dtype).expand_as(seen).flatten(1)  # [N, 3 * S * S]
        wanted = (seen - 0.5).flatten(1) * known
        best = seen.new_full((len(seen),), torch.inf)
        place = torch.zeros(len(seen), dtype=torch.int64, device=seen.device)
        for start in range(0, len(self.kept), 1024):
            some = self.kept[start : start + 1024].flatten(1).to(seen.dtype) / 255 - 0.5  # [n, 3 * S * S]
            away, which = (known @ some.square().T - 2 * wanted @ some.T).min(dim=1)
            nearer = away < best
            best, place = away.where(nearer, best), (which + start).where(nearer, place)
        lent = self.kept[place].to(seen.dtype) / 255 if len(self.kept) else seen
        return torch.where(hole, lent, seen)

    def _load_from_state_dict(self, state: dict[str, Any], prefix: str, *rest: Any) -> None:
        self.kept = torch.empty_like(state[prefix + "kept"])  # its length is learned
        super()._load_from_state_dict(state, prefix, *rest)


@hookimpl
def inbench_methods() -> list[type[Method]]:
    return [Nearest]
