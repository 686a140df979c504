"""What every method may spend alike: steps, batch, images. A budget never changes a network."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Literal

from inbench.words import brackets, params
from inbench.words.errors import UserError, unknown
from inbench.words.params import param


@dataclass(frozen=True)
class _Spending:
    """The options of a budget, as in `paper[steps=2000,test_images=128]`."""

    steps: int | None = param(None, "visits to the optimizers; none: by epochs", low=1)
    epochs: float | None = param(None, "passes over the training pictures, where steps is none", low=0.001)
    batch: int = param(64, "images a step", low=1)
    test_images: int | None = param(None, "test images scored; none: all", low=1)
    augmentation: Literal["none", "flip"] = param("none", "flip: half of the training pictures left-right, at random")
    ema: float = param(0.0, "decay of the average of weights that answers; 0: the last ones do", low=0, high=0.99999)
    checkpoint: Literal["last", "best"] = param(
        "last", "whose weights answer: of the last step, or of the best look at validation"
    )
    val_images: int = param(256, "validation images watched during a training", low=1)
    val_times: int = param(20, "times that they are watched, evenly; the last fifth tells whether it converged", low=5)


@dataclass(frozen=True)
class Budget(_Spending):
    """A named spending, resolved. shown: without what only watches, for that changes no number unless it chooses."""

    name: str = "paper"
    shown: str = "paper"

    @property
    def answers(self) -> str:
        """Whose weights answer, by all that it depends on: `last`, or `best of 20 looks at 256 images`."""
        return "last" if self.checkpoint == "last" else f"best of {self.val_times} looks at {self.val_images} images"

    def steps_for(self, images: int) -> int:
        """Optimizer steps on a training set of that many images."""
        if self.steps is not None:
            return self.steps
        return max(1, round((self.epochs or 0) * images / self.batch))


BUDGETS = {
    "smoke": _Spending(steps=5, batch=8, test_images=8, val_images=4, val_times=5),
    "quick": _Spending(steps=64, batch=16, test_images=100, val_images=8, val_times=5),
    "paper": _Spending(epochs=50, batch=64),
}
ABOUT = {
    "smoke": "a few steps, for tests; ranks nothing",
    "quick": "a first look, in minutes; ranks nothing",
    "paper": "for results",
}


def described(text: str) -> list[tuple[str, str, str]]:
    """Every option of a budget as it was written: its name, its value in words, and what it does."""
    values = params.values_of(read(text))
    found = params.described(_Spending)
    return [(name, brackets.value_text(values[name]), str(told.get("about", ""))) for name, _, told in found]


def read(text: str) -> Budget:
    """A budget from its bracket form, such as `quick` or `paper[steps=2000]`."""
    named = brackets.parse(text)
    if named.name not in BUDGETS:
        raise unknown("budget", named.name, BUDGETS)
    base = params.values_of(BUDGETS[named.name])
    spending = params.resolve(_Spending, {**base, **named.options}, whose=f"budget {named.name}")
    if "epochs" in named.options and "steps" not in named.options:
        spending = params.resolve(_Spending, {**params.values_of(spending), "steps": None}, whose="budget")
    if spending.steps is None and spending.epochs is None:
        raise UserError(f"budget {text!r} has neither steps nor epochs; write {named.name}[steps=1000]")
    watching = {} if spending.checkpoint == "best" else {name: base[name] for name in ("val_images", "val_times")}
    shown = params.shown(named.name, dataclasses.replace(spending, **watching), settled=base)
    return Budget(**params.values_of(spending), name=named.name, shown=shown)  # type: ignore[arg-type]


def of_training(shown: str) -> str:
    """A budget without its number of test images, on which no training depends; a label that is no budget as it is."""
    try:
        named = brackets.parse(shown)
    except UserError:
        return shown
    return brackets.write(named.name, {name: value for name, value in named.options.items() if name != "test_images"})
