"""Averaging: what answers in place of the last step's weights: an exponential average of them, or those of the best look."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn


class Averages:
    """The average of every parameter that learns and of batch norms' running statistics; of nothing where ema is 0.

    Step t weighs 1 - min(ema, (1 + t) / (10 + t)), so that a short training does not answer with its random start. Sums that
    a closed form keeps are no parameters, and stay as they are. best: the weights of the best look at validation answer in the
    end, averages of them where there are some.
    """

    def __init__(self, method: nn.Module, ema: float, *, best: bool = False) -> None:
        self.method, self.ema, self.count = method, ema, 0
        self.own = _averaged(method) if ema else []
        self.held = [tensor.detach().clone() for tensor in self.own]
        self.best: dict[str, Tensor] | None = {} if best else None
        self.psnr = -math.inf

    def update(self) -> None:
        """After each step."""
        self.count += 1
        if self.own:
            with torch.no_grad():
                torch._foreach_lerp_(self.held, self.own, 1 - min(self.ema, (1 + self.count) / (10 + self.count)))

    def exchange(self) -> None:
        """The method gets the averages and its own values are held here, or the other way round."""
        with torch.no_grad():
            for own, held in zip(self.own, self.held, strict=True):
                before = own.clone()
                own.copy_(held)
                held.copy_(before)

    @contextlib.contextmanager
    def answering(self) -> Iterator[None]:
        """The method answers by the averages."""
        self.exchange()
        try:
            yield
        finally:
            self.exchange()

    def look(self, psnr: float) -> None:
        """What answers now came to so much; the first of equals is kept."""
        if self.best is not None and psnr > self.psnr:
            self.best, self.psnr = {name: value.detach().clone() for name, value in self.method.state_dict().items()}, psnr

    def settle(self) -> None:
        """After the last step: the method gets what is to answer."""
        if self.best:
            self.method.load_state_dict(self.best)
        else:
            self.exchange()

    def state_dict(self) -> dict[str, Any]:
        chosen = {"best": self.best, "psnr": self.psnr} if self.best else {}
        return {"count": self.count, "held": self.held, **chosen}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Raises `ValueError` where the state is of another method."""
        for held, value in zip(self.held, state["held"], strict=True):
            held.copy_(value)
        self.count = state["count"]
        if self.best is not None:
            self.best, self.psnr = state.get("best", {}), state.get("psnr", -math.inf)


def _averaged(method: nn.Module) -> list[Tensor]:
    learned = [parameter for parameter in method.parameters() if parameter.requires_grad]
    norms = [module for module in method.modules() if isinstance(module, nn.modules.batchnorm._NormBase)]
    return learned + [held for norm in norms for held in (norm.running_mean, norm.running_var) if held is not None]
