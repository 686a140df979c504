"""Averaging: an exponential moving average of what a method learns, which answers in place of the last step's weights."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn


class Averages:
    """The average of every parameter that learns and of batch norms' running statistics; of nothing where ema is 0.

    Step t weighs 1 - min(ema, (1 + t) / (10 + t)), so that a short training does not answer with its random start. Sums that
    a closed form keeps are no parameters, and stay as they are.
    """

    def __init__(self, method: nn.Module, ema: float) -> None:
        self.ema, self.count = ema, 0
        self.own = _averaged(method) if ema else []
        self.held = [tensor.detach().clone() for tensor in self.own]

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

    def state_dict(self) -> dict[str, Any]:
        return {"count": self.count, "held": self.held}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Raises `ValueError` where the state is of another method."""
        for held, value in zip(self.held, state["held"], strict=True):
            held.copy_(value)
        self.count = state["count"]


def _averaged(method: nn.Module) -> list[Tensor]:
    learned = [parameter for parameter in method.parameters() if parameter.requires_grad]
    norms = [module for module in method.modules() if isinstance(module, nn.modules.batchnorm._NormBase)]
    return learned + [held for norm in norms for held in (norm.running_mean, norm.running_var) if held is not None]
