"""What a method promises of its answers: what they are, and what they may depend on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from inbench.acts import contract, scoring, training
from inbench.acts.checks_of_plugins import is_ready
from inbench.acts.contract import Broken
from inbench.acts.trials import CPU, build, center, clouds, difference, guess, lesson, questions, side, state_of, trained
from inbench.joints import registry
from inbench.joints.batches import to_image
from inbench.joints.device import autocast_forwards
from inbench.joints.masks import Random80
from inbench.joints.store import Part
from inbench.words.method import Method

CLOSE = 1e-4
ANSWERS = contract.Promises(where=is_ready, about="inpaint")
DEVICES = contract.Promises(where=is_ready, about="inpaint")


@ANSWERS(
    "a guess is [N, 3, S, S], float, finite, in [0, 1], on the device",
    "out of range: `(y + 1) / 2`; NaN: a division by 0, a root, a logarithm",
)
def guess_is_a_picture(cls: type[Method]) -> str:
    return about_guess(trained(cls), *questions(side(cls)))


def about_guess(built: Method, seen: Tensor, hole: Tensor, seed: Tensor) -> str:
    """What is wrong with an answer."""
    try:
        scoring.answer(built, seen, hole, seed)
    except scoring.WrongAnswer as wrong:
        return str(wrong)
    return ""


@ANSWERS(
    "it answers at each of its `sizes`", "let layers follow self.size, or name fewer sizes", where=lambda cls: not cls.one_pass
)
def answers_at_its_sizes(cls: type[Method]) -> str:
    for size in cls.sizes:
        seen, hole, seed = questions(size, 1)
        small = torch.zeros_like(hole)  # there are methods that look at the whole image for each missing pixel
        small[..., 4:12, 4:12] = True
        if size != side(cls) and (wrong := about_guess(build(cls, size=size).eval(), seen.masked_fill(small, 0), small, seed)):
            return f"at size {size}, {wrong}"
    return ""


@ANSWERS("what it is asked comes back as it was given", "write `seen.masked_fill(hole, 0.5)`, not `masked_fill_`")
def inpaint_writes_into_nothing(cls: type[Method]) -> str:
    given = questions(side(cls))
    before = [value.clone() for value in given]
    guess(trained(cls), *given)
    named = zip(("seen", "hole", "seed"), given, before, strict=True)
    written = [name for name, now, then in named if not now.equal(then)]
    return f"inpaint changed its {' and its '.join(written)}" if written else ""


@ANSWERS("an answer changes nothing that was learned", "no training in `inpaint`, and no statistics that follow the batch")
def answers_change_nothing(cls: type[Method]) -> str:
    built = trained(cls)
    before = state_of(built)
    guess(built, *questions(side(cls)))
    name = difference(before, built.state_dict())
    return f"inpaint changed {name}" if name else ""


@ANSWERS("any hole gets an answer: nothing, everything, one pixel, many", "mind empty sums and divisions by 0")
def fills_any_hole(cls: type[Method]) -> str:
    size = side(cls)
    part, seed = clouds(size, 4, 2), questions(size)[2]
    hole = torch.from_numpy(Random80(Random80.Params()).draw(part.ids, size))
    hole[0], hole[1], hole[2] = False, True, False
    hole[2, 0, 0, 0] = True
    built, whole = trained(cls), to_image(part.images, CPU)
    for place, name in enumerate(("nothing missing", "everything missing", "one pixel missing", "scattered pixels missing")):
        one = slice(place, place + 1)
        if wrong := about_guess(built, whole[one].masked_fill(hole[one], 0), hole[one], seed[one]):
            return f"with {name}, {wrong}"
    return ""


@ANSWERS("one seed, one guess, whatever other generators say", "draw from `seed` only, with `inbench.uniform`")
def same_seed_same_guess(cls: type[Method]) -> str:
    built, asked = trained(cls), questions(side(cls))
    training.seed_everything(1)
    one = guess(built, *asked)
    training.seed_everything(2)
    off = (guess(built, *asked) - one).abs().max().item()
    return f"two guesses differ by {off:.2g}" if off else ""


@ANSWERS(
    "another seed gives another guess where `chance` is True, else the same", "set chance, or use the seed", about="chance"
)
def another_seed_as_told(cls: type[Method]) -> str:
    built, (seen, hole, seed) = trained(cls), questions(side(cls))
    same = torch.equal(guess(built, seen, hole, seed), guess(built, seen, hole, seed + 1))
    told = "the same" if same else "another"
    return f"chance = {cls.chance}, and another seed gives {told} guess" if same == cls.chance else ""


@ANSWERS("a guess does not depend on the rest of the batch or its order", "no sum or mean over the batch in `inpaint`")
def alone_as_in_company(cls: type[Method]) -> str:
    built, asked = trained(cls), questions(side(cls))
    together = guess(built, *asked)
    alone = torch.cat([guess(built, *(value[place : place + 1] for value in asked)) for place in range(len(together))])
    turned = guess(built, *(value.flip(0) for value in asked)).flip(0)
    for how, other in (("alone", alone), ("in another order", turned)):
        if (off := (together - other).abs().max().item()) > CLOSE:
            return f"{how} it differs by {off:.2g}"
    return ""


@ANSWERS("the truth under the hole plays no part in a guess", "look at `seen` and `hole` only")
def never_sees_the_truth(cls: type[Method]) -> str:
    built, size = trained(cls), side(cls)
    part, rule = clouds(size, 4, 2), center(size)
    other = np.where(rule.draw(part.ids, size)[:, 0, :, :, None], 255 - part.images, part.images)
    one, two = (
        scoring.score(built, Part(images, part.ids, None), rule, [], count=None, device=CPU, beat=lambda *_: None)
        for images in (part.images, other)
    )
    return "" if np.array_equal(one.guesses, two.guesses) else "another truth, another guess"


@ANSWERS(
    "its networks may answer in bfloat16",
    "no dtype by name inside a network",
    where=lambda cls: cls.learns(),
)
def answers_in_bfloat16(cls: type[Method]) -> str:
    built = trained(cls)
    autocast_forwards(built, "cpu", "bf16")
    return about_guess(built, *questions(side(cls)))


# Devices: a GPU where there is one, else torch's meta device, on which nothing is computed and nothing of the CPU is taken


@DEVICES("it moves to a device as a whole: no tensor stays behind", "`self.register_buffer('name', tensor)`", about="__init__")
def no_tensor_stays_behind(cls: type[Method]) -> str:
    built = build(cls)
    if not can_move(built):
        return ""
    built.to(another_device())
    left = [name for name, tensor in loose_tensors(built) if tensor.device.type == "cpu"]
    return f"{left[0]} stays on the CPU when the method moves to another device" if left else ""


@DEVICES("what it makes on the way is made on the device of its input", "write `torch.zeros(..., device=image.device)`")
def works_on_another_device(cls: type[Method]) -> str:
    device, built = another_device(), build(cls)
    if not can_move(built):
        return ""
    built.to(device)
    image, hole, seed = (value.to(device) for value in (*lesson(side(cls)), questions(side(cls), 8)[2]))
    if cls.learns():
        on_device("step", cls, lambda: built.train().step(image, hole))
    on_device("inpaint", cls, lambda: guess(built, image.masked_fill(hole, 0), hole, seed))
    return ""


def another_device() -> str:
    return "cuda" if torch.cuda.is_available() else "meta"


def can_move(built: Method) -> bool:
    """TorchScript has no form on the meta device: what holds some is seen on a GPU only."""
    return another_device() != "meta" or not any(isinstance(module, torch.jit.ScriptModule) for module in built.modules())


def on_device(name: str, cls: type[Method], act: Any) -> None:
    """Raises where tensors of two devices meet. On the meta device whatever needs a value ends, which is no fault."""
    try:
        act()
    except Exception as error:
        text = " ".join(str(error).split())
        if another_device() == "cuda" or "on the expected device" in text or "on the same device" in text:
            where = registry.line_in(cls, error) or contract.place_of(cls, name)
            raise Broken(f"{name}, on the device {another_device()!r}: {text}", where) from error


def loose_tensors(built: Method) -> Iterator[tuple[str, Tensor]]:
    """Tensors in attributes that are neither parameters nor buffers; what has a state of its own moves itself."""
    for path, module in built.named_modules():
        for name, value in vars(module).items():
            if name not in ("_parameters", "_buffers", "_modules"):
                yield from tensors_in(f"{path}.{name}" if path else name, value)


def tensors_in(name: str, value: Any) -> Iterator[tuple[str, Tensor]]:
    if isinstance(value, Tensor):
        yield name, value
    elif isinstance(value, list | tuple):
        for place, one in enumerate(value):
            yield from tensors_in(f"{name}[{place}]", one)
    elif isinstance(value, dict):
        for key, one in value.items():
            yield from tensors_in(f"{name}[{key!r}]", one)
    elif isinstance(value, nn.Module):  # in a list or a dict, where torch does not find it
        yield from ((f"{name}.{key}", tensor) for key, tensor in value.state_dict().items())
